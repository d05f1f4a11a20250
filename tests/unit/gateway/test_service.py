"""A gateway runs as its configuration says, follows it, and ends in order."""

from __future__ import annotations

import asyncio
import json
import socket
import stat
import urllib.request
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from listenkey.errors import Corrupt, Fenced, JournalError, UsageError
from listenkey.gateway.accounts import Accounts
from listenkey.gateway.cluster.lease_board import LeaseBoard
from listenkey.gateway.config import read_config
from listenkey.gateway.mistakes import ConfigError
from listenkey.gateway.service import GatewayService, journals_of
from listenkey.journal.jetstream.account_journals import JetStreamJournals
from listenkey.journal.jetstream.servers import LogServers
from listenkey.testing import LocalSandbox
from listenkey.transport.runtime import Runtime
from tests.nats_server import Cluster, made
from tests.unit.gateway.gateway_of import until
from tests.unit.gateway.running_gateway import sandbox_config, sandbox_keys
from tests.unit.gateway.written import private


async def listed(service: GatewayService) -> dict[str, dict[str, Any]]:
    """The accounts as a reader with the token gets them."""

    def ask() -> Any:
        headers = {"Authorization": f"Bearer {service.token.reveal()}"}
        request = urllib.request.Request(f"{service.url}/v1/accounts", headers=headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    return {row["name"]: row for row in (await asyncio.to_thread(ask))["accounts"]}


async def test_it_runs_and_goes_on_after_a_restart(binance_options_sandbox: LocalSandbox, tmp_path: Path) -> None:
    sandbox_keys(tmp_path, binance_options_sandbox, "a", "b")
    config = read_config(sandbox_config(tmp_path, binance_options_sandbox, "a", "b"))
    async with GatewayService(config) as service:
        token = service.token
        assert service.token_is_new
        assert service.token_file.read_text().strip() == token.reveal()
        await until(lambda: service.accounts.is_ready)
        assert set(await listed(service)) == {"a", "b"}
    assert binance_options_sandbox.meters()["sockets_open"] == 0
    assert stat.S_IMODE((tmp_path / "journals").stat().st_mode) == 0o700
    async with GatewayService(config) as service:
        assert (service.token, service.token_is_new) == (token, False)


async def test_idle_accounts_are_audited_as_the_configuration_says(
    binance_options_sandbox: LocalSandbox, tmp_path: Path
) -> None:
    config = read_config(sandbox_config(tmp_path, binance_options_sandbox, more="idle_audit_every_s = 90"))
    async with GatewayService(config) as service:
        assert service.accounts._accounts.around.timing.idle_audit_every_s == 90


async def test_a_token_of_the_users_is_taken(binance_options_sandbox: LocalSandbox, tmp_path: Path) -> None:
    private(tmp_path / "t", "a-token-that-is-long-enough\n")
    config = read_config(sandbox_config(tmp_path, binance_options_sandbox, more='token_file = "t"'))
    async with GatewayService(config) as service:
        assert (service.token.reveal(), service.token_is_new) == ("a-token-that-is-long-enough", False)
        assert not (tmp_path / "journals/token").exists()


async def test_accounts_that_were_added_over_http_are_there_after_a_restart(
    binance_options_sandbox: LocalSandbox, tmp_path: Path
) -> None:
    sandbox_keys(tmp_path, binance_options_sandbox, "a")
    config = read_config(sandbox_config(tmp_path, binance_options_sandbox))
    async with GatewayService(config) as service:
        await service.accounts.add("a", "file:a.env")
    async with GatewayService(config) as service:
        assert [account.name for account in service.accounts] == ["a"]
        await until(lambda: service.accounts.is_ready)
    private(tmp_path / "journals/accounts.json", "{")
    with pytest.raises(Corrupt):
        async with GatewayService(config):
            raise AssertionError("it must not start without them")


async def test_it_follows_its_configuration(binance_options_sandbox: LocalSandbox, tmp_path: Path) -> None:
    sandbox_keys(tmp_path, binance_options_sandbox, "a", "b", "c")
    config = read_config(sandbox_config(tmp_path, binance_options_sandbox, "a", "b"))
    async with GatewayService(config) as service:
        await until(lambda: service.accounts.is_ready)
        socket_of_b = service.accounts.get("b")
        sandbox_config(tmp_path, binance_options_sandbox, "b", "c", more="keep_days = 9")
        found, failures = await service.reload()
        assert (str(found), failures) == ("added c; took out a; at the next start: keep_days", [])
        assert service.accounts.get("b") is socket_of_b
        await until(lambda: service.accounts.is_ready)
        assert set(await listed(service)) == {"b", "c"}
        assert str((await service.reload())[0]) == "nothing has changed"


async def test_what_failed_is_tried_again_the_next_time(
    binance_options_sandbox: LocalSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox_keys(tmp_path, binance_options_sandbox, "a")
    async with GatewayService(read_config(sandbox_config(tmp_path, binance_options_sandbox))) as service:
        sandbox_config(tmp_path, binance_options_sandbox, "a")

        async def fails(*_: object) -> None:
            await asyncio.sleep(0)
            raise JournalError("the disk is full")

        with monkeypatch.context() as patched:
            patched.setattr(Accounts, "add", fails)
            assert (await service.reload())[1] == ["a: the disk is full"]
        assert str((await service.reload())[0]) == "added a"
        assert [account.name for account in service.accounts] == ["a"]


async def test_a_file_with_mistakes_changes_nothing(binance_options_sandbox: LocalSandbox, tmp_path: Path) -> None:
    sandbox_keys(tmp_path, binance_options_sandbox, "a")
    path = sandbox_config(tmp_path, binance_options_sandbox, "a")
    config = read_config(path)
    async with GatewayService(config) as service:
        sandbox_config(tmp_path, binance_options_sandbox, "a", "missing")
        with pytest.raises(ConfigError):
            await service.reload()
        path.unlink()
        with pytest.raises(UsageError, match="can't be read"):
            await service.reload()
        assert service.config is config
        assert [account.name for account in service.accounts] == ["a"]


async def test_a_port_that_is_taken_is_told_and_leaves_nothing(
    binance_options_sandbox: LocalSandbox, tmp_path: Path
) -> None:
    config = read_config(sandbox_config(tmp_path, binance_options_sandbox))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(UsageError, match="another port: --port"):
            async with GatewayService(config, port=taken.getsockname()[1]):
                raise AssertionError("it must not get here")
    async with GatewayService(config) as service:
        assert service.url, "the lock on the journals was given back"


async def test_a_second_gateway_on_the_same_folder_is_refused(
    binance_options_sandbox: LocalSandbox, tmp_path: Path
) -> None:
    config = read_config(sandbox_config(tmp_path, binance_options_sandbox))
    async with GatewayService(config):
        with pytest.raises(Fenced, match="another gateway holds the folder"):
            async with GatewayService(config):
                raise AssertionError("it must not get here")
    async with GatewayService(config) as service:
        assert service.url


async def test_a_folder_that_cant_be_made_is_told(binance_options_sandbox: LocalSandbox, tmp_path: Path) -> None:
    config = read_config(sandbox_config(tmp_path, binance_options_sandbox, more='folder = "own"'))
    (tmp_path / "own").touch()
    with pytest.raises(JournalError, match="can't be made"):
        async with GatewayService(config):
            raise AssertionError("it must not get here")


async def test_its_journals_may_be_on_nats(
    binance_options_sandbox: LocalSandbox, tmp_path: Path, nats_node: Cluster
) -> None:
    address = nats_node.address()
    await made(address)
    sandbox_keys(tmp_path, binance_options_sandbox, "a", "b")
    path = sandbox_config(tmp_path, binance_options_sandbox, "a", "b", more='folder = "own"')
    lines = path.read_text().splitlines()
    text = "\n".join(f'journal = "{address}"' if line.startswith("journal") else line for line in lines)
    path.write_text(text)
    config = read_config(path)
    journals = journals_of(config, Runtime())
    assert isinstance(journals, JetStreamJournals)
    for least_seq in (1, 2):

        def have_arrived(service: GatewayService, seq: int = least_seq) -> bool:
            return all(each.has_arrived and each.feed.last_seq >= seq for each in service.accounts)

        async with GatewayService(config) as service:
            await until(partial(have_arrived, service))
            assert set(await listed(service)) == {"a", "b"}


async def test_a_worker_has_a_name_of_its_own_or_that_of_its_place(tmp_path: Path, nats_node: Cluster) -> None:
    address = nats_node.address()
    at = await made(address)
    path = tmp_path / "gateway.toml"
    for more, name in (("", None), ('worker = "w1"\nworker_url = "http://10.0.0.1:8780"\n', "w1")):
        path.write_text(f'[gateway]\nlisten = "127.0.0.1:0"\njournal = "{address}"\nfolder = "own"\n{more}')
        async with GatewayService(read_config(path, {})) as service:
            servers = LogServers(at)
            await servers.acquire()
            board = LeaseBoard(servers, at.names, "looks")
            await board.refresh()
            await servers.release()
            url = "http://10.0.0.1:8780" if name else service.url
            expected = (name or f"{socket.gethostname()}:{urlsplit(service.url).port}", url)
            assert [(each.worker, each.url) for each in board.sessions.values()] == [expected]
