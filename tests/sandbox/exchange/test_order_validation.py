"""Each refusal has the code of the options list, and leaves everything as it was."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from listenkey.sandbox.exchange import order_validation
from listenkey.sandbox.exchange.exchange import OrderRequest, Rejected
from listenkey.sandbox.exchange.rejections import MESSAGES
from tests.sandbox.exchange.exchange_kit import Pit, fixture, fixture_code


def refusal(pit: Pit, account: str = "alice", **more: Any) -> tuple[int, str]:
    fields: dict[str, Any] = {"symbol": pit.symbol, "side": "BUY", "quantity": Decimal(1), "price": Decimal(100)}
    pit.events()
    before = (pit.exchange.ledger(account), pit.exchange.open_orders(account))
    with pytest.raises(Rejected) as caught:
        pit.exchange.place_order(account, OrderRequest(**fields | more), pit.now_ms)
    assert (pit.exchange.ledger(account), pit.exchange.open_orders(account)) == before
    assert pit.events() == []
    assert caught.value.http_status == 400
    return caught.value.code, caught.value.message


def test_every_text_is_one_of_the_catalog() -> None:
    catalog = {each["code"]: each["messages"] for each in fixture("error_catalog")}
    for code, message in MESSAGES.items():
        texts = [text.rstrip(".") for text in catalog[code]]
        assert not texts or message.rstrip(".") in texts, code


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"side": "LONG"}, -1117),
        ({"type": "MARKET"}, -1116),
        ({"time_in_force": "GTD"}, -1115),
        ({"post_only": True, "time_in_force": "IOC"}, -1014),
        ({"stp": "EXPIRE_ALL"}, -1130),
        ({"client_order_id": "two words"}, -1100),
        ({"client_order_id": "x" * 37}, -1100),
        ({"client_order_id": "caf\u00e9"}, -1100),
        ({"quantity": Decimal("NaN")}, -1102),
        ({"quantity": Decimal("Infinity")}, -1102),
        ({"quantity": Decimal(-1)}, -4003),
        ({"quantity": Decimal(0)}, -4004),
        ({"quantity": Decimal("0.001")}, -4004),
        ({"quantity": Decimal("1e300000")}, -4005),
        ({"quantity": Decimal("1.005")}, -4030),
        ({"quantity": Decimal("1.0000000000000000000000000000000000001")}, -4030),
        ({"price": None}, -1102),
        ({"price": Decimal("sNaN")}, -1102),
        ({"price": Decimal(-1)}, -4001),
        ({"price": Decimal("0.05")}, -4013),
        ({"price": Decimal("1e300000")}, -4002),
        ({"price": Decimal("1.05")}, -4029),
    ],
)
def test_what_is_wrong_with_the_request_itself(fields: dict[str, Any], code: int) -> None:
    assert refusal(Pit(), **fields)[0] == code


def test_a_symbol_that_never_was_and_one_that_is_no_more() -> None:
    pit = Pit()
    assert refusal(pit, symbol="BTC-200101-1-C") == fixture_code("error_1121")
    gone = pit.exchange.symbols()[0]
    pit.exchange.advance(pit.exchange.state.contract(gone).expiry_ms)
    pit.now_ms = pit.exchange.state.now_ms
    assert refusal(pit, symbol=gone) == fixture_code("error_6049")


def test_fok_that_cannot_be_filled_and_gtx_that_would_take() -> None:
    pit = Pit()
    pit.sell("bob", "0.5", "100")
    assert refusal(pit, time_in_force="FOK") == fixture_code("error_6046")
    assert refusal(pit, time_in_force="GTX") == fixture_code("error_6047")
    assert refusal(pit, post_only=True) == fixture_code("error_6047")


def test_a_client_order_id_is_free_again_when_its_order_is_final() -> None:
    pit = Pit()
    first = pit.buy("alice", "1", "1", client_order_id="mine")
    assert refusal(pit, client_order_id="mine") == fixture_code("error_6044")
    pit.buy("bob", "1", "1", client_order_id="mine")
    pit.cancel("alice", first["orderId"])
    pit.buy("alice", "1", "1", client_order_id="mine")


def test_reduce_only_must_reduce_with_all_other_orders_of_its_side() -> None:
    pit = Pit()
    assert refusal(pit, reduce_only=True) == fixture_code("error_6045")
    pit.sell("bob", "1", "100")
    pit.buy("alice", "1", "100")
    assert refusal(pit, side="BUY", reduce_only=True)[0] == -6045
    assert refusal(pit, side="SELL", quantity=Decimal("1.01"), reduce_only=True)[0] == -6045
    pit.sell("alice", "0.6", "200")
    assert refusal(pit, side="SELL", quantity=Decimal("0.41"), price=Decimal(200), reduce_only=True)[0] == -6045
    assert pit.sell("alice", "0.4", "200", reduce_only=True)["reduceOnly"] is True


def test_reduce_only_that_would_flip_a_position_nobody_could_pay_for_has_a_code_of_its_own() -> None:
    pit = Pit()
    pit.exchange.add_account("poor", pit.now_ms, deposit=Decimal(300))
    pit.sell("bob", "1", "100")
    pit.buy("poor", "1", "100")
    pit.sell("poor", "0.6", "200")
    too_much: dict[str, Any] = {"side": "SELL", "price": Decimal(200), "reduce_only": True}
    assert refusal(pit, "poor", quantity=Decimal("0.9"), **too_much)[0] == -6056
    assert refusal(pit, "poor", quantity=Decimal("1.01"), **too_much)[0] == -6045, "without the other order, too"


def test_where_options_may_not_be_written_only_what_is_held_is_sold() -> None:
    pit = Pit(naked_sell=False)
    assert {row["nakedSell"] for row in pit.exchange.exchange_info(pit.now_ms)["optionSymbols"]} == {False}
    assert refusal(pit, side="SELL")[0] == -6057
    pit.exchange.add_account("house", pit.now_ms, quiet=True)
    pit.sell("house", "1", "100")
    pit.buy("alice", "1", "100")
    assert refusal(pit, side="SELL", quantity=Decimal("1.01"))[0] == -6057
    assert pit.sell("alice", "1", "100")["status"] == "NEW"


def test_money_for_buying_and_margin_for_selling() -> None:
    pit = Pit()
    pit.exchange.add_account("poor", pit.now_ms, deposit=Decimal(109))
    assert refusal(pit, "poor", price=Decimal(100)) == fixture_code("error_2018")
    assert refusal(pit, "poor", side="SELL", price=Decimal(100)) == fixture_code("error_2027")
    pit.exchange.transfer("poor", Decimal(1), pit.now_ms)
    # The premium and the highest fee, to the last cent.
    pit.buy("poor", "1", "100")
    assert pit.exchange.margin_account("poor", pit.now_ms)["asset"][0]["available"] == "0.00000000"
    assert refusal(pit, "poor", price=Decimal(1))[0] == -2018


def test_what_is_owned_can_be_sold_without_margin() -> None:
    pit = Pit()
    pit.exchange.add_account("poor", pit.now_ms, deposit=Decimal(110))
    pit.sell("bob", "1", "100")
    pit.buy("poor", "1", "100")
    pit.sell("poor", "1", "150")
    assert refusal(pit, "poor", side="SELL", quantity=Decimal("0.01"))[0] == -2027


def test_caps_on_orders_and_on_shorts(monkeypatch: pytest.MonkeyPatch) -> None:
    pit = Pit()
    other = pit.exchange.symbols()[-2]
    monkeypatch.setattr(order_validation, "ORDERS_PER_SYMBOL_MAX", 2)
    monkeypatch.setattr(order_validation, "ORDERS_PER_UNDERLYING_MAX", 3)
    monkeypatch.setattr(order_validation, "SHORT_PER_SYMBOL_MAX", 5)
    monkeypatch.setattr(order_validation, "SHORT_PER_UNDERLYING_MAX", 7)
    assert refusal(pit, side="SELL", quantity=Decimal("5.01"))[0] == -6052
    pit.sell("alice", "5", "100")
    assert refusal(pit, side="SELL", symbol=other, quantity=Decimal("2.01"))[0] == -6053
    pit.sell("alice", "2", "100", symbol=other)
    pit.buy("alice", "1", "1")
    assert refusal(pit)[0] == -6050
    assert refusal(pit, symbol=other)[0] == -6051
    assert pit.buy("alice", "1", "1", symbol=pit.btc)["status"] == "NEW"
