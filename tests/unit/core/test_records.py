"""Test exercises, fees and transfers: those to be reported are reported once."""

from __future__ import annotations

from listenkey.core import reconciliation
from listenkey.core import records as recording
from listenkey.core.account_state import AccountState, FillIndex
from listenkey.core.deduplicator import Held
from listenkey.core.loss_detector import LossDetector
from listenkey.core.reconciliation import Findings
from listenkey.core.records import Record, Records, expiry_within, key_of, tells_of_exercise, to_report
from listenkey.events import Balance, BalancePositionUpdate, RecoveredCash, RecoveredExercise
from listenkey.wire.rows import BillRow, ExerciseRow
from tests.unit.core.making import SYMBOL, beat, position

EIGHT_MS = 1_795_334_400_000  # 2026-11-22T08:00:00Z


def bill(number: int, kind: str, time_ms: int, symbol: str = "", amount: str = "5") -> BillRow:
    return BillRow(number, kind, time_ms, symbol, amount, "USDT", b"{}")


def exercise(number: int, time_ms: int, symbol: str = SYMBOL) -> ExerciseRow:
    record = RecoveredExercise(str(number), symbol, "LONG", "1", "90000", "10", "-1", "USDT", time_ms)
    return ExerciseRow(record, b"{}")


def deposit(change: str, time_ms: int) -> BalancePositionUpdate:
    return BalancePositionUpdate(time_ms, time_ms, "DEPOSIT", (Balance("USDT", "100", change),), ())


def kinds(found: list[Record]) -> list[str]:
    return [getattr(one.event, "kind", one.event.type) for one in found]


def test_trades_and_their_fees_are_in_the_fills() -> None:
    rows = [bill(1, "CONTRACT", 20, "a"), bill(2, "FEE", 20, "a"), bill(3, "FEE", 5000, "a"), bill(4, "TRANSFER", 21)]
    found = to_report(rows, [], {"a": [20]}, Records(), 10, 9000)
    assert kinds(found) == ["TRANSFER", "FEE"]
    assert found[1].event.event_ms == 5000
    assert kinds(to_report([bill(2, "FEE", 20)], [], {"a": [20]}, Records(), 10, 9000)) == [], "named or not"


def test_what_is_older_was_told_and_what_is_younger_is_on_its_way() -> None:
    rows = [bill(at, "TRANSFER", at) for at in (10, 11, 20, 21)]
    assert [one.event.event_ms for one in to_report(rows, [exercise(1, 10)], {}, Records(), 10, 20)] == [11, 20]


def test_an_older_exercise_is_told_of_a_contract_that_ended_without_a_word() -> None:
    rows = [exercise(1, 10, "a"), exercise(2, 10, "b")]
    assert [one.event for one in to_report([], rows, {}, Records(), 10, 20, ["a"])] == [rows[0].record]


def test_an_exercise_is_told_by_its_record_and_by_the_bill_only_where_there_is_none() -> None:
    rows = [bill(1, "EXERCISE_PNL", 20, SYMBOL), bill(2, "EXERCISE_FEE", 20, "b")]
    assert kinds(to_report(rows, [exercise(9, 20)], {}, Records(), 10, 90)) == ["exerciseRecord", "EXERCISE_FEE"]
    assert tells_of_exercise(rows)
    assert not tells_of_exercise([bill(4, "TRANSFER", 21)])


def test_each_is_reported_once_and_so_many_are_remembered() -> None:
    known, rows = Records(), [bill(1, "TRANSFER", 20)]
    (found,) = to_report(rows, [], {}, known, 10, 90)
    known.add(key_of(found.event))
    assert to_report(rows, [], {}, known, 10, 90) == []
    for number in range(recording.RECORDS_MAX):
        known.add(("bill", f"x{number}"))
    assert key_of(found.event) not in known


def test_contracts_end_at_eight() -> None:
    assert expiry_within(EIGHT_MS - 1, EIGHT_MS)
    assert not expiry_within(EIGHT_MS, EIGHT_MS + 86_399_999)


def test_a_transfer_that_a_socket_told_of_is_not_reported_again() -> None:
    row = RecoveredCash(1, "TRANSFER", "5", "USDT", "", 2000)
    known = AccountState(FillIndex())
    findings = Findings(records=[Record(row, b"{}")])
    assert [one.event for one in reconciliation.combined(findings, [], known, 0)] == [row]
    held = [Held(deposit("5.00", 1500), b"", 0)]
    assert [one.provenance for one in reconciliation.combined(findings, held, known, 0)] == ["ws"]
    known.note(deposit("6", 2000))
    known.note(deposit("0", 2000))
    assert not known.records.was_told(row)
    known.note(deposit("5", 1500))
    assert known.records.was_told(row)
    assert reconciliation.combined(findings, [], known, 0) == []


def test_a_position_that_was_exercised_is_zero() -> None:
    known, detector = AccountState(FillIndex()), LossDetector(1.0)
    for held in (position("1", 1000, reason="TRANSFER"), beat(2000), beat(3000)):
        known.note(held)
        detector.note(held, 5.0)
    assert detector.beat.silent_at_s() is not None
    ended = exercise(1, 4000).record
    for event in (ended, exercise(2, 4000, "OTHER-261122-1-C").record):
        known.note(event)
        detector.note(event, 6.0)
    assert (known.positions, detector.beat.silent_at_s()) == ({}, None)
    assert key_of(ended) in known.records


def test_money_that_came_over_rest_changes_no_position() -> None:
    known = AccountState(FillIndex())
    row = RecoveredCash(1, "TRANSFER", "5", "USDT", SYMBOL, 2000)
    known.note(position("1", 1000))
    known.note(row)

    assert list(known.positions) == [SYMBOL]
