"""From a table to a repository that trains on it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import polars as pl

from modelkeel.data.contract import Contract, check
from modelkeel.data.infer import repository, writing
from modelkeel.data.infer.charter import charter_of
from modelkeel.data.infer.files import REASONS, Conclusion, files_of, local_paths
from modelkeel.data.infer.result import Inferred
from modelkeel.data.infer.roles import roles_of
from modelkeel.data.infer.rules import column_names, with_rules
from modelkeel.data.infer.settings import settings_of
from modelkeel.data.infer.table import Table, column_of, read_table, readings_of
from modelkeel.data.infer.target import conclude_target, find_target
from modelkeel.data.quality.personal import scan
from modelkeel.errors import BadInput
from modelkeel.project import Project, Task

_LARGE = 2 << 20  # bytes from which the pre-commit hook keeps a file out of git


def infer(
    project: Project,
    table: str,
    *,
    target: str,
    query: str | None = None,
    task: Task | None = None,
    group: str | None = None,
    name: str | None = None,
    options: Mapping[str, Any] | None = None,
    force: bool = False,
    today: date | None = None,
) -> Inferred:
    """Conclude everything from a table and write it; on any failure nothing changes.

    Args:
        project: the repository whose example, or earlier table, gives way.
        table: path of a file, or URL of a file, a database or an endpoint.
        target: the column to predict.
        query: a SELECT, where the table is a database.
        task: what to do where the target could be both.
        group: the column whose rows belong together; concluded when left out.
        name: name of the source and of the contract; concluded when left out.
        options: further keys of the source in params.yaml.
        force: replace files whose changes git does not have.
        today: the present day.

    Raises:
        BadInput: there is no such table or target, there is too little to learn from, or files
            would be replaced whose changes are not in git.
        KeelError: the source does not answer, or a file cannot be written.
    """
    writing.put_back(project.root)
    day = today or datetime.now(UTC).date()
    found = _conclude(
        project,
        read_table(project.root, table, query=query, name=name, options=options),
        target,
        task=task,
        group=group,
        today=day,
    )
    files, left = files_of(project, found)
    removed = repository.replaced_files(project, {*files, *local_paths(found.table)})
    if not force:
        writing.refuse_unsaved(project.root, [*files, *removed])
    served = (project.root / repository.CHAMPION).is_file()
    there = [path for path in removed if (project.root / path).is_file()]
    moved = {repository.CHAMPION: repository.RETIRED}
    writing.write_all(project.root, files, removed, moved)
    return _told(project, found, left, sorted(files), there, served=served)


def _conclude(
    project: Project,
    table: Table,
    target: str,
    *,
    task: Task | None,
    group: str | None,
    today: date,
) -> Conclusion:
    columns = list(table.frame.columns)
    name = find_target(target, columns, table.shown)
    if group is not None:
        group = find_target(group, [each for each in columns if each != name], table.shown)
    how = readings_of(table, name)
    read = {each: column_of(each, reading) for each, reading in how.items()}
    path = project.root / "governance" / "data" / f"{table.name}.odcs.yaml"
    plain = Contract(path, tuple(read.values()))
    rows = check(table.frame, plain).valid
    chosen = conclude_target(rows[name], read[name], table.shown, task=task)
    if chosen.column.kind != read[name].kind:
        read[name] = replace(read[name], kind=chosen.column.kind)
        rows = check(table.frame, Contract(path, tuple(read.values()))).valid
    known = rows.filter(pl.col(name).is_not_null())
    roles = roles_of(
        known,
        {**read, name: chosen.column},
        name,
        classes=bool(chosen.classes),
        doubts={each: reading.doubts for each, reading in how.items()},
        group=group,
        personal=scan(table.frame, plain, health=project.system.use.domain == "health"),
    )
    ruled = [with_rules(each, known[each.column.name], sorted(chosen.classes)) for each in roles]
    if not column_names(ruled, "numeric", "categorical"):
        why = "; ".join(f"{each.column.name} {each.why}" for each in ruled if each.why)
        raise BadInput(
            f"{table.shown}: no column can be a feature: {why}",
            remedy="export the columns that are known before the decision",
        )
    contract = Contract(
        path,
        tuple(each.column for each in ruled),
        owner=project.charter.owner.accountable,
        name=table.name.replace("_", " ").capitalize(),
        id=table.name.replace("_", "-"),
        table=table.name,
        description=f"To predict {name}. Concluded by `keel contract infer` from {table.shown}.",
        limitations="To be described: where the rows come from, and whom they leave out.",
    )
    checked = check(table.frame, contract)
    place = path.relative_to(project.root).as_posix()
    settings = settings_of(known, ruled, chosen, sources=[table.source], contract=place)
    charter_file = tomllib.loads((project.root / "charter.toml").read_text(encoding="utf-8"))
    share = settings.params["split"]["test_share"]
    charter = charter_of(charter_file, chosen, known[name], test_share=share, today=today)
    doubts = [*table.doubts, *chosen.doubts, *_about_rows(table, rows, known, name, checked.broken)]
    return Conclusion(
        table,
        chosen,
        ruled,
        contract,
        settings,
        charter,
        known,
        checked.share,
        doubts,
        today,
    )


def _about_rows(
    table: Table, rows: pl.DataFrame, known: pl.DataFrame, target: str, broken: dict[str, int]
) -> list[str]:
    doubts = []
    if without := rows.height - known.height:
        doubts.append(
            f"{without} of {rows.height} rows have no {target!r}: they go to quarantine, which "
            "governance/gates.toml allows for (contract.max_quarantine_share)"
        )
    others = {rule: n for rule, n in broken.items() if not rule.endswith(": is missing")}
    if others:
        shown = ", ".join(f"{rule} ({n} rows)" for rule, n in list(others.items())[:5])
        doubts.append(f"rows that cannot be read go to quarantine: {shown}")
    twice = table.frame.height - table.frame.n_unique()
    if twice:
        doubts.append(
            f"{twice} of the rows repeat another in every column: the same case twice, or two "
            "cases alike?"
        )
    return doubts


def _told(
    project: Project,
    found: Conclusion,
    left: list[str],
    written: list[str],
    removed: list[str],
    *,
    served: bool,
) -> Inferred:
    doubts = [*found.doubts, *found.settings.doubts, *found.charter.doubts, *left]
    use = project.system.use
    doubts.append(
        f"governance/system.toml says domain {use.domain!r} and personal data "
        f"{use.personal_data!r}: does that hold for this table?"
    )
    if REASONS in written:
        doubts.append(
            f"{REASONS} has a code for each feature: write its texts, and say which action goes "
            "against a person"
        )
    if served:
        doubts.append(
            "the champion was of another table: it is no longer served "
            f"({repository.RETIRED} keeps what it was); restart servers that run"
        )
    local = local_paths(found.table)
    large = local and (project.root / local[0]).stat().st_size > _LARGE
    steps = [
        "git diff                        # what was concluded",
        "uv run dvc repro                # train on it",
        "uv run keel model promote --trial   # the gates judge it; a refusal says what it lacks",
        f"uv run uvicorn {project.package}.serve:app",
        "uv run nox",
    ]
    if large:
        steps.insert(1, f"uv run dvc add {local[0]}   # too large for git: keep it with DVC")
    return Inferred(
        found.table.shown,
        found.table.frame.height,
        found.target.column.name,
        found.target.task,
        found.target.classes,
        found.columns,
        doubts,
        written,
        removed,
        found.settings.params,
        steps,
    )
