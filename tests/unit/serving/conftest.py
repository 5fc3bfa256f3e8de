"""Tiny real models, made with onnx.helper, in real bundles."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper
from publishing import publish_bundle

from modelkeel.model.bundle import Bundle, write_bundle
from modelkeel.model.signature import Feature, Signature
from modelkeel.serving.keys import create_key

CREDIT = Signature(
    name="credit-risk",
    task="classification",
    target="risk",
    classes=["0", "1"],
    features=[
        Feature(name="age", kind="integer", minimum=18, maximum=100, unit="years", example=35),
        Feature(name="credit amount", kind="number", minimum=0, unit="EUR", example=2500.0),
        Feature(name="housing", kind="category", categories=["own", "rent", "free"]),
        Feature(name="savings", kind="category", categories=["little", "rich"], nullable=True),
        Feature(name="income", kind="number", nullable=True, description="A month, before tax."),
    ],
)
DEMAND = Signature(
    name="bike-demand",
    task="regression",
    target="rentals",
    features=[
        Feature(name="temperature", kind="number", minimum=-30, maximum=50, unit="°C"),
        Feature(name="hour", kind="integer", minimum=0, maximum=23),
        Feature(name="holiday", kind="boolean"),
        Feature(name="station", kind="category", nullable=True),
    ],
)
PAYOFF = {
    "kind": "payoff",
    "actions": ["approve", "decline"],
    "outcomes": ["1", "0"],
    "amounts": [[100.0, -500.0], [0.0, 0.0]],
}
GOLDEN_CREDIT = {
    "age": [35, 18],
    "credit amount": [2500.0, 90000.5],
    "housing": ["own", "rent"],
    "savings": ["rich", None],
    "income": [3000.0, None],
}
GOLDEN_DEMAND = {
    "temperature": [20.5, -3.0],
    "hour": [8, 23],
    "holiday": [False, True],
    "station": ["A", None],
}


def _terms(signature: Signature, weights: dict[str, Any]) -> tuple[list[Any], list[Any], list[Any]]:
    """Inputs, constants and nodes that sum weight times value, a gap counting as 0, to `z`."""
    inputs, constants, nodes = [], [], []
    zero = helper.make_tensor("zero", TensorProto.FLOAT, [1], [0.0])
    constants.append(zero)
    for index, feature in enumerate(signature.features):
        text = feature.kind == "category"
        kind = TensorProto.STRING if text else TensorProto.FLOAT
        inputs.append(helper.make_tensor_value_info(feature.name, kind, [None, 1]))
        weight = weights[feature.name]
        if text:
            nodes.append(
                helper.make_node(
                    "LabelEncoder",
                    [feature.name],
                    [f"t{index}"],
                    domain="ai.onnx.ml",
                    keys_strings=list(weight),
                    values_floats=list(weight.values()),
                    default_float=0.0,
                )
            )
            continue
        constants.append(helper.make_tensor(f"w{index}", TensorProto.FLOAT, [1], [weight]))
        nodes += [
            helper.make_node("IsNaN", [feature.name], [f"gap{index}"]),
            helper.make_node("Where", [f"gap{index}", "zero", feature.name], [f"v{index}"]),
            helper.make_node("Mul", [f"v{index}", f"w{index}"], [f"t{index}"]),
        ]
    names = [f"t{index}" for index in range(len(signature.features))]
    nodes.append(helper.make_node("Sum", names, ["z"]))
    return inputs, constants, nodes


def _save(path: Path, graph: Any) -> Path:
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)],
        ir_version=9,
    )
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return path


def credit_model(path: Path, slope: float = 0.02) -> Path:
    inputs, constants, nodes = _terms(
        CREDIT,
        {
            "age": slope,
            "credit amount": -0.0001,
            "housing": {"own": 0.5, "rent": -0.5},
            "savings": {"rich": 1.0},
            "income": 0.0005,
        },
    )
    constants.append(helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0]))
    nodes += [
        helper.make_node("Sigmoid", ["z"], ["p"]),
        helper.make_node("Sub", ["one", "p"], ["q"]),
        helper.make_node("Concat", ["q", "p"], ["probabilities"], axis=1),
    ]
    output = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2])
    return _save(path, helper.make_graph(nodes, "credit", inputs, [output], constants))


def demand_model(path: Path, temperature: float = 3.0) -> Path:
    inputs, constants, nodes = _terms(
        DEMAND, {"temperature": temperature, "hour": 2.0, "holiday": -40.0, "station": {"A": 7.0}}
    )
    output = helper.make_tensor_value_info("z", TensorProto.FLOAT, [None, 1])
    return _save(path, helper.make_graph(nodes, "demand", inputs, [output], constants))


def _lineage() -> dict[str, Any]:
    return {
        "run_id": "run-1",
        "code_commit": "c0ffee",
        "data": {"data/train.parquet": "ab12"},
        "charter": "cd34",
    }


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def credit_of() -> Callable[[Path, float], Bundle]:
    """Makes a credit bundle in a folder; another slope is another model."""

    def made(folder: Path, slope: float) -> Bundle:
        folder.mkdir(parents=True, exist_ok=True)
        return write_bundle(
            folder / "bundle",
            name="credit-risk",
            onnx_path=credit_model(folder / "m.onnx", slope),
            signature=CREDIT,
            decision=PAYOFF,
            profile={"rows": 2},
            golden_columns=GOLDEN_CREDIT,
            lineage=_lineage(),
        )

    return made


@pytest.fixture(scope="session")
def credit(
    tmp_path_factory: pytest.TempPathFactory, credit_of: Callable[[Path, float], Bundle]
) -> Bundle:
    return credit_of(tmp_path_factory.mktemp("credit"), 0.02)


@pytest.fixture(scope="session")
def demand(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("demand")
    return write_bundle(
        folder / "bundle",
        name="bike-demand",
        onnx_path=demand_model(folder / "m.onnx"),
        signature=DEMAND,
        decision={"kind": "value"},
        profile={"rows": 2},
        golden_columns=GOLDEN_DEMAND,
        lineage=_lineage(),
    )


@pytest.fixture
def api_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An API key with every role, in the file that a server reads."""
    path = tmp_path / "secrets" / "keys.toml"
    monkeypatch.setenv("MODELKEEL_KEYS", str(path))
    return create_key(path, "tests", ("predict", "review", "operate", "audit"), None)[1]


