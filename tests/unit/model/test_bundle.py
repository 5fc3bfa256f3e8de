from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from publishing import publish_bundle

from modelkeel.errors import BadInput, Refused
from modelkeel.model.bundle import Bundle, load_bundle, write_bundle
from modelkeel.model.champion import load_champion, read_champion
from modelkeel.model.decision import PayoffDecision
from modelkeel.model.files import replace_folder
from modelkeel.model.manifest import verify
from modelkeel.model.scorer import Scorer
from modelkeel.model.signature import Feature, Signature

SIGNATURE = Signature(
    name="churn",
    task="classification",
    target="left",
    classes=["no", "yes"],
    features=[
        Feature(name="usage", kind="number"),
        Feature(name="plan", kind="category", categories=["basic", "pro"], nullable=True),
    ],
)
DECISION = {
    "kind": "payoff",
    "actions": ["call", "wait"],
    "outcomes": ["yes", "no"],
    "amounts": [[10.0, -1.0], [0.0, 0.0]],
}
GOLDEN = {"usage": [0.1 + 0.2, 1e-17, 123456.789], "plan": ["basic", None, "pro"]}


def churn_model(path: Path, *, weight: float = -1.0, usage_name: str = "usage") -> Path:
    inputs = [
        helper.make_tensor_value_info(usage_name, TensorProto.FLOAT, [None, 1]),
        helper.make_tensor_value_info("plan", TensorProto.STRING, [None, 1]),
    ]
    nodes = [
        helper.make_node("Mul", [usage_name, "w"], ["u"]),
        helper.make_node(
            "LabelEncoder",
            ["plan"],
            ["p"],
            domain="ai.onnx.ml",
            keys_strings=["basic", "pro"],
            values_floats=[0.3, -0.7],
            default_float=0.0,
        ),
        helper.make_node("Add", ["u", "p"], ["z"]),
        helper.make_node("Sigmoid", ["z"], ["yes"]),
        helper.make_node("Sub", ["one", "yes"], ["no"]),
        helper.make_node("Concat", ["no", "yes"], ["probabilities"], axis=1),
    ]
    constants = [
        helper.make_tensor("w", TensorProto.FLOAT, [1], [weight]),
        helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0]),
    ]
    output = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2])
    model = helper.make_model(
        helper.make_graph(nodes, "churn", inputs, [output], constants),
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)],
        ir_version=9,
    )
    onnx.save(model, str(path))
    return path


def write(folder: Path, **change: Any) -> Bundle:
    folder.parent.mkdir(parents=True, exist_ok=True)
    weight = change.pop("weight", -1.0)
    arguments: dict[str, Any] = {
        "name": "churn",
        "onnx_path": churn_model(folder.parent / "source.onnx", weight=weight),
        "signature": SIGNATURE,
        "decision": DECISION,
        "profile": {"rows": 3},
        "golden_columns": GOLDEN,
        "lineage": {"run_id": "r1", "code_commit": "abc", "params": "ef56"},
        **change,
    }
    return write_bundle(folder, **arguments)


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return write(tmp_path / "bundle")


def test_what_is_written_is_what_is_loaded(tmp_path: Path, bundle: Bundle) -> None:
    loaded = load_bundle(bundle.path, bundle.digest)
    assert loaded.digest == hashlib.sha256((bundle.path / "manifest.json").read_bytes()).hexdigest()
    assert loaded.signature == SIGNATURE
    assert loaded.decision == PayoffDecision.model_validate(DECISION)
    assert loaded.manifest.run_id == "r1"
    assert loaded.manifest.params == "ef56"
    assert loaded.profile() == {"rows": 3}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "source.onnx"]


def test_floats_of_golden_rows_survive_exactly(bundle: Bundle) -> None:
    assert bundle.golden_columns() == GOLDEN
    golden = json.loads((bundle.path / "golden.json").read_text())
    assert golden["scores"] == bundle.scorer.predict(GOLDEN).tolist()


def test_numpy_golden_columns_are_plain_in_the_file(tmp_path: Path) -> None:
    columns = {"usage": np.array([1.5, 2.5], dtype=np.float32), "plan": ["pro", None]}
    assert write(tmp_path / "b", golden_columns=columns).golden_columns() == {
        "usage": [1.5, 2.5],
        "plan": ["pro", None],
    }


def test_decisions_maximise_the_expected_payoff(bundle: Bundle) -> None:
    # break even: p(yes) = 1 / 11; a tie goes to the action named first
    scores = np.array([[0.9, 0.1], [0.95, 0.05], [0.0, 1.0]])
    assert bundle.decide(scores) == ["call", "wait", "call"]


def test_a_second_bundle_replaces_the_first(tmp_path: Path, bundle: Bundle) -> None:
    second = write(tmp_path / "bundle", weight=-2.0)
    assert second.digest != bundle.digest
    assert load_bundle(tmp_path / "bundle").digest == second.digest


