from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from listenkey.sandbox import websocket_server
from listenkey.sandbox.faults.malformed_frames import PRESETS
from listenkey.sandbox.server import Sandbox
from listenkey.sandbox.websocket.frames import header
from tests.sandbox.visitor import DEADLINE_S, Visitor, receive, receive_end, receive_trades, until


@pytest.mark.parametrize(
    ("address", "enveloped"),
    [
        ("/private/ws/{key}", False),
        ("/private/ws?listenKey={key}", False),
        ("/private/ws?listenKey={key}&events=ORDER_TRADE_UPDATE", False),
        ("/private/stream?listenKey={key}&events=ORDER_TRADE_UPDATE/ACCOUNT_UPDATE", True),
        ("/private/stream?streams={key}", True),
    ],
)
async def test_addresses_deliver_in_their_shape(address: Any, enveloped: Any) -> None:
    async with Sandbox(market=False) as sandbox, Visitor(sandbox) as visitor:
        key = await visitor.key()
        ws = await visitor.connect(address.format(key=key))
        await sandbox.burst("alice", 1)
        event = await receive(ws)
        assert (event.get("stream") == key) is enveloped
        assert event.get("data", event)["e"] == "ORDER_TRADE_UPDATE"
        await ws.close()


@pytest.mark.parametrize("address", ["/ws/{key}", "/eoptions/ws/{key}"])
async def test_legacy_addresses_live_in_the_legacy_generation(address: Any) -> None:
    async with Sandbox(market=False) as sandbox, Visitor(sandbox) as visitor:
        sandbox.set_switches(generation="legacy")
        ws = await visitor.connect(address.format(key=await visitor.key()))
        await sandbox.burst("alice", 1)
        assert isinstance((await receive(ws)).get("o", []), list)
        await ws.close()


async def test_subscribe_as_official_connectors_do() -> None:
    async with Sandbox(market=False) as sandbox, Visitor(sandbox) as visitor:
        key = await visitor.key()
        silent = [await visitor.connect(f"/{room}/stream") for room in ("market", "public")]
        ws = await visitor.connect("/private/stream")
        for each in (*silent, ws):
            await each.send_json({"method": "SUBSCRIBE", "params": [key], "id": 7})
            assert await receive(each) == {"result": None, "id": 7}
        await sandbox.burst("alice", 5)
        told = [(fill["symbol"], fill["trade_id"]) for fill in sandbox.ledger("alice")["fills"]]
        assert await receive_trades(ws, 5) == told
        for each in silent:
            await each.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 8})
            assert await receive(each) == {"result": [key], "id": 8}


async def test_a_text_id_is_refused() -> None:
    async with Sandbox(market=False) as sandbox, Visitor(sandbox) as visitor:
        ws = await visitor.connect("/private/stream")
        await ws.send_json({"method": "SUBSCRIBE", "params": ["x"], "id": "1"})
        error = {"code": 2, "msg": "Invalid request: request ID must be an unsigned integer"}
        assert await receive(ws) == {"error": error, "id": None}
        await ws.send_bytes(b"\xff\xfe")
        assert (await receive(ws))["error"]["code"] == 3


@pytest.mark.parametrize("address", ["/private/ws/", "/private/stream/", "/private/ws/a/b", "/nope/ws/a"])
async def test_wrong_addresses_are_not_upgraded(address: Any) -> None:
    async with Sandbox(market=False) as sandbox, Visitor(sandbox) as visitor:
        with pytest.raises(aiohttp.WSServerHandshakeError, match="404"):
            await visitor.connect(address)


async def test_a_socket_address_without_upgrade_is_told_so() -> None:
    async with Sandbox(market=False) as sandbox, Visitor(sandbox) as visitor:
        assert (await visitor.call("GET", "/private/stream"))[0] == 400


async def test_delete_tells_every_socket_of_the_key_and_leaves_them_open() -> None:
    async with Sandbox(market=False) as sandbox, Visitor(sandbox) as visitor:
        key = await visitor.key()
        first = await visitor.connect(f"/private/ws/{key}")
        second = await visitor.connect(f"/private/stream?streams={key}")
        await visitor.call("DELETE", "/eapi/v1/listenKey")
        event = await receive(first)
        assert (event["e"], event["listenKey"]) == ("listenKeyExpired", key)
        assert await receive(second) == {"stream": key, "data": event}
        await second.send_json({"method": "SUBSCRIBE", "params": [await visitor.key()], "id": 1})
        assert await receive(second) == {"result": None, "id": 1}
        await sandbox.burst("alice", 1)
        assert (await receive(second))["data"]["e"] == "ORDER_TRADE_UPDATE"


