"""JSON Schemas of the records, `.schemas/NAME.json`, by which editors complete and check them.

`.taplo.toml` tells editors which schema is for which file.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from modelkeel.project import Project
from modelkeel.records.answer import Evidence, NotApplicable, Todo
from modelkeel.records.approvals import Approval
from modelkeel.records.base import Record
from modelkeel.records.charter import Charter
from modelkeel.records.gates import Gates
from modelkeel.records.incidents import Incident
from modelkeel.records.privacy import Privacy
from modelkeel.records.reasons import Reasons
from modelkeel.records.risks import Risks
from modelkeel.records.system import System

FOLDER = ".schemas"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
RECORDS: dict[str, type[Record]] = {
    "charter": Charter,
    "system": System,
    "risks": Risks,
    "privacy": Privacy,
    "gates": Gates,
    "reasons": Reasons,
    "approval": Approval,
    "incident": Incident,
}

# How the forms of an answer are called where an editor offers them.
_FORMS: dict[type[BaseModel], str] = {
    Todo: "work that somebody has still to do",
    NotApplicable: "why the question does not arise",
    Evidence: "where a machine wrote it",
}
_THE_ANSWER = "the answer"


def write_schemas(project: Project) -> list[Path]:
    """Write the schema of every record; a file that is right already is left alone."""
    schemas = _schemas(project)
    for path, text in schemas.items():
        if not _is(path, text):
            path.parent.mkdir(exist_ok=True)
            beside = path.with_name(f".{path.name}.new")
            beside.write_text(text, encoding="utf-8")
            beside.replace(path)
    return list(schemas)


def schema_problems(project: Project) -> list[str]:
    """The schemas that are not as this library writes them, a line each."""
    return [
        f"{path.relative_to(project.root).as_posix()}: "
        + ("is not that of this version of modelkeel" if path.is_file() else "is not there")
        for path, text in _schemas(project).items()
        if not _is(path, text)
    ]


def _schemas(project: Project) -> dict[Path, str]:
    """What each file has to hold."""
    folder = project.root / FOLDER
    return {folder / f"{name}.json": _text(record) for name, record in RECORDS.items()}


def _text(record: type[Record]) -> str:
    return json.dumps(schema_of(record), indent=2, ensure_ascii=False) + "\n"


def _is(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8", errors="replace") == text


def schema_of(record: type[Record]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a record, as an editor of TOML wants it."""
    schema: dict[str, Any] = _plain(record.model_json_schema(by_alias=True))
    for part in [schema, *schema.get("$defs", {}).values()]:
        _explain(part)
    for form, title in _FORMS.items():
        if form.__name__ in schema.get("$defs", {}):
            schema["$defs"][form.__name__]["title"] = title
    return {"$schema": DIALECT, **schema}


def _plain(schema: Any) -> Any:
    """Without what TOML cannot say (null), and without titles that only repeat the key."""
    if isinstance(schema, list):
        return [_plain(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "properties" in schema:
        properties = {
            name: _plain({key: value for key, value in part.items() if key != "title"})
            for name, part in schema["properties"].items()
        }
        schema = {**schema, "properties": properties}
    choices = [each for each in schema.get("anyOf", []) if each != {"type": "null"}]
    rest = {key: value for key, value in schema.items() if key not in ("anyOf", "properties")}
    if isinstance(rest.get("default"), dict) or rest.get("default", 0) is None:
        del rest["default"]
    plain = {key: _plain(value) for key, value in rest.items()}
    if "properties" in schema:
        plain["properties"] = schema["properties"]
    if len(choices) == 1:
        return {**_plain(choices[0]), **plain}
    if choices:
        plain["anyOf"] = _plain(choices)
    if "oneOf" in plain:
        plain["oneOf"] = [_titled(each) for each in plain["oneOf"]]
    return plain


def _titled(form: dict[str, Any]) -> dict[str, Any]:
    reference = form.get("$ref", "").rpartition("/")[2]
    others = {each.__name__ for each in _FORMS}
    return form if reference in others else {"title": _THE_ANSWER, **form}


def _explain(part: dict[str, Any]) -> None:
    """Give each key the sentences of the docstring that name it."""
    told = " ".join(part.get("description", "").split())
    sentences = re.split(r"(?<=[.;])\s+", told)
    for name, value in part.get("properties", {}).items():
        about = [each for each in sentences if f"`{name}`" in each]
        if about and "description" not in value:
            value["description"] = " ".join(about)
