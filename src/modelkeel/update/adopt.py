"""Bring an existing repository under the template: its files win, the rest comes on a branch."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelkeel.errors import BadInput, Refused
from modelkeel.update import git
from modelkeel.update.adoption import Adoption, Answer
from modelkeel.update.branch import (
    Content,
    create_refs,
    head_of,
    init_with_files,
    locate,
    ref_of,
    write_commit,
)
from modelkeel.update.components import check_needs, choose, commands, destination, package_of
from modelkeel.update.detect import Found, detect
from modelkeel.update.extend import keeper_of, requirements_of
from modelkeel.update.git import GitFailed, Repo
from modelkeel.update.proposal import Proposal, propose
from modelkeel.update.survey import walk
from modelkeel.update.version import Version, render, shadow

REPOSITORY = "https://github.com/modelkeel/modelkeel"
ANSWERS_FILE = ".copier-answers.yml"
SECOND_ANSWERS_FILE = ".copier-answers.modelkeel.yml"
# Where the template's versions of the user's files, and files with additions, can be taken from.
TEMPLATE_REF = "refs/modelkeel/adopt/template"
EXTENDED_REF = "refs/modelkeel/adopt/extended"
_LARGE = 10_000_000
_SECRET = re.compile(
    r"(?:^|/)(?:\.env(?:\.(?!example$|sample$|template$).*)?|.*\.(?:pem|key)|id_rsa)$"
)


def adopt(
    path: Path,
    *,
    dry_run: bool = False,
    answers: Mapping[str, Any] | None = None,
    component: str | None = None,
    template: str | None = None,
    ref: str | None = None,
    init: bool = False,
    extend: bool = False,
    switch: bool = False,
    trust: bool = False,
) -> Adoption:
    """Take a repository under the template, as one commit on a branch of its own.

    The current branch, the work tree and uncommitted changes stay as they are.

    Args:
        path: the project.
        dry_run: show what would come, and write nothing.
        answers: to the template's questions; what is left out is guessed or its default.
        component: take on one capability only.
        template: path or git URL; by default the template this library belongs to.
        ref: tag, branch or commit of the template; by default its newest release.
        init: make the folder a git repository, and commit what is in it, when it is none.
        extend: commit additions to the user's own files too, where no line of theirs changes.
        switch: check the new branch out.
        trust: let the template use extensions.

    Raises:
        BadInput: no such folder, component, template or answer; no git and no `init`.
        Refused: it is adopted already, or the component would not work.
    """
    root = path.expanduser().resolve()
    if not root.is_dir():
        raise BadInput(f"{path} is no folder", remedy="give the folder of the repository")
    if component is not None:
        choose(component)
        check_needs(component, root)
    repo = locate(root)
    head = head_of(repo) if repo else None
    source = template or default_template()
    found = detect(
        root, email=_config(root, "user.email"), remote=_config(root, "remote.origin.url")
    )
    branch = _branch(repo, component)
    if component is None:
        _refuse_adopted(found, source, root)
    if repo and ref_of(repo, f"refs/heads/{branch}"):
        raise Refused(
            f"the branch {branch} is there already, from an earlier adopt",
            remedy=f"go on with it: git switch {branch}; or drop it: git branch -D {branch}",
        )
    if head is None and not (dry_run or init):
        what = "has no commit yet" if repo else "is in no git repository"
        raise BadInput(
            f"{root} {what}, so there is nothing to make a branch on",
            remedy="git init && git add -A && git commit -m 'As it was', or add --init",
        )
    answers_file = SECOND_ANSWERS_FILE if ANSWERS_FILE in found.answers_files else ANSWERS_FILE
    with shadow(root) as scratch:
        version = render(
            scratch, source, root, dict(answers or {}), found, ref, answers_file, trust
        )
        wanted = _select(version.contents, component, answers_file)
        proposal = propose(scratch, repo, head, root, wanted, component, take=extend)
        done = _describe(found, version, proposal, root, repo, branch, component, dry_run=dry_run)
        done.source = source
    _advise(done, proposal, version, found, answers_file)
    if dry_run or not (proposal.added or proposal.extended):
        return done
    email = str(version.rendered.answers.get("owner_email") or "keel@localhost")
    if head is None:
        left_out = _left_out(root)
        repo = init_with_files(root, left_out, email)
        head, done.has_git = head_of(repo), True
        done.notes += [f"{name} stayed out of the first commit" for name in left_out]
    assert repo is not None and head is not None  # noqa: S101, PT018  (made above if missing)
    done.commit = _commit(repo, head, proposal, done, email)
    if switch:
        repo.git("switch", "--quiet", branch)
        done.switched = True
        done.next_commands = done.next_commands[2:]
    return done


def default_template() -> str:
    """The checkout that this library runs from, else its repository."""
    root = Path(__file__).resolve().parents[3]
    return str(root) if (root / "copier.yml").is_file() else REPOSITORY


def _commit(repo: Repo, head: str, proposal: Proposal, done: Adoption, email: str) -> str:
    def at_top(files: Mapping[str, Content]) -> dict[str, Content]:
        return {f"{repo.prefix}{path}": content for path, content in files.items()}

    title = f"Take on the template's {done.component}" if done.component else "Take on the template"
    body = f"{title}\n\nTemplate: {done.source} {done.release}\n"
    commit = write_commit(repo, head, at_top({**proposal.added, **proposal.extended}), body, email)
    refs = {f"refs/heads/{done.branch}": commit}
    offers = {TEMPLATE_REF: proposal.kept, EXTENDED_REF: proposal.extendable}
    for ref, files in offers.items():
        if files and not done.component:
            refs[ref] = write_commit(repo, head, at_top(files), f"Offered: {body}", email)
    create_refs(repo, refs)
    return commit


def _select(
    contents: Mapping[str, Content], component: str | None, answers_file: str
) -> dict[str, Content]:
    if component is None:
        if answers_file not in contents:
            raise BadInput(
                f"the template renders no {answers_file}, so it could never be updated from",
                remedy="give a template that keeps Copier's answers",
            )
        return dict(contents)
    part = choose(component)
    chosen = {to: content for path, content in contents.items() if (to := destination(part, path))}
    if not chosen:
        raise BadInput(
            f"the template has no files of {component}", remedy="give another --template"
        )
    if "pyproject.toml" in contents:
        chosen["pyproject.toml"] = contents["pyproject.toml"]
    return chosen


def _refuse_adopted(found: Found, source: str, root: Path) -> None:
    for name, data in found.answers_files.items():
        if _same_template(str(data["_src_path"]), source, root) or name == SECOND_ANSWERS_FILE:
            raise Refused(
                f"{root} is under the template already: {name} says {data['_src_path']} "
                f"{data.get('_commit', '')}".rstrip(),
                remedy="keel status says what is new, keel update brings it",
            )


def _same_template(one: str, other: str, root: Path) -> bool:
    def plain(address: str) -> str:
        address = address.removeprefix("git+")
        for short, long in (("gh:", "https://github.com/"), ("gl:", "https://gitlab.com/")):
            address = address.replace(short, long, 1) if address.startswith(short) else address
        address = re.sub(r"^(?:https?://|ssh://|git://)?(?:[^@/]+@)?", "", address)
        return address.replace(":", "/").rstrip("/").removesuffix(".git").lower()

    folders = [(root / Path(address).expanduser()).resolve() for address in (one, other)]
    return plain(one) in (plain(other), plain(REPOSITORY)) or (
        folders[0] == folders[1] and folders[0].is_dir()
    )


def _describe(
    found: Found,
    version: Version,
    proposal: Proposal,
    root: Path,
    repo: Repo | None,
    branch: str,
    component: str | None,
    *,
    dry_run: bool,
) -> Adoption:
    done = Adoption(
        path=root, kind=found.kind, origin=found.template, source="", release=version.release,
        component=component or "", dry_run=dry_run, has_git=repo is not None, branch=branch,
        files=proposal.notes, requirements=found.requirements, dependencies=found.dependencies,
        survey=found.survey,
    )  # fmt: skip
    questions = version.rendered.questions
    done.answers = [
        Answer(key, value, version.used.get(key, "the template's default"))
        for key, value in version.rendered.answers.items()
        if key in questions and questions[key]["asked"]
    ]
    return done


def _advise(
    done: Adoption, proposal: Proposal, version: Version, found: Found, answers_file: str
) -> None:
    """What a person should know and run next."""
    notes, following = done.notes, done.next_commands
    if found.survey.unsafe and not done.component:
        shown = ", ".join(found.survey.unsafe[:3])
        notes.append(f"loading {shown} runs code from the file: export such models to ONNX")
    packed = next((n for n in ("setup.py", "setup.cfg") if n in found.requirements), "")
    if packed and "pyproject.toml" in proposal.added and not done.component:
        notes.append(f"pyproject.toml takes over from {packed}, which tools then no longer read")
    if answers_file != ANSWERS_FILE and not done.component:
        notes.append(
            f"{ANSWERS_FILE} is another template's and stays; ours is {answers_file}: "
            f"`copier update --answers-file {answers_file}`"
        )
    if not done.has_git:
        notes.append("there is no git repository here: `git init` and commit, or add --init")
    notes += proposal.warnings
    if not (proposal.added or proposal.extended):
        return
    following.append((f"git diff --stat HEAD...{done.branch}", "what the branch brings"))
    following.append((f"git switch {done.branch}", "go there; git switch - comes back"))
    if done.component:
        following += _component_commands(done, version, packed)
        return
    if proposal.extendable:
        names = shlex.join(proposal.extendable)
        following.append((f"git checkout {EXTENDED_REF} -- {names}", "take the additions"))
    if proposal.kept:
        names = shlex.join(proposal.kept)
        following.append((f"git diff HEAD {TEMPLATE_REF} -- {names}", "the template's versions"))
    listed = [name for name in found.requirements if name.endswith(".txt")]
    following += [
        (f"uv add -r {shlex.quote(name)}", "carry dependencies over") for name in listed[:2]
    ]
    following.append(("keel status", "where it stands against the template"))


def _component_commands(done: Adoption, version: Version, packed: str) -> list[tuple[str, str]]:
    part, theirs = choose(done.component), version.contents.get("pyproject.toml")
    keeper = keeper_of(_read(done.path / "pyproject.toml"), packed)
    needed = requirements_of(part, theirs.data.decode()) if theirs else []
    return commands(part, package_of(version.contents), keeper, shlex.join(needed))


def _branch(repo: Repo | None, component: str | None) -> str:
    where = "-".join(repo.prefix.strip("/").split("/")) if repo and repo.prefix else ""
    return "-".join(part for part in ("modelkeel/adopt", component, where) if part)


def _left_out(root: Path) -> list[str]:
    """Secrets and large files: nothing that a first commit should hold."""
    found = []
    for path in walk(root):
        name = path.relative_to(root).as_posix()
        large = path.is_file() and not path.is_symlink() and path.stat().st_size > _LARGE
        if large or _SECRET.search(name):
            found.append(name)
    return found


def _config(root: Path, key: str) -> str:
    try:
        return git.run(root, "config", "--get", key, allowed=(0, 1)).strip()
    except GitFailed:
        return ""


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
