from __future__ import annotations

import re

import pytest

from listenkey.errors import UsageError
from listenkey.journal.jetstream.names import (
    PARTITIONS,
    StreamNames,
    bucket_stream,
    bucket_subject,
    partition_of,
    token_of,
)


def test_the_partition_of_an_account_is_fixed_for_ever() -> None:
    assert [partition_of(name) for name in ("desk-1", "desk-2", "a3f1")] == [20, 14, 8]
    assert {partition_of(str(number)) for number in range(2_000)} == set(range(PARTITIONS))


def test_the_names_of_an_account_hold_its_partition_and_its_name() -> None:
    names = StreamNames().of("desk-1")
    assert (names.events, names.owner, names.mark) == (
        "listenkey.ev.20.desk-1",
        "listenkey.own.20.desk-1",
        "mark.20.desk-1",
    )
    assert names.cursor("book") == "20.desk-1.book"
    assert names.message_id(7, 12) == "desk-1:7:12"
    assert StreamNames("east").stream == "EAST_EVENTS"
    assert StreamNames("east").buckets == ("EAST_STATE", "EAST_CURSORS", "EAST_SESSIONS", "EAST_ACCOUNTS")
    assert bucket_stream("A") == "KV_A"
    assert bucket_subject("A", "b.c") == "$KV.A.b.c"


@pytest.mark.parametrize("name", ["desk 1", "a.b", "*", ">", "Büro", "a=b", "=20", " "])
def test_any_name_is_one_part_of_a_subject_and_no_two_are_alike(name: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_=-]+", token_of(name))
    assert token_of(name) not in {token_of(other) for other in ("desk=201", "a-b", "desk 2")}
    assert token_of("a=20b") != token_of("a b")


@pytest.mark.parametrize("name", ["", "x" * 129, "ü" * 22])
def test_a_name_that_is_none_or_too_long_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="name of 1 to 128"):
        token_of(name)


@pytest.mark.parametrize("prefix", ["", "A", "1a", "a.b", "a" * 33])
def test_a_prefix_that_makes_no_name_is_refused(prefix: str) -> None:
    with pytest.raises(UsageError, match="prefix"):
        StreamNames(prefix)
