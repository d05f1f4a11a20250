"""No gap without a cause: a client that calls everything a gap loses nothing, and is of no use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from listenkey.items import GapOpened, Live
from listenkey.outcomes import GapCause
from sim.checkers.audit_bound import AuditBound
from sim.checkers.reading import (
    BURSTS,
    FORGETS,
    KEY_LIFE_US,
    MINUTE_US,
    frozen_us,
    key_ends_us,
    latency_ms,
    offsets_ms,
)
from sim.checkers.violation import Violation
from sim.client.records import Stream
from sim.faults.model import Fault
from sim.faults.traits import DISK_KINDS, KEY_KINDS, LASTING, REST_KINDS
from sim.world.evidence import Evidence

CAUSES: Final = frozenset({"reset", "late_close", "nat_loss", "partition", "surge", "flapping", "close", "freeze",
                           "malformed", "suspend", "refuse", "refuse_ws", "syn_loss", "crash", "power_cut", "retired", "disk_full", "disk_errors", "all_lose", "bad_protocol",
                           "black_hole", "no_name", "tls_refused", "no_descriptors", "pongs_lost", "sigterm",
                           "crash_loop", "torn_tail", "folder_gone", "key_revoked", "bit_flipped", "older_copy",
                           "takeover", "other_version", "poison", "comes_and_goes", "retention", "wrong_clock",
                           "wrong_clock_limited", "held_while_hanging", "expiry_unseen", "short_sockets", "key_rotated",
                           "right_lost", "wrong_secret", "cancelled", "rights_lost", "file_replaced", "folder_changed",
                           "contract_refused", "traded_before", "latency", "wrong_shape"})  # fmt: skip
"""
The faults that may cost a connection or a process. A stall, a stepped clock, slow or failing REST, doubled or held
events may not.
"""

SEEN: Final = frozenset({"mute", "drop_event", "delay", "reorder", "ack_dead", "maintenance", "narrow",
                         "lag_and_drops", "no_positions", "order_step_lost", "contract_refused"})  # fmt: skip
"""Events that are lost or late on a living connection: a client that can ask REST sees that something does not add up."""

ENDS_UNSEEN: Final = frozenset({"expiry_unseen"})
POSITIONLESS: Final = frozenset({"no_positions"})
REORDERS: Final = frozenset({"reorder"})
OF_POSITIONS: Final = frozenset({GapCause.POSITION_DIFFERS, GapCause.EVENTS_STOPPED})

AGE: Final = frozenset({"day_limit"})
ASLEEP: Final = frozenset({"suspend", "stall"})

CLOCKS_US: Final = 1_000_000
"""The error allowed in the client's estimate of the venue's clock."""

AFTER_US: Final = int(1.5 * MINUTE_US)
DEAF_S: Final = 120.0
"""A machine that slept no longer than this finds its connections alive."""


def false_alarms(evidence: Evidence) -> Iterator[Violation]:
    """Every gap told must have a fault that explains it, and so must every key that ran out."""
    for stream in evidence.streams:
        kinds = CAUSES | SEEN if evidence.options.recovers else CAUSES
        host = evidence.host_of(stream.process)
        causes = [fault for fault in evidence.of_client(stream.process, kinds) if _costs(fault, host)]
        ends_us, audit_us = key_ends_us(evidence, stream.account), AuditBound(evidence.options, stream).most_us
        for at_us, item in stream.told:
            if not isinstance(item, GapOpened):
                continue
            since_us = at_us - AFTER_US - frozen_us(evidence, stream.process, 0, at_us)
            since_us -= _not_shown_us(evidence, stream.process, at_us)
            if item.cause is GapCause.REST_SHOWS_MORE:
                since_us -= 2 * audit_us  # The list of all open orders comes every two minutes at a low limit.
            explained = any(
                fault.at_s * 1e6 <= at_us and (_over_us(evidence, fault) >= since_us or fault.kind in LASTING)
                for fault in causes
            )
            if item.cause is GapCause.REST_SHOWS_MORE:
                # It was found when REST could be asked again.
                unseen = evidence.of_client(stream.process, SEEN | LASTING | ENDS_UNSEEN)
                explained = explained or any(0 <= at_us - fault.at_s * 1e6 <= KEY_LIFE_US for fault in unseen)
                explained = explained or _is_of_before(evidence, stream, item)
            if item.cause is GapCause.BEGAN_EARLIER:
                explained = explained or _was_lost_then(evidence, stream.process, causes, item, at_us)
            if item.cause is GapCause.AUDIT_TOO_LATE:
                forgets = evidence.of_client(stream.process, FORGETS)
                explained = explained or any(fault.at_s * 1e6 <= at_us for fault in forgets)
            if item.cause in OF_POSITIONS:
                explained = explained or _changed_places(evidence, stream.process, at_us)
            explained = explained or any(end_us <= at_us <= end_us + 3 * KEY_LIFE_US for end_us in ends_us)
            explained = explained or _began_again(evidence, stream.process, at_us)
            explained = explained or _came_of_age_asleep(evidence, stream.process, since_us, at_us)
            if not explained:
                yield Violation("sparing", f"stream {stream.number}", at_us / 1e6, f"a gap without a cause: {item.why}")
        yield from _ran_out(evidence, stream)


def _began_again(evidence: Evidence, process: int, at_us: int) -> bool:
    """Return True where it is one of those that end soon after their beginning, and begin again."""
    return at_us <= MINUTE_US and any(client == evidence.host_of(process) for client, _, _ in evidence.options.before)


def _changed_places(evidence: Evidence, process: int, at_us: int) -> bool:
    """
    Return True where messages of one millisecond have changed places, as those of a burst may when the venue reorders.

    Nobody can say which of them is the last, so an older one may be taken for the position, until its next message.
    """
    if any(fault.at_s * 1e6 <= at_us for fault in evidence.of_client(process, POSITIONLESS)):
        return True  # A position that was not pushed is not known until the next message of its contract.
    return any(
        burst.at_s <= reorder.until_s and reorder.at_s <= burst.until_s and reorder.at_s * 1e6 <= at_us
        for burst in evidence.of_client(process, BURSTS)
        for reorder in evidence.of_client(process, REORDERS)
    )


def _came_of_age_asleep(evidence: Evidence, process: int, since_us: float, at_us: int) -> bool:
    """A socket whose day was over while the machine slept, so that nobody could open the next one first."""
    return any(
        limit.at_s <= sleep.until_s and sleep.at_s <= limit.until_s and since_us <= sleep.until_s * 1e6 <= at_us
        for limit in evidence.of_client(process, AGE)
        for sleep in evidence.of_client(process, ASLEEP)
    )


def _is_of_before(evidence: Evidence, stream: Stream, gap: GapOpened) -> bool:
    """
    A fill of the moment before the stream began: the client takes rather one too many than one too few, as far as it
    can't tell the venue's clock from its own.
    """
    began_ms = next((item.since_ms for _, item in stream.told if isinstance(item, Live)), 0)
    return 0 <= began_ms - gap.from_ms <= 2 * latency_ms(evidence, stream.process, 0)


def _was_lost_then(evidence: Evidence, process: int, causes: list[Fault], gap: GapOpened, at_us: int) -> bool:
    """
    Return True where a gap reaches back into a fault: what was lost then is missing, however late it is recovered.

    REST refuses the lists of a contract, say, and the gap is closed and says so; when it lists them again, their fills
    are older than the gap in which they are asked for. Or a low weight limit makes a recovery last for minutes.
    """
    for offset_ms in offsets_ms(evidence, process, 0, at_us):
        from_us = evidence.us_of(gap.from_ms - offset_ms)
        early_us = latency_ms(evidence, process, from_us) * 1000 + CLOCKS_US
        if any(fault.at_s * 1e6 - early_us <= from_us <= _over_us(evidence, fault) + CLOCKS_US for fault in causes):
            return True
    return False


def _ran_out(evidence: Evidence, stream: Stream) -> Iterator[Violation]:
    """Keys that nobody renewed, although somebody could."""
    hindering = evidence.of_client(stream.process, REST_KINDS | KEY_KINDS)
    for row in evidence.ledgers[stream.account]["keys"]:
        at_us = evidence.us_of(row["time_ms"])
        if row["what"] == "expired" and not any(
            fault.at_s * 1e6 - 1000 <= at_us and fault.until_s * 1e6 >= at_us - KEY_LIFE_US for fault in hindering
        ):
            yield Violation(
                "sparing.key", f"stream {stream.number}", at_us / 1e6, "a key ran out, and nothing hindered"
            )


def _not_shown_us(evidence: Evidence, process: int, at_us: int) -> int:
    """Return how much later than it was written this may have been read: nothing could be written, or nobody read."""
    return sum(
        int(fault.for_s * 1e6)
        for fault in evidence.of_client(process, DISK_KINDS)
        if fault.at_s * 1e6 <= at_us <= fault.until_s * 1e6 + MINUTE_US
    )


def _over_us(evidence: Evidence, fault: Fault) -> float:
    """Return when its last effect has passed: frames before a narrow way come late even when it is wide again."""
    waits_ms = latency_ms(evidence, fault.client, int(fault.until_s * 1e6)) if fault.kind == "narrow" else 0.0
    return fault.until_s * 1e6 + waits_ms * 1e3


def _costs(fault: Fault, process: int) -> bool:
    if fault.kind in FORGETS:  # The venue forgets for all, and one process is away.
        return fault.client == process
    return fault.kind != "suspend" or fault.for_s > DEAF_S
