"""The public record: trades in order, and candles that add up."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest

from listenkey.sandbox.exchange import tape as tapes
from listenkey.sandbox.exchange.tape import DAY_MS, INTERVALS, MINUTE_MS, Candle, Tape, start_of
from tests.sandbox.exchange.exchange_kit import NOW_MS, Pit

START_MS = NOW_MS - NOW_MS % DAY_MS


def taped(trades: list[tuple[int, str, str, bool]]) -> tuple[Tape, str]:
    """A tape with trades at so many ms after midnight; the symbol."""
    tape, contract = Tape(), Pit().exchange.state.contract(Pit().symbol)
    for number, (after_ms, price, quantity, buyer_took) in enumerate(trades, 1):
        amount = Decimal(quantity)
        tape.record(contract, number, Decimal(price), price, amount, START_MS + after_ms, buyer_took=buyer_took)
    return tape, contract.symbol


def test_trades_are_the_newest_or_those_from_an_id_on() -> None:
    tape, symbol = taped([(number, "1", "1", True) for number in range(5)])
    ids = [trade.id for trade in tape.trades(symbol, 10)]
    assert ids == sorted(set(ids))
    assert [trade.trade_id for trade in tape.trades(symbol, 2)] == [4, 5]
    assert [trade.trade_id for trade in tape.trades(symbol, 2, ids[1])] == [2, 3]
    assert [trade.trade_id for trade in tape.since(ids[2])] == [4, 5]
    assert list(tape.since(tape.last_id)) == []
    tape.forget(symbol)
    assert tape.trades(symbol, 10) == []
    assert tape.day(symbol, START_MS) is None


def test_a_minute_is_a_candle() -> None:
    tape, symbol = taped(
        [(0, "3", "1", True), (1, "5", "2", False), (59_999, "2", "3", True), (60_000, "9", "1", True)]
    )
    first = tape.candle(symbol, START_MS, MINUTE_MS)
    assert first == Candle(
        START_MS,
        Decimal(3),
        Decimal(5),
        Decimal(2),
        Decimal(2),
        Decimal(3),
        Decimal(6),
        Decimal(19),
        Decimal(4),
        Decimal(9),
        3,
        1,
        3,
        START_MS,
        START_MS + 59_999,
    )
    assert tape.candle(symbol, START_MS - MINUTE_MS, MINUTE_MS) is None


@pytest.mark.parametrize("interval", INTERVALS)
def test_longer_candles_are_what_their_minutes_add_up_to(interval: str) -> None:
    rng = random.Random(interval)
    trades = sorted(rng.randrange(8 * DAY_MS) for _ in range(300))
    asked = [(at, str(rng.randint(1, 9)), "1", rng.random() < 0.5) for at in trades]
    tape, symbol = taped(asked)
    length_ms, end_ms = INTERVALS[interval], START_MS + 8 * DAY_MS
    first_ms = start_of(interval, START_MS)
    candles = list(tape.candles(symbol, interval, first_ms, end_ms))
    assert [each.start_ms for each in candles] == list(range(candles[0].start_ms, end_ms + 1, length_ms))
    for candle in candles:
        prices = [Decimal(price) for at, price, *_ in asked if 0 <= START_MS + at - candle.start_ms < length_ms]
        assert candle.count == len(prices)
        if prices:
            told = (candle.open, candle.high, candle.low, candle.close, candle.volume)
            assert told == (prices[0], max(prices), min(prices), prices[-1], Decimal(len(prices)))
    assert sum(candle.count for candle in candles) == len(trades)


def test_a_span_without_a_trade_is_flat_and_before_the_first_is_nothing() -> None:
    tape, symbol = taped([(3 * MINUTE_MS, "4", "1", True), (5 * MINUTE_MS, "6", "1", True)])
    told = [
        ((each.start_ms - START_MS) // MINUTE_MS, int(each.open), each.count)
        for each in tape.candles(symbol, "1m", START_MS, START_MS + 7 * MINUTE_MS)
    ]
    assert told == [(3, 4, 1), (4, 4, 0), (5, 6, 1), (6, 6, 0), (7, 6, 0)]
    later = list(tape.candles(symbol, "1m", START_MS + 6 * MINUTE_MS, START_MS + 6 * MINUTE_MS))
    assert [(int(each.close), each.count) for each in later] == [(6, 0)], "the price is that of before the window"
    assert list(tape.candles("other", "1m", START_MS, START_MS + MINUTE_MS)) == []


def test_a_day_is_24_hours() -> None:
    tape, symbol = taped([(0, "1", "1", True), (MINUTE_MS, "2", "1", True), (DAY_MS, "3", "1", True)])
    day = tape.day(symbol, START_MS + DAY_MS + MINUTE_MS)
    assert day is not None
    assert (int(day.open), int(day.close), day.count) == (2, 3, 2)
    assert tape.day(symbol, START_MS + 3 * DAY_MS) is None


def test_weeks_begin_on_monday() -> None:
    assert start_of("1w", 1_795_330_000_000) == 1_794_787_200_000  # Sunday 22 November 2026, Monday the 16th


def test_all_that_is_kept_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tapes, "TRADES_MAX", 3)
    monkeypatch.setattr(tapes, "MINUTES_MAX", 2)
    monkeypatch.setattr(tapes, "RECENT_MAX", 4)
    tape, symbol = taped([(number * MINUTE_MS, "1", "1", True) for number in range(10)])
    assert [trade.trade_id for trade in tape.trades(symbol, 100)] == [8, 9, 10]
    assert [trade.trade_id for trade in tape.since(0)] == [7, 8, 9, 10]
    day = tape.day(symbol, START_MS + 10 * MINUTE_MS)
    assert day is not None
    assert day.count == 2


def test_every_trade_of_the_engine_is_on_the_tape_once() -> None:
    pit = Pit()
    pit.sell("bob", "1", "100")
    pit.sell("bob", "1", "101")
    pit.buy("alice", "1.5", "101")
    told = [
        (each.trade_id, each.price, each.quantity, each.buyer_took)
        for each in pit.exchange.state.tape.trades(pit.symbol, 10)
    ]
    assert told == [(1, "100.0", "1.00", True), (2, "101.0", "0.50", True)]
    assert [(each["trade_id"], each["price"]) for each in pit.exchange.ledger("alice")["fills"]] == [
        (1, "100.0"),
        (2, "101.0"),
    ]
