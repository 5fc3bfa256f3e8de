"""The verbs of the journal: `keel journal …`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from modelkeel.project import Project

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Identity = Annotated[str, typer.Argument(metavar="ID", help="The id of a prediction.")]
Since = Annotated[
    str | None, typer.Option(metavar="TIME", help="From then on, as 2026-11-28; UTC.")
]
Until = Annotated[str | None, typer.Option(metavar="TIME", help="Before then.")]
Subject = Annotated[
    str | None,
    typer.Option(metavar="SUBJECT", help="About this person, by the id that callers send."),
]
By = Annotated[
    str | None, typer.Option(metavar="EMAIL", help="Who does it; git's user when left out.")
]

journal_app = typer.Typer(
    help="What was predicted, decided and done: check it, read it, erase from it.",
    no_args_is_help=True,
)


@journal_app.command("verify")
def journal_verify(
    anchors: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Anchors; the journal's when left out.")
    ] = None,
    public: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Ed25519 public key in PEM that anchors must hold for."),
    ] = None,
    json: Json = False,
) -> None:
    """Check chains, records and anchors; what was changed or cut off ends with 3."""
    from modelkeel.journal.anchor import read_anchors
    from modelkeel.journal.opening import journal_of
    from modelkeel.journal.show import refuse_broken, report_json, report_text
    from modelkeel.journal.verify import verify
    from modelkeel.project import load_project

    journal = journal_of(load_project(), keys=False)
    path = anchors or (journal.anchor.path if journal.anchor else None)
    given = path is not None and (anchors is not None or public is not None or path.is_file())
    found = verify(journal.engine, read_anchors(path, public) if given and path else [])
    typer.echo(report_json(found) if json else report_text(found))
    refuse_broken(found)


@journal_app.command("show")
def journal_show(prediction: Identity, json: Json = False) -> None:
    """Show one decision: model, inputs, reasons, outcome, reviews, and its place in the chain."""
    from modelkeel.governance.cases import case_of
    from modelkeel.journal.opening import journal_of
    from modelkeel.project import load_project

    project = load_project()
    case = case_of(project, journal_of(project), prediction)
    typer.echo(case.to_json() if json else case.to_text())


@journal_app.command("find")
def journal_find(
    kind: Annotated[
        Literal["prediction", "outcome", "review", "event", "explanation"] | None,
        typer.Option(help="Only of this kind."),
    ] = None,
    since: Since = None,
    until: Until = None,
    subject: Subject = None,
    limit: Annotated[int, typer.Option(min=1, help="So many at most, the oldest first.")] = 50,
    json: Json = False,
) -> None:
    """List records, without what the model saw."""
    from modelkeel.journal.export import microseconds
    from modelkeel.journal.keystore import number_in
    from modelkeel.journal.opening import journal_of
    from modelkeel.journal.show import records_json, records_text
    from modelkeel.project import load_project

    journal = journal_of(load_project(), keys=subject is not None)
    found = list(
        journal.reader().find(
            kind=kind,
            since=microseconds(since, "--since"),
            until=microseconds(until, "--until"),
            subject=number_in(journal.keystore, subject) if subject is not None else None,
            limit=limit,
        )
    )
    typer.echo(records_json(found) if json else records_text(found))


@journal_app.command("outcome")
def journal_outcome(
    table: Annotated[
        Path | None,
        typer.Argument(
            metavar="TABLE", help="CSV with the columns prediction_id, outcome, observed_at."
        ),
    ] = None,
    prediction: Annotated[
        str | None, typer.Option("--id", metavar="ID", help="One prediction instead of a table.")
    ] = None,
    value: Annotated[str | None, typer.Option(help="Its outcome.")] = None,
    at: Annotated[
        str | None, typer.Option(metavar="TIME", help="When it was seen; today when left out.")
    ] = None,
    by: By = None,
    json: Json = False,
) -> None:
    """Record what became of predictions; bringing a table in twice changes nothing."""
    from datetime import UTC, datetime

    from modelkeel.errors import BadInput
    from modelkeel.journal.opening import journal_of
    from modelkeel.journal.outcomes import read_outcome, read_table, record_outcomes
    from modelkeel.journal.show import refuse_bad_rows, taken_json, taken_text
    from modelkeel.project import load_project

    project = load_project()
    classes = project.charter.outcome.classes if project.task == "classification" else None
    names = list(classes) if classes else None
    if table is not None and prediction is None and value is None:
        if at is not None:
            raise BadInput(
                "--at goes with --id; a table has a column observed_at", remedy="leave --at out"
            )
        rows, source = read_table(table, names), table.name
    elif table is None and prediction is not None and value is not None:
        seen = at or datetime.now(UTC).date().isoformat()
        rows, source = iter([read_outcome(1, prediction, value, seen, names)]), "by hand"
    else:
        raise BadInput("neither a table nor one outcome", remedy="give TABLE, or --id and --value")
    journal = journal_of(project, keys=False)
    done = record_outcomes(journal, rows, by=by or _person(project), source=source)
    typer.echo(taken_json(done) if json else taken_text(done))
    refuse_bad_rows(done, source)


@journal_app.command("erase")
def journal_erase(
    subject: Annotated[
        str | None,
        typer.Argument(
            metavar="SUBJECT",
            help="The person, by the id that callers send; - reads it from standard input.",
        ),
    ] = None,
    prediction: Annotated[
        str | None, typer.Option(metavar="ID", help="Erase one prediction's inputs instead.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Erase what the list has, after a backup was restored.")
    ] = False,
    listed: Annotated[
        Path | None,
        typer.Option("--list", metavar="FILE", help="List of erasures; journal/erasures.jsonl."),
    ] = None,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "",
    by: By = None,
    json: Json = False,
) -> None:
    """Erase a person: what the model saw cannot be read any more, and the chain still holds."""
    from modelkeel.errors import BadInput
    from modelkeel.journal.erase import erase_again, erase_person, erase_prediction
    from modelkeel.journal.opening import journal_of
    from modelkeel.journal.place import erasures_path
    from modelkeel.journal.show import erased_json, erased_text
    from modelkeel.project import load_project

    if (subject is not None) + (prediction is not None) + again != 1:
        raise BadInput(
            "what to erase is not clear", remedy="give one of SUBJECT, --prediction ID and --again"
        )
    project = load_project()
    path = listed or erasures_path(project.root)
    who = by or _person(project)
    if subject == "-":
        subject = typer.get_text_stream("stdin").readline().strip()
    journal = journal_of(project, keys=subject is not None)
    if subject is not None:
        done = [erase_person(journal, path, subject, by=who, reason=reason)]
    elif prediction is not None:
        done = [erase_prediction(journal, path, prediction, by=who, reason=reason)]
    else:
        done = erase_again(journal, path, by=who)
    typer.echo(erased_json(done) if json else erased_text(done))


@journal_app.command("prune")
def journal_prune(
    payloads: Annotated[
        int | None,
        typer.Option("--payload-days", help="Days that inputs are kept; by record and tier."),
    ] = None,
    records: Annotated[
        int | None,
        typer.Option("--record-days", help="Days that records are kept; logging.retention_days."),
    ] = None,
    dry: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    by: By = None,
    json: Json = False,
) -> None:
    """Remove what is older than it is kept; less than the law asks for ends with 3."""
    from modelkeel.journal.opening import journal_of
    from modelkeel.journal.retention import prune, retention_of
    from modelkeel.journal.show import pruned_json, pruned_text
    from modelkeel.project import load_project

    project = load_project()
    keep = retention_of(project, payloads, records)
    done = prune(journal_of(project, keys=False), keep, by=by or _person(project), dry=dry)
    typer.echo(pruned_json(done, keep, dry=dry) if json else pruned_text(done, keep, dry=dry))


@journal_app.command("export")
def journal_export(
    prediction: Annotated[
        str | None, typer.Argument(metavar="ID", help="One prediction, as JSON with all of it.")
    ] = None,
    since: Since = None,
    until: Until = None,
    subject: Subject = None,
    form: Annotated[
        Literal["jsonl", "csv"] | None, typer.Option("--format", help="jsonl when left out.")
    ] = None,
    inputs: Annotated[
        bool, typer.Option("--inputs", help="With what the model saw, which may describe people.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to; the terminal when left out.")
    ] = None,
    json: Json = False,
) -> None:
    """Export for an auditor: one decision rebuilt, or many as JSON lines or CSV."""
    from modelkeel.errors import BadInput
    from modelkeel.governance.cases import case_of
    from modelkeel.journal.export import as_lines, microseconds, predictions, write
    from modelkeel.journal.keystore import number_in
    from modelkeel.journal.opening import journal_of
    from modelkeel.project import load_project

    if prediction is not None:
        many = {
            "--since": since is not None,
            "--until": until is not None,
            "--subject": subject is not None,
            "--format": form is not None,
            "--inputs": inputs,
        }
        useless = [option for option, given in many.items() if given]
        if useless:
            raise BadInput(
                f"{', '.join(useless)}: not for one prediction, which is JSON with all of it",
                remedy="leave ID out, or the options",
            )
    if json and form == "csv":
        raise BadInput("--json and --format csv contradict each other", remedy="give one of them")
    project = load_project()
    journal = journal_of(project, keys=inputs or subject is not None or prediction is not None)
    if prediction is not None:
        case = case_of(project, journal, prediction)
        lines = iter([case.to_json() + "\n"])
    else:
        table = predictions(
            journal,
            since=microseconds(since, "--since"),
            until=microseconds(until, "--until"),
            person=number_in(journal.keystore, subject) if subject is not None else None,
            inputs=inputs,
        )
        lines = as_lines(table, form or "jsonl")
    if out is None:
        for line in lines:
            typer.echo(line, nl=False)
        return
    write(out, lines)
    typer.echo(f"written: {out}")


@journal_app.command("replay")
def journal_replay(
    prediction: Identity,
    bundle: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="The model's bundle, where models/ has it no more."),
    ] = None,
    json: Json = False,
) -> None:
    """Score what the record has with the model it names; another score or decision ends with 3."""
    from modelkeel.governance.replaying import refuse_different, replay
    from modelkeel.journal.opening import journal_of
    from modelkeel.project import load_project

    project = load_project()
    found = replay(project, journal_of(project), prediction, bundle)
    typer.echo(found.to_json() if json else found.to_text())
    refuse_different(found)


@journal_app.command("explain")
def journal_explain(
    since: Since = None,
    limit: Annotated[int | None, typer.Option(min=1, help="So many at most.")] = None,
    orders: Annotated[
        int, typer.Option(min=2, help="Random orders of the features; more are more exact.")
    ] = 8,
    json: Json = False,
) -> None:
    """Estimate and record contributions for predictions of models that have no exact ones."""
    from dataclasses import asdict
    from json import dumps

    from modelkeel.governance.explaining import explain_pending
    from modelkeel.journal.export import microseconds
    from modelkeel.journal.opening import journal_of
    from modelkeel.project import load_project

    project = load_project()
    moment = microseconds(since, "--since")
    told = explain_pending(project, journal_of(project), since=moment, limit=limit, orders=orders)
    text = f"{told.made} explained, {told.exact} were, {told.gone} cannot be any more"
    if told.sealed:
        text += f"; {told.sealed} are sealed: give the journal's master key (MODELKEEL_JOURNAL_KEY)"
    typer.echo(dumps(asdict(told)) if json else text)


@journal_app.command("upgrade")
def journal_upgrade(json: Json = False) -> None:
    """Make the journal's tables, or bring them up to date; a server that starts does the same."""
    from json import dumps

    from modelkeel.journal.opening import journal_of
    from modelkeel.journal.schema import revision_of
    from modelkeel.project import load_project

    revision = revision_of(journal_of(load_project(), keys=False, make=True).engine)
    typer.echo(dumps({"schema": revision}) if json else f"the journal has the schema {revision}")


@journal_app.command("anchor")
def journal_anchor(
    to: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to; the journal's when left out.")
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            envvar="MODELKEEL_ANCHOR_KEY",
            help="Ed25519 private key in PEM that signs it.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Write the ends of all chains down outside the database."""
    from json import dumps

    from modelkeel.journal.opening import anchor_now, journal_of
    from modelkeel.project import load_project

    path, ends = anchor_now(journal_of(load_project(), keys=False), to, key)
    told = {"file": str(path), "segments": ends}
    typer.echo(dumps(told) if json else f"anchored: the ends of {ends} segments in {path}")


def _person(project: Project) -> str:
    from modelkeel.model.promotions import person

    return person(project.root)
