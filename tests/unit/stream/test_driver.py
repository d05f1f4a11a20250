"""The driver's own duties: sockets opened, bugs told. What a stream does is in tests/promises."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from listenkey import GapClosed, Live, UserStream
from listenkey.core import connect_budget
from listenkey.core import inputs as on
from listenkey.core.lifecycle import Lifecycle
from listenkey.core.timing import Timing
from listenkey.credentials import Secret
from listenkey.testing import LocalSandbox
from listenkey.transport.base import Connect
from listenkey.transport.websocket import connect


def stream(sandbox: LocalSandbox, **arguments: object) -> UserStream:
    settings: dict[str, object] = {"api_key": sandbox.api_key, "venue": sandbox.venue} | arguments
    return UserStream(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("form", ["subscribe", "path", "query", "streams"])
async def test_every_form_of_address_brings_events(binance_options_sandbox: LocalSandbox, form: str) -> None:
    from listenkey import Attach

    venue = replace(binance_options_sandbox.venue, attach=Attach(form))
    async with stream(binance_options_sandbox, venue=venue) as made:
        await anext(made)
        await asyncio.to_thread(binance_options_sandbox.burst, 3)
        for _ in range(12):
            item = await anext(made)
        assert item.seq == 13


async def test_nothing_that_is_logged_shows_a_key(
    binance_options_sandbox: LocalSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with stream(binance_options_sandbox, timing=Timing(renew_after_s=0.2)) as made:
        await anext(made)
        binance_options_sandbox.fault("expire_key")
        while made.health().reconnects + made.health().gaps == 0:
            await anext(made)
        keys = [key["listen_key"] for key in binance_options_sandbox.ledger()["keys"] if "listen_key" in key]
    assert caplog.text, "the driver tells what it does"
    for secret in (binance_options_sandbox.api_key, binance_options_sandbox.api_secret, *keys):
        assert secret not in caplog.text


async def test_a_bug_reaches_the_reader_and_ends_everything(
    binance_options_sandbox: LocalSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stream(binance_options_sandbox) as made:
        assert isinstance(await anext(made), Live)
        handle = Lifecycle.handle

        def broken(life: Lifecycle, happened: on.Input, now: on.Moment) -> None:
            if isinstance(happened, on.SocketLost):
                raise RuntimeError("a bug")  # noqa: TRY004 - any will do
            handle(life, happened, now)

        monkeypatch.setattr(Lifecycle, "handle", broken)
        binance_options_sandbox.fault("drop_sockets")
        with pytest.raises(RuntimeError, match="a bug"):
            await anext(made)
        assert made.health().status == "ENDED"


async def test_a_socket_that_came_up_lets_the_next_one_be_tried_at_once(
    binance_options_sandbox: LocalSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect_budget, "UNPROVEN_MAX", 1)
    monkeypatch.setattr(connect_budget, "PROBE_EVERY_S", 3600.0)
    async with asyncio.timeout(20), stream(binance_options_sandbox) as made:
        assert isinstance(await anext(made), Live)
        binance_options_sandbox.fault("drop_sockets")
        while not isinstance(await anext(made), GapClosed):
            pass


async def test_items_that_a_journal_has_lost_are_an_error_in_the_log(
    binance_options_sandbox: LocalSandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox, path = binance_options_sandbox, tmp_path / "a.db"

    async def run(fills: int) -> None:
        async with UserStream(
            api_key=sandbox.api_key, api_secret=sandbox.api_secret, venue=sandbox.venue, journal=path
        ) as stream:
            async with asyncio.timeout(20):
                while not stream.health().live:
                    await anext(stream)
                await asyncio.to_thread(sandbox.burst, fills)
                while stream.health().fills < fills:
                    await anext(stream)

    await run(1)
    older = path.read_bytes()
    await run(3)
    assert "lost" not in caplog.text
    path.write_bytes(older)
    await run(1)
    told = [record for record in caplog.records if "the journal had lost its last" in record.getMessage()]
    assert [record.levelname for record in told] == ["ERROR"]


class _Seats:
    """Gives connections of its own making, one after the other, when it is told to."""

    def __init__(self) -> None:
        self.asked: list[Secret] = []
        self.left = 0
        self.may_go = asyncio.Event()
        self.age_s = 0.0

    async def seat(self, key: Secret, risk: tuple[int, ...]) -> _Seats:
        del risk
        self.asked.append(key)
        await self.may_go.wait()
        return self

    @property
    def connect(self) -> Connect:
        return connect

    def leave(self) -> None:
        self.left += 1


def with_seats(made: UserStream, seats: _Seats) -> UserStream:
    made._driver._runtime = replace(made._driver._runtime, seats=seats)
    return made


async def test_a_stream_takes_its_connection_where_it_is_given_one(binance_options_sandbox: LocalSandbox) -> None:
    seats = _Seats()
    seats.age_s = 3600.0
    seats.may_go.set()
    timing = Timing(rotate_jitter_s=0.0)
    async with with_seats(stream(binance_options_sandbox, timing=timing), seats) as made:
        assert isinstance(await anext(made), Live)
        life = made._driver.life
        (socket,) = life.connections.sockets.values()
        assert seats.asked == [life.listen_key.key]
        assert socket.rotate_at_s == socket.opened_s - 3600.0 + timing.rotate_after_s, "it was open for an hour already"
    assert not seats.left, "who uses it closes it"


async def test_a_connection_that_came_too_late_is_given_back(binance_options_sandbox: LocalSandbox) -> None:
    seats = _Seats()
    async with with_seats(stream(binance_options_sandbox), seats) as made:
        async with asyncio.timeout(20):
            while not seats.asked:  # noqa: ASYNC110 - it is not ours to be told
                await asyncio.sleep(0.01)
        made._driver.life.connections.sockets.clear()
        seats.may_go.set()
        async with asyncio.timeout(20):
            while not seats.left:  # noqa: ASYNC110 - it is not ours to be told
                await asyncio.sleep(0.01)
