"""What a model file is made of: formats that execute nothing on load, and those that may.

Nothing here loads a file: pickles are read opcode by opcode, ONNX models as messages.
"""

from __future__ import annotations

import bz2
import io
import json
import lzma
import pickletools
import zipfile
import zlib
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from modelkeel.governance.tracked import tracked_files, walked_files

# Reading these may run code that is inside: pickle and what is built on it, Keras with its lambdas.
UNSAFE = frozenset(
    {
        *(".pkl", ".pickle", ".joblib", ".dill", ".cloudpickle", ".sav"),
        *(".pt", ".pth", ".ckpt", ".mar", ".nemo"),
        *(".h5", ".hdf5", ".keras"),
    }
)
# Formats of these names are of either kind, or are read by their content; the content tells.
_DOUBTFUL = frozenset(
    {"", ".bin", ".model", ".p", ".dat", ".npy", ".npz", ".skops", ".obj", ".onnx"}
)
_POINTERS = (".dvc",)
_COMPRESSED = (".gz", ".bz2", ".xz", ".lzma", ".lz4", ".zst", ".z")
_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml"})
_ARRAY = b"\x93NUMPY"
_MAGIC = {
    b"PK\x03\x04": "a ZIP archive",
    b"\x89HDF\r\n\x1a\n": "an HDF5 file",
    _ARRAY: "a NumPy array",
    b"\x1f\x8b": "compressed by gzip",
    b"BZh": "compressed by bzip2",
    b"\xfd7zXZ\x00": "compressed by xz",
    b"\x04\x22\x4d\x18": "compressed by lz4",
    b"x\x01": "compressed by zlib",
    b"x\x9c": "compressed by zlib",
    b"x\xda": "compressed by zlib",
}
_CALLS = frozenset({"GLOBAL", "STACK_GLOBAL", "REDUCE", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX"})
_IMPORTS = frozenset({"GLOBAL", "INST"})
_HEAD = 64 * 1024
_BLOCK = 1024 * 1024  # bzip2 gives nothing before the end of a block
_MEMORY = 256 * 1024 * 1024
_DECOMPRESSORS: dict[bytes, Callable[[], Any]] = {
    **dict.fromkeys(
        (b"\x1f\x8b", b"x\x01", b"x^", b"x\x9c", b"x\xda"),
        lambda: zlib.decompressobj(wbits=zlib.MAX_WBITS | 32),  # zlib or gzip
    ),
    b"BZh": bz2.BZ2Decompressor,
    **dict.fromkeys(
        (b"\xfd7zXZ\x00", b"\x5d\x00\x00"), lambda: lzma.LZMADecompressor(memlimit=_MEMORY)
    ),
}


def unsafe_files(root: Path) -> list[Path]:
    """Model files of a repository that may run code when they are loaded, relative to it.

    Looks at what git tracks; outside git, at what is there. A pointer of DVC counts as the file
    that it stands for.
    """
    names = tracked_files(root)
    found = walked_files(root) if names is None else names
    return [Path(name) for name in found if _is_unsafe(root / name)]


def problem_in(path: Path) -> str | None:
    """Why a file of a bundle is not what its name says, or may run code; None if all is well."""
    content = path.read_bytes()
    if path.suffix == ".npz":
        return _problem_in_arrays(content)
    if what := disguised(content):
        return f"is {what}"
    if path.suffix == ".json":
        try:
            json.loads(content)
        except ValueError:
            return "is not JSON"
        return None
    if path.suffix == ".onnx":
        return _problem_in_onnx(content)
    return "is of no kind that a bundle may hold: .onnx, .npz or .json"


def disguised(content: bytes) -> str | None:
    """The format that may run code, or hides another one, that the content begins like."""
    if is_pickle(content):
        return "a pickle, which may run code when it is loaded"
    return next((what for magic, what in _MAGIC.items() if content.startswith(magic)), None)


def is_pickle(content: bytes) -> bool:
    """Whether the content begins as a pickle: by its protocol number, or by opcodes that call."""
    if content[:1] == b"\x80" and content[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return _opcodes(content, 3)[2:] != []
    # Protocols 0 and 1 are text without a mark; a few opcodes in, they have to call something.
    return content[:1] in b"(]})lcid" and bool(_CALLS & set(_opcodes(content, 200)))


def _opcodes(content: bytes, most: int) -> list[str]:
    """The first opcodes of a pickle, as far as it can be read as one.

    A line of text may look like an import; one of a name that Python cannot have ends it.
    """
    found = []
    try:
        for opcode, named, _ in islice(pickletools.genops(content), most):
            if opcode.name in _IMPORTS and not _is_importable(str(named)):
                break
            found.append(opcode.name)
    except (ValueError, UnicodeDecodeError):
        pass
    return found


def _is_importable(named: str) -> bool:
    """Whether `module name`, as pickletools tells it, are names of Python."""
    return all(part.isidentifier() for each in named.split(" ") for part in each.split("."))


def _is_unsafe(path: Path) -> bool:
    pointer = path.suffix in _POINTERS
    name = path.with_suffix("") if pointer else path
    while name.suffix.lower() in _COMPRESSED:
        name = name.with_suffix("")
    if name.suffix.lower() in UNSAFE:
        return True
    doubtful = name.suffix.lower() in _DOUBTFUL and not pointer
    if not doubtful or path.is_symlink() or not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
            inner = _decompressed(head, file)
        return is_pickle(head) or is_pickle(inner) or _holds_pickle(path, head, inner)
    except OSError:
        return False


def _decompressed(head: bytes, file: BinaryIO) -> bytes:
    """The beginning of what is compressed; nothing if it is not, or by lz4 or zstd."""
    make = next((each for magic, each in _DECOMPRESSORS.items() if head.startswith(magic)), None)
    if make is None:
        return b""
    try:
        found: bytes = make().decompress(head + file.read(_BLOCK), _HEAD)
    except (OSError, zlib.error, lzma.LZMAError):
        return b""
    return found


def _holds_pickle(path: Path, head: bytes, inner: bytes) -> bool:
    """Whether an archive holds a pickle, as torch.save writes it, or an array of objects."""
    for content in (head, inner):
        if content.startswith(_ARRAY):
            return b"'descr': '|O'" in content[:256]
    if not head.startswith(b"PK\x03\x04"):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return any(Path(name).suffix in (".pkl", ".pickle") for name in archive.namelist())
    except (zipfile.BadZipFile, ValueError):
        return False


def _problem_in_arrays(content: bytes) -> str | None:
    """Why a file is more than a few arrays of plain values, stored as they are."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for part in archive.infolist():
                if Path(part.filename).suffix != ".npy" or part.compress_type:
                    return f"holds {part.filename}, expected arrays only, not compressed"
                if not archive.read(part).startswith(b"\x93NUMPY"):
                    return f"holds {part.filename}, which is no array"
                if b"O" in _kind_of_array(archive.read(part)):
                    return f"holds objects in {part.filename}, which may run code when loaded"
    except (zipfile.BadZipFile, ValueError, OSError):
        return "is no file of arrays"
    return None


def _kind_of_array(content: bytes) -> bytes:
    """How the header of a .npy file describes the values."""
    _, found, rest = content[:_HEAD].partition(b"'descr':")
    return rest.partition(b"'fortran_order'")[0] if found else b"O"


def _problem_in_onnx(content: bytes) -> str | None:
    import onnx  # not at the top: it takes a third of a second
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load_model_from_string(content)
    except DecodeError:
        return "is no ONNX model"
    if not model.graph.node:
        return "is no ONNX model: it has no operator"
    own = {(each.domain, each.name) for each in model.functions}
    for node in _nodes(model):
        if node.domain not in _DOMAINS and (node.domain, node.op_type) not in own:
            return f"needs the custom operator {node.domain}.{node.op_type}, expected ONNX's own"
    for tensor in _tensors(model):
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            return f"keeps {tensor.name or 'a constant'!r} in another file, expected all inside"
    return None


def _graphs(graph: Any) -> Iterator[Any]:
    """A graph and those inside its operators."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                if inner.node or inner.initializer:
                    yield from _graphs(inner)


def _parts(model: Any) -> Iterator[Any]:
    for part in (model.graph, *model.functions):
        yield from _graphs(part)


def _nodes(model: Any) -> Iterator[Any]:
    for part in _parts(model):
        yield from part.node


def _tensors(model: Any) -> Iterator[Any]:
    """Every constant, wherever it is kept."""
    for part in _parts(model):
        yield from getattr(part, "initializer", ())
        for sparse in getattr(part, "sparse_initializer", ()):
            yield from (sparse.values, sparse.indices)
        for node in part.node:
            for attribute in node.attribute:
                yield from (attribute.t, *attribute.tensors)
                for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                    yield from (sparse.values, sparse.indices)
