"""What decisions were worth: estimates, states, guardrails, kills, money, and bad tables."""

from __future__ import annotations

import hashlib
import json
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from modelkeel.errors import BadInput, Refused
from modelkeel.governance.value import ValueReport, read_value, value_of
from modelkeel.project import Project, load_project

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
START = NOW - timedelta(days=330)  # the outcome takes 30 days


def edit(project: Project, *changes: tuple[str, str]) -> Project:
    path = project.root / "charter.toml"
    text = path.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    path.write_text(text, encoding="utf-8")
    return load_project(project.root)


def add(project: Project, text: str) -> Project:
    path = project.root / "charter.toml"
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")
    return load_project(project.root)


def applicants(rows: int = 2000, seed: int = 3) -> pl.DataFrame:
    """What the model and today's way (approve all) would do, and what would happen."""
    rng = np.random.default_rng(seed)
    score = rng.normal(size=rows)
    return pl.DataFrame(
        {
            "decision_id": [f"d{at}" for at in range(rows)],
            "time": [
                (START + timedelta(hours=at * 330 * 24 / rows)).isoformat() for at in range(rows)
            ],
            "model_action": np.where(score < -0.5, "decline", "approve"),
            "happens": np.where(score + rng.normal(size=rows) > -0.6, "1", "0"),
            "sex": rng.choice(["f", "m"], rows),
            "u": rng.random(rows),
        }
    )


def decided(frame: pl.DataFrame, share: float, *, inside: bool = False) -> pl.DataFrame:
    """The same decided at random; nobody sees what a declined application would have paid."""
    drawn = pl.lit(True)
    if inside:
        drawn = pl.col("model_action") != "approve"
    frame = frame.with_columns(
        pl.when(~drawn)
        .then(None)
        .when(pl.col("u") < share)
        .then(pl.lit("baseline"))
        .otherwise(pl.lit("model"))
        .alias("arm")
    )
    action = pl.when(pl.col("arm") == "baseline").then(pl.lit("approve")).otherwise("model_action")
    return seen(frame.with_columns(action.alias("action")))


def seen(frame: pl.DataFrame, *, all_of: bool = False) -> pl.DataFrame:
    """Outcomes of approved applications that are due."""
    late = pl.col("time") > (NOW - timedelta(days=30)).isoformat()
    hidden = late if all_of else late | (pl.col("action") == "decline")
    return frame.with_columns(
        pl.when(hidden).then(None).otherwise("happens").alias("outcome")
    ).drop("happens", "u")


def written(project: Project, frame: pl.DataFrame, name: str = "decisions.csv") -> Path:
    path = project.root / name
    if name.endswith(".parquet"):
        frame.write_parquet(path)
    else:
        frame.write_csv(path)
    return path


def measure(project: Project, frame: pl.DataFrame, **options: Any) -> ValueReport:
    return value_of(project, written(project, frame), now=NOW, **options)


def selective(project: Project, design: str = "replay", share: float = 0.5) -> Project:
    project = edit(project, ("delay_days = 30", 'delay_days = 30\nobservable_when = ["approve"]'))
    if design == "replay":
        return project
    return add(project, f'[control]\ndesign = "{design}"\nshare = {share}\n')


def true_uplift(frame: pl.DataFrame) -> float:
    """Of the due decisions: a decline gives up 1 or saves 2."""
    frame = frame.filter(pl.col("time") <= (NOW - timedelta(days=30)).isoformat())
    gain = pl.when(pl.col("happens") == "1").then(-1.0).otherwise(2.0)
    of_all = pl.when(pl.col("model_action") == "decline").then(gain).otherwise(0.0)
    return float(frame.select(of_all.mean()).item())


@pytest.mark.parametrize("design", ["control_arm", "disagreement"])
def test_randomised_designs_find_the_uplift_in_spite_of_selective_labels(
    project: Project, design: str
) -> None:
    project = selective(project, design)
    frame = applicants(6000)
    made = measure(project, decided(frame, 0.5, inside=design == "disagreement"))
    assert made.causal
    assert made.effect.low is not None
    assert made.effect.high is not None
    assert made.effect.low < true_uplift(frame) < made.effect.high
    assert made.state == "met"
    assert made.warnings == []


