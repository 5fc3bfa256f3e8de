from __future__ import annotations

import re
from pathlib import Path

import pytest

from modelkeel.errors import BadInput
from modelkeel.project import Project, load_project
from modelkeel.records.charter import Charter, Payoff
from modelkeel.records.system import System

GUARDRAIL = """[[guardrail]]
id = "share"
metric = "share_of_action(approve)"
why = "applicants wait for it"
"""
KILL = """[[kill]]
id = "loss"
window_days = 90
"""


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def line_of(path: Path, text: str) -> int:
    lines = path.read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


def test_payoffs_in_the_order_of_the_charter(project: Project) -> None:
    actions, outcomes, amounts = project.charter.payoff_matrix()
    assert (actions, outcomes) == (["approve", "decline"], ["1", "0"])
    assert amounts == [[1.0, -2.0], [0.0, 0.0]]


@pytest.mark.parametrize(
    ("source", "assumed"),
    [
        ("assumed: two margins", True),
        ("finance; the rest is ASSUMED", True),
        ("an assumption of the team", True),
        ("finance, 2026-Q3", False),
        ("what the unassuming team measured", False),
    ],
)
def test_what_counts_as_assumed(source: str, assumed: bool) -> None:
    row = Payoff(action="approve", outcome="1", amount=1.0, source=source)
    assert row.assumed is assumed


@pytest.mark.parametrize(
    ("old", "new", "key", "said"),
    [
        ("volume_per_month = 100", "volume_per_month = 0", "decision.volume_per_month", "greater"),
        ("owner@bank.example", "owner@bank", "owner.accountable", "no e-mail address"),
        ("delay_days = 30", "delay_day = 30", "outcome.delay_day", "did you mean 'delay_days'"),
        ("at_least = 0.1", 'at_least = "much"', "target.at_least", "valid number"),
        ("2999-12-31", "2999-13-31", None, "no valid TOML"),
        ('policy = "approve"', 'policy = "wait"', None, "baseline.policy must be one of"),
        ('outcome = "0", amount = -2.0', 'outcome = "2", amount = -2.0', None, "lacks"),
        ('outcome = "0", amount = -2.0', 'outcome = "1", amount = -2.0', None, "twice"),
    ],
)
def test_a_broken_charter_names_file_line_and_key(
    project: Project, old: str, new: str, key: str | None, said: str
) -> None:
    path = project.root / "charter.toml"
    edit(path, old, new)
    with pytest.raises(BadInput) as found:
        Charter.load(path)
    assert said in str(found.value)
    assert str(path) in str(found.value)
    if key:
        assert f"{path}:{line_of(path, new)}: {key}: " in str(found.value)


EXTREME = [
    ("volume_per_month = 100", f"volume_per_month = 1{'0' * 400}", "decision.volume_per_month"),
    ("delay_days = 30", "delay_days = 10000000000", "outcome.delay_days"),
    ("amount = -2.0", "amount = nan", "value.payoff.1.amount"),
    ("amount = -2.0", "amount = inf", "value.payoff.1.amount"),
    ("amount = -2.0", "amount = 1e300", "value.payoff.1.amount"),
    ("at_least = 0.1", "at_least = inf", "target.at_least"),
    ("confidence = 0.9", "confidence = 0.9999999999999999", "target.confidence"),
    ("confidence = 0.9", f"confidence = 0.9\n{GUARDRAIL}\nmin = nan", "guardrail.0.min"),
    ("confidence = 0.9", f"confidence = 0.9\n{KILL}\nbelow = nan", "kill.0.below"),
]


@pytest.mark.parametrize(("old", "new", "key"), EXTREME)
def test_numbers_that_nothing_can_be_computed_from(
    project: Project, old: str, new: str, key: str
) -> None:
    path = project.root / "charter.toml"
    edit(path, old, new)
    with pytest.raises(BadInput, match=rf":\d+: {re.escape(key)}: "):
        Charter.load(path)


OTHER_TYPES = [
    ("at_least = 0.1", "at_least = true", "target.at_least", "valid number"),
    ("at_least = 0.1", 'at_least = "0.1"', "target.at_least", "valid number"),
    ("volume_per_month = 100", "volume_per_month = true", "decision.volume_per_month", "integer"),
    ("volume_per_month = 100", 'volume_per_month = "100"', "decision.volume_per_month", "integer"),
    ("by = 2999-12-31", "by = 1830211200", "target.by", "valid date"),
    ("by = 2999-12-31", 'by = "2027-12-31"', "target.by", "valid date"),
]
SLIPS = [
    ('["approve", "decline"]', '["approve", "decline", "approve"]', "decision.actions", "twice"),
    (
        '"Approve or decline an application"',
        '"            "',
        "decision.statement",
        "at least 1 character",
    ),
    ("confidence = 0.9", f"confidence = 0.9\n{KILL}{KILL}", "kill", "'loss' stands twice"),
    (
        "confidence = 0.9",
        f"confidence = 0.9\n{GUARDRAIL}min = 0.8\n{GUARDRAIL}min = 0.7\n",
        "guardrail",
        "'share' stands twice",
    ),
    (
        "confidence = 0.9",
        f"confidence = 0.9\n{GUARDRAIL}min = 0.8\nmax = 0.1\n",
        "guardrail.0",
        "min 0.8 lies above max 0.1",
    ),
]


