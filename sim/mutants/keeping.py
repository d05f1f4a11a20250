"""Builds that are broken in how they ask REST, and in how they keep what they have."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import msgspec

from listenkey.core import actions as do
from listenkey.core import audit_pace, audit_schedule, budget, gaps, loss_detector, reconciliation, transitions
from listenkey.core import inputs as on
from listenkey.core.gap_recovery import GapRecovery
from listenkey.core.gaps import Resumed
from listenkey.core.lifecycle import Lifecycle
from listenkey.items import GapClosed
from listenkey.journal import recovered
from listenkey.journal.sqlite import database, group, journal_end, lock, numbering, store, verify, writer
from listenkey.stream import audit, driver, rest_lag, windows
from listenkey.wire import rows
from sim.mutants.patching import NEVER_S, Patches, put, replace_transition


def cursor_is_last_seen(patches: Patches) -> None:
    """REST is asked from the newest fill that was delivered: what became visible later, and is older, is passed over."""
    real = windows.Windows.asked_from

    def asked_from(self: windows.Windows, from_ms: int, not_before_ms: int) -> int:
        newest = self._known.newest
        return real(self, from_ms, not_before_ms) if newest is None else newest.time_ms

    def audit_since(self: audit.Audits, action: do.Audit) -> int:
        return asked_from(self._windows, action.from_ms or 0, 0)

    put(patches, windows.Windows, "asked_from", asked_from)
    put(patches, audit.Audits, "_audit_since", audit_since)


def never_settles(patches: Patches) -> None:
    """One answer of REST is believed, however far REST lags."""
    put(patches, audit_schedule.AuditSchedule, "settle", lambda *_: None)
    put(patches, rest_lag.RestLag, "of_trades", _no_lag)
    put(patches, rest_lag.RestLag, "_unshown_s", lambda *_: 0.0)


async def _no_lag(*_: Any) -> float:
    return 0.0


def never_audits(patches: Patches) -> None:
    """Never ask REST for events that no socket brought and nothing else shows."""

    def plan(self: audit_schedule.AuditSchedule, _: on.Moment) -> None:
        self.audit_at_s = NEVER_S

    put(patches, audit_schedule.AuditSchedule, "plan", plan)
    put(patches, audit.Audits, "is_audited", lambda *_: True)


def idle_never_wakes(patches: Patches) -> None:
    """An idle account stays one until its next audit, whatever happens to it."""
    put(patches, audit_pace.AuditPace, "woke", lambda *_: None)


def idle_is_forgotten(patches: Patches) -> None:
    """The longer an account is idle the less often it is audited, without a bound."""
    real = audit_pace.AuditPace.audited

    def audited(self: audit_pace.AuditPace, *, is_idle: bool) -> None:
        self._idle_s = NEVER_S
        real(self, is_idle=is_idle)

    put(patches, audit_pace.AuditPace, "audited", audited)


def never_polls(patches: Patches) -> None:
    """Bring nothing without a socket, though REST answers."""
    put(patches, Lifecycle, "_may_poll", False)


def audits_begin_anew(patches: Patches) -> None:
    """Forget what the process before had not audited."""
    put(patches, audit.Audits, "_first_unaudited", lambda self: self._windows.now_ms())
    put(patches, audit.Audits, "is_audited", lambda *_: True)


def closed_positions_beat(patches: Patches) -> None:
    """A position that only REST saw closed is waited for as if it were open."""
    real = loss_detector.LossDetector._holds
    put(
        patches,
        loss_detector.LossDetector,
        "_holds",
        lambda self, position, _, now_s: real(self, position, position.now, now_s),
    )


def stale_snapshot_wins(patches: Patches) -> None:
    """Deliver REST's rows of an order, however old."""
    put(patches, reconciliation, "is_news", lambda *_: True)


def gap_closes_on_failure(patches: Patches) -> None:
    """REST did not answer, and the gap is closed all the same."""
    real = transitions.by_recovery(GapRecovery.not_recovered)

    def not_recovered(life: Lifecycle, happened: on.NotRecovered, now: on.Moment) -> None:
        mine = happened.attempt == life.recovery_policy.attempt and life.recovery_policy.running
        real(life, happened, now)
        if mine and life.gaps.open_from_ms is not None and life.connections.followed is not None:
            life.gap_recovery.stop_holding()
            life.gap_recovery.close_gap(now, ())
            life.note_recovery()
            life.recovery_policy.retry_at_s = None

    replace_transition(patches, real, not_recovered)


def known_fills_forgotten(patches: Patches) -> None:
    """Deliver REST's rows, whether a socket brought their fills or not."""
    real = reconciliation.missing

    class Nothing:
        fills: frozenset[Any] = frozenset()

    put(patches, reconciliation, "missing", lambda found, _, until_ms: real(found, Nothing(), until_ms))  # type: ignore[arg-type]
    real_combined = reconciliation.combined

    def combined(findings: Any, held: Any, known: Any, now_ms: int) -> Any:
        before, known.fills = known.fills, frozenset()
        try:
            return real_combined(findings, held, known, now_ms)
        finally:
            known.fills = before

    put(patches, reconciliation, "combined", combined)


