from __future__ import annotations

import hashlib
import hmac
import sqlite3
from pathlib import Path

import polars as pl
import pytest

from modelkeel.data.contract import Column, Normalise, load_contract
from modelkeel.data.quality.personal import refuse_personal
from modelkeel.data.quality.pseudonyms import KEY_VARIABLE, pseudonymise
from modelkeel.data.sources import ingest
from modelkeel.errors import BadInput
from modelkeel.project import Project, load_project

KEY = b"a secret of more than sixteen bytes"
SOURCE = "sources: [{name: table, path: data/source/table.csv}]"
CUSTOMER = """
      - name: customer
        logicalType: string
        classification: personal
        customProperties: [{property: pseudonymise, value: true}]
"""


def of(values: list[object], column: str | Column = "who") -> list[str | None]:
    frame = pl.LazyFrame({"who": values, "n": range(len(values))}, strict=False)
    return pseudonymise(frame, [column], KEY).collect()["who"].to_list()


def test_a_pseudonym_is_an_hmac() -> None:
    expected = hmac.new(KEY, b"ada@x.org", hashlib.sha256).hexdigest()[:32]
    assert of(["ada@x.org", None, " ada@x.org ", "", "bob"])[:4] == [expected, None, expected, None]


def test_a_number_is_its_text() -> None:
    assert of([7]) == of(["7"]) == of([7.0])
    assert of(["007"]) != of(["7"]) != of([7.5])
    assert of(["Zo\u00eb"]) == of(["Zoe\u0308"])


def test_all_of_a_column_in_any_batch() -> None:
    many = [f"p{each % 1000}" for each in range(50_000)]
    found = of(many)
    assert len(set(found)) == 1000
    assert found[:1000] == found[1000:2000] == of(many[:1000])


def test_what_the_contract_says_comes_first() -> None:
    how = Normalise(case="lower", missing=("n/a",), synonyms={"bobby": "bob"})
    column = Column("who", "string", required=False, normalise=how)
    assert of(["BOB", "n/a", "Bobby"], column) == [of(["bob"])[0], None, of(["bob"])[0]]


def test_a_column_that_is_not_there_is_passed_by() -> None:
    frame = pl.LazyFrame({"a": [1]})
    assert pseudonymise(frame, ["b"], KEY).collect().columns == ["a"]


@pytest.mark.parametrize("key", [None, "short"])
def test_no_key(key: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    if key:
        monkeypatch.setenv(KEY_VARIABLE, key)
    with pytest.raises(BadInput, match=KEY_VARIABLE) as error:
        pseudonymise(pl.LazyFrame({"who": ["a"]}), ["who"])
    assert "secrets.token_hex" in error.value.remedy


@pytest.fixture
def named(project: Project) -> Project:
    """The project with a column of customers."""
    contract = project.contract_path
    contract.write_text(contract.read_text().rstrip() + CUSTOMER)
    return project


def held(path: Path) -> str:
    """All that a Parquet file holds, and its bytes."""
    return str(pl.read_parquet(path).rows()) + path.read_bytes().decode("latin-1")


def test_ingest(named: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["risk,amount,housing,age,customer"]
    lines += [f"{n % 2},{n},own,30,customer{n % 4}@shop.example" for n in range(40)]
    (named.root / "data/source/table.csv").write_text("\n".join(lines))
    monkeypatch.setenv(KEY_VARIABLE, KEY.decode())
    raw = ingest(named).path
    assert "@shop" not in held(raw)
    assert pl.read_parquet(raw)["customer"].n_unique() == 4
    kept = [
        path for path in named.data_dir.rglob("*") if path.is_file() and "source" not in str(path)
    ]
    assert sorted(path.name for path in kept) == ["inputs.json", "raw.parquet"]
    first = raw.read_bytes()
    assert ingest(named).path.read_bytes() == first


def test_ingest_that_goes_on(named: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run without the key keeps what it fetched; the next ones go on from there."""
    source = 'sources: [{name: table, url: "sqlite:///shop.db", table: shop, watermark: id}]'
    params = named.root / "params.yaml"
    params.write_text(params.read_text().replace(SOURCE, source))
    project = load_project(named.root)

    def add(first: int, last: int) -> None:
        with sqlite3.connect(project.root / "shop.db") as shop:
            rows = [(n, n % 2, 1.0, "own", 30, f"name{n % 4}") for n in range(first, last)]
            shop.executemany("INSERT INTO shop VALUES (?, ?, ?, ?, ?, ?)", rows)
        shop.close()

    with sqlite3.connect(project.root / "shop.db") as shop:
        columns = "id INT, risk INT, amount REAL, housing TEXT, age INT, customer TEXT"
        shop.execute(f"CREATE TABLE shop ({columns})")
    shop.close()
    add(0, 40)
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    with pytest.raises(BadInput, match=KEY_VARIABLE):
        ingest(project)
    raw = project.data_dir / "raw.parquet"
    assert not raw.exists()
    monkeypatch.setenv(KEY_VARIABLE, KEY.decode())
    ingest(project)
    before = pl.read_parquet(raw)["customer"]
    add(40, 60)
    assert ingest(project).rows == 60
    after = pl.read_parquet(raw)["customer"]
    assert after.head(40).equals(before)
    assert after.n_unique() == 4
    assert "name1" not in held(raw)


@pytest.mark.parametrize(
    ("old", "new", "role"),
    [
        ("categorical: [housing]", "categorical: [housing, customer]", "a feature"),
        ("target: risk", "target: customer", "the target"),
    ],
)
def test_the_model_gets_no_pseudonyms(named: Project, old: str, new: str, role: str) -> None:
    params = named.root / "params.yaml"
    params.write_text(params.read_text().replace(old, new))
    project = load_project(named.root)
    with pytest.raises(BadInput, match=f"customer: .* makes it {role}"):
        refuse_personal(project, load_contract(project.contract_path))
