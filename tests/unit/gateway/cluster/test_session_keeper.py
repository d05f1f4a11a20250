"""A worker that was out of contact takes nobody for dead until a session later."""

from __future__ import annotations

import asyncio

import pytest

from listenkey.gateway.cluster import session_keeper
from listenkey.gateway.cluster.lease import WorkerSession
from listenkey.gateway.cluster.lease_board import LeaseBoard
from listenkey.gateway.cluster.session_keeper import SessionKeeper
from tests.nats_server import Cluster
from tests.unit.journal.jetstream.making import NOT_SENT, linked


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


async def test_contact_is_counted_from_the_first_renewal_that_was_not_late(nats_node: Cluster) -> None:
    async with linked(nats_node) as (link, names):
        clock, board = Clock(), LeaseBoard(link, names.names, "a")
        keeper = SessionKeeper(board, WorkerSession("w1", ""), 8, clock)

        def sees() -> tuple[bool, bool]:
            seen = keeper.seen()
            assert seen.alive == {"a", *board.sessions}
            return seen.may_take, seen.sees_dead

        assert sees() == (False, False)
        link.fail(".worker.", NOT_SENT)
        assert not await keeper.renew()
        for may in ((False, False), (True, False), (True, False), (True, False), (True, True)):
            assert await keeper.renew()
            assert sees() == may
            clock.now_s += 2
        clock.now_s += 2.1  # 4.1 s after the last one: more than half a session.
        assert sees() == (False, False)
        assert await keeper.renew()
        assert sees() == (False, False)
        for _ in range(4):
            clock.now_s += 2
            assert await keeper.renew()
        assert sees() == (True, True)


async def test_a_worker_that_leaves_says_so(nats_node: Cluster) -> None:
    async with linked(nats_node) as (link, names):
        board = LeaseBoard(link, names.names, "a")
        keeper = SessionKeeper(board, WorkerSession("w1", "x"), 60, Clock())
        await keeper.leave()
        await board.refresh()
        assert board.sessions == {"a": WorkerSession("w1", "x", is_leaving=True)}
        await keeper.end()
        await board.refresh()
        assert board.sessions == {}


async def test_a_bug_in_a_renewal_is_told_and_ends_none_that_follows(
    nats_node: Cluster, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(session_keeper, "AGAIN_AFTER_S", 0.01)
    async with linked(nats_node) as (link, names):
        board = LeaseBoard(link, names.names, "a")
        renew, tries = board.renew, 0

        async def fails_once(session: WorkerSession, session_s: int) -> None:
            nonlocal tries
            tries += 1
            if tries == 1:
                raise ZeroDivisionError
            await renew(session, session_s)

        monkeypatch.setattr(board, "renew", fails_once)
        keeping = asyncio.ensure_future(SessionKeeper(board, WorkerSession("w1", ""), 8, Clock()).keep())
        async with asyncio.timeout(20):
            while not board.sessions:
                await board.refresh()
                await asyncio.sleep(0.01)
        keeping.cancel()
        assert "a bug in renewing the session of worker w1" in caplog.text
