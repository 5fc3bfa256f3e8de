"""From a table to the files of a repository."""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from modelkeel.data.contract import check, load_contract
from modelkeel.data.infer import Inferred, infer, writing
from modelkeel.data.sources import ROW, read_source
from modelkeel.errors import BadInput, KeelError
from modelkeel.project import Project, load_project

from .conftest import git

Write = Callable[..., str]


def roles(found: Inferred) -> dict[str, str]:
    return {each.column.name: each.role for each in found.columns}


def state(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and ".git" not in path.parts
    }


def test_a_table_takes_the_place_of_the_example(
    saved: Project, customers: pl.DataFrame, write: Write
) -> None:
    found = infer(saved, write(customers, "Kunden 2024.csv"), target="Kauft?")
    assert roles(found) == {
        "Nr.": "left out",
        "E-Mail": "left out",
        "Einkommen (€)": "numeric",
        "income USD": "left out",
        "Stadt": "categorical",
        "seit": "numeric",
        "age": "audit",
        "const": "left out",
        "contract": "left out",
        "Kauft?": "target",
    }
    project = load_project(saved.root)
    params = project.params
    assert params.target == project.charter.outcome.label == "Kauft?"
    assert params.sources[0].path == "data/source/kunden_2024.csv"
    assert not (saved.root / "data/source/table.csv").exists()
    assert not (saved.root / "governance/data/table.odcs.yaml").exists()
    assert not (saved.root / "tests/behaviour/test_credit.py").exists()
    assert set(project.charter.outcome.classes) == {"yes", "no"}
    assert project.charter.owner.accountable == "owner@bank.example"
    assert all("assumed" in each.source for each in project.charter.value.payoff)
    contract = load_contract(project.contract_path)
    assert contract.column("E-Mail").classification == "personal"
    assert contract.column("Nr.").unique
    assert not contract.column("Stadt").required
    rows = read_source(params.sources[0], saved.root)
    checked = check(rows, contract)
    assert checked.quarantined == 0
    assert set(checked.valid["Stadt"].drop_nulls()) == {"köln", "bonn", "mainz"}
    assert checked.valid["seit"].dtype == pl.Date
    request = (saved.root / "README.md").read_text(encoding="utf-8")
    assert '"Einkommen (€)": ' in request
    assert '"amount"' not in request


def test_what_is_told(saved: Project, customers: pl.DataFrame, write: Write) -> None:
    import json

    found = infer(saved, write(customers), target="Kauft?")
    told = json.loads(found.to_json())
    assert told["task"] == "classification"
    assert told["params"]["target"] == "Kauft?"
    text = found.to_text()
    for part in ("identifies the row", "gives the target away", "dvc repro", "assumptions"):
        assert part in text


def test_a_number_turns_the_repository_to_regression(
    saved: Project, customers: pl.DataFrame, write: Write
) -> None:
    table = customers.select("age", "Stadt", profit=pl.col("income USD") - 25_000)
    infer(saved, write(table), target="profit")
    project = load_project(saved.root)
    assert project.task == project.charter.task == "regression"
    assert project.params.train.model["loss"] == "squared_error"
    assert "Residuals" in (saved.root / "dvc.yaml").read_text(encoding="utf-8")
    over, under = project.charter.over_under()
    assert over == under == -1.0
    assert project.gates.baseline.max_loss_to_linear > 1


def test_rows_of_one_customer_are_held_out_together(saved: Project, write: Write) -> None:
    rng, rows = np.random.default_rng(1), 600
    table = pl.DataFrame(
        {
            "customer_id": rng.integers(0, 150, rows),
            "x": rng.normal(size=rows),
            "y": rng.choice(["a", "b", "c"], rows),
        }
    )
    infer(saved, write(table), target="y")
    split = load_project(saved.root).params.split
    assert (split.kind, split.by) == ("group", ["customer_id"])


def test_a_rare_class_counts_as_much_as_the_common_one(saved: Project, write: Write) -> None:
    rng, rows = np.random.default_rng(1), 3000
    table = pl.DataFrame({"x": rng.normal(size=rows), "y": (np.arange(rows) < 30).astype(int)})
    found = infer(saved, write(table), target="y")
    charter = load_project(saved.root).charter
    worth = {(p.action, p.outcome): p.amount for p in charter.value.payoff}
    assert worth["treat as 1", "1"] == pytest.approx(50)
    assert any("rare" in doubt for doubt in found.doubts)