async def test_pings_come_by_the_switch_and_the_pong_is_waited_for() -> None:
    async with Sandbox(market=False) as sandbox, Visitor(sandbox) as visitor:
        answering = await visitor.connect("/private/stream")
        mute = await visitor.connect("/private/stream", autoping=False)
        listening = asyncio.create_task(receive(answering))
        sandbox.advance(180_000)
        ping = await asyncio.wait_for(mute.receive(), DEADLINE_S)
        assert ping.type is aiohttp.WSMsgType.PING
        assert ping.data.isdigit()
        await until(lambda: sandbox.meters()["messages_received"])
        sandbox.world.advance(sandbox.world.advance(0) + 600_000)
        sandbox._flush()
        assert await receive_end(mute) == 1006
        assert sandbox.meters()["sockets_open"] == 1
        listening.cancel()


async def test_a_ping_is_answered() -> None:
    async with Sandbox(market=False) as sandbox, Visitor(sandbox) as visitor:
        ws = await visitor.connect("/private/stream", autoping=False)
        await ws.ping(b"how are you")
        pong = await asyncio.wait_for(ws.receive(), DEADLINE_S)
        assert (pong.type, bytes(pong.data)) == (aiohttp.WSMsgType.PONG, b"how are you")


async def test_flooding_ends_in_1008() -> None:
    async with Sandbox(market=False) as sandbox, Visitor(sandbox) as visitor:
        ws = await visitor.connect("/private/stream")
        for number in range(11):
            await ws.send_json({"method": "LIST_SUBSCRIPTIONS", "id": number})
        for number in range(10):
            assert (await receive(ws))["id"] == number
        assert await receive_end(ws) == 1008


async def test_a_day_is_enough() -> None:
    async with Sandbox(market=False) as sandbox, Visitor(sandbox) as visitor:
        ws = await visitor.connect("/private/stream")
        sandbox.advance(86_400_000)
        assert await receive_end(ws) == 1001


async def test_a_burst_of_ten_thousand_events_arrives_whole_and_in_order() -> None:
    async with Sandbox(market=False) as sandbox, Visitor(sandbox) as visitor:
        ws = await visitor.listen()
        burst = asyncio.create_task(sandbox.burst("alice", 2_500))
        heard = await receive_trades(ws, 2_500)
        assert await burst == 2_500
        assert heard == [(fill["symbol"], fill["trade_id"]) for fill in sandbox.ledger("alice")["fills"]]


async def test_a_reader_that_never_reads_is_aborted_and_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket_server, "BACKLOG_MAX_BYTES", 1 << 20)
    async with Sandbox(market=False) as sandbox, Visitor(sandbox) as visitor:
        key = await visitor.key()
        reader, writer = await asyncio.open_connection("127.0.0.1", sandbox.port, limit=1024)
        handshake = (
            f"GET /private/ws/{key} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        writer.write(handshake.encode())
        await reader.readuntil(b"\r\n\r\n")
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        async with asyncio.timeout(60):
            while sandbox.meters()["sockets_open"]:
                await sandbox.burst("alice", 500)
        writer.close()
        assert (await visitor.call("GET", "/eapi/v1/time"))[0] == 200


# --- Faults, seen from outside ---


async def test_drop_sockets_with_and_without_a_code() -> None:
    async with Sandbox(market=False) as sandbox, Visitor(sandbox) as visitor:
        ws = await visitor.listen()
        sandbox.fault("drop_sockets", account="alice")
        assert await receive_end(ws) == 1006
        ws = await visitor.listen()
        sandbox.fault("drop_sockets", close_code=1012)
        assert await receive_end(ws) == 1012


async def test_mute_answers_pings_and_says_nothing() -> None:
    async with Sandbox(market=False) as sandbox, Visitor(sandbox) as visitor:
        ws = await visitor.listen(autoping=False)
        sandbox.fault("mute")
        await sandbox.burst("alice", 3)
        await ws.ping(b"x")
        assert (await asyncio.wait_for(ws.receive(), DEADLINE_S)).type is aiohttp.WSMsgType.PONG
        sandbox.clear_faults()
        await sandbox.burst("alice", 1)
        assert (await receive_trades(ws, 1))[0][1] > 0


async def test_half_open_is_silent_even_to_pings_and_can_come_back() -> None:
    async with Sandbox(market=False) as sandbox, Visitor(sandbox) as visitor:
        ws = await visitor.listen(autoping=False)
        fault = sandbox.fault("half_open")
        await sandbox.burst("alice", 3)
        await ws.ping(b"x")
        waiting = asyncio.create_task(ws.receive())
        other = await visitor.connect("/private/stream")
        await other.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 1})
        assert await receive(other) == {"result": [], "id": 1}
        assert not waiting.done()
        sandbox.clear_faults(fault)
        pong = await asyncio.wait_for(waiting, DEADLINE_S)
        assert pong.type is aiohttp.WSMsgType.PONG


