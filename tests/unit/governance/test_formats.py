"""Files that may run code are told by name and by content, without loading them."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import pickle
import subprocess
import zipfile
import zlib
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from modelkeel.governance.formats import disguised, is_pickle, problem_in, unsafe_files


class Calls:
    def __reduce__(self) -> Any:
        return (print, ("loaded",))


def archive(name: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr(name, b"x")
    return buffer.getvalue()


def array(value: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, value, allow_pickle=True)
    return buffer.getvalue()


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("value", [Calls(), [Calls()], {"a": Calls()}, OrderedDict(a=1)])
def test_every_protocol_of_pickle(protocol: int, value: Any) -> None:
    assert is_pickle(pickle.dumps(value, protocol))


def test_a_pickle_cut_off_is_one_still() -> None:
    assert is_pickle(pickle.dumps({"a": [1.5] * 1000, "b": Calls()}, 4)[:500])


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{}", b'{"a": 1}', b"[1, 2]", b"1.5", b"null", b"\x80", b"\x80\x02", b"\x80\x04."),
        *(b"import os\n", b"(c) 2026 the authors", b"length,width\n", b"date\n", b"I am text"),
        b"\x08\x0a\x12\x04onnx",
    ],
)
def test_what_is_no_pickle(content: bytes) -> None:
    assert not is_pickle(content)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (archive("data.pkl"), "ZIP"),
        (zlib.compress(b"x"), "zlib"),
        (array(np.zeros(2)), "NumPy"),
        (b"\x89HDF\r\n\x1a\nrest", "HDF5"),
        (pickle.dumps(Calls()), "pickle"),
        (b"{}", ""),
    ],
)
def test_what_content_begins_like(content: bytes, said: str) -> None:
    assert said in (disguised(content) or "")
    assert bool(disguised(content)) == bool(said)


def model_with(*nodes: Any, **kinds: Any) -> Any:
    graph = helper.make_graph(
        list(nodes),
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])],
        kinds.pop("constants", []),
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("acme", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10, **kinds)


def branch(node: Any) -> Any:
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])
    return helper.make_graph([node], "b", [], [out])


def outside(name: str = "w") -> Any:
    tensor = helper.make_tensor(name, TensorProto.FLOAT, [1], [1.0])
    tensor.ClearField("float_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")
    return tensor


PLAIN = helper.make_node("Identity", ["x"], ["y"])
CUSTOM = helper.make_node("Run", ["x"], ["y"], domain="acme")
FUNCTION = helper.make_function("acme", "Run", ["x"], ["y"], [PLAIN], [helper.make_opsetid("", 18)])
HIDDEN = helper.make_function(
    "acme", "Run", ["x"], ["y"], [helper.make_node("Other", ["x"], ["y"], domain="acme")], []
)


def if_node(then: Any) -> Any:
    return helper.make_node("If", ["c"], ["y"], then_branch=branch(then), else_branch=branch(PLAIN))


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (model_with(PLAIN), None),
        (model_with(CUSTOM, functions=[FUNCTION]), None),
        (model_with(CUSTOM), r"needs the custom operator acme\.Run"),
        (model_with(if_node(CUSTOM)), r"needs the custom operator acme\.Run"),
        (model_with(CUSTOM, functions=[HIDDEN]), r"needs the custom operator acme\.Other"),
        (model_with(PLAIN, constants=[outside()]), "keeps 'w' in another file"),
        (
            model_with(helper.make_node("Constant", [], ["y"], value=outside(""))),
            "keeps 'a constant' in another file",
        ),
        (
            model_with(if_node(helper.make_node("Constant", [], ["y"], value=outside("v")))),
            "keeps 'v' in another file",
        ),
        (model_with(), "has no operator"),
    ],
)
def test_onnx_models(tmp_path: Path, model: Any, said: str | None) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    found = problem_in(path)
    assert (found is None) == (said is None), found
    if said:
        with pytest.raises(AssertionError, match=said):
            raise AssertionError(found)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("golden.json", b'{"a": 1}', None),
        ("golden.json", b"{", "is not JSON"),
        ("golden.json", b"\xff\xfe{}", "is not JSON"),
        ("golden.json", pickle.dumps(Calls()), "is a pickle"),
        ("golden.json", pickle.dumps(Calls(), 0), "is a pickle"),
        ("model.onnx", pickle.dumps(Calls()), "is a pickle"),
        ("model.onnx", archive("a"), "is a ZIP archive"),
        ("model.onnx", b"", "is no ONNX model"),
        ("model.onnx", b"not a model at all", "is no ONNX model"),
        ("model.joblib", b"x", "is of no kind that a bundle may hold"),
        ("notes.txt", b"x", "is of no kind that a bundle may hold"),
        ("run", b"#!/bin/sh", "is of no kind that a bundle may hold"),
    ],
)
def test_content_against_name(tmp_path: Path, name: str, content: bytes, said: str | None) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    found = problem_in(path)
    assert found == said or (said and said in (found or ""))


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A repository of somebody else."""
    files: dict[str, bytes] = {
        "model.pkl": b"version https://git-lfs.github.com/spec/v1\n",
        "models/Best.PT": b"x",
        "models/net.h5": b"x",
        "models/pipe.joblib.dvc": b"outs: []\n",
        "weights.bin": archive("archive/data.pkl"),
        "clean.bin": b"\x00\x01\x02",
        "scores.npy": array(np.zeros(3)),
        "objects.npy": array(np.array([Calls()], dtype=object)),
        "estimator": pickle.dumps(Calls()),
        "LICENSE": b"(c) the authors, all rights reserved\n",
        "broken.npz": b"PK\x03\x04 not really",
        "data.csv.dvc": b"outs: []\n",
        "train.py": b"import pickle\n",
        "model.onnx": b"x",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    return tmp_path


EXPECTED = [
    *("estimator", "model.pkl", "models/Best.PT", "models/net.h5", "models/pipe.joblib.dvc"),
    *("objects.npy", "weights.bin"),
]


def test_a_foreign_folder(foreign: Path) -> None:
    (foreign / ".venv").mkdir()
    (foreign / ".venv/test.pkl").write_bytes(b"x")
    assert [each.as_posix() for each in unsafe_files(foreign)] == EXPECTED


def test_a_foreign_repository_counts_what_git_tracks(foreign: Path) -> None:
    subprocess.run(["git", "init", "-q", foreign], check=True)
    (foreign / ".gitignore").write_text("scratch/\n")
    subprocess.run(["git", "-C", foreign, "add", "."], check=True)
    (foreign / "scratch").mkdir()
    (foreign / "scratch/other.pkl").write_bytes(b"x")
    assert [each.as_posix() for each in unsafe_files(foreign)] == EXPECTED
    (foreign / "estimator").unlink()  # tracked, yet gone
    assert Path("estimator") not in unsafe_files(foreign)


@pytest.mark.parametrize("suffix", ["gz", "bz2", "xz", "lz4", "zst", "GZ", "gz.dvc"])
def test_a_compressed_name(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"m.pkl.{suffix}").write_bytes(b"x")
    (tmp_path / f"rows.csv.{suffix}").write_bytes(b"x")
    assert unsafe_files(tmp_path) == [Path(f"m.pkl.{suffix}")]


NOISE = np.random.default_rng(1).integers(0, 256, 2_000_000, dtype=np.uint8).tobytes()
COMPRESSIONS: list[Any] = [gzip.compress, bz2.compress, lzma.compress, zlib.compress]


@pytest.mark.parametrize("name", ["model.onnx", "model", "model.gz", "model.bin", "model.bin.xz"])
@pytest.mark.parametrize("compress", [bytes, *COMPRESSIONS])
def test_a_pickle_under_another_name(tmp_path: Path, name: str, compress: Any) -> None:
    (tmp_path / name).write_bytes(compress(pickle.dumps([Calls(), NOISE])))
    assert unsafe_files(tmp_path) == [Path(name)]


@pytest.mark.parametrize("compress", COMPRESSIONS)
def test_what_is_compressed_may_be_sound(tmp_path: Path, compress: Any) -> None:
    (tmp_path / "model.gz").write_bytes(compress(b"id,amount\n1,2\n" * 1000))
    (tmp_path / "cut.gz").write_bytes(compress(NOISE)[:20])
    (tmp_path / "x.bin").write_bytes(b"x\x9c no zlib")
    (tmp_path / "model.onnx").write_bytes(model_with(PLAIN).SerializeToString())
    assert unsafe_files(tmp_path) == []


def test_nothing_is_loaded(foreign: Path, capsys: pytest.CaptureFixture[str]) -> None:
    unsafe_files(foreign)
    for path in foreign.rglob("*"):
        if path.is_file():
            problem_in(path)
    assert "loaded" not in capsys.readouterr().out


def test_the_models_that_we_build_pass(tmp_path: Path) -> None:
    model = model_with(PLAIN)
    onnx.save(model, str(tmp_path / "model.onnx"))
    (tmp_path / "a.json").write_text(json.dumps({"a": [1.0, None]}))
    assert [problem_in(path) for path in tmp_path.iterdir()] == [None, None]


def _archive(path: Path, parts: dict[str, bytes], how: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", how) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def _array(values: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


def test_arrays_of_plain_values(tmp_path: Path) -> None:
    parts = {"a.npy": _array(np.arange(3)), "b.npy": _array(np.ones((2, 2)))}
    assert problem_in(_archive(tmp_path / "explainer.npz", parts)) is None


@pytest.mark.parametrize(
    ("parts", "how", "said"),
    [
        ({"a.npy": _array(np.array([print], dtype=object))}, zipfile.ZIP_STORED, "objects"),
        ({"a.pkl": b""}, zipfile.ZIP_STORED, "a.pkl, expected arrays only"),
        ({"a.npy": b"no array"}, zipfile.ZIP_STORED, "which is no array"),
        ({"a.npy": _array(np.arange(3))}, zipfile.ZIP_DEFLATED, "not compressed"),
    ],
)
def test_what_is_no_file_of_arrays(
    tmp_path: Path, parts: dict[str, bytes], how: int, said: str
) -> None:
    assert said in str(problem_in(_archive(tmp_path / "explainer.npz", parts, how)))


def test_an_npz_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "explainer.npz").write_bytes(b"PK\x03\x04 and no more")
    assert problem_in(tmp_path / "explainer.npz") == "is no file of arrays"
