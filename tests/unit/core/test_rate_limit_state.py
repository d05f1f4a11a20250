"""Test the weight that one process hands on to the next."""

from __future__ import annotations

import pytest

from listenkey.core.rate_limit_state import CREATES_MAX, RateLimitState, read, write
from listenkey.core.retry_policy import RATE_LIMIT_MAX_S
from listenkey.venue import BAN_MAX_S

VENUE = "https://eapi.binance.com"
MINUTE_MS = 60_000


def test_what_is_written_is_read_and_only_for_its_venue() -> None:
    kept = RateLimitState(VENUE, {1000: 5}, {"a3f1": [1000]}, 2400, 900, 70_000, 418)
    texts = [write(kept), b"", b'{"venue":1}', write(RateLimitState("http://other"))]
    assert list(read(iter(texts), VENUE)) == [kept]


def test_what_is_known_already_is_not_counted_again() -> None:
    kept = RateLimitState(VENUE)
    kept.spend(5, 1000)
    kept.spend(1, 1000)
    kept.spend(7, 2000)
    assert kept.spent == {1000: 6, 2000: 7}
    assert RateLimitState(VENUE, {2000: 7}).join(kept, 3000) == {1000: 6}
    assert kept.join(RateLimitState(VENUE, {1000: 8}), 3000) == {1000: 2}
    assert kept.spent[1000] == 8


def test_times_that_have_not_come_are_now() -> None:
    """The wall clock was set back since."""
    assert RateLimitState(VENUE).join(RateLimitState(VENUE, {9000: 5, 8000: 1}), 3000) == {3000: 6}
    kept = RateLimitState(VENUE)
    kept.join(RateLimitState(VENUE, limit=2400, limit_at_ms=9000, blocked_until_ms=10**15, blocked_status=418), 3000)
    assert (kept.limit, kept.limit_at_ms) == (2400, 3000)
    assert (kept.blocked_until_ms, kept.blocked_status) == (3000 + round(BAN_MAX_S * 1000), 418)
    kept = RateLimitState(VENUE)
    kept.join(RateLimitState(VENUE, blocked_until_ms=10**15, blocked_status=429), 3000)
    assert kept.blocked_until_ms == 3000 + round(RATE_LIMIT_MAX_S * 1000)


@pytest.mark.parametrize("now_ms", [-(10**12), -1, 0, 1, 10**12])
def test_no_clock_makes_up_a_ban(now_ms: int) -> None:
    for shifted in (RateLimitState(VENUE), RateLimitState(VENUE, blocked_until_ms=10**13)):
        shifted.stamp("b", 5, now_ms + 1000)
        earlier = shifted.on_this_clock("b", 5, now_ms)
        kept = RateLimitState(VENUE)
        kept.join(earlier, now_ms)
        assert (earlier.left_ms(now_ms), kept.left_ms(now_ms), kept.blocked_status) == (0, 0, 0)
    kept = RateLimitState(VENUE)
    banned = RateLimitState(VENUE)
    banned.block(5000, 418, now_ms)
    kept.join(banned, now_ms)
    assert (kept.left_ms(now_ms), kept.left_ms(now_ms + 5000), kept.blocked_status) == (5000, 0, 418)


def test_an_older_limit_and_a_shorter_ban_change_nothing() -> None:
    kept = RateLimitState(VENUE, {}, {}, 2400, 2000, 5000, 418)
    kept.join(RateLimitState(VENUE, {}, {}, 400, 1000, 4000, 429), 3000)
    assert (kept.limit, kept.limit_at_ms, kept.blocked_until_ms, kept.blocked_status) == (2400, 2000, 5000, 418)


def test_what_is_older_than_a_minute_is_forgotten() -> None:
    kept = RateLimitState(VENUE, {1000: 5, 2000: 6}, {"a": [1000, 2000], "b": [1000]})
    kept.forget(1000)
    assert (kept.spent, kept.created) == ({2000: 6}, {"a": [2000]})


def test_who_follows_upon_many_starts_waits_before_asking_for_a_key() -> None:
    kept = RateLimitState(VENUE)
    for number in range(CREATES_MAX):
        kept.create("a", 1000 * number)
    now_ms = 1000 * CREATES_MAX
    assert kept.create_wait_ms("a", now_ms, now_ms, MINUTE_MS) == MINUTE_MS - now_ms
    assert kept.create_wait_ms("a", 0, now_ms, MINUTE_MS) == 0, "it asked for all of them itself"
    assert kept.create_wait_ms("b", now_ms, now_ms, MINUTE_MS) == 0, "another account"
    assert kept.create_wait_ms("a", now_ms, MINUTE_MS, MINUTE_MS) == 0, "the first is a minute old"
    kept.create("a", now_ms)
    assert kept.create_wait_ms("a", now_ms, now_ms, MINUTE_MS) == MINUTE_MS - now_ms + 1000
    assert (
        RateLimitState(VENUE, {}, {"a": [10**12] * CREATES_MAX}).create_wait_ms("a", 2 * 10**12, 5, MINUTE_MS)
        == MINUTE_MS
    )


