from __future__ import annotations

import random
import re

from listenkey.sandbox.listen_keys import ListenKeyRegistry, fingerprint

HOUR_MS = 3_600_000
T0 = 1_795_330_000_000


def make() -> ListenKeyRegistry:
    return ListenKeyRegistry(random.Random(1))


def test_post_answers_the_same_key_while_it_is_valid_and_extends_it() -> None:
    keys = make()
    first, until_ms = keys.start("alice", T0)
    assert until_ms == T0 + HOUR_MS
    again, until_ms = keys.start("alice", T0 + HOUR_MS - 1)
    assert again == first
    assert until_ms == T0 + 2 * HOUR_MS - 1
    assert re.fullmatch(r"[A-Za-z0-9]{64}", first)


def test_a_key_ends_after_sixty_minutes_and_post_makes_another() -> None:
    keys = make()
    first, until_ms = keys.start("alice", T0)
    assert keys.due_ms() == until_ms
    keys.advance(until_ms - 1)
    assert keys.account_of(first) == "alice"
    keys.advance(until_ms)
    assert keys.account_of(first) is None
    [ended] = keys.take_ended()
    assert (ended.account, ended.key, ended.at_ms, ended.why) == ("alice", first, until_ms, "expired")
    second, _ = keys.start("alice", until_ms)
    assert second != first


def test_put_extends_from_now_and_never_revives() -> None:
    keys = make()
    key, until_ms = keys.start("alice", T0)
    assert keys.extend("alice", until_ms - 1) == key
    assert keys.due_ms() == until_ms - 1 + HOUR_MS
    assert keys.extend("alice", until_ms - 1 + HOUR_MS) is None
    assert keys.extend("bob", T0) is None


def test_expiry_is_found_by_whoever_comes_first() -> None:
    keys = make()
    key, until_ms = keys.start("alice", T0)
    other, _ = keys.start("alice", until_ms + 5)
    assert other != key
    assert [ended.at_ms for ended in keys.take_ended()] == [until_ms]
    assert keys.take_ended() == []


def test_delete_ends_it_once() -> None:
    keys = make()
    keys.start("alice", T0)
    assert keys.close("alice", T0 + 1)
    assert not keys.close("alice", T0 + 2)
    assert [ended.why for ended in keys.take_ended()] == ["closed"]


def test_several_keys_end_in_order_of_their_times() -> None:
    keys = make()
    keys.start("late", T0)
    keys.start("early", T0)
    keys.extend("late", T0 + 10)
    keys.advance(T0 + 3 * HOUR_MS)
    assert [ended.account for ended in keys.take_ended()] == ["early", "late"]


def test_the_ledger_tells_keys_by_fingerprint_and_nothing_shows_one() -> None:
    keys = make()
    key, _ = keys.start("alice", T0)
    keys.extend("alice", T0 + 1)
    keys.expire("alice", T0 + 2, silently=True)
    rows = keys.ledger("alice")
    assert [row["what"] for row in rows] == ["created", "extended", "expired_silently"]
    assert rows[0]["key"] == fingerprint(key)
    assert key not in repr(rows)
    assert key not in repr(keys.take_ended())
