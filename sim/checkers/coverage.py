"""
Every fill that was not told in time lies in a gap that was, and the gap was told in time; while one is missing, no
stream says that it is live; and where the client can ask REST, none is missing in the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import Any, Final

from listenkey.items import Live
from listenkey.outcomes import Loss
from sim.checkers.audit_bound import AuditBound
from sim.checkers.reading import (
    FORGETS,
    KEY_LIFE_US,
    MINUTE_US,
    Span,
    forgotten_us,
    frozen_us,
    had_live,
    held_ms,
    key_ends_us,
    latency_ms,
    offsets_ms,
    spans,
    told_fills,
)
from sim.checkers.violation import Violation
from sim.client.records import Stream
from sim.faults.traits import DISK_KINDS, LAG_KINDS, LASTING, NOBODY_READS, REST_KINDS, UNSEEN
from sim.world.evidence import Evidence

UNDER_WAY_US: Final = 10_000_000
"""The last seconds of a run, whose events may still be under way."""

SILENCE_US: Final = 15_000_000
"""Ten seconds until a dead connection is noticed, and what a frame and a timer may take."""

LAG_US: Final = 40_000_000
"""The longest delay with which the bill shows a fill."""

FAR_BEHIND: Final = frozenset({"lag_and_drops"})
FAR_BEHIND_US: Final = 75_000_000
"""The same where REST may be a whole minute behind."""

FILLS_REFUSED: Final = frozenset({Loss.FILLS_REFUSED})

REFUSING: Final = frozenset({"key_revoked", "right_lost"})
REFUSED_US: Final = int(5.5 * MINUTE_US)
"""The time until a client asks again that is refused for good, as far as anybody can tell: five minutes."""

SOONER_S: Final = 12
"""Ten seconds by which the client believes them forgotten before they are, and two by which clocks differ."""

RENEWAL_US: Final = 24 * MINUTE_US
"""The time until a client that can't read the bill finds a key that died unreported."""


class Case:
    """
    One stream, and what its checks share.

    Attributes:
        early_ms: How long an event made at a time may have been on its way, as far as it was asked for.
        live_us: Since when it is to be whole; None where it never was live.
        until_us: What happened later may still be under way.
        audits: How long the next audit may take.
    """

    def __init__(self, evidence: Evidence, stream: Stream) -> None:
        self.evidence, self.stream = evidence, stream
        self.who = f"stream {stream.number}"
        self.recovers = evidence.options.recovers
        self.told_us = {fill.key: fill.at_us for fill in reversed(list(told_fills(stream)))}
        self.gaps = spans(stream)
        self.ends_us = key_ends_us(evidence, stream.account)
        last_us = stream.ended_us or stream.died_us or evidence.end_us
        self.until_us = last_us - UNDER_WAY_US
        self.died = stream.died_us is not None or stream.ended_us is not None
        self.live_us = _live_us(evidence, stream)
        self.audits = AuditBound(evidence.options, stream)
        self.early_ms: dict[int, float] = {}


def _live_us(evidence: Evidence, stream: Stream) -> int | None:
    """Return the time from which the stream is to be whole; None where it was never live."""
    live_us = next((told.at_us for told in stream.told if isinstance(told.item, Live)), None)
    lost_us = had_live(stream, evidence.end_us)
    return lost_us if live_us is None or (lost_us is not None and lost_us < live_us) else live_us


def covered(evidence: Evidence) -> Iterator[Violation]:
    """Every stream against the ledger of its account."""
    for stream in evidence.streams:
        yield from _of_stream(Case(evidence, stream))


def _of_stream(case: Case) -> Iterator[Violation]:
    if case.live_us is None:
        return
    for row in case.evidence.ledgers[case.stream.account]["fills"]:
        at_us = case.evidence.us_of(row["time_ms"])
        if case.live_us <= at_us <= case.until_us:
            yield from _of_fill(case, row, at_us)


def _of_fill(case: Case, row: dict[str, Any], at_us: int) -> Iterator[Violation]:
    key = (row["symbol"], row["trade_id"], row["order_id"])
    told_us = case.told_us.get(key)
    at_s = at_us / 1e6
    forgotten = told_us is None and _was_forgotten(case, at_us)
    # A stream that ended, and had no file, may have ended in the middle of a recovery.
    if (
        told_us is None
        and case.recovers
        and not case.died
        and not forgotten
        and at_us < case.evidence.end_us - case.audits.most_us - KEY_LIFE_US // 2
    ):
        yield Violation("coverage.lost", case.who, at_s, f"{key} was never told")
    within_us = bound_us(case, at_us, told_us or case.until_us)
    lost_us = forgotten_us(case.stream, key, at_us, within_us, told_us or case.evidence.end_us)
    due_us = max(at_us, lost_us) + within_us
    if (told_us or case.until_us) <= due_us:
        return
    if not case.recovers and is_unseen(case, at_us):
        return
    holding = [gap for gap in case.gaps if (told_us is None or gap.opened_us <= told_us) and holds(case, gap, at_us)]
    # One that says of which contract REST refused the fills, while that lasts, holds those of a little earlier as well.
    holding += [gap for gap in case.gaps if refuses(gap, row["symbol"], FILLS_REFUSED) and gap.opened_us <= due_us]
    if told_us is not None:
        # Held back while a gap before it was being recovered, for the sake of order.
        holding += [gap for gap in case.gaps if gap.opened_us <= due_us and gap.closed_us >= told_us >= gap.opened_us]
    if not holding:
        yield Violation("coverage.silent", case.who, at_s, f"{key} was not told, and no gap holds it")
        return
    if told_us is None and (forgotten or not case.recovers) and all(gap.fills_complete for gap in holding):
        yield Violation(
            "coverage.complete", case.who, at_s, f"{key} is lost, and its gap says that its fills are complete"
        )
    opened_us = min(gap.opened_us for gap in holding)
    if opened_us > due_us:
        late_s = (opened_us - at_us) / 1e6
        yield Violation("coverage.late", case.who, at_s, f"the gap that holds {key} was told {late_s:.0f} s later")
    for since_us, until_us, status in _statuses(case.stream, case.evidence.end_us):
        from_us = max(since_us, due_us)
        if status == "LIVE" and from_us < min(until_us, _could_be_read_us(case, told_us or case.until_us)):
            # Who can't ask REST has told what is missing when the gap is closed, and is live again.
            # And so has who has told that REST has forgotten it.
            if (case.recovers and not forgotten) or not any(gap.closed_us <= from_us for gap in holding):
                yield Violation("coverage.live", case.who, at_s, f"{key} is missing, and the stream is LIVE")
            return


