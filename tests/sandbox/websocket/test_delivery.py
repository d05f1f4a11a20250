from __future__ import annotations

import json
from typing import Any

from listenkey.sandbox.faults.malformed_frames import PRESETS
from listenkey.sandbox.websocket.delivery import EventDelivery
from tests.sandbox.websocket.test_hub import T0, Scene


class Line(Scene):
    """A socket of alice behind a delivery; events are numbered."""

    def __init__(self) -> None:
        super().__init__()
        self.delivery = EventDelivery(self.hub, self.faults)
        self.sid = self.open(f"/private/ws/{self.key}")
        self.wrapped = self.open("/private/stream", f"streams={self.key}")
        self.number = 0

    def push(self, count: int = 1, now_ms: int = T0, name: str = "ACCOUNT_UPDATE", **more: Any) -> None:
        for _ in range(count):
            self.number += 1
            self.delivery.push("alice", self.key, {"e": name, "n": self.number, **more}, now_ms)

    def got(self) -> list[int]:
        return [frame["n"] for frame in self.frames(self.sid)]


def test_straight_through() -> None:
    line = Line()
    line.push(3)
    assert line.got() == [1, 2, 3]
    assert line.delivery.due_ms() is None


def test_mute_loses_everything_of_its_account_while_it_lasts() -> None:
    line = Line()
    line.faults.put("mute", {"account": "bob"}, T0)
    line.push()
    line.faults.put("mute", {"account": "alice", "duration_ms": 10}, T0)
    line.push()
    line.push(now_ms=T0 + 10)
    assert line.got() == [1, 3]


def test_drop_event_loses_the_next_or_the_named() -> None:
    line = Line()
    line.faults.put("drop_event", {"count": 2}, T0)
    line.push(4)
    assert line.got() == [3, 4]
    line.faults.put("drop_event", {"event": "ORDER_TRADE_UPDATE", "execution_type": "TRADE"}, T0)
    line.push(1)
    line.push(1, name="ORDER_TRADE_UPDATE", o={"x": "NEW"})
    line.push(1, name="ORDER_TRADE_UPDATE", o={"x": "TRADE"})
    line.push(1, name="ORDER_TRADE_UPDATE", o={"x": "TRADE"})
    assert line.got() == [5, 6, 8]


def test_duplicate_event_doubles_or_more() -> None:
    line = Line()
    line.faults.put("duplicate_event", {}, T0)
    line.push(2)
    line.faults.put("duplicate_event", {"copies": 3, "event": "GREEK_UPDATE"}, T0)
    line.push(1)
    line.push(1, name="GREEK_UPDATE")
    assert line.got() == [1, 1, 2, 3, 4, 4, 4, 4]


def test_reorder_turns_windows_round_and_holds_none_for_ever() -> None:
    line = Line()
    fault = line.faults.put("reorder", {"window": 3}, T0)
    line.push(4)
    assert line.got() == [3, 2, 1]
    assert line.delivery.due_ms() == T0 + 1_000
    line.delivery.advance(T0 + 999)
    assert line.got() == []
    line.delivery.advance(T0 + 1_000)
    assert line.got() == [4]
    line.push(1)
    line.faults.take_out(fault.id)
    line.push(1)
    assert line.got() == [5, 6]


def test_delay_keeps_the_order_of_what_it_delays() -> None:
    line = Line()
    line.faults.put("delay", {"ms": 500, "event": "GREEK_UPDATE"}, T0)
    line.push(1, name="GREEK_UPDATE")
    line.push(1, now_ms=T0 + 1, name="GREEK_UPDATE")
    line.push(1, now_ms=T0 + 2)
    assert line.got() == [3]
    assert line.delivery.due_ms() == T0 + 500
    line.delivery.advance(T0 + 500)
    assert line.got() == [1]
    line.delivery.advance(T0 + 501)
    assert line.got() == [2]


def test_malformed_frames_come_between_good_events_once_each() -> None:
    line = Line()
    line.faults.put("malformed_frame", {"frames": ["not_json", "long_id"], "count": 2}, T0)
    line.push(6)
    actions = line.hub.take_actions()
    raw = [action for sid, action in actions if sid == line.sid]
    wrapped = [action for sid, action in actions if sid == line.wrapped]
    bad, long_id = PRESETS["not_json"].data, PRESETS["long_id"].data
    good = [json.dumps({"e": "ACCOUNT_UPDATE", "n": n}, separators=(",", ":")).encode() for n in range(1, 7)]
    assert raw == [good[0], bad, good[1], long_id, good[2], bad, good[3], long_id, good[4], good[5]]
    assert wrapped[1] == bad
    assert wrapped[3] == b'{"stream":"' + line.key.encode() + b'","data":' + long_id + b"}"


def test_all_presets_by_default() -> None:
    line = Line()
    line.faults.put("malformed_frame", {}, T0)
    line.push(len(PRESETS) + 1)
    raw = [action for sid, action in line.hub.take_actions() if sid == line.sid]
    assert [frame for frame in raw if frame in {bad.data for bad in PRESETS.values()}] == [
        bad.data for bad in PRESETS.values()
    ]
    assert len(raw) == 2 * len(PRESETS) + 1
    assert line.faults.listing() == []


def test_an_event_loses_one_step_of_an_order_and_no_other() -> None:
    line = Line()
    line.faults.put("drop_event", {"status": "CANCELED", "symbol": "A", "count": 5}, T0)
    for symbol, status in (("A", "NEW"), ("B", "CANCELED"), ("A", "CANCELED"), ("A", "FILLED")):
        line.push(name="ORDER_TRADE_UPDATE", o={"x": "NEW", "X": status, "s": symbol})
    line.push(name="ORDER_TRADE_UPDATE", o=[{"S": "CANCELED", "s": "A"}])
    line.push()
    assert line.got() == [1, 2, 4, 6]


def test_a_field_of_an_event_may_have_a_wrong_shape() -> None:
    line = Line()
    line.faults.put("wrong_shape", {"event": "ACCOUNT_UPDATE", "field": "/n", "value": {"x": []}, "count": 1}, T0)
    line.faults.put("wrong_shape", {"field": "/n", "value": "of REST answers only"}, T0)
    line.push(1, name="GREEK_UPDATE")
    line.push(2)
    assert line.got() == [1, {"x": []}, 3]
