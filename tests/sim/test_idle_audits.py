"""An account that is idle is audited less often, and what is lost of it on a healthy socket is found all the same."""

from __future__ import annotations

from dataclasses import replace

import pytest

from listenkey.items import Update
from sim.checkers.audit_bound import AuditBound
from sim.checkers.reading import AUDIT_US, told_fills
from sim.environment.options import Options
from sim.faults.model import Fault
from sim.runner.options import draw_options
from sim.runner.run import FINE, run_case
from sim.world.evidence import Evidence

HOURS = 6
QUIET_S = 1500.0
MUTE_S = 60.0
FOUND_WITHIN_S = 33.5 * 60


def idle_world(seed: int) -> Options:
    """Hours between two events, on a good network."""
    return replace(draw_options(seed, "idle", HOURS / 24), latency_ms=5.0, jitter_ms=1.0)


def played(options: Options, faults: list[Fault]) -> Evidence:
    outcome = run_case(options, faults)
    assert outcome.code == FINE, [str(violation) for violation in outcome.violations] or outcome.crash
    assert outcome.evidence is not None
    return outcome.evidence


def bills(evidence: Evidence, process: int) -> int:
    return sum(asked.path.endswith("bill") for asked in evidence.clients[process].asked)


def lonely_fill_s(evidence: Evidence) -> tuple[int, float]:
    """A process, and the time of a fill before which its account was told nothing for long, nor is soon after it."""
    for stream in evidence.streams:
        told_s = sorted({told.at_us / 1e6 for told in stream.told if isinstance(told.item, Update)})
        fills_s = [evidence.us_of(row["time_ms"]) / 1e6 for row in evidence.ledgers[stream.account]["fills"]]
        for at_s in fills_s:
            before_s = max((time_s for time_s in told_s if time_s < at_s), default=0.0)
            after_s = min((time_s for time_s in told_s if time_s > at_s + MUTE_S - 10), default=evidence.end_us / 1e6)
            if at_s - before_s > QUIET_S and after_s - at_s > QUIET_S:
                return stream.process, at_s
    raise AssertionError("another seed has such a fill")


def test_what_is_lost_of_an_account_that_was_idle_is_found_within_half_an_hour_and_no_sooner_than_by_its_audit() -> (
    None
):
    options = idle_world(8)
    process, at_s = lonely_fill_s(played(options, []))
    evidence = played(options, [Fault("mute", process, at_s - 10, MUTE_S)])
    lost = [
        (fill.at_us - evidence.us_of(fill.words["time_ms"])) / 1e6
        for stream in evidence.streams
        for fill in told_fills(stream)
        if fill.item.provenance == "rest"
    ]
    assert lost
    assert AUDIT_US / 1e6 < max(lost) < FOUND_WITHIN_S


def test_an_account_in_which_something_happens_each_half_hour_costs_a_third_of_the_audits_of_one_in_use() -> None:
    idle = idle_world(8)
    rare = played(idle, [])
    often = played(replace(idle, idle_audit_s=60.0), [])
    for process in range(len(idle.processes)):
        assert bills(rare, process) * 3 < bills(often, process)


def test_the_bound_is_that_of_an_account_in_use_where_nobody_stretches_audits() -> None:
    evidence = played(replace(draw_options(1, "safety", 0.01), level=0.0), [])
    bound = AuditBound(evidence.options, evidence.streams[0])
    assert {bound.within_us(at_us) for at_us in range(0, evidence.end_us, 60_000_000)} == {AUDIT_US}
    assert bound.most_us == AUDIT_US


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_wrong_in_worlds_in_which_accounts_are_idle_most_of_the_time(seed: int) -> None:
    options = draw_options(seed, "idle", 0.1)
    played(options, [Fault("reset", 0, 3000.0, 0.0), Fault("crash", 1, 4000.0, 20.0, (("in_write", False),))])
