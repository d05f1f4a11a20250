from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from listenkey.errors import UsageError
from listenkey.journal.sqlite import retention as module
from listenkey.journal.sqlite.hash_chain import seal
from listenkey.journal.sqlite.retention import DAY_MS, Retention
from listenkey.journal.sqlite.row_codec import update_values
from listenkey.journal.sqlite.store import Store
from tests.unit.journal.making import ACCOUNT, greeks, group, read


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Ten items, one a day, the last one now."""
    made = Store(tmp_path / "a.db", ACCOUNT)
    made.open()
    for day in range(10):
        values = update_values(day + 1, ACCOUNT, read(greeks(day)), greeks(day), day * DAY_MS)
        made.write(group(seal(values, made.chain)))
    yield made
    made.close()


NOW_MS = 9 * DAY_MS


def test_without_limits_everything_stays(store: Store) -> None:
    assert Retention().keeps_all
    assert Retention().cut(store.connection, NOW_MS, 10) is None


def test_what_is_too_old_may_go(store: Store) -> None:
    assert Retention(keep_days=3).cut(store.connection, NOW_MS, 10) == 6
    assert Retention(keep_days=9.5).cut(store.connection, NOW_MS, 10) is None


def test_in_portions(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PRUNE_ROWS", 2)
    assert Retention(keep_days=3).cut(store.connection, NOW_MS, 10) == 2
    assert Retention(keep_bytes=1).cut(store.connection, NOW_MS, 10) == 2


def test_what_is_too_much_may_go(store: Store) -> None:
    assert Retention(keep_bytes=1).cut(store.connection, NOW_MS, 10) == 9
    assert Retention(keep_bytes=10_000_000).cut(store.connection, NOW_MS, 10) is None


def test_what_somebody_has_not_had_stays(store: Store) -> None:
    store.write(group(cursors={"slow": 4, "quick": 9}))
    assert Retention(keep_bytes=1).cut(store.connection, NOW_MS, 10) == 4
    assert Retention(keep_bytes=1).cut(store.connection, NOW_MS, 3) == 3
    assert Retention(keep_bytes=1).cut(store.connection, NOW_MS, 0) is None


def test_an_empty_journal_has_nothing_to_give(tmp_path: Path) -> None:
    empty = Store(tmp_path / "b.db", ACCOUNT)
    empty.open()
    assert Retention(keep_bytes=1).cut(empty.connection, NOW_MS, 0) is None
    empty.close()


@pytest.mark.parametrize("limits", [{"keep_days": 0}, {"keep_days": float("nan")}, {"keep_bytes": -1}])
def test_keeping_nothing_is_a_mistake(limits: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="more than nothing"):
        Retention(**limits)  # type: ignore[arg-type]


def test_a_clock_that_is_far_ahead_makes_nothing_old(store: Store, tmp_path: Path) -> None:
    """The newest event was made at millisecond 9, by the venue's clock."""
    assert module.believed_ms(store.connection, NOW_MS) == 9 + DAY_MS
    assert module.believed_ms(store.connection, 5) == 5
    ahead_ms = module.believed_ms(store.connection, NOW_MS + 100 * DAY_MS)
    assert Retention(keep_days=30).cut(store.connection, ahead_ms, 10) is None
    assert Retention(keep_days=30).cut(store.connection, NOW_MS + 100 * DAY_MS, 10) == 9
    empty = Store(tmp_path / "empty.db", ACCOUNT)
    empty.open()
    assert module.believed_ms(empty.connection, NOW_MS) == NOW_MS
    empty.close()


@pytest.mark.parametrize("keep_days", [float("inf"), 1e300, 10**400, 40_000])
def test_more_than_a_hundred_years_are_refused(keep_days: float) -> None:
    with pytest.raises(UsageError, match="leave it out to keep everything"):
        Retention(keep_days)
