"""A bundle carries its explainer and its reasons, and is refused when they are not its own."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small import NAMES, REASONS, Fit, bundle_of

from modelkeel.errors import Refused
from modelkeel.model.bundle import load_bundle
from modelkeel.model.explain.archive import pack, unpack
from modelkeel.model.files import sha256
from modelkeel.records.reasons import Reasons


def test_what_is_written_is_what_is_loaded(fit: Fit, tmp_path: Path) -> None:
    small = fit("calibrated")
    bundle = load_bundle(bundle_of(small, tmp_path).path)
    assert bundle.explainer is not None
    assert bundle.reasons == Reasons.model_validate(REASONS)
    shares = bundle.explainer.contributions(small.columns)
    assert (shares == small.explainer.contributions(small.columns)).all()
    actions = bundle.decide(small.scores)
    assert bundle.reason_codes is not None
    codes = bundle.reason_codes.of(shares, actions)
    assert actions is not None
    assert {
        bool(each) for each, action in zip(codes, actions, strict=True) if action == "give"
    } == {False}
    assert all(each for each, action in zip(codes, actions, strict=True) if action == "refuse")
    assert bundle.reason_codes is bundle.reason_codes


def test_a_bundle_may_have_neither(fit: Fit, tmp_path: Path) -> None:
    bundle = bundle_of(fit("boosted"), tmp_path, explainer=None, reasons=None)
    assert sorted(bundle.manifest.files) == [
        "decision.json",
        "golden.json",
        "model.onnx",
        "profile.json",
        "signature.json",
    ]
    loaded = load_bundle(bundle.path)
    assert (loaded.explainer, loaded.reasons, loaded.reason_codes) == (None, None, None)


def test_reasons_without_an_exact_explainer(fit: Fit, tmp_path: Path) -> None:
    loaded = load_bundle(bundle_of(fit("boosted"), tmp_path, explainer=None).path)
    assert loaded.explainer is None
    assert loaded.reason_codes is not None


def test_the_digest_stands_for_both(fit: Fit, tmp_path: Path) -> None:
    small = fit("boosted")
    changed = REASONS | {"max_reasons": 2}
    digests = {
        bundle_of(small, tmp_path / str(at), **change).digest
        for at, change in enumerate(
            [{}, {"explainer": None}, {"reasons": Reasons.model_validate(changed)}]
        )
    }
    assert len(digests) == 3


def test_more_classes_are_explained_toward_the_adverse_action(fit: Fit, tmp_path: Path) -> None:
    small = fit("boosted, three classes")
    bundle = bundle_of(small, tmp_path)
    assert bundle.explainer is not None
    assert bundle.explainer.scale == "log-odds of a, c against the other classes"
    assert bundle.reason_codes is not None
    shares = bundle.explainer.contributions(small.columns)
    (row,) = np.flatnonzero(shares[:, 1] == shares[:, 1].max())[:1].tolist()
    # the number of children made a or c more likely, so it spoke for refusing
    assert "FAMILY" in bundle.reason_codes.of(shares[row : row + 1], ["refuse"])[0]


@pytest.mark.parametrize("other", ["boosted", "calibrated logistic", "logistic"])
def test_an_explainer_of_another_model_is_not_written(other: str, fit: Fit, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"explainer\.npz explains another model"):
        bundle_of(fit("calibrated"), tmp_path, explainer=fit(other).content)
    assert not (tmp_path / "bundle").exists()


def replaced(folder: Path, name: str, content: bytes) -> None:
    """Another file in a bundle, with a manifest that says so."""
    (folder / name).write_bytes(content)
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["files"][name] = sha256(content)
    path.write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("explainer.npz", b"x", r"explainer\.npz is no file of an explainer"),
        ("reasons.json", b"{}", r"reasons\.json: "),
    ],
)
def test_a_damaged_part_is_refused(
    name: str, content: bytes, said: str, fit: Fit, tmp_path: Path
) -> None:
    folder = bundle_of(fit("boosted"), tmp_path).path
    replaced(folder, name, content)
    with pytest.raises(Refused, match=said):
        load_bundle(folder)


def deflated(content: bytes) -> bytes:
    """Compressed, and then damaged where the archive's own sums do not tell."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(file, "w", 8) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    return file.getvalue()[:80] + b"\xff" * 60 + file.getvalue()[140:]


def edited(content: bytes, name: str, change: Callable[[Any], Any]) -> bytes:
    about, arrays = unpack(content, "x")
    return pack(about, {**arrays, name: change(arrays[name])})


@pytest.mark.parametrize(
    "damage",
    [
        deflated,
        lambda content: edited(content, "table", lambda table: table[:5]),
        lambda content: edited(content, "steps", lambda steps: steps[:2]),
        lambda content: edited(content, "block", lambda block: block + 999),
        lambda content: edited(content, "bounds_0", lambda bounds: np.array(["a", "b"])),
    ],
)
def test_a_damaged_explainer_is_refused(
    damage: Callable[[bytes], bytes], fit: Fit, tmp_path: Path
) -> None:
    small = fit("boosted")
    folder = bundle_of(small, tmp_path).path
    replaced(folder, "explainer.npz", damage(small.content))
    with pytest.raises(Refused, match=r"explainer\.npz "):
        load_bundle(folder)


def test_an_explainer_of_another_model_is_not_loaded(fit: Fit, tmp_path: Path) -> None:
    folder = bundle_of(fit("boosted"), tmp_path).path
    replaced(folder, "explainer.npz", fit("calibrated").content)
    with pytest.raises(Refused, match="explains another model"):
        load_bundle(folder)


def test_a_changed_explainer_does_not_verify(fit: Fit, tmp_path: Path) -> None:
    folder = bundle_of(fit("boosted"), tmp_path).path
    with (folder / "explainer.npz").open("ab") as file:
        file.write(b"x")
    with pytest.raises(Refused, match=r"explainer\.npz was changed"):
        load_bundle(folder)


def test_the_golden_rows_have_all_features(fit: Fit, tmp_path: Path) -> None:
    bundle = bundle_of(fit("ridge"), tmp_path)
    columns = bundle.golden_columns()
    assert bundle.explainer is not None
    found = bundle.explainer.scores([columns[name] for name in NAMES])
    assert np.allclose(found, bundle.scorer.predict(columns), atol=1e-5)
    assert hashlib.sha256((bundle.path / "manifest.json").read_bytes()).hexdigest() == bundle.digest
