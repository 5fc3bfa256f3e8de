from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn import datasets

from modelkeel.data.check import check_source
from modelkeel.data.contract import Column, Contract, load_contract
from modelkeel.data.infer import infer
from modelkeel.data.quality import personal_numbers as numbers
from modelkeel.data.quality.personal import refuse_personal, refuse_undeclared, scan
from modelkeel.data.quality.personal_names import kinds_of, may_be_people
from modelkeel.data.sources import ingest
from modelkeel.errors import Refused
from modelkeel.project import Project, load_project

N = 60
FIRST = (
    "Anna",
    "Peter",
    "Giulia",
    "Hans",
    "María",
    "Jürgen",
    "Emma",
    "José",
    "Fatima",
    "Krzysztof",
)
LAST = ("Schmidt", "Müller", "Garcia", "Dupont", "Rossi", "Smith", "Jones", "Öztürk", "Nowak")


def people() -> list[str]:
    return [f"{FIRST[n % 10]} {LAST[n % 9]}" for n in range(N)]


def passing(text: Callable[[int], str], check: Callable[[str], bool]) -> list[str]:
    """The first texts that pass a check."""
    found = []
    for n in range(100_000):
        if check(text(n)):
            found.append(text(n))
        if len(found) == N:
            break
    return found


def german_accounts() -> list[str]:
    accounts = [f"37040044{532013000 + n:010}" for n in range(N)]
    return [f"DE{98 - int(each + '131400') % 97:02}{each}" for each in accounts]


def french() -> list[str]:
    bodies = [f"1{n % 90 + 10}0{n % 9 + 1}75{n % 900 + 100:03}{n + 100:03}" for n in range(N)]
    return [f"{each}{97 - int(each) % 97:02}" for each in bodies]


def what(values: list[Any], name: str = "x", *, health: bool = False) -> str:
    found = scan(pl.DataFrame({name: values}, strict=False), health=health)
    return found[0].what if found else ""


VALUES: dict[str, tuple[str, list[Any]]] = {
    "mail": ("e-mail addresses", [f"p.{n}@firma-{n}.de" for n in range(N)]),
    "mail in a note": (
        "e-mail addresses",
        [f"write to a{n}@b.com soon" if n % 5 == 0 else f"all is well {n}" for n in range(N)],
    ),
    "iban": ("account numbers", german_accounts()),
    "iban in groups": (
        "account numbers",
        [" ".join(each[n : n + 4] for n in range(0, 22, 4)) for each in german_accounts()],
    ),
    "card": ("card numbers", passing(lambda n: f"4111111{n:09}", numbers.card)),
    "card number": ("card numbers", [*map(int, passing(lambda n: f"51{n:014}", numbers.card))]),
    "ssn": ("social security numbers", [f"{123 + n}-{10 + n}-{1000 + n}" for n in range(N)]),
    "phone": ("phone numbers", [f"+49 221 {100000 + n * 37}" for n in range(N)]),
    "phone us": ("phone numbers", [f"(212) 555-{1000 + n}" for n in range(N)]),
    "phone fr": ("phone numbers", [f"06 12 34 {n + 10} {n + 12}" for n in range(N)]),
    "ip": ("IP addresses", [f"192.168.{n}.{n + 2}" for n in range(N)]),
    "ip6": ("IP addresses", [f"2001:db8::{n + 1:x}" for n in range(N)]),
    "address": ("postal addresses", [f"{n + 1} Main Street" for n in range(N)]),
    "address de": ("postal addresses", [f"Hauptstraße {n + 1}" for n in range(N)]),
    "address fr": ("postal addresses", [f"{n + 1} rue de la Paix" for n in range(N)]),
    "address es": ("postal addresses", [f"Calle Mayor {n + 1}" for n in range(N)]),
    "names": ("names of people", people()),
    "titles": ("names of people", [f"{LAST[n % 9]}, Mrs. X{chr(97 + n % 26)}" for n in range(N)]),
    "de": (
        "identity numbers",
        passing(lambda n: f"{30_000_000_000 + n * 7919}", numbers.german_tax),
    ),
    "es": (
        "identity numbers",
        passing(
            lambda n: f"{12345678 + n // 23}{'TRWAGMYFPDXBNJZSQVHLCKE'[n % 23]}", numbers.spanish
        ),
    ),
    "fr": ("identity numbers", french()),
    "pl": (
        "identity numbers",
        passing(
            lambda n: f"{60 + n % 30}0{1 + n % 9}{1 + n % 28:02}{10000 + n:05}", numbers.polish
        ),
    ),
    "gb": ("identity numbers", [f"AB{100000 + n}C" for n in range(N)]),
}


