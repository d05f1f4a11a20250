"""The names of streams, buckets and subjects on the server, and the partition of an account."""

from __future__ import annotations

import re
import zlib
from typing import Final

from listenkey.errors import UsageError

PARTITIONS: Final = 32
"""Fixed for ever: a consumer of a group reads a partition, and an account never changes its own."""

PREFIX: Final = "listenkey"
"""The names' beginning where the journal's address names no other."""

_PREFIX: Final = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_PLAIN: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
TOKEN_CHARS_MAX: Final = 128
"""Of an account's or a consumer's name as part of a subject; the server takes some thousand for a whole subject."""


def partition_of(account: str) -> int:
    """Return the partition of an account, from 0 on."""
    return zlib.crc32(account.encode()) % PARTITIONS


def token_of(name: str) -> str:
    """
    Return a name as one part of a subject: `=XX` stands for each byte that is no letter, digit, `_` or `-`.

    Raises:
        UsageError: It is empty, or too long.
    """
    token = "".join(chr(byte) if byte in _PLAIN else f"={byte:02X}" for byte in name.encode())
    if not 0 < len(token) <= TOKEN_CHARS_MAX:
        raise UsageError(
            f"an account and a consumer need a name of 1 to {TOKEN_CHARS_MAX} letters in NATS, not {name!r}"
        )
    return token


class StreamNames:
    """
    The names of an installation on the server.

    Args:
        prefix: The beginning of all names; several installations may share a server with a prefix each.

    Attributes:
        stream: The stream with the items and the ownership records of all accounts.
        subjects: The subjects that it keeps.
        state: The bucket of the marks.
        cursors: The bucket of the consumers' positions.
        sessions: The bucket of workers that are alive; its keys end by themselves.
        registry: The bucket of the accounts' leases: which worker holds each.

    Raises:
        UsageError: The prefix is none.
    """

    def __init__(self, prefix: str = PREFIX) -> None:
        if not _PREFIX.fullmatch(prefix):
            raise UsageError(f"a prefix in NATS is 1 to 32 small letters, digits, _ or -, and not {prefix!r}")
        self.prefix = prefix
        upper = prefix.upper()
        self.stream = f"{upper}_EVENTS"
        self.subjects = (f"{prefix}.ev.*.*", f"{prefix}.own.*.*")
        self.state = f"{upper}_STATE"
        self.cursors = f"{upper}_CURSORS"
        self.sessions = f"{upper}_SESSIONS"
        self.registry = f"{upper}_ACCOUNTS"

    @property
    def buckets(self) -> tuple[str, ...]:
        """All buckets."""
        return (self.state, self.cursors, self.sessions, self.registry)

    def of(self, account: str) -> AccountNames:
        """Return the names of one account."""
        return AccountNames(self, account)


class AccountNames:
    """
    The names of one account.

    Attributes:
        events: The subject of its items.
        owner: The subject of its ownership record.
        mark: The key of its mark in the bucket of the state.
        checkpoint: The key of its checkpoint there.
        lease: The key of its lease in the bucket of the registry.
    """

    __slots__ = ("_partition", "_token", "checkpoint", "events", "lease", "mark", "names", "owner")

    def __init__(self, names: StreamNames, account: str) -> None:
        self.names = names
        self._token = token = token_of(account)
        self._partition = partition = f"{partition_of(account):02d}"
        self.events = f"{names.prefix}.ev.{partition}.{token}"
        self.owner = f"{names.prefix}.own.{partition}.{token}"
        self.mark = f"mark.{partition}.{token}"
        self.checkpoint = f"end.{partition}.{token}"
        self.lease = f"lease.{partition}.{token}"

    def cursor(self, consumer: str) -> str:
        """Return the key of a consumer's position in the bucket of the cursors."""
        return f"{self._partition}.{self._token}.{token_of(consumer)}"

    def message_id(self, token: int, seq: int) -> str:
        """
        Return the id by which the server knows an item that is sent twice.

        It names the owner by its fencing token: an owner that was fenced must not take another one's item of the same
        number for its own.
        """
        return f"{self._token}:{token}:{seq}"


def bucket_stream(bucket: str) -> str:
    """Return the stream behind a bucket."""
    return f"KV_{bucket}"


def bucket_subject(bucket: str, key: str) -> str:
    """Return the subject of a key."""
    return f"$KV.{bucket}.{key}"
