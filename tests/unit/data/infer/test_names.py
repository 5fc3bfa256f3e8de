"""What the name of a column tells."""

import pytest

from modelkeel.data.infer import names


@pytest.mark.parametrize(
    ("name", "attribute"),
    [
        ("Sex", "sex"),
        ("applicant_age", "age"),
        ("AGE", "age"),
        ("Ethnicity", "origin"),
        ("religion", "belief"),
        ("Geschlecht", "sex"),
    ],
)
def test_sensitive(name: str, attribute: str) -> None:
    found = names.sensitive(name)
    assert found is not None
    assert found[0] == attribute


@pytest.mark.parametrize("name", ["page", "mileage", "building_age", "sextant", "average", "usage"])
def test_not_sensitive(name: str) -> None:
    assert names.sensitive(name) is None


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("Kunden März", "kunden_marz"),
        ("2024 loans!", "loans"),
        ("データ", "table"),
        ("CreditApplications", "credit_applications"),
    ],
)
def test_slugs(text: str, slug: str) -> None:
    assert names.slug(text) == slug


def test_ids_and_near_names() -> None:
    assert names.is_id("CustomerId")
    assert not names.is_id("paid")
    assert names.near("targt", ["Target", "amount"]) == ["Target"]
