from __future__ import annotations

import asyncio
import gc
import weakref

from listenkey.transport.per_loop import PerLoop


class Session:
    """Something that knows its loop, as every session does."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop


def test_each_loop_has_its_own_and_it_is_gone_with_its_last_user() -> None:
    shared = PerLoop[str, Session]()
    one, other = asyncio.new_event_loop(), asyncio.new_event_loop()
    first = shared.of(one)["venue"] = Session(one)
    second = shared.of(other)["venue"] = Session(other)
    assert (shared.of(one), shared.of(other)) == ({"venue": first}, {"venue": second})
    shared.remove(first)
    assert (shared.of(one), shared.of(other)) == ({}, {"venue": second})
    for loop in (one, other):
        loop.close()


def test_a_loop_that_was_closed_with_a_stream_open_is_let_go() -> None:
    shared = PerLoop[str, Session]()
    loop = asyncio.new_event_loop()
    shared.of(loop)["venue"] = Session(loop)
    loop.close()
    left = weakref.ref(loop)
    del loop
    newer = asyncio.new_event_loop()
    assert shared.of(newer) == {}
    gc.collect()
    assert left() is None
    newer.close()
