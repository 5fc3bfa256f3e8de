"""Renders the documents that a project needs, and tells which are out of date."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from modelkeel.governance.documents.card_header import card_header
from modelkeel.governance.documents.croissant import croissant
from modelkeel.governance.documents.figures import by_group
from modelkeel.governance.documents.header import opening, ours, settled
from modelkeel.governance.documents.ledger import Gap, Ledger
from modelkeel.governance.documents.measured import primary
from modelkeel.governance.documents.page import Page
from modelkeel.governance.documents.ropa import COLUMNS, ropa_csv
from modelkeel.governance.documents.sources import Sources
from modelkeel.governance.documents.table import Table
from modelkeel.governance.documents.templates import filled
from modelkeel.governance.documents.which import DOCUMENTS, Document, needed
from modelkeel.project import Project

_FIGURE = "figures/by-group.svg"
_SHOWN = 80  # characters of a line


@dataclass(frozen=True)
class Rendered:
    """A file of docs/governance and what it lacks.

    Attributes:
        gaps: what is missing in it, by key.
    """

    file: str
    text: str
    gaps: dict[str, Gap] = field(default_factory=dict)
    excused: int = 0
    waived: int = 0


def documents_of(project: Project) -> list[Rendered]:
    """Every document that a project needs, as it should be; nothing is written.

    Raises:
        BadInput: a record or report is broken.
    """
    names = dict(needed(project))
    figures = {_FIGURE: svg} if (svg := _figure(project)) else {}
    found = [_one(project, file, names, figures) for file in names if file != "index.md"]
    found.append(_index(project, names, found))
    return [*found, *(Rendered(name, svg) for name, svg in figures.items())]


def render(project: Project) -> list[Path]:
    """Write the documents that a project needs, and remove ours that it no longer does.

    Returns:
        The files, whether or not they changed.

    Raises:
        BadInput: a record or report is broken; nothing is written.
        KeelError: the disk is full.
    """
    from modelkeel.data.sources.writing import replacing

    found = documents_of(project)
    paths = []
    for each in found:
        path = project.documents_dir / each.file
        content = each.text.encode("utf-8")
        if not path.is_file() or path.read_bytes() != content:
            with replacing(path) as beside:
                beside.write_bytes(content)
        paths.append(path)
    for path in _left_over(project, found):
        path.unlink()
    return paths


def stale(project: Project) -> list[str]:
    """What is wrong with the documents on disk, a line a file; none where all are current.

    Raises:
        BadInput: a record or report is broken.
    """
    found = documents_of(project)
    problems = []
    for each in found:
        path = project.documents_dir / each.file
        name = path.relative_to(project.root).as_posix()
        if not path.is_file():
            problems.append(f"{name}: is not there")
        elif (there := _read(path)) is None:
            problems.append(f"{name}: is no UTF-8 text")
        elif line := _first_difference(settled(there), settled(each.text)):
            problems.append(f"{name}:{line}")
    problems += [
        f"{path.relative_to(project.root).as_posix()}: is no longer called for"
        for path in _left_over(project, found)
    ]
    return problems


def _one(
    project: Project, file: str, names: dict[str, Document], figures: dict[str, str]
) -> Rendered:
    ledger = Ledger(Sources(project))
    document = names[file]
    if file.endswith(".json"):
        return Rendered(file, croissant(ledger))
    if file.endswith(".csv"):
        text = ropa_csv(ledger)
    else:
        page = Page(ledger, names, tuple(figures))
        text = filled(document.template, p=page, table=Table(ledger))
        header = card_header(ledger.sources) if file == "model-card.md" else ""
        text = _headed(header, document.title, opening(ledger), text)
    return Rendered(file, text, ledger.gaps, len(ledger.excused), len(ledger.waived))


def _index(project: Project, names: dict[str, Document], found: list[Rendered]) -> Rendered:
    """All documents with what they lack, and each gap once."""
    ledger = Ledger(Sources(project))
    gaps: dict[str, tuple[Gap, list[str]]] = {}
    for each in found:
        for key, gap in each.gaps.items():
            gaps.setdefault(key, (gap, []))[1].append(each.file)
    text = filled(
        "index.md.jinja",
        p=Page(ledger, names),
        rendered={each.file: each for each in found},
        gaps=list(gaps.values()),
    )
    ledger.gaps.update({key: gap for key, (gap, _) in gaps.items()})
    return Rendered("index.md", _headed("", names["index.md"].title, opening(ledger), text))


def _headed(header: str, title: str, opened: str, body: str) -> str:
    text = f"{header}# {title}\n\n{opened}\n\n{body}"
    text = "\n".join(line.rstrip() for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _figure(project: Project) -> str | None:
    page = Page(Ledger(Sources(project)), {})
    evaluation = page.evaluation or {}
    everyone = evaluation.get("model", {}).get(primary(evaluation))
    return by_group(page.parts(), page.primary(), everyone)


def _left_over(project: Project, found: list[Rendered]) -> list[Path]:
    """Files that were rendered once and are called for no longer."""
    folder = project.documents_dir
    wanted = {each.file for each in found}
    candidates = {path for each in DOCUMENTS for path in folder.glob(each.file)}
    candidates |= {folder / _FIGURE} & set(folder.glob("figures/*.svg"))
    return sorted(
        path
        for path in candidates
        if path.relative_to(folder).as_posix() not in wanted and _is_ours(path)
    )


def _is_ours(path: Path) -> bool:
    text = _read(path)
    if text is None:
        return False
    if path.suffix == ".csv":
        return text.startswith(",".join(COLUMNS))
    return path.suffix == ".svg" or ours(text)


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def _first_difference(there: str, expected: str) -> str:
    """The first line that differs, with its number; nothing where both are alike."""
    if there == expected:
        return ""
    old, new = there.splitlines(), expected.splitlines()
    for at in range(max(len(old), len(new))):
        was = old[at] if at < len(old) else "(end of the file)"
        asked = new[at] if at < len(new) else "(end of the file)"
        if was != asked:
            start = _alike(was, asked)
            return f"{at + 1}: has {_around(was, start)}, expected {_around(asked, start)}"
    return f"{len(new)}: line endings differ"


def _alike(one: str, other: str) -> int:
    """How many characters two lines begin with alike."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def _around(line: str, at: int) -> str:
    """As much of a line as shows what stands at a character."""
    start = 0 if at < _SHOWN // 2 else at - _SHOWN // 2
    end = start + _SHOWN
    return repr(("…" if start else "") + line[start:end] + ("…" if line[end:] else ""))