@pytest.mark.parametrize(("old", "new", "key", "said"), OTHER_TYPES + SLIPS)
def test_values_that_cannot_be_meant(
    project: Project, old: str, new: str, key: str, said: str
) -> None:
    path = project.root / "charter.toml"
    edit(path, old, new)
    with pytest.raises(BadInput, match=rf":\d+: {re.escape(key)}: .*{said}"):
        Charter.load(path)


def test_whole_numbers_are_numbers_too(project: Project) -> None:
    path = project.root / "charter.toml"
    edit(path, "at_least = 0.1", "at_least = 1")
    assert Charter.load(path).target.at_least == 1.0


def test_an_integer_that_python_does_not_read(project: Project) -> None:
    path = project.root / "charter.toml"
    edit(path, "= 100", f"= 1{'0' * 5000}")
    with pytest.raises(BadInput, match=r"charter\.toml: Exceeds the limit"):
        Charter.load(path)


def test_unknown_keys_are_refused_with_their_line(project: Project) -> None:
    path = project.root / "governance" / "gates.toml"
    edit(path, "require_reachable", "require_reachabel")
    said = "require_reachabel: unknown key; did you mean 'require_reachable'"
    with pytest.raises(BadInput, match=said) as found:
        _ = project.gates
    assert f"{path}:{line_of(path, 'reachabel')}: " in str(found.value)


def test_a_missing_record(project: Project) -> None:
    (project.root / "charter.toml").unlink()
    with pytest.raises(BadInput, match=r"charter\.toml: no such file"):
        _ = project.charter


@pytest.mark.parametrize(
    ("output_use", "domain", "tier"),
    [
        ("internal", "credit", "minimal"),
        ("internal", "none", "minimal"),
        ("informs_about_people", "employment", "high"),
        ("decides_about_people", "credit", "high"),
        ("decides_about_people", "none", "minimal"),
        ("decides_about_people", "other", "minimal"),
        ("interacts_with_people", "none", "limited"),
        ("interacts_with_people", "health", "limited"),
        ("interacts_with_people", "biometrics", "high"),
        ("internal", "biometrics", "minimal"),
        ("safety_component", "none", "high"),
    ],
)
def test_the_tier_follows_from_the_answers(
    project: Project, output_use: str, domain: str, tier: str
) -> None:
    path = project.root / "governance" / "system.toml"
    edit(path, '"decides_about_people"', f'"{output_use}"')
    edit(path, 'domain = "credit"', f'domain = "{domain}"')
    system = System.load(path)
    assert system.tier == tier
    assert system.tier_reason.endswith(".")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("folds: 2", "folds: 1", "train.folds: Input should be greater"),
        ("test_share: 0.3", "test_share: 1.5", "split.test_share"),
        ("kind: random, by: []", "kind: group, by: []", "split: `by` names"),
        ("audit: [age]", "audit: [amount]", "audit columns must not be features"),
        ("numeric: [amount]", "numeric: [risk]", "the target 'risk' is among the features"),
        ("categorical: [housing]", "categorical: [amount]", "a feature is named twice"),
        ("target: risk", "target: [", "no valid YAML"),
        ("target: risk", "goal: risk", "target: Field required"),
    ],
)
def test_broken_params_are_named(project: Project, old: str, new: str, said: str) -> None:
    edit(project.root / "params.yaml", old, new)
    with pytest.raises(BadInput, match=r"params\.yaml") as found:
        _ = load_project(project.root).params
    assert said in str(found.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"target: risk\nseed: caf\xe9\n", r"params\.yaml:2: is not UTF-8"),
        (b"target: " + b"[" * 3000 + b"]" * 3000, r"params\.yaml: is nested too deeply"),
    ],
)
def test_params_that_cannot_be_read(project: Project, content: bytes, said: str) -> None:
    (project.root / "params.yaml").write_bytes(content)
    with pytest.raises(BadInput, match=said):
        _ = load_project(project.root).params
