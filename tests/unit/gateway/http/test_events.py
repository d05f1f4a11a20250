"""The events of an account from a cursor on: none twice, none missing, and a typed answer where that can't be."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest

from listenkey.errors import JournalError, TooOld
from listenkey.gateway.feed import FeedEnded
from listenkey.gateway.http import event_reader
from listenkey.gateway.http.answers import Problem
from listenkey.gateway.http.events import GatewayStops, check_cursor, cursor_of, reason_of, told
from listenkey.items import Item
from listenkey.wire.json_lines import to_line
from tests.unit.gateway.http.making import AUTHORIZED, WITHIN_S, StandInAccount, serving, until

PATH = "/v1/accounts/desk-1/events"


async def test_a_reader_without_a_cursor_gets_what_comes_from_now_on() -> None:
    account = StandInAccount(before=3)
    async with serving(account) as served, served.events() as events:
        await until(lambda: served.server.readers)
        account.happen(2)
        assert await events.seqs(5) == [4, 5]


async def test_each_event_is_the_line_that_tail_prints() -> None:
    account = StandInAccount(before=1)
    async with serving(account) as served, served.events(f"{PATH}?after=0") as events:
        seq, kind, line = await events.next()
        assert (seq, kind) == (1, "message")
        assert line == json.loads(to_line(account.items[0]))


async def test_a_cursor_in_the_journal_meets_what_comes_without_hole_or_double() -> None:
    account = StandInAccount(before=1_000)
    async with serving(account) as served, served.events(f"{PATH}?after=10") as events:
        wanted = 1_500
        adding = asyncio.create_task(happen_slowly(account, wanted))
        assert await events.seqs(wanted) == list(range(11, wanted + 1))
        await adding


async def happen_slowly(account: StandInAccount, until_seq: int) -> None:
    while len(account.items) < until_seq:
        account.happen(5)
        await asyncio.sleep(0.001)


async def test_last_event_id_wins_over_the_address() -> None:
    account = StandInAccount(before=9)
    async with serving(account) as served, served.events(f"{PATH}?after=2", **{"Last-Event-ID": "7"}) as events:
        assert await events.seqs(9) == [8, 9]


async def test_readers_at_any_place_get_equal_bytes() -> None:
    account = StandInAccount(before=600)
    async with serving(account) as served, served.events(f"{PATH}?after=0") as one:
        await one.seqs(600)
        async with served.events(f"{PATH}?after=300") as other:
            account.happen(50)
            await other.seqs(650)
            await one.seqs(650)
            assert one.raw[one.raw.index(b"id: 301\n") :] == other.raw[other.raw.index(b"id: 301\n") :]


async def test_the_present_state_comes_first_and_a_change_as_it_happens() -> None:
    account = StandInAccount(before=2)
    account.feed.note_state(b'{"kind":"state","status":"LIVE"}')
    async with serving(account) as served, served.events(f"{PATH}?after=0") as events:
        assert await events.next() == (None, "state", {"kind": "state", "status": "LIVE"})
        assert await events.seqs(2) == [1, 2]
        account.feed.note_state(b'{"kind":"state","status":"GAP"}')
        assert await events.next() == (None, "state", {"kind": "state", "status": "GAP"})


async def test_a_cursor_behind_what_is_kept_is_410_with_the_oldest_number() -> None:
    account = StandInAccount(before=50)
    account.forget(20)
    async with serving(account) as served:
        status, words, _ = await served.ask("GET", f"{PATH}?after=18")
        assert (status, words["error"], words["oldest_seq"]) == (410, "too_old", 20)
        async with served.events(f"{PATH}?after=19") as events:
            assert await events.seqs(50) == list(range(20, 51))


async def test_items_that_only_the_journal_knows_are_gone_are_410_as_well() -> None:
    account = StandInAccount(before=900)
    account.oldest_seq = 20  # pruned, and the feed was not told
    async with serving(account) as served:
        status, words, _ = await served.ask("GET", f"{PATH}?after=1")
        assert (status, words["error"], words["oldest_seq"]) == (410, "too_old", 20)


async def test_a_cursor_beyond_the_newest_item_is_refused() -> None:
    account = StandInAccount(before=5)
    async with serving(account) as served:
        status, words, _ = await served.ask("GET", f"{PATH}?after=6")
        assert (status, words["error"], words["newest_seq"]) == (409, "too_new", 5)


@pytest.mark.parametrize("text", ["-1", "x", "1.0", " 1", "9" * 20, str(2**63), "٣"])
def test_a_cursor_that_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(Problem, match="bad_cursor"):
        cursor_of({"after": text}, None)


def test_a_cursor_is_the_header_s_then_the_address_s_then_none() -> None:
    assert cursor_of({"after": "3"}, "4") == 4
    assert cursor_of({"after": "3"}, "") == 3
    assert cursor_of({}, None) is None
    check_cursor(None, StandInAccount().feed)


async def test_a_misspelt_parameter_is_refused_and_not_taken_for_none() -> None:
    async with serving() as served:
        status, words, _ = await served.ask("GET", f"{PATH}?afer=3")
        assert (status, words["error"]) == (400, "bad_parameter")


async def test_an_account_that_is_taken_out_ends_its_readers_with_a_reason() -> None:
    account = StandInAccount(before=1)
    async with serving(account) as served, served.events(f"{PATH}?after=0") as events:
        assert await events.seqs(1) == [1]
        await served.accounts.take_out("desk-1")
        _, kind, words = await events.next()
        assert (kind, words["error"], words["account"]) == ("end", "taken_out", "desk-1")
        with pytest.raises(EOFError):
            await events.next()


async def test_a_gateway_that_stops_says_so_to_its_readers() -> None:
    async with serving() as served, served.events() as events:
        await until(lambda: served.server.readers)
        stopping = asyncio.create_task(served.server.aclose())
        _, kind, words = await events.next()
        assert (kind, words["error"]) == ("end", "gateway_stops")
        await stopping


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (TooOld(3, 9), "too_old"),
        (FeedEnded(None), "taken_out"),
        (FeedEnded("the key is refused"), "stream_ended"),
        (FeedEnded("another worker has it", has_moved=True), "moved"),
        (JournalError("no disk"), "journal"),
        (GatewayStops("it stops"), "gateway_stops"),
    ],
)
def test_an_end_is_told_by_a_word_and_in_words(end: Exception, reason: str) -> None:
    words = json.loads(told("desk-1", end))
    assert (reason_of(end), words["error"], words["message"]) == (reason, reason, str(end))
    assert words.get("oldest_seq") == (9 if reason == "too_old" else None)


async def test_more_readers_than_allowed_are_told_to_go_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("listenkey.gateway.http.events.READERS_MAX", 1)
    async with serving() as served:
        async with served.events():
            await until(lambda: served.server.readers)
            status, words, headers = await served.ask("GET", PATH)
            assert (status, words["error"]) == (503, "too_many_readers")
            assert int(headers["Retry-After"]) > 0
        await until(lambda: not served.server.readers)
        async with served.events():
            pass


async def test_http_1_0_gets_the_events_bare_until_the_connection_ends() -> None:
    account = StandInAccount(before=2)
    async with serving(account) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        token = AUTHORIZED["Authorization"]
        writer.write(
            f"GET {PATH}?after=0 HTTP/1.0\r\nHost: 127.0.0.1:{served.port}\r\nAuthorization: {token}\r\n\r\n".encode()
        )
        async with asyncio.timeout(WITHIN_S):
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readuntil(b"\n\n")
        assert b" 200 " in head
        assert b"chunked" not in head
        assert body.startswith(b"id: 1\ndata: {")
        writer.close()
        await until(lambda: not served.server.readers)


# --- WebSocket ---------------------------------------------------------------------------------------------------


async def test_a_websocket_brings_the_same_lines_one_a_message() -> None:
    account = StandInAccount(before=700)
    account.feed.note_state(b'{"kind":"state","status":"LIVE"}')
    async with serving(account) as served:
        async with served.session.ws_connect(f"{served.url}{PATH}?after=0", headers=AUTHORIZED) as socket:
            assert await socket.receive_json(timeout=WITHIN_S) == {"kind": "state", "status": "LIVE"}
            got = [(await socket.receive(timeout=WITHIN_S)).data.encode() for _ in range(700)]
            account.happen(20)
            got += [(await socket.receive(timeout=WITHIN_S)).data.encode() for _ in range(20)]
            assert got == [to_line(item) for item in account.items]
        await until(lambda: not served.server.readers)


async def test_a_websocket_answers_pings_and_ignores_what_it_is_told() -> None:
    account = StandInAccount()
    async with (
        serving(account) as served,
        served.session.ws_connect(served.url + PATH, headers=AUTHORIZED, autoping=False) as socket,
    ):
        await socket.ping(b"there?")
        await socket.send_str("hello")
        message = await socket.receive(timeout=WITHIN_S)
        assert (message.type, message.data) == (aiohttp.WSMsgType.PONG, b"there?")
        account.happen(1)
        assert json.loads((await socket.receive(timeout=WITHIN_S)).data)["seq"] == 1


@pytest.mark.parametrize(("how", "code"), [("take_out", 4404), ("error", 4500), ("stop", 1001)])
async def test_a_websocket_is_closed_with_a_code_that_says_why(how: str, code: int) -> None:
    account = StandInAccount()
    async with (
        serving(account) as served,
        served.session.ws_connect(served.url + PATH, headers=AUTHORIZED) as socket,
    ):
        await until(lambda: served.server.readers)
        ending = None
        if how == "take_out":
            await served.accounts.take_out("desk-1")
        elif how == "error":
            account.feed.end("the key is refused")
        else:
            ending = asyncio.create_task(served.server.aclose())
        assert (await socket.receive_json(timeout=WITHIN_S))["kind"] == "end"
        assert (await socket.receive(timeout=WITHIN_S)).type is aiohttp.WSMsgType.CLOSE
        assert socket.close_code == code
        if ending is not None:
            await ending


async def test_a_websocket_that_is_too_old_is_refused_before_it_is_one() -> None:
    account = StandInAccount(before=50)
    account.forget(20)
    async with serving(account) as served:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await served.session.ws_connect(f"{served.url}{PATH}?after=1", headers=AUTHORIZED)
        assert refused.value.status == 410


async def test_half_a_handshake_is_refused_in_json() -> None:
    async with serving() as served:
        status, words, _ = await served.ask("GET", PATH, headers={**AUTHORIZED, "Upgrade": "websocket"})
        assert (status, words["error"]) == (400, "bad_request")


# --- readers that don't read -------------------------------------------------------------------------------------


async def test_a_reader_that_takes_nothing_is_ended_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_reader, "STALLED_S", 0.3)
    account = StandInAccount()
    async with serving(account) as served:
        _, writer = await deaf(served.port)
        async with served.events() as events:
            await until(lambda: served.server.readers == 2)
            wanted = 0
            async with asyncio.timeout(WITHIN_S):
                while served.server.readers_stalled == 0:
                    wanted += 200
                    account.happen(200)
                    assert await events.seqs(wanted) == list(range(wanted - 199, wanted + 1))
            await until(lambda: served.server.readers == 1)
        writer.close()


async def deaf(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection that asks for events, and reads none."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    token = AUTHORIZED["Authorization"]
    writer.write(f"GET {PATH} HTTP/1.1\r\nHost: localhost:{port}\r\nAuthorization: {token}\r\n\r\n".encode())
    await reader.readuntil(b"\r\n\r\n")
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    return reader, writer


async def test_a_reader_that_was_slow_gets_everything_once_when_it_reads_again() -> None:
    account = StandInAccount()
    async with serving(account) as served, served.events() as events:
        await until(lambda: served.server.readers)
        for _ in range(40):
            account.happen(250)
            await asyncio.sleep(0.002)
        assert await events.seqs(10_000) == list(range(1, 10_001))


def test_items_of_the_stand_in_are_updates() -> None:
    items: list[Item] = StandInAccount(before=1).items
    assert items[0].seq == 1
