"""
The public record of the market: every trade, and candles of a minute. Knows nothing of accounts.

Whoever asks for longer candles or for the last 24 hours gets minutes added up, so that no two answers disagree.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from listenkey.sandbox.exchange.contracts import Contract

MINUTE_MS: Final = 60_000
DAY_MS: Final = 24 * 3_600_000
FIRST_PUBLIC_ID: Final = 1_125_899_907_000_000_000
"""An id of the size in the samples of public trades, and unlike any other id here."""

TRADES_MAX: Final = 5_000
"""Trades kept of a contract; `historicalTrades` reaches no farther back."""

MINUTES_MAX: Final = 10_080
"""Minutes with trades kept of a contract: a week of an active one."""

RECENT_MAX: Final = 100_000
"""Trades of all contracts kept for streams that have not been told of them yet."""

INTERVALS: Final[dict[str, int]] = {
    **{f"{count}m": count * MINUTE_MS for count in (1, 3, 5, 15, 30)},
    **{f"{count}h": count * 60 * MINUTE_MS for count in (1, 2, 4, 6, 12)},
    "1d": DAY_MS,
    "3d": 3 * DAY_MS,
    "1w": 7 * DAY_MS,
}
"""The lengths of candles, milliseconds. [O websocket-market-streams/Kline-Candlestick-Streams]"""

_MONDAY_MS: Final = 4 * DAY_MS
"""The epoch was a Thursday; weeks begin on Mondays."""


class PublicTrade(NamedTuple):
    """One trade, as everybody sees it."""

    id: int
    """Ascends over all contracts."""
    trade_id: int
    """The trade's id in the contract."""
    contract: Contract
    price: str
    quantity: str
    amount: Decimal
    """Price times quantity, USDT."""
    buyer_took: bool
    """True where the buyer was the taker."""
    time_ms: int


@dataclass(slots=True)
class Candle:
    """Trades of a span of time, at least one."""

    start_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    last_quantity: Decimal
    volume: Decimal
    amount: Decimal
    taker_volume: Decimal
    """The quantity that takers bought."""
    taker_amount: Decimal
    count: int
    first_id: int
    """Trade ids of the contract."""
    last_id: int
    first_ms: int
    last_ms: int

    def add(self, later: Candle) -> None:
        """Take in what came after it."""
        self.high, self.low = max(self.high, later.high), min(self.low, later.low)
        self.close, self.last_quantity = later.close, later.last_quantity
        self.volume += later.volume
        self.amount += later.amount
        self.taker_volume += later.taker_volume
        self.taker_amount += later.taker_amount
        self.count += later.count
        self.last_id, self.last_ms = later.last_id, later.last_ms


