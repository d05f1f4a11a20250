"""Workers share accounts: one holds each, a new one gets its share in order, and one that ends leaves its own to the others."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from listenkey import connect
from listenkey.gateway.cluster import cluster_worker
from listenkey.gateway.cluster.cluster_worker import ASKING_MAX, ClusterWorker
from listenkey.gateway.cluster.lease import AccountLease
from listenkey.gateway.cluster.lease_board import LeaseBoard
from listenkey.gateway.cluster.placement import draw
from listenkey.gateway.cluster.session_keeper import SessionKeeper
from listenkey.gateway.service import GatewayService
from listenkey.journal.jetstream.servers import LogServers
from listenkey.testing import LocalSandbox
from tests.nats_server import Cluster, made
from tests.unit.gateway.cluster.workers import TOKEN, held, live, worker_of
from tests.unit.gateway.gateway_of import until
from tests.unit.gateway.running_gateway import sandbox_keys

NAMES = tuple(f"desk-{number}" for number in range(24))


@pytest.mark.parametrize("look_every_s", [0.02, cluster_worker.LOOK_EVERY_S])
async def test_two_workers_share_the_accounts(
    nats_node: Cluster,
    binance_options_sandbox: LocalSandbox,
    tmp_path: Path,
    look_every_s: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Accounts take longer to arrive than from one look to the next, or shorter.
    monkeypatch.setattr(cluster_worker, "LOOK_EVERY_S", look_every_s)
    journal = nats_node.address()
    await made(journal)
    sandbox_keys(tmp_path, binance_options_sandbox, *NAMES)
    async with worker_of(tmp_path, binance_options_sandbox, journal, "w1", *NAMES) as one:
        await until(lambda: live(one) == set(NAMES))
        async with worker_of(tmp_path, binance_options_sandbox, journal, "w2", *NAMES) as two:
            share = {name for name in NAMES if draw("w2", name) > draw("w1", name)}
            assert len(share) > ASKING_MAX, "it is handed over in more than one step"
            await until(lambda: live(two) == share and live(one) == set(NAMES) - share)
            shares = held(one), held(two)
            row = next(account for account in one.accounts if account.name in shares[1]).describe()
            assert (row["status"], row["why"]) == ("ELSEWHERE", f"held by w2 at {two.url}")
        await until(lambda: live(one) == set(NAMES))


async def test_a_reader_goes_on_with_the_worker_that_holds_its_account(
    nats_node: Cluster, binance_options_sandbox: LocalSandbox, tmp_path: Path
) -> None:
    journal = nats_node.address()
    await made(journal)
    sandbox_keys(tmp_path, binance_options_sandbox, *NAMES)
    async with worker_of(tmp_path, binance_options_sandbox, journal, "w1", *NAMES) as one:
        async with worker_of(tmp_path, binance_options_sandbox, journal, "w2", *NAMES) as two:
            await until(lambda: live(one) | live(two) == set(NAMES) and live(two) == held(two) and live(two))
            name = min(held(two))
            await until(lambda: one.accounts.get(name).describe()["owner"] == "w2")  # type: ignore[union-attr]
            status, words = await asyncio.to_thread(asked, one, f"/v1/accounts/{name}/snapshot")
            assert (status, words["error"], words["owner"], words["owner_url"]) == (
                421,
                "held_elsewhere",
                "w2",
                two.url,
            )
            status, words = await asyncio.to_thread(asked, one, "/v1/accounts")
            owners = {row["name"]: row["owner"] for row in words["accounts"]}
            assert owners == {each: "w2" if each in held(two) else None for each in NAMES}
            stream = await connect(one.url, token=TOKEN, account=name, after=0).__aenter__()
            items = [await asyncio.wait_for(anext(stream), 20)]
        last_seq = items[-1].seq
        await until(lambda: live(one) == set(NAMES))
        account = one.accounts.get(name)
        assert account is not None
        while items[-1].seq < account.feed.last_seq or items[-1].seq == last_seq:
            items.append(await asyncio.wait_for(anext(stream), 20))
        await stream.aclose()
        assert [item.seq for item in items] == list(range(1, len(items) + 1))


def asked(service: GatewayService, path: str) -> tuple[int, Any]:
    request = urllib.request.Request(f"{service.url}{path}", headers={"Authorization": f"Bearer {TOKEN}"})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


async def test_an_account_of_a_worker_that_is_gone_is_taken_after_its_session(
    nats_node: Cluster, binance_options_sandbox: LocalSandbox, tmp_path: Path
) -> None:
    journal = nats_node.address()
    at = await made(journal)
    sandbox_keys(tmp_path, binance_options_sandbox, "desk-0")
    servers = LogServers(at)
    await servers.acquire()
    gone = LeaseBoard(servers, at.names, "gone")
    assert await gone.put(AccountLease("desk-0", "gone", "w0", risk=(1, 2)))
    began_s = asyncio.get_running_loop().time()
    async with worker_of(tmp_path, binance_options_sandbox, journal, "w1", "desk-0") as one:
        await until(lambda: live(one) == {"desk-0"})
        assert asyncio.get_running_loop().time() - began_s >= 3
        async with asyncio.timeout(20):
            while not gone.leases["desk-0"].key:
                await gone.refresh()
                await asyncio.sleep(0.05)
        assert gone.leases["desk-0"].risk[0] == 0, "as the new holder knows it"
    await gone.refresh()
    assert (gone.leases["desk-0"].holder, gone.sessions) == ("", {})
    await servers.release()


async def test_a_worker_that_leaves_gives_away_what_others_ask_for_in_that_moment(
    nats_node: Cluster, binance_options_sandbox: LocalSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = nats_node.address()
    at = await made(journal)
    sandbox_keys(tmp_path, binance_options_sandbox, "desk-0")
    servers = LogServers(at)
    await servers.acquire()
    other = LeaseBoard(servers, at.names, "other")
    leave = SessionKeeper.leave

    async def is_asked(session: SessionKeeper) -> None:
        await leave(session)
        await other.refresh()
        assert await other.put(replace(other.leases["desk-0"], wanted_by="other"))

    monkeypatch.setattr(SessionKeeper, "leave", is_asked)
    async with worker_of(tmp_path, binance_options_sandbox, journal, "w1", "desk-0") as one:
        await until(lambda: live(one) == {"desk-0"})
    await other.refresh()
    assert (other.leases["desk-0"].holder, other.leases["desk-0"].wanted_by, other.sessions) == ("", "other", {})
    await servers.release()


async def test_a_session_is_ended_also_where_an_account_does_not_let_go(
    nats_node: Cluster, binance_options_sandbox: LocalSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = nats_node.address()
    at = await made(journal)
    sandbox_keys(tmp_path, binance_options_sandbox, "desk-0")
    servers = LogServers(at)
    await servers.acquire()
    other = LeaseBoard(servers, at.names, "other")
    monkeypatch.setattr(cluster_worker, "LEAVE_WITHIN_S", 0.2)
    monkeypatch.setattr(ClusterWorker, "_release", lambda *_: asyncio.sleep(60))
    async with worker_of(tmp_path, binance_options_sandbox, journal, "w1", "desk-0", session_s=60) as one:
        await until(lambda: live(one) == {"desk-0"})
    await other.refresh()
    assert other.sessions == {}, "the others need not wait for its end"
    await servers.release()
