"""
Bound the cost of an event on its way from the socket to a function of the user's, counted and not timed.

The steps of the interpreter are the same on every machine, however busy it is, so a bound on them does not flake. Each
is some ten nanoseconds; decoding, which is one call, is not seen here.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from benchmarks.throughput.frames import (
    IDS_IN_NO_ORDER,
    LISTEN_KEY,
    MANY_SYMBOLS,
    ONE_SYMBOL,
    STEPS,
    WITH_ONESELF,
    message,
)
from listenkey.core.account_state import AccountState
from listenkey.core.deduplicator import Deduplicator, Unwrap
from listenkey.core.loss_detector import UNITS, LossDetector
from listenkey.credentials import Secret
from listenkey.errors import Disconnected
from listenkey.events import Event
from listenkey.items import Item
from listenkey.journal.factory import make_journal
from listenkey.stream.connection import BATCH_MAX, Connection
from listenkey.stream.listen_key_manager import Attachment
from listenkey.transport.clock import SystemClock
from listenkey.transport.runtime import Runtime

STEPS_MAX = {ONE_SYMBOL: 95, MANY_SYMBOLS: 95, IDS_IN_NO_ORDER: 95, WITH_ONESELF: 103, STEPS: 109}
"""Of the interpreter, an event of a busy stream, with CPython 3.11: a tenth above what was counted."""

STEPS_WATCHED_MAX = {ONE_SYMBOL: 268, MANY_SYMBOLS: 230, IDS_IN_NO_ORDER: 263, WITH_ONESELF: 269, STEPS: 351}
"""The same of a stream that reckons with orders and positions, too; its table of amounts is empty at first."""

STEPS_ALONE_MAX = 575
"""An event that comes alone, as a batch of one: 523 then."""


class Owner:
    """A stream's handling of a batch in the ordinary case; with a secret, it knows and watches."""

    def __init__(self, *, watches: bool) -> None:
        self.deduplicator = Deduplicator()
        self.deduplicator.follow(1)
        self.journal = make_journal(None, "a3f1", Runtime(), None, None, None, None, auto_commit=False)
        self.account_state = AccountState(self.deduplicator.fills) if watches else None
        self.loss_detector = LossDetector(1.0)
        self.seen = 0

    def frames_came(self, connection: int, frames: list[bytes], unwrap: Unwrap) -> list[bytes]:
        del connection, unwrap
        return frames

    def events_came(self, connection: int, events: list[Event], raws: list[bytes]) -> None:
        assert self.deduplicator.follows(connection)
        _, late = self.deduplicator.admit_all(events, raws)
        assert not late
        if self.account_state is not None:
            self.loss_detector.note_all(events, self.account_state, 0.0)
        self.journal.append_events(events, raws, 0)

    def on_item(self, item: Item) -> None:
        self.seen += item.seq > 0

    def turn_after_s(self, connection: int, held_s: float) -> float | None:
        del connection, held_s
        return self.journal.turn_after_s()

    def heard(self, connection: int) -> None: ...

    def unreadable_came(self, connection: int, unreadable: Any) -> None: ...

    def pong_came(self, connection: int, ping: int, round_trip_s: float) -> None: ...

    def lost(self, connection: int, reason: Disconnected) -> None: ...


class Steps:
    """Counts what the interpreter does."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, frame: FrameType, what: str, value: object) -> Steps:
        del value
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        self.count += what == "opcode"
        return self


CASES = [
    *((load, 256, False, steps_max) for load, steps_max in STEPS_MAX.items()),
    *((load, 256, True, steps_max) for load, steps_max in STEPS_WATCHED_MAX.items()),
    (ONE_SYMBOL, 1, False, STEPS_ALONE_MAX),
]


@pytest.mark.parametrize(("load", "size", "watches", "steps_max"), CASES)
async def test_an_event_costs_few_steps_from_the_socket_to_a_function(
    load: str, size: int, watches: bool, steps_max: int
) -> None:
    owner = Owner(watches=watches)
    connection = Connection(1, Secret(LISTEN_KEY), owner, SystemClock())

    brought: list[Callable[[bytes], None]] = []

    async def connect(url: str, on_message: Callable[[bytes], None], *_: Any, **__: Any) -> Any:
        del url
        brought.append(on_message)

    await connection.open(connect, Attachment("ws://127.0.0.1/private/ws", None, 1), 5.0)
    running = asyncio.ensure_future(owner.journal.deliver(owner.on_item))
    await asyncio.sleep(0)
    frames = [message(number, load=load) for number in range(4 * BATCH_MAX)]
    # Neither other tests' garbage nor a table of amounts that they have filled is part of an event.
    gc.collect()
    gc.disable()
    UNITS.clear()
    steps, before = Steps(), sys.gettrace()
    sys.settrace(steps)
    try:
        for read in range(0, len(frames), size):
            for frame in frames[read : read + size]:
                brought[0](frame)
            connection._on_heard()
    finally:
        sys.settrace(before)
        gc.enable()
    owner.journal.end(None)
    await running
    assert owner.seen == len(frames)
    assert owner.loss_detector.due_at_s() is None, "the benchmark's messages add up"
    assert 20 < steps.count / len(frames) <= steps_max, steps.count / len(frames)
