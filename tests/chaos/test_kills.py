"""A few kills at every commit; `python -m tests.chaos.kills --count 500` is the long run. And its judge is shown to see."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.chaos import kills
from tests.chaos.victim import Victim


def test_kills_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    found = kills.session(random.Random(3), tmp_path, 4)
    assert found.wrongs == []
    assert found.counts["strikes"] == 4
    assert found.counts["items shown"] > 50
    assert found.counts["fills"] > 10


def test_an_item_that_is_lost_at_a_kill_is_found(tmp_path: Path) -> None:
    """The harness itself: a journal that loses its last item at each kill."""

    def lossy(victim: Victim) -> None:
        victim.kill()
        with closing(sqlite3.connect(tmp_path / "fills.db")) as connection, connection:
            connection.execute("DELETE FROM items WHERE seq = (SELECT max(seq) FROM items)")

    found = kills.struck(random.Random(4), tmp_path, tmp_path / "fills.db", 1, lossy)
    assert any("was shown and is gone" in wrong for wrong in found.wrongs)
