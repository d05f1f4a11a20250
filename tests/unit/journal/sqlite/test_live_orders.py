"""The orders that live, as the rows of a journal say: the newest state of each, and never one that ended."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from listenkey.core.gaps import OrderLeft
from listenkey.journal.sqlite import live_orders as living
from listenkey.journal.sqlite.hash_chain import seal
from listenkey.journal.sqlite.row_codec import update_values
from listenkey.journal.sqlite.store import Store
from tests.unit.core.making import SYMBOL, order_row, trade_row
from tests.unit.journal.making import ACCOUNT, AT_MS, ORDER_ID, change, fill, greeks, group, resting, rows

NEW = ("NEW", "0.3000")
"""The status and the filled quantity of `resting`."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "a.db", ACCOUNT)
    made.open()
    yield made
    made.close()


def steps(store: Store, *raws: bytes) -> None:
    store.write(group(*rows(raws, store), covered_ms=AT_MS))


def recovered(store: Store, status: str, filled: str, order_id: int, at_ms: int, trade_id: int = 0) -> None:
    """Write the state of an order that REST told, or a fill."""
    raw = b'{"of": "REST"}'
    if trade_id:
        event = trade_row(trade_id, at_ms, order_id).fill
        store.write(group(seal(update_values(store.last_seq + 1, ACCOUNT, event, raw, AT_MS, "rest"), store.chain)))
        return
    row = order_row(order_id, status, filled, at_ms).order
    store.write(group(seal(update_values(store.last_seq + 1, ACCOUNT, row, raw, AT_MS, "rest"), store.chain)))


def left(store: Store) -> list[tuple[int, str, str, int]]:
    found = living.live_orders(store.connection, store.last_seq)
    assert all(one.symbol == SYMBOL for one in found)
    return [(one.order_id, one.status, one.filled_text, one.at_ms) for one in found]


def test_orders_that_live_are_left_to_the_next_process_with_what_is_known_of_them(store: Store, tmp_path: Path) -> None:
    steps(store, resting(1), resting(2, AT_MS + 1), greeks(1), fill(3))
    recovered(store, "PARTIALLY_FILLED", "1", 7, AT_MS + 2)
    recovered(store, "", "", 8, AT_MS + 3, trade_id=5)
    store.close()
    again = Store(tmp_path / "a.db", ACCOUNT)
    orders = again.open().orders
    again.close()
    assert orders == (
        OrderLeft(SYMBOL, ORDER_ID + 1, *NEW, AT_MS),
        OrderLeft(SYMBOL, ORDER_ID + 2, *NEW, AT_MS + 1),
        OrderLeft(SYMBOL, 7, "PARTIALLY_FILLED", "1", AT_MS + 2),
    )


def test_an_order_that_ended_is_over_whatever_comes_behind_its_end(store: Store) -> None:
    recovered(store, "NEW", "0", 1, AT_MS)
    recovered(store, "CANCELED", "0", 1, AT_MS + 5)
    recovered(store, "NEW", "0", 1, AT_MS)
    recovered(store, "NEW", "0", 2, AT_MS)
    recovered(store, "EXPIRED", "0", 2, AT_MS)
    assert left(store) == []


def test_of_states_that_overtook_each_other_the_one_with_the_most_filled_counts(store: Store) -> None:
    recovered(store, "NEW", "0", 1, AT_MS)
    recovered(store, "PARTIALLY_FILLED", "2", 1, AT_MS + 5)
    recovered(store, "PARTIALLY_FILLED", "1", 1, AT_MS + 3)
    recovered(store, "PARTIALLY_FILLED", "1", 1, AT_MS + 4)
    assert left(store) == [(1, "PARTIALLY_FILLED", "2", AT_MS + 5)]


def test_so_many_items_are_searched_and_so_many_orders_left(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    steps(store, *(resting(number) for number in range(6)))
    monkeypatch.setattr(living, "ORDER_ITEMS_MAX", 4)
    assert [order_id - ORDER_ID for order_id, *_ in left(store)] == [2, 3, 4, 5]
    monkeypatch.setattr(living, "ORDERS_LEFT_MAX", 3)
    assert [order_id - ORDER_ID for order_id, *_ in left(store)] == [3, 4, 5]


@pytest.mark.parametrize(
    "changed",
    ["raw = '{'", "order_id = 'x'", "event_ms = 1.5", "symbol = NULL", "raw = replace(raw, '\"X\"', '\"Y\"')"],
)
def test_a_row_that_is_not_as_it_was_written_is_left_out(store: Store, tmp_path: Path, changed: str) -> None:
    steps(store, resting(1), resting(2))
    change(tmp_path / "a.db", f"UPDATE items SET {changed} WHERE seq = 1")
    assert [order_id - ORDER_ID for order_id, *_ in left(store)] == [2]
