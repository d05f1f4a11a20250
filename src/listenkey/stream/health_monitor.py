"""The status and the health of one stream, put together from its parts."""

from __future__ import annotations

import logging
from collections.abc import Callable

from listenkey.core.lifecycle import Lifecycle
from listenkey.core.status import status_of, why_of
from listenkey.core.status_changes import StatusChanges
from listenkey.health import Health, Status
from listenkey.journal.base import Journal
from listenkey.rest.account_log import AccountLog
from listenkey.stream.delivery import StreamDelivery
from listenkey.stream.key_client import KeyClient
from listenkey.stream.recovery_runner import RecoveryRunner
from listenkey.stream.sockets import Sockets
from listenkey.transport.clock import Clock


class HealthMonitor:
    """
    Tells how a stream is, and logs each change of its status.

    Args:
        life: The stream's lifecycle.
        journal: Where items go.
        delivery: Counts what was delivered.
        sockets: The open ones.
        keys: Knows how long the venue wants no requests.
        clock: For all times.
        log: Where changes are told.

    Attributes:
        recoveries: Knows why a recovery waits; None without a secret.
        changes: The status as it was noted last, and since when it holds.
        on_change: Called when the status has changed; None where nobody wants to know.
    """

    __slots__ = ("_clock", "_delivery", "_journal", "_keys", "_life", "_log", "_sockets", "changes", "on_change", "recoveries")  # fmt: skip

    def __init__(
        self,
        life: Lifecycle,
        journal: Journal,
        delivery: StreamDelivery,
        sockets: Sockets,
        keys: KeyClient,
        clock: Clock,
        log: AccountLog,
    ) -> None:
        self.recoveries: RecoveryRunner | None = None
        self.on_change: Callable[[], None] | None = None
        self.changes = StatusChanges(clock.now_s(), clock.wall_ms())
        self._life = life
        self._journal = journal
        self._delivery = delivery
        self._sockets = sockets
        self._keys = keys
        self._clock = clock
        self._log = log

    def begin(self) -> None:
        """Note that the stream opens now: its first status holds since then."""
        self.changes = StatusChanges(self._clock.now_s(), self._clock.wall_ms())

    def note(self) -> None:
        """Note since when the status holds, and log a change."""
        status = self.status
        if status == self.changes.status:
            return
        now_s, wall_ms = self._clock.now_s(), self._clock.wall_ms()
        change = self.changes.note(status, self._why(), self._delivery.fills_recovered, now_s, wall_ms)
        if change is not None:
            self._log.log(logging.WARNING if change.is_warning else logging.INFO, change.form, change.text)
        if self.on_change is not None:
            self.on_change()

    def health(self) -> Health:
        """Return the stream's health now."""
        life, journal, delivery, now_s = self._life, self._journal, self._delivery, self._clock.now_s()
        followed = life.connections.sockets.get(life.connections.followed or 0)
        self.note()  # as it is now: a limit may just have ended
        status = self.status
        proof = self._keys.account_proof
        return Health(
            status=status,
            status_since_ms=self.changes.since_ms(now_s, self._clock.wall_ms()),
            why=self._why(),
            live=life.is_whole and journal.overflow.losing is None,
            open_gap_from_ms=self._open_gap_from_ms(),
            fills_complete=journal.overflow.losing is None
            and journal.problem is None  # Else fills wait in memory, and no reader has them.
            and (status == "LIVE" or (status == "DEGRADED" and life.is_settled)),
            key_fingerprint=life.listen_key.key.fingerprint() if life.listen_key.key else None,
            key_age_s=now_s - life.listen_key.since_s if life.listen_key.key else None,
            key_left_s=life.listen_key.until_s - now_s if life.listen_key.key else None,
            renewals=life.listen_key.renewals,
            last_renewal_ok=life.listen_key.last_renewal_ok,
            sockets=sum(socket.attached for socket in life.connections.sockets.values()),
            socket_age_s=now_s - followed.opened_s if followed else None,
            last_event_ms=delivery.last_event_ms,
            last_heard_s=now_s - followed.heard_s if followed else None,
            last_audit_s=None if self.recoveries is None else self.recoveries.last_audit_s(now_s),
            round_trip_s=self._sockets.round_trip_s,
            events=delivery.events,
            fills=delivery.fills,
            gaps=life.gaps.count,
            gaps_incomplete=life.gaps.incomplete,
            gap_s=life.gaps.seconds,
            duplicates_removed=delivery.deduplicator.duplicates + journal.duplicates,
            unreadable=delivery.unreadable_frames,
            unknown_events=delivery.unknown_events,
            dropped=journal.overflow.dropped,
            backlog=journal.backlog,
            journal_problem=journal.problem,
            account_doubt=(journal.account_doubt if proof is None else proof.doubt) or None,
            reconnects=life.connections.reconnects,
            rotations=life.rotation.count,
            recovered=journal.recovered,
            used_weight=self._keys.used_weight,
        )

    @property
    def status(self) -> Status:
        """The stream's status now."""
        journal = self._journal
        return status_of(self._life, self._clock.now_s(), journal.problem, journal.overflow.losing)

    def _why(self) -> str:
        """Return the reason for the status, for people."""
        journal, silence = self._journal, self._keys.silence()
        if silence is None and self.recoveries is not None:
            silence = self.recoveries.waits()
        return why_of(self._life, self._clock.now_s(), journal.problem, journal.overflow.losing, silence)

    def _open_gap_from_ms(self) -> int | None:
        """The start of the gap that is open now, before the socket, a slow reader or the disk; None without one."""
        begins = [
            at_ms for at_ms in (self._life.gaps.open_from_ms, self._journal.overflow.from_ms) if at_ms is not None
        ]
        return min(begins, default=None)
