import pytest
from mlflow.utils.validation import _validate_tag_name

from modelkeel.model.training_log import data_tag


@pytest.mark.parametrize(
    "path",
    [
        "data/source/table.csv",
        "data/mañana é.csv",
        "s3://lake/k.parquet",
        "postgresql://…@db/shop?x=1&y=2",
        "https://example.com/" + "a/" * 300,
        "${DATABASE}",
    ],
)
def test_mlflow_takes_the_name_of_every_input(path: str) -> None:
    name = data_tag(path)
    _validate_tag_name(name)
    assert len(name) <= 250


def test_a_path_of_the_project_stays_readable() -> None:
    assert data_tag("data/raw.parquet") == "data.sha256.data/raw.parquet"
