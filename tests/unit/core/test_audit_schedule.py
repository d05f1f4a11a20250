"""Test when REST history is looked at; what comes of it is shown in test_gap_recovery.py."""

from __future__ import annotations

from listenkey.core.audit_schedule import AuditSchedule
from listenkey.core.inputs import Audited, Moment, NotAudited
from listenkey.core.retry_policy import Disposition, RetryDecision
from listenkey.core.timing import Timing
from listenkey.errors import Unreachable


def at(s: float, draw: float = 0.5) -> Moment:
    return Moment(s, round(s * 1000), draw)


def test_no_look_is_due_while_one_may_not_be_made() -> None:
    audits = AuditSchedule(Timing())
    audits.settle(5, at(0.0))
    audits.plan(at(0.0))
    assert audits.deadline() == 2.0


def test_one_look_at_a_time_and_of_several_that_are_due_one_does() -> None:
    audits = AuditSchedule(Timing())
    audits.settle(5, at(0.0))
    look = audits.look_if_due(at(6.0), 1)
    assert look is not None
    assert (look.number, look.from_ms, look.not_before_ms) == (1, 5, 1)
    assert audits.look_if_due(at(6.0), 1) is None
    audits.looked(Audited(1), at(6.0))
    assert audits.deadline() == 15.0


def test_a_gap_within_one_that_settles_is_settled_from_the_earlier_one_on() -> None:
    audits = AuditSchedule(Timing())
    audits.settle(5, at(0.0))
    audits.settle(900, at(1.0))
    look = audits.look_if_due(at(3.0), 0)
    assert look is not None
    assert look.from_ms == 5


def test_a_look_that_failed_before_the_stream_was_live_plans_no_audit() -> None:
    audits = AuditSchedule(Timing())
    audits.settle(5, at(0.0))
    look = audits.look_if_due(at(2.0), 0)
    assert look is not None
    audits.could_not_look(NotAudited(look.number, RetryDecision(Disposition.WAIT, 0.0, Unreachable("x", "y"))), at(2.0))
    assert audits.deadline() == 4.5, "settling waits"
    for at_s in (4.5, 5.0, 15.0, 35.0):
        if (look := audits.look_if_due(at(at_s), 0)) is not None:
            audits.looked(Audited(look.number), at(at_s))
    assert not audits.settling


def test_while_history_lags_by_more_than_is_assumed_the_last_gap_is_not_settled() -> None:
    audits = AuditSchedule(Timing(settle_after_s=(2.0,)))
    audits.settle(5, at(0.0))
    for at_s, lag_s in ((2.0, 40.0), (17.0, 55.0), (32.0, 0.0)):
        assert audits.settling
        look = audits.look_if_due(at(at_s), 0)
        assert look is not None
        audits.looked(Audited(look.number, lag_s), at(at_s))
    assert not audits.settling


def test_a_look_that_is_refused_is_repeated_once_an_audit_is_due() -> None:
    audits = AuditSchedule(Timing(refused_retry_s=300.0, audit_every_s=60.0))
    audits.settle(5, at(0.0))
    look = audits.look_if_due(at(2.0), 0)
    assert look is not None
    audits.could_not_look(NotAudited(look.number, RetryDecision(Disposition.STOP, 0.0, Unreachable("x", "y"))), at(2.0))
    assert audits.deadline() == 62.5


def idle_schedule(audits_done: int) -> tuple[AuditSchedule, float]:
    """One of an account that these audits have found idle, and when the last of them was."""
    audits, now_s = AuditSchedule(Timing(idle_audit_every_s=1800.0)), 0.0
    audits.plan(at(now_s))
    for _ in range(audits_done):
        due_s = audits.deadline()
        assert due_s is not None
        now_s = due_s
        look = audits.look_if_due(at(now_s), 0)
        assert look is not None
        audits.looked(Audited(look.number, is_idle=True), at(now_s))
    return audits, now_s


def test_an_idle_account_is_audited_as_one_in_use_from_its_first_event_on() -> None:
    audits, now_s = idle_schedule(5)
    assert audits.audit_at_s == now_s + 1800.0
    audits.woke(at(now_s + 500.0))
    assert audits.deadline() == now_s + 560.0
    audits.woke(at(now_s + 510.0))
    assert audits.deadline() == now_s + 560.0, "later events do not put it off"


def test_an_event_puts_no_audit_off_that_is_due_soon() -> None:
    audits, now_s = idle_schedule(5)
    audits.woke(at(now_s + 1790.0))
    assert audits.deadline() == now_s + 1800.0


def test_an_event_before_the_stream_is_live_plans_no_audit() -> None:
    audits = AuditSchedule(Timing(idle_audit_every_s=1800.0))
    audits.woke(at(1.0))
    assert audits.deadline() is None


def test_looks_that_settle_a_gap_and_looks_that_fail_do_not_make_audits_rarer() -> None:
    audits, now_s = idle_schedule(2)
    every_s = audits.pace.every_s
    audits.settle(5, at(now_s))
    look = audits.look_if_due(at(now_s + 2.0), 0)
    assert look is not None
    audits.looked(Audited(look.number, is_idle=True), at(now_s + 2.0))
    look = audits.look_if_due(at(now_s + 5.0), 0)
    assert look is not None
    refused = RetryDecision(Disposition.WAIT, 0.0, Unreachable("x", "y"))
    audits.could_not_look(NotAudited(look.number, refused), at(now_s + 5.0))
    assert audits.pace.every_s == every_s
