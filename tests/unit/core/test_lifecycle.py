"""One stream's life in virtual time: what is asked for when, and what is told."""

from __future__ import annotations

import itertools

import pytest

from listenkey.core import actions as do
from listenkey.core import inputs as on
from listenkey.core.lifecycle import TRANSITIONS
from listenkey.core.retry_policy import classify
from listenkey.core.states import State
from listenkey.core.timing import Timing
from listenkey.credentials import Secret
from listenkey.errors import (
    Banned,
    Disconnected,
    ListenKeyError,
    ProtocolError,
    RateLimited,
    Refused,
    Retired,
    UsageError,
    VenueDown,
    VenueError,
)
from listenkey.items import GapClosed, GapOpened, Live
from tests.unit.core.world import World

HOUR_S = 3600.0
DAY_S = 86_400.0


def live(seed: int = 1, **settings: float) -> World:
    world = World(Timing(**settings), seed).start()  # type: ignore[arg-type]
    world.run_until_live()
    return world


def kinds(world: World) -> list[type]:
    return [type(item) for item in world.items]


def test_every_pair_of_state_and_input_is_in_the_table() -> None:
    inputs = on.Input.__args__
    assert len(TRANSITIONS) == len(State) * len(inputs)


def test_the_first_life_is_key_socket_proof_live() -> None:
    world = live()
    assert [type(action) for _, action in world.log] == [do.CreateKey, do.OpenSocket, do.Follow, do.RenewKey]
    assert kinds(world) == [Live]


def test_an_acknowledged_socket_is_not_live_until_the_key_is_proven() -> None:
    world = World().start()
    world.run(0.03)  # the key is there
    world.down.add("rest")
    world.run(1.0)
    assert (world.life.state, world.items) == (State.PROVING, [])
    world.event()
    assert kinds(world) == [Live]


def test_a_stream_is_whole_while_it_is_live_and_no_gap_is_open() -> None:
    world = live()
    assert world.life.is_whole
    world.drop(1)
    assert not world.life.is_whole


@pytest.mark.parametrize("seed", [1, 2])
def test_seven_quiet_days_bring_rotations_and_renewals_and_nothing_else(seed: int) -> None:
    world = live(seed)
    world.run(7 * DAY_S)
    life = world.life
    assert life.connections.reconnects == 0
    assert life.rotation.count == 7  # 23 h ± 30 min: 7 in 168 h
    assert kinds(world) == [Live]
    assert world.keys == 1, "the key never died"
    renewals = world.actions(do.RenewKey)
    waits = [after - before for before, after in itertools.pairwise(renewals)]
    assert max(waits) <= 22 * 60 + 1
    assert min(waits) >= 18 * 60 - 1


def test_a_stream_that_is_live_is_content_with_a_recent_renewal_of_another() -> None:
    world = live()
    world.run(25 * 60)
    at_s, action = [(at_s, action) for at_s, action in world.log if isinstance(action, do.RenewKey)][1]
    assert at_s - action.since_s == pytest.approx(20 * 60 / 3)


def test_a_dropped_socket_is_a_gap_and_is_replaced_within_half_a_second() -> None:
    took = []
    for seed in range(20):
        world = live(seed)
        world.run(100)
        covered_ms = world.life.connections.sockets[1].covered_ms
        world.drop(1, "reset by peer")
        took.append(world.run_until_live())
        assert kinds(world) == [Live, GapOpened, GapClosed, Live]
        opened, closed = world.items[1:3]
        assert opened.from_ms == closed.from_ms == covered_ms
        assert closed.to_ms == world.life.connections.sockets[2].attached_ms
        assert closed.unrecoverable
    assert max(took) <= 0.5


def test_a_half_open_socket_is_noticed_within_ten_seconds_and_aborted_without_a_handshake() -> None:
    world = live()
    world.run(60)
    world.deaf.add(1)
    took = world.run_until_live() if world.life.state is not State.LIVE else _until_replaced(world)
    assert took <= 10
    assert world.actions(do.AbortSocket)
    assert not world.actions(do.CloseSocket)


def _until_replaced(world: World) -> float:
    began_s = world.now_s
    while 2 not in world.sockets:
        world.run(0.01)
        assert world.now_s - began_s < 60
    return world.now_s - began_s


def test_any_frame_counts_as_life_and_a_slow_peer_is_not_killed() -> None:
    world = live()
    world.latency_s = 3.0
    world.run(600)
    assert world.life.connections.reconnects == 0


