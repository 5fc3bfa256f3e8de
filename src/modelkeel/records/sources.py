"""The `sources` of `params.yaml`: where the rows come from, and how they come together."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, Self
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, Field, model_validator

from modelkeel.records.base import Strict

SourceKind = Literal["csv", "tsv", "fixed_width", "excel", "jsonl", "parquet", "sql", "http"]

_ENDINGS: dict[str, SourceKind] = {
    ".csv": "csv",
    ".txt": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".xlsx": "excel",
    ".xlsm": "excel",
    ".xlsb": "excel",
    ".xls": "excel",
    ".ods": "excel",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_PACKED = (".gz", ".bz2", ".xz", ".zst")
_SECRET = re.compile(r"auth|cookie|key|passw|secret|signature|token", re.IGNORECASE)
_VARIABLE = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")
_RANGE = re.compile(r"[A-Z]{1,3}[1-9]\d*:[A-Z]{1,3}[1-9]\d*")

# Which keys a kind understands beside name, kind, rename and join.
_KEYS: dict[SourceKind, set[str]] = {
    "csv": {"path", "options", "delimiter", "quote", "header", "encoding", "missing"},
    "tsv": {"path", "options", "delimiter", "quote", "header", "encoding", "missing"},
    "fixed_width": {"path", "options", "layout", "encoding", "missing"},
    "excel": {"path", "options", "sheet", "range"},
    "jsonl": {"path", "options", "encoding"},
    "parquet": {"path", "options"},
    "sql": {"url", "query", "table", "watermark"},
    "http": {
        "url",
        "records",
        "headers",
        "next",
        "page_param",
        "first_page",
        "size_param",
        "page_size",
        "cursor",
        "cursor_param",
        "timeout",
        "retries",
    },
}


def kind_of(path: str) -> SourceKind | None:
    """The kind that a path's ending tells; None where it tells none."""
    name = PurePosixPath(path.split("?")[0].split("#")[0])
    ending = name.suffix.lower()
    if ending in _PACKED:
        ending = name.with_suffix("").suffix.lower()
    return _ENDINGS.get(ending)


def _known_encoding(value: str) -> str:
    try:
        "".encode(value)
    except LookupError:
        raise ValueError(f"{value!r} is no encoding that Python knows; try cp1252") from None
    return value


def _cell_range(value: str) -> str:
    if not _RANGE.fullmatch(value.upper()):
        raise ValueError(f"{value!r} is no range; write it like B3:H200")
    return value.upper()


def _no_secret(key: str, name: str, value: str) -> None:
    if _SECRET.search(name) and value and not _VARIABLE.search(value):
        raise ValueError(f"{key} {name!r} looks like a secret; write ${{VARIABLE}} and set that")


def _safe_url(value: str) -> str:
    try:
        parts = urlsplit(value)
    except ValueError as error:
        raise ValueError(f"is no URL: {error}") from None
    if "@" in parts.netloc:
        password = parts.netloc.rpartition("@")[0].partition(":")[2]
        _no_secret("url", "password", password)
    for name, text in parse_qsl(parts.query):
        _no_secret("url parameter", name, text)
    return value


Url = Annotated[str, AfterValidator(_safe_url)]


class Join(Strict):
    """The keys by which a lookup is joined to the rows; they are unique in the lookup."""

    on: list[str] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _on(cls, data: Any) -> Any:
        # YAML 1.1 reads the key `on` as true.
        return (
            {"on" if key is True else key: data[key] for key in data}
            if isinstance(data, dict)
            else data
        )