def test_two_lists_of_keys_asked_for_are_joined() -> None:
    kept = RateLimitState(VENUE, {}, {"a": [1, 3]})
    kept.join(RateLimitState(VENUE, {}, {"a": [1, 2, 2], "b": [4]}), 10)
    assert kept.created == {"a": [1, 2, 2, 3], "b": [4]}


HOUR_MS = 3_600_000
T_MS = 1_795_000_000_000
"""The time when it was written, by a clock that is right; the next process reads it ten seconds later."""


def written(wrong_ms: int) -> RateLimitState:
    """By a process whose clock was wrong by so much: told to be silent for a minute, a second before."""
    kept = RateLimitState(
        VENUE, {T_MS + wrong_ms - 1000: 5}, {"a": [T_MS + wrong_ms - 1000]}, 2400, T_MS + wrong_ms - 1000
    )
    kept.block(MINUTE_MS, 429, T_MS + wrong_ms - 1000)
    kept.stamp("boot", 50_000, T_MS + wrong_ms)
    return kept


@pytest.mark.parametrize("wrong_ms", [0, HOUR_MS, -HOUR_MS, 24 * HOUR_MS, -24 * HOUR_MS])
def test_the_clock_that_is_never_set_tells_how_long_ago_it_was(wrong_ms: int) -> None:
    now_ms = T_MS + 10_000
    here = written(wrong_ms).on_this_clock("boot", 60_000, now_ms)
    assert (here.spent, here.created) == ({T_MS - 1000: 5}, {"a": [T_MS - 1000]})
    assert (here.limit_at_ms, here.written_ms) == (T_MS - 1000, T_MS)
    assert here.left_ms(now_ms) == MINUTE_MS - 11_000
    right_before = written(0).on_this_clock("boot", 60_000, now_ms + wrong_ms)
    assert right_before.left_ms(now_ms + wrong_ms) == MINUTE_MS - 11_000


@pytest.mark.parametrize(("boot", "up_ms"), [("another", 60_000), ("", 60_000), ("boot", 49_999)])
def test_after_a_boot_silence_lasts_no_longer_than_the_venue_wanted(boot: str, up_ms: int) -> None:
    now_ms = T_MS + 10_000
    ahead = written(HOUR_MS).on_this_clock(boot, up_ms, now_ms)
    assert ahead.spent == {now_ms - 1000: 5}
    assert ahead.left_ms(now_ms) == MINUTE_MS - 1000
    assert written(0).on_this_clock(boot, up_ms, now_ms).left_ms(now_ms) == MINUTE_MS - 11_000
    assert written(-HOUR_MS).on_this_clock(boot, up_ms, now_ms).left_ms(now_ms) == 0, "nothing tells"


def test_a_file_of_an_older_release_is_taken_as_it_is() -> None:
    old = RateLimitState(VENUE, {5: 5}, blocked_until_ms=70_000, blocked_status=418)
    assert old.on_this_clock("boot", 1, 3) is old
    assert old.left_ms(60_000) == 10_000
    same = written(0)
    assert same.on_this_clock("boot", 60_000, T_MS + 10_000) is same


def test_what_is_blocked_for_a_second_is_not_blocked_for_longer_by_a_clock() -> None:
    kept = RateLimitState(VENUE)
    kept.block(1000, 429, T_MS + HOUR_MS)
    assert kept.left_ms(T_MS) == 1000


def test_sockets_of_another_process_are_taken_over_once_and_forgotten_after_their_window() -> None:
    kept, other = RateLimitState(VENUE), RateLimitState(VENUE)
    for at_ms in (1000, 1000, 9000):
        other.connect(at_ms)
    assert kept.join_connects(other, 3000) == {1000: 2, 3000: 1}, "a time that has not come is now"
    assert kept.join_connects(other, 3000) == {}
    kept.forget_connects(1000)
    assert kept.connected == {9000: 1}


def test_sockets_are_told_by_the_clock_of_this_process() -> None:
    written = RateLimitState(VENUE)
    written.connect(50_000)
    written.stamp("b", 5_000, 50_000)
    assert written.on_this_clock("b", 6_000, 20_000).connected == {19_000: 1}