@pytest.mark.parametrize("told", [True, False])
def test_a_dead_key_is_replaced_within_two_seconds_after_it_can_be_known(told: bool) -> None:
    world = live()
    world.run(60)
    world.expire_key(told=told)
    if not told:
        world.life.listen_key.renew_at_s = world.now_s  # the renewal that finds it out
    world.run(0.05)
    assert world.life.state is not State.LIVE
    assert world.run_until_live() <= 2
    assert world.life.listen_key.key == world.key
    assert kinds(world) == [Live, GapOpened, GapClosed, Live]
    world.run(30)
    assert len(world.sockets) == 1, "the old socket is closed when the new one is there"


@pytest.mark.parametrize("finds_out", ["PUT", "POST"])
def test_a_key_that_had_died_before_the_socket_was_lost_makes_the_gap_longer(finds_out: str) -> None:
    world = live()
    proof_ms = world.moment().wall_ms
    world.run(60.0)
    world.expire_key(told=False)
    world.run(60.0)
    if finds_out == "POST":
        world.down.add("ws")
    world.drop(world.life.connections.followed or 0)
    world.run(5.0)
    world.down.clear()
    world.run_until_live()
    opened = [item for item in world.items if isinstance(item, GapOpened)]
    closed = [item for item in world.items if isinstance(item, GapClosed)]
    assert opened[0].from_ms > proof_ms + 100_000
    assert [opened[-1].from_ms, closed[0].from_ms] == [pytest.approx(proof_ms, abs=100)] * 2
    assert (len(opened), len(closed)) == (2, 1)


def test_a_renewal_that_fails_is_not_hurried_by_the_proof_of_another_socket() -> None:
    world = live()
    world.down.add("rest")
    world.drop(world.life.connections.followed or 0)
    before = len(world.actions(do.RenewKey))
    world.run(60.0)
    asked = [action for _, action in world.log if isinstance(action, do.RenewKey)][before:]
    assert 5 <= len(asked) <= 12
    # None of them is content with what was proven before this socket was attached.
    assert min(action.since_s for action in asked) >= world.life.connections.the_followed().attached_s


def test_the_end_of_another_key_is_old_news() -> None:
    world = live()
    world.feed(on.KeyEnded(Secret("an older key")))
    assert world.life.state is State.LIVE


def test_the_same_end_told_twice_makes_one_new_key() -> None:
    world = live()
    old = world.life.listen_key.key
    assert old is not None
    world.expire_key(told=True)
    world.at(0.03, lambda: world.feed(on.KeyEnded(old)))
    world.run_until_live()
    world.run(10)
    assert world.keys == 2
    assert len(world.actions(do.CreateKey)) == 2


def test_rotation_opens_the_second_socket_first_and_tells_no_gap() -> None:
    world = live(rotate_after_s=100.0, rotate_jitter_s=0.0)
    world.run(98)
    world.run(10)
    assert world.life.rotation.count == 1
    assert list(world.sockets) == [2]
    assert kinds(world) == [Live]
    order = [action for _, action in world.log if isinstance(action, do.OpenSocket | do.Follow | do.CloseSocket)]
    assert [type(action) for action in order[-3:]] == [do.OpenSocket, do.Follow, do.CloseSocket]
    opened_s, followed_s = world.actions(do.OpenSocket)[-1], world.actions(do.Follow)[-1]
    assert followed_s - opened_s >= world.life.timing.overlap_s


def test_a_successor_that_does_not_open_leaves_the_old_socket_alone() -> None:
    world = live(rotate_after_s=100.0, rotate_jitter_s=0.0)
    world.down.add("ws")
    world.run(120)
    assert world.life.state is State.LIVE
    assert list(world.sockets) == [1]
    world.down.clear()
    world.run(120)
    assert world.life.rotation.count >= 1
    assert kinds(world) == [Live]


def test_the_old_socket_is_looked_after_while_its_successor_takes_long_to_open() -> None:
    world = live(rotate_after_s=100.0, rotate_jitter_s=0.0)
    world._open = lambda number, key: None  # type: ignore[method-assign]
    world.run(110)
    assert set(world.life.connections.sockets) == {1, 2}
    assert [number for _, action in world.log[-3:] for number in [getattr(action, "socket", 0)]] == [1, 1, 1]
    assert all(isinstance(action, do.SendPing) for _, action in world.log[-3:])


def test_the_old_socket_lost_while_its_successor_opens_is_a_gap_that_ends_with_it() -> None:
    world = live(rotate_after_s=100.0, rotate_jitter_s=0.0)
    while world.life.state is not State.ROTATING:
        world.run(0.005)
    world.drop(1)
    assert world.run_until_live() <= 0.2
    assert kinds(world) == [Live, GapOpened, GapClosed, Live]
    assert list(world.sockets) == [2]


