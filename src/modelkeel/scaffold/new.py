"""`keel new`: from nothing to a repository, and to its first prediction."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from modelkeel.errors import KeelError
from modelkeel.scaffold.answers import read_answers
from modelkeel.scaffold.first_run import first_run
from modelkeel.scaffold.render import Rendered, check_destination, render
from modelkeel.scaffold.report import Reporter, Result
from modelkeel.scaffold.repository import commit_all, first_commit
from modelkeel.scaffold.source import find_source


def new_project(
    dest: Path,
    *,
    report: Reporter,
    template: str | None = None,
    ref: str | None = None,
    data: Sequence[str] = (),
    data_file: Path | None = None,
    defaults: bool = False,
    run: bool = False,
) -> Result:
    """Make a repository from the template, commit it, and run it when asked to.

    Progress and outcome are shown by `report`; the caller prints the error that is raised.

    Args:
        dest: folder of the new repository, empty or not there.
        report: shows progress, and the outcome.
        template: path or git URL; by default the template this library belongs to.
        ref: tag, branch or commit of the template.
        data: answers as KEY=VALUE.
        data_file: YAML or JSON with answers.
        defaults: ask nothing.
        run: also install, run the pipeline, promote the model and ask it for a prediction.

    Raises:
        BadInput: a wrong destination, template or answer; nothing is written.
        KeelError: a step failed. Before the first commit nothing is left behind, after it the
            repository stays as it is, and the remedy says how to go on.
    """
    dest = Path(os.path.abspath(dest.expanduser()))  # noqa: PTH100  (links in it stay)
    try:
        return _new(dest, report, template, ref, data, data_file, defaults, run)
    except KeelError as error:
        report.fail(error, dest)
        raise


def _new(
    dest: Path,
    report: Reporter,
    template: str | None,
    ref: str | None,
    data: Sequence[str],
    data_file: Path | None,
    defaults: bool,
    run: bool,
) -> Result:
    check_destination(dest)
    source = find_source(template, ref)
    answers = read_answers(data, data_file)
    with report.step("render", "Rendering the template", prompts=not defaults):
        rendered = render(source, dest, answers, defaults=defaults)
    _notes(rendered, report)
    email = str(rendered.answers["owner_email"])
    commit = str(rendered.answers.get("_commit", ""))
    package, name = _names(dest)
    with report.step("commit", "Making the first commit", "git commit"):
        at = f" {commit}" if commit else ""
        first_commit(dest, f"Start from the modelkeel template{at}", email)
    result = Result(
        path=dest,
        project=name,
        package=package,
        source=str(rendered.answers["_src_path"]),
        commit=commit,
        steps=report.steps,
        next_commands={"environment": "uv sync", "pipeline": "uv run dvc repro"},
    )
    if run:
        result.prediction = first_run(dest, package, report)
        with report.step("save", "Committing locks and metrics", "git commit"):
            commit_all(dest, "Run the pipeline and promote the first model", email)
        result.paths = {
            "report": str(dest / "reports" / "evaluation.html"),
            "metrics": str(dest / "reports" / "metrics.json"),
            "bundle": str(dest / "models" / "champion"),
        }
        result.next_commands = {
            "runs": _mlflow_ui(),
            "API and its docs": f"uv run uvicorn {package}.serve:app  (then /docs)",
            "checks": "uv run nox",
        }
    else:
        result.next_commands |= {
            "promote": "uv run keel model promote --trial",
            "API": f"uv run uvicorn {package}.serve:app",
        }
    report.finish(result)
    return result


def _notes(rendered: Rendered, report: Reporter) -> None:
    if rendered.uncommitted:
        report.note(
            "The template has uncommitted changes; they were rendered, and "
            f"{rendered.answers.get('_commit', '')[:12]} below them is what an update starts from."
        )
    elif "_commit" not in rendered.answers:
        report.note(
            "The template is in no git repository, so `copier update` will have nothing to "
            "compare with; render from a checkout or a git URL to be able to update."
        )


def _names(root: Path) -> tuple[str, str]:
    """Package and name of the repository, as its pyproject.toml has them."""
    import tomllib

    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    settings = project["tool"]["modelkeel"]
    return str(settings["package"]), str(settings["name"])


def _mlflow_ui() -> str:
    server = os.environ.get("MLFLOW_TRACKING_URI", "")
    if server.startswith("http"):
        return f"open {server}"
    return f"uv run mlflow ui --backend-store-uri {server or 'sqlite:///mlflow.db'}"
