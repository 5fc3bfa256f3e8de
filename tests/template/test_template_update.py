"""The generated CI proposes updates: its own shell steps, run against a bare repository.

`uv` runs the keel of this environment and `gh` notes what it is asked; git, jq and keel are real.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import rendering
import yaml
from conftest import commit, run_git

BRANCH = "modelkeel/update"
COPIER_YML = "_subdirectory: template\n_answers_file: .copier-answers.yml\nname: {default: demo}\n"
ANSWERS = "template/{{ _copier_conf.answers_file }}.jinja"
UV = """#!/bin/sh
case "$1" in
  run) shift 2; [ "$1" = keel ] && { shift; set -- python -m modelkeel.cli "$@"; }
       shift; exec "$KEEL_PYTHON" "$@" ;;
  lock) [ ! -e "$STATE/no-lock" ] || exit 2; grep -h "^pin" pyproject.toml > uv.lock ;;
esac
"""
GH = """#!/bin/sh
printf '%s\\n' "$*" >> "$STATE/asked"
for last; do :; done
case "$1 $2" in
  "pr list") if [ -e "$STATE/pr-$6" ]; then jq -r "$last" "$STATE/pr-$6"; fi ;;
  "issue list") if [ -e "$STATE/issues" ]; then jq -r "$last" "$STATE/issues"; fi ;;
  "pr create") cp "$last" "$STATE/body" ;;
  "issue create") cp "$last" "$STATE/issue" ;;
esac
"""

needs_jq = pytest.mark.skipif(
    shutil.which("jq") is None and "CI" not in os.environ, reason="jq is not installed"
)


def steps(root: Path, job: str) -> dict[str, dict[str, Any]]:
    """The steps of a job of the workflow that run a script, by name."""
    path = root / ".github" / "workflows" / "template-update.yml"
    jobs = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]
    return {step["name"]: step for step in jobs[job]["steps"] if "run" in step}


@dataclass
class Place:
    """A template, a generated repository on a server, and the machine that runs its jobs."""

    folder: Path
    rendered: Path
    ran: int = 0
    told: dict[str, str] = field(default_factory=dict)
    said: str = ""

    @property
    def template(self) -> Path:
        return self.folder / "template"

    @property
    def server(self) -> Path:
        return self.folder / "server.git"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def asked(self) -> str:
        path = self.state / "asked"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def release(self, tag: str, **changes: str) -> None:
        """Write files of the template and tag them."""
        for name, text in changes.items():
            (self.template / "template" / name.replace("_", ".")).write_text(text, encoding="utf-8")
        commit(self.template, tag)
        run_git(self.template, "tag", tag)

    def change(self, branch: str, name: str, text: str) -> None:
        """A commit of a person."""
        clone = self.folder / f"clone-{self.ran}-{name}"
        run_git(self.folder, "clone", "--quiet", "-b", branch, str(self.server), str(clone))
        (clone / name).write_text(text, encoding="utf-8")
        commit(clone, f"Change {name}")
        run_git(clone, "push", "--quiet", "origin", branch)

    def show(self, what: str) -> str:
        return run_git(self.server, "show", what)

    def head(self, branch: str = BRANCH) -> str:
        return run_git(
            self.server, "for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}"
        )

    def _shell(self, script: str, clone: Path, env: Mapping[str, str], *, passes: bool) -> None:
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            cwd=clone, env=dict(env), check=False, capture_output=True, encoding="utf-8",
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        self.said += done.stdout + done.stderr
        assert (done.returncode == 0) == passes, self.said

    def _machine(self) -> tuple[Path, dict[str, str]]:
        """A fresh clone of depth 1, as CI makes it, and the variables of every step."""
        self.ran += 1
        clone = self.folder / f"machine-{self.ran}"
        url = self.server.as_uri()
        run_git(self.folder, "clone", "--quiet", "--depth=1", "-b", "main", url, str(clone))
        env = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "CI"))}
        return clone, env | {
            "GIT_CONFIG_NOSYSTEM": "1",
            "KEEL_PYTHON": sys.executable,
            "PATH": os.pathsep.join([str(self.folder / "bin"), env["PATH"]]),
            "STATE": str(self.state),
        }

    def github(self, *, event: str = "schedule", passes: bool = True) -> dict[str, str]:
        """Run the workflow's scripts, each job in a clone of its own; the outputs of the first."""
        temp = self.folder / f"temp-{self.ran}"
        temp.mkdir()
        outputs, self.said = temp / "outputs", ""
        outputs.touch()

        def run(job: str, *, passes: bool = True) -> None:
            clone, env = self._machine()
            env |= {
                "GITHUB_EVENT_NAME": event, "GITHUB_OUTPUT": str(outputs),
                "GITHUB_REF_NAME": "main", "RUNNER_TEMP": str(temp),
            }  # fmt: skip
            for step in steps(self.rendered, job).values():
                told = dict(line.split("=", 1) for line in outputs.read_text().splitlines())
                if "remote" in str(step.get("if", "")) and told.get("remote") != "yes":
                    continue
                given = {k: str(v) for k, v in step.get("env", {}).items() if "${{" not in str(v)}
                red = not passes and "id" in step and step["id"] == "update"
                self._shell(step["run"], clone, env | given, passes=not red)

        run("make", passes=passes)
        told = dict(line.split("=", 1) for line in outputs.read_text().splitlines())
        if told.get("state") == "updated":
            run("propose")
        if told.get("state") == "conflict" or not passes:
            run("report")
        return told

    def gitlab(self, *, passes: bool = True, **variables: str) -> None:
        """Run the script of the job."""
        self.said = ""
        text = (self.rendered / ".gitlab-ci.yml").read_text(encoding="utf-8")
        job = yaml.safe_load(text)["template-update"]
        clone, env = self._machine()
        env |= {
            "CI_DEFAULT_BRANCH": "main", "CI_SERVER_HOST": "git.example.org",
            "CI_PROJECT_URL": self.server.as_uri().removesuffix(".git"),
            "TEMPLATE_UPDATE_TOKEN": "", **variables,
        }  # fmt: skip
        for name, value in job["variables"].items():
            env[name] = value.replace("$CI_SERVER_HOST", "git.example.org").replace(
                "$BOT", env.get("BOT", "")
            )
        self._shell("\n".join(job["script"]), clone, env, passes=passes)


