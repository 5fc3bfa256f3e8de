"""The data card for machines: Croissant 1.1 with the responsible-AI terms (mlcommons.org)."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import Any

from modelkeel.data.contract.model import Column
from modelkeel.governance.documents.header import RENDERED, rendered_from
from modelkeel.governance.documents.ledger import Ledger
from modelkeel.governance.documents.table import described

_TYPES = {
    "string": "sc:Text",
    "integer": "sc:Integer",
    "number": "sc:Float",
    "boolean": "sc:Boolean",
    "date": "sc:Date",
    "timestamp": "sc:DateTime",
}
_FORMATS = {
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
    "fixed_width": "text/plain",
    "excel": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "jsonl": "application/jsonlines",
    "parquet": "application/vnd.apache.parquet",
    "sql": "application/sql",
    "http": "application/json",
}
_RAW = "data/raw.parquet"
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "prov": "http://www.w3.org/ns/prov#",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


def croissant(ledger: Ledger) -> str:
    """The dataset that the model was made from, as JSON-LD.

    Fields come from the data contract, digests from what the newest ingest left in evidence/data;
    without that, files and their fields are left out, for a file without a digest tells nothing.
    """
    contract, params = ledger.sources.contract, ledger.sources.params
    system = ledger.sources.record("system")
    kept = ledger.sources.snapshot
    personal = [each for each in contract.columns if each.classification != "none"]
    dataset: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": {"en": contract.name or contract.id},
        "description": {"en": described(contract.description) or contract.name},
        "conformsTo": [
            "http://mlcommons.org/croissant/1.1",
            "http://mlcommons.org/croissant/RAI/1.0",
        ],
        "version": contract.version,
        "rai:dataUseCases": [system.identity.purpose],
        "rai:dataLimitations": [described(contract.limitations)],
        "rai:personalSensitiveInformation": [
            f"{each.name}: {each.classification}" for each in personal
        ],
        "distribution": _files(kept, params.sources) if kept else [],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "rows",
                "name": {"en": "rows"},
                "key": [{"@id": f"rows/{name}"} for name in contract.key],
                "field": [_field(each) for each in contract.columns],
            }
        ]
        if kept
        else [],
    }
    dataset["disambiguatingDescription"] = f"{RENDERED} {rendered_from(ledger)}. Not legal advice."
    return json.dumps(_without_empty(dataset), indent=2, ensure_ascii=False) + "\n"


def _files(kept: dict[str, Any], sources: Any) -> list[dict[str, Any]]:
    kinds = {source.location: source.kind for source in sources}
    read = [
        {
            "@type": "cr:FileObject",
            "@id": str(each["location"]),
            "name": PurePosixPath(str(each["location"])).name,
            "contentUrl": str(each["location"]),
            "contentSize": f"{each['bytes']} B" if each.get("bytes") else "",
            "encodingFormat": [_FORMATS[kinds.get(each["location"], each.get("kind", "csv"))]],
            "sha256": str(each["sha256"]),
        }
        for each in kept.get("inputs", [])
    ]
    raw = {
        "@type": "cr:FileObject",
        "@id": _RAW,
        "name": PurePosixPath(_RAW).name,
        "description": {"en": "The sources as read, one table; kept by DVC"},
        "contentUrl": _RAW,
        "encodingFormat": [_FORMATS["parquet"]],
        "sha256": str(kept["digest"]),
        "prov:wasDerivedFrom": [{"@id": str(each["location"])} for each in kept["inputs"]],
    }
    return [raw, *read]


def _field(column: Column) -> dict[str, Any]:
    unit = f" ({column.unit})" if column.unit else ""
    said = described(column.description)
    return {
        "@type": "cr:Field",
        "@id": f"rows/{column.name}",
        "name": {"en": column.name},
        "description": {"en": f"{said}{unit}"} if said else {},
        "dataType": _TYPES[column.kind],
        "source": {"fileObject": {"@id": _RAW}, "extract": {"column": column.name}},
    }


def _without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: _without_empty(each) for key, each in value.items()}
        return {key: each for key, each in kept.items() if each not in ("", [], {}, None)}
    if isinstance(value, list):
        return [_without_empty(each) for each in value if each != ""]
    return value
