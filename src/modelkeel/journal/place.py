"""Where a journal is, and where its master key comes from: the environment, or the project."""

from __future__ import annotations

import base64
import binascii
import os
from hashlib import sha256
from pathlib import Path

from modelkeel.errors import BadInput
from modelkeel.journal.anchor import Anchor, load_key

URL = "MODELKEEL_JOURNAL"
"""Environment variable with the URL of the database."""
KEY = "MODELKEEL_JOURNAL_KEY"
"""Environment variable with the master key, in base64."""
KEY_FILE = "MODELKEEL_JOURNAL_KEY_FILE"
"""Environment variable with the path of a file that holds the master key, in base64."""
ANCHOR = "MODELKEEL_ANCHOR"
"""Environment variable with the path of the file of anchors."""
ANCHOR_KEY = "MODELKEEL_ANCHOR_KEY"
"""Environment variable with the path of the private key that signs anchors."""
MODE = "MODELKEEL_MODE"
"""Environment variable that says whether decisions count: development or production."""
KEY_BYTES = 32
_SQLITE = "sqlite:///"
_MAKE = "make one with `openssl rand -base64 32` and keep it apart from the database's backups"


def folder_of(root: Path) -> Path:
    """Where a project keeps its journal and what belongs to it."""
    return root / "journal"


def erasures_path(root: Path) -> Path:
    """The list of what was erased, outside the database: for a backup that is restored."""
    return folder_of(root) / "erasures.jsonl"


def journal_url(root: Path | None) -> str | None:
    """The URL of the journal: MODELKEEL_JOURNAL, else SQLite below `root`; None without both."""
    given = os.environ.get(URL, "").strip()
    if given:
        return given
    return f"sqlite:///{folder_of(root).resolve() / 'journal.db'}" if root else None


def anchor_of(root: Path | None) -> Anchor | None:
    """Where the ends of chains are written down: MODELKEEL_ANCHOR, else a file of that journal.

    Beside a SQLite database; for another one in the folder of the project.

    Raises:
        BadInput: MODELKEEL_ANCHOR_KEY names no Ed25519 key, or MODELKEEL_JOURNAL no file.
    """
    given = os.environ.get(ANCHOR, "").strip()
    url = journal_url(root) or ""
    if given:
        path = Path(given)
    elif url.startswith(_SQLITE):
        database = Path(url.removeprefix(_SQLITE))
        if not database.name:
            raise BadInput(f"{URL} is {url}, which names no file", remedy="write sqlite:///PATH")
        path = database.with_suffix(".anchors.jsonl")
    elif root is not None:
        name = sha256(url.rpartition("@")[2].encode()).hexdigest()[:12]
        path = folder_of(root) / f"{name}.anchors.jsonl"
    else:
        return None
    key = os.environ.get(ANCHOR_KEY, "").strip()
    return Anchor(path, load_key(Path(key)) if key else None)


def in_production() -> bool:
    """Whether MODELKEEL_MODE says so.

    Raises:
        BadInput: it is neither development nor production.
    """
    name = os.environ.get(MODE, "").strip() or "development"
    if name not in ("development", "production"):
        raise BadInput(
            f"{MODE} is {name!r}, expected development or production",
            remedy=f"set {MODE}=production, or unset it",
        )
    return name == "production"


def master_key(
    root: Path | None, *, production: bool, personal: bool = True, make: bool = True
) -> bytes | None:
    """The master key: of MODELKEEL_JOURNAL_KEY, of a file, or of `root`/journal/journal.key.

    That last file is made when it is missing and the journal has no keys yet, except in production:
    each replica would make its own.

    Args:
        root: of the project; None for a server without one.
        production: whether decisions count.
        personal: whether what a model sees may describe people.
        make: whether to make a key at all.

    Returns: 32 bytes; None where nothing gives a key and none is needed: in production without
        personal data, in development without a project, or without keys that it would open.

    Raises:
        BadInput: the key is not 32 bytes in base64, its file cannot be read or is gone, or
            production has none for personal data.
        KeelError: a key is missing, and whether the journal has keys cannot be told.
    """
    text = os.environ.get(KEY, "").strip()
    if text:
        return _decoded(text, KEY)
    given = os.environ.get(KEY_FILE, "").strip()
    if given:
        return _read(Path(given))
    path = folder_of(root) / "journal.key" if root else None
    if path and path.exists():
        return _read(path)
    if production:
        if not personal:
            return None
        raise BadInput(
            f"the journal has no master key: neither {KEY} nor {KEY_FILE} is set",
            remedy=f"{_MAKE}; then set {KEY_FILE} to its file, or {KEY} to its text",
        )
    if path is None:
        return None
    if _has_keys(root) and not path.exists():
        raise BadInput(
            f"{path} is gone and this journal has keys, which no other master key opens",
            remedy=f"restore it, or set {KEY_FILE} to a copy of it",
        )
    return _made(path) if make else None


def make_folder(folder: Path) -> None:
    """Make the folder of a journal; git ignores what is in it.

    Raises:
        BadInput: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        ignore = folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")
    except OSError as error:
        raise BadInput(
            f"{folder}: cannot be made: {error.strerror}",
            remedy=f"give a place that can be written to: {URL}=sqlite:////path/to/journal.db",
        ) from None


def _has_keys(root: Path | None) -> bool:
    from modelkeel.journal.store import has_keys  # not at the top: it loads a good deal

    url = journal_url(root)
    return url is not None and has_keys(url)


def _read(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadInput(
            f"{path}: the journal's master key cannot be read: {error.strerror}",
            remedy=f"mount the file there, or {_MAKE}",
        ) from None
    return _decoded(content.decode("ascii", "replace").strip(), str(path))


def _decoded(text: str, shown: str) -> bytes:
    try:
        key = base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise BadInput(
            f"{shown}: the journal's master key is not {KEY_BYTES} bytes in base64", remedy=_MAKE
        )
    return key


def _made(path: Path) -> bytes:
    """A new key in `path`, which appears whole; the key of another process that was faster."""
    make_folder(path.parent)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(base64.b64encode(os.urandom(KEY_BYTES)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(beside, path)  # unlike a rename, it replaces nothing
        except FileExistsError:
            pass
        finally:
            beside.unlink()
    except OSError as error:
        raise BadInput(
            f"{path}: cannot be written: {error.strerror}",
            remedy=f"make the folder writable, or set {KEY_FILE}; {_MAKE}",
        ) from None
    return _read(path)