@pytest.fixture
def make(tmp_path: Path, plain: Path) -> Callable[[str], Place]:
    def of(host: str) -> Place:
        place = Place(tmp_path, rendering.render(plain, tmp_path / "rendered", {"ci_host": host}))
        place.state.mkdir()
        for name, script in (("uv", UV), ("gh", GH)):
            path = tmp_path / "bin" / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(script)
            path.chmod(0o755)
        (place.template / "template").mkdir(parents=True)
        (place.template / "copier.yml").write_text(COPIER_YML)
        (place.template / ANSWERS).write_text("{{ _copier_answers | to_nice_yaml -}}\n")
        run_git(place.template, "init", "--quiet", "--initial-branch=main")
        place.release("v1.0.0", README_md="# Demo\n\none\n", pyproject_toml="pin = 1\n")
        repo = rendering.copier.run_copy(
            "git+" + place.template.as_uri(), tmp_path / "repo", defaults=True, quiet=True
        )
        assert repo is not None
        (tmp_path / "repo" / "uv.lock").write_text("pin = 1\n")
        run_git(tmp_path / "repo", "init", "--quiet", "--initial-branch=main")
        commit(tmp_path / "repo", "First")
        run_git(tmp_path, "clone", "--quiet", "--bare", "repo", "server.git")
        hook = place.server / "hooks" / "post-receive"
        hook.write_text(f'#!/bin/sh\nenv | grep "^GIT_PUSH_OPTION_" > "{place.state}/options"\n')
        hook.chmod(0o755)
        run_git(place.server, "config", "receive.advertisePushOptions", "true")
        return place

    return of


@pytest.fixture
def github(make: Callable[[str], Place]) -> Place:
    return make("github")


@pytest.fixture
def gitlab(make: Callable[[str], Place]) -> Place:
    return make("gitlab")


