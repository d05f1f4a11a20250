"""A listen key by itself: when it is asked for, when it is renewed, and when it is dead."""

from __future__ import annotations

from listenkey.core import actions as do
from listenkey.core import inputs as on
from listenkey.core.listen_key import StreamKey
from listenkey.core.retry_policy import classify
from listenkey.core.timing import Timing
from listenkey.credentials import Secret
from listenkey.errors import Banned, KeyUnknown, Refused, Unreachable

TIMING = Timing()
FIRST, SECOND = Secret("first"), Secret("second")
DOWN = classify(Unreachable("venue", "down"), 0)


def at(s: float) -> on.Moment:
    return on.Moment(s, round(s * 1000), 0.5)


def ready(valid_for_s: float | None = None) -> StreamKey:
    listen_key = StreamKey(TIMING)
    assert listen_key.ask(at(10.0), None) == do.CreateKey(None)
    listen_key.ready(on.KeyReady(FIRST, valid_for_s), at(10.0))
    return listen_key


def test_a_key_is_renewed_at_a_third_of_its_hour_and_dies_at_its_end() -> None:
    listen_key = ready()
    assert listen_key.deadlines() == [10.0 + TIMING.renew_after_s, 10.0 + TIMING.key_valid_s]
    assert listen_key.renew_if_due(at(11.0), 0.0) is None
    due_s = 10.0 + TIMING.renew_after_s
    assert listen_key.renew_if_due(at(due_s), 5.0) == do.RenewKey(FIRST, 5.0)
    assert listen_key.deadlines() == [10.0 + TIMING.key_valid_s], "a renewal is under way"
    listen_key.renewed(on.KeyRenewed(FIRST, due_s), at(due_s + 1))
    assert listen_key.until_s == due_s + TIMING.key_valid_s
    assert (listen_key.renewals, listen_key.last_renewal_ok) == (1, True)
    assert listen_key.proof == (round(due_s * 1000), due_s)


def test_an_answer_that_promises_less_is_believed() -> None:
    assert ready(900.0).until_s == 910.0
    assert ready(900.0).renew_at_s == 310.0
    assert ready(1.0).until_s == 10.0 + TIMING.key_valid_s, "so little is a clock that is wrong"


def test_a_failed_renewal_is_tried_again_soon_and_a_refused_one_later() -> None:
    listen_key = ready()
    listen_key.not_renewed(DOWN, at(20.0))
    assert listen_key.last_renewal_ok is False
    assert listen_key.renew_at_s is not None
    assert 20.0 < listen_key.renew_at_s < 21.0
    listen_key.not_renewed(classify(Refused(401, -2015), 0), at(20.0))
    assert listen_key.renew_at_s == 20.0 + TIMING.refused_retry_s


def test_a_renewal_that_finds_the_key_dead_is_not_tried_again() -> None:
    listen_key = ready()
    before_s = listen_key.renew_at_s
    listen_key.not_renewed(classify(KeyUnknown(400, -1125), 0), at(20.0))
    assert (listen_key.last_renewal_ok, listen_key.renew_at_s) == (False, before_s)


def test_a_ban_holds_for_every_request() -> None:
    listen_key = ready()
    listen_key.keep_quiet(classify(Banned(418, retry_after_s=300.0), 0), at(20.0))
    listen_key.keep_quiet(DOWN, at(20.0))
    assert listen_key.quiet_until_s == 320.0
    assert listen_key.prove(at(20.0)) is None
    assert listen_key.renew_at_s == 320.0
    assert listen_key.ask(at(21.0), FIRST) is None
    assert listen_key.deadlines() == [320.0]
    assert listen_key.ask_if_due(at(319.0)) is None
    assert listen_key.ask_if_due(at(320.0)) == do.CreateKey(FIRST)
    assert listen_key.ask_if_due(at(321.0)) is None, "it is under way"


def test_a_post_that_failed_waits_for_the_longer_of_both_waits() -> None:
    listen_key = StreamKey(TIMING)
    listen_key.not_ready(DOWN, 3.0, at(10.0))
    assert listen_key.deadlines() == [13.0]
    listen_key.not_ready(classify(Banned(418, retry_after_s=300.0), 0), 3.0, at(10.0))
    assert listen_key.deadlines() == [310.0]


def test_the_key_is_proven_at_once_where_requests_may_be_sent() -> None:
    listen_key = ready()
    assert listen_key.prove(at(12.0)) == do.RenewKey(FIRST, 12.0)
    assert listen_key.renew_at_s is None


def test_only_a_new_key_is_news() -> None:
    listen_key = ready()
    assert not listen_key.is_news(FIRST)
    listen_key.ready(on.KeyReady(FIRST), at(50.0))
    assert listen_key.since_s == 10.0
    assert listen_key.is_news(SECOND)
    listen_key.ready(on.KeyReady(SECOND), at(60.0))
    assert listen_key.since_s == 60.0


def test_keys_that_end_again_and_again_are_asked_for_more_and_more_slowly() -> None:
    listen_key = ready()
    waits_s = [listen_key.died(at(20.0 + number)) for number in range(TIMING.quick_new_keys + 2)]
    assert waits_s[: TIMING.quick_new_keys] == [0.0] * TIMING.quick_new_keys
    assert 0 < waits_s[-2] < waits_s[-1]
    assert listen_key.extra_attempts(30.0) == 2
    assert listen_key.extra_attempts(30.0 + TIMING.key_fight_window_s) == 0


def test_an_end_is_counted_once_whether_it_was_told_or_not() -> None:
    told = ready()
    for number in range(TIMING.quick_new_keys):
        told.died(at(20.0))
        told.ready(on.KeyReady(Secret(f"told {number}")), at(21.0))
    assert told.extra_attempts(22.0) == 0
    untold = ready()
    for number in range(TIMING.quick_new_keys + 1):
        untold.ready(on.KeyReady(Secret(f"untold {number}")), at(21.0))
    assert untold.extra_attempts(22.0) == 1
