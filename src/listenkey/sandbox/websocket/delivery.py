"""
Deliver events from the matching engine to the sockets: the faults of events are here. Pure.

Without a fault an event goes straight through. With one it may be lost, doubled, held, overtaken, or followed by a
frame that no document allows.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from listenkey.sandbox.faults import malformed_frames, wrong_shapes

if TYPE_CHECKING:
    from listenkey.sandbox.faults.registry import Fault, Faults
    from listenkey.sandbox.websocket.hub import Hub

KINDS: Final = ("mute", "drop_event", "duplicate_event", "reorder", "delay", "malformed_frame", "wrong_shape")
REORDER_WINDOW: Final = 5
REORDER_HOLD_MS: Final = 1_000
HELD_MAX: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Event:
    """One event on its way to the listeners of one key."""

    account: str
    key: str
    name: str
    payload: bytes


@dataclass(slots=True)
class _Window:
    """Events held back to be sent in another order. `fault_id` tells whose they are."""

    size: int
    until_ms: int
    events: list[Event]


class EventDelivery:
    """Between the matching engine and the hub."""

    def __init__(self, hub: Hub, faults: Faults) -> None:
        self._hub = hub
        self._faults = faults
        self._late: list[tuple[int, int, Event]] = []
        self._windows: dict[str, _Window] = {}
        self._sequence = 0

    def push(self, account: str, key: str, payload: dict[str, Any], now_ms: int) -> None:
        """One event of one account, for the listeners of this key."""
        name = payload["e"]
        if not (self._faults.are_in() and any(map(self._faults.any_of, KINDS))):
            if self._windows:
                self._release(account)
            self._hub.deliver(key, name, msgspec.json.encode(payload))
            return
        facts = _facts(payload)
        self._misshape(account, payload, facts, now_ms)
        self._push_through_faults(Event(account, key, name, msgspec.json.encode(payload)), facts, now_ms)

    def advance(self, now_ms: int) -> None:
        """Sends what was held long enough."""
        while self._late and self._late[0][0] <= now_ms:
            _, _, event = heapq.heappop(self._late)
            self._deliver(event, now_ms)
        for account in [name for name, window in self._windows.items() if window.until_ms <= now_ms]:
            self._release(account)

    def due_ms(self) -> int | None:
        """Return when something held is to be sent; None where nothing is held."""
        if not (self._windows or self._late):
            return None
        times = [window.until_ms for window in self._windows.values()]
        if self._late:
            times.append(self._late[0][0])
        return min(times, default=None)

    def _misshape(self, account: str, payload: dict[str, Any], facts: dict[str, str], now_ms: int) -> None:
        def changes(fault: Fault) -> bool:
            return "event" in fault.params and wrong_shapes.applied(payload, fault.params)[1]

        self._faults.strike_where("wrong_shape", now_ms, account, facts, changes)

    def _push_through_faults(self, event: Event, facts: dict[str, str], now_ms: int) -> None:
        strike = self._faults.strike
        if self._faults.peek("mute", now_ms, event.account) or strike("drop_event", now_ms, event.account, **facts):
            return
        delay = strike("delay", now_ms, event.account, **facts)
        if delay is not None and len(self._late) < HELD_MAX:
            self._sequence += 1
            heapq.heappush(self._late, (now_ms + max(0, delay.params["ms"]), self._sequence, event))
            return
        reorder = self._faults.peek("reorder", now_ms, event.account)
        if reorder is not None:
            self._hold(event, reorder, now_ms)
            return
        if self._windows:
            self._release(event.account)
        self._deliver(event, now_ms)
        double = strike("duplicate_event", now_ms, event.account, **facts)
        for _ in range(double.params.get("copies", 1) if double else 0):
            self._deliver(event, now_ms)

    def _deliver(self, event: Event, now_ms: int) -> None:
        self._hub.deliver(event.key, event.name, event.payload)
        bad = self._faults.peek("malformed_frame", now_ms, event.account)
        if bad is not None:
            self._deliver_malformed(bad, event, now_ms)

    def _deliver_malformed(self, fault: Fault, event: Event, now_ms: int) -> None:
        """The next bad frame of the list; the fault counts whole lists."""
        frames = malformed_frames.frames(fault.params.get("frames"), fault.params.get("texts"))
        position = fault.scratch.get("position", 0)
        if frames:
            self._hub.deliver_malformed(event.key, frames[position])
        fault.scratch["position"] = (position + 1) % max(1, len(frames))
        if fault.scratch["position"] == 0:
            self._faults.strike("malformed_frame", now_ms, event.account)

    def _hold(self, event: Event, fault: Fault, now_ms: int) -> None:
        """Events of a window come out last first, except that the first of two never waits for ever."""
        window = self._windows.get(event.account)
        if window is None:
            size = max(2, fault.params.get("window", REORDER_WINDOW))
            hold_ms = fault.params.get("hold_ms", REORDER_HOLD_MS)
            window = self._windows[event.account] = _Window(size, now_ms + hold_ms, [])
        window.events.append(event)
        if len(window.events) >= window.size:
            self._faults.strike("reorder", now_ms, event.account)
            self._release(event.account)

    def _release(self, account: str) -> None:
        window = self._windows.pop(account, None)
        for event in reversed(window.events if window else []):
            self._hub.deliver(event.key, event.name, event.payload)


def _facts(payload: dict[str, Any]) -> dict[str, str]:
    order = payload.get("o")
    names = ("x", "X", "s")
    if isinstance(order, list):  # before January 2026, without an execution type
        order, names = order[0], ("", "S", "s")
    execution_type, status, symbol = ((order or {}).get(name, "") for name in names)
    return {"event": payload["e"], "execution_type": execution_type, "status": status, "symbol": symbol}