@needs_jq
def test_nothing_to_do_asks_nobody(github: Place) -> None:
    assert github.github() == {"remote": "yes", "state": "current"}
    assert github.asked() == ""
    assert github.head() == ""


@needs_jq
def test_an_update_is_one_pull_request_with_its_lock(github: Place) -> None:
    github.change("main", "README.md", "# Demo\n\none\n\nOurs.\n")
    github.release("v1.1.0", README_md="# Demo, newer\n\none\n", pyproject_toml="pin = 2\n")
    github.github()
    assert run_git(github.server, "rev-parse", f"{BRANCH}^") == github.head("main")
    assert github.show(f"{BRANCH}:README.md") == "# Demo, newer\n\none\n\nOurs."
    assert github.show(f"{BRANCH}:uv.lock") == "pin = 2"
    assert github.show(f"{BRANCH}:.copier-answers.yml").startswith("_commit: v1.1.0")
    create = next(line for line in github.asked().splitlines() if line.startswith("pr create"))
    title = "chore: update from template v1.0.0 to v1.1.0"
    assert f"--base main --head {BRANCH} --title {title} --body-file" in create
    body = (github.state / "body").read_text(encoding="utf-8")
    assert "from template `v1.0.0` to `v1.1.0`" in body
    assert "`README.md`" in body
    assert body.endswith("Close and reopen this pull request to run its checks.\n")

    before = github.head()
    (github.state / "pr-open").write_text('[{"number": 7}]')
    github.github()
    assert github.head() == before  # the same files again: reviews and checks stay
    assert "repos/{owner}/{repo}/pulls/7" in github.asked()
    github.release("v1.2.0", pyproject_toml="pin = 3\n")
    github.github()
    assert github.show(f"{BRANCH}:uv.lock") == "pin = 3"
    assert run_git(github.server, "rev-parse", f"{BRANCH}^") == github.head("main")
    assert github.asked().count("pr create") == 1
    assert run_git(github.server, "branch", "--list", "modelkeel/*").split() == [BRANCH]


@needs_jq
def test_a_branch_that_somebody_went_on_with_is_left_alone(github: Place) -> None:
    github.release("v1.1.0", pyproject_toml="pin = 2\n")
    github.github()
    github.change(BRANCH, "README.md", "# Mine\n")
    before = github.head()
    github.release("v1.2.0", pyproject_toml="pin = 3\n")
    github.github()
    assert github.head() == before
    assert "left alone" in github.said


@needs_jq
def test_a_closed_update_comes_back_only_by_hand(github: Place) -> None:
    github.release("v1.1.0", pyproject_toml="pin = 2\n")
    title = "chore: update from template v1.0.0 to v1.1.0"
    closed = github.state / "pr-closed"
    closed.write_text(json.dumps([{"state": "CLOSED", "title": title}]))
    github.github()
    assert github.head() == ""
    assert "pr create" not in github.asked()
    github.github(event="workflow_dispatch")
    assert github.head()
    assert github.asked().count("pr create") == 1
    closed.write_text(json.dumps([{"state": "MERGED", "title": title}]))
    github.github()
    assert github.asked().count("pr create") == 2


@needs_jq
def test_a_lock_that_cannot_follow_is_told(github: Place) -> None:
    github.release("v1.1.0", pyproject_toml="pin = 2\n")
    (github.state / "no-lock").touch()
    github.github()
    assert github.show(f"{BRANCH}:uv.lock") == "pin = 1"
    assert "uv.lock is not brought up to date" in (github.state / "body").read_text()


@needs_jq
def test_conflicts_are_an_issue_and_no_commit(github: Place) -> None:
    github.change("main", "README.md", "# Demo\n\nours\n")
    github.release("v1.1.0", README_md="# Demo\n\ntheirs\n", pyproject_toml="pin = 2\n")
    assert github.github()["state"] == "conflict"
    assert github.head() == ""
    assert "pr create" not in github.asked()
    issue = (github.state / "issue").read_text(encoding="utf-8")
    assert "- `README.md`\n" in issue
    assert "uv run keel update\n" in issue
    (github.state / "issues").write_text('[{"number": 3}]')
    github.github()
    assert github.asked().count("issue create") == 1
    assert "repos/{owner}/{repo}/issues/3" in github.asked()