@pytest.mark.parametrize(
    ("change", "kind", "says"),
    [
        ({"lineage": {"runid": "x"}}, BadInput, "lineage: runid"),
        ({"decision": {"kind": "other"}}, BadInput, "decision: "),
        ({"decision": {**DECISION, "outcomes": ["yes", "maybe"]}}, BadInput, "found yes, maybe"),
        ({"decision": {**DECISION, "amounts": [[1.0]]}}, BadInput, "one row an action"),
        ({"golden_columns": {"usage": [1.0]}}, BadInput, "column plan is missing"),
        ({"golden_columns": {"usage": [], "plan": []}}, BadInput, "there are none"),
        (
            {"golden_columns": {"usage": [1.0, 2.0], "plan": ["pro", "gold"]}},
            BadInput,
            "row 1, column plan: the value is not one of the categories",
        ),
        ({"golden_columns": {"usage": [None], "plan": ["pro"]}}, Refused, "golden row 0"),
        ({"profile": {"mean": float("nan")}}, BadInput, "profile.json cannot be written"),
    ],
)
def test_a_bundle_that_cannot_be_leaves_the_old_one(
    tmp_path: Path, bundle: Bundle, change: dict[str, Any], kind: type[Exception], says: str
) -> None:
    with pytest.raises(kind, match=says):
        write(tmp_path / "bundle", **change)
    assert load_bundle(tmp_path / "bundle").digest == bundle.digest
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "source.onnx"]


def test_a_replacement_that_was_killed_half_way_loses_nothing(
    tmp_path: Path, bundle: Bundle
) -> None:
    shutil.move(bundle.path, tmp_path / ".bundle.old")  # as a kill between the renames leaves it
    with pytest.raises(Refused, match=r"was interrupted; the bundle before is in .*\.bundle\.old"):
        load_bundle(bundle.path)
    with pytest.raises(BadInput):
        write(bundle.path, lineage={"runid": "x"})
    assert load_bundle(bundle.path).digest == bundle.digest
    shutil.move(bundle.path, tmp_path / ".bundle.old")
    second = write(bundle.path, weight=-2.0)
    assert load_bundle(bundle.path).digest == second.digest
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "source.onnx"]


def test_a_folder_stays_when_its_replacement_cannot_be_moved(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(FileNotFoundError):
        replace_folder(tmp_path / "missing", tmp_path / "folder")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def _append(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        with (folder / name).open("ab") as file:
            file.write(b" ")

    return change


def _link(folder: Path) -> None:
    copy = folder.parent / "elsewhere.json"
    shutil.move(folder / "profile.json", copy)
    (folder / "profile.json").symlink_to(copy)


def _foreign(folder: Path) -> None:
    (folder / "manifest.json").write_text('{"schema": "other/9"}')


def _unlisted(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["files"]["golden.json"]
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("tamper", "says"),
    [
        (_append("model.onnx"), r"model\.onnx was changed: SHA-256 found [0-9a-f]{64}, expected"),
        (_append("golden.json"), r"golden\.json was changed"),
        (_link, r"profile\.json is a symbolic link, expected a regular file"),
        (lambda folder: os.mkfifo(folder / "pipe"), "pipe is a special file"),
        (lambda folder: (folder / "extra.py").write_text(""), r"extra\.py is there, expected no"),
        (lambda folder: (folder / "decision.json").unlink(), r"decision\.json is missing"),
        (lambda folder: (folder / "manifest.json").unlink(), r"manifest\.json is missing"),
        (lambda folder: (folder / "manifest.json").write_text("{"), "found no JSON"),
        (lambda folder: (folder / "manifest.json").write_bytes(b"\xff"), "found no JSON"),
        (_foreign, "found schema 'other/9', expected 'bundle/1'"),
        (_unlisted, r"does not list golden\.json"),
        (shutil.rmtree, "is no folder, expected a bundle"),
    ],
)
def test_a_bundle_that_was_touched_is_refused(
    bundle: Bundle, tamper: Callable[[Path], None], says: str
) -> None:
    tamper(bundle.path)
    for check in (verify, load_bundle):
        with pytest.raises(Refused, match=says) as caught:
            check(bundle.path)
        assert caught.value.remedy
        assert str(bundle.path) in str(caught.value)


def test_another_digest_than_approved_is_refused(bundle: Bundle) -> None:
    with pytest.raises(Refused, match=f"found {bundle.digest}, expected {'0' * 64}"):
        load_bundle(bundle.path, "0" * 64)
    assert verify(bundle.path, bundle.digest).manifest.name == "churn"


def _rewrite(folder: Path, name: str, content: bytes) -> None:
    """Replace a file and put its digest right, as someone who knows the format would."""
    (folder / name).write_bytes(content)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][name] = hashlib.sha256(content).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_a_model_that_scores_otherwise_is_refused(tmp_path: Path, bundle: Bundle) -> None:
    other = churn_model(tmp_path / "other.onnx", weight=-1.1)
    _rewrite(bundle.path, "model.onnx", other.read_bytes())
    with pytest.raises(Refused, match=r"golden\.json: row 0 scores \[.*\], expected \[.*\] within"):
        load_bundle(bundle.path)


def amounts(rows: str, second: str = "wait") -> bytes:
    start = json.dumps({**DECISION, "actions": ["call", second], "amounts": None})
    return start.replace("null", rows).encode()


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("model.onnx", b"nonsense", "is not a model ONNX Runtime can load"),
        ("signature.json", b"{}", r"signature\.json: name: Field required"),
        ("decision.json", b"[]", r"decision\.json"),
        ("decision.json", b'{"kind": "x"}', r"decision\.json"),
        ("profile.json", b"[]", "holds no table"),
        ("golden.json", b"{}", r"golden\.json: columns"),
        ("golden.json", b'{"columns": {"usage": [1]}, "scores": [1]}', "column plan is missing"),
        ("golden.json", b'{"columns": {}, "scores": [[0.1], [0.2, 0.8]]}', "of one length"),
        ("decision.json", amounts("[[NaN, 1], [0, 0]]"), r"decision\.json: .*finite"),
        ("decision.json", amounts("[[Infinity, 1], [0, 0]]"), r"decision\.json: .*finite"),
        ("decision.json", amounts("[[1, 1], [0, 0]]", second="call"), r"call .*more than once"),
    ],
)
def test_files_that_do_not_hold_what_they_should_are_refused(
    bundle: Bundle, name: str, content: bytes, says: str
) -> None:
    _rewrite(bundle.path, name, content)
    with pytest.raises(Refused, match=says):
        load_bundle(bundle.path)


