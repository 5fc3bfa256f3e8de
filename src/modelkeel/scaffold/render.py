"""Renders the template into a new folder: all of it, or nothing."""

from __future__ import annotations

import re
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelkeel.errors import BadInput, KeelError
from modelkeel.scaffold.answers import check_keys, split_lists
from modelkeel.scaffold.source import Source, read_questions

ANSWERS_FILE = ".copier-answers.yml"


@dataclass(frozen=True)
class Rendered:
    """What was rendered.

    Attributes:
        answers: the content of the answers file, `_src_path` and `_commit` among it.
        uncommitted: the template had changes that no commit holds.
    """

    answers: dict[str, Any]
    uncommitted: bool


def check_destination(dest: Path) -> None:
    """Refuse a destination that holds something.

    Raises:
        BadInput: it is a file or a folder that is not empty.
    """
    if dest.is_dir():
        found = next(dest.iterdir(), None)
        if found is None:
            return
        raise BadInput(
            f"{dest} is not empty: it has {found.name}",
            remedy="give a folder that is empty or does not exist yet",
        )
    if dest.exists() or dest.is_symlink():
        raise BadInput(f"{dest} is a file", remedy="give a folder that does not exist yet")


def render(source: Source, dest: Path, answers: Mapping[str, Any], *, defaults: bool) -> Rendered:
    """Render a template into an absolute destination, which is whole or as it was before.

    Args:
        source: the template.
        dest: a folder that is empty or does not exist.
        answers: by question; what is missing is asked, or its default taken.
        defaults: ask nothing.

    Raises:
        BadInput: an answer or the destination is not valid, or there is no terminal to ask in.
        KeelError: the template cannot be read or written out.
    """
    check_destination(dest)
    if shutil.which("git") is None:
        raise KeelError("git was not found", remedy="install git, and put it on PATH")
    questions = read_questions(source)
    if questions is not None:
        check_keys(answers, questions)
        answers = split_lists(answers, questions)
    with _beside(dest) as folder:
        asked, uncommitted = _copy(source, folder, answers, defaults=defaults)
        check_keys(answers, asked)
        file = folder / ANSWERS_FILE
        if not file.is_file():
            raise BadInput(
                f"{source.address} is no modelkeel template: it renders no {ANSWERS_FILE}",
                remedy="give a modelkeel checkout or its git URL",
            )
        import yaml

        written = yaml.safe_load(file.read_text(encoding="utf-8"))
        _move(folder, dest)
    return Rendered(written, uncommitted)


@contextmanager
def _beside(dest: Path) -> Iterator[Path]:
    """A folder on the same disk to render into; gone at the end, as are parents left empty."""
    made = [parent for parent in dest.parents if not parent.exists()]
    try:
        dest.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{dest.name}.", dir=dest.parent))
    except OSError as error:
        _remove_empty(made)
        reason = error.strerror or "cannot be written"
        raise BadInput(f"{dest.parent}: {reason}", remedy="give another destination") from None
    try:
        yield scratch / dest.name
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        _remove_empty(made)


def _remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:  # it holds the new repository
            return


def _move(folder: Path, dest: Path) -> None:
    if not dest.exists():
        folder.rename(dest)
        return
    check_destination(dest)
    moved: list[Path] = []
    try:
        for child in list(folder.iterdir()):  # dest may be the working directory: keep it
            moved.append(dest / child.name)
            shutil.move(child, dest / child.name)
    except BaseException:
        for path in moved:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        raise


def _copy(
    source: Source, folder: Path, answers: Mapping[str, Any], *, defaults: bool
) -> tuple[dict[str, Any], bool]:
    """Run Copier; the questions of the template, and whether it had uncommitted changes."""
    try:
        import copier
        from copier.errors import (
            CopierError,
            DirtyLocalWarning,
            InteractiveSessionError,
            UnsafeTemplateError,
        )
        from jinja2 import TemplateError
        from plumbum import ProcessExecutionError
    except ImportError as error:
        raise KeelError(
            f"Copier is not installed ({error.name} is missing)",
            remedy="pip install 'modelkeel[update]'",
        ) from None
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", DirtyLocalWarning)
            worker = copier.run_copy(
                source.address,
                folder,
                dict(answers),
                vcs_ref=source.ref,
                defaults=defaults,
                quiet=True,
                unsafe=False,
            )
    except InteractiveSessionError:
        raise BadInput(
            "there are questions to ask, and no terminal to ask them in",
            remedy="add --defaults, or answer all of them with -d KEY=VALUE or --data-file",
        ) from None
    except UnsafeTemplateError:
        raise BadInput(
            f"{source.address} would run its own commands while rendering, as no release does",
            remedy="look at its copier.yml, and give the address of modelkeel itself",
        ) from None
    except ProcessExecutionError as error:
        raise KeelError(
            f"git could not read the template {source.address}: {_last_line(error.stderr)}",
            remedy="check the address, --ref and the network, or give a local checkout",
        ) from None
    except TemplateError as error:
        place = f"{getattr(error, 'name', None) or 'copier.yml'}:{getattr(error, 'lineno', '?')}"
        raise KeelError(
            f"the template is broken: {place}: {error.message}",
            remedy="give another --ref, or mend the template",
        ) from None
    except (CopierError, ValueError, TypeError) as error:
        raise _bad_answer(str(error)) from None
    except OSError as error:
        raise KeelError(
            f"{error.filename or folder.parent.parent}: {error.strerror or error}",
            remedy="free some space or give another destination",
        ) from None
    uncommitted = any(issubclass(warning.category, DirtyLocalWarning) for warning in caught)
    return dict(worker.template.questions_data), uncommitted


def _last_line(text: str) -> str:
    lines = [line for line in (text or "").strip().splitlines() if line.strip()]
    told = [line for line in lines if line.startswith(("fatal:", "error:"))]
    return (told or lines or ["no reason given"])[0]


def _bad_answer(message: str) -> BadInput:
    """Copier's words about an answer, in ours."""
    invalid = re.match(r"Validation error for question '(\w+)': (.*)", message, re.DOTALL)
    if invalid:
        key, reason = invalid.groups()
        return BadInput(f"{key}: {' '.join(reason.split())}", remedy=f"give -d {key}=...")
    choice = re.match(r"Invalid choice for '(\w+)': (.*) is not in \[(.*)\]", message, re.DOTALL)
    if choice:
        key, given, allowed = choice.groups()
        allowed = allowed.replace("'", "")
        return BadInput(f"{key}: {given} is none of its choices", remedy=f"choose from {allowed}")
    return BadInput(message, remedy="check the answers, --template and --ref")
