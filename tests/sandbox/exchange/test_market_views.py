"""Rows of the public calls: the exchange that is there, in the documented keys."""

from __future__ import annotations

from decimal import Decimal

import pytest

from listenkey.sandbox.exchange import market_views
from listenkey.sandbox.exchange.black_scholes import implied_volatility, value
from listenkey.sandbox.exchange.exchange import Rejected
from listenkey.sandbox.exchange.queries import Window
from listenkey.sandbox.exchange.tape import MINUTE_MS
from tests.sandbox.exchange.exchange_kit import NOW_MS, Pit


def traded() -> Pit:
    """Two trades at 100 and 110, a bid at 90 and an ask at 120."""
    pit = Pit()
    for price, quantity in (("100", "1"), ("110", "2")):
        pit.sell("bob", quantity, price)
        pit.buy("alice", quantity, price)
    pit.buy("alice", "3", "90")
    pit.sell("bob", "4", "120")
    return pit


def test_a_ticker_is_the_trades_and_the_book() -> None:
    pit = traded()
    [row] = pit.exchange.tickers(pit.symbol, pit.now_ms)
    told = {name: row[name] for name in ("open", "lastPrice", "high", "low", "priceChange", "priceChangePercent")}
    assert told == {
        "open": "100.0",
        "lastPrice": "110.0",
        "high": "110.0",
        "low": "100.0",
        "priceChange": "10.0",
        "priceChangePercent": "0.1000",
    }
    assert (row["volume"], row["amount"], row["lastQty"]) == ("3.00", "320.00000000", "2.00")
    assert (row["bidPrice"], row["askPrice"], row["tradeCount"], row["firstTradeId"]) == ("90.0", "120.0", 2, 1)
    assert row["closeTime"] > row["openTime"] > NOW_MS
    index = pit.exchange.index_price(pit.exchange.state.contract(pit.symbol).underlying.name)
    assert row["exercisePrice"] == f"{index:f}"
    quiet = next(each for each in pit.exchange.tickers(None, pit.now_ms) if each["symbol"] == pit.btc)
    assert (quiet["lastPrice"], quiet["tradeCount"], quiet["openTime"]) == ("0.0", 0, 0)
    assert len(pit.exchange.tickers(None, pit.now_ms)) == 60


def test_a_mark_is_the_models_and_its_volatilities_give_the_prices_back() -> None:
    pit = traded()
    [row] = pit.exchange.marks(pit.symbol, pit.now_ms)
    contract = pit.exchange.state.contract(pit.symbol)
    assert row["markPrice"] == f"{pit.exchange.mark_price(pit.symbol):f}"

    def worth(volatility: str) -> float:
        return value(
            spot=float(pit.exchange.index_price(contract.underlying.name)),
            strike=float(contract.strike),
            left_ms=contract.expiry_ms - pit.exchange.state.now_ms,
            volatility=float(volatility),
            is_call=contract.is_call,
        ).price

    assert worth(row["markIV"]) == pytest.approx(float(row["markPrice"]), rel=1e-3)
    for side, price in (("bidIV", 90), ("askIV", 120)):
        if row[side] != market_views.NO_VOLATILITY:
            assert worth(row[side]) == pytest.approx(price, rel=1e-6)
    [bare] = pit.exchange.marks(pit.btc, pit.now_ms)
    assert (bare["bidIV"], bare["askIV"]) == ("-1.0", "-1.0")
    assert bare["lowPriceLimit"] == "0.1"


def test_a_price_that_no_volatility_explains_has_none() -> None:
    asked = {"spot": 100.0, "strike": 100.0, "left_ms": 86_400_000, "is_call": True}
    assert implied_volatility(price=1e9, **asked) is None  # type: ignore[arg-type]
    assert implied_volatility(price=0.0, **asked) is None  # type: ignore[arg-type]
    assert implied_volatility(price=2.0, **asked) == pytest.approx(0.96, abs=0.02)  # type: ignore[arg-type]


def test_public_trades_have_a_sign_and_in_the_legacy_form_a_text_for_an_id() -> None:
    pit = traded()
    rows = pit.exchange.public_trades(pit.symbol, 10)
    assert [(row["price"], row["qty"], row["quoteQty"], row["side"]) for row in rows] == [
        ("100.0", "1.00", "100.00000000", 1),
        ("110.0", "2.00", "220.00000000", 1),
    ]
    pit.sell("bob", "1", "90")
    newest = pit.exchange.public_trades(pit.symbol, 1)[0]
    assert (newest["qty"], newest["quoteQty"], newest["side"]) == ("-1.00", "-90.00000000", -1)
    assert pit.exchange.public_trades(pit.symbol, 1, rows[1]["id"]) == [rows[1]]
    pit.exchange.switches.generation = "legacy"
    legacy = pit.exchange.public_trades(pit.symbol, 1)[0]
    assert (legacy["id"], "tradeId" in legacy) == (str(newest["id"]), False)