@pytest.mark.parametrize("case", VALUES)
def test_found_by_values(case: str) -> None:
    expected, values = VALUES[case]
    assert what(values) == expected


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (numbers.iban, "GB82 WEST 1234 5698 7654 32", "GB83 WEST 1234 5698 7654 32"),
        (numbers.card, "378282246310005", "378282246310006"),
        (numbers.ssn, "123-45-6789", "666-45-6789"),
        (numbers.german_tax, "86095742719", "86095742718"),
        (numbers.spanish, "X1234567L", "X1234567M"),
        (numbers.french, "255081416802538", "255081416802539"),
        (numbers.italian, "RSSMRA85T10A562S", "RSSMRA85T10A562T"),
        (numbers.belgian, "93051822361", "93051822362"),
        (numbers.polish, "44051401359", "44051401358"),
        (numbers.swedish, "811228-9874", "811228-9875"),
        (numbers.finnish, "131052-308T", "131052-308U"),
        (numbers.swiss, "756.9217.0769.85", "756.9217.0769.84"),
        (numbers.vin, "1M8GDM9AXKP042788", "1M8GDM9A1KP042788"),
    ],
)
def test_check_digits(check: Callable[[str], bool], good: str, bad: str) -> None:
    """Examples that the authorities, or descriptions of the numbers, publish."""
    assert check(good)
    assert not check(bad)


NAMED: dict[str, list[Any]] = {
    "E-Mail": [f"a{n}@b" + ".de" for n in range(N)],
    "Telefonnummer": [f"0221/{100000 + n}" for n in range(N)],
    "phone": [2125550000 + n for n in range(N)],
    "Vorname": [f"Xy{chr(97 + n % 26)}{'a' * (n // 26)}" for n in range(N)],
    "apellidos": [f"Xy{chr(97 + n % 26)}{'a' * (n // 26)}" for n in range(N)],
    "prénom": [f"Xy{chr(97 + n % 26)}{'a' * (n // 26)}" for n in range(N)],
    "customerName": [f"Xy{chr(97 + n % 26)}{'a' * (n // 26)}" for n in range(N)],
    "Name": people(),
    "date_of_birth": [f"19{60 + n % 40}-01-{n % 28 + 1:02}" for n in range(N)],
    "Geburtsdatum": [f"{n % 28 + 1:02}.01.19{60 + n % 40}" for n in range(N)],
    "fecha de nacimiento": [f"{n % 28 + 1:02}/01/1980" for n in range(N)],
    "date_naissance": [f"{n % 28 + 1:02}/01/1980" for n in range(N)],
    "ssn": [f"{123450001 + n}" for n in range(N)],
    "Passport No": [f"C01X{n:05}" for n in range(N)],
    "Kontonummer": [10000000 + n for n in range(N)],
    "Anschrift": [f"Am Hang {n + 1}" for n in range(N)],
    "dirección": [f"Mayor {n + 1}" for n in range(N)],
    "Straße": [f"Am Hang{chr(97 + n % 26)}{'x' * (n // 26)}" for n in range(N)],
    "ip": [f"10.0.0.{n % 9}" for n in range(N)],
    "username": [f"user{n}" for n in range(N)],
    "license plate": [f"K-AB {n + 100}" for n in range(N)],
    "email_hash": [f"{n:064x}" for n in range(N)],
}


@pytest.mark.parametrize("name", NAMED)
def test_found_by_name_where_values_fit(name: str) -> None:
    assert what(NAMED[name], name)
    assert not what(["yes", "no"] * 30, name)
    assert not what(list(range(9)) * 7, name)


def test_names() -> None:
    assert kinds_of("customerEmail")[0] == kinds_of("EMAILADDRESS")[0] == "email"
    assert kinds_of("mean radius") == kinds_of("page") == kinds_of("amount") == []
    assert may_be_people("Name")
    assert not may_be_people("product")


