"""A server follows its champion without a gap, and nothing bad takes a good one's place."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from publishing import publish_bundle

from modelkeel.errors import KeelError, Refused
from modelkeel.model.bundle import Bundle
from modelkeel.serving.admission import Mode
from modelkeel.serving.choice import Choice, FileLook
from modelkeel.serving.follow import Follower
from modelkeel.serving.last_good import LastGood
from modelkeel.serving.loader import Loader
from modelkeel.serving.state import Loaded, State

ROWS = {
    "age": [35, 60],
    "credit amount": [2500.0, 100.5],
    "housing": ["own", "free"],
    "savings": ["rich", None],
    "income": [3000.0, None],
}


@dataclass
class Server:
    """What serves from a models folder, with a time that a test moves."""

    models: Path
    kept: Path | None = None
    look: Callable[[], Choice | None] | None = None
    now: float = 0.0

    def __post_init__(self) -> None:
        self.state = State(None)
        self.follower = Follower(
            self.state,
            self.look or FileLook(self.models),
            Loader(self.models, 100, Mode(), (self.models,)),
            every=2.0,
            last_good=LastGood(self.kept) if self.kept else None,
            clock=lambda: self.now,
        )

    @property
    def digest(self) -> str:
        assert self.state.current is not None
        return self.state.current.bundle.digest


MakeCredit = Callable[[Path, float], Bundle]


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory, credit_of: MakeCredit) -> Bundle:
    return credit_of(tmp_path_factory.mktemp("newer"), 0.03)


@pytest.fixture
def server(models: Path) -> Server:
    made = Server(models)
    made.follower.begin()
    return made


def promote(models: Path, bundle: Bundle, version: str = "4") -> Path:
    publish_bundle(bundle.path, models, {"name": "credit-risk", "version": version})
    return models / "champion" / bundle.digest[:12]


def scores(loaded: Loaded) -> Any:
    return loaded.bundle.scorer.predict(ROWS)


def test_another_champion_takes_the_place_and_the_one_before_is_kept(
    server: Server, credit: Bundle, newer: Bundle
) -> None:
    assert server.digest == credit.digest
    before = server.state.current
    server.follower.check()
    assert server.state.current is before, "nothing changed"
    promote(server.models, newer)
    server.follower.check()
    assert server.digest == newer.digest
    assert server.state.previous is before
    assert (server.state.problem, server.follower.swaps) == (None, 2)


def test_going_back_uses_what_is_in_memory(server: Server, credit: Bundle, newer: Bundle) -> None:
    before = server.state.current
    assert before is not None
    promote(server.models, newer)
    server.follower.check()
    promote(server.models, credit, "3")
    server.follower.check()
    assert server.digest == credit.digest
    assert server.state.current is not None
    assert server.state.current.bundle.scorer is before.bundle.scorer


def test_a_new_record_of_the_same_bundle_is_taken_up(server: Server, credit: Bundle) -> None:
    promote(server.models, credit, "9")
    server.follower.check()
    assert server.state.current is not None
    assert server.state.current.bundle.version == "9"


def test_the_first_champion_is_taken_up_by_a_server_without_one(
    tmp_path: Path, credit: Bundle
) -> None:
    server = Server(tmp_path / "models")
    server.follower.begin()
    server.follower.check()
    assert (server.state.current, server.state.problem) == (None, None)
    promote(server.models, credit)
    server.follower.check()
    assert server.digest == credit.digest


def break_model(folder: Path) -> None:
    (folder / "model.onnx").write_bytes((folder / "model.onnx").read_bytes()[:-1] + b"?")


def lose_file(folder: Path) -> None:
    (folder / "golden.json").unlink()


def lose_folder(folder: Path) -> None:
    shutil.rmtree(folder)


def half_write(folder: Path) -> None:
    (folder / "model.onnx").write_bytes((folder / "model.onnx").read_bytes()[:100])


def other_scores(folder: Path) -> None:
    """A bundle whose digests fit, but which does not score as it says."""
    import hashlib

    golden = json.loads((folder / "golden.json").read_text())
    golden["scores"][0] = [0.5, 0.5]
    (folder / "golden.json").write_text(json.dumps(golden))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["golden.json"] = hashlib.sha256(
        (folder / "golden.json").read_bytes()
    ).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    digest = hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    record = folder.parent.parent / "champion.json"
    folder.rename(folder.parent / digest[:12])
    told = {"digest": digest, "folder": f"champion/{digest[:12]}"}
    record.write_text(json.dumps({**json.loads(record.read_text()), **told}))


BREAKS = [break_model, lose_file, lose_folder, half_write, other_scores]


@pytest.mark.parametrize("damage", BREAKS)
def test_a_bad_bundle_never_takes_the_place_of_a_good_one(
    server: Server, credit: Bundle, newer: Bundle, damage: Callable[[Path], None]
) -> None:
    damage(promote(server.models, newer))
    server.follower.check()
    assert server.digest == credit.digest
    assert "is to serve and cannot" in (server.state.problem or "")
    assert server.state.previous is None


def test_what_was_refused_is_looked_at_again_more_and_more_seldom(
    server: Server, newer: Bundle
) -> None:
    folder = promote(server.models, newer)
    whole = (folder / "model.onnx").read_bytes()
    half_write(folder)
    tries = []
    for second in range(200):
        server.now = float(second)
        before = server.follower.refusals
        server.follower.check()
        if server.follower.refusals > before:
            tries.append(second)
    assert tries == [0, 2, 6, 14, 30, 62, 122, 182]
    (folder / "model.onnx").write_bytes(whole)
    server.now = 242
    server.follower.check()
    assert (server.digest, server.state.problem) == (newer.digest, None)


def test_another_record_is_tried_at_once(server: Server, credit: Bundle, newer: Bundle) -> None:
    lose_file(promote(server.models, newer))
    server.follower.check()
    assert server.follower.refusals == 1
    promote(server.models, credit, "5")
    server.follower.check()
    assert server.state.current is not None
    assert (server.state.current.bundle.version, server.state.problem) == ("5", None)


@pytest.mark.parametrize("content", ["", "{", '{"name": "credit-risk"}', "[]"])
def test_a_damaged_record_is_told(server: Server, credit: Bundle, content: str) -> None:
    path = server.models / "champion.json"
    whole = path.read_text()
    path.write_text(content)
    server.follower.check()
    assert (server.digest, "champion.json" in str(server.state.problem)) == (credit.digest, True)
    path.write_text(whole)
    server.follower.check()
    assert server.state.problem is None


def test_a_record_that_is_gone_stops_nothing(server: Server, credit: Bundle) -> None:
    (server.models / "champion.json").unlink()
    server.follower.check()
    assert server.digest == credit.digest
    assert "nothing is promoted any more" in str(server.state.problem)


def test_the_model_file_replaced_while_it_serves(
    server: Server, models: Path, credit: Bundle, newer: Bundle
) -> None:
    assert server.state.current is not None
    expected = scores(server.state.current)
    path = models / "champion" / credit.digest[:12] / "model.onnx"
    whole = path.read_bytes()
    path.write_bytes((newer.path / "model.onnx").read_bytes())
    server.follower.check()
    assert np.array_equal(scores(server.state.current), expected)
    assert "model.onnx was changed" in str(server.state.problem)
    server.follower.check()
    assert "model.onnx was changed" in str(server.state.problem), "it is told until it is mended"
    path.write_bytes(whole)
    server.follower.check()
    assert server.state.problem is None


def test_a_mounted_bundle_that_is_replaced_is_followed(
    tmp_path: Path, credit: Bundle, newer: Bundle
) -> None:
    folder = tmp_path / "mounted"
    folder.symlink_to(credit.path)
    server = Server(folder)
    server.follower.begin()
    assert server.digest == credit.digest
    beside = tmp_path / "beside"
    beside.symlink_to(newer.path)
    beside.replace(folder)
    server.follower.check()
    assert server.digest == newer.digest


def test_readers_never_see_half_a_swap(server: Server, credit: Bundle, newer: Bundle) -> None:
    expected = {each.digest: each.scorer.predict(ROWS) for each in (credit, newer)}
    stop = threading.Event()
    counts: list[int] = []
    faults: list[object] = []

    def read() -> None:
        count = 0
        while not stop.is_set():
            try:
                loaded = server.state.loaded()
                if not np.array_equal(scores(loaded), expected[loaded.bundle.digest]):
                    faults.append(loaded.bundle.digest)
            except Exception as error:  # noqa: BLE001 told below
                faults.append(error)
            count += 1
        counts.append(count)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for each in readers:
        each.start()
    for turn in range(8):
        promote(server.models, newer if turn % 2 == 0 else credit, str(turn))
        server.follower.check()
    stop.set()
    for each in readers:
        each.join()
    assert not faults
    assert server.follower.swaps == 9
    assert min(counts) > 10


def test_the_thread_sees_a_change_by_itself(models: Path, newer: Bundle) -> None:
    state = State(None)
    loader = Loader(models, 100, Mode(), (models,))
    follower = Follower(state, FileLook(models), loader, every=0.02)
    follower.begin()
    follower.start()
    try:
        promote(models, newer)
        deadline = time.monotonic() + 60
        while state.loaded().bundle.digest != newer.digest:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        follower.stop()


def test_a_pinned_digest_refuses_another(models: Path, credit: Bundle, newer: Bundle) -> None:
    loader = Loader(models, 100, Mode(), (models,), expected_digest=credit.digest)
    follower = Follower(State(None), FileLook(models), loader)
    follower.begin()
    promote(models, newer)
    follower.check()
    assert "is not the bundle that was approved" in str(follower.state.problem)


def away() -> Choice | None:
    raise KeelError("the journal does not answer")


def test_a_start_with_the_place_that_decides_away(
    tmp_path: Path, models: Path, credit: Bundle, newer: Bundle
) -> None:
    kept = tmp_path / "last-good"
    first = Server(models, kept)
    first.follower.begin()
    shutil.rmtree(models)
    looks: list[Callable[[], Choice | None]] = [away]
    second = Server(models, kept, lambda: looks[-1]())
    second.follower.begin()
    assert second.digest == credit.digest
    assert second.state.current is not None
    assert second.state.current.bundle.version == "3"
    assert "the journal does not answer; the last known good" in str(second.state.problem)
    second.follower.check()
    assert second.digest == credit.digest
    promote(models, newer)
    looks.append(FileLook(models))
    second.follower.check()
    assert (second.digest, second.state.problem) == (newer.digest, None)


@pytest.mark.parametrize("damage", BREAKS)
def test_a_start_while_the_new_bundle_is_bad(
    tmp_path: Path, models: Path, credit: Bundle, newer: Bundle, damage: Callable[[Path], None]
) -> None:
    kept = tmp_path / "last-good"
    Server(models, kept).follower.begin()
    damage(promote(models, newer))
    again = Server(models, kept)
    again.follower.begin()
    assert again.digest == credit.digest
    assert "the last known good model serves" in str(again.state.problem)


def test_a_start_without_anything_good_is_refused(tmp_path: Path, models: Path) -> None:
    kept = tmp_path / "last-good"
    with pytest.raises(KeelError, match="does not answer"):
        Server(models, kept, away).follower.begin()
    Server(models, kept).follower.begin()
    (found,) = (kept / "champion").glob("*/model.onnx")
    found.write_bytes(b"tampered")
    with pytest.raises(KeelError, match="does not answer"):
        Server(models, kept, away).follower.begin()


def test_the_generation_is_kept_and_older_bundles_are_removed(
    tmp_path: Path, models: Path, credit: Bundle, newer: Bundle, credit_of: MakeCredit
) -> None:
    third = credit_of(tmp_path / "third", 0.04)
    keep = LastGood(tmp_path / "last-good")
    loader = Loader(models, 100, Mode(), (models,))
    for generation, bundle in enumerate((credit, newer, third), start=7):
        promote(models, bundle)
        choice = FileLook(models)()
        assert choice is not None
        keep.keep(loader(choice), generation)
    found = keep.choice()
    assert found is not None
    assert (found.digest, found.generation) == (third.digest, 9)
    folders = {path.name for path in (keep.folder / "champion").iterdir()}
    assert folders == {third.digest[:12], newer.digest[:12]}


def test_workers_of_one_host_keep_it_together(tmp_path: Path, models: Path, credit: Bundle) -> None:
    loader = Loader(models, 100, Mode(), (models,))
    choice = FileLook(models)()
    assert choice is not None
    loaded = loader(choice)
    keep = LastGood(tmp_path / "last-good")
    faults: list[Exception] = []

    def run() -> None:
        try:
            keep.keep(loaded, 1)
        except Exception as error:  # noqa: BLE001 told below
            faults.append(error)

    threads = [threading.Thread(target=run) for _ in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert not faults
    assert keep.load(loader) is not None


def test_production_admits_a_new_champion_as_it_would_at_its_start(
    models: Path, credit: Bundle, newer: Bundle
) -> None:
    state = State(None)
    Follower(state, FileLook(models), Loader(models, 100, Mode(), (models,))).begin()
    strict = Loader(models, 100, Mode(production=True), (models,))
    follower = Follower(state, FileLook(models), strict)
    promote(models, newer)
    follower.check()
    assert state.loaded().bundle.digest == credit.digest
    assert "expected a verification summary" in str(state.problem)
    with pytest.raises(Refused):
        Follower(State(None), FileLook(models), strict).begin()