class Tape:
    """All trades of the contracts that are listed."""

    def __init__(self) -> None:
        self._trades: dict[str, deque[PublicTrade]] = {}
        self._minutes: dict[str, dict[int, Candle]] = {}
        self._recent: deque[PublicTrade] = deque(maxlen=RECENT_MAX)
        self.last_id = FIRST_PUBLIC_ID - 1
        """The id of the newest trade."""

    def record(
        self,
        contract: Contract,
        trade_id: int,
        price: Decimal,
        price_text: str,
        quantity: Decimal,
        now_ms: int,
        *,
        buyer_took: bool,
    ) -> None:
        """Write a trade down."""
        self.last_id += 1
        symbol, amount = contract.symbol, price * quantity
        text = format(quantity, contract.quantity_format)
        trade = PublicTrade(self.last_id, trade_id, contract, price_text, text, amount, buyer_took, now_ms)
        self._recent.append(trade)
        trades = self._trades.get(symbol)
        if trades is None:
            trades = self._trades[symbol] = deque(maxlen=TRADES_MAX)
        trades.append(trade)
        start_ms = now_ms - now_ms % MINUTE_MS
        taken = (quantity, amount) if buyer_took else (Decimal(0), Decimal(0))
        minute = Candle(
            start_ms,
            price,
            price,
            price,
            price,
            quantity,
            quantity,
            amount,
            *taken,
            1,
            trade_id,
            trade_id,
            now_ms,
            now_ms,
        )
        minutes = self._minutes.setdefault(symbol, {})
        if start_ms in minutes:
            minutes[start_ms].add(minute)
            return
        minutes[start_ms] = minute
        if len(minutes) > MINUTES_MAX:
            del minutes[next(iter(minutes))]

    def forget(self, symbol: str) -> None:
        """Drop what is known of a contract that is over."""
        self._trades.pop(symbol, None)
        self._minutes.pop(symbol, None)

    def trades(self, symbol: str, limit: int, from_id: int | None = None) -> list[PublicTrade]:
        """Return trades of a contract, oldest first: the newest, or those from a public id on."""
        kept = self._trades.get(symbol, ())
        if from_id is None:
            return list(kept)[-limit:]
        return [trade for trade in kept if trade.id >= from_id][:limit]

    def since(self, public_id: int) -> Iterator[PublicTrade]:
        """Yield the trades of all contracts after a public id, oldest first, as far as they are kept."""
        missing = min(self.last_id - public_id, len(self._recent))
        for index in range(len(self._recent) - missing, len(self._recent)):
            yield self._recent[index]

    def day(self, symbol: str, now_ms: int) -> Candle | None:
        """Return the last 24 hours of a contract, in whole minutes; None without a trade."""
        found = _newest(self._minutes.get(symbol, {}), now_ms - DAY_MS)
        return _sum(found, now_ms - DAY_MS)

    def candle(self, symbol: str, start_ms: int, length_ms: int) -> Candle | None:
        """Return the candle that begins at a time; None without a trade."""
        found = _newest(self._minutes.get(symbol, {}), start_ms)
        return _sum((each for each in found if each.start_ms < start_ms + length_ms), start_ms)

    def candles(self, symbol: str, interval: str, from_ms: int, to_ms: int) -> Iterator[Candle]:
        """
        Yield the candles of a contract between two times, oldest first.

        A span without a trade is a flat one at the price before it, without a count; before the first trade is nothing.
        """
        length_ms = INTERVALS[interval]
        found: dict[int, Candle] = {}
        before: Candle | None = None
        for minute in self._minutes.get(symbol, {}).values():
            start_ms = start_of(interval, minute.start_ms)
            if start_ms < from_ms:
                before = minute
            elif start_ms in found:
                found[start_ms].add(minute)
            else:
                found[start_ms] = _copy(minute, start_ms)
        first_ms = from_ms if before is not None else next(iter(found), to_ms + 1)
        for start_ms in range(first_ms, to_ms + 1, length_ms):
            candle = found.get(start_ms)
            if candle is None:
                assert before is not None  # the first of them is one that was traded in
                candle = _flat(before, start_ms)
            yield candle
            before = candle


def start_of(interval: str, at_ms: int) -> int:
    """Return when the candle that holds a time begins."""
    offset_ms = _MONDAY_MS if interval == "1w" else 0
    return at_ms - (at_ms - offset_ms) % INTERVALS[interval]


def _newest(minutes: dict[int, Candle], from_ms: int) -> list[Candle]:
    """Return the minutes from a time on, oldest first, without a look at those before it."""
    found: list[Candle] = []
    for minute in reversed(minutes.values()):
        if minute.start_ms < from_ms:
            break
        found.append(minute)
    found.reverse()
    return found


def _sum(minutes: Iterable[Candle], start_ms: int) -> Candle | None:
    total: Candle | None = None
    for minute in minutes:
        if total is None:
            total = _copy(minute, start_ms)
        else:
            total.add(minute)
    return total


def _copy(minute: Candle, start_ms: int) -> Candle:
    return Candle(
        start_ms,
        minute.open,
        minute.high,
        minute.low,
        minute.close,
        minute.last_quantity,
        minute.volume,
        minute.amount,
        minute.taker_volume,
        minute.taker_amount,
        minute.count,
        minute.first_id,
        minute.last_id,
        minute.first_ms,
        minute.last_ms,
    )


def _flat(before: Candle, start_ms: int) -> Candle:
    price, none = before.close, Decimal(0)
    ids = (before.last_id, before.last_id)
    return Candle(
        start_ms, price, price, price, price, none, none, none, none, none, 0, *ids, before.last_ms, before.last_ms
    )
