"""The cursors of a group in NATS itself, where the effect of the items is kept elsewhere, or nowhere."""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec

from listenkey.errors import Corrupt
from listenkey.gateway.consumers.group_cursor import NOTHING_READ, GroupCursor, Portion
from listenkey.gateway.consumers.group_names import GroupPartition
from listenkey.journal.jetstream.answers import RETRY_S
from listenkey.journal.jetstream.fact_cell import FactCell
from listenkey.journal.jetstream.link import Link, Unanswered


class _Kept(msgspec.Struct, frozen=True):
    member: str
    cursor: GroupCursor


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(_Kept).decode


class BucketCursors:
    """
    Cursors in a bucket.

    The cursor is stored behind the effect, not with it: when a member dies in between, the items of its last batch come again.

    Args:
        link: To the servers.
        bucket: Of the cursors.
        member: A name that no other process has.
    """

    def __init__(self, link: Link, bucket: str, member: str) -> None:
        self._link = link
        self._bucket = bucket
        self._member = member
        self._cells: dict[str, FactCell] = {}

    async def load(self, partition: GroupPartition) -> GroupCursor:
        """Return the stored cursor. Goes on until the servers answer."""
        cell = FactCell(self._link, self._bucket, partition.cursor, self._is_ours)
        while True:
            try:
                found = await cell.read()
            except Unanswered:
                await asyncio.sleep(RETRY_S)
                continue
            self._cells[partition.key] = cell
            return NOTHING_READ if found is None else self._read(found, partition).cursor

    async def store(self, portion: Portion) -> None:
        """
        Store the cursor. Goes on until the servers answer.

        Raises:
            Overtaken: Another member has stored one.
            JournalError: The servers refused.
        """
        value = _encode(_Kept(self._member, portion.behind))
        cell = self._cells[portion.partition.key]
        while True:
            if await cell.write(value):
                return
            await asyncio.sleep(RETRY_S)

    def _is_ours(self, value: bytes) -> bool:
        try:
            return _decode(value).member == self._member
        except msgspec.DecodeError:
            return False

    def _read(self, value: bytes, partition: GroupPartition) -> _Kept:
        try:
            return _decode(value)
        except msgspec.DecodeError:
            raise Corrupt(f"the cursor of {partition.durable} in {self._link.where} can't be read") from None