def amounts_are_floats(patches: Patches) -> None:
    """Amounts of REST rows lose their last zeros."""
    real = rows._amount_or_none

    def rounded(row: Mapping[str, Any], name: str) -> str:
        text = real(row, name)
        return str(float(text)) if text else text

    put(patches, rows, "_amount_or_none", rounded)


def budget_ignored(patches: Patches) -> None:
    """Requests leave whenever somebody wants them to."""
    put(patches, budget.Budget, "wait_s", lambda *_: 0.0)


def restart_without_a_gap(patches: Patches) -> None:
    """A process begins as if there had been none before it."""
    real = journal_end.JournalEnd.left

    def left(self: journal_end.JournalEnd) -> Resumed:
        return Resumed(fills=real(self).fills)

    put(patches, journal_end.JournalEnd, "left", left)


def recovered_as_answered(patches: Patches) -> None:
    """A gap counts what REST answered, and neither what a socket brought as well nor what an earlier process was given."""
    answered = WeakKeyDictionary[gaps.Gaps, int]()
    real_feed, real_live = driver.Driver.feed, gaps.Gaps.live

    def feed(self: driver.Driver, happened: on.Input) -> None:
        if isinstance(happened, on.Recovered) and self.delivery.recovery is not None:
            found = self.delivery.recovery.combined(self.delivery.held())
            held = self.life.gaps
            answered[held] = answered.get(held, 0) + sum(one.provenance == "rest" for one in found)
        real_feed(self, happened)

    def live(self: gaps.Gaps, *arguments: Any, **named: Any) -> None:
        real_live(self, *arguments, **named)
        self._items = [
            msgspec.structs.replace(item, recovered=answered.pop(self, 0)) if isinstance(item, GapClosed) else item
            for item in self._items
        ]

    real_noted = recovered.RecoveredCount.noted

    def noted(self: recovered.RecoveredCount, item: Any) -> Any:
        told = real_noted(self, item)
        return msgspec.structs.replace(told, recovered=item.recovered) if isinstance(item, GapClosed) else told

    put(patches, driver.Driver, "feed", feed)
    put(patches, gaps.Gaps, "live", live)
    put(patches, recovered.RecoveredCount, "noted", noted)


def all_fills_complete(patches: Patches) -> None:
    """Every gap says that its fills are complete, whatever could not be asked for."""
    real = recovered.RecoveredCount.noted

    def noted(self: recovered.RecoveredCount, item: Any) -> Any:
        told = real(self, item)
        return msgspec.structs.replace(told, fills_complete=True) if isinstance(told, GapClosed) else told

    put(patches, recovered.RecoveredCount, "noted", noted)


def not_synchronised(patches: Patches) -> None:
    """A commit is reported before the disk has it."""
    real = database.open_writer

    def open_writer(path: Path) -> sqlite3.Connection:
        connection = real(path)
        connection.execute("PRAGMA synchronous=OFF")
        return connection

    put(patches, store, "open_writer", open_writer)


def failed_write_forgotten(patches: Patches) -> None:
    """A commit that fails is not tried again."""

    def safely(self: writer.Writer, do: Callable[[], Any]) -> Any:
        try:
            if not self._store.is_open:
                self._store.reopen()
            return do()
        except sqlite3.Error:
            self._store.abandon()
            return numbering.Numbered()

    put(patches, writer.Writer, "_safely", safely)


def same_file_after_failed_fsync(patches: Patches) -> None:
    """Use the connection on after a failed fsync, and believe the next fsync that succeeds."""

    def abandon(self: store.Store) -> None:
        self._may_hold_more = True

    put(patches, store.Store, "abandon", abandon)


def told_before_written(patches: Patches) -> None:
    """Items are shown when they are numbered, and written a moment later."""
    real = writer.Writer._write

    def write(self: writer.Writer, entries: list[numbering.Entry], written: group.Group) -> Any:
        before = self._store.last_seq, self._store.chain
        numbered = numbering.number_entries(entries, self._store, group.Group(), set())
        if numbered.items:
            last = numbered.items[-1].seq
            self._report(writer.Committed(numbered.items, last, 0, 0, 0, None))
        self._store.last_seq, self._store.chain = before
        return real(self, entries, written)

    put(patches, writer.Writer, "_write", write)


def end_not_missed(patches: Patches) -> None:
    """A journal that ends before what is noted beside it is taken for all there ever was."""
    put(patches, lock.Lock, "reached", lambda _: 0)


def seals_not_compared(patches: Patches) -> None:
    """Rows are what they say, whatever their checksums and the chain say."""
    for place in (journal_end, verify):
        put(patches, place, "is_whole", lambda _: True)
        put(patches, place, "follows", lambda *_: True)


def newer_journal_used(patches: Patches) -> None:
    """A journal is used, whatever release has written it."""
    put(patches, database, "check_kind", lambda *_: None)


KEEPING = (
    cursor_is_last_seen, never_settles, never_audits, idle_never_wakes, idle_is_forgotten, never_polls, audits_begin_anew, closed_positions_beat, stale_snapshot_wins, gap_closes_on_failure,
    known_fills_forgotten, amounts_are_floats, budget_ignored, restart_without_a_gap, recovered_as_answered, all_fills_complete,
    not_synchronised, failed_write_forgotten, same_file_after_failed_fsync, told_before_written,
    end_not_missed, seals_not_compared, newer_journal_used,
)  # fmt: skip
