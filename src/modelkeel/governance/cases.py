"""One decision with what the model that made it can still tell."""

from __future__ import annotations

from dataclasses import replace

from modelkeel.errors import KeelError
from modelkeel.journal.case import Case, rebuild
from modelkeel.journal.store import Journal
from modelkeel.model.bundle import load_bundle
from modelkeel.model.champion import folder_of
from modelkeel.project import Project


def case_of(project: Project, journal: Journal, prediction: str, texts: dict[str, str]) -> Case:
    """One decision, with contributions.

    A record has them where reasons were told. Else they are made from the recorded inputs, if the
    model that predicted is here and has an exact explainer.

    Args:
        project: whose models folder may have the bundle.
        journal: the journal, opened with its master key.
        prediction: its id.
        texts: the text of each reason code.

    Raises:
        BadInput: there is no such prediction.
    """
    case = rebuild(journal, prediction, texts)
    if case.inputs is None or case.contributions is not None or not case.holds:
        return case
    digest = str(case.said.get("digest"))
    try:
        bundle = load_bundle(project.models_dir / folder_of(digest), digest)
    except KeelError:
        return case
    if bundle.explainer is None:
        return case
    names = bundle.signature.feature_names
    shares = bundle.explainer.contributions([[case.inputs[name]] for name in names])
    return replace(case, contributions=dict(zip(names, shares[0].tolist(), strict=True)))
