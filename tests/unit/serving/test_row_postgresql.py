"""The row that decides what serves, in a real PostgreSQL that goes away and comes back."""

from __future__ import annotations

import shutil
import tempfile
import threading
from pathlib import Path

import pytest

from modelkeel.errors import Refused
from modelkeel.journal.standing import swap_standing
from modelkeel.journal.store import Journal
from modelkeel.model.bundle import Bundle
from modelkeel.serving.admission import Mode
from modelkeel.serving.choice import FileLook
from modelkeel.serving.follow import Follower
from modelkeel.serving.last_good import LastGood
from modelkeel.serving.loader import Loader
from modelkeel.serving.row import RowLook
from modelkeel.serving.state import State

from .promoted import NAME, line

pytestmark = pytest.mark.integration


def test_the_row_is_followed_through_a_restart_of_the_database(
    tmp_path: Path, models: Path, credit: Bundle
) -> None:
    pgserver = pytest.importorskip("pgserver", reason="no PostgreSQL for this Python")
    # Started by root, the server runs as another user, who must reach its folder.
    folder = Path(tempfile.mkdtemp(prefix="keel-pg-"))
    folder.chmod(0o711)
    url = f"postgresql://postgres@/postgres?unix_sock={folder}/data/.s.PGSQL.5432"
    server = pgserver.get_server(folder / "data", cleanup_mode="stop")
    try:
        kept = LastGood(tmp_path / "last-good")
        loader = Loader(models, 100, Mode(), (models,))
        follower = Follower(
            State(None), RowLook(url, NAME, FileLook(models)), loader, last_good=kept
        )
        follower.begin()
        assert (follower.state.loaded().bundle.version, follower.generation) == ("3", None)
        journal = Journal.open(url)
        won: list[str] = []
        lost: list[str] = []

        def decide(version: str) -> None:
            try:
                said = line(credit, version).model_dump()
                swap_standing(journal.engine, NAME, 0, said, "ada@example.com", "")
                won.append(version)
            except Refused as error:
                lost.append(str(error))

        threads = [threading.Thread(target=decide, args=(str(n),)) for n in range(10, 16)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert (len(won), len(lost)) == (1, 5)
        assert all("generation found 1, expected 0" in each for each in lost)
        follower.check()
        assert (follower.state.loaded().bundle.version, follower.generation) == (won[0], 1)
        journal.engine.dispose()

        server.cleanup()
        follower.check()
        assert follower.state.loaded().bundle.version == won[0]
        assert "does not answer" in str(follower.state.problem)
        again = Follower(State(None), RowLook(url, NAME, FileLook(models)), loader, last_good=kept)
        again.begin()
        assert (again.state.loaded().bundle.version, again.generation) == (won[0], 1)

        server = pgserver.get_server(folder / "data", cleanup_mode="stop")
        for one in (follower, again):
            one.check()
            assert one.state.problem is None
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
