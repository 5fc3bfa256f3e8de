"""Publication: a bundle that passed its gates is placed, summarised, signed, and pointed at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from modelkeel.data.digest import sha256_file
from modelkeel.errors import Refused
from modelkeel.governance.evidence.assess import summarise
from modelkeel.governance.gates import Case, GateResult
from modelkeel.model.champion import Champion, clear_out, place_bundle, previous_of
from modelkeel.model.keys import public_key_path
from modelkeel.model.promotions import Entry, now, person
from modelkeel.model.registry import Version
from modelkeel.model.signing import sign_bundle, signature_path
from modelkeel.model.summary import read_summary, staged_summary, write_summary
from modelkeel.model.switch import switch
from modelkeel.project import Project


def publish(
    case: Case,
    before: Champion | None,
    version: Version,
    results: Sequence[GateResult],
    outcome: str,
    *,
    trial: bool,
    claim: Callable[[Entry], None] | None = None,
) -> Entry:
    """Make the newest bundle the champion; everything that is read beside it comes first.

    `claim` decides it where another place than champion.json does, and may refuse.

    Raises:
        Refused: a release has to be signed and is not, or not with the project's key; or another
            bundle was decided on meanwhile.
    """
    project, bundle = case.project, case.bundle
    models = project.models_dir
    folder = place_bundle(bundle, models)
    staged = staged_summary(folder)
    write_summary(staged, summarise(case, results, version.version, trial=trial), case.key)
    _refuse_unsigned(project, staged, trial=trial)
    if case.key is not None:
        sign_bundle(folder, case.key, signature_path(folder))
    draft = Entry(
        time=now(),
        kind="trial" if trial else "promote",
        name=project.name,
        version=version.version,
        digest=bundle.digest,
        run_id=version.run_id,
        trial=trial,
        previous=_previous(before, bundle.digest, trial=trial),
        by=person(project.root),
        reason=f"{len(results)} gates: {outcome}",
        summary=sha256_file(staged),
    )
    if claim is not None:
        claim(draft)
    entry = switch(project, draft, staged)
    clear_out(models, [before.digest] if before else [])
    return entry


def _refuse_unsigned(project: Project, summary: Path, *, trial: bool) -> None:
    """A summary that no server would take does not take its place."""
    public = public_key_path(project)
    if not public.is_file():
        return
    _, signed = read_summary(summary, public)
    if not signed and not trial:
        summary.unlink()
        raise Refused(
            f"{public} is committed, so a release has to be signed, and no key was given",
            remedy="give the private key: keel model promote --key PATH",
        )


def _previous(before: Champion | None, digest: str, *, trial: bool) -> str | None:
    """What to go back to: a released champion never goes back to a trial."""
    if before is not None and before.trial != trial:
        return None
    return previous_of(before, digest)
