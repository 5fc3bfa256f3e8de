"""The verbs of `keel` that govern: check, approve, charter …, govern …."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from modelkeel.errors import BadInput
from modelkeel.model.keys import SIGNING_KEY

if TYPE_CHECKING:
    from datetime import date

    from modelkeel.governance.readiness import Readiness
    from modelkeel.governance.readiness.foreign import Foreign

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Format = Literal["table", "json", "sarif", "github"]
KindName = Literal[
    "release",
    "waiver",
    "classification",
    "residual_risk",
    "dpia",
    "fria",
    "control",
    "thresholds",
    "resume",
    "manual_check",
]


class StageName(StrEnum):
    """When a gate is due; typer knows lists of these, and none of literals."""

    pull_request = "pull_request"
    train = "train"
    release = "release"
    start_up = "start_up"
    live = "live"


charter_app = typer.Typer(help="The charter: what the model is for.", no_args_is_help=True)
govern_app = typer.Typer(
    help="Documents, obligations and schemas that follow from the records.", no_args_is_help=True
)


def add_to(app: typer.Typer) -> None:
    """Add the verbs to the command."""
    app.command()(check)
    app.command()(approve)
    app.add_typer(charter_app, name="charter")
    app.add_typer(govern_app, name="govern")


def check(
    path: Annotated[
        Path | None, typer.Argument(metavar="[PATH]", help="A repository; this one if left out.")
    ] = None,
    stage: Annotated[
        list[StageName] | None, typer.Option(help="Only gates of this stage; repeatable.")
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="How to print the answer.")] = "table",
    json: Json = False,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write the answer as a page.")
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(envvar=SIGNING_KEY, help="Private key that will sign, if it is at hand."),
    ] = None,
) -> None:
    """Say whether it is ready, what each gate found, and what to do next; 3 if not ready."""
    from modelkeel.governance.readiness.looking import look_at

    if json and form not in ("table", "json"):
        raise BadInput(
            f"--json and --format {form} ask for two answers", remedy="leave out one of them"
        )
    stages = [each.value for each in stage] if stage else None
    found = look_at(path, stages, key, quiet=json or form != "table")
    _print(found, "json" if json else form)
    if html is not None:
        from modelkeel.governance.readiness.page import write_page

        write_page(found, html)
    if not found.holds:
        raise typer.Exit(3)


def _print(found: Readiness | Foreign, form: Format) -> None:
    from modelkeel.governance.readiness.looking import printed, show

    if form == "table":
        show(found)
    else:
        typer.echo(printed(found, form))


def approve(
    kind: Annotated[KindName, typer.Argument(metavar="KIND", help="What is decided.")],
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The project, gate, risk or item it is about.")
    ],
    email: Annotated[str, typer.Option("--as", metavar="EMAIL", help="Who decides.")],
    role: Annotated[str, typer.Option(help="In which role: owner, risk, domain, ...")],
    key: Annotated[
        Path, typer.Option(help="Your private SSH key, or the public half in an agent.")
    ],
    expires: Annotated[
        str | None, typer.Option(metavar="DATE", help="Last day, such as 2027-03-31.")
    ] = None,
    statement: Annotated[str | None, typer.Option(help="What you say, in a sentence.")] = None,
    reject: Annotated[
        bool, typer.Option("--reject", help="Refuse, or take an earlier approval back.")
    ] = False,
) -> None:
    """Write what you decided, and sign it; a person does this, no pipeline."""
    from modelkeel.governance.approvals import approval_text
    from modelkeel.governance.approvals import approve as decide
    from modelkeel.project import load_project
    from modelkeel.records.approvals import Approval

    project = load_project()
    path = decide(
        project,
        kind,
        name,
        email=email,
        role=role,
        key=key,
        expires=_day(expires),
        statement=statement,
        decision="reject" if reject else "approve",
    )
    typer.echo(approval_text(Approval.load(path)))
    shown = path.relative_to(project.root).as_posix()
    typer.echo(f"signed: {shown} and {shown}.sig; commit both")


@charter_app.command("check")
def charter_check(json: Json = False) -> None:
    """Check charter.toml and governance/: which risk tier follows, what can be measured."""
    from modelkeel.governance.charter_check import check_charter
    from modelkeel.project import load_project

    found = check_charter(load_project())
    typer.echo(found.to_json() if json else found.to_text())


@charter_app.command("value")
def charter_value(
    table: Annotated[
        Path,
        typer.Argument(
            metavar="TABLE", help="Decisions and outcomes: CSV, TSV, Excel, JSON lines or Parquet."
        ),
    ],
    column: Annotated[
        list[str] | None,
        typer.Option(metavar="ROLE=NAME", help="A column that is called otherwise; repeatable."),
    ] = None,
    json: Json = False,
) -> None:
    """Measure what decisions have been worth against the charter's target."""
    from modelkeel.governance.value import value_of
    from modelkeel.project import load_project

    found = value_of(load_project(), table, columns=_columns(column))
    typer.echo(found.to_json() if json else found.to_text())


