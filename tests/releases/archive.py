"""Keep the template of a release beside the tests: `python tests/releases/archive.py v0.2.0 [REF]`.

Run it on the commit that is going to be tagged. It writes `VERSION.tar.gz` here, with what Copier
and `keel update` read of a template; the same commit gives the same bytes. From then on
`tests/e2e/test_older_renders.py` updates a repository of that release to what is checked out.
"""

from __future__ import annotations

import gzip
import io
import re
import subprocess
import sys
import tarfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
PARTS = (
    "CHANGELOG.md",
    "constraints.txt",
    "cookiecutter.json",
    "copier.yml",
    "docs/reference/ownership.md",
    "hooks",
    "template",
)


def pack(version: str, ref: str = "HEAD", folder: Path = HERE) -> Path:
    """Write the archive of a release.

    Args:
        version: its tag, such as v0.2.0.
        ref: commit that it is made from.
        folder: where the archive goes.
    """
    if not re.fullmatch(r"v\d+\.\d+\.\d+\S*", version):
        raise SystemExit(f"{version} is no tag of a release; write it as v0.2.0")
    listed = _git("ls-tree", "-r", "-z", "--full-tree", ref, "--", *PARTS).decode()
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for line in sorted(filter(None, listed.split("\0")), key=lambda line: line.split("\t")[1]):
            about, name = line.split("\t", 1)
            mode, _, oid = about.split(" ")
            data = _git("cat-file", "blob", oid)
            entry = tarfile.TarInfo(name)
            if mode == "120000":
                entry.type, entry.linkname = tarfile.SYMTYPE, data.decode()
                archive.addfile(entry)
                continue
            entry.mode, entry.size = int(mode[-3:], 8), len(data)
            archive.addfile(entry, io.BytesIO(data))
    path = folder / f"{version}.tar.gz"
    # No time and no name in the head; level 9 as zlib has it everywhere.
    with path.open("wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as packed:
        packed.write(content.getvalue())
    return path


def unpack(path: Path, folder: Path) -> None:
    """Lay the template of an archive into a folder."""
    with tarfile.open(path) as archive:
        archive.extractall(folder, filter="data")


def _git(*arguments: str) -> bytes:
    root = HERE.parents[1]
    return subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True).stdout


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        raise SystemExit(__doc__)
    print(pack(*sys.argv[1:]))
