"""Team roles: who reviews which files, and who answers for what."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from modelkeel.governance.workflows import codeowners
from modelkeel.project import Project
from modelkeel.records.base import read_text
from modelkeel.records.system import Role, System

Host = Literal["github", "gitlab"]
Answering = Role | Literal["owner"]
START = "# >>> roles of governance/system.toml >>>"
END = "# <<< roles of governance/system.toml <<<"
PLACES: dict[Host, Path] = {
    "github": Path(".github", "CODEOWNERS"),
    "gitlab": Path(".gitlab", "CODEOWNERS"),
}
_CI: dict[Host, str] = {"github": ".github/workflows", "gitlab": ".gitlab-ci.yml"}
_SECTION = re.compile(r"\^?\[([^\]]+)\]")  # of GitLab; it may be optional, and asks for a number
TITLES: dict[Role, str] = {
    "software": "Software",
    "data_engineering": "Data engineering",
    "data_science": "Data science",
    "domain": "Domain",
    "risk": "Risk",
}


@dataclass(frozen=True)
class Review:
    """A change of one of these paths is reviewed by people of the role."""

    role: Role
    paths: tuple[str, ...]


@dataclass(frozen=True)
class Responsibility:
    """Who does a thing, who answers for it, and who is asked before.

    Attributes:
        area: the thing.
        files: where it is written down.
        responsible: role that does it, and its people.
        accountable: role that answers for it, and its people.
        consulted: roles that are asked, and their people.
    """

    area: str
    files: tuple[str, ...]
    responsible: tuple[str, tuple[str, ...]]
    accountable: tuple[str, tuple[str, ...]]
    consulted: tuple[tuple[str, tuple[str, ...]], ...]


# Area, files, who does it, who answers for it ("owner" or a role), who is asked.
_AREAS: tuple[tuple[str, tuple[str, ...], Role, Answering, tuple[Role, ...]], ...] = (
    ("charter", ("charter.toml",), "domain", "owner", ("data_science", "risk")),
    (
        "data",
        ("governance/data/", "params.yaml"),
        "data_engineering",
        "owner",
        ("data_science", "domain"),
    ),
    ("model", ("src/", "params.yaml"), "data_science", "owner", ("domain", "software")),
    ("release", ("governance/approvals/",), "software", "risk", ("data_science", "domain")),
    (
        "monitoring",
        ("governance/gates.toml",),
        "data_science",
        "owner",
        ("data_engineering", "domain"),
    ),
    ("incidents", ("governance/incidents/",), "software", "owner", ("risk", "domain")),
    ("risks and privacy", ("governance/",), "risk", "owner", ("domain", "data_science")),
)


def review_rules(package: str, host: Host = "github") -> tuple[Review, ...]:
    """Which role reviews which paths; on GitHub a later rule wins over an earlier one.

    The last one holds the rules themselves, so that nobody takes them out unseen.
    """
    source = f"/src/{package}/"
    return (
        Review("software", ("*",)),
        Review(
            "data_engineering",
            ("/data/", "/dvc.yaml", f"{source}sources.py", f"{source}validate.py"),
        ),
        Review(
            "data_science",
            (
                "/notebooks/",
                "/params.yaml",
                f"{source}features.py",
                f"{source}train.py",
                f"{source}evaluate.py",
            ),
        ),
        Review("domain", ("/charter.toml", "/tests/behaviour/")),
        Review("risk", ("/governance/", f"/{PLACES[host].as_posix()}")),
    )


def codeowners_block(project: Project, host: Host | None = None) -> str:
    """The lines of CODEOWNERS that follow from the roles, with the markers around them.

    Args:
        project: the project.
        host: whose syntax; that of the file which is there when left out, else GitHub's.
    """
    host = host or host_of(project) or "github"
    parts = [START]
    for rule in review_rules(project.package, host):
        people = " ".join(project.system.people_of(rule.role))
        title = TITLES[rule.role]
        parts.append(f"[{title}]" if host == "gitlab" else f"# {title}")
        parts += [f"{path} {people}" for path in rule.paths]
        parts.append("")
    return "\n".join([*parts[:-1], END]) + "\n"


def host_of(project: Project) -> Host | None:
    """Where the project's CODEOWNERS stands; None if there is none."""
    return next((host for host, at in PLACES.items() if (project.root / at).is_file()), None)