@needs_jq
def test_a_failure_is_red_and_an_issue(github: Place) -> None:
    github.change("main", ".copier-answers.yml", "_commit: v1.0.0\n_src_path: file:///gone\n")
    assert github.github(passes=False)["state"] == "failed"
    assert "::error::" in github.said
    assert "TEMPLATE_UPDATE_TOKEN" in (github.state / "issue").read_text(encoding="utf-8")


@needs_jq
@pytest.mark.parametrize("source", ["/home/ada/modelkeel", "'/home/ada/model keel: 2'"])
def test_a_template_in_a_local_folder_is_left_out(source: str, github: Place) -> None:
    github.change("main", ".copier-answers.yml", f"_commit: v1.0.0\n_src_path: {source}\n")
    assert github.github() == {"remote": "no"}
    assert "folder of one machine" in github.said


def test_only_the_jobs_that_write_may_write(github: Place) -> None:
    path = github.rendered / ".github" / "workflows" / "template-update.yml"
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert document["permissions"] == {}
    assert {name: job["permissions"] for name, job in document["jobs"].items()} == {
        "make": {"contents": "read"},
        "propose": {"contents": "write", "pull-requests": "write"},
        "report": {"issues": "write"},
    }


def test_gitlab_opens_a_merge_request_by_push_options(gitlab: Place) -> None:
    gitlab.gitlab()
    assert gitlab.head() == ""
    gitlab.release("v1.1.0", README_md="# Demo, newer\n\none\n", pyproject_toml="pin = 2\n")
    gitlab.gitlab(passes=False)
    assert "set the CI/CD variable TEMPLATE_UPDATE_TOKEN" in gitlab.said
    assert gitlab.head() == ""

    gitlab.gitlab(TEMPLATE_UPDATE_TOKEN="secret-of-the-project")
    assert "secret-of-the-project" not in gitlab.said
    assert gitlab.show(f"{BRANCH}:uv.lock") == "pin = 2"
    assert run_git(gitlab.server, "rev-parse", f"{BRANCH}^") == gitlab.head("main")
    options = (gitlab.state / "options").read_text(encoding="utf-8")
    assert "=merge_request.create\n" in options
    assert "=merge_request.target=main\n" in options
    assert "=merge_request.title=chore: update from template v1.0.0 to v1.1.0\n" in options
    assert "from template `v1.0.0` to `v1.1.0`" in options
    assert "## Files\\n\\n| what | files |\\n" in options

    before = gitlab.head()
    gitlab.gitlab(TEMPLATE_UPDATE_TOKEN="secret-of-the-project")
    assert gitlab.head() == before
    gitlab.change(BRANCH, "README.md", "# Mine\n")
    before = gitlab.head()
    gitlab.release("v1.2.0", pyproject_toml="pin = 3\n")
    gitlab.gitlab(TEMPLATE_UPDATE_TOKEN="secret-of-the-project")
    assert gitlab.head() == before
    assert "left alone" in gitlab.said


def test_gitlab_says_what_is_in_conflict_and_pushes_nothing(gitlab: Place) -> None:
    gitlab.change("main", "README.md", "# Demo\n\nours\n")
    gitlab.release("v1.1.0", README_md="# Demo\n\ntheirs\n")
    gitlab.gitlab(passes=False, TEMPLATE_UPDATE_TOKEN="secret-of-the-project")
    assert "README.md" in gitlab.said
    assert "keel update" in gitlab.said
    assert gitlab.head() == ""


def test_renovate_offers_copiers_update_only_when_asked(github: Place) -> None:
    """Its copier manager runs `copier update`, with no migration and what that loses."""
    settings = yaml.safe_load((github.rendered / "renovate.json").read_text(encoding="utf-8"))
    assert "copier" in settings["enabledManagers"]
    rules = [rule for rule in settings["packageRules"] if "modelkeel" in str(rule)]
    assert [rule["dependencyDashboardApproval"] for rule in rules] == [True]