_CITIES = """
Berlin|San Antonio|San Jose|Los Angeles|Charlotte|Austin|Madison|St. Louis|Saint Paul|Jackson|
Santa Maria|Victoria|Virginia Beach|Fort Wayne|Salt Lake City|George Town|Santa Rosa|Sevilla
"""
_PRODUCTS = """
Sofa Oslo|Lamp Max 200|iPhone 12|Chair Anna|USB-C Cable 2m|Milk 1.5%|chevrolet malibu|T-Shirt|
Jack Daniels 0.7|Dr. Oetker Pizza|Ben & Jerry Vanilla|Table|ford torino|Desk Basic|Mug|Pen
"""
CITIES, PRODUCTS = (text.replace("\n", "").split("|") for text in (_CITIES, _PRODUCTS))


def harmless() -> pl.DataFrame:
    """Columns about nobody that have something of what is looked for."""
    rng, n = np.random.default_rng(0), 2000
    count = np.arange(n)
    return pl.DataFrame(
        {
            "city": rng.choice(CITIES, n),
            "product_name": rng.choice(PRODUCTS, n),
            "name": rng.choice(PRODUCTS, n),
            "title": [f"The {PRODUCTS[k % 16]} of {CITIES[k % 18]} {k}" for k in count],
            **{f"n{k}": rng.integers(10 ** (k - 1), 10**k, n) for k in range(9, 17)},
            "visa": 4111111111110000 + count,
            "epoch": 1600000000 + rng.integers(0, 10**8, n),
            "epoch_ms": 1600000000000 + rng.integers(0, 10**11, n),
            "ts": [f"2024-0{k % 9 + 1}-{k % 28 + 1:02} {k % 24:02}:{k % 60:02}:00" for k in count],
            "time": [f"{k % 24:02}:{k % 60:02}:{k % 60:02}" for k in count],
            "day": [f"{k % 28 + 1:02}-0{k % 9 + 1}-2024" for k in count],
            "phone_service": rng.choice(["Yes", "No"], n),
            "mobile_wt": rng.integers(80, 200, n),
            "phone_model": rng.choice(["Nokia 3310", "Pixel 7"], n),
            "contact": rng.choice(["cellular", "telephone", "unknown"], n),
            "mail_channel": rng.choice(["mail", "web"], n),
            "n_emails": rng.integers(0, 50, n),
            "address_count": rng.integers(0, 5, n),
            "street": rng.choice(["Pave", "Grvl"], n),
            "version": [f"1.{k % 9}.{k % 25}.{k % 4}" for k in count],
            "sku": [f"{k % 900 + 100}-{k * 7 % 10000:04}" for k in count],
            "signed": [f"+{each:.5f}" for each in rng.random(n) * 100],
            "zip": [f"{each:05}" for each in rng.integers(0, 10**5, n)],
            "uuid": [f"{k:032x}" for k in count],
            "payment": rng.choice(["credit card", "mailed check"], n),
            "ean": [f"40{each}" for each in rng.integers(10**10, 10**11, n)],
            "nir": rng.integers(5000, 30000, n),
            "mobile_sessions": rng.integers(10**6, 10**8, n),
            "last_login": [f"2024-01-{k % 28 + 1:02}T10:{k % 60:02}:00" for k in count],
            "species name": rng.choice(["Rosa canina", "Victoria regia", "Erica carnea"], n),
            "money": [f"{each:,.2f}" for each in rng.random(n) * 10**6],
            "coordinates": [f"({each:.4f}, {each:.4f})" for each in rng.random(n)],
            "vin": rng.choice(["rouge", "blanc"], n),
            "company": rng.choice(
                ["Siemens AG", "Peter Hahn GmbH", "John Deere", "Tesco", "Aldi"], n
            ),
            "MedInc": rng.lognormal(1, 1, n),
            "HouseAge": rng.integers(1, 52, n),
            "AveOccup": rng.lognormal(1, 0.2, n),
        }
    )


@pytest.mark.parametrize("text", [False, True])
def test_nothing_where_nothing_is(text: bool) -> None:
    frame = harmless().cast(pl.String) if text else harmless()
    assert scan(frame) == []


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "diabetes"])
@pytest.mark.parametrize("health", [False, True])
def test_well_known_tables(name: str, health: bool) -> None:
    known = getattr(datasets, f"load_{name}")()
    frame = pl.DataFrame(known.data, schema=list(known.feature_names))
    assert scan(frame, health=health) == []
    assert scan(frame.cast(pl.String), health=health) == []


