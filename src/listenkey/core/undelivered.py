"""
The rows of REST that nobody delivered, as a recovery collects them page by page: within a bound in bytes. Pure.

A gap may hold more than fits into memory beside everything else. So a recovery keeps the earliest rows that fit, delivers
them, and lists what comes after them again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from listenkey.core.account_state import AFTER_ALL, BEFORE_ALL, AccountState, FillKey, OrderKey
from listenkey.core.reconciliation import is_news, key_of, newest_orders, order_key_of
from listenkey.wire.rows import OrderRow, TradeRow

BACKLOG_BYTES_MAX: Final = 24 * 1024 * 1024
"""Of the rows of one recovery that wait to be delivered: some 10,000 fills. They pass through the journal's queue next."""

KEPT_SHARE: Final = 0.75
"""Of that is kept where it was too much: each part costs the lists of all symbols, so it should be a large one."""

FILL_BYTES: Final = 1536
ORDER_BYTES: Final = 4096
"""The room of a row at most, beside its own JSON and texts of that length: a dozen objects, and a place in the collection."""

LISTED_MAX: Final = 32_768
"""Fills of which is noted that REST listed them: of those that a new socket brings meanwhile."""


def size_of(row: TradeRow | OrderRow) -> int:
    """Return how many bytes a row takes, at most."""
    return 2 * len(row.raw) + (FILL_BYTES if isinstance(row, TradeRow) else ORDER_BYTES)


class UndeliveredFills:
    """
    The earliest fills that nobody delivered.

    Args:
        known: What was delivered.
        began_ms: Since when the stream is to be whole: earlier fills are nobody's loss.
        noted_from_ms: Of fills since then it is noted that REST listed them.

    Attributes:
        cut_ms: Until when every fill is kept; later ones were left out for want of room, where this is not `AFTER_ALL`.
        newest: The newest row that was listed of each symbol, kept or not.
        listed: The fills since `noted_from_ms` that were listed.
    """

    def __init__(self, known: AccountState, began_ms: int, noted_from_ms: int = BEFORE_ALL) -> None:
        self.cut_ms = AFTER_ALL
        self.newest: dict[str, TradeRow] = {}
        self.listed: set[FillKey] = set()
        self._known = known
        self._began_ms = began_ms
        self._noted_from_ms = noted_from_ms
        self._bytes = 0
        self._rows: dict[FillKey, TradeRow] = {}

    @property
    def is_cut(self) -> bool:
        """True where later fills were left out."""
        return self.cut_ms != AFTER_ALL

    @property
    def rows(self) -> list[TradeRow]:
        """The fills that are kept, in no order."""
        return list(self._rows.values())

    def add(self, page: Iterable[TradeRow]) -> bool:
        """Collect a page of one list, in the order of time; False where the list need not be followed further."""
        time_ms = BEFORE_ALL
        for row in page:
            time_ms = row.fill.trade_time_ms
            if time_ms < self._began_ms:
                continue
            newest = self.newest.get(row.fill.symbol)
            if newest is None or newest.fill.trade_time_ms <= time_ms:
                self.newest[row.fill.symbol] = row
            key = key_of(row)
            if time_ms >= self._noted_from_ms and len(self.listed) < LISTED_MAX:
                self.listed.add(key)
            if time_ms <= self.cut_ms and key not in self._known.fills and key not in self._rows:
                self._rows[key] = row
                self._bytes += size_of(row)
                if self._bytes > BACKLOG_BYTES_MAX:
                    self._cut()
        return time_ms <= self.cut_ms

    def _cut(self) -> None:
        """Leave out the last quarter. Fills of one millisecond stay together, however many they are."""
        rows = sorted(self._rows.values(), key=lambda row: row.fill.trade_time_ms)
        kept_bytes = place = 0
        while kept_bytes <= BACKLOG_BYTES_MAX * KEPT_SHARE:
            kept_bytes += size_of(rows[place])
            place += 1
        self.cut_ms = max(rows[place - 1].fill.trade_time_ms - 1, rows[0].fill.trade_time_ms)
        self._rows = {key_of(row): row for row in rows if row.fill.trade_time_ms <= self.cut_ms}
        self._bytes = sum(map(size_of, self._rows.values()))

    def left_of(self, symbols: Iterable[str]) -> list[str]:
        """Return the symbols that have later fills; the empty text stands for all."""
        behind = {symbol for symbol, row in self.newest.items() if row.fill.trade_time_ms > self.cut_ms}
        return [symbol for symbol in symbols if symbol in behind or (not symbol and behind)]

    def empty(self) -> int:
        """Make room for what comes after the cut, as the fills that are kept were dealt with; return from when that is."""
        from_ms, self.cut_ms = self.cut_ms + 1, AFTER_ALL
        self._rows, self._bytes = {}, 0
        return from_ms


class UndeliveredOrders:
    """
    Outcomes of orders, as far as they are news.

    Args:
        known: What was delivered.
        from_ms, until_ms: Rows that changed last outside of this span are left out.
        proving: Orders whose rows are kept in any case: they prove how much of the order a fill has filled.

    Attributes:
        was_news: Whether anything was.
    """

    def __init__(
        self,
        known: AccountState,
        from_ms: int,
        until_ms: int,
        proving: Collection[OrderKey] = (),
    ) -> None:
        self.was_news = False
        self._known = known
        self._proving = proving
        self._from_ms, self._until_ms = from_ms, until_ms
        self._bytes = 0
        self._rows: dict[OrderKey, OrderRow] = {}

    @property
    def is_full(self) -> bool:
        """True where it is to be delivered before more is asked for."""
        return self._bytes > BACKLOG_BYTES_MAX

    def add(self, rows: Iterable[OrderRow]) -> None:
        """Collect the newest row of each order; what changed lately is on its way over the socket."""
        for row in rows:
            key, news = order_key_of(row.order), is_news(row.order, self._known)
            if not self._from_ms <= row.order.updated_ms <= self._until_ms or not (news or key in self._proving):
                continue
            self.was_news |= news
            before = self._rows.get(key)
            if before is None:
                self._rows[key] = row
                self._bytes += size_of(row)
            else:
                self._rows[key] = newest_orders((before, row))[key]

    def take(self) -> dict[OrderKey, OrderRow]:
        """Return what was collected, and forget it."""
        rows, self._rows, self._bytes = self._rows, {}, 0
        return rows
