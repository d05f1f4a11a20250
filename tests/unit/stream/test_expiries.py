"""Positions that outlive their contracts: when REST is asked, and what is made of its answer."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from listenkey.core import inputs as on
from listenkey.core.bill import Bill
from listenkey.core.reconciliation import Lists
from listenkey.core.records import NEAR_MS
from listenkey.events import RecoveredExercise
from listenkey.outcomes import GapCause, Loss
from listenkey.rest.account_client import AccountClient
from listenkey.stream.expiries import Expiries
from listenkey.stream.recovery import Recovery
from listenkey.testing import LocalSandbox
from listenkey.wire.rows import ExerciseRow, PositionRow, RowPage, UnreadableRow
from tests.unit.core.making import SYMBOL, beat, position
from tests.unit.recovering import recovery_of

DAY_MS = 24 * 3600 * 1000
LAG_MAX_MS = 35_000


class Answers:
    """REST's answers about positions and exercises, and how often it was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.positions = RowPage[PositionRow]()
        self.exercises = RowPage[ExerciseRow]()
        self.asked = 0
        self.since_ms = 0
        self.came: tuple[Recovery, str, int] | None = None
        answers = self

        async def positions(_: AccountClient) -> RowPage[PositionRow]:
            answers.asked += 1
            if answers.came is not None:
                recovery, symbol, at_ms = answers.came
                recovery.losses.delivering(position("0", at_ms, symbol, reason="EXERCISE"))
            return answers.positions

        async def exercises_since(_: AccountClient, since_ms: int) -> RowPage[ExerciseRow]:
            answers.since_ms = since_ms
            return RowPage([row for row in answers.exercises if row.record.exercised_ms >= since_ms])

        monkeypatch.setattr(AccountClient, "positions", positions)
        monkeypatch.setattr(AccountClient, "exercises_since", exercises_since)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Answers:
    return Answers(monkeypatch)


def expiring(recovery: Recovery) -> tuple[str, int]:
    """A contract that expired at the last 08:00 UTC, and when that was."""
    ends_ms = (recovery.windows.now_ms() - 8 * 3600 * 1000) // DAY_MS * DAY_MS + 8 * 3600 * 1000
    return f"BTC-{datetime.fromtimestamp(ends_ms / 1000, UTC):%y%m%d}-90000-C", ends_ms


def hold(recovery: Recovery) -> tuple[Expiries, str, int]:
    """Hold a position in that contract, and one in another that lives."""
    symbol, ends_ms = expiring(recovery)
    for one in (symbol, SYMBOL):
        recovery.losses.delivering(position("1", ends_ms - 60_000, one))
    recovery.windows.now_ms = lambda: ends_ms + LAG_MAX_MS  # type: ignore[method-assign]
    return recovery.audits.lists.expiries, symbol, ends_ms


async def test_the_end_of_a_position_that_no_socket_brought_is_a_gap_from_the_expiry_on(
    binance_options_sandbox: LocalSandbox, answers: Answers
) -> None:
    async with recovery_of(binance_options_sandbox) as recovery:
        expiries, symbol, ends_ms = hold(recovery)
        silent = await expiries.look()
        assert isinstance(silent, on.StreamSilent), "nothing came since then"
        recovery.losses.delivering(beat(ends_ms + 5))
        doubt = await expiries.look()
        assert isinstance(doubt, on.Doubted)
        assert doubt.reason.cause is GapCause.REST_SHOWS_MORE
        assert symbol in doubt.reason.text
        assert SYMBOL not in doubt.reason.text
        assert abs(recovery.windows.of_wall(doubt.from_ms) - (ends_ms - NEAR_MS)) <= 1
        recovery.losses.detector.settle(ends_ms, 0.0)
        assert await expiries.look() is not None, "the beat fell silent, and nobody was told"


