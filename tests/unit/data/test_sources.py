from pathlib import Path

import pytest

from modelkeel.data.sources import read_csv, require_columns
from modelkeel.errors import BadInput


def write(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    return path


def test_values_stay_text_and_rows_are_numbered(tmp_path: Path) -> None:
    frame = read_csv(write(tmp_path, b'a,b\n01,"x, y"\n,z\n'))
    assert frame.rows() == [(1, "01", "x, y"), (2, None, "z")]


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    assert read_csv(write(tmp_path, b"\xef\xbb\xbfa,b\n1,2\n")).columns == ["_row", "a", "b"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a,b\n1,2\n1,2,3\n", r"row 2: has 3 values, the header has 2"),
        (b"a,b\n1,2\n1\n", r"row 2: has 1 values, the header has 2"),
        (b"a,b\n\xff,2\n", r"row 1: is not UTF-8: byte 0xff"),
        (b"a,a\n1,2\n", r"repeats the header \['a'\]"),
        (b"", r"row 0: is empty"),
        (b"_row,b\n1,2\n", r"has a header '_row'"),
        (b"a,b\n", r"has a header and no rows"),
    ],
)
def test_a_broken_file_is_named_with_its_place(tmp_path: Path, content: bytes, said: str) -> None:
    path = write(tmp_path, content)
    with pytest.raises(BadInput, match=said) as found:
        read_csv(path)
    assert str(path) in str(found.value)
    assert found.value.remedy


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file"):
        read_csv(tmp_path / "none.csv")


def test_missing_columns_name_the_target_first(tmp_path: Path) -> None:
    path = write(tmp_path, b"a,b\n1,2\n")
    with pytest.raises(BadInput, match=r"the target column 'y' \(and c\); it has: a, b"):
        require_columns(read_csv(path), path, ["a", "c"], "y")
