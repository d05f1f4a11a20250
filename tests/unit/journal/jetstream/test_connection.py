from __future__ import annotations

import asyncio
import builtins
import sys
from math import inf
from pathlib import Path
from typing import Any

import msgspec
import nats.errors
import pytest

from listenkey.credentials import Secret
from listenkey.errors import JournalError, Unreachable, UsageError
from listenkey.journal.jetstream import connection as connections
from listenkey.journal.jetstream.connection import LogConnection, PullWaiter, Waiter
from listenkey.journal.jetstream.link import Outgoing, Reply, Unanswered
from tests.nats_server import Cluster, free_ports, made
from tests.unit.journal.making import until


async def opened(node: Cluster) -> LogConnection:
    connection = LogConnection([f"nats://127.0.0.1:{node.nodes[0].client}"])
    await connection.open()
    return connection


async def test_replies_come_to_whoever_asked(nats_node: Cluster) -> None:
    connection = await opened(nats_node)
    replies = await asyncio.gather(*(connection.request("$JS.API.INFO") for _ in range(20)))
    assert all(b"api" in reply.data for reply in replies)
    await connection.aclose()
    await connection.aclose()


async def test_where_nobody_answers_that_is_told_at_once(nats_node: Cluster) -> None:
    connection = await opened(nats_node)
    with pytest.raises(Unanswered, match="nobody answers there") as error:
        await connection.request("nobody.listens", within_s=30)
    assert not error.value.was_sent
    await connection.aclose()


async def test_an_answer_that_does_not_come_in_time_is_not_waited_for(nats_node: Cluster) -> None:
    connection, other = await opened(nats_node), await opened(nats_node)
    assert other._client is not None
    late: list[Any] = []

    async def keep(message: Any) -> None:
        late.append(message)

    await other._client.subscribe("slow", cb=keep)
    async with asyncio.timeout(20):  # `flush` may return before the server has the subscription.
        while True:
            with pytest.raises(Unanswered) as error:
                await connection.request("slow", within_s=0.05)
            if "nobody answers" not in str(error.value):
                break
    assert "no answer in time" in str(error.value)
    assert error.value.was_sent
    assert not connection._waiting
    await until(lambda: bool(late))
    client = connection._client
    assert client is not None
    came = client.stats["in_msgs"]
    await late[0].respond(b"too late")
    await until(lambda: client.stats["in_msgs"] > came)
    await connection.request("$JS.API.INFO")  # The late one was dropped.
    await connection.aclose()
    await other.aclose()


async def test_a_message_that_is_too_large_is_an_error_that_says_what_to_do(nats_node: Cluster) -> None:
    connection = await opened(nats_node)
    with pytest.raises(JournalError, match="raise max_payload"):
        await connection.request_batch([Outgoing("a", b"", {}), Outgoing("a", bytes(2 << 20), {"A": "1"})])
    await connection.aclose()
    with pytest.raises(Unanswered, match="no connection") as error:
        await connection.request("a")
    assert not error.value.was_sent


async def test_only_the_first_end_of_a_wait_counts() -> None:
    waiter = Waiter(1.0, inf)
    waiter.take(Reply("", {}, b"1"))
    waiter.take(Reply("204", {}, b""))
    waiter.take(Reply("204", {}, b"late"))
    waiter.give_up("too late", was_sent=True)
    await waiter.future
    assert [reply.data for reply in waiter.replies] == [b"1", b"", b"late"]


async def test_a_status_that_overtakes_the_messages_does_not_end_a_pull() -> None:
    waiter, message = PullWaiter(1.0, 10), Reply("", {}, b"1")
    waiter.take(message)
    waiter.take(Reply("409", {"Nats-Pending-Messages": "7"}, b""))
    waiter.take(message)
    assert not waiter.future.done()
    waiter.take(message)
    assert waiter.future.done()
    waiter.take(message)
    for status in (Reply("404", {}, b""), Reply("408", {"Nats-Pending-Messages": "10"}, b"")):
        empty = PullWaiter(1.0, 10)
        empty.take(status)
        await empty.future
        assert (empty.replies, empty.end) == ([], status)


async def test_a_header_that_cant_be_sent_was_perhaps_sent(nats_node: Cluster) -> None:
    connection = await opened(nats_node)
    with pytest.raises(Unanswered, match="could not be sent"):
        await connection.request("a", b"", {"not a header": "1"})
    await connection.aclose()


async def test_a_server_that_is_killed_ends_the_waits_and_is_found_again(tmp_path: Path) -> None:
    node = Cluster(tmp_path)
    node.start()
    try:
        connection = await opened(node)
        assert connection._client is not None
        await connection._client.subscribe("slow", cb=_ignore)
        waiting = asyncio.ensure_future(connection.request("slow", within_s=30))
        await asyncio.sleep(0)
        node.stop()
        with pytest.raises(Unanswered, match="connection was lost"):
            await asyncio.wait_for(waiting, 10)
        with pytest.raises(Unanswered, match="no connection"):
            await connection.request("a")
        node.start()
        await until(lambda: connection._client is not None and connection._client.is_connected, 20)
        assert b"api" in (await connection.request("$JS.API.INFO")).data
        await connection.aclose()
    finally:
        node.stop()


async def _ignore(_: object) -> None:
    pass


