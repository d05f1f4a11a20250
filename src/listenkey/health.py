"""The state of a stream as one frozen value: for a screen to show and an alarm to read."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import asdict

Status: TypeAlias = Literal[
    "CONNECTING", "LIVE", "GAP", "RECOVERING", "SETTLING", "SUSPECT", "DEGRADED", "FAILED", "ENDED", "ELSEWHERE"
]


class Health(Struct, frozen=True, kw_only=True):
    """
    The state of a stream at one moment.

    Attributes:
        status: LIVE only while every event is in the stream. GAP: no socket brings events, or a slow reader or disk
            has no room for them. RECOVERING: a socket is open, and REST is asked for missed events. SUSPECT: events
            were lost on a living socket, and REST is asked for them. SETTLING: live, as the item `Live` says; all that
            REST returned of the last gap is delivered, and REST is asked again in case it lags. DEGRADED: live, but
            the journal can't be written, so items wait; or REST can't be asked, so the key is not kept alive or a
            loss would not be noticed. ELSEWHERE: another worker of a gateway holds the account.
        status_since_ms: The time since which the status holds, wall clock, epoch ms; right also after that clock was set.
        why: The reason for the status, in words for people.
        live: True while new events are in the stream, as the item `Live` says: since the first one, but for while a gap
            is open. It holds in LIVE and SETTLING, and in DEGRADED and SUSPECT where no gap is open.
        open_gap_from_ms: The start of the gap that is open now, wall clock, epoch ms; None where none is.
        fills_complete: True where every fill until now is in the stream, as far as the socket shows, and REST did at the
            last audit (`last_audit_s`): no gap is open, none is being looked at again, and the journal can be written.
            Final losses of earlier gaps are in their `GapClosed`.
        key_fingerprint: Eight hex digits that tell the listen key from another.
        key_age_s: Seconds since the venue first gave this key.
        key_left_s: Seconds until it ends, if nobody renews it.
        renewals: PUTs that were answered, this stream's and those it shared.
        last_renewal_ok: True where the last one was answered; None before the first.
        sockets: Sockets open.
        socket_age_s: Age of the socket whose events are delivered.
        last_event_ms: Arrival of the last event, wall clock, epoch ms.
        last_heard_s: Seconds since anything came in, pongs included.
        last_audit_s: Seconds since REST history was last held against the events, or since the stream began to be live;
            None before, and without a secret. Up to a minute; more for an idle account of a gateway, and while REST fails.
        round_trip_s: Round trip of the last ping.
        events: Events delivered.
        fills: Fills among them.
        gaps: Gaps reported.
        gaps_incomplete: Gaps that closed without all of their fills (`GapClosed.fills_complete`), for want of a secret for
            example; since this process began. `live`, `status` and `fills_complete` do not tell of them any more.
        gap_s: Total length of the closed gaps, seconds.
        duplicates_removed: Events taken out because they had been delivered.
        unreadable: Frames that could not be read, each reported as a gap.
        unknown_events: Events of a type this release has no class for; delivered as `UnknownEvent`.
        dropped: Events that did not fit into the buffer of a slow reader, reported as a gap.
        backlog: Items that wait for the reader.
        journal_problem: The reason why the journal can't be written at the moment, or None.
        account_doubt: The reason to doubt that the API key is the one of the journal's account, or None: the journal was
            begun with another one, and REST did not show yet that both are of one account.
        reconnects: Sockets lost.
        rotations: Sockets replaced before the venue's 24 hours were over.
        recovered: Updates brought back over REST, as items with provenance `rest`; since this process began.
        used_weight: Request weight of this IP in the minute, by the last answer.
    """

    status: Status
    why: str
    status_since_ms: int = 0
    live: bool = False
    open_gap_from_ms: int | None = None
    fills_complete: bool = False
    key_fingerprint: str | None = None
    key_age_s: float | None = None
    key_left_s: float | None = None
    renewals: int = 0
    last_renewal_ok: bool | None = None
    sockets: int = 0
    socket_age_s: float | None = None
    last_event_ms: int | None = None
    last_heard_s: float | None = None
    last_audit_s: float | None = None
    round_trip_s: float | None = None
    events: int = 0
    fills: int = 0
    gaps: int = 0
    gaps_incomplete: int = 0
    gap_s: float = 0.0
    duplicates_removed: int = 0
    unreadable: int = 0
    unknown_events: int = 0
    dropped: int = 0
    backlog: int = 0
    journal_problem: str | None = None
    account_doubt: str | None = None
    reconnects: int = 0
    rotations: int = 0
    recovered: int = 0
    used_weight: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return all fields by name, ready for `json.dumps`."""
        return asdict(self)
