"""Every event and every answer has the keys of its published sample, in their order."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from listenkey.sandbox.exchange.payloads import money
from tests.sandbox.exchange.exchange_kit import Pit, fixture

NUMBERS_OF_LEGACY = {"U", "d", "g", "t", "v"}


def shape(value: Any) -> Any:
    """Keys in order, of objects within too; the first entry stands for a list."""
    if isinstance(value, dict):
        return [(key, shape(each)) for key, each in value.items()]
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


def keys(value: Any) -> Any:
    """As `shape`, without the types."""
    if isinstance(value, dict):
        return [(key, keys(each)) for key, each in value.items()]
    if isinstance(value, list):
        return [keys(value[0])] if value else []
    return None


def traded(generation: str) -> tuple[Pit, dict[str, list[dict[str, Any]]]]:
    """A world in which a market maker went short and was found too thin, and all of bob's events by name."""
    pit = Pit(generation=generation)
    pit.sell("bob", "1", "100", symbol=pit.btc)
    pit.buy("alice", "0.5", "100", symbol=pit.btc)
    pit.exchange.state.accounts["bob"].market_maker = True
    pit.exchange.state.prices.set_index("BTCUSDT", 3_000_000)
    pit.now_ms += 10_000
    pit.exchange.advance(pit.now_ms)
    told: dict[str, list[dict[str, Any]]] = {}
    for event in pit.events("bob"):
        told.setdefault(event["e"], []).append(event)
    return pit, told


@pytest.mark.parametrize(
    ("name", "sample"),
    [
        ("ACCOUNT_UPDATE", "account_update"),
        ("BALANCE_POSITION_UPDATE", "balance_position_update"),
        ("GREEK_UPDATE", "greek_update"),
        ("ORDER_TRADE_UPDATE", "order_trade_update"),
        ("RISK_LEVEL_CHANGE", "risk_level_change"),
    ],
)
def test_current_events(name: str, sample: str) -> None:
    events = traded("current")[1][name]
    assert all(shape(each) == shape(fixture(sample)) for each in events)


def test_a_fill_looks_like_the_one_of_a_third_party() -> None:
    fill = traded("current")[1]["ORDER_TRADE_UPDATE"][-1]
    assert fill["o"]["x"] == "TRADE"
    assert shape(fill) == shape(fixture("thirdparty_order_trade_update_trade")["data"])


@pytest.mark.parametrize("generation", ["current", "legacy"])
def test_amounts_are_texts_without_exponent_and_numbers_only_where_they_were(generation: str) -> None:
    def look(value: Any, key: str = "") -> None:
        if isinstance(value, dict):
            for name, each in value.items():
                look(each, name)
        elif isinstance(value, list):
            for each in value:
                look(each, key)
        elif isinstance(value, float):
            assert generation == "legacy"
            assert key in NUMBERS_OF_LEGACY
        else:
            assert not isinstance(value, Decimal)
            assert not (isinstance(value, str) and value.startswith("-0.0") and not value.strip("-0."))

    for events in traded(generation)[1].values():
        for event in events:
            look(event)
            assert msgspec.json.decode(msgspec.json.encode(event)) == event


def test_money_is_never_an_exponent_nor_a_negative_zero() -> None:
    assert [money(Decimal(text)) for text in ("1E-8", "-0.000", "1E+6", "-1.5")] == [
        "0.00000001",
        "0.00000000",
        "1000000.00000000",
        "-1.50000000",
    ]
