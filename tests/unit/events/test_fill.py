from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from listenkey import Fill, GapClosed, GapOpened, Live, Update
from listenkey.errors import ProtocolError
from listenkey.events import Event, UnknownEvent, fills_of
from listenkey.wire.frames import UnreadableFrame
from listenkey.wire.frames import read_payload as read_message
from tests.unit.core.making import SYMBOL, beat, fill, order, order_row, position, trade_row

FIXTURES = Path(__file__).parents[2] / "fixtures"


def read_payload(payload: bytes) -> Event:
    event = read_message(payload)
    assert not isinstance(event, UnreadableFrame)
    return event


def test_a_fill_of_the_socket() -> None:
    whole = msgspec.json.decode((FIXTURES / "thirdparty_order_trade_update_trade.json").read_bytes())
    [one] = fills_of(read_payload(msgspec.json.encode(whole["data"])))
    assert one.to_dict() == {
        "symbol": "BTC-261030-85000-C",
        "trade_id": 467,
        "order_id": 4611869636869226548,
        "side": "SELL",
        "quantity": "0.1000",
        "price": "3660.000",
        "commission": "-0.07320000",
        "commission_asset": "USDT",
        "realized_profit": "1.5",
        "maker": True,
        "trade_time_ms": 1762917544206,
        "client_order_id": "TEST",
    }
    assert (one.quantity, one.price) == (Decimal("0.1"), Decimal(3660))
    assert (one.commission, one.realized_profit) == (Decimal("-0.0732"), Decimal("1.5"))


def test_the_same_fill_over_rest_has_the_same_key_and_amounts() -> None:
    [brought], [recovered] = fills_of(fill(5, "1", 1000, order_id=7)), fills_of(trade_row(5, 1000, 7).fill)
    assert brought.key == recovered.key == (SYMBOL, 5, 7)
    assert recovered.client_order_id is None
    assert brought == msgspec.structs.replace(recovered, client_order_id="")


def test_two_sides_of_one_trade_have_two_keys() -> None:
    [bought], [sold] = fills_of(fill(5, "1", order_id=1)), fills_of(fill(5, "1", order_id=2, side="SELL"))
    assert bought.key != sold.key


def test_a_fill_under_another_word_is_one() -> None:
    [one] = fills_of(fill(5, "1", execution_type="CALCULATED"))
    assert one.trade_id == 5


@pytest.mark.parametrize(
    "event",
    [
        order(1, "NEW"),
        order_row(1, "FILLED", "1").order,
        position("1", 1000),
        beat(1000),
        UnknownEvent("NEW_KIND", None, b"{}"),
    ],
)
def test_other_events_report_none(event: Event) -> None:
    assert fills_of(event) == ()


def test_every_item_has_fills() -> None:
    event = fill(5, "1")
    assert Update(1, "a", event, 5, b"{}").fills == fills_of(event)
    assert Update(1, "a", beat(5), 5, b"{}").fills == ()
    assert (Live(1, "a", 5).fills, GapOpened(1, "a", 5, "").fills, GapClosed(1, "a", 5, 6, 0).fills) == ((), (), ())


def test_a_fill_without_an_amount_says_which() -> None:
    [one] = fills_of(fill(5, "1", last_price_text="x"))
    with pytest.raises(ProtocolError, match=r"Fill\.price"):
        _ = one.price
    assert isinstance(one, Fill)


def test_a_quantity_is_positive_whatever_sign_the_message_gives_it() -> None:
    [one] = fills_of(fill(5, "1", side="SELL", last_quantity_text="-0.5"))
    assert (one.side, one.quantity) == ("SELL", Decimal("0.5"))