def test_replay_of_a_full_history_is_paired_and_not_causal(project: Project) -> None:
    frame = applicants()
    history = seen(frame.with_columns(action=pl.lit("approve")), all_of=True)
    made = measure(project, history)
    truth = true_uplift(frame)
    assert made.effect.value == pytest.approx(truth)
    due = made.counts["due"]
    differences = np.zeros(due)
    sample = frame.head(due)
    declined = (sample["model_action"] == "decline").to_numpy()
    differences[declined] = np.where((sample["happens"] == "1").to_numpy(), -1.0, 2.0)[declined]
    half = 1.6449 * differences.std(ddof=1) / math.sqrt(due)
    assert made.effect.half == pytest.approx(half, rel=0.01)
    assert made.method.startswith("replay, not causal")
    assert any("not causal" in each for each in made.warnings)


def test_replay_of_its_own_declines_is_insufficient(project: Project) -> None:
    live = seen(applicants().with_columns(action="model_action"))
    made = measure(selective(project), live)
    assert made.state == "insufficient_evidence"
    assert made.effect.low is None
    assert any(each.startswith("selective labels: after 'decline'") for each in made.warnings)


def test_too_few_decisions_are_insufficient(project: Project) -> None:
    made = measure(selective(project, "control_arm"), decided(applicants(50), 0.5))
    assert made.state == "insufficient_evidence"
    assert "at least 30 are needed" in made.effect.why


def test_no_outcome_due_yet(project: Project) -> None:
    young = decided(applicants(200), 0.5).with_columns(time=pl.lit("2026-11-20"))
    made = measure(selective(project, "control_arm"), young)
    assert made.state == "insufficient_evidence"
    assert made.effect.why == "no outcome is due yet"
    assert made.months == []


@pytest.mark.parametrize(
    ("at_least", "state"),
    [(0.1, "met"), (0.5, "missed"), (0.32, "undecided")],
)
def test_states(project: Project, at_least: float, state: str) -> None:
    project = edit(project, ("at_least = 0.1", f"at_least = {at_least}"))
    history = seen(applicants(4000).with_columns(action=pl.lit("approve")), all_of=True)
    made = measure(project, history)
    assert made.effect.value == pytest.approx(0.32, abs=0.01)
    assert made.state == state


def test_an_interval_wider_than_the_target_is_insufficient(project: Project) -> None:
    project = edit(selective(project, "control_arm"), ("at_least = 0.1", "at_least = 0.2"))
    made = measure(project, decided(applicants(300), 0.5))
    assert made.effect.half is not None
    assert made.effect.half > 0.2
    assert made.state == "insufficient_evidence"


def test_a_decision_counts_when_its_outcome_is_due(project: Project) -> None:
    frame = seen(applicants().with_columns(action=pl.lit("approve")), all_of=True)
    early = frame.with_columns(
        outcome=pl.when(pl.col("outcome").is_null()).then(pl.lit("0")).otherwise("outcome")
    )
    assert measure(project, early).effect == measure(project, frame).effect


def test_a_draw_that_is_not_as_planned_is_warned(project: Project) -> None:
    made = measure(selective(project, "control_arm", 0.2), decided(applicants(), 0.5))
    assert any("the draw may not be random" in each for each in made.warnings)


def test_probabilities_weight_the_arms(project: Project) -> None:
    frame = decided(applicants(3000), 0.3).with_columns(
        probability=pl.when(pl.col("arm") == "model").then(0.7).otherwise(0.3)
    )
    project = selective(project, "control_arm", 0.3)
    weighted, plain = measure(project, frame), measure(project, frame.drop("probability"))
    assert weighted.effect.value == pytest.approx(plain.effect.value)
    assert weighted.effect.half == pytest.approx(plain.effect.half)
    assert weighted.method.endswith("weighted by probability")


def test_overrides_count_in_the_arm_that_was_drawn(project: Project) -> None:
    frame = decided(applicants(), 0.5).with_columns(
        action=pl.when(pl.col("decision_id") < "d15").then(pl.lit("approve")).otherwise("action")
    )
    made = measure(selective(project, "control_arm"), frame)
    assert any("intention to treat" in each for each in made.warnings)