def test_candles_by_limit_by_start_and_by_end() -> None:
    pit = traded()
    exchange, symbol = pit.exchange, pit.symbol
    later_ms = pit.now_ms + 10 * MINUTE_MS
    newest = exchange.klines(symbol, "1m", limit=3, now_ms=later_ms)
    assert [row["openTime"] for row in newest] == [(later_ms // MINUTE_MS - back) * MINUTE_MS for back in (2, 1, 0)]
    assert {row["tradeCount"] for row in newest} == {0}
    assert {(row["open"], row["close"]) for row in newest} == {("110.0", "110.0")}
    whole = exchange.klines(symbol, "1h", start_ms=0, limit=1500, now_ms=later_ms)
    assert (whole[0]["open"], whole[0]["close"], whole[0]["volume"], whole[0]["tradeCount"]) == (
        "100.0",
        "110.0",
        "3.00",
        2,
    )
    assert whole[0]["closeTime"] == whole[0]["openTime"] + 3_600_000 - 1
    first = exchange.klines(symbol, "1m", start_ms=0, end_ms=later_ms, limit=2, now_ms=later_ms)
    assert [row["tradeCount"] for row in first] == [2, 0]
    assert exchange.klines(symbol, "1m", end_ms=pit.now_ms - 10 * MINUTE_MS, limit=5, now_ms=later_ms) == []
    for wrong, code in (({"interval": "7m"}, -1120), ({"interval": "1m", "start_ms": 2, "end_ms": 1}, -6031)):
        with pytest.raises(Rejected) as caught:
            exchange.klines(symbol, limit=5, now_ms=later_ms, **wrong)
        assert caught.value.code == code


def test_open_interest_is_what_longs_hold() -> None:
    pit = traded()
    contract = pit.exchange.state.contract(pit.symbol)
    base, day = pit.symbol.split("-")[:2]
    rows = {row["symbol"]: row for row in pit.exchange.open_interest(base, day, pit.now_ms)}
    assert len(rows) == 10
    row = rows[pit.symbol]
    assert row["sumOpenInterest"] == "3.00"
    assert Decimal(row["sumOpenInterestUsd"]) == 3 * pit.exchange.index_price(contract.underlying.name)
    assert int(row["timestamp"]) == pit.now_ms - pit.now_ms % MINUTE_MS
    assert pit.exchange.open_interest(base, "200101", pit.now_ms) == []
    with pytest.raises(Rejected) as caught:
        pit.exchange.open_interest("DOGE", day, pit.now_ms)
    assert caught.value.code == -1128


def test_how_contracts_ended_is_kept_for_everybody() -> None:
    pit = Pit()
    first = pit.exchange.symbols()[0]
    contract = pit.exchange.state.contract(first)
    pit.exchange.advance(contract.expiry_ms)
    asked: Window = {"limit": 100}
    rows = {row["symbol"]: row for row in pit.exchange.exercise_history(None, **asked)}
    assert len(rows) == 20
    row = rows[first]
    worth = contract.payoff(Decimal(row["realStrikePrice"]))
    assert row["strikeResult"] == ("REALISTIC_VALUE_STRICKEN" if worth else "EXTRINSIC_VALUE_EXPIRED")
    assert {each["strikeResult"] for each in rows.values()} == {"REALISTIC_VALUE_STRICKEN", "EXTRINSIC_VALUE_EXPIRED"}
    assert row["expiryDate"] == contract.expiry_ms
    bitcoin = pit.exchange.exercise_history("BTCUSDT", **asked)
    assert {each["symbol"][:3] for each in bitcoin} == {"BTC"}
    assert pit.exchange.exercise_history("BTCUSDT", end_ms=contract.expiry_ms - 1) == []
    with pytest.raises(Rejected):
        pit.exchange.exercise_history("DOGEUSDT", **asked)
    with pytest.raises(Rejected):
        pit.exchange.public_trades(first, 5)


def test_levels_that_are_gone_are_told_without_a_quantity() -> None:
    assert market_views.changed_levels({"1": "5", "2": "6", "3": "7"}, {"2": "6", "3": "8", "4": "9"}) == [
        ["1", "0"],
        ["3", "8"],
        ["4", "9"],
    ]
