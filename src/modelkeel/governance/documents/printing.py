"""All documents as one page to print or to hand over, with gates and the digests of evidence."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from modelkeel.data.digest import sha256_file
from modelkeel.governance.documents.rendering import Rendered, documents_of
from modelkeel.governance.documents.which import needed
from modelkeel.project import Project

if TYPE_CHECKING:
    from modelkeel.governance.gates import GateResult

NAME = "governance.html"
_FRONT = re.compile(r"\A---\n(.*?)^---\n", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"<(/?)h([1-5])>")
_LINK = re.compile(r'<a href="([^":]+)">(.*?)</a>', re.DOTALL)
_FIGURE = re.compile(r'<p><img src="(figures/[\w-]+\.svg)" alt="([^"]*)" ?/?></p>')
_TABLE = re.compile(r"<table>\n<thead>\n<tr>\n((?:<th[^>]*></th>\n)+)</tr>\n</thead>")
_DAY = re.compile(r"\b\d{4}-\d\d-\d\d\b(?![^<]*>)")
_OUTCOMES = {
    "pass": "passes",
    "warn": "warns",
    "fail": "fails",
    "not_assessed": "not assessed",
    "waived": "waived",
    "not_applicable": "does not apply",
}


def print_bundle(project: Project, results: Sequence[GateResult] = ()) -> Path:
    """Write all documents as one page, reports/governance.html.

    Args:
        project: the project.
        results: what the gates said, when they were asked.

    Raises:
        BadInput: a record or report is broken.
        KeelError: the disk is full.
    """
    from modelkeel.data.sources.writing import replacing

    path = project.reports_dir / NAME
    with replacing(path) as beside:
        beside.write_bytes(_page(project, results).encode("utf-8"))
    return path


def _page(project: Project, results: Sequence[GateResult]) -> str:
    found = {each.file: each for each in documents_of(project)}
    order = [(file, document.title) for file, document in needed(project) if file.endswith(".md")]
    order.sort(key=lambda each: each[0] != "index.md")  # the index first, as in a book
    parts = [(_anchor(file), title, _document(found, file)) for file, title in order]
    if results:
        parts.append(("gates", "Gates", _gates(results, project.root)))
    parts.append(("evidence", "Evidence", _evidence(project)))
    contents = "".join(
        f'<li><a href="#{name}">{escape(title)}</a></li>' for name, title, _ in parts
    )
    body = "\n".join(f'<section id="{name}">\n{text}</section>' for name, _, text in parts)
    css = Path(__file__).with_name("printing.css").read_text(encoding="utf-8")
    name = escape(project.system.identity.name)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{name}: governance documents</title>
<style>
{css}</style>
</head>
<body>
<header>
<p class="kicker">Governance documents</p>
<h1>{name}</h1>
<p>{escape(project.system.identity.purpose)}</p>
<p>Risk tier {project.system.tier}. Answers for it: {escape(project.system.identity.owner)}.</p>
<nav aria-label="Contents"><h2>Contents</h2><ol>{contents}</ol></nav>
</header>
<main>
{body}
</main>
</body>
</html>
"""


def _document(found: dict[str, Rendered], file: str) -> str:
    """A document as markup: one level down, its links within the page, its figures drawn."""
    from markdown_it import MarkdownIt

    text = found[file].text
    front = _FRONT.match(text)
    header = (
        f"<details><summary>Metadata</summary><pre>{escape(front[1])}</pre></details>"
        if (front)
        else ""
    )
    markup = MarkdownIt("commonmark").enable("table").render(text[front.end() :] if front else text)
    markup = _HEADING.sub(lambda at: f"<{at[1]}h{int(at[2]) + 1}>", markup)
    markup = _LINK.sub(lambda at: _linked(at[1], at[2], found), markup)
    markup = _FIGURE.sub(lambda at: _drawn(found, at[1], at[2]), markup)
    markup = _TABLE.sub('<table class="facts">', markup)
    markup = _DAY.sub(lambda at: f'<span class="day">{at[0]}</span>', markup)
    markup = markup.replace("<strong>MISSING</strong>", '<strong class="missing">MISSING</strong>')
    return f"{markup}{header}"


def _linked(target: str, label: str, found: dict[str, Rendered]) -> str:
    """A link to a section of the page; a file of the repository is named and not linked."""
    if target in found and target.endswith(".md"):
        return f'<a href="#{_anchor(target)}">{label}</a>'
    return f"<span>{label}</span>"


def _drawn(found: dict[str, Rendered], name: str, alt: str) -> str:
    drawing = found[name].text if name in found else ""
    return f'<figure aria-label="{alt}">{drawing}</figure>'


def _anchor(file: str) -> str:
    return f"doc-{file.removesuffix('.md')}"


def _gates(results: Iterable[GateResult], root: Path) -> str:
    """What each gate said, without the folder that the project happens to be in."""

    def said(text: str) -> str:
        return escape(text.replace(f"{root}{os.sep}", ""))

    rows = "".join(
        f'<tr class="{each.outcome}"><td>{each.id}</td><td>{escape(each.title)}</td>'
        f"<td>{_OUTCOMES[each.outcome]}</td><td>{said(each.measured)}</td>"
        f"<td>{said(each.asked)}</td></tr>\n"
        for each in results
    )
    heads = "".join(f"<th>{head}</th>" for head in ("Gate", "", "Outcome", "Found", "Asked"))
    return (
        "<h2>Gates</h2>\n<p>How each gate stood when this page was made.</p>\n"
        f'<table class="gates"><thead><tr>{heads}</tr></thead><tbody>\n{rows}</tbody></table>\n'
    )


def _evidence(project: Project) -> str:
    """Every record, report and statement with its whole digest."""
    root = project.root
    files = [root / "charter.toml", root / "params.yaml", root / "dvc.lock"]
    for folder in (project.governance_dir, project.evidence_dir):
        files += sorted(path for path in folder.rglob("*"))
    files += sorted(project.reports_dir.glob("*.json"))
    rows = "".join(
        f"<tr><td>{escape(path.relative_to(root).as_posix())}</td>"
        f"<td><code>{sha256_file(path)}</code></td></tr>\n"
        for path in files
        if path.is_file() and not path.name.startswith(".")
    )
    return (
        "<h2>Evidence</h2>\n<p>The files behind these documents, with their SHA-256. "
        "<code>sha256sum FILE</code> gives the same for an unchanged file.</p>\n"
        f'<table class="digests"><thead><tr><th>File</th><th>SHA-256</th></tr></thead><tbody>\n'
        f"{rows}</tbody></table>\n"
    )