class Source(Strict):
    """One table: a file of the project or of any fsspec URL, a query, or an HTTP endpoint.

    Attributes:
        name: unique among the sources.
        kind: its format; told by the ending of `path` where left out.
        path: relative to the project, or a URL such as s3://bucket/table.csv.
        options: settings of the file system behind a URL (fsspec's), `${VARIABLE}` allowed.
        delimiter: one character between the values; detected where left out, as are the next two.
        quote: the character around values; "" where none is ever quoted.
        header: whether the first row names the columns.
        encoding: of a text file that has no byte order mark and is no UTF-8.
        missing: texts that stand for no value, beside the empty one.
        layout: columns of fixed width, in characters: a width, or [start, end) from 0.
        sheet: name of the Excel sheet; the first where left out.
        range: cells of the sheet with the header, such as B3:H200.
        url: database (SQLAlchemy) or endpoint, `${VARIABLE}` allowed.
        query: a SELECT; or name a `table`.
        watermark: a column that only grows; later runs read from its last value on.
        records: dotted path to the list in an answer; the answer itself where left out.
        headers: of the request; secrets as `${VARIABLE}`.
        next: dotted path to the next page's URL.
        page_param: query parameter that counts pages from `first_page`.
        size_param: query parameter that carries `page_size`; a shorter page is the last.
        cursor: dotted path to the next cursor, sent as `cursor_param`.
        timeout: seconds to wait for an answer.
        retries: how often a page is asked for again.
        rename: our name by theirs.
        join: makes this source a lookup.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    kind: SourceKind = "csv"
    path: Url | None = None
    options: dict[str, str | int | float | bool] = Field(default_factory=dict)
    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    quote: str | None = Field(default=None, max_length=1)
    header: bool | None = None
    encoding: Annotated[str, AfterValidator(_known_encoding)] | None = None
    missing: list[str] = Field(default_factory=list)
    layout: dict[str, Annotated[int, Field(gt=0)] | tuple[int, int]] = Field(default_factory=dict)
    sheet: str | None = None
    range: Annotated[str, AfterValidator(_cell_range)] | None = None
    url: Url | None = None
    query: str | None = None
    table: str | None = None
    watermark: str | None = None
    records: str = ""
    headers: dict[str, str] = Field(default_factory=dict)
    next: str | None = None
    page_param: str | None = None
    first_page: int = Field(default=1, ge=0)
    size_param: str | None = None
    page_size: int | None = Field(default=None, ge=1)
    cursor: str | None = None
    cursor_param: str = "cursor"
    timeout: float = Field(default=30.0, gt=0)
    retries: int = Field(default=5, ge=0, le=20)
    rename: dict[str, str] = Field(default_factory=dict)
    join: Join | None = None

    @model_validator(mode="before")
    @classmethod
    def _kind_from_path(cls, data: Any) -> Any:
        if not isinstance(data, dict) or "kind" in data:
            return data
        if isinstance(data.get("path"), str):
            kind = kind_of(data["path"])
        else:
            kind = "sql" if {"query", "table"} & set(data) else "http"
        if kind is None:
            kinds = ", ".join(_KEYS)
            raise ValueError(f"the ending of {data['path']!r} tells no kind; write kind: {kinds}")
        return {**data, "kind": kind}

    @model_validator(mode="after")
    def _keys_of_kind(self) -> Self:
        known = _KEYS[self.kind] | {"name", "kind", "rename", "join"}
        if wrong := sorted(self.model_fields_set - known):
            raise ValueError(f"kind {self.kind} has no {wrong[0]!r}; it has: {sorted(known)}")
        place = "path" if "path" in known else "url"
        if not getattr(self, place):
            raise ValueError(f"kind {self.kind} needs `{place}`")
        if self.kind == "sql" and (self.query is None) == (self.table is None):
            raise ValueError("kind sql needs `query` or `table`, not both")
        if self.kind == "fixed_width" and not self.layout:
            raise ValueError("kind fixed_width needs `layout`: {column: width, …}")
        if sum(key is not None for key in (self.next, self.page_param, self.cursor)) > 1:
            raise ValueError("name one of `next`, `page_param` and `cursor`")
        for name, value in {**self.headers, **self.options}.items():
            _no_secret("header or option", name, str(value))
        return self

    @property
    def local(self) -> bool:
        """Whether it is a file of the project."""
        return self.path is not None and "://" not in self.path

    @property
    def location(self) -> str:
        """Path or URL as written, variables not filled in: it holds no secret."""
        return str(self.path or self.url)


def locations(sources: list[Source]) -> dict[str, str]:
    """How each source is called in records, by name: its location, apart where two share one."""
    all_of = [source.location for source in sources]
    return {
        each.name: each.location
        if each.kind != "sql" and all_of.count(each.location) == 1
        else f"{each.location}#{each.name}"
        for each in sources
    }
