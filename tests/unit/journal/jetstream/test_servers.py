from __future__ import annotations

from pathlib import Path

import pytest

from listenkey.errors import JournalError, UsageError
from listenkey.journal.jetstream.address import log_address
from listenkey.journal.jetstream.link import Outgoing, Unanswered
from listenkey.journal.jetstream.servers import LogServers
from tests.nats_server import Cluster, made


async def test_the_first_opens_the_connection_and_the_last_closes_it(nats_node: Cluster) -> None:
    servers = LogServers(await made(nats_node.address()), "w1")
    assert servers.worker == "w1"
    with pytest.raises(Unanswered, match="is closed"):
        await servers.request("$JS.API.INFO")
    await servers.acquire()
    await servers.acquire()
    await servers.release()
    assert b"api" in (await servers.request("$JS.API.INFO")).data
    assert b"api" in (await servers.request_batch([Outgoing("$JS.API.INFO", b"", {})])).data
    subject = f"$JS.API.DIRECT.GET.{servers.address.names.stream}"
    assert (await servers.request_many(subject, b'{"multi_last":["a"]}'))[0].status == "404"
    assert len(await servers.pull("$JS.API.INFO", b"", 1, 5)) == 1
    await servers.send([Outgoing("nobody.listens", b"", {})])
    await servers.release()
    with pytest.raises(Unanswered, match="is closed"):
        await servers.request("$JS.API.INFO")


async def test_servers_that_have_no_stream_are_let_go(nats_node: Cluster) -> None:
    servers = LogServers(log_address(nats_node.address()))
    with pytest.raises(JournalError, match="make_streams"):
        await servers.acquire()
    with pytest.raises(Unanswered):
        await servers.request("$JS.API.INFO")


async def test_a_token_is_read_from_its_file(nats_node: Cluster, tmp_path: Path) -> None:
    file = tmp_path / "token"
    address = await made(nats_node.address())
    options = f"token_file={file}&prefix={address.names.prefix}&replicas=1&accept=no-sync"
    servers = LogServers(log_address(f"{address}?{options}"))
    with pytest.raises(UsageError, match="token"):
        await servers.acquire()
    file.write_text(" \n")
    with pytest.raises(UsageError, match="chmod 600"):
        await servers.acquire()
    file.chmod(0o600)
    with pytest.raises(UsageError, match="is empty"):
        await servers.acquire()
    file.write_text("anything\n")
    await servers.acquire()  # A server without a token of its own takes any.
    await servers.release()
