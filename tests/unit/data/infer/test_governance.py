"""What becomes of the records that speak of a table."""

from collections.abc import Callable
from datetime import date

import polars as pl

from modelkeel.data.infer import infer
from modelkeel.data.infer.reasons import reasons_text
from modelkeel.project import Project, load_project
from modelkeel.records.answer import Todo

from .conftest import git

Write = Callable[..., str]
REASONS = """
schema = "reasons/1"
adverse = "decline"
reference = "the median of what was repaid"
[[reason]]
code = "AMOUNT"
text = "The amount is high."
features = ["amount", "housing"]
"""
GATES = """
[performance]
min_auc = 0.6
[champion]
max_loss = 7.0
[robustness]
max_missing_flips = 0.3
[fairness]
favourable = "approve"
columns = ["sex"]
"""
CHARTER = """
[[guardrail]]
id = "ratio"
metric = "selection_rate_ratio(sex)"
min = 0.8
why = "it should not depend on sex"
[[kill]]
id = "value_negative"
window_days = 90
[review]
every_days = 90
expires = 2999-12-31
"""


def test_reasons_gates_and_charter_follow_the_table(
    saved: Project, customers: pl.DataFrame, write: Write
) -> None:
    for name, text in (("governance/gates.toml", GATES), ("charter.toml", CHARTER)):
        path = saved.root / name
        path.write_text(path.read_text() + text)
    (saved.governance_dir / "reasons.toml").write_text(REASONS)
    git(saved.root, "add", "-A")
    git(saved.root, "commit", "-qm", "records")
    found = infer(saved, write(customers, "Kunden.csv"), target="Kauft?")
    project = load_project(saved.root)
    reasons, gates, charter = project.reasons, project.gates, project.charter
    assert reasons is not None
    assert [each.features for each in reasons.reason] == [
        [name] for name in project.params.features.names
    ]
    assert all(isinstance(each.text, Todo) for each in reasons.reason)
    assert reasons.adverse in charter.decision.actions
    assert reasons.forbidden == project.params.audit
    assert gates.performance.min_auc == 0.5
    assert gates.champion.max_loss == gates.baseline.max_loss_to_linear
    assert gates.robustness.max_missing_flips == 1.0
    assert any("robustness.max_missing_flips" in each for each in found.doubts)
    assert gates.fairness.favourable is None
    assert set(gates.fairness.columns) <= set(project.params.audit)
    assert charter.guardrail == []
    assert [each.id for each in charter.kill] == ["value_negative"]
    assert charter.review is not None
    assert any("reasons.toml" in each for each in found.doubts)


def test_no_reasons_where_there_were_none(
    saved: Project, customers: pl.DataFrame, write: Write
) -> None:
    infer(saved, write(customers, "Kunden.csv"), target="Kauft?")
    assert not (saved.governance_dir / "reasons.toml").exists()


def test_each_feature_has_a_code_of_its_own() -> None:
    text = reasons_text(["Größe", "größe", "1st", "$", "#"], [], "no", "a@b.eu", date(2026, 1, 1))
    codes = [line for line in text.splitlines() if line.startswith("code")]
    assert len(set(codes)) == 5
    assert "2026-04-01" in text
