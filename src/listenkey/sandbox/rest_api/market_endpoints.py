"""
The REST paths of market data, of block trades, and of what this venue does not have. Pure.

Parameters and weights are those of [SDK rest_api/api/market_data_api.py], and of [L] where it has none. Block trades
are agreed on between two market makers outside the book: here nobody offers any, so the lists are empty, and a new one
is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from listenkey.sandbox.exchange.rejections import INVALID_LIMIT, Rejected, rejected
from listenkey.sandbox.rest_api.endpoints import Call, Endpoint, costs
from listenkey.sandbox.rest_api.refusals import Refusal

if TYPE_CHECKING:
    from listenkey.sandbox.rest_api.parameters import Parameters

DEPTH_WEIGHTS: Final = ((50, 1), (100, 5), (500, 10), (1_000, 20))
"""Numbers of levels, and the weight up to each. [SDK order_book]"""

KLINES_DEFAULT: Final = 500
KLINES_MAX: Final = 1_500
TRADES_DEFAULT: Final = 100
TRADES_MAX: Final = 500
EXERCISES_MAX: Final = 100


def depth(call: Call) -> Any:
    """The order book of a symbol."""
    symbol = call.parameters.needed("symbol")
    return call.context.exchange.depth(symbol, limit=call.parameters.limit(100, 1000))


def depth_weight(asked: Parameters) -> int:
    """Return the weight by the number of levels; a limit that is refused costs the least."""
    try:
        limit = asked.limit(100, 1_000)
    except Rejected:
        return DEPTH_WEIGHTS[0][1]
    return next(weight for levels, weight in DEPTH_WEIGHTS if limit <= levels)


def index_price(call: Call) -> Any:
    """The price of an underlying."""
    underlying = call.parameters.needed("underlying")
    return {"time": call.now_ms, "indexPrice": f"{call.context.exchange.index_price(underlying):f}"}


def ticker(call: Call) -> Any:
    """The last 24 hours of one contract or all; a list also for one."""
    return call.context.exchange.tickers(call.parameters.text("symbol"), call.now_ms)


def mark(call: Call) -> Any:
    """Marks, volatilities and greeks of one contract or all; a list also for one."""
    return call.context.exchange.marks(call.parameters.text("symbol"), call.now_ms)


def klines(call: Call) -> Any:
    """Candles of a contract."""
    asked = call.parameters
    return call.context.exchange.klines(
        asked.needed("symbol"),
        asked.needed("interval"),
        start_ms=asked.integer("startTime"),
        end_ms=asked.integer("endTime"),
        limit=asked.limit(KLINES_DEFAULT, KLINES_MAX),
        now_ms=call.now_ms,
    )


def trades(call: Call) -> Any:
    """The newest trades of a contract."""
    asked = call.parameters
    return call.context.exchange.public_trades(asked.needed("symbol"), asked.limit(TRADES_DEFAULT, TRADES_MAX))


def historical_trades(call: Call) -> Any:
    """Older trades, from a public id on; without one the newest."""
    asked = call.parameters
    limit = asked.limit(TRADES_DEFAULT, TRADES_MAX)
    return call.context.exchange.public_trades(asked.needed("symbol"), limit, asked.integer("fromId"))


def open_interest(call: Call) -> Any:
    """Return the open interest in the contracts of one asset and day."""
    asked = call.parameters
    return call.context.exchange.open_interest(asked.needed("underlyingAsset"), asked.needed("expiration"), call.now_ms)


def exercise_history(call: Call) -> Any:
    """Return the exercise history: how contracts ended."""
    asked = call.parameters
    return call.context.exchange.exercise_history(
        asked.text("underlying"),
        start_ms=asked.integer("startTime"),
        end_ms=asked.integer("endTime"),
        limit=asked.limit(EXERCISES_MAX, EXERCISES_MAX),
    )


def no_block_trades(call: Call) -> Any:
    """Lists of block trades: there are none."""
    symbol, limit = call.parameters.text("symbol"), call.parameters.integer("limit")
    if symbol is not None:
        call.context.exchange.depth(symbol, 1)  # refuses a symbol that is none
    if limit == 0:
        raise rejected(INVALID_LIMIT)
    return []


def unsupported(call: Call) -> Any:
    """Refuse what this venue does not have, with the documented code and words for it."""
    _ = call
    raise Refusal(-1020, "This operation is not supported.")


_ONE: Final = costs(1)
_FIVE: Final = costs(5)
_V1: Final = "/eapi/v1"
_BLOCK: Final = f"{_V1}/block"

MARKET_ENDPOINTS: Final[dict[tuple[str, str], Endpoint]] = {
    ("GET", f"{_V1}/depth"): Endpoint(depth, depth_weight, "none"),
    ("GET", f"{_V1}/index"): Endpoint(index_price, _ONE, "none"),
    ("GET", f"{_V1}/ticker"): Endpoint(ticker, lambda asked: 1 if asked.text("symbol") else 40, "none"),
    ("GET", f"{_V1}/mark"): Endpoint(mark, _FIVE, "none"),
    ("GET", f"{_V1}/klines"): Endpoint(klines, _ONE, "none"),
    ("GET", f"{_V1}/trades"): Endpoint(trades, _FIVE, "none"),
    ("GET", f"{_V1}/historicalTrades"): Endpoint(historical_trades, costs(20), "key"),
    ("GET", f"{_V1}/openInterest"): Endpoint(open_interest, costs(0), "none"),
    ("GET", f"{_V1}/exerciseHistory"): Endpoint(exercise_history, costs(3), "none"),
    ("GET", f"{_V1}/blockTrades"): Endpoint(no_block_trades, _FIVE, "none"),
    ("GET", f"{_BLOCK}/order/orders"): Endpoint(no_block_trades, _FIVE, "signed"),
    ("GET", f"{_BLOCK}/user-trades"): Endpoint(no_block_trades, _FIVE, "signed"),
    ("POST", f"{_BLOCK}/order/create"): Endpoint(unsupported, _FIVE, "signed"),
    ("PUT", f"{_BLOCK}/order/create"): Endpoint(unsupported, _FIVE, "signed"),
    ("DELETE", f"{_BLOCK}/order/create"): Endpoint(unsupported, _FIVE, "signed"),
    ("POST", f"{_BLOCK}/order/execute"): Endpoint(unsupported, _FIVE, "signed"),
    ("GET", f"{_BLOCK}/order/execute"): Endpoint(unsupported, _FIVE, "signed"),
    ("POST", f"{_V1}/stock/contract"): Endpoint(unsupported, costs(50), "signed"),
    ("GET", f"{_V1}/income/asyn"): Endpoint(unsupported, _FIVE, "signed"),
    ("GET", f"{_V1}/income/asyn/id"): Endpoint(unsupported, _FIVE, "signed"),
}
"""`stock/contract` is the agreement for TradFi options, which are not listed here; `income/asyn` was of files to download."""