def test_decisions_of_a_group_belong_together(project: Project) -> None:
    path = project.root / "params.yaml"
    text = path.read_text().replace("kind: random, by: []", "kind: group, by: [branch, desk]")
    path.write_text(text)
    project = load_project(project.root)
    frame = seen(applicants().with_columns(action=pl.lit("approve")), all_of=True)
    without = measure(project, frame)
    assert any("branch and desk belong together" in each for each in without.warnings)
    # four copies of each decision tell no more than one
    copies = pl.concat(
        [frame.with_columns(decision_id=pl.col("decision_id") + f"-{at}") for at in range(4)]
    ).with_columns(branch=pl.col("time"), desk=pl.lit(1))
    made = measure(project, copies)
    assert made.effect.half == pytest.approx(without.effect.half, rel=0.001)
    assert not any("belong together" in each for each in made.warnings)
    few = measure(project, frame.with_columns(branch=pl.lit("a"), desk=pl.lit(1)))
    assert few.state == "insufficient_evidence"
    assert "of 1 groups" in few.effect.why


RAILS = """
[[guardrail]]
id = "ratio"
metric = "selection_rate_ratio(sex)"
min = 0.8
why = "the favourable action must not depend on sex"
[[guardrail]]
id = "declines"
metric = "share_of_action(decline)"
max = 0.1
why = "more declines than that lose the branch"
[[guardrail]]
id = "missing"
metric = "missing_outcome_share"
max = 0.0
why = "every outcome that is due is booked"
[[kill]]
id = "negative"
window_days = 200
[[kill]]
id = "short"
window_days = 2
"""


def test_guardrails_and_kills(project: Project) -> None:
    made = measure(add(selective(project, "control_arm"), RAILS), decided(applicants(), 0.5))
    states = {each.id: each.state for each in made.guardrails}
    assert states == {"ratio": "held", "declines": "broken", "missing": "held"}
    assert {each.id: each.state for each in made.kills} == {
        "negative": "clear",
        "short": "insufficient_evidence",
    }
    negative = made.kills[0]
    assert (negative.since, negative.until) == ("2026-04-08", "2026-10-25")
    text = made.to_text()
    for part in ("uplift", "target", "guardrail  declines: broken", "kill       negative: clear"):
        assert part in text


def test_guardrails_undo_an_uneven_draw(project: Project) -> None:
    """The model approves exactly half; where it does it is seldom drawn."""
    frame = applicants(4000).with_columns(
        model_action=pl.when(pl.int_range(pl.len()) % 2 == 0)
        .then(pl.lit("approve"))
        .otherwise(pl.lit("decline"))
    )
    chance = pl.when(pl.col("model_action") == "approve").then(0.1).otherwise(0.9)
    frame = frame.with_columns(chance=chance).with_columns(
        arm=pl.when(pl.col("u") < pl.col("chance"))
        .then(pl.lit("model"))
        .otherwise(pl.lit("baseline"))
    )
    frame = seen(
        frame.with_columns(
            action=pl.when(pl.col("arm") == "model")
            .then("model_action")
            .otherwise(pl.lit("approve")),
            probability=pl.when(pl.col("arm") == "model")
            .then("chance")
            .otherwise(1 - pl.col("chance")),
        )
    )
    rails = RAILS.replace("share_of_action(decline)", "share_of_action(approve)")
    project = add(selective(project, "control_arm", 0.5), rails)
    share = measure(project, frame).guardrails[1]
    assert share.low is not None
    assert share.high is not None
    assert share.low < 0.5 < share.high
    assert share.low > 0.4
    assert "effective" in share.about


def test_guardrails_count_decisions_that_were_not_drawn(project: Project) -> None:
    """People overrule every fourth of the decisions on which model and baseline agree."""
    frame = decided(applicants(4000), 0.5, inside=True)
    agreed = pl.col("arm").is_null()
    often = agreed & (pl.int_range(pl.len()) % 4 == 0)
    frame = frame.with_columns(
        action=pl.when(often).then(pl.lit("decline")).otherwise("action"),
        outcome=pl.when(often).then(None).otherwise("outcome"),
    )
    rails = RAILS.replace("share_of_action(decline)", "override_share")
    project = add(selective(project, "disagreement", 0.5), rails)
    share = measure(project, frame).guardrails[1]
    true = frame.select(often.mean()).item()
    assert share.value == pytest.approx(true, abs=0.01)
    assert share.state == "broken"