def refuses(gap: Span, symbol: str, losses: AbstractSet[Loss]) -> bool:
    """Return True where the gap was closed with one of these losses, and names the contract whose lists REST refused."""
    return not losses.isdisjoint(gap.lost) and any(symbol in text for text in gap.texts)


def _was_forgotten(case: Case, at_us: int) -> bool:
    """
    Return True where the fill's gap was closed as one of which REST has forgotten fills, and REST had by then.

    The client stops asking a little before the venue forgets, by as much as clocks may differ.
    """
    forgets = case.evidence.of_client(case.stream.process, FORGETS)
    return any(
        Loss.FILLS_FORGOTTEN in gap.lost
        and holds(case, gap, at_us)
        and any(
            fault.at_s * 1e6 <= gap.closed_us and at_us + (fault.param("keeps_s") - SOONER_S) * 1e6 <= gap.closed_us
            for fault in forgets
        )
        for gap in case.gaps
    )


def _could_be_read_us(case: Case, told_us: int) -> int:
    """Return when a reader who did not read could have had it: the journal holds it before, and the stream is live."""
    away = case.evidence.of_client(case.stream.process, NOBODY_READS)
    return min(
        [told_us, *(int(each.at_s * 1e6) for each in away if each.at_s * 1e6 <= told_us <= each.until_s * 1e6 + 1e6)]
    )


def _statuses(stream: Stream, end_us: int) -> Iterator[tuple[int, int, str]]:
    ends = [since_us for since_us, _ in stream.statuses[1:]] + [end_us]
    for (since_us, status), until_us in zip(stream.statuses, ends, strict=False):
        yield since_us, until_us, status


def is_unseen(case: Case, at_us: int) -> bool:
    """Return True where nothing on a connection showed what happened then."""
    return any(
        fault.at_s * 1e6 - 1e6 <= at_us and (at_us <= fault.until_s * 1e6 + 1e6 or fault.kind in LASTING)
        for fault in case.evidence.of_client(case.stream.process, UNSEEN)
    )


def holds(case: Case, gap: Span, at_us: int) -> bool:
    """Return True where the fill lies in the gap, by the client's wall clock as it was at any moment in between."""
    evidence, process = case.evidence, case.stream.process
    early_ms = case.early_ms.get(at_us)
    if early_ms is None:
        early_ms = latency_ms(evidence, process, at_us) + held_ms(evidence, process, at_us)
        case.early_ms[at_us] = early_ms
    at_ms = evidence.options.start_ms + at_us // 1000
    offsets = offsets_ms(evidence, process, at_us - 2 * KEY_LIFE_US, gap.closed_us)
    return any(gap.from_ms - early_ms <= at_ms + offset_ms <= gap.to_ms + 2 for offset_ms in offsets)


def bound_us(case: Case, at_us: int, until_us: int, *, unseen: bool = False) -> int:
    """Return how long it may take to notice that this fill, or this step of an order, did not come."""
    evidence, process = case.evidence, case.stream.process
    most_us = SILENCE_US + int(1000 * latency_ms(evidence, process, at_us))
    most_us += int(1000 * held_ms(evidence, process, at_us))
    hindrance_us = _during(case, REST_KINDS, at_us, until_us)
    if case.recovers:
        if unseen or is_unseen(case, at_us) or key_was_dead(case, at_us):
            audit_us = case.audits.within_us(at_us)
            most_us = max(most_us, audit_us) + hindrance_us
            if _during(case, LAG_KINDS, at_us - audit_us, at_us + audit_us):
                most_us += FAR_BEHIND_US if _during(case, FAR_BEHIND, at_us - audit_us, at_us + audit_us) else LAG_US
    elif key_was_dead(case, at_us):
        most_us = KEY_LIFE_US if hindrance_us else RENEWAL_US
    # While it sleeps or is stalled, it can tell nobody; and what can't be written is shown to nobody.
    frozen = frozen_us(evidence, process, at_us - MINUTE_US, until_us)
    return most_us + frozen + _during(case, DISK_KINDS, at_us, until_us)


def key_was_dead(case: Case, at_us: int) -> bool:
    """Return True where a key of the account had ended in the hour before, so that nothing may have come."""
    return any(at_us - KEY_LIFE_US <= end_us <= at_us for end_us in case.ends_us)


def _during(case: Case, kinds: frozenset[str], from_us: int, to_us: int) -> int:
    """Return how much of a time faults of these kinds took, with what each of them leaves behind."""
    total_us = 0
    for fault in case.evidence.of_client(case.stream.process, kinds):
        since_us = fault.at_s * 1e6
        until_us = fault.until_s * 1e6 + (REFUSED_US if fault.kind in REFUSING else MINUTE_US)
        total_us += max(0, int(min(to_us, until_us) - max(from_us, since_us)))
    return total_us
