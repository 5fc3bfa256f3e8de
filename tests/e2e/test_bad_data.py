"""Bad tables: one message that names the place and the remedy, and nothing is half-written."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from generated import Repo

pytestmark = pytest.mark.slow

Rows = list[list[str]]


def edit_rows(source: Path, change: Callable[[Rows], Rows]) -> None:
    with source.open(encoding="utf-8", newline="") as file:
        rows = change(list(csv.reader(file)))
    with source.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def without_target(source: Path) -> None:
    edit_rows(source, lambda rows: [row[1:] for row in rows])  # risk is the first column


def without_a_class(source: Path) -> None:
    edit_rows(source, lambda rows: [row for row in rows if row[0] != "0"])


def wrong_type_in_row_512(source: Path) -> None:
    def change(rows: Rows) -> Rows:
        rows[512][rows[0].index("duration")] = "two years"
        return rows

    edit_rows(source, change)


def ragged_row_300(source: Path) -> None:
    edit_rows(source, lambda rows: [*rows[:300], rows[300][:-1], *rows[301:]])


def not_utf_8(source: Path) -> None:
    source.write_bytes(source.read_bytes().replace(b"car", b"c\xe4r", 1))


CASES: list[tuple[Callable[[Path], None], str, int, list[str]]] = [
    (without_target, "sources", 2, ["german_credit.csv", "target column 'risk'"]),
    (without_a_class, "validate", 2, ["german_credit.csv", "column risk", "class '0'"]),
    (wrong_type_in_row_512, "validate", 3, ["german_credit.csv", "row 512, column duration"]),
    (ragged_row_300, "sources", 2, ["german_credit.csv", "row 300", "9 values"]),
    (not_utf_8, "sources", 2, ["german_credit.csv", "UTF-8", "0xe4"]),
]


@pytest.mark.parametrize(
    ("damage", "stage", "code", "told"), CASES, ids=[each[0].__name__ for each in CASES]
)
def test_the_stage_names_place_and_remedy(
    damage: Callable[[Path], None], stage: str, code: int, told: list[str], changeable: Repo
) -> None:
    valid, approved = (changeable.root / "data/valid.parquet").read_bytes(), changeable.approved()
    damage(changeable.source)
    checked = changeable.run("keel", "contract", "check", check=False)
    assert checked.returncode == code
    stages = ["sources", "validate"]
    for name in stages[: stages.index(stage)]:
        changeable.run("python", "-m", f"{changeable.package}.{name}")
    done = changeable.run("python", "-m", f"{changeable.package}.{stage}", check=False)
    assert done.returncode == code
    for said in (checked.stderr, done.stderr):
        assert said.count("error: ") == said.count("remedy: ") == 1
        assert "Traceback" not in said
    for part in told:
        assert part in done.stderr
    assert (changeable.root / "data/valid.parquet").read_bytes() == valid
    assert changeable.approved() == approved


def test_dvc_stops_and_a_mended_source_brings_everything_back(changeable: Repo) -> None:
    good, approved = changeable.source.read_bytes(), changeable.approved()
    valid = (changeable.root / "data/valid.parquet").read_bytes()
    bundle = (changeable.root / "models/bundle/manifest.json").read_bytes()
    wrong_type_in_row_512(changeable.source)
    done = changeable.run("dvc", "repro", check=False)
    assert done.returncode != 0
    assert "row 512, column duration: 'two years' is no integer" in done.stdout + done.stderr
    left = changeable.root / "data/valid.parquet"
    assert left.read_bytes() == valid
    assert (changeable.root / "models/bundle/manifest.json").read_bytes() == bundle
    assert changeable.approved() == approved

    changeable.source.write_bytes(good)
    said = changeable.run("dvc", "repro").stdout
    assert "Running stage 'train'" not in said
    assert left.read_bytes() == valid
    assert (changeable.root / "models/bundle/manifest.json").read_bytes() == bundle