def test_a_guardrail_that_chance_may_break_is_open(project: Project) -> None:
    frame = decided(applicants(400), 0.5).with_columns(
        sex=pl.when(pl.col("action") == "decline").then(pl.lit("f")).otherwise("sex")
    )
    rails = RAILS.replace("min = 0.8", "min = 0.66")
    made = measure(add(selective(project, "control_arm"), rails), frame)
    assert made.guardrails[0].state in ("open", "broken")


def test_a_kill_is_hit_where_the_whole_interval_is_negative(project: Project) -> None:
    worse = applicants().with_columns(
        model_action=pl.when((pl.col("happens") == "1") & (pl.col("sex") == "f"))
        .then(pl.lit("decline"))
        .otherwise(pl.lit("approve"))
    )
    made = measure(add(selective(project, "control_arm"), RAILS), decided(worse, 0.5))
    assert made.kills[0].state == "hit"
    assert made.state == "missed"


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        ("approval_rate", "is not known"),
        ("share_of_action", "is written as share_of_action(action)"),
        ("share_of_action(wait)", "'wait' is no action"),
        ("mean_error", "is for regression"),
        ("selection_rate_ratio(region)", "lacks the column 'region'"),
    ],
)
def test_guardrails_that_cannot_be_measured(project: Project, metric: str, said: str) -> None:
    rails = RAILS.replace("missing_outcome_share", metric)
    project = add(selective(project, "control_arm"), rails)
    with pytest.raises(BadInput) as found:
        measure(project, decided(applicants(200), 0.5))
    assert said in str(found.value)
    assert "known are: selection_rate_ratio(column)" in found.value.remedy or "known" not in said


def test_costs_and_payback(project: Project) -> None:
    project = edit(
        project,
        (
            "[baseline]",
            (
                "[value.cost]\nper_decision = 0.01\nfixed_per_month = 4.0\n"
                "build_once = 100.0\n[baseline]"
            ),
        ),
    )
    history = seen(applicants(4000).with_columns(action=pl.lit("approve")), all_of=True)
    made = measure(project, history)
    value = made.effect.value or 0.0
    assert made.money.per_month is not None
    assert made.money.per_month[1] == pytest.approx(100 * value - 5)
    assert made.money.payback_months is not None
    fast, usual, slow = made.money.payback_months
    assert usual == pytest.approx(100 / (100 * value - 5))
    assert fast is not None
    assert slow is not None
    assert fast < (usual or 0) < slow
    assert "payback" in made.to_text()
    dear = edit(project, ("per_decision = 0.01", "per_decision = 9.0"))
    assert measure(dear, history).money.payback_months == (None, None, None)
    assert "never" in measure(dear, history).to_text()


def test_the_record_and_the_page(project: Project) -> None:
    project = add(selective(project, "control_arm"), RAILS)
    assert read_value(project) is None
    made = measure(project, decided(applicants(), 0.5))
    record = read_value(project)
    assert record == json.loads(made.to_json())
    assert record is not None
    table = (project.root / "decisions.csv").read_bytes()
    charter = (project.root / "charter.toml").read_bytes()
    assert record["table"] == {"name": "decisions.csv", "sha256": hashlib.sha256(table).hexdigest()}
    assert record["charter"] == hashlib.sha256(charter).hexdigest()
    assert record["made"] == "2026-11-24T12:00:00+00:00"
    assert record["months"][-1]["month"] == "2026-10"
    page = (project.reports_dir / "value.html").read_text(encoding="utf-8")
    assert "<polyline" in page
    assert "http" not in page.replace("http://www.w3.org", "")
    assert str(project.root) not in page


def test_text_from_the_table_is_escaped(project: Project) -> None:
    frame = decided(applicants(), 0.5).with_columns(
        sex=pl.when(pl.col("sex") == "f").then(pl.lit("<b>f")).otherwise("sex")
    )
    measure(add(selective(project, "control_arm"), RAILS), frame)
    page = (project.reports_dir / "value.html").read_text(encoding="utf-8")
    assert "<b>f" not in page
    assert "&lt;b&gt;f" in page


