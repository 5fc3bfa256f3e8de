"""`keel journal replay`: score what the journal kept once more, and compare bit for bit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from modelkeel.errors import BadInput, Refused
from modelkeel.journal.case import Case, rebuild
from modelkeel.journal.store import Journal
from modelkeel.model.bundle import Bundle, load_bundle
from modelkeel.model.champion import folder_of
from modelkeel.model.manifest import MANIFEST
from modelkeel.project import Project


@dataclass(frozen=True)
class Replayed:
    """A prediction scored again.

    Attributes:
        id: of the prediction.
        digest: of the model that predicted, and that was loaded now.
        bundle: the folder it was loaded from.
        recorded: the scores in the record.
        found: the scores now.
        how: with which other rows it was scored, which may change the last bits.
        differences: what is not the same; nothing if all is.
    """

    id: str
    digest: str
    bundle: str
    recorded: list[float]
    found: list[float]
    how: str
    differences: list[str]

    @property
    def equal(self) -> bool:
        """Whether score and decision are the same, bit for bit."""
        return not self.differences

    def to_json(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self) | {"equal": self.equal})

    def to_text(self) -> str:
        """For people."""
        lines = [
            f"prediction  {self.id}",
            f"model       {self.digest[:12]} of {self.bundle}, verified",
            f"recorded    {', '.join(map(repr, self.recorded))}",
            f"replayed    {', '.join(map(repr, self.found))} ({self.how})",
        ]
        lines += [f"differs     {each}" for each in self.differences]
        return "\n".join([*lines, "equal       bit for bit"] if self.equal else lines)


def replay(
    project: Project, journal: Journal, prediction: str, folder: Path | None = None
) -> Replayed:
    """Load the model that predicted, and score the inputs in the record again.

    Args:
        project: whose models folder may have the bundle.
        journal: the journal, opened with its master key.
        prediction: id of the prediction.
        folder: the bundle, where the project does not have it any more.

    Raises:
        BadInput: there is no such prediction, its inputs are gone, or its model is not here.
        Refused: the record was changed, or the bundle is not what it was.
    """
    case = rebuild(journal, prediction)
    if not case.holds:
        raise Refused(
            f"{prediction}: record or payload was changed since it was written",
            remedy="run `keel journal verify`, and restore the database from a backup",
        )
    if case.inputs is None:
        raise BadInput(
            f"{prediction}: there are no inputs to replay: {case.readable}",
            remedy="choose another prediction; what was erased stays erased",
        )
    bundle = _bundle(project, str(case.said["digest"]), folder)
    recorded = _recorded(bundle, case.said)
    found, how = _score(bundle, case, recorded)
    differences = [
        f"score of {name}: recorded {was!r}, replayed {now!r}"
        for name, was, now in zip(_names(bundle), recorded, found, strict=True)
        if was != now
    ]
    differences += _decisions(bundle, case.said, found)
    place = str(bundle.path)
    return Replayed(case.id, bundle.digest, place, recorded, found, how, differences)


def refuse_different(replayed: Replayed) -> None:
    """End with what differs, if anything does.

    Raises:
        Refused: score or decision are not the same.
    """
    if not replayed.equal:
        raise Refused(
            f"{replayed.id}: replayed with the same model it differs: {replayed.differences[0]}",
            remedy="replay it with the ONNX Runtime and the kind of processor that served; if it "
            "still differs, treat it as an incident",
        )


def _bundle(project: Project, digest: str, folder: Path | None) -> Bundle:
    places = [folder] if folder else [project.models_dir / folder_of(digest), project.bundle_dir]
    for place in places:
        if folder is None and not (place / MANIFEST).is_file():
            continue
        try:
            return load_bundle(place, digest)
        except Refused:
            if folder is not None or place != project.bundle_dir:
                raise
    raise BadInput(
        f"the model that predicted, {digest[:12]}, is not in {project.models_dir}",
        remedy="download the bundle of that version from the registry, and give its folder: "
        "--bundle FOLDER",
    )


def _recorded(bundle: Bundle, said: Mapping[str, Any]) -> list[float]:
    classes = bundle.signature.classes
    if not classes:
        return [float(said["prediction"])]
    return [float(said["probabilities"][name]) for name in classes]


def _names(bundle: Bundle) -> list[str]:
    return bundle.signature.classes or [bundle.signature.target]


def _score(bundle: Bundle, case: Case, recorded: list[float]) -> tuple[list[float], str]:
    """The scores now, in a batch of the size it was scored in; if they differ, also alone.

    A library may sum in another order for another number of rows. What the other rows hold does
    not matter to it, so the row's own values stand in for them.
    """
    size, place = case.said.get("batch") or (1, 0)
    inputs: dict[str, Any] = case.inputs or {}

    def scored(count: int, at: int) -> list[float]:
        columns = {name: [value] * count for name, value in inputs.items()}
        row = bundle.scorer.predict(columns)[at]
        return [float(value) for value in row.reshape(-1)]

    found = scored(size, place)
    if found != recorded and size > 1 and (alone := scored(1, 0)) == recorded:
        return alone, "alone"
    return found, f"row {place + 1} of {size}" if size > 1 else "alone"


def _decisions(bundle: Bundle, said: Mapping[str, Any], found: list[float]) -> list[str]:
    import numpy as np

    classes = bundle.signature.classes
    if not classes:
        return []
    told: list[str] = []
    best = classes[int(np.argmax(found))]
    if said["prediction"] != best:
        told.append(f"prediction: recorded {said['prediction']!r}, replayed {best!r}")
    actions = bundle.decide(np.asarray([found], dtype=np.float64))
    if actions is not None and said.get("decision") != actions[0]:
        told.append(f"decision: recorded {said.get('decision')!r}, replayed {actions[0]!r}")
    return told
