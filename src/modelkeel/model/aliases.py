"""The registry's aliases champion and previous, which mirror champion.json.

MLflow changes an alias without comparing and keeps no history, so anybody may move one at any
time. They are no truth: `follow` moves them to where the champion is.
"""

from __future__ import annotations

from dataclasses import dataclass

from modelkeel.model.champion import Champion
from modelkeel.model.registry import (
    CANDIDATE,
    PROMOTED,
    Version,
    answering,
    list_versions,
    number_of,
)
from modelkeel.model.release_files import log_release
from modelkeel.model.training_log import connect, tracking_uri
from modelkeel.project import Project

CHAMPION, PREVIOUS = "champion", "previous"


@dataclass(frozen=True)
class Misplaced:
    """An alias that does not point where the champion is; None for no version."""

    alias: str
    found: str | None
    expected: str | None

    def __str__(self) -> str:
        """What is found against what is expected."""
        where = f"points to version {self.found}" if self.found else "points to no version"
        if self.alias == PREVIOUS:
            what = "there is none to go back to"
            if self.expected:
                what = f"the champion before is version {self.expected}"
        else:
            what = f"the champion is version {self.expected}"
        return f"alias {self.alias} {where}, {what}"


def follow(project: Project, champion: Champion) -> str | None:
    """Move the aliases to the champion and the one before it, and mark how it was promoted.

    Returns:
        Why they did not follow, where this registry does not have the champion.

    Raises:
        KeelError: the registry cannot be reached.
    """
    client = connect(project).MlflowClient()
    with answering(project):
        versions = list_versions(project)
        if number_of(versions, champion.digest, champion.version) is not None:
            log_release(client, project, champion)  # before a server sees the alias
        for each in misplaced(versions, champion):
            if each.expected is None:
                client.delete_registered_model_alias(project.name, each.alias)
            else:
                client.set_registered_model_alias(project.name, each.alias, each.expected)
        version = number_of(versions, champion.digest, champion.version)
        if version is None:
            return stranded(project, versions, champion)
        kind = "trial" if champion.trial else "release"
        client.set_model_version_tag(project.name, version, PROMOTED, kind)
        if any(CANDIDATE in each.aliases for each in versions if each.version == version):
            client.delete_registered_model_alias(project.name, CANDIDATE)
    return None


def misplaced(versions: list[Version], champion: Champion) -> list[Misplaced]:
    """The aliases that do not point where the champion is."""
    points = {alias: each.version for each in versions for alias in each.aliases}
    wanted = {CHAMPION: number_of(versions, champion.digest, champion.version)}
    if wanted[CHAMPION] is None:
        return []  # another registry than the one it was promoted in; see `stranded`
    before = champion.previous
    wanted[PREVIOUS] = number_of(versions, before) if before else None
    return [
        Misplaced(alias, points.get(alias), expected)
        for alias, expected in wanted.items()
        if points.get(alias) != expected
    ]


def stranded(project: Project, versions: list[Version], champion: Champion) -> str | None:
    """What a server without the champion names as champion; None where it names nothing."""
    if not tracking_uri(project).startswith("http"):
        return None  # nobody follows a local store
    if number_of(versions, champion.digest, champion.version) is not None:
        return None
    found = next((each.version for each in versions if CHAMPION in each.aliases), None)
    if found is None:
        return None
    return (
        f"alias champion points to version {found}, and the champion {champion.digest[:12]} is not "
        f"in this registry: servers that follow the alias serve version {found}"
    )
