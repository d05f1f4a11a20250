from __future__ import annotations

from decimal import Decimal

import msgspec

from listenkey.events import RecoveredFill, RecoveredOrder
from listenkey.items import Update
from listenkey.wire.json_lines import from_line, to_line
from tests.unit.core.making import fill, order_row, trade_row


def test_a_recovered_fill_has_the_words_of_a_fill_and_its_identity() -> None:
    recovered, brought = trade_row(5, 1000).fill, fill(5, "1", 1000)
    assert recovered.identity == brought.identity
    words = recovered.to_dict()
    assert {name: words[name] for name in words if name in brought.to_dict() and name != "filled_quantity"} == {
        name: value for name, value in brought.to_dict().items() if name in words and name != "filled_quantity"
    }
    assert (words["filled_quantity"], recovered.filled_quantity) == (None, None)
    proven = msgspec.structs.replace(recovered, filled_quantity_text="1.50")
    assert (proven.filled_quantity, proven.to_dict()["filled_quantity"]) == (Decimal("1.50"), "1.50")


def test_both_read_back_from_their_lines_as_what_they_are() -> None:
    for event in (
        trade_row(5).fill,
        msgspec.structs.replace(trade_row(5).fill, filled_quantity_text="2"),
        order_row(1, "CANCELED", "1").order,
        order_row(1, "NEW", "0", selfTradePreventionMode="EXPIRE_MAKER").order,
    ):
        update = Update(1, "a", event, 5, b'{"orderId":1}', "rest", late=True)
        again = from_line(to_line(update))
        assert again == update
        assert isinstance(again, Update)
        assert type(again.event) is type(event)


def test_an_order_says_what_it_is_and_not_what_happened() -> None:
    order = order_row(1, "CANCELED", "1", 9).order
    assert (order.is_fill, order.event_ms, order.to_dict()["execution_type"]) == (False, 9, None)
    assert isinstance(order, RecoveredOrder)
    assert not isinstance(order, RecoveredFill)
