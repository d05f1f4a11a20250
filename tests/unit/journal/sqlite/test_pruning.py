from __future__ import annotations

from pathlib import Path

import pytest

from listenkey.errors import Fenced, UsageError
from listenkey.journal.sqlite import retention
from listenkey.journal.sqlite.pruning import Pruned, prune_journal
from listenkey.journal.sqlite.retention import DAY_MS, Retention
from listenkey.journal.sqlite.store import Store
from tests.unit.journal.making import ACCOUNT, AT_MS, fill, group, rows

OLD_MS = AT_MS + 10 * DAY_MS


def made(path: Path, cursor: int | None = None) -> None:
    store = Store(path, ACCOUNT)
    store.open()
    cursors = {} if cursor is None else {"book": cursor}
    store.write(group(*rows([fill(number) for number in range(1, 11)], store), cursors=cursors))
    store.close()


def nothing(_: int, __: int) -> None:
    pass


def test_what_is_old_goes_in_portions_and_the_newest_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "PRUNE_ROWS", 4)
    made(tmp_path / "a.db")
    steps: list[tuple[int, int]] = []
    found = prune_journal(tmp_path / "a.db", Retention(keep_days=5), OLD_MS, lambda *step: steps.append(step))
    assert found == Pruned(9, 1, None)
    assert steps == [(4, 10), (8, 10), (9, 10)]
    store = Store(tmp_path / "a.db", ACCOUNT)
    store.open()
    assert store.last_seq == 10
    assert len(store.known_fills([("BTC-261225-90000-C", 2, 4611875134427365379)])) == 1
    store.close()


def test_what_is_young_or_wanted_stays(tmp_path: Path) -> None:
    made(tmp_path / "a.db", cursor=3)
    assert prune_journal(tmp_path / "a.db", Retention(keep_days=50), OLD_MS, nothing) == Pruned(0, 10, None)
    assert prune_journal(tmp_path / "a.db", Retention(keep_days=5), OLD_MS, nothing) == Pruned(3, 7, "book")
    made(tmp_path / "b.db", cursor=10)
    assert prune_journal(tmp_path / "b.db", Retention(keep_days=5), OLD_MS, nothing) == Pruned(9, 1, None)


def test_an_empty_journal_one_that_is_not_there_and_one_that_is_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no journal at"):
        prune_journal(tmp_path / "a.db", Retention(keep_days=5), OLD_MS, nothing)
    assert not (tmp_path / "a.db").exists()
    store = Store(tmp_path / "a.db", ACCOUNT)
    store.open()
    with pytest.raises(Fenced):
        prune_journal(tmp_path / "a.db", Retention(keep_days=5), OLD_MS, nothing)
    store.close()
    assert prune_journal(tmp_path / "a.db", Retention(keep_days=5), OLD_MS, nothing) == Pruned(0, 0, None)
