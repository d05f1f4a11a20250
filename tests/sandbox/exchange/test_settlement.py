"""Expiry, transfers, and what time alone brings."""

from __future__ import annotations

from decimal import Decimal

import pytest

from listenkey.sandbox.exchange.exchange import Rejected
from tests.sandbox.exchange.exchange_kit import DAY_MS, Pit


def test_at_expiry_orders_end_positions_turn_into_cash_and_new_contracts_are_listed() -> None:
    pit = Pit(exercise_reason="SETTLED")
    exchange = pit.exchange
    call, put = exchange.symbols()[0:2]
    for symbol in (call, put):
        pit.sell("bob", "2", "50", symbol=symbol)
        pit.buy("alice", "2", "50", symbol=symbol)
    pit.buy("alice", "1", "1", symbol=call)
    before = {name: exchange.state.accounts[name].balance for name in ("alice", "bob")}
    expiry_ms = exchange.state.contract(call).expiry_ms
    exchange.advance(expiry_ms - 1)
    pit.events()
    exchange.state.prices.set_index("BTCUSDT", float(exchange.state.contract(call).strike + 1_000))
    assert exchange.due_ms() == expiry_ms

    exchange.advance(expiry_ms)
    assert pit.story("alice") == ["EXPIRED/EXPIRED", "BALANCE_POSITION_UPDATE", "ACCOUNT_UPDATE", "GREEK_UPDATE"]
    assert exchange.position("alice", now_ms=expiry_ms) == []
    gained = {name: exchange.state.accounts[name].balance - before[name] for name in before}
    # The index may have taken one step more; what longs get, shorts pay, and both pay a fee.
    records = {name: {each["symbol"]: each for each in exchange.exercise_record(name)} for name in before}
    payoff = Decimal(records["alice"][call]["amount"])
    assert payoff == pytest.approx(Decimal(2_000), abs=Decimal(200))
    assert Decimal(records["bob"][call]["amount"]) == -payoff
    assert gained == {
        name: sum(Decimal(each["amount"]) + Decimal(each["fee"]) for each in rows.values())
        for name, rows in records.items()
    }
    assert Decimal(records["alice"][call]["fee"]) < 0 == Decimal(records["alice"][put]["fee"])
    assert (records["alice"][call]["positionSide"], records["bob"][call]["positionSide"]) == ("LONG", "SHORT")
    assert exchange.state.fees_collected == 2_000_000 - sum(each.balance for each in exchange.state.accounts.values())

    assert call not in exchange.symbols()
    assert len(exchange.symbols()) == 60
    assert {exchange.state.contract(each).expiry_ms for each in exchange.symbols()} > {expiry_ms + DAY_MS}


def test_the_event_of_an_expiry_names_its_reason_and_zero_positions() -> None:
    pit = Pit()
    call = pit.exchange.symbols()[0]
    pit.sell("bob", "2", "50", symbol=call)
    pit.buy("alice", "2", "50", symbol=call)
    pit.events()
    pit.exchange.advance(pit.exchange.state.contract(call).expiry_ms)
    event = next(each for each in pit.events("bob") if each["m" if "m" in each else "e"] == "EXERCISE")
    assert event["P"] == [{"s": call, "c": "0.00", "p": "0.00000000", "a": "0.00000000"}]
    assert event["B"][0]["bc"] == "0"


def test_an_order_after_the_hour_finds_the_contract_gone_even_if_nobody_called_advance() -> None:
    pit = Pit()
    call = pit.exchange.symbols()[0]
    pit.now_ms = pit.exchange.state.contract(call).expiry_ms
    with pytest.raises(Rejected) as caught:
        pit.buy("alice", "1", "1", symbol=call)
    assert caught.value.code == -6049


def test_transfers_change_the_balance_and_say_by_how_much() -> None:
    pit = Pit()
    pit.exchange.transfer("alice", Decimal("12.5"), pit.now_ms)
    pit.exchange.transfer("alice", Decimal("-2.5"), pit.now_ms)
    events = pit.events("alice")
    assert [each["e"] for each in events] == ["BALANCE_POSITION_UPDATE", "ACCOUNT_UPDATE"] * 2
    assert [(each["m"], each["B"][0]["bc"], each["P"]) for each in events[::2]] == [
        ("DEPOSIT", "12.50000000", []),
        ("WITHDRAW", "-2.50000000", []),
    ]
    assert [each["amount"] for each in pit.exchange.ledger("alice")["transfers"]] == [
        "1000000.00000000",
        "12.50000000",
        "-2.50000000",
    ]


@pytest.mark.parametrize(
    ("amount", "code"),
    [("0", -4056), ("NaN", -4056), ("1e-9", -4056), ("1e300000", -4056), ("-1000000.00000001", -2018)],
)
def test_refused_transfers(amount: str, code: int) -> None:
    pit = Pit()
    with pytest.raises(Rejected) as caught:
        pit.exchange.transfer("alice", Decimal(amount), pit.now_ms)
    assert caught.value.code == code
    assert pit.events() == []
