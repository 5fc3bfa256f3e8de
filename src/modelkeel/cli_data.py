"""The verbs that look at data: `keel contract …` and `keel data …`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]

contract_app = typer.Typer(help="The data contract.", no_args_is_help=True)
data_app = typer.Typer(help="The quality of the data over time.", no_args_is_help=True)


@contract_app.command("infer")
def contract_infer(
    table: Annotated[
        str, typer.Argument(metavar="TABLE", help="A file, or the URL of a file, database or API.")
    ],
    target: Annotated[str, typer.Option(help="The column to predict.")],
    query: Annotated[str | None, typer.Option(help="A SELECT, where TABLE is a database.")] = None,
    task: Annotated[
        Literal["classification", "regression"] | None,
        typer.Option(help="What the target is for, where it could be both."),
    ] = None,
    group: Annotated[
        str | None, typer.Option(help="The column whose rows belong together, as a customer's.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the source and the contract.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A key of the source; repeatable."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace files whose changes git does not have.")
    ] = False,
    json: Json = False,
) -> None:
    """Write contract, parameters and charter for your own table, in the example's place."""
    from modelkeel.data.infer import infer
    from modelkeel.project import load_project

    found = infer(
        load_project(),
        table,
        target=target,
        query=query,
        task=task,
        group=group,
        name=name,
        options=_options(settings),
        force=force,
    )
    typer.echo(found.to_json() if json else found.to_text())


@contract_app.command("check")
def contract_check(json: Json = False) -> None:
    """Check the sources against the data contract, and write nothing."""
    from modelkeel.data.check import check_source
    from modelkeel.project import load_project

    found = check_source(load_project())
    typer.echo(found.to_json() if json else found.to_text())


@contract_app.command("diff")
def contract_diff(
    against: Annotated[
        str, typer.Option(metavar="REVISION", help="The git revision to compare with.")
    ] = "HEAD",
    json: Json = False,
) -> None:
    """Compare the contract with an earlier one; unannounced breaking changes end with 3."""
    from modelkeel.data.contract import diff_against, refuse_breaking
    from modelkeel.project import load_project

    found = diff_against(load_project().contract_path, against)
    typer.echo(found.to_json() if json else found.to_text())
    refuse_breaking(found)


@data_app.command("report")
def data_report(json: Json = False) -> None:
    """Render reports/data.html; data that drifted from the accepted reference end with 3."""
    from modelkeel.data.quality.report import refuse_drifted, report
    from modelkeel.project import load_project

    found = report(load_project())
    typer.echo(found.to_json() if json else found.to_text())
    refuse_drifted(found)


@data_app.command("accept")
def data_accept(
    reason: Annotated[str, typer.Option(help="Why these data are as they should be.")],
    by: Annotated[
        str | None, typer.Option(metavar="EMAIL", help="Who accepts; git's user at a terminal.")
    ] = None,
) -> None:
    """Accept the newest data as the reference that later data are compared with."""
    from modelkeel.data.quality.reference import accept
    from modelkeel.project import load_project

    project = load_project()
    path = accept(project, by=by, reason=reason)
    typer.echo(f"accepted: {path.relative_to(project.root).as_posix()}; commit it")


@data_app.command("history")
def data_history(json: Json = False) -> None:
    """Show which data trained which version of the model."""
    from modelkeel.governance.data_history import data_history as collect
    from modelkeel.project import load_project

    found = collect(load_project())
    typer.echo(found.to_json() if json else found.to_text())


def _options(given: list[str] | None) -> dict[str, Any]:
    """KEY=VALUE texts, with values as YAML reads them.

    Raises:
        BadInput: a text without "=", or a value that is no YAML.
    """
    import yaml

    from modelkeel.errors import BadInput

    options: dict[str, Any] = {}
    for each in given or []:
        key, equals, value = each.partition("=")
        try:
            options[key.strip()] = yaml.safe_load(value)
        except yaml.YAMLError:
            equals = ""
        if not equals:
            raise BadInput(f"--set {each}: no KEY=VALUE", remedy="write --set sheet=Orders")
    return options
