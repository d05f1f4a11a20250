from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from listenkey.events import LegacyAccountUpdate, LegacyOrderTradeUpdate, Side
from listenkey.wire.frames import read_payload

FIXTURES = Path(__file__).parents[2] / "fixtures"


def test_an_order_and_its_fill() -> None:
    event = read_payload((FIXTURES / "legacy_order_trade_update.json").read_bytes())
    assert isinstance(event, LegacyOrderTradeUpdate)
    assert (event.type, event.generation) == ("ORDER_TRADE_UPDATE", "legacy")
    [order] = event.orders
    assert order.order_id == 4611869636869226548
    assert order.side == Side.BUY
    assert (order.quantity, order.filled_amount) == (Decimal(1), Decimal("199.3"))
    [fill] = order.fills
    assert (fill.trade_id, fill.commission, fill.maker) == (20, Decimal("0.0002"), False)


def test_the_side_is_the_sign_of_the_quantity() -> None:
    payload = (FIXTURES / "legacy_order_trade_update.json").read_bytes().replace(b'"q": "1"', b'"q": "-1"')
    event = read_payload(payload)
    assert isinstance(event, LegacyOrderTradeUpdate)
    assert event.orders[0].side == Side.SELL


def test_greeks_are_json_numbers_and_no_double_touches_them() -> None:
    payload = (FIXTURES / "legacy_account_update.json").read_bytes()
    exact = b"-33.29339050000000000000012345"
    payload = payload.replace(b"-33.2933905", exact).replace(b"-0.1929375", b"-1.929375E-7")
    event = read_payload(payload)
    assert isinstance(event, LegacyAccountUpdate)
    assert event.greeks[0].delta_text == exact.decode()
    assert event.greeks[0].delta == Decimal(exact.decode())
    assert event.greeks[0].vega_text == "-1.929375E-7"
    assert event.greeks[0].vega == Decimal("-0.0000001929375")
    assert event.balances[0].positive_unrealized_profit == Decimal(200)
    assert event.user_id == 1000006559949
    assert event.positions[0].reducible_quantity == Decimal(-50)
