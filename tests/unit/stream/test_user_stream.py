"""A stream as its reader sees it: arguments, errors, ends. What a stream does is in tests/promises."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from listenkey import Live, OrderTradeUpdate, Update, UserStream, Venue
from listenkey.errors import Refused, Retired, UsageError
from listenkey.items import Item
from listenkey.journal.memory import TOO_SLOW, MemoryJournal
from listenkey.rest import rate_limiter
from listenkey.testing import LocalSandbox


def stream(sandbox: LocalSandbox, **arguments: object) -> UserStream:
    settings: dict[str, object] = {"api_key": sandbox.api_key, "venue": sandbox.venue} | arguments
    return UserStream(**settings)  # type: ignore[arg-type]


def test_arguments_that_cant_be_right_are_refused_before_any_io() -> None:
    with pytest.raises(UsageError, match="no API key"):
        UserStream(api_key="")
    with pytest.raises(UsageError, match="production, legacy, testnet"):
        UserStream(api_key="k", venue="moon")
    with pytest.raises(UsageError, match="found by its account's name"):
        UserStream(api_key="k", journal="nats://localhost")
    for option in ({"consumer": "x"}, {"after": 0}, {"auto_commit": True}, {"keep_days": 1}, {"keep_bytes": 1}):
        with pytest.raises(UsageError, match="need a journal"):
            UserStream(api_key="k", **option)
    with pytest.raises(UsageError, match="not both"):
        UserStream(api_key="k", api_secret="s", private_key="p")


def test_the_alias_stands_for_the_key_and_does_not_hold_it() -> None:
    one, other = UserStream(api_key="A" * 64), UserStream(api_key="B" * 64)
    assert one.account != other.account
    assert len(one.account) == 8
    assert "A" * 4 not in repr(vars(one))


async def test_a_second_reader_is_told_so_and_the_first_goes_on(binance_options_sandbox: LocalSandbox) -> None:
    async with stream(binance_options_sandbox) as made:
        first = asyncio.ensure_future(anext(made))
        await asyncio.sleep(0)
        with pytest.raises(UsageError, match="open one for each"):
            await anext(made)
        assert isinstance(await first, Live)
        given_up = asyncio.ensure_future(anext(made))
        await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.wait([given_up])
        await asyncio.to_thread(binance_options_sandbox.burst, 1)
        assert (await anext(made)).seq == 2


async def test_closing_that_is_cancelled_lets_go_of_the_account_s_keys(binance_options_sandbox: LocalSandbox) -> None:
    made = stream(binance_options_sandbox)
    await made.__aenter__()
    keys = made._driver.keys.shared
    assert keys is not None
    closing = asyncio.ensure_future(made.aclose())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.wait([closing])
    assert closing.cancelled()
    assert keys.users == 0


async def test_while_a_slow_reader_loses_events_the_stream_is_not_live(binance_options_sandbox: LocalSandbox) -> None:
    async with stream(binance_options_sandbox) as made, asyncio.timeout(20):
        assert isinstance(await anext(made), Live)
        assert isinstance(made._driver.journal, MemoryJournal)
        made._driver.journal.overflow.bytes_max = 10_000
        await asyncio.to_thread(binance_options_sandbox.burst, 50)
        while made.health().dropped == 0:  # noqa: ASYNC110 - sockets bring it about, and nobody tells
            await asyncio.sleep(0.001)
        assert (made.health().status, made.health().why) == ("GAP", TOO_SLOW.text)
        while made.health().dropped and made.health().status == "GAP":
            await anext(made)
        assert made.health().status == "LIVE"


async def test_reading_before_opening_and_opening_twice_are_mistakes(binance_options_sandbox: LocalSandbox) -> None:
    made = stream(binance_options_sandbox)
    with pytest.raises(UsageError, match="open the stream first"):
        await anext(made)
    async with made:
        with pytest.raises(UsageError, match="opened once"):
            await made.__aenter__()


async def test_a_wrong_api_key_raises_while_iterating(binance_options_sandbox: LocalSandbox) -> None:
    async with stream(binance_options_sandbox, api_key="x" * 64) as made:
        with pytest.raises(Refused) as caught:
            async for _ in made:
                pass
        assert caught.value.http_status == 401
        assert made.health().status == "FAILED"
        assert "x" * 8 not in str(caught.value)


async def test_a_retired_address_raises(binance_options_sandbox: LocalSandbox) -> None:
    binance_options_sandbox.fault("retire_endpoint")
    async with stream(binance_options_sandbox) as made:
        with pytest.raises(Retired):
            await anext(made)


def test_plain_text_to_another_machine_is_refused() -> None:
    for venue in (Venue("http://192.0.2.1", "wss://x.test"), Venue("https://x.test", "ws://192.0.2.1")):
        with pytest.raises(UsageError, match="plain text"):
            UserStream(api_key="k", venue=venue)


async def test_closing_ends_the_iteration_and_keeps_the_key(binance_options_sandbox: LocalSandbox) -> None:
    made = stream(binance_options_sandbox)
    async with made:
        assert isinstance(await anext(made), Live)
    assert [item async for item in made] == []
    assert made.health().status == "ENDED"
    await made.aclose()
    assert "DELETE" not in str(binance_options_sandbox.meters()["requests"])


async def test_the_key_is_closed_when_told_so(binance_options_sandbox: LocalSandbox) -> None:
    async with stream(binance_options_sandbox, close_key_on_exit=True) as made:
        await anext(made)
    assert "DELETE" in str(binance_options_sandbox.meters()["requests"])


async def test_a_stream_that_is_left_in_the_middle_of_opening_leaves_no_task(
    binance_options_sandbox: LocalSandbox,
) -> None:
    binance_options_sandbox.fault("hang_http")
    before = asyncio.all_tasks()
    async with stream(binance_options_sandbox):
        await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


def fills_of(items: list[Item]) -> list[OrderTradeUpdate]:
    events = [item.event for item in items if isinstance(item, Update)]
    return [event for event in events if isinstance(event, OrderTradeUpdate) and event.is_fill]


async def test_a_function_gets_what_a_loop_would_get(binance_options_sandbox: LocalSandbox) -> None:
    sandbox = binance_options_sandbox
    looped: list[Item] = []
    called: list[Item] = []
    async with stream(sandbox) as one, stream(sandbox) as other, asyncio.timeout(20):
        running = asyncio.ensure_future(other.run(called.append))
        assert isinstance(await anext(one), Live)
        with pytest.raises(UsageError, match="open one for each"):
            await anext(other)
        while not called:  # noqa: ASYNC110 - a socket brings it about
            await asyncio.sleep(0.001)
        await asyncio.to_thread(sandbox.burst, 200)
        async for item in one:
            looped.append(item)
            if len(fills_of(looped)) == 200:
                break
        while len(fills_of(called)) < 200:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        await other.aclose()
        await running
    assert fills_of(looped) == fills_of(called)
    assert [item.seq for item in called] == list(range(1, len(called) + 1))


async def test_a_stream_that_is_dropped_is_closed_and_named(
    binance_options_sandbox: LocalSandbox, tmp_path: Path
) -> None:
    path = tmp_path / "fills.db"
    kept = [await stream(binance_options_sandbox, journal=path, account="mine").__aenter__()]
    assert isinstance(await anext(kept[0]), Live)
    with pytest.warns(ResourceWarning, match="account mine was dropped and never closed: use `async with`"):
        kept.clear()
    async with asyncio.timeout(10):
        while len(asyncio.all_tasks()) > 1:  # noqa: ASYNC110 - its closing is one of them
            await asyncio.sleep(0.001)
    async with stream(binance_options_sandbox, journal=path, account="mine") as again:
        assert again.account == "mine"


def test_a_stream_that_is_dropped_when_its_loop_is_gone_leaves_no_thread(
    binance_options_sandbox: LocalSandbox, tmp_path: Path
) -> None:
    path = tmp_path / "fills.db"
    kept = []

    async def opened() -> None:
        kept.append(await stream(binance_options_sandbox, journal=path).__aenter__())

    asyncio.run(opened())
    with pytest.warns(ResourceWarning, match="never closed"):
        kept.clear()
    for thread in threading.enumerate():
        if thread.name == "listenkey journal":
            thread.join(5)
            assert not thread.is_alive()

    async def again() -> None:
        async with stream(binance_options_sandbox, journal=path):
            pass

    asyncio.run(again())


def test_a_loop_that_is_not_asyncio_s_is_named(binance_options_sandbox: LocalSandbox) -> None:
    made = stream(binance_options_sandbox)
    opening = made.__aenter__()
    with pytest.raises(UsageError, match=r"needs asyncio.*UserStream\.blocking"):
        opening.send(None)  # as trio would run it


async def test_opening_that_fails_holds_nothing(
    binance_options_sandbox: LocalSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "fills.db"
    before = asyncio.all_tasks()
    for _ in range(2):
        with pytest.raises(UsageError, match="ends at item 0"):
            await stream(binance_options_sandbox, journal=path, after=5).__aenter__()
    monkeypatch.setattr(rate_limiter, "share", broken)
    with pytest.raises(RuntimeError, match="no limiter"):
        await stream(binance_options_sandbox, journal=path).__aenter__()
    monkeypatch.undo()
    assert asyncio.all_tasks() == before
    async with stream(binance_options_sandbox, journal=path):
        pass


def broken(*_: object) -> None:
    raise RuntimeError("no limiter")
