"""The names of a consumer group on the servers: its durable consumers, one a partition, and the keys of its members."""

from __future__ import annotations

import re
import zlib
from typing import Final, NamedTuple

from listenkey.errors import UsageError
from listenkey.journal.jetstream.names import PARTITIONS, StreamNames, partition_of

_GROUP: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class GroupPartition(NamedTuple):
    """
    A part of the log that one member of a group reads at a time: a partition, or one account.

    Attributes:
        group: The group's name.
        key: Names it within the group: the number of the partition, in two digits; of one account with a mark behind it.
        subject: Of the items.
        stream: Keeps them.
    """

    group: str
    key: str
    subject: str
    stream: str

    @property
    def durable(self) -> str:
        """The name of the durable consumer."""
        return f"{self.group}-{self.key}"

    @property
    def cursor(self) -> str:
        """The key of the cursor in the bucket of the cursors."""
        return f"group.{self.group}.{self.key}"


def check_group(group: str) -> None:
    """Raise UsageError where a name can't be a group's."""
    if not _GROUP.fullmatch(group):
        raise UsageError(f"a group's name is 1 to 64 letters, digits, _ or -, and not {group!r}")


def group_partitions(names: StreamNames, group: str, account: str | None = None) -> list[GroupPartition]:
    """
    Return all that a group reads: the partitions, or one account alone.

    Raises:
        UsageError: The group's name is none.
    """
    check_group(group)
    if account is not None:
        mark = f"{partition_of(account):02d}-{zlib.crc32(account.encode()):08x}"
        return [GroupPartition(group, mark, names.of(account).events, names.stream)]
    return [
        GroupPartition(group, f"{number:02d}", f"{names.prefix}.ev.{number:02d}.*", names.stream)
        for number in range(PARTITIONS)
    ]


def member_key(group: str, member: str) -> str:
    """Return the key of a member in the bucket of the sessions; `*` stands for every member."""
    return f"group.{group}.{member}"
