"""
The members of a group that are alive, and the partitions of each.

Every member renews a key that ends by itself, and reads the keys of all. The highest draw has a partition: a hash of both names, so
everyone comes to the same result, and a member that comes or goes moves no partition but its own. Nothing relies on this for
safety: two members that both take a partition for theirs are told apart by the pin, and by the cursor.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from typing import Final

import msgspec

from listenkey.gateway.consumers.group_names import GroupPartition, member_key
from listenkey.journal.jetstream.fact_cell import MARKER, OPERATION
from listenkey.journal.jetstream.link import Link
from listenkey.journal.jetstream.log_reader import SUBJECT
from listenkey.journal.jetstream.names import bucket_stream, bucket_subject
from listenkey.journal.jetstream.ownership import TIME_TO_LIVE

_encode: Final = msgspec.json.Encoder().encode


def draw(member: str, key: str) -> bytes:
    """Return the draw of a member for a partition."""
    return hashlib.blake2b(f"{member} {key}".encode(), digest_size=8).digest()


def partitions_of(
    member: str, members: Collection[str], partitions: Sequence[GroupPartition]
) -> dict[str, GroupPartition]:
    """
    Return the partitions of one of the members, by their key.

    Each gets as many as the others, give or take one: the partitions go one after the other to the highest draw of those that
    have room.
    """
    room = {name: len(partitions) // len(members) for name in members}
    spare = len(partitions) % len(members)
    had: dict[str, GroupPartition] = {}
    for partition in partitions:
        ranked = sorted(members, key=lambda name: draw(name, partition.key), reverse=True)
        for name in ranked:
            if room[name] > 0 or (room[name] == 0 and spare > 0):
                spare -= room[name] == 0
                room[name] -= 1
                if name == member:
                    had[partition.key] = partition
                break
    return had


class Membership:
    """
    One member's place in its group.

    Args:
        link: To the servers.
        bucket: Of the sessions.
        group: The group.
        member: A name that no other process has.
        session_s: A member that is not heard of for so long is gone.
    """

    def __init__(self, link: Link, bucket: str, group: str, member: str, session_s: int) -> None:
        self._link = link
        self._bucket = bucket
        self._member = member
        self._own = bucket_subject(bucket, member_key(group, member))
        self._all = bucket_subject(bucket, member_key(group, "*"))
        self._session_s = session_s

    async def renew(self) -> None:
        """Say that this member is alive. Raises Unanswered."""
        await self._link.request(self._own, b"", {TIME_TO_LIVE: f"{self._session_s}s"})

    async def leave(self) -> None:
        """Say that this member is gone. Raises Unanswered."""
        await self._link.request(self._own, b"", {OPERATION: "DEL", TIME_TO_LIVE: f"{self._session_s}s"})

    async def members(self) -> set[str]:
        """Return the names of those that are alive, this one among them. Raises Unanswered."""
        request = _encode({"multi_last": [self._all]})
        subject = f"$JS.API.DIRECT.GET.{bucket_stream(self._bucket)}"
        found = {self._member}
        for reply in await self._link.request_many(subject, request):
            if not reply.status and MARKER not in reply.headers and OPERATION not in reply.headers:
                found.add(reply.headers[SUBJECT].rpartition(".")[2])
        return found
