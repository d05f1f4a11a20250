from __future__ import annotations

from pathlib import Path

import pytest

from listenkey.errors import JournalError, TimedOut, UsageError
from listenkey.journal.jetstream import provisioning
from listenkey.journal.jetstream.address import log_address
from listenkey.journal.jetstream.api import ask
from listenkey.journal.jetstream.connection import LogConnection
from listenkey.journal.jetstream.provisioning import check_servers, make_streams
from tests.nats_server import Cluster, free_ports, made
from tests.unit.journal.jetstream.making import NOT_SENT, FaultyLink, linked, refused


async def test_streams_are_made_and_made_again_with_other_settings(nats_node: Cluster) -> None:
    address = await made(nats_node.address())
    connection = LogConnection(address.servers)
    await connection.open()
    await make_streams(connection, address, days=2, bytes_max=32 << 20)
    config = (await ask(connection, f"STREAM.INFO.{address.names.stream}"))["config"]
    assert (config["max_age"], config["max_bytes"]) == (2 * 86_400 * 10**9, 32 << 20)
    await check_servers(connection, address)
    await connection.aclose()


async def test_more_room_than_there_is_is_refused_with_what_to_do(nats_node: Cluster) -> None:
    address = log_address(nats_node.address())
    connection = LogConnection(address.servers)
    await connection.open()
    with pytest.raises(JournalError, match="give a smaller limit"):
        await make_streams(connection, address, bytes_max=1 << 60)
    await connection.aclose()


async def test_replicas_that_there_are_not_are_refused(nats_node: Cluster) -> None:
    asked = nats_node.address(replicas="3")
    connection = LogConnection(log_address(asked).servers)
    await connection.open()
    with pytest.raises(JournalError, match="can't keep 3 replicas"):
        await make_streams(connection, log_address(asked), bytes_max=32 << 20)
    one = await made(asked.replace("replicas=3", "replicas=1"))
    with pytest.raises(UsageError, match=r"kept by 1 of 3 servers.*accept=fewer-replicas"):
        await check_servers(connection, log_address(asked))
    await check_servers(connection, log_address(asked + "&accept=fewer-replicas"))
    assert one.replicas == 1
    await connection.aclose()


async def test_a_server_that_acknowledges_too_early_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    node = Cluster(tmp_path, sync="sync_interval: 2m")
    node.start()
    try:
        address = log_address(node.address())
        connection = LogConnection(address.servers)
        await connection.open()
        with pytest.raises(UsageError, match="sync_interval: always"):
            await make_streams(connection, address, bytes_max=32 << 20)
        with pytest.raises(JournalError, match="no stream"):
            await ask(connection, f"STREAM.INFO.{address.names.stream}")
        await connection.aclose()
    finally:
        node.stop()


async def test_a_monitor_that_is_none_tells_nothing(nats_node: Cluster) -> None:
    (port,) = free_ports(1)
    monitor = f"http://127.0.0.1:{port}"
    address = log_address(nats_node.address(monitor=monitor))
    connection = LogConnection(address.servers)
    await connection.open()
    with pytest.raises(UsageError, match=f"monitor {monitor} does not answer"):
        await make_streams(connection, address, bytes_max=32 << 20)
    await connection.aclose()


async def test_servers_that_have_just_begun_are_asked_until_they_answer(
    nats_node: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provisioning, "RETRY_S", 0.001)
    async with linked(nats_node) as (link, names):
        address = log_address(nats_node.address(prefix=names.names.prefix))
        link.fail("STREAM.CREATE", NOT_SENT, refused(10008, 503))
        link.fail("INFO", NOT_SENT)
        await make_streams(link, address, bytes_max=64 << 20)
        link.fail("STREAM.CREATE", refused(10052))
        with pytest.raises(JournalError, match=r"refused the stream .*10052"):
            await make_streams(link, address, bytes_max=64 << 20)
        monkeypatch.setattr(provisioning, "SET_UP_WITHIN_S", -1)
        link.fail("INFO", NOT_SENT)
        with pytest.raises(TimedOut, match="JetStream: nobody answers"):
            await make_streams(link, address)
        assert isinstance(link, FaultyLink)
