"""`explainer.npz`: arrays and a description; nothing in it is executed when it is read."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelkeel.errors import Refused
from modelkeel.model.files import REBUILD

ABOUT = "about"
SCHEMA = "explainer/1"
_BROKEN = (
    AttributeError,
    EOFError,
    KeyError,
    OSError,
    RuntimeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)


def pack(about: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The file; equal content gives equal bytes."""
    text = json.dumps({"schema": SCHEMA, **about}, sort_keys=True, ensure_ascii=False)
    parts = {ABOUT: np.frombuffer(text.encode(), dtype=np.uint8), **arrays}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(parts):
            inner = io.BytesIO()
            np.lib.format.write_array(inner, np.asarray(parts[name]), allow_pickle=False)
            # a ZipInfo of its own: it has a fixed date
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), inner.getvalue())
    return file.getvalue()


def unpack(content: bytes, shown: str) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """The description and the arrays; `shown` names the file in a refusal.

    Raises:
        Refused: the content is something else.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        about = json.loads(arrays.pop(ABOUT).tobytes())
    except _BROKEN as error:
        raise Refused(f"{shown} is no file of an explainer", remedy=REBUILD) from error
    if not isinstance(about, dict) or about.get("schema") != SCHEMA:
        found = about.get("schema") if isinstance(about, dict) else None
        raise Refused(
            f"{shown}: found schema {found!r}, expected {SCHEMA!r}",
            remedy="update modelkeel if the bundle is of a newer one, or " + REBUILD,
        )
    return about, arrays
