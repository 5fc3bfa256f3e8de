"""The version of the template that a repository is taken under, rendered with what is known."""

from __future__ import annotations

import difflib
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelkeel.errors import BadInput, KeelError
from modelkeel.update import git
from modelkeel.update.branch import Content
from modelkeel.update.detect import Found
from modelkeel.update.git import Repo
from modelkeel.update.render import Job, Rendered, render_all
from modelkeel.update.scratch import Scratch, scratch_for
from modelkeel.update.template import Remote, choose_target, open_remote

_BAD_ANSWER = re.compile(r"the answer to '(\w+)' is not valid|Invalid choice for '(\w+)'")


@dataclass(frozen=True)
class Version:
    """The template's rendered version."""

    rendered: Rendered
    contents: dict[str, Content]
    release: str
    used: dict[str, str]


@contextmanager
def shadow(root: Path) -> Iterator[Scratch]:
    """A scratch of a repository of its own: the user's gets not even a temporary file."""
    with tempfile.TemporaryDirectory(prefix="keel-adopt-") as folder:
        top = Path(folder).resolve() / (root.name or "project")
        top.mkdir()
        git.run(top, "init", "--quiet", "--template=")
        with scratch_for(Repo(top, "", top / ".git", top / ".git")) as scratch:
            yield scratch


def render(
    scratch: Scratch,
    source: str,
    root: Path,
    given: dict[str, Any],
    found: Found,
    ref: str | None,
    answers_file: str,
    trust: bool,
) -> Version:
    """Render the template, dropping guesses that it does not accept."""
    remote = open_remote(source, root)
    mirror = remote.objects(scratch.root, scratch.held)
    target = choose_target(remote, mirror, ref, None)
    questions = _questions(remote, mirror, target.commit)
    guesses = {k: g.value for k, g in found.guesses.items() if k not in given}
    guesses |= {k: v for k, v in found.answers.items() if k in questions and k not in given}
    revision = target.name if target.name in remote.tags else target.commit
    for attempt in range(len(guesses) + 1):
        job = Job(f"adopted-{attempt}", revision, {**guesses, **given})
        try:
            rendered = render_all(scratch, remote, [job], answers_file, trust=trust)[0]
            break
        except KeelError as error:
            wrong = _BAD_ANSWER.search(str(error))
            key = next(filter(None, wrong.groups()), "") if wrong else ""
            if key not in guesses:
                raise
            del guesses[key]
    _check_keys(given, rendered)
    entries = scratch.entries(rendered.tree)
    blobs = scratch.blobs([entry.oid for entry in entries.values()])
    contents = {path: Content(e.mode, blobs[e.oid]) for path, e in entries.items()}
    used = dict.fromkeys(given, "given")
    used |= {k: found.guesses[k].why if k in found.guesses else "as before" for k in guesses}
    return Version(rendered, contents, target.name, used)


def _questions(remote: Remote, mirror: Path, commit: str) -> set[str]:
    text = remote.read(mirror, commit, "copier.yml") or remote.read(mirror, commit, "copier.yaml")
    return set(re.findall(r"^([A-Za-z]\w*):", text or "", re.MULTILINE))


def _check_keys(given: Mapping[str, Any], rendered: Rendered) -> None:
    asked = [name for name, question in rendered.questions.items() if question["asked"]]
    for key in given:
        if key not in asked:
            near = difflib.get_close_matches(key, asked, n=1, cutoff=0.5)
            raise BadInput(
                f"there is no question {key!r}",
                remedy=f"did you mean {near[0]}?" if near else f"they are {', '.join(asked)}",
            )