def test_a_model_of_another_signature_is_refused(tmp_path: Path) -> None:
    model = churn_model(tmp_path / "m.onnx", usage_name="minutes")
    with pytest.raises(Refused, match="input usage is missing; input minutes is not in the sig"):
        Scorer(model, SIGNATURE)
    three = SIGNATURE.model_copy(update={"classes": ["a", "b", "c"]})
    with pytest.raises(Refused, match=r"answers with shape \(1, 2\), expected \(1, 3\)"):
        Scorer(churn_model(tmp_path / "m.onnx"), three).predict({"usage": [1.0], "plan": ["pro"]})


def test_no_rows_give_no_scores(bundle: Bundle) -> None:
    assert bundle.scorer.predict({"usage": [], "plan": []}).shape == (0, 2)


def test_publishing_names_the_champion_and_keeps_the_one_before(tmp_path: Path) -> None:
    models = tmp_path / "models"
    assert read_champion(models) is None
    with pytest.raises(Refused, match="no champion"):
        load_champion(models)
    digests = []
    for version in ("1", "2", "3"):
        source = write(tmp_path / "work" / "bundle", weight=-float(version))
        record = {"name": "churn", "version": version, "run_id": f"r{version}"}
        champion = publish_bundle(source.path, models, record)
        assert champion.promoted_at.endswith("+00:00")
        digests.append(source.digest[:12])
        loaded = load_champion(models)
        assert (loaded.digest, loaded.version, loaded.run_id) == (
            source.digest,
            version,
            f"r{version}",
        )
    assert sorted(path.name for path in (models / "champion").iterdir()) == sorted(digests[1:])
    back = models / "champion" / digests[1]
    for _ in range(2):  # promoted again, the one before stays too
        publish_bundle(back, models, {"name": "churn", "version": "2"})
        assert load_champion(models).version == "2"
        assert len(list((models / "champion").iterdir())) == 2


@pytest.mark.parametrize(
    ("content", "says"),
    [("{", "is not JSON"), ('{"name": "x"}', "digest: Field required")],
)
def test_an_unreadable_record_is_refused(tmp_path: Path, content: str, says: str) -> None:
    (tmp_path / "champion.json").write_text(content)
    with pytest.raises(Refused, match=says):
        load_champion(tmp_path)


def test_the_record_cannot_point_outside(tmp_path: Path, bundle: Bundle) -> None:
    record = {
        "name": "churn",
        "digest": bundle.digest,
        "promoted_at": "2026-01-01T00:00:00+00:00",
        "folder": "../bundle",
    }
    (tmp_path / "champion.json").write_text(json.dumps(record))
    with pytest.raises(Refused, match="folder"):
        load_champion(tmp_path)


def test_a_kill_at_any_moment_leaves_a_champion_that_loads(tmp_path: Path) -> None:
    models = tmp_path / "models"
    sources = [write(tmp_path / f"w{n}" / "bundle", weight=-float(n)) for n in (1, 2, 3)]
    publish_bundle(sources[0].path, models, {"name": "churn"})
    code = (
        "import itertools, sys\n"
        "from pathlib import Path\n"
        "from publishing import publish_bundle\n"
        "for source in itertools.cycle(sys.argv[2:]):\n"
        "    publish_bundle(Path(source), Path(sys.argv[1]), {'name': 'churn'})\n"
        "    print('published', flush=True)\n"
    )
    known = {source.digest for source in sources}
    for delay in (0.0, 0.007, 0.013, 0.029, 0.041):
        publisher = subprocess.Popen(
            [
                *(sys.executable, "-c", code, str(models)),
                *(str(source.path) for source in sources),
            ],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
        )
        assert publisher.stdout
        publisher.stdout.readline()
        time.sleep(delay)
        publisher.send_signal(signal.SIGKILL)
        publisher.wait()
        publisher.stdout.close()
        assert load_champion(models).digest in known