def test_the_venue_that_says_it_will_leave_is_left_first() -> None:
    world = live()
    world.feed(on.VenueLeaving(1))
    world.run(10)
    assert world.life.rotation.count == 1
    assert kinds(world) == [Live]


def test_failed_renewals_are_tried_again_until_the_key_survives() -> None:
    world = live()
    world.run(15 * 60)
    world.down.add("rest")
    world.run(25 * 60)
    world.down.clear()
    world.run(60)
    tries = list(world.actions(do.RenewKey))
    waits = [after - before for before, after in itertools.pairwise(tries[1:])]
    assert max(waits) <= 60
    assert world.keys == 1
    assert kinds(world) == [Live]


def test_a_key_that_could_not_be_renewed_for_an_hour_is_told_and_replaced() -> None:
    world = live()
    world.down.add("rest")
    world.run(2 * HOUR_S)
    assert world.life.state is State.KEYING
    world.down.clear()
    world.run_until_live(61)
    assert kinds(world) == [Live, GapOpened, GapClosed, Live]


def test_flapping_is_chased_more_and_more_slowly() -> None:
    world = live()
    for _ in range(300):
        world.run(2.0)
        if world.life.connections.followed is not None:
            world.drop(world.life.connections.followed)
    opened = world.actions(do.OpenSocket)
    most = max(sum(1 for at_s in opened if start_s <= at_s < start_s + 300) for start_s in opened)
    assert most <= 100  # 300 attempts in 5 minutes are allowed, for all streams of an IP together


def test_somebody_who_deletes_our_key_again_and_again_is_answered_more_slowly() -> None:
    world = live()
    for _ in range(200):
        world.run(1.0)
        if world.life.state is State.LIVE:
            world.expire_key(told=True)
    assert len(world.actions(do.CreateKey)) < 40


def test_a_key_fight_that_shows_only_in_lost_sockets_is_answered_more_slowly_too() -> None:
    world = live()
    began_s = world.now_s
    while world.now_s - began_s < 300.0:
        if world.life.state is State.LIVE:
            world.expire_key(told=False)
            world.down.add("ws")  # The venue turns the dead key away.
            world.drop(world.life.connections.followed or 0)
        elif world.key is not None:
            world.down.clear()
        world.run(0.5)
    assert len(world.actions(do.CreateKey)) < 40


def test_a_refused_api_key_ends_the_stream_with_the_error() -> None:
    world = World()
    world.post_answers = [Refused(401, -2015, "Invalid API-key")]
    world.start().run(1)
    assert world.life.state is State.ENDED
    assert isinstance(world.life.error, Refused)


def test_a_retired_address_ends_a_stream_that_never_was_live_and_no_other() -> None:
    world = World()
    world.post_answers = [Retired(410)]
    world.start().run(1)
    assert isinstance(world.life.error, Retired)
    world = live()
    world.post_answers = [Retired(410)]
    world.expire_key(told=True)
    world.run(50)
    assert world.life.state is State.KEYING
    world.run_until_live()


def test_an_address_that_is_not_allowed_ends_the_stream() -> None:
    world = World().start()
    world.run(0.03)
    world.feed(on.SocketNotOpened(1, classify(UsageError("ws:// is only for this machine"), 0)))
    assert isinstance(world.life.error, UsageError)


def test_nothing_is_sent_during_a_ban() -> None:
    world = World()
    until_ms = world.moment().wall_ms + 600_000
    world.post_answers = [Banned(418, -1008, until_ms=until_ms)]
    world.start().run(599)
    assert len(world.log) == 1
    world.run_until_live()


def test_a_socket_lost_during_a_ban_brings_no_request_and_an_event_proves_the_next() -> None:
    world = live()
    ban = classify(Banned(418, -1008, retry_after_s=600), 0)
    assert world.life.listen_key.key is not None
    world.feed(on.KeyNotRenewed(world.life.listen_key.key, ban))
    began_s = world.now_s
    world.drop(1)
    while not world.sockets:
        world.run(0.01)
    world.event()
    assert world.life.state is State.LIVE
    world.run(590)
    requests = [at_s for at_s in world.actions(do.RenewKey) + world.actions(do.CreateKey) if at_s >= began_s]
    assert requests == []
    world.run(60)
    assert world.life.listen_key.last_renewal_ok


