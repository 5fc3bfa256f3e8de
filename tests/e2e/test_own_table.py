"""A table of the user's own takes the example's place: infer, train, promote, serve, check."""

import csv
import json
import math
import random
from pathlib import Path

import pytest
from generated import IDENTITY, Repo, example_of, run, serving

pytestmark = pytest.mark.slow

HEADER = ["Nr.", "E-Mail", "Einkommen (€)", "Stadt", "seit", "Anmerkung", "sex", "Stufe"]


def customers(path: Path, rows: int = 900) -> Path:
    """Three classes; decimal commas, German dates, missing and stray values, spellings."""
    chance = random.Random(4)  # noqa: S311 - a table to learn from, no secret
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, delimiter=";")
        table.writerow(HEADER)
        for number in range(1, rows + 1):
            income = math.exp(chance.gauss(10, 0.5))
            city = chance.choice(["Köln", "köln ", "Bonn", "Mainz"])
            score = math.log(income) - 10 + (city == "Mainz") + chance.gauss(0, 0.4)
            day, month, year = (chance.randint(1, top) for top in (28, 12, 3))
            shown = f"{income:.2f}".replace(".", ",")
            table.writerow(
                [
                    number,
                    f"p{number}@example.org",
                    "k. A." if number % 40 == 0 else shown,
                    "" if number % 11 == 0 else city,
                    f"{day:02}.{month:02}.{2020 + year}",
                    f"Der Kunde rief an und fragte nach dem Vorgang {number}",
                    chance.choice(["f", "m"]),
                    "hoch" if score > 0.7 else "mittel" if score > 0 else "niedrig",
                ]
            )
    return path


def test_three_commands_train_and_serve_a_model_of_the_users_own_table(
    changeable: Repo, tmp_path: Path
) -> None:
    table = customers(tmp_path / "Kunden März.csv")
    target = ("--target", "Stufe", "--json")
    refused = changeable.run("keel", "contract", "infer", str(table), "--target", "x", check=False)
    assert refused.returncode == 2
    assert "no column 'x'" in refused.stderr
    assert changeable.champion_file.exists()

    told = json.loads(changeable.run("keel", "contract", "infer", str(table), *target).stdout)
    roles = {each["name"]: each["role"] for each in told["columns"]}
    assert roles == {
        "Nr.": "left out",
        "E-Mail": "left out",
        "Einkommen (€)": "numeric",
        "Stadt": "categorical",
        "seit": "numeric",
        "Anmerkung": "left out",
        "sex": "audit",
        "Stufe": "target",
    }
    assert not changeable.champion_file.exists()  # that of another table
    assert not changeable.source.exists()
    git = ["git", *IDENTITY]
    run([*git, "add", "-A"], changeable.root, changeable.env)
    run([*git, "commit", "-qm", "own table"], changeable.root, changeable.env)

    changeable.run("dvc", "repro")
    said = changeable.run("keel", "model", "promote", "--trial").stdout
    assert "is champion" in said
    with serving(changeable) as client:
        row = example_of(client)
        assert set(row) == {"Einkommen (€)", "Stadt", "seit"}
        answer = client.post("/predict", json=row).json()
        assert set(answer["probabilities"]) == {"hoch", "mittel", "niedrig"}
        written = {"Einkommen (€)": "21984,50", "Stadt": "KÖLN", "seit": "01.02.2021"}
        plain = {"Einkommen (€)": 21984.5, "Stadt": "köln", "seit": "2021-02-01"}
        answers = [client.post("/predict", json=each).json() for each in (written, plain)]
        assert answers[0]["probabilities"] == answers[1]["probabilities"]
    changeable.run("nox", "-s", "lint", "types", "tests", "notebook")
