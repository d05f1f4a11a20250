"""Find the orders that live as far as a journal's newest items say: the next process asks REST what became of them."""

from __future__ import annotations

import sqlite3
from typing import Final

from listenkey.core.account_state import ENDED, OrderKey, amount
from listenkey.core.gaps import OrderLeft
from listenkey.journal.sqlite.schema import word

ORDER_ITEMS_MAX: Final = 65_536
"""The newest items that are searched for orders: no index knows them, and each costs some microseconds at the start."""

ORDERS_LEFT_MAX: Final = 16_384
"""Orders that are left to the next process, at most: the newest, and as many as it can follow."""

_STEPS: Final = (
    "SELECT symbol, order_id, status, filled, event_ms FROM ("  # noqa: S608 - our own names
    f"SELECT seq, symbol, order_id, event_ms, {word('status')} AS status, {word('filled_quantity')} AS filled "
    "FROM items WHERE seq > ? AND typeof(order_id) = 'integer' AND typeof(event_ms) = 'integer' "
    "AND (trade_id IS NULL OR provenance <> 'rest') AND json_valid(coalesce(event, raw))"
    ") WHERE typeof(symbol) = 'text' AND typeof(status) = 'text' AND typeof(filled) = 'text' ORDER BY seq DESC"
)
"""States of orders, the newest first. A fill that REST brought back says nothing of its order's state."""


def live_orders(connection: sqlite3.Connection, last_seq: int) -> tuple[OrderLeft, ...]:
    """
    Return the orders that live, the oldest first.

    Args:
        connection: Of the journal.
        last_seq: Its newest item.
    """
    live, ended = dict[OrderKey, OrderLeft](), set[OrderKey]()
    for step in connection.execute(_STEPS, (last_seq - ORDER_ITEMS_MAX,)):
        left = OrderLeft(*step)
        key = (left.symbol, left.order_id)
        newer = live.get(key)
        if left.status in ENDED:
            ended.add(key)
            live.pop(key, None)
        elif newer is not None:
            if left.filled_text != newer.filled_text and abs(amount(left.filled_text)) > abs(amount(newer.filled_text)):
                live[key] = left
        elif key not in ended and len(live) < ORDERS_LEFT_MAX:
            live[key] = left
    return tuple(reversed(live.values()))
