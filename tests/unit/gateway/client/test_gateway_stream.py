"""`listenkey.connect`: the items of an account, each once, whatever happens to the connection."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

import listenkey
from listenkey.blocking.stream import BlockingUserStream
from listenkey.core.timing import Timing
from listenkey.credentials import Secret
from listenkey.errors import AccountUnknown, GatewayError, ProtocolError, TokenRefused, TooOld, UsageError
from listenkey.gateway.client import gateway_stream
from listenkey.gateway.client.gateway_stream import GatewayStream, connect
from listenkey.gateway.http.server import GatewayServer
from listenkey.health import Health
from listenkey.items import Item
from tests.unit.gateway.client.test_gateway_api import answering, silent
from tests.unit.gateway.http.making import TOKEN, WITHIN_S, StandInAccount, StandInAccounts, serving, until


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GatewayStream, "_timing", replace(Timing(), backoff_first_s=0.01, backoff_max_s=0.02))


def stream_of(url: str, **options: Any) -> GatewayStream:
    return connect(url, **{"token": TOKEN, "account": "desk-1", **options})


async def take(stream: GatewayStream, count: int) -> list[Item]:
    items: list[Item] = []
    async with asyncio.timeout(WITHIN_S):
        while len(items) < count:
            items.append(await anext(stream))
            items += stream.take_ready()
    return items


async def test_the_items_are_those_of_the_journal() -> None:
    account = StandInAccount(before=300)
    async with serving(account) as served, stream_of(served.url, after=0) as stream:
        account.happen(20)
        assert await take(stream, 320) == account.items


async def test_without_a_cursor_it_begins_now_and_an_outage_leaves_no_hole() -> None:
    account = StandInAccount(before=5)
    accounts = StandInAccounts(account)
    server = GatewayServer(accounts, Secret(TOKEN), "127.0.0.1", 0)
    url = await server.start()
    async with stream_of(url) as stream:
        await server.aclose()
        account.happen(3)  # nobody hears these
        again = GatewayServer(accounts, Secret(TOKEN), "127.0.0.1", int(url.rpartition(":")[2]))
        await again.start()
        account.happen(2)
        assert [item.seq for item in await take(stream, 5)] == [6, 7, 8, 9, 10]
        await again.aclose()


async def test_each_item_comes_once_though_the_connection_breaks_again_and_again() -> None:
    account = StandInAccount()
    async with serving(account) as served, stream_of(served.url, after=0) as stream:
        got: list[int] = []
        for _ in range(15):
            account.happen(40)
            got += [item.seq for item in await take(stream, 20)]
            for reader in list(served.server._events._open):
                reader.abort()
        got += [item.seq for item in await take(stream, 600 - len(got))]
        assert got == list(range(1, 601))


async def test_a_consumer_goes_on_after_what_it_has_committed() -> None:
    account = StandInAccount(before=10)
    async with serving(account) as served:
        async with stream_of(served.url, consumer="book") as stream:
            items = await take(stream, 10)
            assert [item.seq for item in items] == list(range(1, 11)), "a new one reads everything"
            await stream.commit(4)
        async with stream_of(served.url, consumer="book") as stream:
            assert (await anext(stream)).seq == 5
            with pytest.raises(UsageError, match="was not read yet"):
                await stream.commit(11)
        async with stream_of(served.url) as stream:
            with pytest.raises(UsageError, match="name the reader"):
                await stream.commit(1)


@pytest.mark.parametrize("owner_url", ["http://10.0.0.1:8780", ""])
async def test_where_the_token_may_not_follow_it_waits_until_the_account_comes_back(owner_url: str) -> None:
    words = b'{"error":"held_elsewhere","message":"m","what_to_do":"w","owner_url":"%b"}' % owner_url.encode()
    head = b"HTTP/1.1 421 Misdirected\r\nContent-Length: %d\r\n\r\n" % len(words)
    async with answering(head + words) as home, stream_of(home, after=0) as stream:
        reading = asyncio.ensure_future(anext(stream))
        await until(lambda: "the token is not sent there" in stream.health().why)
        assert not reading.done()
        reading.cancel()


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"token": "wrong"}, TokenRefused),
        ({"account": "nobody"}, AccountUnknown),
        ({"after": 3}, TooOld),
        ({"after": 51}, GatewayError),
    ],
)
async def test_what_asking_again_will_not_mend_is_raised_on_entering(
    options: dict[str, Any], kind: type[Exception]
) -> None:
    account = StandInAccount(before=50)
    account.forget(20)
    async with serving(account) as served:
        with pytest.raises(kind):
            async with stream_of(served.url, **options):
                raise AssertionError("it must not get here")


@pytest.mark.parametrize(
    "options",
    [
        {"consumer": "book", "after": 3},
        {"after": -1},
        {"after": 2**63},
        {"token": ""},
        {"account": ""},
    ],
)
def test_arguments_that_can_not_be_meant_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        stream_of("http://127.0.0.1:1", **options)


async def test_an_account_that_is_taken_out_is_raised_behind_its_items() -> None:
    account = StandInAccount(before=3)
    async with serving(account) as served, stream_of(served.url, after=0) as stream:
        await until(lambda: served.server.readers)
        await served.accounts.take_out("desk-1")
        assert [item.seq for item in await take(stream, 3)] == [1, 2, 3]
        with pytest.raises(AccountUnknown, match="taken out"):
            await anext(stream)
        with pytest.raises(AccountUnknown):
            await anext(stream)


async def test_an_end_with_a_reason_is_raised_with_it() -> None:
    account = StandInAccount()
    async with serving(account) as served, stream_of(served.url) as stream:
        await until(lambda: served.server.readers)
        account.feed.end("the key is refused")
        with pytest.raises(GatewayError, match="the key is refused"):
            await anext(stream)


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ("data: nonsense", ProtocolError),
        ("event: state\ndata: nonsense", ProtocolError),
        ("event: end\ndata: nonsense", ProtocolError),
        ('event: end\ndata: {"error":"too_old","message":"x","oldest_seq":7}', TooOld),
    ],
)
async def test_a_line_that_is_none_ends_it(event: str, kind: type[Exception]) -> None:
    head = b"HTTP/1.1 200 OK\r\nListenkey-After: 0\r\nConnection: close\r\n\r\n"
    async with answering(head + f"event: later\ndata: ?\n\n{event}\n\n".encode()) as url, stream_of(url) as stream:
        with pytest.raises(kind):
            await anext(stream)


async def test_a_journal_that_cant_be_read_at_the_same_place_again_ends_it() -> None:
    head = b"HTTP/1.1 200 OK\r\nListenkey-After: 0\r\nConnection: close\r\n\r\n"
    end = b'event: end\ndata: {"error":"journal","message":"item 7 was changed"}\n\n'
    async with answering(head + end) as url, stream_of(url) as stream:
        with pytest.raises(GatewayError, match="item 7 was changed") as told:
            async with asyncio.timeout(WITHIN_S):
                await anext(stream)
    assert told.value.error == "journal"


async def test_an_item_that_it_has_had_is_not_given_again() -> None:
    account = StandInAccount(before=2)
    line = account.feed  # a gateway that sends everything from the beginning, whatever it is asked for
    async with serving(account) as served, served.events("/v1/accounts/desk-1/events?after=0") as events:
        await events.seqs(2)
        text = events.raw
    head = b"HTTP/1.1 200 OK\r\nListenkey-After: 0\r\nConnection: close\r\n\r\n"
    async with answering(head + text + text) as url, stream_of(url, after=0) as stream:
        assert [item.seq for item in await take(stream, 2)] == [1, 2]
        await asyncio.sleep(0.1)
        assert stream.take_ready() == []
    assert line.last_seq == 2


# --- how it is ---------------------------------------------------------------------------------------------------


def state(status: str, **more: Any) -> bytes:
    words = {"kind": "state", "status": status, "why": "x", "status_since_ms": 1, "fills_complete": status == "LIVE"}
    return listenkey_json({**words, **more})


def listenkey_json(words: dict[str, Any]) -> bytes:
    import json

    return json.dumps(words).encode()


async def test_the_state_of_the_account_is_said_as_it_changes_and_once() -> None:
    account = StandInAccount()
    account.feed.note_state(state("LIVE"))
    said: list[Health] = []
    async with serving(account) as served, stream_of(served.url, on_state=said.append) as stream:
        await until(lambda: said)
        assert (stream.health().status, stream.health().fills_complete, stream.health().live) == ("LIVE", True, True)
        for reader in list(served.server._events._open):
            reader.abort()  # a short outage is not said
        await until(lambda: stream.health().status == "LIVE" and served.server.readers)
        account.feed.note_state(state("GAP", open_gap_from_ms=5))
        await until(lambda: len(said) == 2)
        assert (stream.health().status, stream.health().open_gap_from_ms, stream.health().live) == ("GAP", 5, False)
    assert [one.status for one in said] == ["LIVE", "GAP"]


async def test_a_gateway_that_is_not_reached_is_said_and_so_is_its_return() -> None:
    account = StandInAccount()
    account.feed.note_state(state("LIVE"))
    said: list[Health] = []
    accounts = StandInAccounts(account)
    server = GatewayServer(accounts, Secret(TOKEN), "127.0.0.1", 0)
    url = await server.start()
    async with stream_of(url, on_state=said.append, unreached_after_s=0.1) as stream:
        await until(lambda: said)
        await server.aclose()
        await until(lambda: len(said) == 2)
        assert "not reached" in said[1].why
        assert (stream.health().live, stream.health().fills_complete) == (False, False)
        again = GatewayServer(accounts, Secret(TOKEN), "127.0.0.1", int(url.rpartition(":")[2]))
        await again.start()
        await until(lambda: len(said) == 3)
        assert said[2] == said[0]
        await again.aclose()


async def test_losing_and_regaining_the_gateway_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "listenkey")
    accounts = StandInAccounts(StandInAccount())
    server = GatewayServer(accounts, Secret(TOKEN), "127.0.0.1", 0)
    url = await server.start()
    async with stream_of(url):
        await until(lambda: server.readers)
        await server.aclose()
        await asyncio.sleep(0.1)
        again = GatewayServer(accounts, Secret(TOKEN), "127.0.0.1", int(url.rpartition(":")[2]))
        await again.start()
        await until(lambda: again.readers)
        await until(lambda: "reached again" in caplog.text)
        await again.aclose()
    told = [(one.levelname, one.getMessage()) for one in caplog.records if "desk-1: the gateway" in one.getMessage()]
    assert [level for level, _ in told[:2]] == ["WARNING", "INFO"]
    assert "lost" in told[0][1]
    assert TOKEN not in caplog.text


async def test_a_gateway_that_has_said_that_it_stops_is_asked_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GatewayStream, "_timing", replace(Timing(), backoff_first_s=60.0, backoff_max_s=60.0))
    account = StandInAccount()
    accounts = StandInAccounts(account)
    server = GatewayServer(accounts, Secret(TOKEN), "127.0.0.1", 0)
    url = await server.start()
    async with stream_of(url) as stream:
        await until(lambda: server.readers)
        await server.aclose()
        again = GatewayServer(accounts, Secret(TOKEN), "127.0.0.1", int(url.rpartition(":")[2]))
        await again.start()
        account.happen(1)
        async with asyncio.timeout(5):
            assert (await anext(stream)).seq == 1
        await again.aclose()
    waits = gateway_stream.restart_timing(Timing())
    assert (waits.backoff_first_s, waits.backoff_max_s) == (0.1, 1)


async def test_a_gateway_that_is_not_there_yet_is_waited_for() -> None:
    said: list[Health] = []
    async with stream_of("http://127.0.0.1:1", on_state=said.append, unreached_after_s=0.05) as stream:
        await until(lambda: said)
        assert stream.health().status == "CONNECTING"


async def test_what_the_program_s_function_raises_is_raised_where_it_waits() -> None:
    account = StandInAccount()
    account.feed.note_state(state("LIVE"))

    def broken(_: Health) -> None:
        raise ZeroDivisionError

    async with serving(account) as served:
        with pytest.raises(ZeroDivisionError):
            async with stream_of(served.url, on_state=broken) as stream:
                await anext(stream)
    with pytest.raises(ZeroDivisionError):
        async with stream_of("http://127.0.0.1:1", on_state=broken, unreached_after_s=0.01) as stream:
            await anext(stream)


# --- opening, reading, closing -----------------------------------------------------------------------------------


async def test_it_is_opened_once_read_by_one_and_closed_twice() -> None:
    account = StandInAccount(before=2)
    async with serving(account) as served:
        stream = stream_of(served.url, after=0)
        with pytest.raises(UsageError, match="open the stream first"):
            await anext(stream)
        await stream.aclose()
        async with stream:
            with pytest.raises(UsageError, match="opened once"):
                await stream.__aenter__()
            await take(stream, 2)
            waiting = asyncio.ensure_future(stream.__anext__())
            await asyncio.sleep(0)
            with pytest.raises(UsageError, match="another reader"):
                await anext(stream)
            account.happen(2)
            await waiting
            await until(lambda: stream.health().backlog == 1)
        await stream.aclose()
        assert [item.seq async for item in stream] == [4]


async def test_a_function_is_called_with_each_item() -> None:
    account = StandInAccount(before=3)
    seqs: list[int] = []
    async with serving(account) as served:
        stream = stream_of(served.url, after=0)

        def on_item(item: Item) -> None:
            seqs.append(item.seq)
            if item.seq == 3:
                raise KeyError

        async with stream:
            with pytest.raises(KeyError):
                await stream.run(on_item)
    assert seqs == [1, 2, 3]


async def test_closing_while_it_opens_is_said() -> None:
    async with silent() as url:
        stream = stream_of(url)
        opening = asyncio.create_task(stream.__aenter__())
        await asyncio.sleep(0.05)
        await stream.aclose()
        with pytest.raises(UsageError, match="closed while it was opening"):
            await opening


async def test_a_slow_program_holds_back_the_gateway_and_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("listenkey.gateway.client.item_queue.ITEMS_MAX", 10)
    account = StandInAccount(before=2_000)
    async with serving(account) as served, stream_of(served.url, after=0) as stream:
        await until(lambda: stream.health().backlog == 10)
        assert [item.seq for item in await take(stream, 2_000)] == list(range(1, 2_001))


async def test_the_token_is_shown_nowhere() -> None:
    stream = stream_of("http://127.0.0.1:1")
    shown = [repr(stream), str(vars(stream)), str(vars(stream._api)), repr(stream.health())]
    assert not [text for text in shown if TOKEN in text]


# --- blocking ----------------------------------------------------------------------------------------------------


def in_thread(work: Callable[[], Any]) -> asyncio.Future[Any]:
    return asyncio.ensure_future(asyncio.to_thread(work))


async def test_the_blocking_twin_gives_the_same_and_can_the_same() -> None:
    account = StandInAccount(before=3)
    account.feed.note_state(state("LIVE"))
    said: list[tuple[str, str]] = []
    async with serving(account) as served:

        def work() -> list[int]:
            options: dict[str, Any] = {"token": TOKEN, "account": "desk-1", "consumer": "book"}
            with connect.blocking(
                served.url, on_state=lambda one: said.append((one.status, threading.current_thread().name)), **options
            ) as stream:
                assert isinstance(stream, BlockingUserStream)
                seqs = [stream.next(timeout=WITHIN_S).seq for _ in range(3)]
                with pytest.raises(TimeoutError):
                    stream.next(timeout=0.05)
                stream.commit(2)
                assert stream.health().status == "LIVE"
                return seqs

        assert await in_thread(work) == [1, 2, 3]
        assert account.cursors == {"book": 2}
        assert said == [("LIVE", "listenkey-portal")]

        def refused() -> None:
            with connect.blocking(served.url, token="wrong", account="desk-1"):
                raise AssertionError("it must not get here")

        with pytest.raises(TokenRefused):
            await in_thread(refused)


def test_it_is_public_and_importing_the_package_does_not_load_it() -> None:
    assert listenkey.connect is listenkey.GatewayStream is GatewayStream
    program = (
        "import sys, listenkey; assert not [name for name in sys.modules if 'gateway' in name or name == 'aiohttp']"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