def test_a_ban_that_a_new_socket_is_told_holds_for_every_request() -> None:
    world = World().start()
    while not world.life.connections.sockets:
        world.run(0.01)
    (number,) = world.life.connections.sockets
    world.feed(on.SocketNotOpened(number, classify(Banned(418, None, "", 600.0), 0)))
    requests = len(world.actions(do.CreateKey))
    world.run(599)
    assert "another 1 s" in str(world.life.impaired(world.now_s))
    assert len(world.actions(do.CreateKey)) == requests
    world.run_until_live()


def test_a_renewal_that_fails_during_a_ban_is_not_tried_again_before_its_end() -> None:
    world = live()
    assert world.life.listen_key.key is not None
    world.feed(on.KeyNotRenewed(world.life.listen_key.key, classify(Banned(418, -1008, retry_after_s=600), 0)))
    # Asked for before the ban was told, and answered only now.
    world.feed(on.KeyNotRenewed(world.life.listen_key.key, classify(VenueDown(503), 0)))
    began_s = world.now_s
    world.run(599)
    assert [at_s for at_s in world.actions(do.RenewKey) if at_s > began_s] == []
    world.run(10)
    assert world.life.listen_key.last_renewal_ok


def test_a_key_that_may_not_be_renewed_is_tried_once_in_five_minutes_while_it_lives() -> None:
    world = live()
    assert world.life.listen_key.key is not None
    world.feed(on.KeyNotRenewed(world.life.listen_key.key, classify(Refused(401, -2015), 0)))
    assert world.life.state is State.LIVE
    began_s = world.now_s
    world.run(301)
    assert [at_s - began_s for at_s in world.actions(do.RenewKey) if at_s > began_s] == pytest.approx([300.0])


def test_a_renewal_that_was_asked_for_before_the_socket_had_the_key_proves_nothing_for_it() -> None:
    world = live()
    world.drop(1)
    while 2 not in world.sockets:
        world.run(0.001)
    assert world.life.listen_key.key is not None
    asked = len(world.actions(do.RenewKey))
    world.feed(on.KeyRenewed(world.life.listen_key.key, world.now_s - 1.0))
    assert world.life.state is State.PROVING
    assert len(world.actions(do.RenewKey)) == asked + 1, "so it is asked once more"
    world.run_until_live()


def test_an_event_is_a_newer_proof_than_a_renewal_asked_for_before_it() -> None:
    world = live()
    world.run(60)
    world.event()
    proof_ms = world.life.connections.sockets[1].covered_ms
    assert world.life.listen_key.key is not None
    world.feed(on.KeyRenewed(world.life.listen_key.key, world.now_s - 30))
    world.expire_key(told=True)
    world.run(1)
    assert world.items[1].from_ms >= proof_ms


def test_a_key_lost_during_a_ban_is_asked_for_when_it_ends() -> None:
    world = live()
    assert world.life.listen_key.key is not None
    world.feed(on.KeyNotRenewed(world.life.listen_key.key, classify(Banned(418, -1008, retry_after_s=600), 0)))
    began_s = world.now_s
    world.expire_key(told=True)
    world.run(599)
    assert [at_s for at_s in world.actions(do.CreateKey) if at_s >= began_s] == []
    assert world.run_until_live() <= 4


@pytest.mark.parametrize("error", [RateLimited(429, retry_after_s=20.0), VenueDown(503, retry_after_s=20.0)])
def test_the_venues_own_wait_is_kept(error: RateLimited) -> None:
    world = World()
    world.post_answers = [error]
    world.start().run(20)
    assert len(world.log) == 1


def test_a_frame_that_cant_be_read_is_a_gap_of_one_moment() -> None:
    world = live()
    world.feed(on.FrameUnreadable(1, "not JSON"))
    assert kinds(world) == [Live, GapOpened, GapClosed]
    assert world.items[1].from_ms == world.items[2].to_ms
    assert world.life.state is State.LIVE


def test_a_frame_that_cant_be_read_after_a_stall_may_have_waited_all_the_while() -> None:
    world = live()
    world.run(10)
    world.now_s += 40  # and what came in meanwhile is read only now
    now_ms = world.moment().wall_ms
    world.feed(on.FrameUnreadable(1, "not JSON"))
    assert world.items[2].to_ms == now_ms
    assert 40_000 <= now_ms - world.items[1].from_ms <= 43_000
    assert world.life.gaps.seconds >= 40


def test_a_stall_of_ours_does_not_kill_a_healthy_socket() -> None:
    world = live()
    world.now_s += 40  # nobody called us for 40 s; what came in waits in the system's buffer
    world.run(10)
    assert world.life.connections.reconnects == 0


