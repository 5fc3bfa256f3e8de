import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from modelkeel.errors import BadInput
from modelkeel.scaffold import source
from modelkeel.scaffold.source import find_source, read_questions

ROOT = Path(__file__).parents[3]


def folder(path: Path, *, git: bool) -> Path:
    path.mkdir(parents=True)
    (path / "copier.yml").write_text("_subdirectory: x\nname: {default: a}\nplain: b\n")
    if git:
        subprocess.run(["git", "init", "--quiet"], cwd=path, check=True)
    return path


def test_by_default_the_checkout_it_runs_from() -> None:
    assert source.checkout() == ROOT
    found = find_source(None, None)
    assert (found.address, found.folder) == (str(ROOT), ROOT)


def test_installed_alone_the_release_of_its_own_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "__file__", "/usr/lib/python3/site-packages/modelkeel/scaffold/x")
    found = find_source(None, None)
    assert found.address == "https://github.com/modelkeel/modelkeel"
    assert found.ref == f"v{version('modelkeel')}"
    assert find_source(None, "main").ref == "main"


def test_a_checkout_is_taken_at_head(tmp_path: Path) -> None:
    checkout = folder(tmp_path / "a", git=True)
    assert find_source(str(checkout), None).ref == "HEAD"
    assert find_source(str(checkout), "v1").ref == "v1"


def test_a_folder_inside_another_repository_is_plain(tmp_path: Path) -> None:
    folder(tmp_path / "a", git=True)
    plain = folder(tmp_path / "a" / "b", git=False)
    assert find_source(str(plain), None).ref is None
    with pytest.raises(BadInput, match="in no git repository"):
        find_source(str(plain), "v1")


@pytest.mark.parametrize(
    "url", ["gh:a/b", "git@host:a/b.git", "https://host/a", "git+file:///a", "ssh://git@host/a"]
)
def test_urls_are_left_to_copier(url: str) -> None:
    assert find_source(url, "v1") == source.Source(url, "v1", None)


def test_no_template(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no copier\.yml"):
        find_source(str(tmp_path), None)


def test_questions(tmp_path: Path) -> None:
    found = find_source(str(folder(tmp_path / "a", git=False)), None)
    assert read_questions(found) == {"name": {"default": "a"}, "plain": {"default": "b"}}
    assert read_questions(source.Source("gh:a/b", None, None)) is None


def test_questions_of_a_ref(tmp_path: Path) -> None:
    checkout = folder(tmp_path / "a", git=True)
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    for command in (["add", "."], ["commit", "-qm", "1"], ["tag", "v1"]):
        subprocess.run(["git", *identity, *command], cwd=checkout, check=True)
    (checkout / "copier.yml").write_text("other: 1\n")
    assert list(read_questions(find_source(str(checkout), "v1")) or ()) == ["name", "plain"]
    assert list(read_questions(find_source(str(checkout), None)) or ()) == ["other"]
    assert read_questions(find_source(str(checkout), "v9")) is None
