"""Events on their way into the journal: counted, each event once and in its place. Batches are compared in tests/fuzz/test_batches.py."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from listenkey import Live, Update, UserStream
from listenkey.core import inputs as on
from listenkey.credentials import Secret
from listenkey.events import Event, ListenKeyExpired
from listenkey.testing import LocalSandbox
from listenkey.wire.frames import UnreadableFrame
from tests.unit.core.making import fill, order


def stream(sandbox: LocalSandbox, **arguments: object) -> UserStream:
    settings: dict[str, object] = {"api_key": sandbox.api_key, "venue": sandbox.venue} | arguments
    return UserStream(**settings)  # type: ignore[arg-type]


def quiet_stream() -> UserStream:
    """One that is not open, whose delivery is fed by hand; socket 1 is followed."""
    made = UserStream(api_key="key", account="a3f1")
    made._driver.delivery.deduplicator.follow(1)
    return made


def events_of(made: UserStream) -> list[Event]:
    return [item.event for item in made.take_ready() if isinstance(item, Update)]


def test_what_two_sockets_bring_comes_once_and_in_the_order_of_the_followed_one() -> None:
    made = quiet_stream()
    delivery = made._driver.delivery
    first, second, third = order(1), fill(7, "1"), order(2)
    delivery.events_came(1, [first], [b"{}"])
    delivery.events_came(2, [first, second, third], [b"{}"] * 3)
    delivery.events_came(1, [second], [b"{}"])
    assert events_of(made) == [first, second]
    assert [held.event for held in delivery.deduplicator.held(2)]
    delivery.follow(2)
    assert events_of(made) == [third]
    assert (delivery.events, delivery.fills, delivery.fills_recovered) == (3, 1, 0)
    assert made.health().duplicates_removed > 0


def test_a_fill_that_comes_after_a_newer_one_is_late_alone_and_in_a_batch() -> None:
    for batched in (False, True):
        made = quiet_stream()
        delivery = made._driver.delivery
        events: list[Event] = [fill(9, "1", 9_000, order_id=9), fill(7, "1", 1_000, order_id=7)]
        if batched:
            delivery.events_came(1, events, [b"{}"] * 2)
        else:
            for event in events:
                delivery.events_came(1, [event], [b"{}"])
        assert [item.late for item in made.take_ready() if isinstance(item, Update)] == [False, True]


@pytest.mark.parametrize("provenance", ["socket", "held", "rest"])
def test_the_first_event_of_an_idle_account_wakes_it_however_it_comes(provenance: str) -> None:
    made, fed = quiet_stream(), list[on.Input]()
    delivery = made._driver.delivery
    pace = delivery.life.recovery_policy.audit_schedule.pace
    delivery._feed = fed.append
    pace.every_s *= 2
    for number in (1, 2):
        if provenance == "socket":
            delivery.events_came(1, [order(number)], [b"{}"])
        else:
            delivery._deliver(1, order(number), b"{}", 0, "rest" if provenance == "rest" else "ws")
    assert fed == [on.AccountWoke()]
    assert pace.was_heard


def test_an_event_of_an_account_in_use_is_noted_and_nobody_is_told() -> None:
    made, fed = quiet_stream(), list[on.Input]()
    delivery = made._driver.delivery
    delivery._feed = fed.append
    delivery.events_came(1, [order(1)], [b"{}"])
    assert delivery.life.recovery_policy.audit_schedule.pace.was_heard
    assert fed == []


def test_the_end_of_a_key_is_no_event_of_the_account() -> None:
    made, fed = quiet_stream(), list[on.Input]()
    delivery = made._driver.delivery
    delivery._feed = fed.append
    expired = ListenKeyExpired(event_ms=1, listen_key=Secret("a key"))
    delivery.events_came(1, [expired], [b"{}"])
    delivery._deliver(1, expired, b"{}", 0)
    assert not delivery.life.recovery_policy.audit_schedule.pace.was_heard
    assert [type(each) for each in fed] == [on.KeyEnded]


def test_frames_that_can_t_be_read_are_all_counted() -> None:
    made = quiet_stream()
    seen: list[Any] = []
    delivery = made._driver.delivery
    delivery._feed = seen.append
    delivery.unreadable_came(1, UnreadableFrame("no JSON", b"", 0, 3))
    assert (made.health().unreadable, len(seen)) == (3, 1)


async def test_fills_of_both_generations_are_counted(binance_options_sandbox: LocalSandbox) -> None:
    sandbox = binance_options_sandbox
    for generation in ("current", "legacy"):
        sandbox.set_switches(generation=generation)
        async with stream(sandbox) as made:
            assert isinstance(await anext(made), Live)
            await asyncio.to_thread(sandbox.burst, 3)
            async with asyncio.timeout(10):
                while made.health().fills < 3:
                    await anext(made)


async def test_a_server_that_says_it_leaves_proves_no_key(binance_options_sandbox: LocalSandbox) -> None:
    async with stream(binance_options_sandbox) as opened:
        proven_ms = 0
        async for item in opened:
            if isinstance(item, Live):
                proven_ms = opened._driver.life.listen_key.proof[0]
                binance_options_sandbox.fault("server_shutdown")
            elif isinstance(item, Update) and item.event.type == "serverShutdown":
                break
        assert opened._driver.life.listen_key.proof[0] == proven_ms > 0
