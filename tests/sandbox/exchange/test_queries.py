"""Windows, paging, retention, and answers as the world was."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from listenkey.sandbox.exchange.exchange import Rejected
from tests.sandbox.exchange.exchange_kit import DAY_MS, Pit


def filled(count: int) -> Pit:
    """Alice buys one at a time, 1 s apart; then bob is out of it."""
    pit = Pit()
    for _ in range(count):
        pit.now_ms += 1_000
        pit.sell("bob", "1", "100")
        pit.buy("alice", "1", "100")
    return pit


def test_trades_come_oldest_first_and_are_the_newest_unless_a_start_is_named() -> None:
    pit = filled(5)
    exchange, now_ms = pit.exchange, pit.now_ms
    every = exchange.user_trades("alice", pit.symbol, now_ms=now_ms)
    assert [each["tradeId"] for each in every] == [1, 2, 3, 4, 5]
    assert exchange.user_trades("alice", pit.symbol, now_ms=now_ms, limit=2) == every[3:]
    assert exchange.user_trades("alice", pit.symbol, now_ms=now_ms, limit=2, from_id=every[1]["id"]) == every[1:3]
    assert exchange.user_trades("alice", pit.symbol, now_ms=now_ms, limit=2, start_ms=every[2]["time"]) == every[2:4]
    assert exchange.user_trades("alice", pit.symbol, now_ms=now_ms, limit=2, end_ms=every[2]["time"]) == every[1:3]
    assert exchange.user_trades("alice", pit.symbol, now_ms=now_ms, from_id=every[-1]["id"] + 2) == []
    assert exchange.user_trades("alice", None, now_ms=now_ms) == every
    assert exchange.user_trades("alice", pit.btc, now_ms=now_ms) == []


def test_windows_that_make_no_sense_or_reach_too_far_are_refused() -> None:
    pit = filled(1)
    for more, code in (
        ({"start_ms": 2, "end_ms": 1}, -6031),
        ({"start_ms": pit.now_ms - 91 * DAY_MS}, -6073),
        ({"limit": 0}, -6008),
    ):
        with pytest.raises(Rejected) as caught:
            pit.exchange.user_trades("alice", pit.symbol, now_ms=pit.now_ms, **more)
        assert caught.value.code == code
    for symbol in ("NO-SUCH-1-C", ""):
        with pytest.raises(Rejected) as caught:
            pit.exchange.user_trades("alice", symbol, now_ms=pit.now_ms)
        assert caught.value.code == -1121
    with pytest.raises(Rejected) as caught:
        pit.exchange.bill("alice", "BTC", now_ms=pit.now_ms)
    assert caught.value.code == -1129
    with pytest.raises(Rejected) as caught:
        pit.exchange.open_orders("nobody")
    assert caught.value.code == -5002


@pytest.mark.parametrize("span_code", [-1127, -6030])
def test_a_span_may_have_a_bound(span_code: int) -> None:
    pit = Pit(span_hours_max=24, span_code=span_code)
    start_ms = pit.now_ms - 2 * DAY_MS
    asked: dict[str, Any] = {"now_ms": pit.now_ms, "start_ms": start_ms}
    assert pit.exchange.user_trades("alice", pit.symbol, **asked, end_ms=start_ms + DAY_MS) == []
    assert pit.exchange.user_trades("alice", pit.symbol, **asked) == []
    with pytest.raises(Rejected) as caught:
        pit.exchange.user_trades("alice", pit.symbol, **asked, end_ms=start_ms + DAY_MS + 1)
    assert caught.value.code == span_code


def test_trades_and_bills_are_kept_three_months() -> None:
    pit = filled(2)
    late_ms = pit.exchange.ledger("alice")["fills"][1]["time_ms"] + 90 * DAY_MS
    assert len(pit.exchange.user_trades("alice", pit.symbol, now_ms=late_ms)) == 1
    assert len(pit.exchange.bill("alice", now_ms=late_ms)) == 2
    assert pit.exchange.user_trades("alice", pit.symbol, now_ms=late_ms + 1) == []


def test_bills_are_paged_by_their_ids() -> None:
    pit = filled(3)
    every = pit.exchange.bill("alice", now_ms=pit.now_ms)
    ids = [each["id"] for each in every]
    assert ids == sorted(set(ids))
    assert len(every) == 7
    assert pit.exchange.bill("alice", now_ms=pit.now_ms, from_id=ids[2], limit=3) == every[2:5]
    balance = sum(Decimal(each["amount"]) for each in every)
    assert balance == pit.exchange.state.accounts["alice"].balance


def test_finished_orders_are_kept_five_days_and_unfilled_cancels_are_found_for_three() -> None:
    pit = filled(1)
    exchange, symbol = pit.exchange, pit.symbol
    resting = pit.buy("alice", "1", "1")["orderId"]
    cancelled = pit.buy("alice", "1", "1")["orderId"]
    pit.cancel("alice", cancelled)
    now_ms = pit.now_ms

    def history(later_ms: int, **more: int) -> list[int]:
        rows = exchange.history_orders("alice", symbol, now_ms=now_ms + later_ms, **more)
        return [each["orderId"] for each in rows]

    both = history(0)
    assert both[-1] == cancelled
    assert (len(both), resting in both) == (2, False)
    assert history(5 * DAY_MS) == [cancelled]
    assert history(5 * DAY_MS + 1) == []
    assert history(0, from_id=cancelled) == [cancelled]
    assert history(0, limit=1) == [cancelled]
    assert history(0, start_ms=0, limit=1) == both[:1]

    def find(order_id: int, later_ms: int) -> str:
        return str(exchange.order("alice", symbol, order_id=order_id, now_ms=now_ms + later_ms)["status"])

    assert find(cancelled, 2 * DAY_MS) == "CANCELED"
    assert (find(both[0], 4 * DAY_MS), find(resting, 4 * DAY_MS)) == ("FILLED", "NEW")
    pit.sell("bob", "0.5", "1")
    pit.cancel("alice", resting)
    assert find(resting, 4 * DAY_MS) == "CANCELED"
    with pytest.raises(Rejected) as caught:
        find(cancelled, 3 * DAY_MS + 1)
    assert caught.value.code == -2013


def test_open_orders_by_symbol_and_from_an_id_on() -> None:
    pit = Pit()
    ids = [pit.buy("alice", "1", "1", symbol=symbol)["orderId"] for symbol in (pit.symbol, pit.btc, pit.symbol)]
    exchange = pit.exchange
    assert [each["orderId"] for each in exchange.open_orders("alice")] == ids
    assert [each["orderId"] for each in exchange.open_orders("alice", symbol=pit.symbol)] == [ids[0], ids[2]]
    assert [each["orderId"] for each in exchange.open_orders("alice", from_id=ids[1])] == ids[1:]
    assert exchange.open_orders("alice", end_ms=pit.now_ms - 2)[-1]["orderId"] == ids[0]


def test_an_order_is_found_by_the_clients_id_too() -> None:
    pit = Pit()
    placed = pit.buy("alice", "1", "1", client_order_id="mine")
    found = pit.exchange.order("alice", pit.symbol, client_order_id="mine", now_ms=pit.now_ms)
    assert found["orderId"] == placed["orderId"]
    with pytest.raises(Rejected) as caught:
        pit.exchange.order("alice", pit.btc, client_order_id="mine", now_ms=pit.now_ms)
    assert caught.value.code == -2013


def test_answers_as_of_a_time_are_the_answers_of_that_time() -> None:
    pit = Pit()
    pit.exchange.add_account("carol", pit.now_ms)
    exchange, symbol = pit.exchange, pit.symbol
    pit.sell("bob", "1", "100")
    pit.buy("carol", "1", "100")
    exchange.keep_history = True

    def answers(as_of_ms: int | None) -> list[object]:
        found: list[object] = [exchange.open_orders("alice", as_of_ms=as_of_ms)]
        found.append(exchange.history_orders("alice", symbol, now_ms=pit.now_ms, as_of_ms=as_of_ms))
        found.append(exchange.user_trades("alice", symbol, now_ms=pit.now_ms, as_of_ms=as_of_ms))
        found.append(exchange.bill("alice", now_ms=pit.now_ms, as_of_ms=as_of_ms))
        positions = [exchange.position(name, now_ms=pit.now_ms, as_of_ms=as_of_ms) for name in ("alice", "carol")]
        asset = exchange.margin_account("alice", pit.now_ms, as_of_ms)["asset"][0]
        return [*found, positions, {key: asset[key] for key in ("marginBalance", "equity", "unrealizedPNL")}]

    then: dict[int, list[object]] = {}
    resting = pit.buy("alice", "2", "90")["orderId"]
    then[pit.now_ms] = answers(None)
    pit.sell("bob", "0.5", "90")
    then[pit.now_ms] = answers(None)
    pit.sell("carol", "0.5", "90")
    then[pit.now_ms] = answers(None)
    pit.cancel("alice", resting)
    then[pit.now_ms] = answers(None)
    exchange.transfer("alice", Decimal(5), pit.now_ms + 5)
    assert len({repr(each) for each in then.values()}) == 4
    for as_of_ms, was in then.items():
        assert answers(as_of_ms) == was
    with pytest.raises(Rejected):
        exchange.order("alice", symbol, order_id=resting, now_ms=pit.now_ms, as_of_ms=min(then) - 1)


@pytest.mark.parametrize("manner", ["answered", "refused"])
def test_a_contract_that_is_over_may_be_unknown_to_readers(manner: str) -> None:
    pit = Pit(expired_contract_reads=manner)
    exchange, symbol = pit.exchange, pit.exchange.symbols()[0]
    pit.sell("bob", "2", "50", symbol=symbol)
    order_id = pit.buy("alice", "2", "50", symbol=symbol)["orderId"]
    reads: list[Callable[[], object]] = [
        lambda: exchange.user_trades("alice", symbol, now_ms=exchange.state.now_ms),
        lambda: exchange.history_orders("alice", symbol, now_ms=exchange.state.now_ms),
        lambda: exchange.order("alice", symbol, order_id=order_id, now_ms=exchange.state.now_ms),
        lambda: exchange.open_orders("alice", symbol=symbol) == [],
        lambda: exchange.position("alice", symbol=symbol, now_ms=exchange.state.now_ms) is not None,
    ]
    assert all(read() for read in reads[:3])
    exchange.advance(exchange.state.contract(symbol).expiry_ms)
    if manner == "answered":
        assert all(read() for read in reads)
    else:
        for read in reads:
            with pytest.raises(Rejected) as caught:
                read()
            assert caught.value.code == -1121
    assert exchange.exercise_record("alice", symbol=symbol), "these are of nothing else"
    [ended] = exchange.ledger("alice")["exercises"]
    assert (ended["symbol"], ended["quantity"]) == (symbol, "2.00")