async def test_half_open_does_not_hold_up_the_end() -> None:
    async with asyncio.timeout(DEADLINE_S), Sandbox(market=False) as sandbox, Visitor(sandbox) as visitor:
        await visitor.listen()
        sandbox.fault("half_open")


async def test_malformed_frames_come_between_good_ones() -> None:
    async with Sandbox(market=False) as sandbox, Visitor(sandbox) as visitor:
        names = [name for name in PRESETS if name != "invalid_utf8"]  # aiohttp's client ends the connection at that one
        ws = await visitor.listen()
        sandbox.fault("malformed_frame", frames=names)
        await sandbox.burst("alice", 10)
        frames: list[str] = []
        async with asyncio.timeout(DEADLINE_S):
            while len([frame for frame in frames if '"x":"TRADE"' in frame]) < 10:
                frames.append((await ws.receive()).data)
        bad = [PRESETS[name].data.decode() for name in names]
        assert [frame for frame in frames if frame in bad] == bad
        assert frames[1] == bad[0]


async def test_invalid_utf8_goes_out_as_it_is() -> None:
    async with Sandbox(market=False) as sandbox, Visitor(sandbox) as visitor:
        ws = await visitor.listen()
        sandbox.fault("malformed_frame", frames=["invalid_utf8"])
        await sandbox.burst("alice", 1)
        await receive(ws)
        assert await receive_end(ws) == 1007


async def test_shutdown_is_announced() -> None:
    async with Sandbox(market=False) as sandbox, Visitor(sandbox) as visitor:
        ws = await visitor.listen()
        sandbox.fault("server_shutdown")
        assert (await receive(ws))["e"] == "serverShutdown"


@pytest.mark.parametrize("length", [0, 125, 126, 65_535, 65_536])
def test_frame_headers(length: Any) -> None:
    first = header(0x81, length)
    assert first[0] == 0x81
    code = first[1]
    read = code if code < 126 else int.from_bytes(first[2:], "big")
    assert read == length
    assert len(first) == {True: 2}.get(code < 126, 4 if code == 126 else 10)


# --- What no client sends that keeps the rules ---


