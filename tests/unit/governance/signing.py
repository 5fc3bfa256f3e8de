"""People with real SSH keys, and a project under git."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from modelkeel.project import Project, load_project


@dataclass(frozen=True)
class Person:
    """An address and the private key of it; the public one stands beside."""

    email: str
    key: Path

    @property
    def public(self) -> str:
        return " ".join(self.key.with_suffix(".pub").read_text(encoding="utf-8").split()[:2])


def person(folder: Path, email: str, passphrase: str = "") -> Person:
    key = folder / email.partition("@")[0]
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", email, "-f", str(key)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return Person(email, key)


def allow(project: Project, *people: Person, options: str = 'namespaces="governance"') -> Path:
    path = project.governance_dir / "allowed_signers"
    lines = [f"{each.email} {options} {each.public}" for each in people]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write(project: Project, name: str, text: str) -> Project:
    """The project with another text in a file; records are read anew."""
    path = project.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return load_project(project.root)


def edit(project: Project, name: str, old: str, new: str) -> Project:
    text = (project.root / name).read_text(encoding="utf-8")
    assert old in text
    return write(project, name, text.replace(old, new, 1))


def add(project: Project, name: str, more: str) -> Project:
    return write(project, name, (project.root / name).read_text(encoding="utf-8") + more)


def git(root: Path, *arguments: str) -> str:
    command = ["git", "-c", "commit.gpgsign=false", *arguments]
    return subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout


def commit(root: Path, author: str, message: str = "change") -> str:
    """Commit everything in the name of somebody; the commit."""
    git(root, "add", "-A")
    identity = ["-c", f"user.name={author}", "-c", f"user.email={author}"]
    git(root, *identity, "commit", "-q", "--allow-empty", "-m", message)
    return git(root, "rev-parse", "HEAD").strip()
