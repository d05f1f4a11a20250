"""
Market streams: books, trades, tickers, marks, the index, candles, open interest, new contracts. Pure.

Everything comes from the exchange that is there. A stream costs nothing while nobody listens. Where a page says how
often it is pushed, that is a grid of the exchange's time; when time is moved by hours, each stream is told of once.
Source: [O websocket-market-streams] and its pages.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

from listenkey.sandbox.exchange import market_views
from listenkey.sandbox.exchange.tape import INTERVALS, MINUTE_MS, start_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from listenkey.sandbox.exchange.book import Book
    from listenkey.sandbox.exchange.state import ExchangeState
    from listenkey.sandbox.websocket.hub import Hub

SECOND_MS: Final = 1_000
LEVELS_MAX: Final = 1_000
Payloads: TypeAlias = "Iterable[Any]"

_NAME: Final = re.compile(
    r"(?P<of>[A-Za-z0-9.-]{1,40})@"
    r"(?:(?P<kline>kline)_(?P<interval>\w{2,3})"
    r"|(?P<depth>depth)(?P<levels>5|10|20)?(?:@(?P<speed>100ms|500ms))?"
    r"|(?P<interest>openInterest|optionOpenInterest)@(?P<day>[0-9]{6})"
    r"|(?P<ticker>optionTicker)(?:@?(?P<expiry>[0-9]{6}))?"
    r"|(?P<word>bookTicker|optionTrade|optionMarkPrice))",
    re.ASCII,
)
INDEX: Final = "!index@arr"
LISTINGS: Final = "!optionSymbol"
PUBLIC: Final = frozenset(("depth", "ticker", "bookTicker", "optionTrade"))
"""Kinds of the address `/public`; all others are of `/market`. In the other room a stream is silent."""


@dataclass(slots=True)
class _Stream:
    """
    One stream that somebody listens to.

    Args:
        every_ms: Between two pushes; 0 is at once.
        make: The payloads that are new since it was asked last.
    """

    every_ms: int
    make: Callable[[_Stream, int], Payloads]
    due_ms: int
    told: Any = None
    """The values of the last push; their type depends on the kind."""


@dataclass(slots=True)
class _Levels:
    bids: dict[str, str] = field(default_factory=dict)
    asks: dict[str, str] = field(default_factory=dict)
    update_id: int = 0


class MarketStreams:
    """The streams of one exchange."""

    def __init__(self, state: ExchangeState, hub: Hub) -> None:
        self._state = state
        self._hub = hub
        self._streams: dict[tuple[str, str], _Stream | None] = {}
        """The streams by room and name; None is a name that means nothing there."""
        self._listings_seen = 0

    def push(self, now_ms: int) -> None:
        """Send what is due and new."""
        listened = self._hub.market_streams()
        if not listened and not self._streams:
            return
        if self._listings_seen != self._state.listings_made:
            # What meant nothing may be the name of a contract by now.
            self._listings_seen = self._state.listings_made
            self._streams = {key: stream for key, stream in self._streams.items() if stream is not None}
        for key in self._streams.keys() - listened:
            del self._streams[key]
        for key in listened:
            if key not in self._streams:
                self._streams[key] = self._opened(*key, now_ms)
            stream = self._streams[key]
            if stream is not None and stream.due_ms <= now_ms:
                if stream.every_ms:
                    stream.due_ms = now_ms - now_ms % stream.every_ms + stream.every_ms
                for payload in stream.make(stream, now_ms):
                    self._hub.deliver_market(key, msgspec.json.encode(payload))

    def due_ms(self) -> int | None:
        """Return when something may be due; streams that are pushed at once wait for an event, not for a time."""
        return min((each.due_ms for each in self._streams.values() if each is not None and each.every_ms), default=None)

    # --- What a name means ---

    def _opened(self, room: str, name: str, now_ms: int) -> _Stream | None:
        if room == "market" and name == INDEX:
            return self._every(SECOND_MS, now_ms, self._index)
        if room == "market" and name == LISTINGS:
            return _Stream(0, self._listings, now_ms, self._state.listings_made)
        found = _NAME.fullmatch(name)
        if found is None:
            return None
        parts = found.groupdict()
        kind = next(each for each in ("kline", "depth", "interest", "ticker", "word") if parts[each])
        if room != ("public" if (parts["word"] or kind) in PUBLIC else "market"):
            return None
        return self._stream_of(kind, parts, found["of"].upper(), now_ms)

    def _stream_of(self, kind: str, parts: dict[str, str | None], of: str, now_ms: int) -> _Stream | None:
        book, is_underlying = self._state.books.get(of), of in self._state.underlyings
        word = parts["word"]
        if word == "optionMarkPrice":
            return self._every(SECOND_MS, now_ms, lambda _, at_ms: self._marks(of, at_ms)) if is_underlying else None
        if word == "optionTrade" and (book is not None or is_underlying):
            return _Stream(0, lambda stream, at_ms: self._trades(stream, of, at_ms), now_ms, self._state.tape.last_id)
        if kind == "interest" and is_underlying:
            day = parts["day"] or ""
            stream = self._every(MINUTE_MS, now_ms, lambda _, at_ms: self._interest(of, day, at_ms))
            stream.due_ms = _next(SECOND_MS, now_ms)  # the first one does not take a minute
            return stream
        if kind == "ticker" and (is_underlying if parts["expiry"] else book is not None):
            return self._every(
                SECOND_MS, now_ms, lambda stream, at_ms: self._tickers(stream, of, parts["expiry"], at_ms)
            )
        if book is None:
            return None
        if word == "bookTicker":
            return _Stream(0, lambda stream, at_ms: _book_ticker(stream, book, at_ms), now_ms)
        if kind == "depth":
            return self._depth(book, parts["levels"], parts["speed"], now_ms)
        interval = parts["interval"]
        if kind == "kline" and interval in INTERVALS:
            stream = self._every(SECOND_MS, now_ms, lambda stream, at_ms: self._kline(stream, book, interval, at_ms))
            stream.told = (start_of(interval, now_ms), None)
            return stream
        return None

    def _every(self, every_ms: int, now_ms: int, make: Callable[[_Stream, int], Payloads]) -> _Stream:
        return _Stream(every_ms, make, _next(every_ms, now_ms))

    # --- What each kind says ---

    def _index(self, _: _Stream, now_ms: int) -> Payloads:
        prices = self._state.prices
        prices.move_to(now_ms)
        yield [
            {"e": "indexPrice", "E": now_ms, "s": name, "p": f"{prices.index(name):f}"}
            for name in self._state.underlyings
        ]

    def _listings(self, stream: _Stream, now_ms: int) -> Payloads:
        new = min(self._state.listings_made - stream.told, len(self._state.listings))
        stream.told = self._state.listings_made
        for contract, listed_ms in list(self._state.listings)[len(self._state.listings) - new :]:
            yield market_views.listing_payload(contract, listed_ms, now_ms)

    def _marks(self, underlying: str, now_ms: int) -> Payloads:
        self._state.prices.move_to(now_ms)
        books = [each for each in self._state.books.values() if each.contract.underlying.name == underlying]
        yield [market_views.mark_payload(self._state, book, now_ms) for book in books]

    def _trades(self, stream: _Stream, of: str, now_ms: int) -> Payloads:
        for trade in self._state.tape.since(stream.told):
            if of in (trade.contract.symbol, trade.contract.underlying.name):
                yield market_views.trade_payload(trade, now_ms)
        stream.told = self._state.tape.last_id

    def _interest(self, underlying: str, day: str, now_ms: int) -> Payloads:
        found = market_views.open_interest(self._state, self._state.underlyings[underlying].base, day)
        if found:
            yield [
                {
                    "e": "openInterest",
                    "E": now_ms,
                    "s": contract.symbol,
                    "o": format(quantity, contract.quantity_format),
                    "h": f"{value:z.8f}",
                }
                for contract, quantity, value in found
            ]

    def _tickers(self, stream: _Stream, of: str, expiry: str | None, now_ms: int) -> Payloads:
        """The contracts whose last 24 hours have changed; at first, all."""
        beginning = f"{self._state.underlyings[of].base}-{expiry}-" if expiry else of
        told: dict[str, dict[str, Any]] = stream.told or {}
        for symbol, book in self._state.books.items():
            if symbol == of or (expiry and symbol.startswith(beginning)):
                payload = market_views.ticker_payload(self._state, book, now_ms)
                if told.get(symbol, {}) | {"E": now_ms} != payload:
                    yield payload
                told[symbol] = payload
        stream.told = told

    def _depth(self, book: Book, levels: str | None, speed: str | None, now_ms: int) -> _Stream:
        every_ms = int((speed or "500ms").removesuffix("ms"))
        if levels is None:
            stream = self._every(every_ms, now_ms, lambda stream, at_ms: _changes(stream, book, at_ms))
            stream.told = _levels(book, LEVELS_MAX)
            return stream
        return self._every(every_ms, now_ms, lambda stream, at_ms: _top(stream, book, int(levels), at_ms))

    def _kline(self, stream: _Stream, book: Book, interval: str, now_ms: int) -> Payloads:
        """The candle of now when it has changed, and before it the last one when that is over."""
        contract, length_ms = book.contract, INTERVALS[interval]
        start_ms = start_of(interval, now_ms)
        told_ms, told = stream.told
        if told_ms < start_ms:
            told, closed = None, self._state.tape.candle(contract.symbol, told_ms, length_ms)
            if closed is not None:
                yield market_views.candle_payload(contract, interval, closed, now_ms, closed=True)
        candle = self._state.tape.candle(contract.symbol, start_ms, length_ms)
        stream.told = (start_ms, candle)
        if candle is not None and candle != told:
            yield market_views.candle_payload(contract, interval, candle, now_ms, closed=False)


def _next(every_ms: int, now_ms: int) -> int:
    return now_ms - now_ms % every_ms + every_ms


def _levels(book: Book, limit: int) -> _Levels:
    bids, asks = book.depth(limit)
    return _Levels(_by_price(bids), _by_price(asks), book.update_id)


def _by_price(side: list[list[str]]) -> dict[str, str]:
    return {price: quantity for price, quantity in side}  # noqa: C416  dict() would take no lists of two


def _changes(stream: _Stream, book: Book, now_ms: int) -> Payloads:
    """Yield the changes since the last push; none where nothing has changed."""
    before: _Levels = stream.told
    if book.update_id == before.update_id:
        return
    now = stream.told = _levels(book, LEVELS_MAX)
    bids = market_views.changed_levels(before.bids, now.bids)
    asks = market_views.changed_levels(before.asks, now.asks)
    yield _depth_update(book, before.update_id, now.update_id, bids, asks, now_ms)


def _top(stream: _Stream, book: Book, levels: int, now_ms: int) -> Payloads:
    """The best levels, whole, when the book has changed; at first, as they are."""
    if stream.told == book.update_id:
        return
    before = book.update_id - 1 if stream.told is None else stream.told
    stream.told = book.update_id
    bids, asks = book.depth(levels)
    yield _depth_update(book, before, book.update_id, bids, asks, now_ms)


def _depth_update(
    book: Book, before: int, update_id: int, bids: list[list[str]], asks: list[list[str]], now_ms: int
) -> dict[str, Any]:
    return {
        "e": "depthUpdate",
        "E": now_ms,
        "T": now_ms,
        "s": book.contract.symbol,
        "U": before + 1,
        "u": update_id,
        "pu": before,
        "b": bids,
        "a": asks,
    }


def _book_ticker(stream: _Stream, book: Book, now_ms: int) -> Payloads:
    best = market_views.best(book)
    if stream.told == best:
        return
    stream.told = best
    bid, bid_quantity, ask, ask_quantity = best
    yield {
        "e": "bookTicker",
        "u": book.update_id,
        "s": book.contract.symbol,
        "b": bid,
        "B": bid_quantity,
        "a": ask,
        "A": ask_quantity,
        "T": now_ms,
        "E": now_ms,
    }