async def raw_socket(sandbox: Sandbox, path: str = "/private/stream", **headers: str) -> tuple[Any, Any, bytes]:
    """A handshake by hand; the answer's head."""
    reader, writer = await asyncio.open_connection("127.0.0.1", sandbox.port)
    told = {
        "Host": "localhost",
        "Upgrade": "websocket",
        "Connection": "keep-alive, Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in told.items() if value)]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    return reader, writer, await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), DEADLINE_S)


async def test_a_handshake_is_answered_as_the_rfc_computes_it() -> None:
    async with Sandbox(market=False) as sandbox:
        _, writer, head = await raw_socket(sandbox)
        assert head.startswith(b"HTTP/1.1 101 ")
        assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
        assert b"X-Sandbox: 1" in head
        writer.close()


@pytest.mark.parametrize(
    "headers",
    [
        {"Connection": "close"},
        {"Sec_WebSocket_Version": "8"},
        {"Sec_WebSocket_Version": ""},
        {"Sec_WebSocket_Key": ""},
        {"Sec_WebSocket_Key": "c2hvcnQ="},
        {"Sec_WebSocket_Key": "no base64!"},
    ],
)
async def test_a_handshake_that_is_none_is_refused(headers: dict[str, str]) -> None:
    async with Sandbox(market=False) as sandbox:
        _, writer, head = await raw_socket(sandbox, **headers)
        assert head.startswith(b"HTTP/1.1 400 ")
        assert sandbox.meters()["sockets_open"] == 0
        writer.close()


@pytest.mark.parametrize(
    ("frame", "code"), [(b"\x81\x02{}", 1002), (b"\x89\x00", 1002), (b"\x81\x81\0\0\0\0\xff", 1007)]
)
async def test_frames_that_break_the_rules_end_the_socket_with_the_code_for_it(frame: bytes, code: int) -> None:
    async with Sandbox(market=False) as sandbox:
        reader, writer, _ = await raw_socket(sandbox)
        writer.write(frame + b"\x81\x02{}")
        answer = await asyncio.wait_for(reader.readexactly(4), DEADLINE_S)
        assert (answer[0], int.from_bytes(answer[2:], "big")) == (0x88, code)
        writer.write_eof()
        rest = await asyncio.wait_for(reader.read(), DEADLINE_S)
        assert len(rest) == answer[1] - 2, "its reason, and nothing after it"
        await until(lambda: sandbox.meters()["sockets_open"] == 0)
        writer.close()


async def test_a_close_is_answered_with_its_code() -> None:
    async with Sandbox(market=False) as sandbox:
        reader, writer, _ = await raw_socket(sandbox)
        writer.write(b"\x88\x82\0\0\0\0\x0f\xa0")
        assert await asyncio.wait_for(reader.read(), DEADLINE_S) == b"\x88\x02\x0f\xa0"
        writer.close()


async def test_a_client_that_answers_no_close_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket_server, "CLOSE_WAIT_S", 0.05)
    async with Sandbox(market=False) as sandbox:
        reader, writer, _ = await raw_socket(sandbox)
        sandbox.fault("drop_sockets", close_code=1012)
        assert (await asyncio.wait_for(reader.readexactly(4), DEADLINE_S))[2:] == b"\x03\xf4"
        await until(lambda: sandbox.meters()["sockets_open"] == 0)
        writer.close()


async def test_half_of_a_surrogate_pair_is_refused_and_the_socket_lives_on() -> None:
    async with Sandbox(market=False) as sandbox, Visitor(sandbox) as visitor:
        ws = await visitor.connect("/private/stream")
        await ws.send_str(r'{"method":"SUBSCRIBE","params":["\ud800"],"id":1}')
        assert (await receive(ws))["error"]["code"] == 3
        await ws.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 2})
        assert await receive(ws) == {"result": [], "id": 2}


async def test_whatever_goes_wrong_inside_ends_the_socket_with_1011(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with Sandbox(market=False) as sandbox, Visitor(sandbox) as visitor:
        ws, other = await visitor.connect("/private/stream"), await visitor.connect("/private/stream")

        def breaks(*_: object) -> None:
            raise RuntimeError("hush")

        with monkeypatch.context() as patches:
            patches.setattr(sandbox.world.hub, "receive_text", breaks)
            await ws.send_str("{}")
            assert await receive_end(ws) == 1011
        await other.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 2})
        assert await receive(other) == {"result": [], "id": 2}
        assert "RuntimeError in" in caplog.text
        assert "hush" not in caplog.text


@pytest.mark.parametrize("address", ["/private/ws/{key}", "/private/stream?listenKey={key}"])
async def test_connections_of_one_account_are_refused_and_no_others(address: str) -> None:
    async with Sandbox(market=False, accounts=("alice", "bob")) as sandbox, Visitor(sandbox) as visitor:
        bob = Visitor(sandbox, sandbox.accounts[1])
        async with bob:
            mine, theirs = await visitor.key(), await bob.key()
            sandbox.fault("refuse_connections", account="alice", scope="ws")
            with pytest.raises(aiohttp.ClientError):
                await visitor.connect(address.format(key=mine))
            await (await bob.connect(address.format(key=theirs))).close()
            ws = await visitor.connect("/private/stream")
            await ws.send_json({"method": "SUBSCRIBE", "params": [mine], "id": 1})
            assert await receive_end(ws) == 1006
            ws = await visitor.connect("/private/stream")
            await ws.send_json({"method": "SUBSCRIBE", "params": [theirs], "id": 1})
            assert await receive(ws) == {"result": None, "id": 1}
