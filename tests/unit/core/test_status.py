"""One word for how a stream is; what is worse comes first."""

from __future__ import annotations

import pytest

from listenkey.core import inputs as on
from listenkey.core.inputs import Moment
from listenkey.core.lifecycle import Lifecycle
from listenkey.core.states import State
from listenkey.core.status import room_text, silence_text, status_of, why_of
from listenkey.credentials import Secret
from listenkey.errors import Refused
from tests.unit.core.world import World

NOW_S = 1000.0


def life_in(state: State, *, gap: bool = False, recovers: bool = True) -> Lifecycle:
    life = Lifecycle(recovers=recovers)
    life.state = state
    if gap:
        life.gaps.open_from_ms = 1
    return life


@pytest.mark.parametrize(
    ("state", "gap", "status"),
    [
        (State.CONNECTING, False, "CONNECTING"),
        (State.CONNECTING, True, "GAP"),
        (State.LIVE, False, "LIVE"),
        (State.ROTATING, False, "LIVE"),
        (State.LIVE, True, "RECOVERING"),
    ],
)
def test_by_state_and_gap(state: State, gap: bool, status: str) -> None:
    assert status_of(life_in(state, gap=gap), NOW_S, None, None) == status


def test_who_was_live_once_has_a_gap_and_does_not_connect() -> None:
    life = life_in(State.KEYING)
    life.gaps.ever_live = True
    assert status_of(life, NOW_S, None, None) == "GAP"


def test_the_end_is_asked_for_or_is_a_failure() -> None:
    life = life_in(State.ENDED)
    assert status_of(life, NOW_S, None, None) == "ENDED"
    life.error = Refused(401, -2015, "no")
    assert status_of(life, NOW_S, None, None) == "FAILED"


def test_a_disk_that_does_not_work_is_worse_than_a_reader_that_is_slow() -> None:
    life = life_in(State.LIVE, gap=True)
    assert status_of(life, NOW_S, "the disk is full", "no room") == "DEGRADED"
    assert status_of(life, NOW_S, None, "no room") == "GAP"


def test_a_gap_on_a_socket_that_lives_is_a_doubt() -> None:
    life = life_in(State.LIVE, gap=True)
    life.recovery_policy.blind = False
    assert status_of(life, NOW_S, None, None) == "SUSPECT"


def test_what_rest_shows_and_does_not_list_is_a_doubt_after_the_gap_as_well() -> None:
    life = life_in(State.LIVE)
    life.gap_recovery.outstanding = "REST refuses"
    assert status_of(life, NOW_S, None, None) == "SUSPECT"
    assert why_of(life, NOW_S, None, None, None) == "REST refuses"
    life.gaps.open_from_ms = 1
    assert why_of(life, NOW_S, None, None, None) == life.why


def test_live_and_unable_to_help_itself_or_not_yet_sure() -> None:
    life = life_in(State.LIVE)
    life.listen_key.quiet_until_s = NOW_S + 1
    assert status_of(life, NOW_S, None, None) == "DEGRADED"
    assert status_of(life, NOW_S + 1, None, None) == "LIVE"
    life.recovery_policy.audit_schedule.settle(0, Moment(NOW_S, 0, 0.5))
    assert status_of(life, NOW_S + 1, None, None) == "SETTLING"


def test_the_reason_names_the_worst_first_and_how_long_nothing_may_be_asked() -> None:
    life = life_in(State.KEYING)
    life.why = "no listen key yet"
    silence = silence_text(418, 90.0, 1_795_362_960_000)
    assert silence == "banned (HTTP 418): no requests for another 90 s, until 2026-11-22 15:57:30 UTC"
    assert "rate limited (HTTP 429)" in silence_text(429, 1.0, 0)
    assert room_text(400, 90.0, 1_795_362_960_000) == (
        "waiting for request weight (limit 400 per minute): the recovery sends no request for another 90 s, "
        "until 2026-11-22 15:57:30 UTC"
    )
    assert why_of(life, NOW_S, None, None, silence) == f"{silence}; no listen key yet"
    assert why_of(life, NOW_S, None, None, None) == "no listen key yet"
    assert why_of(life, NOW_S, "the disk is full", "no room", silence) == "the disk is full"
    assert why_of(life, NOW_S, None, "no room", silence) == "no room"
    life.state = State.ENDED
    assert why_of(life, NOW_S, None, None, silence) == "no listen key yet"


def test_a_stream_that_is_live_and_impaired_says_why() -> None:
    life = life_in(State.LIVE)
    life.listen_key.last_renewal_ok, life.why = False, "renewing the key failed"
    assert why_of(life, NOW_S, None, None, None) == "renewing the key failed"
    life.listen_key.last_renewal_ok, life.recovery_policy.problem = True, "REST is down"
    assert why_of(life, NOW_S, None, None, None) == "REST is down"


def test_a_secret_that_could_not_be_tried_is_told_until_rest_answers() -> None:
    world = World()
    world.feed(on.Started())
    world.feed(on.KeyReady(Secret("given"), None, "the secret could not be tried: 503"))
    assert world.life.recovery_policy.problem == "the secret could not be tried: 503"
