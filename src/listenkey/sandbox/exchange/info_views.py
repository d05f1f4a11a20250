"""`exchangeInfo`: what trades, by which rules, within which limits. [O market-data/Exchange-Information]"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from listenkey.sandbox.exchange.contracts import SETTLEMENT_ASSET
from listenkey.sandbox.exchange.margin import FEE_RATE
from listenkey.sandbox.exchange.pricing import INITIAL_MARGIN, MAINTENANCE_MARGIN

if TYPE_CHECKING:
    from collections.abc import Iterable

    from listenkey.sandbox.exchange.contracts import Contract, Underlying
    from listenkey.sandbox.switches import Switches

LIQUIDATION_FEE_RATE: Final = "0.0019000"
"""The rate as the sample prints it; a liquidation costs the ordinary fee here."""


def exchange_info(
    underlyings: Iterable[Underlying], contracts: Iterable[Contract], switches: Switches, now_ms: int
) -> dict[str, Any]:
    """The whole answer."""
    return {
        "timezone": "UTC",
        "serverTime": now_ms,
        "optionContracts": [
            {
                "baseAsset": each.base,
                "quoteAsset": SETTLEMENT_ASSET,
                "underlying": each.name,
                "settleAsset": SETTLEMENT_ASSET,
            }
            for each in underlyings
        ],
        "optionAssets": [{"name": SETTLEMENT_ASSET}],
        "optionSymbols": [_symbol(each, switches) for each in contracts],
        "rateLimits": [
            _limit("REQUEST_WEIGHT", "MINUTE", 1, switches.weight_per_minute),
            _limit("ORDERS", "MINUTE", 1, switches.orders_per_minute),
            _limit("ORDERS", "SECOND", 10, switches.orders_per_10_s),
        ],
    }


def _limit(kind: str, interval: str, number: int, limit: int) -> dict[str, Any]:
    return {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit}


def _symbol(contract: Contract, switches: Switches) -> dict[str, Any]:
    rules, legacy = contract.underlying, switches.generation == "legacy"
    tick, step, most = f"{rules.tick:f}", f"{rules.step:f}", f"{rules.max_quantity:f}"
    row: dict[str, Any] = {
        "expiryDate": contract.expiry_ms,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": f"{rules.max_price:f}", "tickSize": tick},
            {"filterType": "LOT_SIZE", "minQty": step, "maxQty": most, "stepSize": step},
        ],
        "symbol": contract.symbol,
        "side": contract.option_side,
        "strikePrice": f"{contract.strike:f}",
        "underlying": rules.name,
        "unit": 1,
    }
    if legacy:
        row |= {"makerFeeRate": f"{FEE_RATE:f}", "takerFeeRate": f"{FEE_RATE:f}"}
    else:
        row |= {"liquidationFeeRate": LIQUIDATION_FEE_RATE}
    row |= {
        "minQty": step,
        "maxQty": most,
        "initialMargin": f"{INITIAL_MARGIN[0]:f}",
        "maintenanceMargin": f"{MAINTENANCE_MARGIN[0]:f}",
        "minInitialMargin": f"{INITIAL_MARGIN[1]:f}",
        "minMaintenanceMargin": f"{MAINTENANCE_MARGIN[1]:f}",
        "priceScale": contract.price_scale,
        "quantityScale": contract.quantity_scale,
        "quoteAsset": SETTLEMENT_ASSET,
    }
    if not legacy:
        row |= {
            "contractType": "CRYPTO_OPTIONS",
            "underlyingType": "CRYPTO",
            "nakedSell": switches.naked_sell,
            "status": "TRADING",
        }
    return row