@pytest.mark.parametrize("text", ["{", "[]", '{"schema": "other/1"}'])
def test_a_broken_record_is_refused(project: Project, text: str) -> None:
    project.evidence_dir.mkdir()
    (project.evidence_dir / "value.json").write_text(text)
    with pytest.raises(Refused, match=r"value\.json"):
        read_value(project)


def test_parquet_with_types_and_named_columns(project: Project) -> None:
    frame = seen(applicants().with_columns(action=pl.lit("approve")), all_of=True)
    typed = frame.with_columns(
        pl.col("time").str.to_datetime(time_zone="UTC"), pl.col("outcome").cast(pl.Int64)
    ).rename({"decision_id": "case", "time": "when"})
    path = written(project, typed, "decisions.parquet")
    made = value_of(project, path, columns={"decision": "case", "time": "when"}, now=NOW)
    assert made.effect == measure(project, frame).effect


SMALL = pl.DataFrame(
    {
        "id": ["a", "b", "c"],
        "time": ["2026-01-01", "2026-01-02T10:00:00+01:00", "2026-01-03"],
        "action": ["approve", "decline", "approve"],
        "outcome": ["1", None, "0"],
        "arm": ["model", "model", "baseline"],
        "probability": [0.5, 0.5, 0.5],
    }
)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"id": ["a", "b", "a"]}, "column 'id': 'a' stands in the rows 1, 3"),
        ({"id": ["a", None, "c"]}, "column 'id': row 2 is empty"),
        ({"time": ["2026-01-01", "soon", "2026-01-03"]}, "row 2 is 'soon', no time"),
        ({"time": ["2026-01-01", "2031-01-01", "x"]}, "row 3 is 'x', no time"),
        ({"time": ["2026-01-01", "0001-01-01T00:00:00+05:00", "x"]}, "row 2 is '0001-"),
        ({"time": ["2026-01-01", "9999-12-31T23:59:59-05:00", "x"]}, "row 2 is '9999-"),
        (
            {"time": ["2026-01-01", "2031-01-01", "2031-01-01"]},
            "row 2 is 2031-01-01T00:00:00, in the future; 2 rows in all",
        ),
        ({"action": ["approve", "refuse", "approve"]}, "column 'action': row 2 is 'refuse'"),
        ({"action": ["approve", None, "approve"]}, "column 'action': row 2 is empty"),
        ({"outcome": ["1", "2", "0"]}, "column 'outcome': row 2 is '2'"),
        ({"arm": ["model", "B", "baseline"]}, "column 'arm': row 2 is 'B'"),
        ({"arm": ["model", None, "baseline"]}, "column 'arm': row 2 is empty"),
        ({"probability": [0.5, 0.0, 0.5]}, "column 'probability': row 2 is 0"),
        ({"probability": [0.5, 1.2, -0.5]}, "row 2 is 1.2; 2 rows in all: 2, 3"),
        ({"probability": ["0.5", "half", "0.5"]}, "row 2 is 'half', no number"),
    ],
)
def test_rows_that_cannot_be(project: Project, change: dict[str, Any], said: str) -> None:
    project = selective(project, "control_arm")
    with pytest.raises(BadInput) as found:
        measure(project, SMALL.with_columns(**{k: pl.Series(v) for k, v in change.items()}))
    assert said in str(found.value)
    assert "decisions.csv" in str(found.value)
    assert found.value.remedy


@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Tokyo"])
@pytest.mark.parametrize("microseconds", [-(10**17), 9 * 10**17, 253402300799 * 10**6])
def test_a_time_beyond_the_calendar(project: Project, microseconds: int, zone: str | None) -> None:
    times = pl.Series([0, microseconds, 0]).cast(pl.Datetime("us"))
    if zone:
        times = times.dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
    path = written(project, SMALL.with_columns(time=times), "decisions.parquet")
    with pytest.raises(BadInput, match="column 'time': row 2 is in the year"):
        value_of(project, path, now=NOW)


