"""Files of the project, and files behind a URL brought to this machine."""

from __future__ import annotations

import shutil
from pathlib import Path, PurePosixPath

from modelkeel.data.sources.environment import expand, scrub
from modelkeel.data.sources.writing import disk_full, replacing
from modelkeel.errors import BadInput, KeelError
from modelkeel.records.sources import Source

_PACKED = {".gz": "gzip", ".bz2": "bz2", ".xz": "xz", ".zst": "zstd"}


def local_file(source: Source, root: Path, scratch: Path, shown: str) -> Path:
    """The source's file: the project's own, or a copy of what a URL or an archive holds.

    Raises:
        BadInput: there is no such file, or it may not be read.
        KeelError: the store does not answer.
    """
    path = str(source.path)
    compression = _PACKED.get(PurePosixPath(path).suffix.lower())
    if source.local:
        file = root / path
        if not file.is_file():
            raise BadInput(
                f"{shown}: no such file", remedy=f"set the path of {source.name} in params.yaml"
            )
        if compression is None:
            return file
        path = file.resolve().as_uri()
    target = scratch / f"fetched{PurePosixPath(path).suffix}"
    _copy(source, path, target, compression, shown)
    return target


def _copy(source: Source, path: str, target: Path, compression: str | None, shown: str) -> None:
    import fsspec

    options = {
        name: expand(value, shown) if isinstance(value, str) else value
        for name, value in source.options.items()
    }
    url = expand(path, shown)
    try:
        remote = fsspec.open(url, "rb", compression=compression, **options)
        with replacing(target) as beside, remote as incoming, beside.open("wb") as out:
            shutil.copyfileobj(incoming, out, 4 << 20)
    except FileNotFoundError as error:
        # fsspec says so of an HTTP server that does not answer, too.
        if isinstance(cause := error.__cause__, Exception) and not _absent(cause):
            raise _unread(source, shown, cause, path) from None
        raise BadInput(
            f"{shown}: no such file", remedy=f"correct the path of {source.name} in params.yaml"
        ) from None
    except PermissionError:
        raise BadInput(f"{shown}: may not be read", remedy="check the credentials") from None
    except (ImportError, ValueError) as error:
        extra = "s3" if path.startswith("s3") else None
        raise BadInput(
            f"{shown}: cannot be opened: {scrub(error, path)}",
            remedy="uv add --group pipeline 'modelkeel[s3]'"
            if extra
            else "install the fsspec file system of that protocol, or correct the path",
        ) from None
    except KeelError:
        raise
    except EOFError:
        raise BadInput(f"{shown}: is cut off", remedy="export or upload it again") from None
    except Exception as error:  # each store has exceptions of its own
        if disk_full(error):
            raise
        raise _unread(source, shown, error, path) from None


def _absent(cause: Exception) -> bool:
    status = getattr(cause, "status", None)
    return isinstance(cause, FileNotFoundError) or status == 404 or "404" in str(cause)


def _unread(source: Source, shown: str, error: Exception, path: str) -> KeelError:
    return KeelError(
        f"{shown}: cannot be read: {scrub(error, path, *map(str, source.options.values()))}",
        remedy="check the address, the credentials and the network, then run it again",
    )
