"""Which data trained which model: tables kept in evidence/data, joined to registered versions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelkeel.data.quality.history import Snapshot, load
from modelkeel.errors import KeelError
from modelkeel.model import registry
from modelkeel.model.training_log import DATA_TAG, connect
from modelkeel.project import Project


@dataclass(frozen=True)
class Trained:
    """A model version, and the digests of the data that trained it.

    Attributes:
        version: in the registry.
        aliases: champion, candidate, previous.
        digest: of the bundle.
        data: SHA-256 by path or URL, as in the lineage.
    """

    version: str
    aliases: tuple[str, ...]
    digest: str
    data: Mapping[str, str]


@dataclass(frozen=True)
class DataHistory:
    """Tables, the newest first, each with the versions trained on it.

    Attributes:
        tables: with the versions.
        unknown: versions that were trained on no table of evidence/data.
        problem: why no version is known; empty if all is well.
    """

    tables: tuple[tuple[Snapshot, tuple[Trained, ...]], ...]
    unknown: tuple[Trained, ...] = ()
    problem: str = ""

    def to_text(self) -> str:
        """One line a table, and one for each of its sources."""
        if not self.tables:
            lines = ["no table kept yet: run `uv run dvc repro`"]
        else:
            lines = ["checked     table             rows        quarantined  models"]
        for table, models in self.tables:
            named = ", ".join(_named(each) for each in models) or "none"
            lines.append(
                f"{table.time:%Y-%m-%d}  {table.digest[:16]}  {table.rows:<10}  "
                f"{table.quarantined:<11}  {named}"
            )
            lines += [f"  {digest[:16]}  {name}" for name, digest in table.sources.items()]
        if self.unknown:
            named = ", ".join(_named(each) for each in self.unknown)
            lines.append(f"trained on data that evidence/data does not have: {named}")
        if self.problem:
            lines.append(f"models are not known: {self.problem}")
        return "\n".join(lines)

    def to_json(self) -> str:
        """The same as JSON."""
        tables = [
            {
                "time": table.time.isoformat(),
                "digest": table.digest,
                "contract": table.contract,
                "rows": table.rows,
                "quarantined": table.quarantined,
                "sources": table.sources,
                "models": [_model(each) for each in models],
            }
            for table, models in self.tables
        ]
        unknown = [_model(each) for each in self.unknown]
        return json.dumps({"tables": tables, "unknown": unknown, "problem": self.problem})


def data_history(project: Project) -> DataHistory:
    """Join the tables to the versions; a registry that does not answer is said, not raised.

    Raises:
        BadInput: a file of evidence/data is broken.
    """
    tables = load(project)
    problem, versions = "", []
    try:
        versions = _versions(project)
    except KeelError as error:
        problem = str(error)
    except ImportError:
        problem = "MLflow is not installed here"
    return joined(tables, versions, problem)


def joined(tables: list[Snapshot], versions: list[Trained], problem: str = "") -> DataHistory:
    """Which version was trained on which table; the newest table first."""
    found = {
        table.digest: tuple(each for each in versions if _trained_on(each, table))
        for table in tables
    }
    known = {each.version for models in found.values() for each in models}
    return DataHistory(
        tables=tuple((table, found[table.digest]) for table in reversed(tables)),
        unknown=tuple(each for each in versions if each.version not in known),
        problem=problem,
    )


def _trained_on(model: Trained, table: Snapshot) -> bool:
    """By the digest of the table where the lineage has it, else by those of all sources."""
    if raw := model.data.get("data/raw.parquet"):
        return raw == table.digest
    sources = table.sources
    return bool(sources) and all(model.data.get(name) == sha for name, sha in sources.items())


def _versions(project: Project) -> list[Trained]:
    """Every registered version, the newest first, with the lineage that its run was tagged with."""
    versions = registry.list_versions(project)
    client = connect(project).MlflowClient()
    return [
        Trained(each.version, each.aliases, each.digest, _data_of(client, each.run_id))
        for each in versions
    ]


def _data_of(client: Any, run_id: str) -> dict[str, str]:
    try:
        tags = client.get_run(run_id).data.tags
    except Exception:  # noqa: BLE001 - a run that was deleted; the version stays
        return {}
    return {
        name.removeprefix(DATA_TAG): value
        for name, value in tags.items()
        if name.startswith(DATA_TAG)
    }


def _named(model: Trained) -> str:
    aliases = f" ({', '.join(model.aliases)})" if model.aliases else ""
    return f"version {model.version}{aliases}"


def _model(model: Trained) -> dict[str, Any]:
    return {
        "version": model.version,
        "aliases": list(model.aliases),
        "digest": model.digest,
        "data": dict(model.data),
    }
