"""Keep a worker's session alive, and know since when this worker is in contact with the servers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from listenkey.gateway.cluster.lease import WorkerSession
from listenkey.gateway.cluster.lease_board import LeaseBoard
from listenkey.gateway.cluster.placement import WorkersSeen
from listenkey.journal.jetstream.link import Unanswered

log = logging.getLogger("listenkey")

RENEW: Final = 0.25
LAPSE: Final = 0.5
"""
Parts of a session: the interval of its renewals, and the one after which the next of them is late.

While the servers choose a leader nobody can renew, and sessions end. A worker whose own renewal was late takes nobody for dead
until a whole session later. One that was not late was out of contact for half a session at most, so each other worker had a
quarter of one left to renew its own.
"""

AGAIN_AFTER_S: Final = 0.25
"""The wait before a renewal that was not answered is tried again."""

SETTLE_S: Final = 1.0
"""A worker that has just come waits for so long before it takes what nobody holds: others may come in the same moment."""


class SessionKeeper:
    """
    Renews a session.

    Args:
        board: Where it is noted.
        session: The worker.
        session_s: Its length.
        now_s: A clock that is never set.
    """

    def __init__(self, board: LeaseBoard, session: WorkerSession, session_s: int, now_s: Callable[[], float]) -> None:
        self._board = board
        self._session = session
        self._session_s = session_s
        self._now_s = now_s
        self._renewed_at_s = -float("inf")
        self._in_contact_since_s = 0.0

    async def keep(self) -> None:
        """Renew it again and again."""
        while True:
            done = await self._renewed()
            await asyncio.sleep(self._session_s * RENEW if done else AGAIN_AFTER_S)

    async def _renewed(self) -> bool:
        try:
            return await self.renew()
        except Exception:  # the top of a task: a worker whose session ends without a word loses all of its accounts
            log.exception("a bug in renewing the session of worker %s; it is tried again", self._session.worker)
            return False

    async def renew(self) -> bool:
        """Renew it; return False where that was not answered."""
        try:
            await self._board.renew(self._session, self._session_s)
        except Unanswered as error:
            log.debug("the session of worker %s is not renewed: %s", self._session.worker, error)
            return False
        now_s = self._now_s()
        if self._is_late(now_s):
            self._in_contact_since_s = now_s
        self._renewed_at_s = now_s
        return True

    async def leave(self) -> None:
        """Say that this worker gives its accounts away, and ends."""
        self._session = replace(self._session, is_leaving=True)
        await self.renew()

    async def end(self) -> None:
        """Say that this worker is gone. Raises Unanswered."""
        await self._board.leave(self._session_s)

    def seen(self) -> WorkersSeen:
        """Return the workers as far as they are known now."""
        now_s = self._now_s()
        contact_s = 0.0 if self._is_late(now_s) else now_s - self._in_contact_since_s
        alive = frozenset({self._board.own, *self._board.sessions})
        return WorkersSeen(self._board.own, alive, contact_s >= self._session_s, contact_s >= SETTLE_S)

    def _is_late(self, now_s: float) -> bool:
        return now_s - self._renewed_at_s > self._session_s * LAPSE
