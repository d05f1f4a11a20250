"""
Reconciliation of the orders that live: which lists of open orders to ask REST for, and which steps they show as lost.

`bill` shows a lost fill. It has no row for an order that was placed, cancelled or expired, so those are found by the
lists of open orders alone. The list of all costs as much as forty lists of one symbol each.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from itertools import islice
from math import inf
from typing import Final

from listenkey import venue
from listenkey.core import account_state
from listenkey.core.account_state import AccountState, OrderKey
from listenkey.core.reconciliation import is_news, order_key_of
from listenkey.wire.rows import OrderRow

SHARE: Final = 0.08
"""The share of the weight limit for these lists; with all other requests a quiet stream stays below a tenth."""

REFUSED_S: Final = 3600.0
"""The time without the list of all orders, once the venue has refused it."""

WINDOW_S: Final = 60.0
"""The weight limit is one per minute."""

EARLIEST: Final = 0.9
"""
The share of its interval after which the list of all is due: audits come every minute ± 10 %, and one that comes a few
seconds early must not leave the list to the next.
"""


@dataclass(slots=True)
class OrderDifferences:
    """
    The differences between lists of open orders and the delivered events.

    Attributes:
        gone: Orders that live as far as was delivered, and are in no list: they ended, or REST lags.
        news: Rows that say more than was delivered.
        earlier: Rows of orders that nobody told of, because they are older than the stream.
    """

    gone: list[OrderKey] = field(default_factory=list)
    news: list[OrderRow] = field(default_factory=list)
    earlier: list[OrderRow] = field(default_factory=list)


class OpenOrderLists:
    """Chooses the lists to ask for, so that their weight stays within `SHARE` of the limit on average."""

    def __init__(self) -> None:
        self._all_at_s = -inf
        self._asked_last: str | None = None

    def is_all_due(self, limit: int, now_s: float) -> bool:
        """
        Return True where the list of all is to be asked for.

        It is the only one that shows an order in a contract of which nothing was ever heard. It is due as often as
        `limit` allows: in each look from 500 per minute on, in every second one at 400.

        Args:
            limit: Weight per minute.
            now_s: Of a clock that is never set.
        """
        every_s = venue.OPEN_ORDERS_ALL_WEIGHT / (limit * SHARE) * WINDOW_S
        return now_s - self._all_at_s >= every_s * EARLIEST

    def answered(self, now_s: float) -> None:
        """Note that the list of all was asked for at this time, and answered."""
        self._all_at_s = now_s

    def choose(self, live: Collection[str], active: Iterable[str], limit: int) -> list[str]:
        """
        Return the symbols whose lists are to be asked for, where that of all is not.

        Args:
            live: Symbols of the orders that live.
            active: Symbols that were traded lately or are held: a lost order is the likeliest there.
            limit: Weight per minute.
        """
        wanted = list(dict.fromkeys([*live, *active]))
        most = int(limit * SHARE / venue.WEIGHTS[venue.OPEN_ORDERS_PATH])
        if len(wanted) > most and self._asked_last in wanted:  # Where there are too many, they take turns.
            begin = wanted.index(self._asked_last) + 1
            wanted = wanted[begin:] + wanted[:begin]
        chosen = wanted[:most]
        self._asked_last = chosen[-1] if chosen else None
        return chosen

    def refused(self, now_s: float) -> None:
        """Note that the venue does not answer the list of all: for a while only symbols are asked for."""
        self._all_at_s = now_s + REFUSED_S


def compare(
    rows: Iterable[OrderRow], asked: Collection[str] | None, known: AccountState, since_ms: int, until_ms: int
) -> OrderDifferences:
    """
    Hold lists of open orders against the orders that live as far as was delivered.

    Args:
        rows: Of all lists that were answered.
        asked: The symbols whose lists were answered, or None where it was the list of all.
        known: What was delivered.
        since_ms: When the stream began, by the venue's clock: older orders are nobody's loss.
        until_ms: What is younger may be on its way over the socket, by the venue's clock.
    """
    compared, listed = OrderDifferences(), set[OrderKey]()
    # Where there are so many, an order that nobody knows may be one that was let go.
    forgets = len(known.orders) >= account_state.ORDERS_MAX
    for row in rows:
        order, key = row.order, order_key_of(row.order)
        listed.add(key)
        if not is_news(order, known):
            continue
        if key not in known.orders and (order.updated_ms < since_ms or forgets):
            compared.earlier.append(row)
        elif order.updated_ms <= until_ms:
            compared.news.append(row)
    compared.gone = [key for key in known.orders if (asked is None or key[0] in asked) and key not in listed]
    return compared


def to_verify(gone: list[OrderKey], cleared: Collection[OrderKey], most: int) -> list[OrderKey]:
    """
    Return which of these orders are asked for one by one, those that a look before found alive last.

    An order is missing from a list where it ended, where REST lags, and where the list is cut off.
    """
    first = (key for key in gone if key not in cleared)
    return [*islice(first, most)] or gone[:most]
