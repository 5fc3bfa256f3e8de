"""Whether what serves is what was promoted: bundle, summary, history, and registry aliases."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from modelkeel.errors import KeelError, Refused
from modelkeel.governance.decider import deciding, row_problems
from modelkeel.governance.decider import heal as heal_row
from modelkeel.governance.rollback import verify_kept
from modelkeel.model.aliases import misplaced, stranded
from modelkeel.model.bundle import Bundle
from modelkeel.model.champion import load_champion
from modelkeel.model.promotions import RESTORE, history_path
from modelkeel.model.registry import Version, list_versions
from modelkeel.model.summary import check_champion, must_be_signed
from modelkeel.model.switch import ELSEWHERE, Standing, changing, lagging, mirror, standing
from modelkeel.model.training_log import is_away
from modelkeel.project import Project

HEAL = "run `keel model verify --heal`"


@dataclass(frozen=True)
class Verified:
    """A champion that verifies, and what around it does not agree.

    Attributes:
        bundle: the champion.
        problems: what does not agree, each with what to do.
        notes: what could not be looked at, or was put right.
    """

    bundle: Bundle
    problems: tuple[str, ...]
    notes: tuple[str, ...]


def verify_champion(project: Project, *, heal: bool = False) -> Verified:
    """Verify the champion with all that names it.

    Args:
        project: the project.
        heal: move the registry's aliases to the champion, and make the journal's row agree.

    Raises:
        Refused: there is no champion, or bundle, summary, signature or history do not verify.
        KeelError: `heal`, and the registry cannot be reached.
    """
    bundle = load_champion(project.models_dir)
    serving = standing(project)
    if serving.problem is not None:
        raise Refused(serving.problem, remedy="promote again: keel model promote")
    if serving.entry is not None:
        verify_kept(project, serving.entry)
    elif serving.champion is not None and must_be_signed(project):
        check_champion(project, serving.champion)
    notes = follow_if_lagging(project)
    problems = history_problems(serving)
    if heal:
        if problems:
            raise Refused(problems[0], remedy="bring models/ up to date before healing aliases")
        with changing(project), deciding(project) as decider:
            heal_row(project, decider)
            lag = mirror(project)
        if lag is not None:
            raise lag
        notes = (*notes, "the aliases are where the champion is")
        return Verified(bundle, unrecorded(project, standing(project)), notes)
    problems += unrecorded(project, serving)
    try:
        with deciding(project) as decider:
            problems += tuple(f"{each}; {HEAL}" for each in row_problems(project, decider))
    except KeelError as error:
        notes = (*notes, f"the journal's row was not looked at: {error}")
    away = is_away(project)
    if away is not None:
        return Verified(bundle, problems, (*notes, away))
    try:
        problems = (*problems, *alias_problems(project, serving, list_versions(project)))
    except KeelError as error:
        notes = (*notes, f"the aliases were not looked at: {error}")
    return Verified(bundle, problems, notes)


def refuse_problems(found: Verified) -> None:
    """Stop if something does not agree.

    Raises:
        Refused: naming each.
    """
    if found.problems:
        raise Refused("; ".join(found.problems), remedy=HEAL)


def follow_if_lagging(project: Project) -> tuple[str, ...]:
    """Let aliases follow a change that the registry was away for; what there is to tell."""
    if not lagging(project):
        return ()
    with suppress(KeelError), changing(project):
        lag = mirror(project)
        followed = "the registry's aliases lagged behind the champion and have followed"
        return (str(lag) if lag else followed,)
    return ()


def history_problems(serving: Standing) -> tuple[str, ...]:
    """Whether a newer promotion than the one that serves is recorded."""
    if serving.entry is None or not serving.history or serving.history[-1] == serving.entry:
        return ()
    last = serving.history[-1]
    if last.digest == serving.entry.digest:
        return ()
    where = f"{last.version} ({last.digest[:12]}, by {last.by} at {last.time})"
    here = f"here version {serving.entry.version} serves"
    return (f"{here}, evidence/promotions.jsonl ends with version {where}",)


def unrecorded(project: Project, serving: Standing) -> tuple[str, ...]:
    """A champion without a line of the history, where it ought to have one."""
    champion = serving.champion
    if champion is None or serving.entry is not None or not must_be_signed(project):
        return ()
    which = f"version {champion.version} ({champion.digest[:12]}), which serves"
    return (f"{history_path(project)} has no line of {which}; {RESTORE}",)


def alias_problems(project: Project, serving: Standing, versions: list[Version]) -> tuple[str, ...]:
    """Aliases that somebody moved by hand."""
    if serving.champion is None or lagging(project):
        return ()
    found = [f"{each}; {HEAL}" for each in misplaced(versions, serving.champion)]
    if elsewhere := stranded(project, versions, serving.champion):
        found.append(f"{elsewhere}; {ELSEWHERE}")
    return tuple(found)
