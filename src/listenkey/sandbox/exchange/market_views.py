"""
The answers of the public market data calls: what the tape, the books and the model say, and nothing made up.

Keys are those of the official connector's models and of the published samples. [SDK rest_api/models]
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from listenkey.sandbox.exchange import rejections
from listenkey.sandbox.exchange.black_scholes import implied_volatility
from listenkey.sandbox.exchange.orders import ZERO
from listenkey.sandbox.exchange.payloads import money
from listenkey.sandbox.exchange.rejections import rejected
from listenkey.sandbox.exchange.tape import INTERVALS, MINUTE_MS, start_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from listenkey.sandbox.exchange.book import Book
    from listenkey.sandbox.exchange.contracts import Contract
    from listenkey.sandbox.exchange.records import Settlement
    from listenkey.sandbox.exchange.state import ExchangeState
    from listenkey.sandbox.exchange.tape import Candle, PublicTrade

IN_THE_MONEY: Final = "REALISTIC_VALUE_STRICKEN"
OUT_OF_MONEY: Final = "EXTRINSIC_VALUE_EXPIRED"
"""Results of an expiry. [SDK market_data_api.py]"""

NO_VOLATILITY: Final = "-1.0"
"""The volatility of a side without an order, or at a price none explains, as the sample of mark prices prints it."""


def ticker(state: ExchangeState, book: Book, now_ms: int) -> dict[str, Any]:
    """A row of `ticker`: the last 24 hours. The change in percent is printed as a fraction, as the sample does."""
    contract = book.contract
    day = state.tape.day(contract.symbol, now_ms)
    price = contract.price_format
    change = day.close - day.open if day is not None else ZERO
    share = change / day.open if day is not None else ZERO
    bid, _, ask, _ = best(book)
    return {
        "symbol": contract.symbol,
        "priceChange": format(change, price),
        "priceChangePercent": f"{share:z.4f}",
        "lastPrice": format(day.close if day else ZERO, price),
        "lastQty": format(day.last_quantity if day else ZERO, contract.quantity_format),
        "open": format(day.open if day else ZERO, price),
        "high": format(day.high if day else ZERO, price),
        "low": format(day.low if day else ZERO, price),
        "volume": format(day.volume if day else ZERO, contract.quantity_format),
        "amount": money(day.amount if day else ZERO),
        "bidPrice": bid,
        "askPrice": ask,
        "openTime": day.first_ms if day else 0,
        "closeTime": day.last_ms if day else 0,
        "firstTradeId": day.first_id if day else 0,
        "tradeCount": day.count if day else 0,
        "strikePrice": f"{contract.strike:f}",
        "exercisePrice": f"{state.prices.index(contract.underlying.name):f}",
    }


def mark(state: ExchangeState, book: Book) -> dict[str, Any]:
    """A row of `mark`. The price limits are the filter's, which are the ones that hold here; there is no interest."""
    contract = book.contract
    quote = state.prices.quote(contract)
    return {
        "symbol": contract.symbol,
        "markPrice": f"{quote.mark:f}",
        "bidIV": side_volatility(state, book, is_bid=True),
        "askIV": side_volatility(state, book, is_bid=False),
        "markIV": f"{state.prices.volatility(contract):.8f}",
        "delta": money(quote.delta),
        "theta": money(quote.theta),
        "gamma": money(quote.gamma),
        "vega": money(quote.vega),
        "highPriceLimit": format(contract.underlying.max_price, contract.price_format),
        "lowPriceLimit": format(contract.underlying.tick, contract.price_format),
        "riskFreeInterest": "0.0",
    }


def side_volatility(state: ExchangeState, book: Book, *, is_bid: bool) -> str:
    """The volatility at which the model gives the best price of a side."""
    contract = book.contract
    ticks = book.best_bid_ticks() if is_bid else book.best_ask_ticks()
    if ticks is None:
        return NO_VOLATILITY
    found = implied_volatility(
        price=float(contract.underlying.tick * ticks),
        spot=float(state.prices.index(contract.underlying.name)),
        strike=float(contract.strike),
        left_ms=contract.expiry_ms - state.now_ms,
        is_call=contract.is_call,
    )
    return NO_VOLATILITY if found is None else f"{found:.8f}"


def best(book: Book) -> tuple[str, str, str, str]:
    """The best bid, its quantity, the best ask and its quantity; zero for a side without an order."""
    contract = book.contract
    nothing = [format(ZERO, contract.price_format), format(ZERO, contract.quantity_format)]
    bids, asks = book.depth(1)
    bid, ask = (bids or [nothing])[0], (asks or [nothing])[0]
    return bid[0], bid[1], ask[0], ask[1]


