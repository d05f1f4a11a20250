from __future__ import annotations

import copy
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from listenkey.credentials import Secret, fingerprint
from listenkey.events import (
    ExecutionType,
    GreekUpdate,
    ListenKeyExpired,
    OrderStatus,
    OrderTradeUpdate,
    Side,
)
from listenkey.wire.message_builder import build

FIXTURES = Path(__file__).parents[2] / "fixtures"


def fill(**changes: Any) -> OrderTradeUpdate:
    tree = json.loads((FIXTURES / "thirdparty_order_trade_update_trade.json").read_bytes())["data"]
    tree["o"].update(changes)
    return build(OrderTradeUpdate, tree, "test")


def test_an_order_is_read_in_words() -> None:
    # No two amounts, words or times of it are the same, so that none can stand in for another.
    event = fill(ap="3659.5", L="3658.000", z="0.1500", a="0.3000", b="0.0500", ot="MARKET", T=1762917544205, R=False)
    told = {
        "event_ms": 1762917544216,
        "transaction_ms": 1762917544206,
        "symbol": "BTC-261030-85000-C",
        "client_order_id": "TEST",
        "side": "SELL",
        "order_type": "LIMIT",
        "time_in_force": "GTC",
        "quantity": "0.2000",
        "price": "3660.000",
        "average_price": "3659.5",
        "execution_type": "TRADE",
        "status": "PARTIALLY_FILLED",
        "order_id": 4611869636869226548,
        "last_quantity": "0.1000",
        "filled_quantity": "0.1500",
        "last_price": "3658.000",
        "commission_asset": "USDT",
        "commission": "-0.07320000",
        "trade_time_ms": 1762917544205,
        "trade_id": 467,
        "bid_quantity": "0.0500",
        "ask_quantity": "0.3000",
        "maker": True,
        "reduce_only": False,
        "original_order_type": "MARKET",
        "realized_profit": "1.5",
        "self_trade_prevention": "EXPIRE_BOTH",
    }
    assert event.to_dict() == told
    for word, text in told.items():
        value = getattr(event, word)
        if isinstance(value, Decimal):
            assert value == Decimal(str(text)), word
        else:
            assert value == text, word
    assert event.commission is not None
    assert event.commission.as_tuple() == Decimal("-0.07320000").as_tuple()
    assert event.is_fill
    distinct = [value for value in told.values() if not isinstance(value, bool)]
    assert len(set(distinct)) == len(distinct)


def test_words_of_a_list_are_plain_and_compare_equal() -> None:
    event = fill()
    assert type(event.side) is str
    assert event.side == Side.SELL
    assert event.execution_type == ExecutionType.TRADE
    assert event.status == OrderStatus.PARTIALLY_FILLED
    assert fill(X="SOMETHING_NEW").status == "SOMETHING_NEW"


def test_a_fill_is_itself_by_symbol_trade_id_and_order_id() -> None:
    assert fill().identity == fill(z="9", ap="1").identity
    assert fill().identity != fill(t=468).identity
    assert fill().identity != fill(i=1).identity, "the other side of a trade of the account with itself"
    assert fill().identity != fill(s="BTC-261030-85000-P").identity


def test_another_change_is_itself_by_order_status_quantity_and_time() -> None:
    cancel = {"x": "CANCELED", "X": "CANCELED", "t": 0}
    assert not fill(**cancel).is_fill
    assert fill(**cancel).identity == fill(**cancel).identity
    assert len({fill(**cancel).identity, fill(**cancel, i=1).identity, fill(**cancel, z="0").identity}) == 3
    assert fill(**cancel).identity != fill(x="EXPIRED", X="EXPIRED", t=0).identity
    assert fill(**cancel).identity != fill(**cancel, s="BTC-261030-85000-P").identity, "ids may count by contract"


def test_an_event_does_not_change() -> None:
    with pytest.raises(AttributeError):
        fill().event_ms = 1  # type: ignore[misc]


def test_a_listen_key_is_not_shown() -> None:
    key = "W" * 64
    event = ListenKeyExpired(1736996475556, Secret(key))
    for shown in (repr(event), str(event), f"{event}", str(event.to_dict())):
        assert key not in shown
    with pytest.raises(TypeError):
        msgspec.json.encode(event)
    assert event.to_dict() == {"event_ms": 1736996475556, "fingerprint": fingerprint(key)}


def test_a_listen_key_read_back_is_the_same_event() -> None:
    event = ListenKeyExpired(1, Secret("W" * 64))
    again = ListenKeyExpired(1, Secret("sha256:" + event.fingerprint))
    assert event == again
    assert hash(event) == hash(again)
    assert event != ListenKeyExpired(2, event.listen_key)
    assert event != ListenKeyExpired(1, Secret("V" * 64))
    assert event != "something else"
    assert copy.copy(event) == event


def test_greeks_are_amounts() -> None:
    tree = json.loads((FIXTURES / "greek_update.json").read_bytes())
    greeks = build(GreekUpdate, tree, "test").greeks[0]
    assert (greeks.delta, greeks.gamma) == (Decimal("-0.01304097"), Decimal("-0.00000124"))
    assert (greeks.theta, greeks.vega) == (Decimal("16.11648100"), Decimal("-3.83444011"))


@pytest.mark.parametrize(
    ("execution_type", "trade_id", "quantity", "is_fill"),
    [
        ("TRADE", 467, "0.1", True),
        ("CALCULATED", 467, "0.1", True),
        ("A_NEW_WORD", 467, "1E-1", True),
        ("", 467, "0.1", True),
        ("NEW", 0, "0", False),
        ("CALCULATED", 0, "0.1", False),
        ("CALCULATED", 467, "0.000", False),
        ("CANCELED", 467, "0E-8", False),
    ],
)
def test_a_fill_is_what_has_a_last_quantity_and_a_trade_id(
    execution_type: str, trade_id: int, quantity: str, *, is_fill: bool
) -> None:
    event = fill(x=execution_type, t=trade_id, l=quantity)
    assert event.is_fill is event.order.is_fill is is_fill
    assert (event.identity[0] == "fill") is is_fill
    assert event.execution_type == execution_type
