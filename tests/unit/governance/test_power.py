"""The formulas of the power calculation hold in simulation; the answer is in plain words."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest

from modelkeel.errors import BadInput
from modelkeel.governance.charter_check import check_charter
from modelkeel.governance.designs import DESIGNS, variance_of
from modelkeel.governance.power import power
from modelkeel.governance.power_plot import power_plot
from modelkeel.governance.spread import Spread, normal, spread_of
from modelkeel.governance.valuing.decisions import Decisions
from modelkeel.governance.valuing.effect import effect
from modelkeel.project import Project, load_project
from modelkeel.records.charter import Charter, Control, Design

TODAY = date(2026, 11, 24)
ROWS, RUNS, CONFIDENCE = 1200, 1500, 0.9
SHARE: dict[Design, float | None] = {
    "replay": None,
    "control_arm": 0.3,
    "disagreement": 0.4,
}


def world(rng: np.random.Generator, rows: int) -> tuple[np.ndarray, ...]:
    """What model and baseline would be paid on each case, where they differ, and what happens.

    The baseline approves everyone; the model declines where a noisy score is low.
    """
    score = rng.normal(size=rows)
    repaid = score + rng.normal(size=rows) > -0.6
    differs = score < -0.5
    baseline = np.where(repaid, 1.0, -2.0)
    return np.where(differs, 0.1, baseline), baseline, differs, repaid


def drawn(
    rng: np.random.Generator, design: Design, rows: int, *, uneven: bool = False
) -> Decisions:
    """Decisions made by a design."""
    model, baseline, differs, repaid = world(rng, rows)
    share = SHARE[design]
    arm, chance = None, np.ones(rows)
    if share is not None:
        planned = np.full(rows, share)
        if uneven:  # those that differ are more often left to the baseline
            planned = np.where(differs, 1.5 * share, 0.5 * share)
        arm = rng.random(rows) >= planned
        chance = np.where(arm, 1 - planned, planned)
    return Decisions(
        frame=pl.DataFrame(),
        time=np.zeros(rows, dtype="datetime64[us]"),
        outcome=repaid.astype(float),
        value=np.where(arm, model, baseline) if arm is not None else model,
        hangs=~differs if arm is None else ~(differs & arm),
        difference=model - baseline,
        difference_hangs=differs,
        differs=differs,
        action=None,
        model_action=None,
        model_arm=arm,
        drawn=np.full(rows, arm is not None),
        weight=1 / chance if uneven else np.ones(rows),
        weighted=uneven,
    )


@pytest.fixture(scope="module")
def truth() -> tuple[float, Spread]:
    """The true uplift, and the spread, of very many cases."""
    model, baseline, differs, _ = world(np.random.default_rng(0), 4_000_000)
    spread = Spread(
        difference=float((model - baseline).std()),
        model=float(model.std()),
        baseline=float(baseline.std()),
        differ=float(differs.mean()),
        inside_model=float(model[differs].std()),
        inside_baseline=float(baseline[differs].std()),
        known_model=1.0,
        known_baseline=1.0,
        known_inside=1.0,
        known_replayed=1.0,
        clustering=1.0,
        source="",
        measured=True,
    )
    return float((model - baseline).mean()), spread


@pytest.mark.parametrize("design", DESIGNS)
def test_half_width_and_coverage_of_each_design(
    design: Design, truth: tuple[float, Spread]
) -> None:
    uplift, spread = truth
    rng = np.random.default_rng(11)
    found = [effect(drawn(rng, design, ROWS), design, CONFIDENCE) for _ in range(RUNS)]
    values = np.array([each.value for each in found])
    low, high = (np.array([getattr(each, end) for each in found]) for end in ("low", "high"))
    variance = variance_of(spread, design, SHARE[design], uplift)
    assert variance is not None
    predicted = normal(CONFIDENCE) * math.sqrt(variance / ROWS)
    error = values.std() / math.sqrt(RUNS)
    assert abs(values.mean() - uplift) < 3.3 * error  # unbiased
    # the standard deviation of a standard deviation is about 1/sqrt(2 runs) of it
    assert values.std() * normal(CONFIDENCE) == pytest.approx(
        predicted, rel=3.3 / math.sqrt(2 * RUNS)
    )
    assert ((high - low) / 2).mean() == pytest.approx(predicted, rel=0.01)
    covered = float(((low <= uplift) & (uplift <= high)).mean())
    # the normal quantile may cost half a point at this size
    assert abs(covered - CONFIDENCE) < 3.3 * math.sqrt(0.09 / RUNS) + 0.005


def test_weights_undo_an_uneven_draw(truth: tuple[float, Spread]) -> None:
    uplift, _ = truth
    rng = np.random.default_rng(12)
    found = [
        effect(drawn(rng, "control_arm", ROWS, uneven=True), "control_arm", CONFIDENCE)
        for _ in range(RUNS)
    ]
    values = np.array([each.value for each in found])
    assert abs(values.mean() - uplift) < 3.3 * values.std() / math.sqrt(RUNS) + 0.002
    covered = np.mean([each.low <= uplift <= each.high for each in found])  # type: ignore[operator]
    assert abs(covered - CONFIDENCE) < 3.3 * math.sqrt(0.09 / RUNS) + 0.01
    plain = [
        effect(replace(each, weight=np.ones(ROWS)), "control_arm", CONFIDENCE).value
        for each in (drawn(rng, "control_arm", ROWS, uneven=True) for _ in range(100))
    ]
    assert abs(np.mean(plain) - uplift) > 0.05  # type: ignore[arg-type]


def measured(sd: float = 1.0, share: float = 0.3) -> dict[str, Any]:
    return {
        "n": 300,
        "uplift": {"value_per_decision": {"value": 0.2, "low": 0.1, "high": 0.3, "sd": sd}},
        "disagreement": {"share": share, "sd": 1.5},
        "actions": {"approve": 1 - share, "decline": share},
        "classes": {"1": 0.7, "0": 0.3},
    }


def due(project: Project, at_least: float, by: date, volume: int = 400) -> Project:
    path = project.root / "charter.toml"
    text = path.read_text().replace("at_least = 0.1", f"at_least = {at_least}")
    text = text.replace("2999-12-31", by.isoformat())
    path.write_text(text.replace("volume_per_month = 100", f"volume_per_month = {volume}"))
    return load_project(project.root)


def test_the_answer_in_plain_words(project: Project) -> None:
    project = due(project, 0.05, date(2027, 5, 24))
    found = power(project.charter, measured(), TODAY)
    assert found is not None
    assert found.sentence() == "target 0.05 at 2,378 decisions is measurable (detectable 0.0337)"
    control = project.charter.model_copy(
        update={"control": Control(design="control_arm", share=0.1)}
    )
    found = power(control, measured(), TODAY)
    assert found is not None
    assert found.sentence() == (
        "target 0.05 at 1,984 decisions is not measurable (detectable 0.171); needs "
        "23,160 = 57.9 months, known from 2031-10 on"
    )


def test_what_is_needed_is_what_is_detectable(project: Project) -> None:
    base = due(project, 0.02, date(2027, 5, 24)).charter
    for design, share in SHARE.items():
        control = Control(design=design, share=share)
        found = power(base.model_copy(update={"control": control}), measured(), TODAY)
        assert found is not None
        own = found.own
        assert own.variance is not None
        assert own.needed is not None
        half = normal(0.9) * math.sqrt(own.variance / own.needed)
        assert half <= 0.02
        assert normal(0.9) * math.sqrt(own.variance / (own.needed - 1)) > 0.02
        assert not own.measurable
        assert "is not measurable (detectable" in found.sentence()
        assert f"needs {own.needed:,} = {own.months:.1f} months, known from" in found.sentence()


def test_the_delay_counts_for_designs_that_decide_from_now_on(project: Project) -> None:
    found = power(due(project, 0.05, date(2026, 12, 20)).charter, measured(), TODAY)
    assert found is not None
    decisions = {each.design: each.decisions for each in found.designs}
    assert decisions["replay"] > 0
    assert decisions["control_arm"] == decisions["disagreement"] == 0  # outcomes take 30 days
    assert found.designs[1].detectable is None


def test_fewer_decisions_are_needed_where_only_differing_ones_are_drawn(project: Project) -> None:
    found = power(project.charter, measured(), TODAY)
    assert found is not None
    needed = {each.design: each.needed or 0 for each in found.designs}
    assert needed["replay"] < needed["disagreement"] < needed["control_arm"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("at_least", 1e-200),
        ("at_least", 5e-324),
        ("at_least", 1e15),
        ("by", date.max),
        ("confidence", 0.9999),
        ("amount", 1e15),
        ("amount", 1e-300),
        ("volume_per_month", 10**12),
        ("delay_days", 36_525),
        ("share", 1e-6),
    ],
)
@pytest.mark.parametrize("evaluation", [None, measured()])
def test_whatever_the_record_accepts_has_an_answer(
    project: Project, key: str, value: Any, evaluation: dict[str, Any] | None
) -> None:
    record = project.charter.model_dump(by_alias=True)
    record["control"] = {"design": "control_arm", "share": 0.1}
    parts = {"volume_per_month": "decision", "delay_days": "outcome", "share": "control"}
    if key == "amount":
        record["value"]["payoff"][0]["amount"] = value
    else:
        record[parts.get(key, "target")][key] = value
    found = power(Charter.model_validate(record), evaluation, TODAY)
    assert found is not None
    assert found.sentence()
    assert found.table()
    assert power_plot(found)


def test_a_target_that_is_too_small_to_count_to(project: Project) -> None:
    found = power(due(project, 1e-200, date(2027, 5, 24)).charter, measured(), TODAY)
    assert found is not None
    assert not found.measurable
    assert "takes more decisions than anybody makes" in found.sentence()


def test_bounds_before_the_first_run(project: Project) -> None:
    found = spread_of(project.charter, None)
    assert found is not None
    assert found.difference == 1.5  # payoffs differ by -1 to 2
    assert (found.inside_model, found.inside_baseline) == (0.0, 1.5)  # a decline pays nothing
    assert "upper bound from the payoff table" in found.source


def test_bounds_are_never_below_what_is_measured(project: Project) -> None:
    bounds, found = spread_of(project.charter, None), spread_of(project.charter, measured())
    assert bounds is not None
    assert found is not None
    for design, share in SHARE.items():
        above, below = (variance_of(each, design, share) for each in (bounds, found))
        assert above is not None
        assert below is not None
        assert above >= below


def test_an_older_evaluation_tells_it_by_its_interval(project: Project) -> None:
    old = measured()
    del old["uplift"]["value_per_decision"]["sd"]
    found = spread_of(project.charter, {**old, "method": {"confidence": 0.9}})
    assert found is not None
    assert found.difference == pytest.approx(0.1 / 1.6449 * math.sqrt(300), rel=1e-3)


def test_decisions_that_are_alike_tell_less(project: Project) -> None:
    alone = measured()
    half = normal(0.9) / math.sqrt(300)  # of 300 rows with a standard deviation of 1
    alone["uplift"]["value_per_decision"] |= {"low": 0.2 - 2 * half, "high": 0.2 + 2 * half}
    alone["method"] = {"confidence": 0.9}
    grouped = {**alone, "method": {"confidence": 0.9, "groups": 50}}
    found = [power(project.charter, each, TODAY) for each in (alone, grouped)]
    for at, _ in enumerate(DESIGNS):
        one, other = (each.designs[at].variance for each in found if each is not None)
        assert one is not None
        assert other == pytest.approx(4 * one)
    assert found[1] is not None
    assert any("4.0 tell as much as one" in note for note in found[1].notes)


def grouped(rng: np.random.Generator, design: Design) -> Decisions:
    """Decisions of 120 groups of ten whose gains are alike within a group; 0.3 on average.

    A group keeps the arm that it was drawn to.
    """
    member = np.repeat(np.arange(120), 10)
    rows = len(member)
    gain = 0.3 + rng.normal(size=120)[member] + 0.5 * rng.normal(size=rows)
    arm = (rng.random(120) < 0.5)[member] if design == "control_arm" else None
    return Decisions(
        frame=pl.DataFrame(),
        time=np.zeros(rows, dtype="datetime64[us]"),
        outcome=gain,
        value=gain if arm is None else np.where(arm, gain, 0.0),
        hangs=np.ones(rows, dtype=np.bool_) if arm is None else arm,
        difference=gain,
        difference_hangs=np.ones(rows, dtype=np.bool_),
        differs=np.ones(rows, dtype=np.bool_),
        action=None,
        model_action=None,
        model_arm=arm,
        drawn=np.ones(rows, dtype=np.bool_),
        weight=np.ones(rows),
        weighted=False,
        group=member,
    )


@pytest.mark.parametrize("design", ["replay", "control_arm"])
def test_coverage_of_decisions_that_come_in_groups(design: Design) -> None:
    rng = np.random.default_rng(13)
    tables = [grouped(rng, design) for _ in range(RUNS)]
    by_group = [effect(each, design, 0.9) for each in tables]
    by_row = [effect(replace(each, group=None), design, 0.9) for each in tables]
    shares = [
        np.mean([each.low <= 0.3 <= each.high for each in found])  # type: ignore[operator]
        for found in (by_group, by_row)
    ]
    assert shares[0] == pytest.approx(0.9, abs=3.3 * math.sqrt(0.09 / RUNS) + 0.01)
    assert shares[1] < 0.75  # too narrow
    # what `power` would say of them: 1.25 the variance of a gain, 1 of it shared by a group
    gain, alike = 1.25, (1 + 9 / 1.25)
    spread = Spread(
        difference=math.sqrt(gain),
        model=math.sqrt(gain),
        baseline=0.0,
        differ=1.0,
        inside_model=math.sqrt(gain),
        inside_baseline=0.0,
        known_model=1.0,
        known_baseline=1.0,
        known_inside=1.0,
        known_replayed=1.0,
        clustering=alike,
        source="",
        measured=True,
    )
    variance = variance_of(spread, design, None if design == "replay" else 0.5)
    assert variance is not None
    values = np.std([each.value for each in by_group])  # type: ignore[arg-type]
    assert values == pytest.approx(math.sqrt(variance / 1200), rel=3.3 / math.sqrt(2 * RUNS))


def selective(project: Project, decline: float) -> Charter:
    path = project.root / "charter.toml"
    text = path.read_text().replace(
        "delay_days = 30", 'delay_days = 30\nobservable_when = ["approve"]'
    )
    path.write_text(
        text.replace(
            '"decline", outcome = "0", amount = 0.0',
            f'"decline", outcome = "0", amount = {decline}',
        )
    )
    return load_project(project.root).charter


def test_a_decline_that_pays_nothing_needs_no_outcome(project: Project) -> None:
    found = spread_of(selective(project, 0.0), measured())
    assert found is not None
    assert (found.known_model, found.known_baseline, found.known_inside) == (1.0, 1.0, 1.0)


def test_values_that_are_never_known_do_not_count(project: Project) -> None:
    base = selective(project, 0.5)
    found = spread_of(base, measured())
    assert found is not None
    assert (found.known_model, found.known_inside) == (0.7, 0.0)
    told = power(base, measured(), TODAY)
    assert told is not None
    assert told.designs[2].needed is None
    assert any("'decline' no outcome is seen" in note for note in told.notes)
    assert "never" in told.table()


def test_unknown_actions_that_show_outcomes_are_refused(project: Project) -> None:
    path = project.root / "charter.toml"
    path.write_text(
        path.read_text().replace("delay_days = 30", 'delay_days = 30\nobservable_when = ["wait"]')
    )
    with pytest.raises(BadInput, match="observable_when names unknown actions"):
        _ = load_project(project.root).charter


def test_a_target_without_size(project: Project) -> None:
    found = power(due(project, 0.0, date(2028, 1, 1)).charter, measured(), TODAY)
    assert found is not None
    assert not found.measurable
    assert "name the smallest gain that counts" in found.sentence()


def regression(project: Project) -> Project:
    root = project.root
    path = root / "charter.toml"
    text = path.read_text()
    text = (
        text[: text.index("[outcome.classes]")]
        + '[value]\nunit = "EUR"\npayoff = [\n'
        + (
            '{ action = "over", outcome = "unit", amount = -1.0, source = "finance" },\n'
            '{ action = "under", outcome = "unit", amount = -4.0, source = "finance" },\n]\n'
            '[baseline]\npolicy = "mean"\n'
        )
        + text[text.index("[target]") :]
    )
    path.write_text(text)
    file = root / "pyproject.toml"
    file.write_text(file.read_text().replace('"classification"', '"regression"'))
    return load_project(root)


def test_a_regression_waits_for_its_first_run(project: Project) -> None:
    project = regression(project)
    assert power(project.charter, None, TODAY) is None
    assert "run `uv run dvc repro`" in check_charter(project, TODAY).to_text()
    found = spread_of(
        project.charter,
        {
            "uplift": {"value_per_decision": {"sd": 3.0}},
            "baseline": {"rmse": 2.0, "value_per_decision": -5.0},
            "model": {"rmse": 1.0, "value_per_decision": -2.0},
        },
    )
    assert found is not None
    assert found.baseline == pytest.approx(math.sqrt(64 - 25))
    assert found.model == pytest.approx(math.sqrt(16 - 4))


def test_charter_check_tells_and_draws_it(project: Project) -> None:
    project = due(project, 0.05, date(2027, 5, 24))
    project.write_report("evaluation.json", json.dumps(measured()))
    found = check_charter(project, TODAY)
    text = found.to_text()
    assert text.startswith("decision  Approve or decline an application\nowner     ")
    for line in ("power     target 0.05", "replay *", "disagreement", "reports/power.svg"):
        assert line in text
    record = json.loads(found.to_json())
    assert record["tier"] == "high"
    assert record["power"]["designs"][0]["design"] == "replay"
    assert record["power"]["measurable"] is True
    svg = (project.reports_dir / "power.svg").read_text()
    assert svg.startswith('<svg xmlns="http://www.w3.org/2000/svg"')
    assert svg.count("<polyline") == 3
    assert "target 0.05" in svg


def test_the_plot_of_a_target_without_size(project: Project) -> None:
    found = power(due(project, 0.0, date(2028, 1, 1)).charter, measured(), TODAY)
    assert found is not None
    assert power_plot(found)


@pytest.mark.parametrize("text", ["{", "[1]"])
def test_a_broken_evaluation_is_named(project: Project, text: str) -> None:
    project.write_report("evaluation.json", text)
    with pytest.raises(BadInput, match=r"evaluation\.json: "):
        check_charter(project, TODAY)


@pytest.mark.parametrize(
    ("classes", "volume"),
    [({"1": 700, "0": 300}, 400), ({"a": 50, "b": 40, "c": 30}, 10), ({"1": 980, "0": 20}, 400)],
)
def test_the_target_that_is_inferred_is_measurable(
    project: Project, classes: dict[str, int], volume: int
) -> None:
    from modelkeel.data.contract import Column
    from modelkeel.data.infer.charter import charter_of
    from modelkeel.data.infer.target import Target

    target = Target(Column("risk", "string", required=True), "classification", classes)
    old = {"decision": {"volume_per_month": volume}, "owner": {"accountable": "a@bank.example"}}
    labels = pl.Series([name for name, rows in classes.items() for _ in range(rows)])
    made = charter_of(old, target, labels, test_share=0.3, today=TODAY)
    record = Charter.model_validate(made.record)
    total = sum(classes.values())
    worth = {row.outcome: row.amount for row in record.value.payoff if row.amount}
    # a model that is always right where the baseline is wrong gains most, and scatters most
    gains = [
        (worth[name] if name != max(classes, key=lambda each: classes[each]) else 0.0, rows / total)
        for name, rows in classes.items()
    ]
    mean = sum(gain * share for gain, share in gains)
    sd = math.sqrt(sum(gain**2 * share for gain, share in gains) - mean**2)
    found = power(record, {"uplift": {"value_per_decision": {"sd": sd}}}, TODAY)
    assert found is not None
    assert found.measurable


def test_a_rare_loss_that_chance_left_out_withholds_the_interval() -> None:
    """Both arms alike: a gain of 3, in one of fifty a loss of 42."""
    rng = np.random.default_rng(21)
    kept = wrong = 0
    for _ in range(400):
        table = rare(rng, 330, 0.1)
        found = effect(table, "control_arm", CONFIDENCE)
        if found.high is None:
            assert "another outcome than the most frequent one" in found.why
        else:
            kept += 1
            wrong += found.high < 0
    assert kept < 20  # thirty rows hold five losses by chance only
    assert wrong == 0
    larger = [effect(rare(rng, 4000, 0.5), "control_arm", CONFIDENCE) for _ in range(400)]
    covered = [each.low <= 0 <= each.high for each in larger]  # type: ignore[operator]
    assert np.mean(covered) == pytest.approx(0.9, abs=0.05)


def rare(rng: np.random.Generator, rows: int, share: float) -> Decisions:
    lost = rng.random(rows) < 0.02
    return Decisions(
        frame=pl.DataFrame(),
        time=np.zeros(rows, dtype="datetime64[us]"),
        outcome=lost.astype(float),
        value=np.where(lost, -42.0, 3.0),
        hangs=np.ones(rows, dtype=np.bool_),
        difference=np.zeros(rows),
        difference_hangs=np.zeros(rows, dtype=np.bool_),
        differs=np.zeros(rows, dtype=np.bool_),
        action=None,
        model_action=None,
        model_arm=np.arange(rows) >= share * rows,
        drawn=np.ones(rows, dtype=np.bool_),
        weight=np.ones(rows),
        weighted=False,
    )


def test_groups_count_in_the_arm_that_has_the_fewest() -> None:
    table = grouped(np.random.default_rng(22), "control_arm")
    assert table.group is not None
    arm = table.group >= 20  # of 120
    found = effect(replace(table, model_arm=arm, hangs=arm), "control_arm", CONFIDENCE)
    assert found.low is None
    assert found.why == "decisions in each arm of 20 groups, at least 30 are needed"


def test_no_target_is_measurable_in_fewer_decisions_than_an_interval_takes(
    project: Project,
) -> None:
    base = due(project, 1.0, date(2027, 12, 24), volume=2).charter
    for design, least in (("replay", 100), ("control_arm", 300), ("disagreement", 200)):
        share = {"control_arm": 0.1, "disagreement": 0.5}.get(design)
        control = Control(design=design, share=share)  # type: ignore[arg-type]
        found = power(base.model_copy(update={"control": control}), measured(0.01), TODAY)
        assert found is not None
        assert found.own.needed == least  # thirty, of the 30 % that differ, or of a tenth
        assert not found.measurable


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_a_model_that_changes_nothing_is_not_measurable(project: Project, share: float) -> None:
    record = due(project, 0.05, date(2027, 5, 24)).charter.model_dump(by_alias=True)
    if share:
        for row in record["value"]["payoff"]:
            row["amount"] = 1.0
    evaluation = measured(sd=0.0, share=share)
    found = power(Charter.model_validate(record), evaluation, TODAY)
    assert found is not None
    assert not found.measurable
    assert "model and baseline are paid the same on each decision" in found.sentence()


def test_a_replay_of_decisions_that_showed_no_outcome_tells_nothing(project: Project) -> None:
    record = selective(project, 0.0).model_dump(by_alias=True)
    told = power(Charter.model_validate(record), measured(), TODAY)
    assert told is not None
    assert told.own.needed is not None  # everybody was approved
    assert any("counts decisions that the baseline made" in note for note in told.notes)
    record["baseline"]["policy"] = "decline"
    told = power(Charter.model_validate(record), measured(), TODAY)
    assert told is not None
    assert not told.measurable
    assert "what it compares is never known" in told.sentence()
