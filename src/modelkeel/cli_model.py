"""The verbs of registered and promoted models: `keel model …`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from modelkeel.errors import BadInput
from modelkeel.model.keys import SIGNING_KEY

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]

model_app = typer.Typer(help="Registered and promoted models.", no_args_is_help=True)


@model_app.command("list")
def model_list(json: Json = False) -> None:
    """List the registered versions, the newest first, and what their aliases say."""
    from modelkeel.governance.listing import list_models
    from modelkeel.project import load_project

    found = list_models(load_project())
    typer.echo(found.to_json() if json else found.to_text())


@model_app.command("show")
def model_show(
    version: Annotated[
        str | None,
        typer.Argument(metavar="VERSION", help="Its number; the champion's when left out."),
    ] = None,
    json: Json = False,
) -> None:
    """Show a version: what it was made from, what the gates said, and who approved it."""
    from modelkeel.governance.dossier import show_version
    from modelkeel.project import load_project

    found = show_version(load_project(), version)
    typer.echo(found.to_json() if json else found.to_text())


@model_app.command("promote")
def model_promote(
    trial: Annotated[
        bool,
        typer.Option(
            "--trial", help="Ask only the gates of a model that is tried out; not for production."
        ),
    ] = False,
    key: Annotated[
        Path | None,
        typer.Option(envvar=SIGNING_KEY, help="Private key that signs bundle and summary."),
    ] = None,
    json: Json = False,
) -> None:
    """Register the newest bundle, run the gates, and make it the champion if all pass."""
    from modelkeel.governance.gates import refuse_failed
    from modelkeel.governance.promotion import promote
    from modelkeel.governance.show import promotion_json, promotion_text
    from modelkeel.project import load_project

    project = load_project()
    done = promote(project, trial=trial, key=key)
    typer.echo(promotion_json(done) if json else promotion_text(project, done))
    for note in done.notes:
        typer.echo(f"note: {note}", err=True)
    refuse_failed(done.results)


@model_app.command("rollback")
def model_rollback(
    reason: Annotated[str, typer.Option(help="Why, for the history.")] = "",
    to: Annotated[
        str | None,
        typer.Option(metavar="DIGEST", help="The bundle to go back to; otherwise the one before."),
    ] = None,
    drill: Annotated[
        bool, typer.Option("--drill", help="Practise it and time it; what serves stays in place.")
    ] = False,
    json: Json = False,
) -> None:
    """Make the champion before champion again; it needs no registry."""
    from modelkeel.governance.drill import drill as practise
    from modelkeel.governance.rollback import rollback
    from modelkeel.governance.show import drill_json, drill_text, rollback_json, rollback_text
    from modelkeel.project import load_project

    if drill and to is not None:
        raise BadInput(
            "--drill practises going back to the champion before; it takes no --to",
            remedy="leave out one of them",
        )
    project = load_project()
    if drill:
        practised = practise(project, reason or "drill")
        typer.echo(drill_json(practised) if json else drill_text(project, practised))
        return
    done = rollback(project, reason, to=to)
    typer.echo(rollback_json(done) if json else rollback_text(project, done))
    for note in done.notes:
        typer.echo(f"note: {note}", err=True)


@model_app.command("verify")
def model_verify(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="FOLDER", help="A bundle's folder; the champion when left out."),
    ] = None,
    heal: Annotated[
        bool, typer.Option("--heal", help="Move the registry's aliases to the champion.")
    ] = False,
    json: Json = False,
) -> None:
    """Verify a bundle: every digest and the golden rows; of the champion also what names it."""
    from modelkeel.governance.show import verified_json, verified_text
    from modelkeel.governance.standing import refuse_problems, verify_champion
    from modelkeel.model.bundle import load_bundle
    from modelkeel.project import load_project

    if folder is not None and heal:
        raise BadInput(
            "--heal is about the champion; it takes no FOLDER", remedy="leave out one of them"
        )
    if folder is not None:
        bundle = load_bundle(folder)
        typer.echo(verified_json(bundle) if json else verified_text(bundle))
        return
    found = verify_champion(load_project(), heal=heal)
    typer.echo(verified_json(found.bundle, found) if json else verified_text(found.bundle, found))
    refuse_problems(found)


@model_app.command("assess")
def model_assess(
    audit: Annotated[
        bool, typer.Option("--audit", help="Also look for known vulnerabilities; needs network.")
    ] = False,
    reproduce: Annotated[
        bool, typer.Option("--reproduce", help="Also train again and compare; takes its time.")
    ] = False,
    json: Json = False,
) -> None:
    """Make the evidence about the newest bundle that the gates read."""
    from modelkeel.governance.evidence.assess import assess
    from modelkeel.governance.show import written_json, written_text
    from modelkeel.project import load_project

    project = load_project()
    paths = assess(project, audit=audit, reproduce=reproduce)
    typer.echo(written_json(project, paths) if json else written_text(project, paths))


@model_app.command("keygen")
def model_keygen(
    private: Annotated[
        Path, typer.Argument(metavar="PRIVATE", help="Where the private key is kept: not in git.")
    ],
    public: Annotated[
        Path | None,
        typer.Option(help="Where the public key goes; governance/keys/model.pub when left out."),
    ] = None,
    json: Json = False,
) -> None:
    """Make a pair of keys to sign models with; commit the public one."""
    from modelkeel.governance.show import written_json, written_text
    from modelkeel.model.keys import make_key, public_key_path
    from modelkeel.project import load_project

    project = load_project()
    target = public or public_key_path(project)
    make_key(private, target)
    made = [private.resolve(), target.resolve()]
    typer.echo(written_json(project, made) if json else written_text(project, made))
