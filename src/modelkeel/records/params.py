"""`params.yaml`: the settings of the pipeline, typed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from modelkeel.errors import BadInput
from modelkeel.records.base import SUREST, Strict, describe, line_of, read_text, too_deep
from modelkeel.records.sources import Source


class Features(Strict):
    """The columns that the model sees."""

    numeric: list[str] = Field(default_factory=list)
    categorical: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self.names:
            raise ValueError("name at least one feature, numeric or categorical")
        if len(set(self.names)) != len(self.names):
            raise ValueError("a feature is named twice")
        return self

    @property
    def names(self) -> list[str]:
        """All features, numeric first: the order of the model's inputs."""
        return [*self.numeric, *self.categorical]


class Split(Strict):
    """How rows are held out: at random, or whole groups of rows that belong together."""

    kind: Literal["random", "group"]
    by: list[str] = Field(default_factory=list)
    test_share: float = Field(gt=0.0, lt=1.0)
    seed: int

    @model_validator(mode="after")
    def _groups(self) -> Self:
        if (self.kind == "group") != bool(self.by):
            raise ValueError("`by` names the grouping columns of kind `group`, and only there")
        return self


class Train(Strict):
    """Seed, cross-validation folds, threads and the model's own settings."""

    seed: int
    folds: int = Field(ge=2, le=20)
    threads: int = Field(default=1, ge=1)
    model: dict[str, float | int | str | bool]


class Slice(Strict):
    """A column to judge the model on part by part; `edges` bin a numeric one."""

    column: str
    edges: list[float] | None = None


class Evaluate(Strict):
    """Resamples and confidence of the intervals, and the slices."""

    bootstrap: int = Field(ge=100, le=100_000)
    confidence: float = Field(gt=0.5, le=SUREST)
    slices: list[Slice] = Field(default_factory=list)


class Params(Strict):
    """The whole of `params.yaml`."""

    sources: list[Source] = Field(min_length=1)
    contract: str
    target: str
    features: Features
    audit: list[str] = Field(default_factory=list)
    split: Split
    train: Train
    evaluate: Evaluate

    @property
    def needed(self) -> list[str]:
        """The columns that are used beside the target."""
        return list(dict.fromkeys([*self.features.names, *self.audit, *self.split.by]))

    @model_validator(mode="after")
    def _one_table(self) -> Self:
        names = [source.name for source in self.sources]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two sources are named {twice[0]!r}")
        if all(source.join for source in self.sources):
            raise ValueError("every source has `join`; one without it gives the rows")
        return self

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if self.target in self.features.names:
            raise ValueError(f"the target {self.target!r} is among the features")
        if both := set(self.audit) & set(self.features.names):
            raise ValueError(f"audit columns must not be features: {sorted(both)}")
        return self

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read and validate `params.yaml`.

        Raises:
            BadInput: the file is missing, is no YAML, or breaks the schema.
        """
        import yaml

        if not path.is_file():
            raise BadInput(f"{path}: no such file", remedy="restore it from git")
        text = read_text(path)
        try:
            data: Any = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise BadInput(f"{path}: no valid YAML: {error}", remedy="mend that line") from None
        except RecursionError:
            raise too_deep(path) from None
        _refuse_old_source(path, data, text)
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise BadInput(describe(error, path, text, cls), remedy="mend the keys named") from None


def _refuse_old_source(path: Path, data: Any, text: str) -> None:
    """`source: {path: …}` was the one table until several could be declared."""
    if not isinstance(data, dict) or "source" not in data:
        return
    old = data["source"]
    where = old.get("path") if isinstance(old, dict) else None
    name = re.sub(r"[^a-z0-9_]+", "_", Path(str(where or "")).stem.lower()).lstrip("_0123456789")
    rewritten = (
        f"sources:\n  - name: {name or 'table'}\n    path: {where or 'data/source/table.csv'}"
    )
    raise BadInput(
        f"{path}:{line_of(['source'], text)}: source: is now a list named `sources`",
        remedy=f"write in its place:\n{rewritten}",
    )
