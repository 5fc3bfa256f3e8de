"""The command `keel`. Verbs only; what a verb needs is imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from modelkeel.cli_data import contract_app, data_app
from modelkeel.cli_governance import add_to as add_governance_to
from modelkeel.cli_journal import journal_app
from modelkeel.cli_model import model_app
from modelkeel.cli_serve import keys_app, serve_command
from modelkeel.cli_update import add_to
from modelkeel.errors import run_stage

app = typer.Typer(
    name="keel",
    help="Generate a production repository for an AI system, and run its gates.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(contract_app, name="contract")
app.add_typer(data_app, name="data")
app.add_typer(journal_app, name="journal")
app.add_typer(model_app, name="model")
app.add_typer(keys_app, name="keys")
app.command("serve")(serve_command)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]


def main() -> None:
    """Run the command; an error that a person can act on ends it with the error's exit code."""
    run_stage(app)


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


add_governance_to(app)
add_to(app)


if __name__ == "__main__":
    main()
