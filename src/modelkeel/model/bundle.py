"""A bundle: a model in a folder, with everything needed to trust it.

    model.onnx signature.json decision.json profile.json golden.json manifest.json
    and, where it can say why: explainer.npz reasons.json

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
from typing import TYPE_CHECKING, Any, TypeVar

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
    Golden,
    golden_of,
    parse_golden,
    replay_golden,
    worst_difference,
)
from modelkeel.model.lineage import Lineage
from modelkeel.model.manifest import EXPLAINER, REASONS, Manifest, verify, write_manifest
from modelkeel.model.signature import Signature
from modelkeel.records.reasons import Reasons

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from modelkeel.model.champion import Champion
    from modelkeel.model.explain.explainer import Explainer
    from modelkeel.model.explain.reason_codes import ReasonCodes
    from modelkeel.model.scorer import Scorer

_Part = TypeVar("_Part", bound=BaseModel)


@dataclass(frozen=True)
class Bundle:
    """A verified, loaded bundle.

    `record` is the approval it was found by, if any. `explainer` is None where there is no exact
    one, `reasons` where people are told none.
    """

    path: Path
    manifest: Manifest
    signature: Signature
    decision: Decision
    scorer: Scorer
    digest: str
    record: Champion | None = None
    explainer: Explainer | None = None
    reasons: Reasons | None = None

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
        return [actions[index] for index in self.expected(scores).argmax(axis=1).tolist()]

    def expected(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """The expected payoff of each action (n, actions), for (n, k) probabilities."""
        return scores @ self._payoff

    def replay(self) -> tuple[float, int]:
        """Score the golden rows again: the largest difference, and how many rows there are."""
        golden = parse_golden(read_file(self.path / "golden.json"))
        return worst_difference(self.scorer, golden), len(golden.scores)

    @cached_property
    def reason_codes(self) -> ReasonCodes | None:
        """Groups contributions by reason; None where people are told no reasons."""
        from modelkeel.model.explain.reason_codes import ReasonCodes

        if self.reasons is None:
            return None
        return ReasonCodes(self.reasons, self.signature, self.decision)

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
    explainer: bytes | None = None,
    reasons: Reasons | None = None,
) -> Bundle:
    """Write a bundle and load it back.

    It is built in a sibling folder and renamed into place, so `folder` never holds half of one. A
    bundle that was there is moved aside for that moment; should a kill fall into it, the next
    write puts it back first, and loading says where it is.

    `lineage` has any of the fields of `Lineage`; `explainer` is what `compile_explainer` gave.

    Raises:
        BadInput: an argument cannot be written (unknown lineage key, decision that does not fit
            the classes, no golden rows, a golden value that breaks the signature).
        Refused: the model does not fit its signature, or gives no finite score on a golden row;
            the explainer is of another model.
    """
    from modelkeel.model.scorer import Scorer  # not at the top: it loads ONNX Runtime

    folder = Path(folder)
    restore_folder(folder)
    rule = checked_decision(decision, signature)
    origin = _checked_lineage(lineage)
    content = Path(onnx_path).read_bytes()
    golden = golden_of(golden_columns, signature, Scorer(content, signature))
    if explainer is not None:
        _explainer(explainer, signature, rule, reasons, Golden.model_validate(golden))
    tables: dict[str, Any] = {
        "signature.json": signature.model_dump(mode="json"),
        "decision.json": rule.model_dump(mode="json"),
        "profile.json": profile.model_dump(mode="json")
        if isinstance(profile, BaseModel)
        else dict(profile),
        "golden.json": golden,
    }
    if reasons is not None:
        tables[REASONS] = reasons.model_dump(mode="json", by_alias=True)

    folder.parent.mkdir(parents=True, exist_ok=True)
    building = folder.parent / f".{folder.name}.new"
    shutil.rmtree(building, ignore_errors=True)
    try:
        building.mkdir()
        (building / "model.onnx").write_bytes(content)
        if explainer is not None:
            (building / EXPLAINER).write_bytes(explainer)
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
    signature = _parsed(Signature, content["signature.json"], path / "signature.json")
    decision = _parse_decision(content["decision.json"], signature, path)
    parse_table(content["profile.json"], str(path / "profile.json"))
    scorer = Scorer(content["model.onnx"], signature)
    golden = parse_golden(content["golden.json"])
    replay_golden(scorer, golden, path / "golden.json", tolerance)
    reasons = _parsed(Reasons, content[REASONS], path / REASONS) if REASONS in content else None
    explainer = None
    if EXPLAINER in content:
        explainer = _explainer(content[EXPLAINER], signature, decision, reasons, golden)
    return Bundle(
        path=path,
        manifest=found.manifest,
        signature=signature,
        decision=decision,
        scorer=scorer,
        digest=found.digest,
        explainer=explainer,
        reasons=reasons,
    )


def _parsed(model: type[_Part], raw: bytes, path: Path) -> _Part:
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        raise Refused(f"{path}: {first_problem(error)}", remedy=REBUILD) from error


def _parse_decision(raw: bytes, signature: Signature, path: Path) -> Decision:
    try:
        return checked_decision(json.loads(raw), signature)
    except (BadInput, ValueError) as error:
        raise Refused(f"{path / 'decision.json'}: {error}", remedy=REBUILD) from error


def _explainer(
    content: bytes,
    signature: Signature,
    decision: Decision,
    reasons: Reasons | None,
    golden: Golden,
) -> Explainer:
    from modelkeel.model.explain.bundled import bundled_explainer  # not at the top: it loads numpy

    return bundled_explainer(content, signature, decision, reasons, golden)


def _checked_lineage(lineage: Mapping[str, Any]) -> Lineage:
    try:
        return Lineage.model_validate(dict(lineage))
    except ValidationError as error:
        raise BadInput(
            f"lineage: {first_problem(error)}",
            remedy=f"give any of {', '.join(Lineage.model_fields)}",
        ) from error