def trade(trade: PublicTrade, generation: str) -> dict[str, Any]:
    """A row of `trades` and `historicalTrades`: 1 is a taker who bought, -1 one who sold, whose quantities are negative."""
    sign = "" if trade.buyer_took else "-"
    ids: dict[str, Any] = {"id": trade.id, "tradeId": trade.trade_id}
    if generation == "legacy":
        ids = {"id": str(trade.id)}
    return ids | {
        "symbol": trade.contract.symbol,
        "price": trade.price,
        "qty": sign + trade.quantity,
        "quoteQty": sign + money(trade.amount),
        "side": 1 if trade.buyer_took else -1,
        "time": trade.time_ms,
    }


def klines(
    state: ExchangeState,
    contract: Contract,
    interval: str,
    *,
    start_ms: int | None,
    end_ms: int | None,
    limit: int,
    now_ms: int,
) -> list[dict[str, Any]]:
    """
    Rows of `klines`: from a start on the oldest, else the newest.

    Raises:
        Rejected: -1120 for an interval that is none, -6031 for a start after the end.
    """
    if interval not in INTERVALS:
        raise rejected(rejections.BAD_INTERVAL)
    if start_ms is not None and end_ms is not None and start_ms > end_ms:
        raise rejected(rejections.START_AFTER_END)
    length_ms = INTERVALS[interval]
    last_ms = start_of(interval, min(now_ms, now_ms if end_ms is None else end_ms))
    first_ms = last_ms - (limit - 1) * length_ms
    if start_ms is not None:
        # Candles before the day the venue of this sandbox opened are none; a start at 0 must not walk through them.
        first_ms = max(start_of(interval, start_ms + length_ms - 1), start_of(interval, state.opened_ms))
        last_ms = min(last_ms, first_ms + (limit - 1) * length_ms)
    rows = []
    for candle in state.tape.candles(contract.symbol, interval, first_ms, last_ms):
        price, quantity = contract.price_format, contract.quantity_format
        rows.append(
            {
                "open": format(candle.open, price),
                "high": format(candle.high, price),
                "low": format(candle.low, price),
                "close": format(candle.close, price),
                "volume": format(candle.volume, quantity),
                "amount": money(candle.amount),
                "interval": interval,
                "tradeCount": candle.count,
                "takerVolume": format(candle.taker_volume, quantity),
                "takerAmount": money(candle.taker_amount),
                "openTime": candle.start_ms,
                "closeTime": candle.start_ms + length_ms - 1,
            }
        )
    return rows


def open_interest(state: ExchangeState, base: str, expiration: str) -> list[tuple[Contract, Decimal, Decimal]]:
    """
    Contracts of an asset and a day like 251226, what is held of each, and that at the index, USDT.

    Raises:
        Rejected: -1128, nothing of that asset is listed.
    """
    if base not in {each.base for each in state.underlyings.values()}:
        raise rejected(rejections.BAD_CONTRACT)
    ending = f"{base}-{expiration}-"
    chosen = [book.contract for symbol, book in state.books.items() if symbol.startswith(ending)]
    held = dict.fromkeys((contract.symbol for contract in chosen), ZERO)
    for account in state.accounts.values():
        for contract in chosen:
            position = account.positions.get(contract.symbol)
            if position is not None and position.quantity > 0:
                held[contract.symbol] += position.quantity
    index = state.prices.index(chosen[0].underlying.name) if chosen else ZERO
    return [(contract, held[contract.symbol], held[contract.symbol] * index) for contract in chosen]


def open_interest_rows(found: Iterable[tuple[Contract, Decimal, Decimal]], now_ms: int) -> list[dict[str, Any]]:
    """Rows of `openInterest`; their time is a text, of a whole minute."""
    return [
        {
            "symbol": contract.symbol,
            "sumOpenInterest": format(quantity, contract.quantity_format),
            "sumOpenInterestUsd": money(value),
            "timestamp": str(now_ms - now_ms % MINUTE_MS),
        }
        for contract, quantity, value in found
    ]


def settlement(settled: Settlement) -> dict[str, Any]:
    """A row of `exerciseHistory`. [SDK]"""
    contract = settled.contract
    return {
        "symbol": contract.symbol,
        "strikePrice": f"{contract.strike:f}",
        "realStrikePrice": money(settled.index_price),
        "expiryDate": contract.expiry_ms,
        "strikeResult": IN_THE_MONEY if contract.payoff(settled.index_price) else OUT_OF_MONEY,
    }


def changed_levels(before: dict[str, str], now: dict[str, str]) -> list[list[str]]:
    """The price levels of a side that changed; one that is gone has no quantity."""
    gone = [[price, "0"] for price in before if price not in now]
    return gone + [[price, quantity] for price, quantity in now.items() if before.get(price) != quantity]


