"""The command `keel`. Verbs only; what a verb needs is imported when it runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from modelkeel.cli_data import contract_app, data_app
from modelkeel.cli_update import add_to
from modelkeel.errors import KeelError, print_error

app = typer.Typer(
    name="keel",
    help="Generate a production repository for an AI system, and run its gates.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
charter_app = typer.Typer(help="The charter: what the model is for.", no_args_is_help=True)
model_app = typer.Typer(help="Registered and promoted models.", no_args_is_help=True)
app.add_typer(charter_app, name="charter")
app.add_typer(contract_app, name="contract")
app.add_typer(data_app, name="data")
app.add_typer(model_app, name="model")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]


def main() -> None:
    """Run the command; an error that a person can act on ends it with the error's exit code."""
    try:
        app()
    except KeelError as error:
        print_error(error)
        sys.exit(error.exit_code)


def _version(asked: bool) -> None:
    if asked:
        from modelkeel import __version__

        typer.echo(f"modelkeel {__version__}")
        raise typer.Exit


@app.callback()
def keel(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Generate a production repository for an AI system, and run its gates."""


@app.command()
def new(
    dest: Annotated[Path, typer.Argument(metavar="DEST", help="Folder of the new repository.")],
    defaults: Annotated[
        bool, typer.Option("--defaults", help="Take every default and ask nothing.")
    ] = False,
    run: Annotated[
        bool,
        typer.Option("--run", help="Also install, train, promote, and ask for a prediction."),
    ] = False,
    data: Annotated[
        list[str] | None,
        typer.Option("-d", "--data", metavar="KEY=VALUE", help="An answer; repeatable."),
    ] = None,
    data_file: Annotated[
        Path | None, typer.Option("--data-file", help="YAML or JSON with answers.")
    ] = None,
    template: Annotated[
        str | None,
        typer.Option(help="Path or git URL of the template; this library's own when left out."),
    ] = None,
    ref: Annotated[str | None, typer.Option(help="Tag, branch or commit of the template.")] = None,
    json: Json = False,
) -> None:
    """Make a repository from the template."""
    from modelkeel.scaffold import Reporter, new_project

    new_project(
        dest,
        report=Reporter(json_output=json),
        template=template,
        ref=ref,
        data=data or [],
        data_file=data_file,
        defaults=defaults,
        run=run,
    )


add_to(app)


@charter_app.command("check")
def charter_check(json: Json = False) -> None:
    """Check charter.toml and governance/, and say which risk tier follows."""
    from modelkeel.governance.charter_check import check_charter
    from modelkeel.project import load_project

    found = check_charter(load_project())
    typer.echo(found.to_json() if json else found.to_text())


@model_app.command("list")
def model_list(json: Json = False) -> None:
    """List the registered versions and their aliases, the newest first."""
    from modelkeel.governance.show import versions_json, versions_text
    from modelkeel.model.registry import list_versions
    from modelkeel.project import load_project

    found = list_versions(load_project())
    typer.echo(versions_json(found) if json else versions_text(found))


@model_app.command("promote")
def model_promote(json: Json = False) -> None:
    """Register the newest bundle, run the gates, and make it the champion if all pass."""
    from modelkeel.governance.gates import refuse_failed
    from modelkeel.governance.promotion import promote
    from modelkeel.governance.show import promotion_json, promotion_text
    from modelkeel.project import load_project

    project = load_project()
    done = promote(project)
    typer.echo(promotion_json(done) if json else promotion_text(project, done))
    refuse_failed(done.results)


@model_app.command("verify")
def model_verify(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="FOLDER", help="A bundle's folder; the champion when left out."),
    ] = None,
    json: Json = False,
) -> None:
    """Verify a bundle: every digest, then the golden rows."""
    from modelkeel.governance.show import verified_json, verified_text
    from modelkeel.model.bundle import load_bundle
    from modelkeel.model.champion import load_champion
    from modelkeel.project import load_project

    bundle = load_bundle(folder) if folder else load_champion(load_project().models_dir)
    typer.echo(verified_json(bundle) if json else verified_text(bundle))


if __name__ == "__main__":
    main()
