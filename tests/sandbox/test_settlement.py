"""Expiry, transfers, and what time alone brings."""

from __future__ import annotations

from decimal import Decimal

import pytest

from listenkey.sandbox.exchange import Rejected
from tests.sandbox.trading_kit import DAY_MS, Pit, fixture, fixture_code


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


def test_an_account_with_a_position_is_told_of_it_every_ten_seconds_and_no_longer() -> None:
    pit = Pit()
    pit.sell("bob", "1", "100")
    pit.buy("alice", "1", "100")
    start_ms = pit.now_ms
    pit.events()
    assert pit.exchange.due_ms() == start_ms + 10_000
    pit.exchange.advance(start_ms + 30_500)
    beats = pit.events("alice")
    assert [each["e"] for each in beats] == ["ACCOUNT_UPDATE", "GREEK_UPDATE"] * 3
    assert [each["T"] - start_ms for each in beats[::2]] == [10_000, 20_000, 30_000]
    assert len({each["m"] for each in beats[::2]}) > 1

    pit.now_ms = start_ms + 31_000
    pit.buy("bob", "1", "100")
    pit.sell("alice", "1", "100")
    pit.events()
    pit.exchange.advance(start_ms + 60_000)
    assert pit.events() == []
    pit.now_ms = start_ms + 65_000
    pit.sell("bob", "1", "100")
    pit.buy("alice", "1", "100")
    pit.events()
    pit.exchange.advance(pit.now_ms + 10_000)
    assert len(pit.events("alice")) == 2


def test_a_kill_switch_cancels_its_underlying_once_unless_it_is_refreshed() -> None:
    pit = Pit()
    exchange, now_ms = pit.exchange, pit.now_ms
    pit.buy("alice", "1", "1")
    pit.buy("alice", "1", "1", symbol=pit.btc)
    answer = exchange.set_kill_switch("alice", "ETHUSDT", 30_000, now_ms)
    assert answer == fixture("countdown_cancel_all_post")
    assert exchange.get_kill_switches("alice", None) == answer
    assert exchange.get_kill_switches("alice", "BTCUSDT") == {}
    assert exchange.heartbeat("alice", ["BTCUSDT", "ETHUSDT"], now_ms + 29_000) == {"underlyings": ["ETHUSDT"]}
    exchange.advance(now_ms + 58_999)
    assert len(exchange.open_orders("alice")) == 2
    pit.events()
    exchange.advance(now_ms + 59_000)
    assert pit.story("alice") == ["CANCELED/CANCELED"]
    assert [each["symbol"] for each in exchange.open_orders("alice")] == [pit.btc]
    assert exchange.get_kill_switches("alice") == {}


def test_a_kill_switch_can_be_put_off_and_knows_its_bounds() -> None:
    pit = Pit()
    pit.buy("alice", "1", "1")
    for underlying in ("ETHUSDT", "BTCUSDT"):
        pit.exchange.set_kill_switch("alice", underlying, 5_000, pit.now_ms)
    assert len(pit.exchange.get_kill_switches("alice")) == 2
    pit.exchange.set_kill_switch("alice", "ETHUSDT", 0, pit.now_ms)
    pit.exchange.advance(pit.now_ms + 5_000)
    assert len(pit.exchange.open_orders("alice")) == 1
    with pytest.raises(Rejected) as caught:
        pit.exchange.set_kill_switch("alice", "ETHUSDT", 4_999, pit.now_ms)
    assert (caught.value.code, caught.value.message) == fixture_code("error_6009")
    with pytest.raises(Rejected):
        pit.exchange.set_kill_switch("alice", "DOGEUSDT", 5_000, pit.now_ms)
