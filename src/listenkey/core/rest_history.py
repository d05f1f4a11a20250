"""
REST history (`bill`) against the fills that were delivered: one row for each trade, matched one to one. Pure.

Counts of two spans can't be compared: REST shows a fill some seconds after the socket brought it, and the fills that
are not shown yet would stand in for one that was lost. So each row is matched with a fill of its symbol and its time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from listenkey.core.account_state import FillIndex
from listenkey.wire.rows import CONTRACT, BillRow, TradeRow

NEAR_MAX_MS: Final = 1_000
"""A row and its trade may bear times so far apart; more than that, and they are not the same."""

OUTSTANDING_MAX: Final = 512
"""Symbols whose trades are outstanding, at most; an account trades a few dozen."""

ASKED_AT_FIRST: Final = 10
"""Looks in a row that ask for the outstanding trades of a symbol again: REST may lag for minutes."""

ASKED_EVERY: Final = 10
"""After those, a symbol is asked for in every tenth look: REST may refuse it for ever, and each time costs weight."""


@dataclass(slots=True)
class Compared:
    """
    The result of matching the rows and the fills of one span.

    Attributes:
        unexplained: Times of the rows that no fill accounts for, by symbol; under the empty text those that name none.
        unshown_ms: When the oldest fill happened that REST history does not show yet, or None where it shows all.
        matched: Whether any row was matched with a fill: REST history then has a row for each.
        apart_ms: How far apart a row and its fill were, at most.
        explains_all: Whether each fill has a row that names its symbol; and there is one.
    """

    unexplained: dict[str, list[int]] = field(default_factory=dict)
    unshown_ms: int | None = None
    matched: bool = False
    apart_ms: int = 0
    explains_all: bool = False


def compare(
    rows: Iterable[BillRow], fills: Mapping[str, Sequence[int]], from_ms: int, until_ms: int, near_ms: int = 0
) -> Compared:
    """
    Match the rows of trades in a span with fills.

    Args:
        rows: Of the bill.
        fills: When the fills of each symbol happened, at least those of the span and of `near_ms` around it.
        from_ms: Where the span begins, by the venue's clock.
        until_ms: Where it ends, both ends included.
        near_ms: How far apart the times of a row and its fill may be.
    """
    billed: dict[str, list[int]] = {}
    for row in rows:
        if row.type == CONTRACT and from_ms <= row.time_ms <= until_ms:
            billed.setdefault(row.symbol, []).append(row.time_ms)
    unnamed = billed.pop("", [])
    out = Compared()
    has_fills = any(from_ms <= time_ms <= until_ms for times in fills.values() for time_ms in times)
    left: dict[str, list[int]] = {}
    for symbol in {**billed, **fills}:
        rows_left, fills_left = _matched(billed.get(symbol, []), fills.get(symbol, ()), near_ms, out)
        if rows_left:
            out.unexplained[symbol] = rows_left
        left[symbol] = fills_left
    if unnamed:
        pool = sorted(time_ms for times in left.values() for time_ms in times)
        rows_left, pool = _matched(unnamed, pool, near_ms, out)
        if rows_left:
            out.unexplained[""] = rows_left
        left, billed = {"": pool}, {"": unnamed}
    out.explains_all = (
        has_fills
        and not unnamed
        and not any(from_ms <= time_ms <= until_ms for times in left.values() for time_ms in times)
    )
    unshown = [_first_after(max(billed.get(symbol, [from_ms - 1])), times, until_ms) for symbol, times in left.items()]
    out.unshown_ms = min((time_ms for time_ms in unshown if time_ms is not None), default=None)
    return out


def _first_after(shown_ms: int, times: Iterable[int], until_ms: int) -> int | None:
    """The first fill behind the newest row of its symbol: older ones have no row of their own, and never will."""
    return min((time_ms for time_ms in times if shown_ms < time_ms <= until_ms), default=None)


class FillMatching:
    """
    Matches REST history with the fills of an account, and learns how far apart a row and its trade may be.

    Args:
        fills: The fills that were delivered.

    Attributes:
        shows_fills: Whether REST history was seen to have a row for a fill: else it can't be seen to lag.
    """

    __slots__ = ("_fills", "_near_ms", "shows_fills")

    def __init__(self, fills: FillIndex) -> None:
        self.shows_fills = False
        self._fills = fills
        self._near_ms = 0

    def compare(self, rows: Iterable[BillRow], since_ms: int, until_ms: int) -> Compared:
        """Hold a part of REST history against the fills that were delivered."""
        compared = self._compared(rows, since_ms, until_ms, self._near_ms)
        self.shows_fills |= compared.matched
        return compared

    def learn(self, rows: Iterable[BillRow], since_ms: int, until_ms: int) -> None:
        """Learn from unmatched rows where `userTrades` misses nothing."""
        compared = self._compared(rows, since_ms, until_ms, NEAR_MAX_MS)
        if not compared.unexplained:
            self._near_ms = max(self._near_ms, compared.apart_ms)

    def _compared(self, rows: Iterable[BillRow], since_ms: int, until_ms: int, near_ms: int) -> Compared:
        return compare(rows, self._fills.times(since_ms - near_ms, until_ms + near_ms), since_ms, until_ms, near_ms)


def _matched(rows: Sequence[int], fills: Sequence[int], near_ms: int, out: Compared) -> tuple[list[int], list[int]]:
    """Return the rows and the fills that have no match: equal times match first, then the nearest, in order."""
    if not rows:
        return [], sorted(fills)
    count_rows, count_fills = Counter(rows), Counter(fills)
    rows_left = sorted((count_rows - count_fills).elements())
    fills_left = sorted((count_fills - count_rows).elements())
    out.matched |= len(rows_left) < len(rows)
    if not near_ms or not rows_left:
        return rows_left, fills_left
    alone, free, at = [], [], 0
    for row_ms in rows_left:
        while at < len(fills_left) and fills_left[at] < row_ms - near_ms:
            free.append(fills_left[at])
            at += 1
        if at < len(fills_left) and fills_left[at] <= row_ms + near_ms:
            out.apart_ms = max(out.apart_ms, abs(fills_left[at] - row_ms))
            out.matched = True
            at += 1
        else:
            alone.append(row_ms)
    return alone, free + fills_left[at:]


def unlisted(unexplained: Iterable[int], listed: Iterable[int], near_ms: int = NEAR_MAX_MS) -> list[int]:
    """
    Times of rows whose trades `userTrades` does not list yet: it lags behind the bill.

    Where it lists a trade of that time or a later one, it has got so far, and what it lists decides: then the row is
    no trade of its own, as where the venue makes several rows of one.
    """
    newest_ms = max(listed, default=None)
    return [time_ms for time_ms in unexplained if newest_ms is None or newest_ms < time_ms - near_ms]


@dataclass(slots=True)
class _Outstanding:
    from_ms: int
    until_ms: int
    count: int
    why: str
    asked: int = 0
    looks_since: int = 0

    def is_due(self) -> bool:
        return self.asked < ASKED_AT_FIRST or self.looks_since >= ASKED_EVERY


class Outstanding:
    """
    Trades that REST history shows, that were not delivered, and that REST does not list.

    They were reported as a gap, once. They are asked for again, and until they come the stream is not whole.
    """

    def __init__(self) -> None:
        self._symbols: dict[str, _Outstanding] = {}

    def __bool__(self) -> bool:
        return bool(self._symbols)

    def note(self, symbol: str, times: Sequence[int], why: str) -> bool:
        """Note outstanding trades of a symbol; return True where any of them is new."""
        known = self._symbols.get(symbol)
        if known is None:
            if len(self._symbols) >= OUTSTANDING_MAX:
                del self._symbols[next(iter(self._symbols))]
            self._symbols[symbol] = _Outstanding(min(times), max(times), len(times), why)
            return True
        new = [time_ms for time_ms in times if not known.from_ms <= time_ms <= known.until_ms]
        known.from_ms, known.until_ms = min(known.from_ms, *times), max(known.until_ms, *times)
        known.count, known.why = max(known.count + len(new), len(times)), why
        if new:
            known.asked = known.looks_since = 0
        return bool(new)

    def settle(self, symbol: str) -> None:
        """Forget a symbol: its trades have come, or there are none."""
        self._symbols.pop(symbol, None)

    def since_ms(self, symbol: str) -> int | None:
        """Return the venue's time of the first of them, in ms; None where there is none."""
        known = self._symbols.get(symbol)
        return None if known is None else known.from_ms

    def next(self, count: int) -> list[str]:
        """
        Return the symbols that this look asks for again, at most so many, each in its turn.

        Each symbol counts from its own newest loss: one that is refused on the tenth day of a stream is asked for as
        often at first as one that is refused in its first minute.
        """
        for known in self._symbols.values():
            known.looks_since += 1
        turn = [symbol for symbol, known in self._symbols.items() if known.is_due()][:count]
        for symbol in turn:
            known = self._symbols[symbol] = self._symbols.pop(symbol)
            known.asked, known.looks_since = known.asked + 1, 0
        return turn

    def news(self, unexplained: Mapping[str, Sequence[int]]) -> dict[str, list[int]]:
        """The rows that were not reported before."""
        out = {}
        for symbol, times in unexplained.items():
            known = self._symbols.get(symbol)
            new = [t for t in times if known is None or not known.from_ms <= t <= known.until_ms]
            if new:
                out[symbol] = new
        return out

    def is_ahead_of(self, symbol: str, listed: Iterable[TradeRow]) -> bool:
        """Return True where a trade of this symbol is newer than all that REST lists of it."""
        known = self._symbols.get(symbol)
        times = [row.fill.trade_time_ms for row in listed if symbol in ("", row.fill.symbol)]
        return known is not None and bool(unlisted([known.until_ms], times))

    @property
    def why(self) -> str:
        """Return the outstanding trades in words; empty where there are none."""
        if not self._symbols:
            return ""
        symbol, first = next(iter(self._symbols.items()))
        more = f", and {len(self._symbols) - 1} more symbols" * (len(self._symbols) > 1)
        fills = f"at least {first.count} fill{'s' * (first.count > 1)} of {symbol or 'symbols it does not name'}"
        return f"REST history shows {fills} that no socket brought: {first.why}{more}; audits ask for them again"