def test_tables_that_cannot_be(project: Project) -> None:
    with pytest.raises(BadInput, match="lacks the column of the action"):
        measure(project, SMALL.drop("action", "arm"))
    with pytest.raises(BadInput, match="no such file"):
        value_of(project, project.root / "none.csv", now=NOW)
    with pytest.raises(BadInput, match="is a folder"):
        value_of(project, project.root, now=NOW)
    with pytest.raises(BadInput, match="ending tells no kind"):
        value_of(project, project.root / "pyproject.toml", now=NOW)
    with pytest.raises(BadInput, match="no column has the role 'when'"):
        measure(project, SMALL, columns={"when": "time"})
    with pytest.raises(BadInput, match=r"control\.design in charter\.toml is 'replay'"):
        measure(project, SMALL)
    with pytest.raises(BadInput, match="lacks the column of the model_action"):
        measure(selective(project, "disagreement"), SMALL)


FORECASTS = """
[value]
unit = "EUR"
payoff = [
    { action = "over", outcome = "unit", amount = -1.0, source = "finance" },
    { action = "under", outcome = "unit", amount = -4.0, source = "finance" },
]
[baseline]
policy = "mean"
"""


@pytest.fixture
def forecasting(project: Project) -> Project:
    path = project.root / "charter.toml"
    text = path.read_text()
    head, tail = text[: text.index("[outcome.classes]")], text[text.index("[target]") :]
    head = head.replace('label = "risk"', 'label = "amount"')
    path.write_text(head + FORECASTS + tail)
    file = project.root / "pyproject.toml"
    file.write_text(file.read_text().replace('"classification"', '"regression"'))
    return load_project(project.root)


def forecasts(rows: int = 500) -> pl.DataFrame:
    rng = np.random.default_rng(1)
    actual = rng.uniform(100, 200, rows)
    return pl.DataFrame(
        {
            "id": range(rows),
            "time": [(START + timedelta(hours=at)).isoformat() for at in range(rows)],
            "predicted": actual + rng.normal(0, 5, rows),
            "actual": actual,
            "baseline": np.full(rows, 150.0),
            "u": rng.random(rows),
        }
    )


def test_forecasts_are_paired(forecasting: Project) -> None:
    frame = forecasts()
    made = measure(forecasting, frame.drop("u"))
    gap = frame["predicted"].to_numpy() - frame["actual"].to_numpy()
    far = frame["baseline"].to_numpy() - frame["actual"].to_numpy()
    pays = [np.where(each > 0, -each, 4 * each) for each in (gap, far)]
    assert made.effect.value == pytest.approx((pays[0] - pays[1]).mean())
    assert made.state == "met"


@pytest.mark.parametrize("role", ["predicted", "actual", "baseline"])
def test_forecasts_beyond_any_amount(forecasting: Project, role: str) -> None:
    frame = forecasts().drop("u")
    huge = pl.Series(role, [1e300, *frame[role].to_list()[1:]])
    with pytest.raises(BadInput, match=rf"column '{role}': row 1 is 1e\+300, beyond 1e\+15"):
        measure(forecasting, frame.with_columns(huge))


def test_forecasts_with_arms(forecasting: Project) -> None:
    project = add(forecasting, '[control]\ndesign = "control_arm"\nshare = 0.5\n')
    arm = pl.when(pl.col("u") < 0.5).then(pl.lit("baseline")).otherwise(pl.lit("model"))
    made = measure(project, forecasts().with_columns(arm=arm).drop("u"))
    assert made.causal
    assert made.state == "met"


def test_the_mean_error_of_forecasts(forecasting: Project) -> None:
    rail = '[[guardrail]]\nid = "bias"\nmetric = "mean_error"\nmax = -4.0\n'
    project = add(forecasting, rail + 'why = "too many bikes block the stations"\n')
    (found,) = measure(project, forecasts().drop("u")).guardrails
    assert found.state == "broken"
    assert found.value == pytest.approx(0.0, abs=1.0)


def test_an_actual_value_outside_of_the_contract(forecasting: Project) -> None:
    frame = forecasts(50).drop("u")
    actual = frame["actual"].to_list()
    actual[4] = -3.0
    with pytest.raises(BadInput, match=r"row 5 is -3"):
        measure(forecasting, frame.with_columns(actual=pl.Series(actual)))
