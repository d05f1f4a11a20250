"""What one process tells the next of its spending."""

from __future__ import annotations

from listenkey.core.carried import BAN_MAX_MS, CREATES_MAX, Carried, read, write

VENUE = "https://eapi.binance.com"
MINUTE_MS = 60_000


def test_what_is_written_is_read_and_only_for_its_venue() -> None:
    kept = Carried(VENUE, {1000: 5}, {"a3f1": [1000]}, 2400, 900, 70_000, 418)
    texts = [write(kept), b"", b'{"venue":1}', write(Carried("http://other"))]
    assert list(read(iter(texts), VENUE)) == [kept]


def test_what_is_known_already_is_not_counted_again() -> None:
    kept = Carried(VENUE)
    kept.spend(5, 1000)
    kept.spend(1, 1000)
    kept.spend(7, 2000)
    assert kept.spent == {1000: 6, 2000: 7}
    assert Carried(VENUE, {2000: 7}).join(kept, 3000) == {1000: 6}
    assert kept.join(Carried(VENUE, {1000: 8}), 3000) == {1000: 2}
    assert kept.spent[1000] == 8


def test_times_that_have_not_come_are_now() -> None:
    """The wall clock was set back since."""
    assert Carried(VENUE).join(Carried(VENUE, {9000: 5, 8000: 1}), 3000) == {3000: 6}
    kept = Carried(VENUE)
    kept.join(Carried(VENUE, limit=2400, limit_at_ms=9000, blocked_until_ms=10**15, blocked_status=418), 3000)
    assert (kept.limit, kept.limit_at_ms) == (2400, 3000)
    assert (kept.blocked_until_ms, kept.blocked_status) == (3000 + BAN_MAX_MS, 418)


def test_an_older_limit_and_a_shorter_ban_change_nothing() -> None:
    kept = Carried(VENUE, {}, {}, 2400, 2000, 5000, 418)
    kept.join(Carried(VENUE, {}, {}, 400, 1000, 4000, 429), 3000)
    assert (kept.limit, kept.limit_at_ms, kept.blocked_until_ms, kept.blocked_status) == (2400, 2000, 5000, 418)


def test_what_is_older_than_a_minute_is_forgotten() -> None:
    kept = Carried(VENUE, {1000: 5, 2000: 6}, {"a": [1000, 2000], "b": [1000]})
    kept.forget(1000)
    assert (kept.spent, kept.created) == ({2000: 6}, {"a": [2000]})


def test_who_follows_upon_many_starts_waits_before_asking_for_a_key() -> None:
    kept = Carried(VENUE)
    for number in range(CREATES_MAX):
        kept.create("a", 1000 * number)
    now_ms = 1000 * CREATES_MAX
    assert kept.create_wait_ms("a", now_ms, now_ms, MINUTE_MS) == MINUTE_MS - now_ms
    assert kept.create_wait_ms("a", 0, now_ms, MINUTE_MS) == 0, "it asked for all of them itself"
    assert kept.create_wait_ms("b", now_ms, now_ms, MINUTE_MS) == 0, "another account"
    assert kept.create_wait_ms("a", now_ms, MINUTE_MS, MINUTE_MS) == 0, "the first is a minute old"
    kept.create("a", now_ms)
    assert kept.create_wait_ms("a", now_ms, now_ms, MINUTE_MS) == MINUTE_MS - now_ms + 1000
    assert Carried(VENUE, {}, {"a": [10**12] * CREATES_MAX}).create_wait_ms("a", 2 * 10**12, 5, MINUTE_MS) == MINUTE_MS


def test_two_lists_of_keys_asked_for_are_joined() -> None:
    kept = Carried(VENUE, {}, {"a": [1, 3]})
    kept.join(Carried(VENUE, {}, {"a": [1, 2, 2], "b": [4]}), 10)
    assert kept.created == {"a": [1, 2, 2, 3], "b": [4]}
