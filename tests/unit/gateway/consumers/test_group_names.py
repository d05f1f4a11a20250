from __future__ import annotations

import pytest

from listenkey.errors import UsageError
from listenkey.gateway.consumers.group_names import group_partitions, member_key
from listenkey.journal.jetstream.names import PARTITIONS, StreamNames, partition_of


def test_a_group_has_a_durable_consumer_for_each_partition() -> None:
    partitions = group_partitions(StreamNames("x"), "book")
    assert len({partition.durable for partition in partitions}) == PARTITIONS
    assert partitions[3].durable == "book-03"
    assert partitions[3].subject == "x.ev.03.*"
    assert partitions[3].cursor == "group.book.03"
    assert partitions[3].stream == "X_EVENTS"


def test_one_account_is_a_part_of_its_own() -> None:
    names = StreamNames("x")
    (one,) = group_partitions(names, "book", "a b")
    (other,) = group_partitions(names, "book", "a c")
    assert one.subject == names.of("a b").events
    assert one.key.startswith(f"{partition_of('a b'):02d}-")
    assert one.durable != other.durable


def test_a_name_that_would_be_more_than_a_name_is_refused() -> None:
    for name in ("", "a.b", "a*", "a>", "x" * 65, "a b"):
        with pytest.raises(UsageError, match="group's name"):
            group_partitions(StreamNames(), name)
    assert member_key("book", "*") == "group.book.*"
