"""
Every step of an order is told while the stream is live, or lies in a gap that was told, or shows within a bound in a
later state of the same order. An order is its symbol and its id.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from listenkey.items import Live
from sim.checkers.coverage import Case, bound_us, holds, is_unseen, key_was_dead, refuses
from sim.checkers.order_states import ENDED, OrderKey, State, state_of, states_of
from sim.checkers.reading import KEY_LIFE_US, REFUSED
from sim.checkers.violation import Violation
from sim.faults.traits import STEPS_UNSEEN
from sim.world.evidence import Evidence


class ToldState(NamedTuple):
    """A state, and when it was told."""

    at_us: int
    state: State


def steps(evidence: Evidence) -> Iterator[Violation]:
    """Every stream against the transitions in the ledger of its account."""
    for stream in evidence.streams:
        case = Case(evidence, stream)
        if case.live_us is not None:
            yield from _of_stream(case, case.live_us)


def _of_stream(case: Case, live_us: int) -> Iterator[Violation]:
    told: dict[OrderKey, list[ToldState]] = {}
    for at_us, item in case.stream.told:
        for key, state in states_of(item):
            told.setdefault(key, []).append(ToldState(at_us, state))
    rows: dict[OrderKey, list[dict[str, Any]]] = {}
    for row in case.evidence.ledgers[case.stream.account]["orders"]:
        rows.setdefault((row["symbol"], row["order_id"]), []).append(row)
    for key, steps_of in rows.items():
        if key not in told and _unfound(case, steps_of):
            continue
        for row in steps_of:
            at_us = case.evidence.us_of(row["time_ms"])
            # The last ones of a run may still be under way, or wait for the next audit.
            if live_us <= at_us <= case.until_us - case.audits.most_us and not (
                row is steps_of[-1] and _unknown(case, steps_of)
            ):
                yield from _of_step(case, row, at_us, told.get(key, []))


def _unfound(case: Case, rows: list[dict[str, Any]]) -> bool:
    """
    Return True where an order ended before anybody looked, and each of its messages may have been lost.

    No list of open orders ever has such a one, and where nothing of it was filled the bill has no row either.
    """
    first_us, last_us = case.evidence.us_of(rows[0]["time_ms"]), case.evidence.us_of(rows[-1]["time_ms"])
    is_over = rows[-1]["status"] in ENDED and last_us - first_us < case.audits.most_us
    return is_over and all(_is_unseen(case, at_us) or is_unseen(case, at_us) for at_us in (first_us, last_us))


def _unknown(case: Case, rows: list[dict[str, Any]]) -> bool:
    """
    Return True where an order of before a process began ended, unseen, before that one looked at the open orders.

    Nobody told it of orders that were placed before, so it misses none in the list. A stream without a journal begins
    with its process; one with a journal may be gone on with by later ones.
    """
    first_us, last_us = case.evidence.us_of(rows[0]["time_ms"]), case.evidence.us_of(rows[-1]["time_ms"])
    if rows[-1]["status"] not in ENDED or not (_is_unseen(case, last_us) or is_unseen(case, last_us)):
        return False
    lives = [(at_us, item) for at_us, item in case.stream.told if isinstance(item, Live)]
    began = [since_us for since_us, _ in case.stream.statuses[:1]] + case.stream.lives_us
    for began_us in began:
        live_us = next((at_us for at_us, _ in lives if at_us >= began_us), case.evidence.end_us)
        if first_us < began_us <= last_us <= live_us + case.audits.most_us:
            return True
    return False


def _of_step(case: Case, row: dict[str, Any], at_us: int, told: list[ToldState]) -> Iterator[Violation]:
    step = state_of(row["filled_quantity"], row["status"])
    told_us = next((each.at_us for each in told if _has_come_as_far(each.state, step)), None)
    if key_was_dead(case, at_us):
        return  # The bill says nothing of steps that are no fills, and a process may end before the next renewal.
    within_us = bound_us(case, at_us, told_us or case.until_us, unseen=_is_unseen(case, at_us))
    losses_us = (loss.at_us for loss in case.stream.losses if at_us < loss.at_us <= (told_us or case.evidence.end_us))
    due_us = max(losses_us, default=at_us) + within_us
    if told_us is not None and told_us <= due_us:
        return
    if not case.recovers and (_is_unseen(case, at_us) or is_unseen(case, at_us)):
        return
    if due_us >= case.until_us or (case.died and told_us is None and at_us > case.until_us - KEY_LIFE_US):
        return
    if any(gap.opened_us <= due_us and holds(case, gap, at_us) for gap in case.gaps):
        return
    # A gap that says of which contract REST refused the lists holds its steps, while that lasts.
    if any(refuses(gap, row["symbol"], REFUSED) and gap.opened_us <= due_us for gap in case.gaps):
        return
    # Held back while a gap before it was being recovered, for the sake of order.
    if told_us is not None and any(gap.opened_us <= due_us and gap.closed_us >= told_us for gap in case.gaps):
        return
    name = f"{row['status']} of order {row['order_id']} in {row['symbol']}"
    when = "never" if told_us is None else f"{(told_us - at_us) / 1e6:.0f} s later"
    yield Violation("steps", case.who, at_us / 1e6, f"{name} was told {when}, and no gap holds it")


def _has_come_as_far(told: State, step: State) -> bool:
    return told.filled >= step.filled and told.is_over >= step.is_over


def _is_unseen(case: Case, at_us: int) -> bool:
    return any(
        fault.at_s * 1e6 - 1e6 <= at_us <= fault.until_s * 1e6 + 1e6
        for fault in case.evidence.of_client(case.stream.process, STEPS_UNSEEN)
    )
