"""Workers share accounts: one holds each, a new one gets its share in order, and one that ends leaves its own to the others."""

from __future__ import annotations

from pathlib import Path

from listenkey.testing import LocalSandbox
from tests.nats_server import Cluster, made
from tests.unit.gateway.cluster.workers import held, live, worker_of
from tests.unit.gateway.gateway_of import until
from tests.unit.gateway.running_gateway import sandbox_keys

NAMES = tuple(f"desk-{number}" for number in range(8))


async def test_two_workers_share_the_accounts(
    nats_node: Cluster, binance_options_sandbox: LocalSandbox, tmp_path: Path
) -> None:
    journal = nats_node.address()
    await made(journal)
    sandbox_keys(tmp_path, binance_options_sandbox, *NAMES)
    async with worker_of(tmp_path, binance_options_sandbox, journal, "w1", *NAMES) as one:
        await until(lambda: live(one) == set(NAMES))
        async with worker_of(tmp_path, binance_options_sandbox, journal, "w2", *NAMES) as two:
            await until(lambda: live(one) | live(two) == set(NAMES) and live(two) == held(two) and live(two))
            shares = held(one), held(two)
            assert shares[0]
            row = next(account for account in one.accounts if account.name in shares[1]).describe()
            assert (row["status"], row["why"]) == ("ELSEWHERE", f"held by w2 at {two.url}")
        await until(lambda: live(one) == set(NAMES))