@govern_app.command("render")
def govern_render(
    check_only: Annotated[
        bool, typer.Option("--check", help="Write nothing; 3 if a file is not current.")
    ] = False,
) -> None:
    """Write docs/governance/, obligations.lock, .schemas/ and the roles in CODEOWNERS."""
    from modelkeel.governance.rendered import refuse_stale, render_all
    from modelkeel.project import load_project

    project = load_project()
    if check_only:
        refuse_stale(project)
        typer.echo("every rendered file is current")
        return
    for path in render_all(project):
        typer.echo(path.relative_to(project.root).as_posix())


@govern_app.command("lock")
def govern_lock() -> None:
    """Resolve the catalogue of obligations into governance/obligations.lock."""
    from modelkeel.governance.obligations.lock import write_lock
    from modelkeel.project import load_project

    project = load_project()
    typer.echo(write_lock(project).relative_to(project.root).as_posix())


@govern_app.command("obligations")
def govern_obligations(json: Json = False) -> None:
    """List the duties that follow from what the system does, from when, and why."""
    from datetime import UTC, datetime

    from modelkeel.governance.obligations.resolve import resolve
    from modelkeel.governance.obligations.show import obligations_json, obligations_text
    from modelkeel.project import load_project

    found = resolve(load_project().system, datetime.now(UTC).date())
    typer.echo(obligations_json(found) if json else obligations_text(found))


@govern_app.command("print")
def govern_print() -> None:
    """Write all documents as one page to print, or to hand to an auditor."""
    from modelkeel.governance.documents import print_bundle
    from modelkeel.governance.gates import Case, run_gates
    from modelkeel.project import load_project

    project = load_project()
    results = run_gates(Case(project), ("pull_request", "release", "live"))
    typer.echo(print_bundle(project, results).relative_to(project.root).as_posix())


@govern_app.command("schemas")
def govern_schemas() -> None:
    """Write the JSON Schemas of the records to .schemas/, for editors."""
    from modelkeel.governance.schemas import write_schemas
    from modelkeel.project import load_project

    project = load_project()
    for path in write_schemas(project):
        typer.echo(path.relative_to(project.root).as_posix())


def _day(given: str | None) -> date | None:
    """A date as people write it to machines.

    Raises:
        BadInput: it is none.
    """
    from datetime import date

    try:
        return date.fromisoformat(given) if given else None
    except ValueError as error:
        raise BadInput(f"--expires {given}: {error}", remedy="write it as 2027-03-31") from None


def _columns(given: list[str] | None) -> dict[str, str]:
    """ROLE=NAME texts.

    Raises:
        BadInput: a text without "=".
    """
    columns = {}
    for each in given or []:
        role, equals, name = each.partition("=")
        if not equals:
            raise BadInput(f"--column {each}: no ROLE=NAME", remedy="write --column outcome=paid")
        columns[role.strip()] = name
    return columns
