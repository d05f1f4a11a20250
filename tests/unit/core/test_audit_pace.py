"""Test how often an account is audited."""

from __future__ import annotations

import pytest

from listenkey.core.audit_pace import AuditPace
from listenkey.core.timing import Timing

RARELY = Timing(audit_every_s=60.0, idle_audit_every_s=1800.0)


def after_idle_audits(pace: AuditPace, count: int) -> list[float]:
    intervals_s = []
    for _ in range(count):
        pace.audited(is_idle=True)
        intervals_s.append(pace.every_s)
    return intervals_s


def test_an_idle_account_is_audited_less_and_less_often_and_every_half_hour_in_the_end() -> None:
    pace = AuditPace(RARELY)
    assert not pace.is_slow
    assert after_idle_audits(pace, 7) == [120.0, 240.0, 480.0, 960.0, 1800.0, 1800.0, 1800.0]
    assert pace.is_slow


def test_the_next_audit_is_never_further_away_than_the_account_was_idle_by_then() -> None:
    pace, idle_s = AuditPace(RARELY), 60.0
    for interval_s in after_idle_audits(pace, 10):
        assert interval_s <= idle_s + 60.0
        idle_s += interval_s


def test_its_first_event_ends_that_and_counts_until_the_next_audit_but_one() -> None:
    pace = AuditPace(RARELY)
    after_idle_audits(pace, 5)
    pace.woke()
    assert pace.every_s == 60.0
    assert not pace.is_slow
    pace.audited(is_idle=True)
    assert pace.every_s == 60.0, "the audit that saw the event is followed by one that does not"
    pace.audited(is_idle=True)
    assert pace.every_s == 120.0


def test_what_is_at_stake_ends_it_too() -> None:
    pace = AuditPace(RARELY)
    after_idle_audits(pace, 3)
    pace.audited(is_idle=False)
    assert pace.every_s == 60.0


@pytest.mark.parametrize("longest_s", [None, 0.0, 60.0, 5.0])
def test_by_default_every_account_is_audited_as_often(longest_s: float | None) -> None:
    pace = AuditPace(Timing(idle_audit_every_s=longest_s))
    assert set(after_idle_audits(pace, 9)) == {60.0}
    assert not pace.is_slow
