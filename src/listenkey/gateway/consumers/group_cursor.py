"""The position of a group in one partition, as it is stored with the effect of the items."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

import msgspec

from listenkey.gateway.consumers.group_names import GroupPartition
from listenkey.journal.jetstream.record_codec import Stored


class GroupCursor(msgspec.Struct, frozen=True):
    """
    A position: everything up to it has had its effect.

    The number of each account is the truth. The number in the stream says where the servers are asked to go on; it is not
    enough, because a server that was damaged may leave an item out, which then comes later than its neighbours.

    Attributes:
        stream_seq: The highest number in the stream.
        began_after: The number in the stream behind which the group began.
        seqs: The newest item of each account that has had an item.
        writes: Counts the times it was stored. Each one replaces the one before, so of two members that take the same partition
            for theirs only one gets through.
    """

    stream_seq: int = 0
    began_after: int = 0
    seqs: dict[str, int] = {}
    writes: int = 0

    def behind(self, items: Iterable[Stored]) -> GroupCursor:
        """Return the position behind some more items."""
        seqs, stream_seq = dict(self.seqs), self.stream_seq
        for stored in items:
            seqs[stored.item.account] = stored.item.seq
            stream_seq = max(stream_seq, stored.stream_seq)
        return GroupCursor(stream_seq, self.began_after, seqs, self.writes + 1)


NOTHING_READ = GroupCursor()


class Portion(NamedTuple):
    """
    Items of one partition whose effect is to be stored, and the cursor before and behind them.

    Attributes:
        partition: Where they are from.
        items: In order. May be empty: then the cursor alone is stored.
        before: The cursor that must be the stored one.
        behind: The cursor that takes its place.
    """

    partition: GroupPartition
    items: tuple[Stored, ...]
    before: GroupCursor
    behind: GroupCursor


class CursorStore(Protocol):
    """
    Keeps the cursors of a group, and where it can the effect of the items in one transaction with them.

    A store belongs to one member. Its calls may come from several tasks, one partition each.
    """

    async def load(self, partition: GroupPartition) -> GroupCursor:
        """Return the stored cursor; `NOTHING_READ` where there is none. Raises JournalError where it can't be told."""

    async def store(self, portion: Portion) -> None:
        """
        Store the effect of the items, and their cursor in the place of the one before.

        Raises:
            Overtaken: The stored cursor is another one: another member has gone on. Nothing of the portion was stored.
            JournalError: It could not be stored, for a reason that does not pass.
        """
