"""REST history (`bill`) of a span, in little room: of a trade's row its symbol and time, of any other all of it. Pure."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from listenkey.core.records import FEE, NEAR_MS
from listenkey.wire.rows import CONTRACT, BillRow, UnreadableRow

OTHERS_BYTES_MAX: Final = 16 * 1024 * 1024
"""Of rows that are no trade's: transfers, exercises. Some seven thousand."""

TRADES_MAX: Final = 1_048_576
"""Rows of trades."""

ROW_BYTES: Final = 2048
"""The room of a row that is no trade's, beside its own JSON, at most."""


UNREADABLE_MAX: Final = 16
"""Rows that can't be read and are noted."""


class Bill(Iterable[BillRow]):
    """
    The rows of some pages; those of trades come first and have no id. The fees of trades are left out.

    Args:
        rows: To begin with.

    Attributes:
        newest_ms: When the newest of them was booked; 0 where there is none.
        is_cut: Whether more pages could not be asked for.
        unreadable: Some of the rows that can't be read. Those that may be a trade's are among the trades as well.
    """

    def __init__(self, rows: Iterable[BillRow] = ()) -> None:
        self.newest_ms = 0
        self.is_cut = False
        self.unreadable: list[UnreadableRow] = []
        self._trades: dict[str, array[int]] = {}
        self._trades_count = 0
        self._others: list[BillRow] = []
        self._others_bytes = 0
        self.add(rows)

    def __iter__(self) -> Iterator[BillRow]:
        for symbol, times in self._trades.items():
            for time_ms in times:
                yield BillRow(0, CONTRACT, time_ms, symbol)
        yield from self._others

    @property
    def is_full(self) -> bool:
        """True where no more pages are to be asked for: what comes later is not known, and is for the next look."""
        return self.is_cut or self._others_bytes > OTHERS_BYTES_MAX or self._trades_count > TRADES_MAX

    def note_unreadable(self, rows: Iterable[UnreadableRow], seen: Collection[int] = ()) -> None:
        """Note rows that can't be read, as far as there is room: some are enough to say so. `seen`: as in `add`."""
        news = [row for row in rows if row.row_id not in seen]
        self.unreadable = [*self.unreadable, *news][:UNREADABLE_MAX]

    def add(self, rows: Iterable[BillRow], seen: Collection[int] = ()) -> None:
        """Collect a page. `seen`: the ids of the page before, as pages overlap."""
        others: list[BillRow] = []
        for row in rows:
            if row.id in seen:
                continue
            self.newest_ms = max(self.newest_ms, row.time_ms)
            if row.type != CONTRACT:
                others.append(row)
                continue
            times = self._trades.get(row.symbol)
            if times is None:
                times = self._trades[row.symbol] = array("q")
            times.append(row.time_ms)
            self._trades_count += 1
        for row in others:
            if row.type != FEE or not self._has_trade_near(row):
                self._others.append(row)
                self._others_bytes += len(row.raw) + ROW_BYTES

    def _has_trade_near(self, row: BillRow) -> bool:
        """Return whether a trade of its symbol was booked beside it; rows come in the order of time."""
        lists = [self._trades.get(row.symbol, ())] if row.symbol else self._trades.values()
        for times in lists:
            place = bisect_left(times, row.time_ms - NEAR_MS)
            if place < len(times) and times[place] <= row.time_ms + NEAR_MS:
                return True
        return False