async def test_where_nats_py_gives_up_it_is_connected_anew(nats_node: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "RETRY_S", 0.01)
    connection = await opened(nats_node)
    first = connection._client
    assert first is not None
    tries: list[float] = []
    real_open = connection.open

    async def open_at_last(within_s: float = 1.0) -> None:
        tries.append(within_s)
        if len(tries) < 3:
            raise Unreachable("there", "not yet")
        await real_open()

    monkeypatch.setattr(connection, "open", open_at_last)
    await first.close()
    await first.close()
    await until(lambda: connection._client is not None and connection._reopening is None)
    assert connection._client is not first
    assert b"api" in (await connection.request("$JS.API.INFO")).data
    await connection.aclose()


async def test_closing_ends_a_search_for_a_server(nats_node: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = await opened(nats_node)
    first = connection._client
    assert first is not None
    monkeypatch.setattr(connections, "RETRY_S", 60)
    await first.close()
    assert connection._reopening is not None
    await asyncio.wait_for(connection.aclose(), 5)


async def test_where_no_server_is_that_is_told(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    connection = LogConnection([f"nats://127.0.0.1:{port}"])
    with pytest.raises(Unreachable, match=f"127.0.0.1:{port} is not reachable: no server of NATS took"):
        await connection.open(0.3)
    await connection.aclose()


async def test_a_token_is_given_and_a_wrong_one_refused(tmp_path: Path) -> None:
    node = Cluster(tmp_path)
    config = node.nodes[0].config
    config.write_text(config.read_text() + 'authorization { token: "sesame" }\n')
    node.start()
    try:
        server = [f"nats://127.0.0.1:{node.nodes[0].client}"]
        connection = LogConnection(server, Secret("sesame"))
        await connection.open()
        await connection.aclose()
        with pytest.raises(Unreachable, match="Authorization Violation") as error:
            await LogConnection(server, Secret("wrong-word")).open(1.0)
        assert "wrong-word" not in str(error.value)
    finally:
        node.stop()


async def test_without_the_package_the_way_to_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *more: Any) -> Any:
        if name.split(".", maxsplit=1)[0] == "nats":
            raise ImportError(name)
        return real(name, *more)

    for name in [one for one in sys.modules if one.split(".")[0] == "nats"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(UsageError, match=r"pip install 'listenkey\[nats\]'"):
        await LogConnection(["nats://127.0.0.1:1"]).open()


async def test_only_some_different_errors_are_told() -> None:
    connection = LogConnection(["nats://127.0.0.1:1"])
    for number in range(9):
        await connection._on_error(OSError(f"error {number // 2}"))
    await connection._on_error(OSError())
    assert list(connection._troubles) == ["error 0", "error 1", "error 2", "error 3"]


async def test_a_consumers_messages_come_with_the_address_of_their_acknowledgement(nats_node: Cluster) -> None:
    at = await made(nats_node.address())
    stream, subject = at.names.stream, at.names.of("x").events
    connection = await opened(nats_node)
    for number in range(3):
        await connection.request(subject, b"%d" % number)
    config = {"name": "c", "durable_name": "c", "ack_policy": "explicit"}
    made_it = msgspec.json.encode({"stream_name": stream, "config": config})
    await connection.request(f"$JS.API.CONSUMER.CREATE.{stream}.c", made_it)
    request = msgspec.json.encode({"batch": 2, "no_wait": True})
    pulled = await connection.pull(f"$JS.API.CONSUMER.MSG.NEXT.{stream}.c", request, 2, 5)
    assert [reply.data for reply in pulled] == [b"0", b"1"]
    await connection.send([Outgoing(reply.reply_to, b"+ACK", {}) for reply in pulled])
    rest = await connection.pull(f"$JS.API.CONSUMER.MSG.NEXT.{stream}.c", request, 2, 5)
    assert [(reply.data, reply.status) for reply in rest] == [(b"2", ""), (b"", "404")]
    info = msgspec.json.decode((await connection.request(f"$JS.API.CONSUMER.INFO.{stream}.c")).data)
    assert info["ack_floor"]["stream_seq"] == 2
    assert not connection._waiting
    client = connection._client
    assert client is not None
    await client.drain()
    await until(lambda: client.is_closed)
    with pytest.raises(Unanswered, match="no connection"):
        await connection.send([])
    await connection.aclose()


async def test_what_can_not_be_sent_says_so(nats_node: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = await opened(nats_node)

    async def refuse(*_: object, **__: object) -> None:
        raise nats.errors.ConnectionDrainingError

    monkeypatch.setattr(connection._client, "subscribe", refuse)
    with pytest.raises(Unanswered, match="could not be sent"):
        await connection.pull("x", b"", 1, 5)
    monkeypatch.setattr(connection._client, "publish", refuse)
    with pytest.raises(Unanswered, match="could not be sent"):
        await connection.send([Outgoing("x", b"", {})])
    await connection.aclose()


async def test_a_bug_in_connecting_again_is_told_and_ends_no_attempt_that_follows(
    nats_node: Cluster, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(connections, "RETRY_S", 0.01)
    connection = await opened(nats_node)
    connect, attempts = connection._connect, 0

    async def fails_once() -> None:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise ZeroDivisionError
        await connect()

    monkeypatch.setattr(connection, "_connect", fails_once)
    assert connection._client is not None
    await connection._client.close()
    await until(lambda: connection._client is not None and connection._reopening is None)
    assert "a bug in connecting to NATS" in caplog.text
    assert (await connection.request("$JS.API.INFO")).data
    await connection.aclose()