def candle_payload(contract: Contract, interval: str, candle: Candle, now_ms: int, *, closed: bool) -> dict[str, Any]:
    """An event of `<symbol>@kline_<interval>`. [O websocket-market-streams/Kline-Candlestick-Streams]"""
    price, quantity = contract.price_format, contract.quantity_format
    return {
        "e": "kline",
        "E": now_ms,
        "s": contract.symbol,
        "k": {
            "t": candle.start_ms,
            "T": candle.start_ms + INTERVALS[interval] - 1,
            "s": contract.symbol,
            "i": interval,
            "f": candle.first_id,
            "L": candle.last_id,
            "o": format(candle.open, price),
            "c": format(candle.close, price),
            "h": format(candle.high, price),
            "l": format(candle.low, price),
            "v": format(candle.volume, quantity),
            "n": candle.count,
            "x": closed,
            "q": money(candle.amount),
            "V": format(candle.taker_volume, quantity),
            "Q": money(candle.taker_amount),
        },
    }


def ticker_payload(state: ExchangeState, book: Book, now_ms: int) -> dict[str, Any]:
    """An event of `<symbol>@optionTicker`: the last 24 hours. Its change is in percent, with two decimals as printed."""
    contract = book.contract
    price, quantity = contract.price_format, contract.quantity_format
    day = state.tape.day(contract.symbol, now_ms)
    change = day.close - day.open if day else ZERO
    percent = 100 * change / day.open if day else ZERO
    return {
        "e": "24hrTicker",
        "E": now_ms,
        "s": contract.symbol,
        "p": format(change, price),
        "P": f"{percent:z.2f}",
        "w": format(day.amount / day.volume if day else ZERO, price),
        "c": format(day.close if day else ZERO, price),
        "Q": format(day.last_quantity if day else ZERO, quantity),
        "o": format(day.open if day else ZERO, price),
        "h": format(day.high if day else ZERO, price),
        "l": format(day.low if day else ZERO, price),
        "v": format(day.volume if day else ZERO, quantity),
        "q": money(day.amount if day else ZERO),
        "O": day.first_ms if day else 0,
        "C": day.last_ms if day else 0,
        "F": day.first_id if day else 0,
        "L": day.last_id if day else 0,
        "n": day.count if day else 0,
    }


def mark_payload(state: ExchangeState, book: Book, now_ms: int) -> dict[str, Any]:
    """An element of `<underlying>@optionMarkPrice`. [O websocket-market-streams/Mark-Price]"""
    contract = book.contract
    quote = state.prices.quote(contract)
    index = f"{state.prices.index(contract.underlying.name):f}"
    bid, bid_quantity, ask, ask_quantity = best(book)
    return {
        "s": contract.symbol,
        "mp": f"{quote.mark:f}",
        "E": now_ms,
        "e": "markPrice",
        "i": index,
        "P": index,
        "bo": bid,
        "ao": ask,
        "bq": bid_quantity,
        "aq": ask_quantity,
        "b": side_volatility(state, book, is_bid=True),
        "a": side_volatility(state, book, is_bid=False),
        "hl": format(contract.underlying.max_price, contract.price_format),
        "ll": format(contract.underlying.tick, contract.price_format),
        "vo": f"{state.prices.volatility(contract):.8f}",
        "rf": "0.0",
        "d": money(quote.delta),
        "t": money(quote.theta),
        "g": money(quote.gamma),
        "v": money(quote.vega),
    }


def trade_payload(trade: PublicTrade, now_ms: int) -> dict[str, Any]:
    """An event of `<symbol>@optionTrade`. [O websocket-market-streams/Trade-Streams]"""
    return {
        "e": "trade",
        "E": now_ms,
        "T": trade.time_ms,
        "s": trade.contract.symbol,
        "t": trade.trade_id,
        "p": trade.price,
        "q": trade.quantity,
        "X": "MARKET",
        "S": "BUY" if trade.buyer_took else "SELL",
        "m": not trade.buyer_took,
    }


def listing_payload(contract: Contract, listed_ms: int, now_ms: int) -> dict[str, Any]:
    """An event of `!optionSymbol`. [O websocket-market-streams/New-Symbol-Info]"""
    return {
        "e": "optionSymbol",
        "E": now_ms,
        "s": contract.symbol,
        "ps": contract.underlying.name,
        "qa": "USDT",
        "d": contract.option_side,
        "sp": f"{contract.strike:f}",
        "dt": contract.expiry_ms,
        "u": 1,
        "ot": listed_ms,
        "cs": "TRADING",
    }
