"""One decision with what the model that made it can still tell."""

from __future__ import annotations

from dataclasses import replace

from modelkeel.errors import KeelError
from modelkeel.journal.case import Case, rebuild
from modelkeel.journal.store import Journal
from modelkeel.model.bundle import Bundle, load_bundle
from modelkeel.model.champion import folder_of
from modelkeel.project import Project


def case_of(project: Project, journal: Journal, prediction: str) -> Case:
    """One decision, with contributions and the texts of its reasons.

    The texts are those of the model that predicted, if it is here: the project's may have changed
    since. A record has contributions where reasons were told. Else they are made from the recorded
    inputs, if that model has an exact explainer.

    Args:
        project: whose models folder may have the bundle.
        journal: the journal, opened with its master key.
        prediction: its id.

    Raises:
        BadInput: there is no such prediction.
    """
    case = rebuild(journal, prediction)
    bundle = _bundle(project, str(case.said.get("digest"))) if case.holds else None
    if bundle is None:
        return case
    texts = bundle.reason_codes.texts if bundle.reason_codes is not None else {}
    case = replace(case, reasons={code: texts.get(code) for code in case.reasons})
    if case.inputs is None or case.contributions is not None or bundle.explainer is None:
        return case
    names = bundle.signature.feature_names
    shares = bundle.explainer.contributions([[case.inputs[name]] for name in names])
    return replace(case, contributions=dict(zip(names, shares[0].tolist(), strict=True)))


def _bundle(project: Project, digest: str) -> Bundle | None:
    for place in (project.models_dir / folder_of(digest), project.bundle_dir):
        try:
            return load_bundle(place, digest)
        except KeelError:
            continue
    return None
