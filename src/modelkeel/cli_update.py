"""The verbs of `keel` that follow the template: status, update, undo, diff, adopt, fleet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Answers = Annotated[
    list[str] | None,
    typer.Option("--answer", metavar="KEY=VALUE", help="An answer given anew; repeatable."),
]
AnswersFile = Annotated[
    str, typer.Option("--answers-file", help="Path of the answers, below the project.")
]
Trust = Annotated[bool, typer.Option("--trust", help="Let the template use Jinja extensions.")]
DEFAULT_ANSWERS = ".copier-answers.yml"


def add_to(app: typer.Typer) -> None:
    """Add the verbs to the command."""
    for verb in (status, update, undo, diff, adopt, fleet):
        app.command()(verb)


def status(
    json: Json = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 5 when behind, 4 when it would conflict.")
    ] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="Only ask the template for its releases.")
    ] = False,
    answers_file: AnswersFile = DEFAULT_ANSWERS,
    trust: Trust = False,
) -> None:
    """Show releases to come, drift from the template, and conflicts ahead."""
    from modelkeel.update.status import status as look

    found = look(Path.cwd(), quick=quick, trust=trust, answers_file=answers_file)
    typer.echo(found.to_json() if json else found.to_text())
    if exit_code and found.exit_code:
        raise typer.Exit(found.exit_code)


def update(
    to: Annotated[
        str | None, typer.Option(help="Release, branch or commit; the newest release if left out.")
    ] = None,
    answer: Answers = None,
    preview: Annotated[
        bool,
        typer.Option("--dry-run", "--preview", help="Show what would happen, change nothing."),
    ] = False,
    go_on: Annotated[
        bool, typer.Option("--continue", help="Commit an update whose conflicts are settled.")
    ] = False,
    abort: Annotated[
        bool, typer.Option("--abort", help="Give up an update that left conflicts.")
    ] = False,
    keep: Annotated[
        list[str] | None,
        typer.Option(help="Path at which the template's version is left out; repeatable."),
    ] = None,
    verify: Annotated[
        list[str] | None,
        typer.Option(help="Command that must pass; repeatable. The quick checks if left out."),
    ] = None,
    no_verify: Annotated[bool, typer.Option("--no-verify", help="Run no checks.")] = False,
    since: Annotated[
        str | None, typer.Option(help="Revision the repository comes from, if unknown.")
    ] = None,
    answers_file: AnswersFile = DEFAULT_ANSWERS,
    trust: Trust = False,
    json: Json = False,
) -> None:
    """Bring the repository to a newer template; nothing of yours is lost."""
    from modelkeel.update.apply import update as bring
    from modelkeel.update.outcome import Outcome, Plan
    from modelkeel.update.resume import abort_update, continue_update

    found: Plan | Outcome
    here = Path.cwd()
    checks = [] if no_verify else verify
    if go_on:
        found = continue_update(here, verify=checks, answers_file=answers_file)
    elif abort:
        found = abort_update(here, answers_file=answers_file)
    else:
        found = bring(
            here,
            to,
            pairs(answer),
            preview_only=preview,
            keep=keep or [],
            verify=checks,
            trust=trust,
            since=since,
            answers_file=answers_file,
            on_plan=None if json else lambda plan: typer.echo(plan.to_text()),
        )
    typer.echo(found.to_json() if json else found.to_text())
    raise typer.Exit(found.exit_code)


def undo(answers_file: AnswersFile = DEFAULT_ANSWERS, json: Json = False) -> None:
    """Restore what was there before the last update."""
    from modelkeel.update.resume import undo as restore

    found = restore(Path.cwd(), answers_file=answers_file)
    typer.echo(found.to_json() if json else found.to_text())


def diff(
    owner: Annotated[
        str | None, typer.Option(help="Only files of this owner: template, shared or project.")
    ] = None,
    answers_file: AnswersFile = DEFAULT_ANSWERS,
    trust: Trust = False,
    json: Json = False,
) -> None:
    """Show what you changed against the template, by owner."""
    from modelkeel.update.diff import diff as compare

    found = compare(Path.cwd(), owner=owner, trust=trust, answers_file=answers_file)
    typer.echo(found.to_json() if json else found.to_text())


def adopt(
    path: Annotated[Path, typer.Argument(metavar="[PATH]", help="The project.")] = Path(),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would come, and write nothing.")
    ] = False,
    component: Annotated[
        str | None, typer.Option(help="Take on one capability only, such as serving.")
    ] = None,
    answer: Answers = None,
    template: Annotated[str | None, typer.Option(help="Path or git URL of the template.")] = None,
    ref: Annotated[str | None, typer.Option(help="Tag, branch or commit of the template.")] = None,
    init: Annotated[
        bool, typer.Option("--init", help="Make the folder a git repository if it is none.")
    ] = False,
    extend: Annotated[
        bool, typer.Option("--extend", help="Also add to your own files, changing no line.")
    ] = False,
    switch: Annotated[bool, typer.Option("--switch", help="Check the new branch out.")] = False,
    trust: Trust = False,
    json: Json = False,
) -> None:
    """Bring an existing project under the template, on a branch of its own."""
    from modelkeel.update.adopt import adopt as take

    found = take(
        path,
        dry_run=dry_run,
        answers=pairs(answer),
        component=component,
        template=template,
        ref=ref,
        init=init,
        extend=extend,
        switch=switch,
        trust=trust,
    )
    typer.echo(found.to_json() if json else found.to_text())


def fleet(
    source: Annotated[
        Path, typer.Argument(metavar="FILE_OR_FOLDER", help="A list, or a folder of repositories.")
    ],
    update: Annotated[
        bool, typer.Option("--update", help="Update each on a branch, not only look.")
    ] = False,
    push: Annotated[
        bool, typer.Option("--push", help="Push the branches without conflicts.")
    ] = False,
    to: Annotated[str | None, typer.Option(help="Release, branch or commit.")] = None,
    jobs: Annotated[int | None, typer.Option(help="Processes; one a core if left out.")] = None,
    folder: Annotated[
        Path | None, typer.Option(help="For logs and pull-request texts; ./keel-fleet if left out.")
    ] = None,
    verify: Annotated[
        list[str] | None,
        typer.Option("--verify", help="A check to run before a branch is made; repeatable."),
    ] = None,
    retries: Annotated[int, typer.Option(help="Tries more after a lock or network error.")] = 2,
    answer: Answers = None,
    trust: Trust = False,
    json: Json = False,
) -> None:
    """Look at many projects, or update them."""
    from modelkeel.update.fleet import fleet as visit

    found = visit(
        source,
        jobs=jobs,
        folder=folder,
        update=update,
        push=push,
        to=to,
        verify=verify or [],
        retries=retries,
        answers=pairs(answer),
        trust=trust,
    )
    typer.echo(found.to_json() if json else found.to_text())
    raise typer.Exit(found.exit_code)


def pairs(given: list[str] | None) -> dict[str, str]:
    """KEY=VALUE texts as answers.

    Raises:
        BadInput: a text without "=".
    """
    from modelkeel.errors import BadInput

    answers = {}
    for each in given or []:
        key, equals, value = each.partition("=")
        if not equals:
            raise BadInput(f"--answer {each}: no KEY=VALUE", remedy="write --answer ci_host=gitlab")
        answers[key.strip()] = value
    return answers
