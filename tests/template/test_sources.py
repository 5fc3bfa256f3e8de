"""The template from a tag, a changed checkout, a plain folder, a URL; and its updates."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import rendering
import yaml
from conftest import commit, run_git
from rendering import ANSWERS_FILE, tree

from modelkeel.errors import BadInput, KeelError
from modelkeel.scaffold import Reporter, new_project

LOCAL = ".dvc/config.local"


def copier(cwd: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "copier", *arguments],
        cwd=cwd,
        check=False,
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, **environment},
    )


def keel(dest: Path, template: Path | str, *data: str, **options: Any) -> Path:
    report = Reporter(json_output=True)
    return new_project(
        dest, report=report, template=str(template), data=data, defaults=True, **options
    ).path


def answers(root: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((root / ANSWERS_FILE).read_text(encoding="utf-8"))
    return content


def library(root: Path) -> Any:
    """The source of modelkeel in pyproject.toml, None without one."""
    tables = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    return tables["tool"]["uv"].get("sources", {}).get("modelkeel")


def release(template: Path, tag: str) -> None:
    """A change in a file of every kind of owner, and a tag."""
    (template / "template" / "NEW.txt").write_text("new\n")
    for name in (".editorconfig", "src/{{package_name}}/validate.py"):
        path = template / "template" / name
        path.write_text(path.read_text(encoding="utf-8") + "# newer\n", encoding="utf-8")
    commit(template, tag)
    run_git(template, "tag", tag)


def update(root: Path) -> subprocess.CompletedProcess[str]:
    return copier(root, "update", "--defaults")


def test_a_tag(released: Path, tmp_path: Path) -> None:
    root = keel(tmp_path / "out", released)
    assert answers(root)["_commit"] == "v0.1.0"
    assert answers(root)["_src_path"] == str(released)
    assert library(root) == {"path": str(released), "editable": True}
    assert run_git(root, "status", "--porcelain") == ""


def test_a_checkout_without_a_tag_can_be_updated(checkout: Path, tmp_path: Path) -> None:
    root = keel(tmp_path / "out", checkout)
    assert answers(root)["_commit"] == run_git(checkout, "describe", "--always")
    release(checkout, "v0.1.0")
    assert update(root).returncode == 0
    assert (root / "NEW.txt").exists()
    assert answers(root)["_commit"] == "v0.1.0"


def test_a_checkout_past_its_tag_is_rendered_as_it_is(released: Path, tmp_path: Path) -> None:
    (released / "template" / "PAST.txt").write_text("past\n")
    commit(released, "Past")
    root = keel(tmp_path / "out", released)
    assert (root / "PAST.txt").exists()
    assert answers(root)["_commit"].startswith("v0.1.0-1-g")
    assert keel(tmp_path / "old", released, ref="v0.1.0").exists()
    assert not (tmp_path / "old" / "PAST.txt").exists()
    release(released, "v0.2.0")
    done = update(root)
    assert done.returncode == 0, done.stderr
    assert answers(root)["_commit"] == "v0.2.0"


def test_a_changed_checkout_names_a_commit_that_exists(
    released: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (released / "template" / "DRAFT.txt").write_text("draft\n")
    root = keel(tmp_path / "out", released)
    assert (root / "DRAFT.txt").exists()
    assert answers(root)["_commit"] == run_git(released, "rev-parse", "HEAD")
    assert capsys.readouterr().err.count("uncommitted changes") == 1
    copied = copier(released, "copy", "--defaults", "--vcs-ref", "HEAD", ".", "../copied")
    assert copied.returncode == 0, copied.stderr
    assert answers(released.parent / "copied") == answers(root)
    release(released, "v0.2.0")
    done = update(root)
    assert done.returncode == 0, done.stderr
    assert (root / "NEW.txt").exists()
    assert (root / "DRAFT.txt").read_text() == "draft\n"
    assert answers(root)["_commit"] == "v0.2.0"


def test_a_plain_folder(plain: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = keel(tmp_path / "out", plain)
    assert "_commit" not in answers(root)
    assert answers(root)["_src_path"] == str(plain)
    assert library(root) == {"path": str(plain), "editable": True}
    assert "in no git repository" in capsys.readouterr().err


def test_a_url(released: Path, tmp_path: Path) -> None:
    url = "git+" + released.as_uri()
    root = keel(tmp_path / "out", url)
    assert answers(root)["_src_path"] == url
    assert library(root) == {"git": released.as_uri(), "tag": "v0.1.0"}
    (released / "template" / "PAST.txt").write_text("past\n")
    head = commit(released, "Past")
    root = keel(tmp_path / "past", url, ref="main")
    assert library(root) == {"git": released.as_uri(), "rev": head}
    release(released, "v0.2.0")
    done = update(root)
    assert done.returncode == 0, done.stderr
    assert library(root) == {"git": released.as_uri(), "tag": "v0.2.0"}


def test_a_bare_repository(released: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare.git"
    run_git(released, "clone", "--quiet", "--bare", ".", str(bare))
    root = keel(tmp_path / "out", bare)
    assert library(root) == {"git": bare.as_uri(), "tag": "v0.1.0"}


def test_the_release_needs_no_source(released: Path, tmp_path: Path) -> None:
    canonical = "https://github.com/modelkeel/modelkeel"
    redirect = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{released.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": f"{canonical}.git",
    }
    done = copier(tmp_path, "copy", "-q", "--defaults", canonical, "out", **redirect)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "out" / "pyproject.toml").read_text(encoding="utf-8")
    assert library(tmp_path / "out") is None
    assert '"modelkeel[serve]==0.1.0"' in text
    assert answers(tmp_path / "out")["_src_path"] == canonical


@pytest.mark.parametrize("source", [".", "../modelkeel/", "../../template source/modelkeel"])
def test_a_relative_path_is_made_absolute(source: str, released: Path) -> None:
    done = copier(released, "copy", "-q", "--defaults", source, "../out")
    assert done.returncode == 0, done.stderr
    assert answers(released.parent / "out")["_src_path"] == str(released)
    assert library(released.parent / "out") == {"path": str(released), "editable": True}


def test_copier_alone_gives_the_tree_of_keel_new(released: Path, tmp_path: Path) -> None:
    done = copier(released, "copy", "--defaults", ".", str(tmp_path / "copied"))
    assert done.returncode == 0, done.stderr
    copied, made = tree(tmp_path / "copied"), tree(keel(tmp_path / "made", released))
    assert "no_scm" in copied.pop(LOCAL).decode()
    assert copied == made
    assert f"cd {tmp_path / 'copied'}" in done.stderr


@pytest.mark.parametrize(
    "dest", ["with space", "dots.in.it", "dünn & ärger", "a [b] {c}", "it's", "deep/er/still"]
)
def test_destinations(dest: str, plain: Path, tmp_path: Path) -> None:
    root = keel(tmp_path / dest, plain)
    assert run_git(root, "log", "--format=%ae") == "owner@example.com"
    assert run_git(root, "branch", "--show-current") == "main"
    assert not (root / LOCAL).exists()
    assert [path.name for path in root.parent.iterdir()] == [root.name]


def test_template_paths(plain: Path, tmp_path: Path) -> None:
    odd = tmp_path / "a b" / "tëst 'one' \"two\" #3 [4]"
    rendering.copy_parts(odd)
    root = keel(tmp_path / "out", odd)
    assert library(root) == {"path": str(odd), "editable": True}
    assert answers(root)["_src_path"] == str(odd)
    run_git(odd, "init", "--quiet")
    commit(odd, "One")
    root = keel(tmp_path / "by git", odd)
    assert library(root) == {"path": str(odd), "editable": True}
    assert answers(root)["_src_path"] == str(odd)


def test_an_update_keeps_what_the_project_wrote(released: Path, tmp_path: Path) -> None:
    root = keel(tmp_path / "out", released)
    editor = root / ".editorconfig"
    editor.write_text("# ours\n" + editor.read_text(encoding="utf-8"), encoding="utf-8")
    charter = (root / "charter.toml").read_text(encoding="utf-8") + "# ours\n"
    (root / "charter.toml").write_text(charter, encoding="utf-8")
    module = (root / "src" / "credit_risk" / "validate.py").read_text(encoding="utf-8")
    commit(root, "Ours")
    release(released, "v0.2.0")
    done = update(root)
    assert done.returncode == 0, done.stderr
    assert (root / "NEW.txt").exists()
    merged = editor.read_text(encoding="utf-8")
    assert merged.startswith("# ours\n")
    assert merged.endswith("# newer\n")
    assert (root / "charter.toml").read_text(encoding="utf-8") == charter
    unchanged = (root / "src" / "credit_risk" / "validate.py").read_text(encoding="utf-8")
    assert unchanged == module
    changed = run_git(root, "status", "--porcelain").split("\n")
    assert sorted(line.split()[-1] for line in changed) == [
        ANSWERS_FILE,
        ".editorconfig",
        "NEW.txt",
    ]


def test_dvc_is_told_to_do_without_git_only_where_there_is_none(
    released: Path, tmp_path: Path
) -> None:
    done = copier(released, "copy", "-q", "--defaults", ".", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    root = tmp_path / "out"
    assert (root / LOCAL).is_file()
    run_git(root, "init", "--quiet")
    (root / LOCAL).unlink()
    commit(root, "First")
    assert run_git(root, "ls-files", LOCAL) == ""
    release(released, "v0.2.0")
    assert update(root).returncode == 0
    assert not (root / LOCAL).exists()
    commit(root, "Updated")
    assert copier(root, "recopy", "-q", "--defaults", "--overwrite").returncode == 0
    assert not (root / LOCAL).exists()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ("project_nme=x", "project_nme"),
        ("package_name=x", "package_name is derived"),
        ("project_name=json", "project_name: the package would be `json`"),
        ("project_name=信用", "at least two Latin letters"),
        ("owner_email=nobody", "owner_email: "),
        ("decision=short", "decision: "),
        ("task=guessing", "task: 'guessing' is none of its choices"),
        ("jurisdictions=EU,Mars", "jurisdictions: 'Mars' is none of its choices"),
        ("jurisdictions=", "jurisdictions: choose at least one"),
        ("ci_host", "no KEY=VALUE"),
    ],
)
def test_a_bad_answer_is_told_and_nothing_is_written(
    data: str, told: str, plain: Path, tmp_path: Path
) -> None:
    with pytest.raises(BadInput) as caught:
        keel(tmp_path / "deep" / "out", plain, data)
    assert told in str(caught.value)
    assert caught.value.remedy
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("template", ["nowhere", "empty"])
def test_a_bad_template_is_told_and_nothing_is_written(template: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="is no template"):
        keel(tmp_path / "out", tmp_path / template)
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_a_bad_ref_is_told_and_nothing_is_written(released: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="v9"):
        keel(tmp_path / "out", released, ref="v9")
    with pytest.raises(KeelError, match="git could not read the template"):
        keel(tmp_path / "out", "git+file:///nowhere/at/all")
    assert not (tmp_path / "out").exists()


def test_questions_need_a_terminal(plain: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from modelkeel.errors import BadInput\n"
        "from modelkeel.scaffold import Reporter, new_project\n"
        "try: new_project(Path(sys.argv[1]), report=Reporter(), template=sys.argv[2])\n"
        "except BadInput as error: print(error, error.remedy)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "out"), str(plain)],
        stdin=subprocess.DEVNULL,
        check=True,
        capture_output=True,
        encoding="utf-8",
    )
    assert "no terminal to ask them in" in done.stdout
    assert "--defaults" in done.stdout
    assert list(tmp_path.iterdir()) == []
