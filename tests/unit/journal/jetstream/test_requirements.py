from __future__ import annotations

from typing import Any

import pytest

from listenkey.journal.jetstream.address import Risk, log_address
from listenkey.journal.jetstream.requirements import (
    Lacking,
    bucket_settings,
    lacking_in_level,
    lacking_in_stream,
    lacking_in_sync,
    refusal,
    stream_settings,
)

ADDRESS = log_address("nats://a,b,c")
FINE = stream_settings(ADDRESS)


@pytest.mark.parametrize("info", [{}, {"api": {}}, {"api": {"level": 4}}, {"api": {"level": "5"}}])
def test_an_old_server_is_refused_and_no_option_helps(info: dict[str, Any]) -> None:
    (lacking,) = lacking_in_level(info)
    assert lacking.risk is None
    assert refusal([lacking], frozenset(Risk)) is not None


def test_a_server_that_is_new_enough_lacks_nothing() -> None:
    assert list(lacking_in_level({"api": {"level": 5}})) == []
    assert list(lacking_in_stream(FINE, ADDRESS)) == []
    assert list(lacking_in_sync([("http://a:8222", {"config": {"sync_always": True}})])) == []
    assert refusal([], frozenset()) is None


@pytest.mark.parametrize(
    ("change", "risk", "words"),
    [
        ({"num_replicas": 1}, Risk.FEWER_REPLICAS, "1 of 3 servers"),
        ({"subjects": ["listenkey.ev.*.*"]}, None, r"listenkey\.own\.\*\.\*"),
        ({"subjects": None}, None, "does not keep"),
        ({"discard": "old"}, None, "discard 'old', and needs 'new'"),
        ({"allow_atomic": False}, None, "allow_atomic"),
        ({"storage": "memory"}, None, "storage"),
        ({"persist_mode": "async"}, Risk.NO_SYNC, "asynchronously"),
    ],
)
def test_each_setting_that_loses_items_is_named(change: dict[str, Any], risk: Risk | None, words: str) -> None:
    (lacking,) = lacking_in_stream(FINE | change, ADDRESS)
    assert lacking.risk is risk
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(refusal([lacking], frozenset()))


@pytest.mark.parametrize(
    ("monitors", "words"),
    [
        ([], "name them"),
        ([("http://a", None)], "does not answer"),
        ([("http://a", {})], "sync_interval: always"),
        ([("http://a", {"config": {"sync_always": False}})], "sync_interval: always"),
    ],
)
def test_servers_that_acknowledge_too_early_are_refused(monitors: list[Any], words: str) -> None:
    lacking = list(lacking_in_sync(monitors))
    text = refusal(lacking, frozenset())
    assert text is not None
    assert words in text
    assert "accept=no-sync, which gives up" in text
    assert refusal(lacking, frozenset({Risk.NO_SYNC})) is None


def test_what_is_accepted_hides_nothing_else() -> None:
    lacking = [Lacking("too few", Risk.FEWER_REPLICAS), Lacking("too old")]
    text = refusal(lacking, frozenset(Risk))
    assert text == "the servers of NATS may lose items: too old"


def test_the_settings_are_those_that_lose_nothing() -> None:
    assert FINE["num_replicas"] == 3
    assert FINE["discard"] == "new"
    assert stream_settings(ADDRESS, days=7, bytes_max=5)["max_age"] == 7 * 86_400 * 10**9
    bucket = bucket_settings(ADDRESS, "B")
    assert (bucket["name"], bucket["subjects"], bucket["max_msgs_per_subject"]) == ("KV_B", ["$KV.B.>"], 1)
