"""Report exercises, fees and transfers, which REST keeps beside trades and orders, each once. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final, NamedTuple, TypeAlias

from listenkey.events import BalancePositionUpdate, RecoveredCash, RecoveredExercise
from listenkey.venue import EXPIRY_HOUR_UTC
from listenkey.wire.rows import CONTRACT, BillRow, ExerciseRow, cash

RECORDS_MAX: Final = 4_096
"""Records remembered at most; each is a text and a number."""

CHANGES_MAX: Final = 256
"""The changes of the balance, from sockets, that are remembered so that REST's row of one is not reported as well."""

NEAR_MS: Final = 1_000
"""A message and its row may bear times so far apart."""

FEE: Final = "FEE"
EXERCISE_ROWS: Final = frozenset({"EXERCISE_PNL", "EXERCISE_FEE"})
DAY_MS: Final = 24 * 3600 * 1000

RecordKey: TypeAlias = tuple[str, str]
"""The name of the answer, and the id of its row."""


class Record(NamedTuple):
    """One record to be reported, and its row."""

    event: RecoveredExercise | RecoveredCash
    raw: bytes


def key_of(event: RecoveredExercise | RecoveredCash) -> RecordKey:
    """Return the identity of a record."""
    return (event.type, str(event.record_id))


class Records:
    """The records that were reported, and the changes of the balance that sockets brought; the newest of each."""

    def __init__(self) -> None:
        self._keys: dict[RecordKey, None] = {}
        self._changes: deque[tuple[int, Decimal]] = deque(maxlen=CHANGES_MAX)

    def __contains__(self, key: RecordKey) -> bool:
        return key in self._keys

    def add(self, key: RecordKey) -> None:
        """Note a record as reported."""
        self._keys[key] = None
        if len(self._keys) > RECORDS_MAX:
            del self._keys[next(iter(self._keys))]

    def note_change(self, event: BalancePositionUpdate) -> None:
        """Note money that came or went, by a socket's message."""
        self._changes.extend(_changes(event))

    def was_told(self, event: RecoveredCash, held: Iterable[BalancePositionUpdate] = ()) -> bool:
        """Return True where a socket brought a message of this amount at this time, delivered or still held."""
        changes = [*self._changes, *(change for one in held for change in _changes(one))]
        return any(change == event.amount and abs(at_ms - event.booked_ms) <= NEAR_MS for at_ms, change in changes)


def _changes(event: BalancePositionUpdate) -> list[tuple[int, Decimal]]:
    return [(event.transaction_ms, one.balance_change) for one in event.balances if one.balance_change]


def expiry_within(from_ms: int, until_ms: int) -> bool:
    """Return True where contracts end in this span: they do at 08:00 UTC, any day."""
    offset_ms = EXPIRY_HOUR_UTC * 3600 * 1000
    return (from_ms - offset_ms) // DAY_MS != (until_ms - offset_ms) // DAY_MS


def tells_of_exercise(rows: Iterable[BillRow]) -> bool:
    """Return True where the bill says that contracts were exercised."""
    return any(row.type in EXERCISE_ROWS for row in rows)


def to_report(
    bill: Iterable[BillRow],
    exercises: Iterable[ExerciseRow],
    fills: Mapping[str, Sequence[int]],
    known: Records,
    from_ms: int,
    until_ms: int,
    overdue: Collection[str] = (),
) -> list[Record]:
    """
    Return the records of a gap that were not reported, in order.

    Args:
        bill: Its rows.
        exercises: The rows of `exerciseRecord`.
        fills: When the fills of each symbol happened: their fees and proceeds are in them.
        known: What was reported.
        from_ms: Since when, by the venue's clock: what is older was brought by a socket or an earlier gap.
        until_ms: Rows of the bill that are younger may be on their way over the socket.
        overdue: Contracts that ended before that, without a word: their exercises are reported as well.
    """
    out = [
        Record(row.record, row.raw)
        for row in exercises
        if row.record.exercised_ms > from_ms or row.record.symbol in overdue
    ]
    exercised = {row.record.symbol for row in exercises}
    for row in bill:
        is_exercise = row.type in EXERCISE_ROWS and row.symbol in exercised  # Its record says so, and more.
        if from_ms < row.time_ms <= until_ms and not is_exercise and not _is_of_a_trade(row, fills):
            out.append(Record(cash(row), row.raw))
    new = {key_of(one.event): one for one in out if key_of(one.event) not in known}
    return sorted(new.values(), key=lambda one: one.event.event_ms)


def _is_of_a_trade(row: BillRow, fills: Mapping[str, Collection[int]]) -> bool:
    if row.type == CONTRACT:
        return True
    times = fills.get(row.symbol, ()) if row.symbol else [time_ms for some in fills.values() for time_ms in some]
    return row.type == FEE and any(abs(time_ms - row.time_ms) <= NEAR_MS for time_ms in times)