@pytest.mark.parametrize("valid_for_s", [0.05, 1.0, -3600.0])
def test_an_end_of_the_key_that_our_clock_makes_up_is_not_believed(valid_for_s: float) -> None:
    world = World(latency_s=0.2)
    world.valid_for_s = valid_for_s
    world.start().run_until_live()
    world.run(HOUR_S)
    assert len(world.actions(do.CreateKey)) == 1


@pytest.mark.parametrize(
    "error", [ProtocolError("the subscription was refused"), Disconnected(1008, "bad key"), VenueError(400)]
)
def test_a_venue_that_turns_a_dead_key_down_is_asked_for_another_at_once(error: ListenKeyError) -> None:
    world = live()
    opened = world._open

    def refused(number: int, key: Secret) -> None:
        if key == world.key:
            opened(number, key)
        else:
            world.feed(on.SocketNotOpened(number, classify(error, 0)))

    world._open = refused  # type: ignore[method-assign]
    world.expire_key(told=False)
    world.drop(1)
    assert world.run_until_live() <= 2
    assert len(world.actions(do.OpenSocket)) == 3, "the first, the one that is turned down, and the one of the new key"


def test_health_says_no_more_that_a_renewal_failed_when_one_succeeded() -> None:
    world = live()
    world.down.add("rest")
    world.run(1500)
    assert "renewing the key failed" in world.life.why
    world.down.clear()
    world.run(60)
    assert world.life.why == "live"


def test_a_gap_found_after_a_stall_begins_before_it() -> None:
    world = live()
    world.run(10)
    before_ms = world.moment().wall_ms
    world.now_s += 60  # The socket was cut meanwhile; what came before waited in the system's buffer and is read now.
    world.event()
    world.drop(1)
    world.run_until_live()
    assert before_ms - 1000 * world.life.timing.ping_after_s - 100 <= world.items[1].from_ms <= before_ms


def test_a_key_s_end_read_after_a_stall_is_told_from_before_it() -> None:
    world = live()
    world.run(10)
    before_ms = world.moment().wall_ms
    world.now_s += 60
    world.event()
    world.expire_key(told=True)
    world.run(1)
    assert world.items[1].from_ms <= before_ms


def test_after_a_long_sleep_a_dead_socket_is_replaced_and_the_key_renewed_at_once() -> None:
    world = live()
    world.run(10)
    covered_ms = world.life.connections.sockets[1].covered_ms
    world.sockets.clear()  # the other side forgot us
    world.now_s += 3 * HOUR_S
    world.key = None
    assert world.run_until_live() < 0.001  # not noticed yet
    began_s = world.now_s
    world.run(3.5)
    assert world.life.state is State.LIVE
    assert world.life.listen_key.key == world.key
    assert isinstance(world.items[1], GapOpened)
    assert world.items[1].from_ms <= covered_ms, "pongs don't prove the key: the gap begins at its last proof"
    assert world.now_s - began_s <= 4


def test_reconnecting_for_ever_asks_for_the_key_again() -> None:
    """A client that only reconnects with the key it has is deaf for ever once that key is gone."""
    world = live()
    world.down.add("ws")
    world.drop(1)
    world.run(3 * HOUR_S)
    assert world.life.state in (State.CONNECTING, State.KEYING)
    world.down.clear()
    world.run_until_live(61)
    assert world.life.listen_key.key == world.key


def test_stopping_closes_the_socket_and_asks_for_nothing_more() -> None:
    world = live()
    world.feed(on.StopAsked())
    assert world.life.state is State.ENDED
    assert world.sockets == {}
    assert world.life.wake_at_s() is None
    world.feed(on.SocketAttached(7))
    assert isinstance(world.log[-1][1], do.AbortSocket)


def test_a_key_that_is_given_for_less_than_an_hour_is_renewed_sooner() -> None:
    world = World()
    world.feed(on.Started())
    world.feed(on.KeyReady(Secret("given"), 600.0))
    wake_at_s = world.life.wake_at_s()
    assert wake_at_s is not None
    assert wake_at_s - world.now_s <= 200


def test_the_same_draws_give_the_same_life() -> None:
    def trace(seed: int) -> list[tuple[float, str]]:
        world = live(seed)
        world.run(DAY_S / 4)
        return [(at_s, str(action)) for at_s, action in world.log]

    assert trace(5) == trace(5)
    assert trace(5) != trace(6)


def test_pongs_prove_no_key() -> None:
    world = World().start()
    world.run_until_live()
    world.event()
    proven_ms = world.life.listen_key.proof[0]
    world.expire_key(told=False)
    world.run(300)
    assert world.life.listen_key.proof[0] == proven_ms
    assert world.life.state is State.LIVE