HEALTH: dict[str, list[Any]] = {
    "patient_id": list(range(N)),
    "MRN": [f"M{n:06}" for n in range(N)],
    "health_plan_number": [f"H{n}" for n in range(N)],
    "admission_date": [f"2024-01-{n % 28 + 1:02}" for n in range(N)],
    "Entlassungsdatum": [f"{n % 28 + 1:02}.01.2024" for n in range(N)],
    "ZIP": [f"{10000 + n}" for n in range(N)],
    "city": ["Bonn", "Köln"] * 30,
    "age": [40 + n for n in range(N)],
    "photo": [f"img/{n}.png" for n in range(N)],
    "device_serial": [f"SN-{n:05}" for n in range(N)],
    "certificate_number": [f"CERT{n:04}" for n in range(N)],
    "site": [f"https://x.example/{n}" for n in range(N)],
    "car": ["1M8GDM9AXKP042788"] * N,
}


@pytest.mark.parametrize("name", HEALTH)
def test_health(name: str) -> None:
    assert what(HEALTH[name], name, health=True)
    assert not what(HEALTH[name], name)


def test_ages_up_to_89_are_fine() -> None:
    assert not what(list(range(20, 90)), "age", health=True)


def test_large_tables_are_sampled_alike(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pl.DataFrame({"n": range(100_000), "x": [f"a{n}@b.org" for n in range(100_000)]}).write_parquet(
        path
    )
    assert scan(path) == scan(path) == scan(pl.scan_parquet(path))
    assert [each.column for each in scan(path)] == ["x"]


def test_declared_is_fine_and_none_is_refused(tmp_path: Path) -> None:
    frame = pl.DataFrame({"mail": VALUES["mail"][1], "who": people(), "more": people()})
    columns = (
        Column("mail", "string", required=True, classification="personal"),
        Column("who", "string", required=True),
    )
    contract = Contract(tmp_path / "c.yaml", columns)
    found = scan(frame, contract)
    assert [each.column for each in found] == ["who", "more"]
    with pytest.raises(Refused) as error:
        refuse_undeclared(found, contract)
    message = str(error.value) + error.value.remedy
    assert error.value.exit_code == 3
    assert "column who is classified none: 100% of its values look like names of people" in message
    assert "column more is not in the contract" in message
    assert "classification: personal" in message
    assert not any(name in message + str(found) for name in FIRST)
    refuse_undeclared(scan(frame, contract, cleared=["who", "more"]), contract)


def with_mails(project: Project) -> Project:
    lines = ["risk,amount,housing,age,contact"]
    lines += [f"{n % 2},{n},own,30,c{n}@shop.example" for n in range(40)]
    (project.root / "data/source/table.csv").write_text("\n".join(lines))
    return load_project(project.root)


def test_contract_check_and_the_pipeline(project: Project) -> None:
    check_source(project)
    project = with_mails(project)
    with pytest.raises(Refused, match="column contact is not in the contract"):
        check_source(project)
    ingest(project)
    with pytest.raises(Refused, match="100% of its values look like e-mail addresses"):
        refuse_personal(project, load_contract(project.contract_path))
    contract = project.contract_path
    said = "      - {name: contact, logicalType: string, classification: personal}\n"
    contract.write_text(contract.read_text().rstrip() + "\n" + said)
    refuse_personal(project, load_contract(contract))


@pytest.mark.parametrize("domain", ["credit", "health"])
def test_an_inferred_contract_passes(project: Project, tmp_path: Path, domain: str) -> None:
    rng = np.random.default_rng(1)
    table = {**NAMED, **HEALTH}
    frame = pl.DataFrame({"x": rng.random(N), "ok": ["yes", "no"] * 30, **table})
    path = tmp_path / "people.csv"
    frame.write_csv(path)
    system = project.root / "governance/system.toml"
    system.write_text(system.read_text().replace('"credit"\npersonal', f'"{domain}"\npersonal'))
    for name, text in {
        "README.md": "# x\n",
        "dvc.yaml": "stages: {}\n",
        "CHANGELOG.md": "# x\n",
    }.items():
        (project.root / name).write_text(text)
    identity = ("-c", "user.name=T", "-c", "user.email=t@example.com")
    for arguments in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-qm", "first"]):
        subprocess.run(["git", *arguments], cwd=project.root, check=True)
    infer(load_project(project.root), str(path), target="ok", force=True)
    made = load_project(project.root)
    contract = load_contract(made.contract_path)
    assert contract.column("E-Mail").classification == "personal"
    assert "E-Mail" not in made.params.features.names
    assert contract.column("x").classification == "none"
    ingest(made)
    refuse_personal(made, contract)