def block_in(text: str) -> str | None:
    """The block of a CODEOWNERS file, markers included; None if the file has none."""
    lines = text.splitlines(keepends=True)
    bare = [line.strip() for line in lines]
    if START not in bare or END not in bare[bare.index(START) :]:
        return None
    start = bare.index(START)
    end = bare.index(END, start)
    return "".join(lines[start : end + 1])


def owners_problem(project: Project) -> str | None:
    """Why CODEOWNERS does not ask whom the roles name; None if it does, or is kept by hand.

    Raises:
        BadInput: the system record is broken, or the file cannot be read.
    """
    host = host_of(project)
    if host is None:
        home = _home(project)
        return f"{PLACES[home].as_posix()}: is not there" if home else None
    name = PLACES[host].as_posix()
    text = read_text(project.root / PLACES[host])
    block = block_in(text)
    if block is None:
        if (lost := _lost_mark(text)) is None:
            return None
        return f"{name}: lacks {lost}; write it, or remove both to keep the file by hand"
    if block.strip() != codeowners_block(project, host).strip():
        return f"{name}: the roles are not those of governance/system.toml"
    if (rule := _taking(project, host, text.partition(block)[2])) is None:
        return None
    return (
        f"{name}: {rule!r}, below the block, takes files from a role; begin it with / and a path "
        "that no role is named for, or name people in [roles] of governance/system.toml"
    )


def _lost_mark(text: str) -> str | None:
    """The mark without which the other one means nothing."""
    bare = [line.strip() for line in text.splitlines()]
    if START in bare:
        return f"the line {END!r} below the roles"
    return f"the line {START!r} above the roles" if END in bare else None


def _taking(project: Project, host: Host, below: str) -> str | None:
    """The first rule that may match a file of a role: of rules that match, the last one wins.

    Sections of GitLab add to each other, but for those that have the name of a role.
    """
    titles = {title.casefold() for title in TITLES.values()}
    counts = True
    for line in below.splitlines():
        rule = line.partition("#")[0].strip()
        if host == "gitlab" and (section := _SECTION.match(rule)):
            counts = section[1].strip().casefold() in titles
        elif rule and counts and _may_match(rule.split()[0], project.package, host):
            return rule
    return None


def _may_match(pattern: str, package: str, host: Host) -> bool:
    """Whether a pattern may match a file that a role is named for."""
    parts = pattern.strip("/").split("/")
    if not pattern.startswith("/") or not parts[0] or "**" in pattern or "\\" in pattern:
        return True
    places = [path for rule in review_rules(package, host) for path in rule.paths if path != "*"]
    return any(
        all(map(fnmatchcase, place.strip("/").split("/"), parts))  # as far as the shorter one goes
        for place in places
    )


def _home(project: Project) -> Host | None:
    """Where CODEOWNERS belongs: to the CI, unless people keep it elsewhere."""
    if codeowners(project.root):
        return None
    return next((host for host, at in _CI.items() if (project.root / at).exists()), None)


def update_codeowners(project: Project) -> Path | None:
    """Bring the block of CODEOWNERS up to date; what stands around it stays.

    Returns:
        The file; None if there is no CI to keep it for, or people keep it by hand.

    Raises:
        BadInput: the system record is broken, or the file cannot be read.
    """
    host = host_of(project) or _home(project)
    if host is None:
        return None
    path = project.root / PLACES[host]
    text = read_text(path) if path.is_file() else f"{START}\n{END}\n"
    old = block_in(text)
    if old is None:
        return None
    new = codeowners_block(project, host)
    if not old.endswith("\n"):
        new = new.removesuffix("\n")
    if new != old:
        path.parent.mkdir(exist_ok=True)
        beside = path.with_name(f".{path.name}.new")
        beside.write_text(text.replace(old, new, 1), encoding="utf-8")
        beside.replace(path)
    return path


def responsibilities(system: System) -> list[Responsibility]:
    """Who does, answers for and is asked about each area, with the people of each role."""
    return [
        Responsibility(
            area,
            files,
            _named(system, does),
            _named(system, answers),
            tuple(_named(system, role) for role in asked),
        )
        for area, files, does, answers, asked in _AREAS
    ]


def _named(system: System, role: Answering) -> tuple[str, tuple[str, ...]]:
    if role == "owner":
        return role, (system.identity.owner,)
    return role, tuple(system.people_of(role))
