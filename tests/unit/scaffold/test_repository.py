import subprocess
from pathlib import Path

import pytest

from modelkeel.errors import KeelError
from modelkeel.scaffold.repository import commit_all, first_commit


@pytest.fixture(autouse=True)
def _no_identity(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for role in ("AUTHOR", "COMMITTER"):
        for part in ("NAME", "EMAIL"):
            monkeypatch.delenv(f"GIT_{role}_{part}", raising=False)
    for name in ("XDG_CONFIG_HOME", "EMAIL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "a b"
    (folder / ".dvc").mkdir(parents=True)
    (folder / ".dvc" / "config.local").write_text("[core]\n    no_scm = true\n")
    (folder / "a.txt").write_text("a\n")
    return folder


def log(root: Path, form: str) -> str:
    command = ["git", "log", "-1", f"--format={form}"]
    return subprocess.run(
        command, cwd=root, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_without_an_identity_the_owner_commits(root: Path) -> None:
    first_commit(root, "One", "ada.l@example.org")
    assert log(root, "%an <%ae> %cn <%ce> %s %D") == (
        "ada.l <ada.l@example.org> ada.l <ada.l@example.org> One HEAD -> main"
    )
    assert not (root / ".dvc" / "config.local").exists()


def test_an_identity_is_kept(root: Path, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / ".gitconfig").write_text("[user]\n\tname = Grace\n\temail = g@h.i\n")
    first_commit(root, "One", "ada@example.org")
    assert log(root, "%an <%ae>") == "Grace <g@h.i>"


def test_half_an_identity_is_completed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Grace")
    first_commit(root, "One", "ada@example.org")
    assert log(root, "%an <%ae> %cn <%ce>") == "Grace <ada@example.org> Grace <ada@example.org>"


def test_git_hooks_of_the_user_do_not_run(root: Path, tmp_path: Path) -> None:
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "pre-commit").write_text("#!/bin/sh\nexit 1\n")
    (hooks / "pre-commit").chmod(0o755)
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / ".gitconfig").write_text(f"[core]\n\thooksPath = {hooks}\n")
    first_commit(root, "One", "ada@example.org")
    assert log(root, "%s") == "One"


def test_from_within_a_git_hook(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", "/elsewhere")
    monkeypatch.setenv("GIT_INDEX_FILE", "/elsewhere/index")
    first_commit(root, "One", "ada@example.org")
    monkeypatch.undo()
    assert (root / ".git").is_dir()


def test_nothing_new_is_no_commit(root: Path) -> None:
    first_commit(root, "One", "ada@example.org")
    commit_all(root, "Two", "ada@example.org")
    assert log(root, "%s") == "One"


def test_a_refusal_is_told(root: Path) -> None:
    first_commit(root, "One", "ada@example.org")
    (root / ".git" / "index.lock").touch()
    (root / "b.txt").touch()
    with pytest.raises(KeelError, match=r"`git add --all` ended with exit code 128") as caught:
        commit_all(root, "Two", "ada@example.org")
    assert "index.lock" in str(caught.value)
