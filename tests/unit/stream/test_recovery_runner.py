"""The running of recoveries and audits, with a recovery that answers as it is told to."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace
from typing import Any, cast

import pytest

from listenkey.core import actions as do
from listenkey.core import inputs as on
from listenkey.core.budget import Priority
from listenkey.core.retry_policy import classify
from listenkey.errors import ListenKeyError, Refused, UsageError, VenueDown
from listenkey.stream.recovery_runner import RecoveryRunner
from listenkey.stream.task_set import TaskSet

ACTION = do.Recover(1, 0, 1_000, 0, blind=True)
COMPLETE = on.Recovered(1, (), complete=True)
NO_SIGNATURE = Refused(401, -2015, "no")


def failed(error: ListenKeyError) -> on.NotRecovered:
    return on.NotRecovered(1, classify(error, 0))


class Recovery:
    """Waits until it may answer."""

    def __init__(self) -> None:
        self.proof = SimpleNamespace(is_proven=False)
        self.windows = SimpleNamespace(resumed_wall_ms=lambda: None)
        self.audits = self
        self.backfill = SimpleNamespace(
            limiter=SimpleNamespace(waiting=lambda priority: f"waits: {priority.name}"),
            log=logging.getLogger("listenkey"),
        )
        self.answer: on.Input = COMPLETE
        self.parts: list[on.RecoveredPart] = []
        self.may_answer = asyncio.Event()
        self.closed: list[bool] = []

    async def recover(self, action: object, held: object, deliver_part: Any) -> on.Input:
        del action, held
        for part in self.parts:
            await deliver_part(part)
        await self.may_answer.wait()
        return self.answer

    async def look(self, _: do.Audit) -> list[on.Input]:
        return [self.answer]

    def delivered(self, *, closed: bool) -> None:
        self.closed.append(closed)


class Side:
    def __init__(self) -> None:
        self.recovery = Recovery()
        self.life = SimpleNamespace(
            gaps=SimpleNamespace(open_from_ms=None), recovery_policy=SimpleNamespace(running=True)
        )
        self.fed: list[on.Input] = []
        self.errors: list[ListenKeyError] = []
        self.bugs: list[BaseException] = []
        self.waits_s: list[float | None] = []
        self.proofs = 0
        self.doubt: ListenKeyError | None = None
        self.tasks = TaskSet(self.bugs.append)
        self.runner = RecoveryRunner(
            cast("Any", self.recovery),
            cast("Any", SimpleNamespace(life=self.life, held=list)),
            cast("Any", SimpleNamespace(turn_after_s=lambda: self.waits_s.pop() if self.waits_s else None)),
            self.tasks,
            self.fed.append,
            self.errors.append,
            self.prove_account,
        )

    async def prove_account(self) -> None:
        self.proofs += 1
        if self.doubt is not None:
            raise self.doubt

    async def end(self) -> None:
        for _ in range(3):
            await asyncio.sleep(0)
        await self.tasks.cancel(5.0)
        assert self.bugs == []


async def test_an_answer_is_fed_and_then_the_findings_are_done_with() -> None:
    side = Side()
    side.runner.recover(ACTION)
    side.recovery.may_answer.set()
    await side.end()
    assert (side.fed, side.recovery.closed, side.recovery.proof.is_proven) == ([COMPLETE], [True], True)


async def test_the_end_of_coverage_is_told_before_the_answer_that_needs_it() -> None:
    side = Side()
    side.recovery.windows.resumed_wall_ms = lambda: 77
    side.runner.recover(ACTION)
    side.recovery.may_answer.set()
    await side.end()
    assert side.fed == [on.CoverageEnded(77), COMPLETE]


async def test_a_later_recovery_takes_the_place_of_one_that_runs() -> None:
    side = Side()
    side.runner.recover(ACTION)
    await asyncio.sleep(0)
    side.runner.recover(ACTION)
    side.recovery.may_answer.set()
    await side.end()
    assert side.fed == [COMPLETE]


async def test_a_part_is_delivered_and_waits_for_a_slow_reader() -> None:
    side = Side()
    part = on.RecoveredPart(1, 0, 0)
    side.recovery.parts, side.waits_s = [part], [0.01]
    side.recovery.may_answer.set()
    side.runner.recover(ACTION)
    async with asyncio.timeout(5):
        while COMPLETE not in side.fed:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.001)
    await side.end()
    assert (side.fed, side.recovery.closed, side.waits_s) == ([part, COMPLETE], [False, True], [])


@pytest.mark.parametrize(("proven", "ends"), [(False, True), (True, False)])
async def test_a_refused_signature_ends_the_stream_unless_one_was_taken_before(proven: bool, ends: bool) -> None:
    for begins in ("recovery", "audit"):
        side = Side()
        side.recovery.proof.is_proven = proven
        side.recovery.answer = failed(NO_SIGNATURE)
        side.recovery.may_answer.set()
        if begins == "recovery":
            side.runner.recover(ACTION)
        else:
            side.runner.audit(do.Audit(1, None, 0))
        await side.end()
        assert (side.errors, side.fed) == (([NO_SIGNATURE], []) if ends else ([], [side.recovery.answer]))


@pytest.mark.parametrize(("error", "ends"), [(UsageError("another account's"), True), (NO_SIGNATURE, False)])
async def test_each_answer_of_rest_is_followed_by_a_test_whose_key_it_is(error: ListenKeyError, ends: bool) -> None:
    for begins in ("recovery", "audit"):
        side = Side()
        side.doubt = error
        side.recovery.may_answer.set()
        if begins == "recovery":
            side.runner.recover(ACTION)
        else:
            side.runner.audit(do.Audit(1, None, 0))
        await side.end()
        assert (side.fed, side.proofs, side.errors) == ([COMPLETE], 1, [error] if ends else [])


async def test_a_venue_that_is_down_ends_nothing() -> None:
    side = Side()
    side.recovery.answer = failed(VenueDown(503))
    side.recovery.may_answer.set()
    side.runner.recover(ACTION)
    await side.end()
    assert (side.errors, side.fed) == ([], [side.recovery.answer])


def test_only_a_recovery_that_runs_waits() -> None:
    side = Side()
    assert side.runner.waits() == f"waits: {Priority.RECOVERY.name}"
    side.life.recovery_policy.running = False
    assert side.runner.waits() is None