async def test_rest_is_asked_only_once_the_message_can_no_longer_be_late(
    binance_options_sandbox: LocalSandbox, answers: Answers
) -> None:
    async with recovery_of(binance_options_sandbox) as recovery:
        expiries, symbol, ends_ms = hold(recovery)
        recovery.windows.now_ms = lambda: ends_ms + LAG_MAX_MS - 1  # type: ignore[method-assign]
        assert await expiries.look() is None
        recovery.windows.now_ms = lambda: ends_ms + LAG_MAX_MS  # type: ignore[method-assign]
        recovery.losses.delivering(position("0", ends_ms, symbol, reason="EXERCISE"))
        assert await expiries.look() is None
        assert answers.asked == 0


async def test_while_rest_still_shows_the_position_the_venue_has_not_settled_it(
    binance_options_sandbox: LocalSandbox, answers: Answers
) -> None:
    async with recovery_of(binance_options_sandbox) as recovery:
        expiries, symbol, ends_ms = hold(recovery)
        answers.positions = RowPage([PositionRow(symbol, "1")])
        assert await expiries.look() is None
        for unread in (symbol, ""):
            answers.positions = RowPage(unreadable=[UnreadableRow("why", unread)])
            assert await expiries.look() is None, "it may be in the row that can't be read"
        answers.positions = RowPage([PositionRow(symbol, "0.00")])
        assert await expiries.look() is not None
        answers.came = recovery, symbol, ends_ms
        assert await expiries.look() is None, "the message came while REST was asked"
        assert answers.asked == 5


async def test_a_venue_that_pushes_no_positions_has_none_to_outlive_their_contracts(
    binance_options_sandbox: LocalSandbox, answers: Answers
) -> None:
    async with recovery_of(binance_options_sandbox) as recovery:
        recovery.losses.delivering(beat(recovery.windows.now_ms()))
        assert await recovery.audits.lists.expiries.look() is None
        assert answers.asked == 0


async def records(recovery: Recovery, from_ms: int) -> tuple[list[RecoveredExercise], list[Loss]]:
    """The exercises that the recovery of a gap from then on reports, and its losses."""
    lists = Lists(from_ms, recovery.windows.now_ms(), [])
    found = await recovery.audits.lists.expiries.records(Bill(), RowPage[PositionRow](), [], from_ms, lists)
    return [one.event for one in found if isinstance(one.event, RecoveredExercise)], [one.loss for one in lists.refused]


async def test_an_exercise_from_before_a_gap_is_reported_once_its_message_is_overdue(
    binance_options_sandbox: LocalSandbox, answers: Answers
) -> None:
    async with recovery_of(binance_options_sandbox) as recovery:
        expiries, symbol, ends_ms = hold(recovery)
        record = RecoveredExercise("1", symbol, "LONG", "1", "90000", "10", "-1", "USDT", ends_ms)
        answers.exercises.append(ExerciseRow(record, b"{}"))
        recovery.windows.now_ms = lambda: ends_ms + 20_000  # type: ignore[method-assign]
        assert await records(recovery, ends_ms + 5000) == ([], []), "the message may only be late"
        expiries.reported(0.0)
        recovery.windows.now_ms = lambda: ends_ms + LAG_MAX_MS  # type: ignore[method-assign]
        assert await records(recovery, ends_ms + 5000) == ([record], [])
        assert answers.since_ms == ends_ms - NEAR_MS
        expiries.reported(0.0)
        assert await expiries.look() is None, "it was told"
        assert symbol not in recovery.account_state.positions


async def test_an_end_that_rest_does_not_know_is_told_as_lost_and_once(
    binance_options_sandbox: LocalSandbox, answers: Answers
) -> None:
    async with recovery_of(binance_options_sandbox) as recovery:
        expiries, _, ends_ms = hold(recovery)
        assert await records(recovery, ends_ms - NEAR_MS) == ([], [Loss.EXERCISES])
        expiries.reported(0.0)
        assert await expiries.look() is None
        assert await records(recovery, ends_ms - NEAR_MS) == ([], [])
