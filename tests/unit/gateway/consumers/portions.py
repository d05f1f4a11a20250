"""Portions of a group's items, as a partition's reader hands them to a store."""

from __future__ import annotations

import secrets

from listenkey.gateway.consumers.group_cursor import NOTHING_READ, GroupCursor, Portion
from listenkey.gateway.consumers.group_names import group_partitions
from listenkey.items import Update
from listenkey.journal.jetstream.names import StreamNames
from listenkey.journal.jetstream.record_codec import Stored
from tests.unit.journal.making import AT_MS, fill, read

PARTITION = group_partitions(StreamNames(), "book")[3]


def stored(account: str, seq: int) -> Stored:
    raw = fill(seq)
    return Stored(Update(seq, account, read(raw), AT_MS, raw), b"", 100 + seq, AT_MS, 0)


def portion(before: GroupCursor, *items: tuple[str, int]) -> Portion:
    them = tuple(stored(*item) for item in items)
    return Portion(PARTITION, them, before, before.behind(them))


FIRST = portion(NOTHING_READ, ("x", 1), ("y", 1), ("x", 2))
SECOND = portion(FIRST.behind, ("x", 3))


def own_name() -> str:
    """Return a name that no other test has."""
    return f"t{secrets.token_hex(6)}"