def test_rows_without_target_are_allowed_for(saved: Project, write: Write) -> None:
    rng, rows = np.random.default_rng(1), 400
    y = [None if at % 20 == 0 else str(at % 3) for at in range(rows)]
    table = pl.DataFrame({"x": rng.normal(size=rows), "y": y})
    found = infer(saved, write(table), target="y")
    assert any("have no 'y'" in doubt for doubt in found.doubts)
    assert 0.05 <= load_project(saved.root).gates.contract.max_quarantine_share <= 0.1


def test_headers_that_repeat_or_are_empty_are_mended(
    saved: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("odd") / "odd.csv"
    rows = "".join(f"{at % 7},{at % 5},{at * 3 % 11},{at % 2}\n" for at in range(100))
    path.write_text("a,a,,rows\n" + rows, encoding="utf-8")
    found = infer(saved, str(path), target="rows_")
    assert list(roles(found)) == ["a", "a_2", "column_3", "rows_"]
    source = load_project(saved.root).params.sources[0]
    assert source.rename == {"rows": "rows_"}
    assert read_source(source, saved.root).columns == [ROW, "a", "a_2", "column_3", "rows_"]


def test_names_that_no_request_carries_are_renamed(saved: Project, write: Write) -> None:
    table = noise(100, **{'a "b"\n': list(range(50)) * 2, "y": ["u", "v"] * 50})
    infer(saved, write(table, "t.parquet"), target="y")
    params = load_project(saved.root).params
    assert params.sources[0].rename == {'a "b"\n': "a b"}
    assert "a b" in params.features.names


def test_a_small_table_of_distinct_numbers_has_no_twins(saved: Project, write: Write) -> None:
    rng = np.random.default_rng(1)
    table = noise(200, z=rng.normal(size=200), y=rng.choice(["u", "v"], 200))
    found = infer(saved, write(table), target="y")
    assert roles(found) == {"x": "numeric", "z": "numeric", "y": "target"}


def test_a_number_of_few_stores_is_a_category(saved: Project, write: Write) -> None:
    rng = np.random.default_rng(0)
    table = noise(400, store_id=rng.integers(1, 9, 400), y=rng.choice(["u", "v"], 400))
    infer(saved, write(table, "t.parquet"), target="y")
    project = load_project(saved.root)
    assert project.params.features.categorical == ["store_id"]
    categories = load_contract(project.contract_path).column("store_id").categories
    assert categories == tuple("12345678")


def noise(rows: int, **columns: Any) -> pl.DataFrame:
    return pl.DataFrame({"x": np.random.default_rng(0).normal(size=rows), **columns})


REFUSED: list[tuple[pl.DataFrame, str, str]] = [
    (noise(100, risk=["a", "b"] * 50), "risc", "has no column 'risc'"),
    (noise(100, y=["a"] * 100), "y", "one value only"),
    (noise(20, y=["a", "b"] * 10), "y", "at least 50 are needed"),
    (noise(100, y=["a"] * 95 + ["b"] * 5), "y", "class 'b' has 5 rows; at least 10"),
    (noise(100, y=[f"text {at}" for at in range(100)]), "y", "100 different values"),
    (noise(100, y=["2020-01-01", "2020-01-02"] * 50), "y", "is a date"),
    (
        pl.DataFrame({"id": range(100), "k": ["c"] * 100, "y": ["a", "b"] * 50}),
        "y",
        "no column can be a feature: id identifies the row; k constant",
    ),
]


@pytest.mark.parametrize(("table", "target", "said"), REFUSED, ids=[each[2] for each in REFUSED])
def test_what_cannot_be_learned_is_refused_and_nothing_changes(
    table: pl.DataFrame, target: str, said: str, saved: Project, write: Write
) -> None:
    before = state(saved.root)
    with pytest.raises(BadInput, match=said) as raised:
        infer(saved, write(table), target=target)
    assert raised.value.remedy
    assert state(saved.root) == before


def test_an_empty_file_is_refused(saved: Project, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").touch()
    with pytest.raises(BadInput, match="is empty"):
        infer(saved, str(tmp_path / "empty.csv"), target="y")


def test_uncommitted_work_is_not_replaced_unless_forced(
    saved: Project, customers: pl.DataFrame, write: Write
) -> None:
    path = saved.root / "params.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "# mine\n", encoding="utf-8")
    before = state(saved.root)
    with pytest.raises(BadInput, match=r"params\.yaml: would be replaced"):
        infer(saved, write(customers), target="Kauft?")
    assert state(saved.root) == before
    infer(saved, write(customers), target="Kauft?", force=True)
    assert load_project(saved.root).params.target == "Kauft?"


def test_without_git_nothing_is_replaced(
    project: Project, customers: pl.DataFrame, write: Write
) -> None:
    with pytest.raises(BadInput, match="has no commit"):
        infer(project, write(customers), target="Kauft?")


def test_a_failure_while_writing_changes_nothing(
    saved: Project, customers: pl.DataFrame, write: Write
) -> None:
    (saved.root / "data/README.md").mkdir()  # cannot be replaced by a file
    before = state(saved.root)
    with pytest.raises(KeelError, match="nothing was changed"):
        infer(saved, write(customers), target="Kauft?")
    assert state(saved.root) == before
    assert git(saved.root, "status", "--porcelain") == ""


def test_a_run_that_was_killed_is_undone(saved: Project) -> None:
    before = state(saved.root)
    hold = saved.root / ".keel-infer"
    (hold / "old").mkdir(parents=True)
    (hold / "old/params.yaml").write_bytes(before["params.yaml"])
    (hold / "journal.json").write_text('{"params.yaml": true, "new.txt": false}')
    (saved.root / "params.yaml").write_text("half")
    (saved.root / "new.txt").write_text("half")
    writing.put_back(saved.root)
    assert state(saved.root) == before


def test_the_champion_of_another_table_is_no_longer_served(
    saved: Project, customers: pl.DataFrame, write: Write
) -> None:
    champion = saved.root / "models/champion.json"
    champion.parent.mkdir()
    champion.write_text("{}")
    found = infer(saved, write(customers), target="Kauft?")
    assert not champion.exists()
    assert (saved.root / "models/champion.retired.json").read_text() == "{}"
    assert any("no longer served" in doubt for doubt in found.doubts)


def test_typed_tables(saved: Project, customers: pl.DataFrame, write: Write) -> None:
    table = customers.select(
        pl.col("seit").str.to_date(),
        pl.col("income USD"),
        flag=pl.col("age") > 40,
        bought=pl.col("Kauft?") == "yes",
    )
    found = infer(saved, write(table, "typed.parquet"), target="bought")
    kinds = {each.column.name: each.column.kind for each in found.columns}
    assert kinds == {"seit": "date", "income USD": "number", "flag": "boolean", "bought": "string"}
    project = load_project(saved.root)
    assert set(project.charter.outcome.classes) == {"true", "false"}
    rows = read_source(project.params.sources[0], saved.root)
    assert check(rows, load_contract(project.contract_path)).quarantined == 0


def test_a_second_table_takes_the_place_of_the_first(
    saved: Project, customers: pl.DataFrame, write: Write
) -> None:
    infer(saved, write(customers, "one.csv"), target="Kauft?")
    git(saved.root, "add", "-A")
    git(saved.root, "commit", "-qm", "one")
    infer(load_project(saved.root), write(customers, "two.csv"), target="age")
    assert sorted(path.name for path in (saved.root / "data/source").iterdir()) == ["two.csv"]
    contracts = sorted(path.name for path in (saved.root / "governance/data").iterdir())
    assert contracts == ["two.odcs.yaml"]
    project = load_project(saved.root)
    assert project.task == "regression"
    assert tomllib.loads((saved.root / "charter.toml").read_text())["outcome"]["label"] == "age"


def test_a_database_that_a_variable_names(
    saved: Project, customers: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sqlite3

    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute("CREATE TABLE orders (amount REAL, size INTEGER, back TEXT)")
        rows = [(n * 7.5 % 90, n % 13, "yes" if n % 3 else "no") for n in range(400)]
        connection.executemany("INSERT INTO orders VALUES (?, ?, ?)", rows)
    monkeypatch.setenv("SHOP", f"sqlite:///{tmp_path / 'shop.db'}")
    infer(saved, "${SHOP}", query="SELECT * FROM orders", target="back", name="orders")
    assert load_project(saved.root).params.sources[0].url == "${SHOP}"
    text = (saved.root / "params.yaml").read_text(encoding="utf-8")
    assert str(tmp_path) not in text


def test_a_variable_that_is_not_set(saved: Project) -> None:
    with pytest.raises(BadInput, match="NOWHERE is not set"):
        infer(saved, "${NOWHERE}", query="SELECT 1", target="back")