@pytest.fixture
def journal_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A journal that servers record in, and its key."""
    url = f"sqlite:///{tmp_path / 'journal.db'}"
    monkeypatch.setenv("MODELKEEL_JOURNAL", url)
    monkeypatch.setenv("MODELKEEL_JOURNAL_KEY", base64.b64encode(os.urandom(32)).decode())
    return url


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits and counters of a test are its own."""
    monkeypatch.setenv("MODELKEEL_RUNTIME", str(tmp_path / "runtime"))


@pytest.fixture
def models(tmp_path: Path, credit: Bundle) -> Path:
    """A models folder with the credit bundle promoted as version 3."""
    record = {"name": "credit-risk", "version": "3", "run_id": "run-1"}
    publish_bundle(credit.path, tmp_path / "models", record)
    return tmp_path / "models"


@pytest.fixture
def overflowing(tmp_path: Path) -> Path:
    """A demand bundle whose score is infinite for a warm day."""
    return write_bundle(
        tmp_path / "overflowing",
        name="bike-demand",
        onnx_path=demand_model(tmp_path / "m.onnx", temperature=3e38),
        signature=DEMAND,
        decision={"kind": "value"},
        profile={},
        golden_columns={"temperature": [0.5], "hour": [1], "holiday": [True], "station": ["A"]},
        lineage=_lineage(),
    ).path


@pytest.fixture
def log_lines(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """What the server logged, line by line."""
    import logging

    lines: list[str] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    logger = logging.getLogger("modelkeel.serving")
    handler = Collect()
    logger.addHandler(handler)
    monkeypatch.setattr(logger, "level", logging.INFO)
    monkeypatch.setattr(logger, "handlers", [handler])
    logger._cache.clear()
    return lambda: lines
