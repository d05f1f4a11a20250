"""Checkers of the simulation find what they are for, in evidence made by hand."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from msgspec import structs

from listenkey.events import Event, UnknownEvent
from listenkey.items import GapClosed, GapOpened, Item, Live, Provenance, Update
from listenkey.outcomes import GapCause, Loss
from listenkey.wire import rows as reading
from sim.checkers.before import before
from sim.checkers.exercised import NAMED, exercised
from sim.checkers.false_alarms import false_alarms
from sim.checkers.fills import fills
from sim.checkers.liveness import SOON_US, liveness
from sim.checkers.recoveries import closed_gaps
from sim.checkers.steps import steps
from sim.checkers.violation import Violation
from sim.client.records import Stream, Told
from sim.environment.activity import Client
from sim.faults.model import Fault
from sim.runner.options import draw_options
from sim.world.evidence import Evidence

SECOND_US = 1_000_000
OPTIONS = draw_options(1, "safety", 0.005)
SYMBOL = "BTC-261225-90000-C"


def evidence_of(stream: Stream, **ledger: list[dict[str, Any]]) -> Evidence:
    rows: dict[str, Any] = {"fills": [], "orders": [], "keys": [], "exercises": [], **ledger}
    clients = [Client(wall_offsets=[(0, 0)]) for _ in OPTIONS.accounts]
    return Evidence(OPTIONS, [], {stream.account: rows}, [stream], clients, 0, SOON_US + 1000 * SECOND_US)


def stream_of(*told: tuple[int, Item]) -> Stream:
    stream = Stream(1, 0, "a")
    stream.told = [Told(at_us, item) for at_us, item in told]
    return stream


def opened(from_ms: int, cause: GapCause = GapCause.DISCONNECTED) -> GapOpened:
    return GapOpened(1, "a", from_ms, cause.value, cause)


def closed(from_ms: int, *lost: Loss) -> GapClosed:
    return GapClosed(1, "a", from_ms, from_ms + 1, 0, (), lost=frozenset(lost))


def update(raw: bytes, event: Event | None = None) -> Update:
    return Update(1, "a", event or UnknownEvent("x", 0, raw), 0, raw, "rest")


def rules(found: Iterable[Violation]) -> list[str]:
    return [violation.rule for violation in found]


def test_a_relapse_is_found_however_many_items_lie_before_it() -> None:
    after_us = SOON_US + SECOND_US
    whole = stream_of((0, Live(1, "a", 0)), (after_us, update(b"{}")), (after_us + 1, update(b"{}")))
    assert rules(liveness(evidence_of(whole))) == []
    relapsed = stream_of(*whole.told, (after_us + 2, opened(5)), (after_us + 3, opened(4)))
    assert rules(liveness(evidence_of(relapsed))) == ["alive.relapse"], "once"


def test_who_is_live_again_only_after_the_bound_is_found() -> None:
    late = stream_of((0, opened(5)), (SOON_US + SECOND_US, Live(1, "a", 0)))
    assert rules(liveness(evidence_of(late))) == ["alive.live"]


def test_the_updates_of_a_gap_are_counted_though_another_gap_lies_within_it() -> None:
    one, two, three, beside = (update(b"%d" % number) for number in range(4))
    items: list[Item] = [
        beside, opened(100), one, opened(200, GapCause.SLOW_READER), two, opened(90, GapCause.BEGAN_EARLIER),
        closed(200, Loss.DROPPED), three, closed(90, Loss.DROPPED), beside,
    ]  # fmt: skip
    found = [
        (gap.from_ms, [told.item for told in between]) for gap, between, _ in closed_gaps(Told(0, i) for i in items)
    ]
    assert found == [(200, [two]), (90, [one, two, three])]


def trade(trade_id: int, at_ms: int) -> Update:
    row = {
        "symbol": SYMBOL, "tradeId": trade_id, "orderId": 1, "side": "BUY", "quantity": "1", "price": "1", "fee": "0",
        "quoteAsset": "USDT", "time": at_ms, "liquidity": "MAKER", "realizedProfit": "0", "id": trade_id,
    }  # fmt: skip
    return update(json.dumps(row).encode(), reading.trade(row, b"").fill)


def truth(trade_id: int, at_ms: int) -> dict[str, Any]:
    words = {"side": "BUY", "quantity": "1", "price": "1", "commission": "0", "realized_profit": "0", "maker": True}
    return {"symbol": SYMBOL, "trade_id": trade_id, "order_id": 1, "time_ms": at_ms, **words}


def test_trade_ids_are_compared_within_a_millisecond_alone() -> None:
    def found(*trades: tuple[int, int]) -> list[str]:
        told = stream_of((0, Live(1, "a", 0)), *((1, trade(*each)) for each in trades))
        return rules(fills(evidence_of(told, fills=[truth(*each) for each in trades])))

    assert found((9, 1000), (5, 1001)) == [], "the id is of another range, and the fill is newer"
    assert found((9, 1000), (5, 1000)) == ["fills.order"]
    assert found((5, 1001), (9, 1000)) == ["fills.order"]


def test_an_exercise_is_missed_unless_the_gap_has_a_loss_that_it_may_be_among() -> None:
    row = {"id": "7", "symbol": SYMBOL, "time_ms": OPTIONS.start_ms + 5000}

    def found(*lost: Loss) -> list[str]:
        gap = GapClosed(1, "a", OPTIONS.start_ms, OPTIONS.start_ms + 10_000, 0, (), lost=frozenset(lost))
        told = stream_of((0, Live(1, "a", 0)), (1, opened(OPTIONS.start_ms)), (11 * SECOND_US, gap))
        return rules(exercised(evidence_of(told, exercises=[row])))

    assert found(Loss.TOTALS, Loss.ORDER_STEPS) == ["exercised"]
    assert all(found(loss) == [] for loss in NAMED)


def test_what_the_first_socket_brought_to_a_process_that_slept_is_not_of_before() -> None:
    live_us, slept_us = 100 * SECOND_US, 20 * SECOND_US

    def found(provenance: Provenance, at_s: int, *, stall_us: int = slept_us, began_us: int = 0) -> list[str]:
        fill = structs.replace(trade(1, OPTIONS.start_ms + at_s * 1000), provenance=provenance)
        live = Live(1, "a", OPTIONS.start_ms + live_us // 1000)
        told = stream_of((live_us, live), (live_us, fill))
        told.statuses = [(began_us, "CONNECTING"), (live_us, "LIVE")]
        evidence = evidence_of(told)
        evidence.clients[0].stalls_us.append((stall_us, live_us))
        return rules(before(evidence))

    assert found("ws", 30) == [], "the socket was opened in its sleep, and the venue pushed from then on"
    assert found("ws", 10) == ["before"], "it was awake, and had no socket"
    assert found("rest", 30) == ["before"], "it asked for what was before"
    assert found("ws", 30, stall_us=live_us - SECOND_US) == ["before"], "it slept later"
    assert found("ws", 30, began_us=25 * SECOND_US) == ["before"], "the stream began later than its sleep"


def test_an_order_of_before_a_stream_is_missed_unless_it_ended_unseen_before_the_first_look() -> None:
    def found(placed_s: int, ended_s: int, *faults: Fault) -> list[str]:
        told = stream_of((60 * SECOND_US, Live(1, "a", OPTIONS.start_ms + 60_000)))
        told.statuses = [(50 * SECOND_US, "CONNECTING"), (60 * SECOND_US, "LIVE")]
        row = {"symbol": SYMBOL, "order_id": 1, "filled_quantity": "0"}
        orders = [
            {**row, "status": status, "time_ms": OPTIONS.start_ms + at_s * 1000}
            for status, at_s in (("NEW", placed_s), ("EXPIRED", ended_s))
        ]
        evidence = evidence_of(told, orders=orders)
        evidence.faults.extend(faults)
        return rules(steps(replace(evidence, options=replace(OPTIONS, recovers=True))))

    mute = Fault("mute", 0, 0.0, 400.0)
    assert found(10, 100, mute) == [], "nobody told it of this order"
    assert found(10, 100) == ["steps"], "its socket told it of the end"
    assert found(10, 200, mute) == ["steps"], "it has looked at the open orders"
    assert found(55, 200, mute) == ["steps"], "it was there when the order was placed"


def test_a_gap_that_reaches_back_has_a_cause_where_something_was_lost_then() -> None:
    def found(back_to_s: int, at_s: int = 500) -> list[str]:
        back_to_ms = OPTIONS.start_ms + back_to_s * 1000
        told = stream_of((at_s * SECOND_US, opened(back_to_ms, GapCause.BEGAN_EARLIER)))
        evidence = evidence_of(told)
        evidence.faults.append(Fault("contract_refused", 0, 100.0, 70.0))
        return rules(false_alarms(evidence))

    assert found(120) == found(165) == [], "REST refused what was missed then, and lists it now"
    assert found(80) == found(190) == ["sparing"], "nothing was wrong then"
    assert found(190, at_s=200) == [], "it was found soon after"
