"""A bundle: a model in a folder, with everything needed to trust it.

    model.onnx signature.json decision.json profile.json golden.json manifest.json

A bundle is verified, its digest compared, then loaded, then its golden rows replayed: in that
order, or it is refused.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from modelkeel.errors import BadInput, Refused
from modelkeel.model.decision import Decision, PayoffDecision, checked_decision
from modelkeel.model.files import (
    REBUILD,
    first_problem,
    parse_table,
    read_file,
    read_table,
    replace_folder,
    restore_folder,
    write_json,
)
from modelkeel.model.golden import (
    TOLERANCE,
    golden_of,
    parse_golden,
    replay_golden,
    worst_difference,
)
from modelkeel.model.lineage import Lineage
from modelkeel.model.manifest import Manifest, verify, write_manifest
from modelkeel.model.signature import Signature

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from modelkeel.model.champion import Champion
    from modelkeel.model.scorer import Scorer


@dataclass(frozen=True)
class Bundle:
    """A verified, loaded bundle. `record` is the approval it was found by, if any."""

    path: Path
    manifest: Manifest
    signature: Signature
    decision: Decision
    scorer: Scorer
    digest: str
    record: Champion | None = None

    @property
    def version(self) -> str | None:
        """The registry version, if it has one."""
        return self.record.version if self.record else self.manifest.version

    @property
    def run_id(self) -> str | None:
        """The run that trained it, if known."""
        return self.record.run_id if self.record else self.manifest.run_id

    @property
    def actions(self) -> list[str]:
        """The actions it decides between; empty when it only predicts a value."""
        return list(self.decision.actions) if isinstance(self.decision, PayoffDecision) else []

    def profile(self) -> dict[str, Any]:
        """The profile of the training data."""
        return read_table(self.path / "profile.json")

    def golden_columns(self) -> dict[str, list[Any]]:
        """The golden rows, as columns."""
        return dict(parse_golden(read_file(self.path / "golden.json")).columns)

    def decide(self, scores: NDArray[np.float64]) -> list[str] | None:
        """The action with the greatest expected payoff for each row of (n, k) probabilities.

        A tie goes to the action named first. None when the decision is the value itself.
        """
        if not isinstance(self.decision, PayoffDecision):
            return None
        actions = self.decision.actions
        best = (scores @ self._payoff).argmax(axis=1)
        return [actions[index] for index in best.tolist()]

    def replay(self) -> tuple[float, int]:
        """Score the golden rows again: the largest difference, and how many rows there are."""
        golden = parse_golden(read_file(self.path / "golden.json"))
        return worst_difference(self.scorer, golden), len(golden.scores)

    @cached_property
    def _payoff(self) -> NDArray[np.float64]:
        """Amounts as (classes, actions), rows in the order of the signature's classes."""
        import numpy as np

        rule = self.decision
        if not isinstance(rule, PayoffDecision):
            return np.empty((0, 0))
        order = [rule.outcomes.index(name) for name in self.signature.classes]
        return np.asarray(rule.amounts, dtype=np.float64)[:, order].T.copy()


def write_bundle(
    folder: Path,
    *,
    name: str,
    onnx_path: Path,
    signature: Signature,
    decision: Decision | Mapping[str, Any],
    profile: BaseModel | Mapping[str, Any],
    golden_columns: Mapping[str, Sequence[Any]],
    lineage: Mapping[str, Any],
) -> Bundle:
    """Write a bundle and load it back.

    It is built in a sibling folder and renamed into place, so `folder` never holds half of one. A
    bundle that was there is moved aside for that moment; should a kill fall into it, the next
    write puts it back first, and loading says where it is.

    `lineage` has any of the fields of `Lineage`.

    Raises:
        BadInput: an argument cannot be written (unknown lineage key, decision that does not fit
            the classes, no golden rows, a golden value that breaks the signature).
        Refused: the model does not fit its signature, or gives no finite score on a golden row.
    """
    from modelkeel.model.scorer import Scorer  # not at the top: it loads ONNX Runtime

    folder = Path(folder)
    restore_folder(folder)
    rule = checked_decision(decision, signature)
    origin = _checked_lineage(lineage)
    content = Path(onnx_path).read_bytes()
    golden = golden_of(golden_columns, signature, Scorer(content, signature))
    tables: dict[str, Any] = {
        "signature.json": signature.model_dump(mode="json"),
        "decision.json": rule.model_dump(mode="json"),
        "profile.json": profile.model_dump(mode="json")
        if isinstance(profile, BaseModel)
        else dict(profile),
        "golden.json": golden,
    }

    folder.parent.mkdir(parents=True, exist_ok=True)
    building = folder.parent / f".{folder.name}.new"
    shutil.rmtree(building, ignore_errors=True)
    try:
        building.mkdir()
        (building / "model.onnx").write_bytes(content)
        for file, value in tables.items():
            write_json(building / file, value, file)
        write_manifest(building, name, origin)
        replace_folder(building, folder)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    return load_bundle(folder)


def load_bundle(
    path: Path, expected_digest: str | None = None, *, tolerance: float = TOLERANCE
) -> Bundle:
    """Verify, compare the digest, load, replay the golden rows.

    Args:
        path: the folder.
        expected_digest: digest that was approved, if one was.
        tolerance: how far a golden row's score may differ, absolute and relative.

    Raises:
        Refused: naming the file, what was found, what was expected and the remedy.
    """
    from modelkeel.model.scorer import Scorer

    path = Path(path)
    found = verify(path, expected_digest)
    content = found.content
    signature = _parse_signature(content["signature.json"], path)
    decision = _parse_decision(content["decision.json"], signature, path)
    parse_table(content["profile.json"], str(path / "profile.json"))
    scorer = Scorer(content["model.onnx"], signature)
    golden = parse_golden(content["golden.json"])
    replay_golden(scorer, golden, path / "golden.json", tolerance)
    return Bundle(path, found.manifest, signature, decision, scorer, found.digest)


def _parse_signature(raw: bytes, path: Path) -> Signature:
    try:
        return Signature.model_validate_json(raw)
    except ValidationError as error:
        raise Refused(
            f"{path / 'signature.json'}: {first_problem(error)}", remedy=REBUILD
        ) from error


def _parse_decision(raw: bytes, signature: Signature, path: Path) -> Decision:
    try:
        return checked_decision(json.loads(raw), signature)
    except (BadInput, ValueError) as error:
        raise Refused(f"{path / 'decision.json'}: {error}", remedy=REBUILD) from error


def _checked_lineage(lineage: Mapping[str, Any]) -> Lineage:
    try:
        return Lineage.model_validate(dict(lineage))
    except ValidationError as error:
        raise BadInput(
            f"lineage: {first_problem(error)}",
            remedy=f"give any of {', '.join(Lineage.model_fields)}",
        ) from error
