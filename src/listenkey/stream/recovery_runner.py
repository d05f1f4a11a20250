"""Runs recoveries and audits as tasks, and gives their answers to the lifecycle."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from listenkey.core import actions as do
from listenkey.core import inputs as on
from listenkey.core.budget import Priority
from listenkey.errors import ListenKeyError, Refused, UsageError
from listenkey.journal.base import Journal
from listenkey.stream.delivery import StreamDelivery
from listenkey.stream.recovery import Recovery
from listenkey.stream.task_set import TaskSet

ROOM_POLL_S: Final = 0.01
ROOM_POLLS_MAX: Final = 1_000
"""A recovery waits so long for a slow reader or disk before its next part: meanwhile the new socket's events wait too."""


class RecoveryRunner:
    """
    Runs one recovery at a time, and audits beside it.

    Args:
        recovery: Asks REST.
        delivery: Delivers what is found.
        journal: Says when readers and the disk keep up.
        tasks: The stream's.
        feed: Takes the answers.
        give_up: Called with an error that ends the stream.
        prove_account: Tests whether the API key is the journal's account's, where that is in doubt; raises UsageError where
            it is not.
    """

    __slots__ = ("_delivery", "_feed", "_give_up", "_journal", "_prove_account", "_recovery", "_running", "_tasks")

    def __init__(
        self,
        recovery: Recovery,
        delivery: StreamDelivery,
        journal: Journal,
        tasks: TaskSet,
        feed: Callable[[on.Input], None],
        give_up: Callable[[ListenKeyError], None],
        prove_account: Callable[[], Awaitable[None]],
    ) -> None:
        self._recovery = recovery
        self._delivery = delivery
        self._journal = journal
        self._tasks = tasks
        self._feed = feed
        self._give_up = give_up
        self._prove_account = prove_account
        self._running: asyncio.Task[None] | None = None

    def recover(self, action: do.Recover | do.RecoverOrders | do.Poll) -> None:
        """Begin a recovery, in the place of one that is still running."""
        if self._running is not None:
            self._running.cancel()
        self._running = self._tasks.spawn(self._recover(action))

    def audit(self, action: do.Audit) -> None:
        """Begin an audit."""
        self._tasks.spawn(self._audit(action))

    def waits(self) -> str | None:
        """Return why a running recovery sends no request, for people; None where it may."""
        if not self._delivery.life.recovery_policy.running:
            return None
        return self._recovery.backfill.limiter.waiting(Priority.RECOVERY)

    def last_audit_s(self, now_s: float) -> float | None:
        """Return the seconds since the last audit, or since the first socket was followed; None before."""
        audited_s = self._recovery.audits.audited_s
        return None if audited_s is None else now_s - audited_s

    async def _recover(self, action: do.Recover | do.RecoverOrders | do.Poll) -> None:
        answer = await self._recovery.recover(action, self._delivery.held, self._deliver_part)
        if self._is_refused(answer):
            return
        if (from_ms := self._recovery.windows.resumed_wall_ms()) is not None:
            self._feed(on.CoverageEnded(from_ms))
        self._feed(answer)
        self._recovery.delivered(closed=self._delivery.life.gaps.open_from_ms is None)
        await self._prove_account_again()

    async def _audit(self, action: do.Audit) -> None:
        for happened in await self._recovery.audits.look(action):
            if self._is_refused(happened):
                return
            self._feed(happened)
        await self._prove_account_again()

    async def _prove_account_again(self) -> None:
        """End the stream where the API key is another account's; a fill that proves it may be listed only by now."""
        try:
            await self._prove_account()
        except UsageError as error:
            self._give_up(error)
        except ListenKeyError as error:
            self._recovery.backfill.log.info("the API key could not be tried on the journal's account: %s", error)

    async def _deliver_part(self, happened: on.RecoveredPart) -> None:
        """Deliver what a recovery has found so far, and wait for the reader or the disk to have taken most of it."""
        self._feed(happened)
        self._recovery.delivered(closed=False)
        for _ in range(ROOM_POLLS_MAX):
            if not self._journal.turn_after_s():
                break
            await asyncio.sleep(ROOM_POLL_S)

    def _is_refused(self, answer: on.Input) -> bool:
        """
        End the stream where REST refuses a signature that could not be tried before it was live, and return True.

        One that was taken before is refused for a while perhaps, as where somebody changes the key's rights: REST is asked on.
        """
        proof = self._recovery.proof
        if isinstance(answer, on.Recovered | on.Audited):
            proof.is_proven = True
        elif isinstance(answer, on.NotRecovered | on.NotAudited) and not proof.is_proven:
            error = answer.decision.error
            if isinstance(error, Refused):
                self._give_up(error)
                return True
        return False
