"""A small project on disk, with real records."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import settings

from modelkeel.project import Project, load_project

sys.path.append(str(Path(__file__).parent))  # for `publishing` and `privacy_record`

settings.register_profile("untimed", deadline=None)  # a first example may import a library
settings.load_profile("untimed")

CHARTER = """
schema = "charter/1"
[decision]
statement = "Approve or decline an application"
subject = "applicant"
actions = ["approve", "decline"]
volume_per_month = 100
[owner]
accountable = "owner@bank.example"
[outcome]
label = "risk"
delay_days = 30
[outcome.classes]
1 = "repaid"
0 = "not repaid"
[value]
unit = "EUR"
payoff = [
    { action = "approve", outcome = "1", amount = 1.0, source = "finance" },
    { action = "approve", outcome = "0", amount = -2.0, source = "finance" },
    { action = "decline", outcome = "1", amount = 0.0, source = "finance" },
    { action = "decline", outcome = "0", amount = 0.0, source = "finance" },
]
[baseline]
policy = "approve"
[target]
metric = "uplift_per_decision"
at_least = 0.1
by = 2999-12-31
confidence = 0.9
"""
SYSTEM = """
schema = "system/1"
[identity]
name = "credit"
purpose = "Decide on applications"
owner = "owner@bank.example"
[use]
output_use = "decides_about_people"
domain = "credit"
personal_data = "personal"
jurisdictions = ["EU"]
"""
GATES = """
schema = "gates/1"
[contract]
max_quarantine_share = 0.0
[baseline]
min_uplift = 0.0
max_loss_to_linear = 0.05
[target]
require_reachable = true
[golden]
max_difference = 1e-6
"""
PARAMS = """
sources: [{name: table, path: data/source/table.csv}]
contract: governance/data/table.odcs.yaml
target: risk
features: {numeric: [amount], categorical: [housing]}
audit: [age]
split: {kind: random, by: [], test_share: 0.3, seed: 1}
train: {seed: 1, folds: 2, model: {max_iter: 5}}
evaluate: {bootstrap: 100, confidence: 0.9, slices: []}
"""
CONTRACT = """
apiVersion: v3.2.0
kind: DataContract
id: table
version: 1.0.0
status: active
schema:
  - name: table
    properties:
      - {name: risk, logicalType: integer, required: true, enum: [{value: "1"}, {value: "0"}]}
      - name: amount
        logicalType: number
        required: true
        logicalTypeOptions: {minimum: 0, maximum: 1000}
      - {name: housing, logicalType: string, required: false, enum: [{value: own}, {value: rent}]}
      - {name: age, logicalType: integer, required: true, classification: personal}
"""
PYPROJECT = '[tool.modelkeel]\nname = "credit"\npackage = "credit"\ntask = "classification"\n'


@pytest.fixture
def project(tmp_path: Path) -> Project:
    files = {
        "charter.toml": CHARTER,
        "params.yaml": PARAMS,
        "pyproject.toml": PYPROJECT,
        "governance/system.toml": SYSTEM,
        "governance/gates.toml": GATES,
        "governance/data/table.odcs.yaml": CONTRACT,
        "data/source/table.csv": table(),
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return load_project(tmp_path)


def table(rows: int = 40) -> str:
    """A CSV that holds the contract."""
    lines = ["risk,amount,housing,age"]
    lines += (
        f"{row % 2},{row * 10.5},{'own' if row % 3 else 'rent'},{20 + row % 50}"
        for row in range(rows)
    )
    return "\n".join(lines) + "\n"
