"""
One small fact of an account in a bucket, which only the account's owner may change.

Each write names the revision that it replaces. So an owner that was fenced, and does not know it yet, can't say until when the
stream was whole, or where a consumer is, behind its successor's back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from listenkey.journal.jetstream.answers import WRONG_LAST_SEQUENCE, answer_of
from listenkey.journal.jetstream.api import newest
from listenkey.journal.jetstream.link import Link, Unanswered
from listenkey.journal.jetstream.names import bucket_stream, bucket_subject

EXPECTED: Final = "Nats-Expected-Last-Subject-Sequence"
OPERATION: Final = "KV-Operation"
MARKER: Final = "Nats-Marker-Reason"
"""Headers of a key that was deleted, or whose time is over."""


class Overtaken(Exception):
    """Somebody else has written the fact."""


class FactCell:
    """
    A key of a bucket.

    Args:
        is_ours: Whether a value was written by this owner, as the value itself says.
    """

    __slots__ = ("_bucket", "_is_ours", "_link", "_revision", "_subject")

    def __init__(self, link: Link, bucket: str, key: str, is_ours: Callable[[bytes], bool]) -> None:
        self._link = link
        self._bucket = bucket
        self._subject = bucket_subject(bucket, key)
        self._is_ours = is_ours
        self._revision = 0

    async def read(self) -> bytes | None:
        """Read the fact, and remember its revision; None where there is none. Raises Unanswered, JournalError."""
        found = await newest(self._link, bucket_stream(self._bucket), self._subject)
        if found is None:
            self._revision = 0
            return None
        self._revision = found.seq
        return None if OPERATION in found.headers or MARKER in found.headers else found.data

    async def write(self, value: bytes) -> bool:
        """
        Replace the fact; return False where that was not answered, or refused for a reason that passes.

        Raises:
            Overtaken: It is not the one that was read or written last.
            JournalError: It can't be read.
        """
        try:
            reply = await self._link.request(self._subject, value, {EXPECTED: str(self._revision)})
            answer = answer_of(reply.data)
            if answer.code == WRONG_LAST_SEQUENCE:
                return await self._was_written(value)
        except Unanswered:
            return False
        if answer.error is None:
            self._revision = answer.seq
        return answer.error is None

    async def _was_written(self, value: bytes) -> bool:
        """Return True where an earlier try, whose answer was lost, has written this value; False where it was another."""
        found = await self.read()
        if found is None or not self._is_ours(found):
            raise Overtaken
        return found == value
