"""Runs a change of the champion again and again, killed one write later each time.

Started by test_kills.py as a process of its own: it imports everything once and then forks, for
each kill a child that changes and one that looks at what is left. A write is an audit event of
Python's (opening to write, renaming, removing, making a folder) below models/ or evidence/; the
process is killed just before it. Prints one JSON object a kill.
"""

import importlib
import itertools
import json
import os
import shutil
import signal
import sys
import traceback
from contextlib import suppress
from pathlib import Path

sys.path.append(str(Path(__file__).parent))

import mlflow  # noqa: F401 - once, before the forks
import onnxruntime  # noqa: F401
from promoting import release

from modelkeel.governance.drill import drill
from modelkeel.governance.promotion import promote
from modelkeel.governance.rollback import rollback
from modelkeel.governance.standing import verify_champion
from modelkeel.model.aliases import misplaced
from modelkeel.model.champion import load_champion, read_champion
from modelkeel.model.promotions import read_history
from modelkeel.model.registry import list_versions
from modelkeel.model.summary import check_summary
from modelkeel.model.switch import lagging
from modelkeel.project import Project, load_project

ACTIONS = {
    "promote": lambda project: promote(project, trial=True),
    "publish": lambda project: release(project, trial=True),
    "release": lambda project: release(project),
    "rollback": lambda project: rollback(project, "it declines everybody"),
    "drill": drill,
}
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_EVENTS = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.truncate"}


def kill_at(root: Path, number: int) -> None:
    """Kill this process just before its write of that number."""
    places = tuple(str(root / name) + os.sep for name in ("models", "evidence"))
    count = itertools.count(1)

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open":
            flags = arguments[2]
            if not isinstance(flags, int) or not flags & _WRITES:
                return
        elif event not in _EVENTS:
            return
        path = os.fsdecode(arguments[0]) if isinstance(arguments[0], str | bytes | Path) else ""
        if path.startswith(places) and not path.endswith(".promote.lock") and next(count) == number:
            told = f"{event} {path.removeprefix(str(root))}".encode()
            os.write(told_to, told)
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def look(project: Project, known: dict[str, str], again: str) -> None:
    """What is left serves, and the next change works."""
    record = read_champion(project.models_dir)
    bundle = load_champion(project.models_dir)
    assert record is not None
    assert bundle.digest in known.values(), "another bundle serves"
    check_summary(record, bundle.path, None, production=False)
    raw = (project.models_dir / "champion.json").read_bytes()
    if record.digest == known["old"] and known["old"] != known["new"]:
        assert raw == Path(known["record"]).read_bytes(), "champion.json is half changed"
    read_history(project)
    if again == "same":
        assert raw == Path(known["record"]).read_bytes(), "a drill changed the champion"
    if again == "promote":
        done = promote(project, trial=True)
        assert done.promoted, [each for each in done.results if each.blocks]
    elif again == "back":
        rollback(project, "it declines everybody", to=record.previous)
        assert not verify_champion(project).problems
    else:
        release(project, trial=again != "release")
    champion = read_champion(project.models_dir)
    assert champion is not None
    load_champion(project.models_dir)
    history = read_history(project)
    assert history[-1].champion == champion, "the history ends with another champion"
    digests = [each.digest for each in history]
    assert record.digest in digests, "the champion that was left is in no line"
    assert not misplaced(list_versions(project), champion), "aliases lag"
    assert not lagging(project)


def forked(root: Path, act: object) -> tuple[int, str]:
    """Exit status of a child that calls `act`, and what it told."""
    global told_to
    source, told_to = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(source)
        os.chdir(root)
        try:
            act()  # type: ignore[operator]
        except BaseException:  # noqa: BLE001
            os.write(told_to, traceback.format_exc()[-3000:].encode())
            os._exit(1)
        os._exit(0)
    os.close(told_to)
    with os.fdopen(source, "rb") as file:
        told = file.read().decode()
    return os.waitpid(child, 0)[1], told


def warm_up(root: Path, act: object) -> None:
    """Import what a child needs, once for all of them."""

    def report() -> None:
        act()  # type: ignore[operator]
        os.write(told_to, "\n".join(sys.modules).encode())

    _, told = forked(root, report)
    for name in told.splitlines():
        with suppress(Exception):
            importlib.import_module(name)


def main(root: Path, action: str, again: str, new: str) -> None:
    snapshot = root.with_name(f"{root.name}.snapshot")
    old = json.loads((root / "models" / "champion.json").read_text())["digest"]
    known = {
        "old": old,
        "new": new,
        "record": str(snapshot / "models" / "champion.json"),
    }
    warm_up(root, lambda: ACTIONS[action](load_project(root)))
    for number in itertools.count(1):
        shutil.rmtree(root)
        shutil.copytree(snapshot, root)

        def change(number: int = number) -> None:
            kill_at(root, number)
            ACTIONS[action](load_project(root))

        status, told = forked(root, change)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        if not killed and status != 0:
            print(json.dumps({"number": number, "failed": told}), flush=True)
            return
        left, problem = forked(root, lambda: look(load_project(root), known, again))
        found = {"number": number, "killed": killed, "before": told, "left": left}
        print(json.dumps({**found, "problem": problem}), flush=True)
        if not killed:
            return


told_to = -1

if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
