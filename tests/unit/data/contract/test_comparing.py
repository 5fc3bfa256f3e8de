import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from modelkeel.data.contract import Contract, diff, diff_against, refuse_breaking
from modelkeel.errors import BadInput, Refused

Make = Callable[..., Contract]
A = "name: a, logicalType: integer"


@pytest.mark.parametrize(
    ("old", "new", "effect", "what"),
    [
        (A, "name: b, logicalType: integer", "breaking", "a: was removed"),
        (A, "name: a, logicalType: number", "breaking", "a: type is number, was integer"),
        (A, f"{A}, required: true", "breaking", "a: must have a value now"),
        (f"{A}, required: true", A, "breaking", "a: may be missing now"),
        (f"{A}, logicalTypeOptions: {{minimum: 0}}", A, "compatible", "minimum is none, was 0"),
        (A, f"{A}, logicalTypeOptions: {{maximum: 9}}", "breaking", "maximum is 9, was none"),
        (
            f"{A}, enum: [{{value: 1}}]",
            f"{A}, enum: [{{value: 2}}]",
            "breaking",
            "no longer takes 1",
        ),
        (f"{A}, enum: [{{value: 1}}]", A, "compatible", "takes any value now"),
        (f"{A}, classification: personal", A, "breaking", "classification is none, was personal"),
        (A, f"{A}, classification: special", "compatible", "classification is special"),
        (A, f"{A}, description: Age", "compatible", "a: was described differently"),
        (A, f"{A}, customProperties: [{{property: decimal, value: ','}}]", "breaking", "is read"),
        (A, f"{A}, customProperties: [{{property: unit, value: kg}}]", "breaking", "unit is kg"),
    ],
)
def test_each_change_is_named(
    contract_of: Make, old: str, new: str, effect: str, what: str
) -> None:
    found = diff(contract_of(old), contract_of(new))
    said = [f"{each.where}: {each.what}" for each in found.changes if each.effect == effect]
    assert any(what in each for each in said), found.to_text()


def test_no_change(contract_of: Make) -> None:
    found = diff(contract_of(A), contract_of(A))
    assert found.changes == ()
    assert "no change" in found.to_text()


def test_a_contract_against_a_revision(contract_of: Make) -> None:
    path = contract_of(A).path
    git(path, "init", "-q")
    git(path, "add", ".")
    git(path, "-c", "user.name=a", "-c", "user.email=a@b.example", "commit", "-qm", "a")
    assert diff_against(path, "HEAD").changes == ()
    path.write_text(path.read_text().replace("integer", "string"))
    found = diff_against(path, "HEAD")
    assert json.loads(found.to_json())["breaking"] is True
    with pytest.raises(Refused, match=r"raise `version` to 2\.0\.0|type is string"):
        refuse_breaking(found)
    path.write_text(path.read_text().replace("version: 1.0.0", "version: 2.0.0"))
    refuse_breaking(diff_against(path, "HEAD"))
    other = path.with_name("new.odcs.yaml")
    other.write_text(path.read_text())
    assert diff_against(other, "HEAD").changes == ()
    for ref in ("nowhere", "--output=x"):
        with pytest.raises(BadInput, match="git knows no revision"):
            diff_against(path, ref)


def git(path: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=path.parent, check=True)
