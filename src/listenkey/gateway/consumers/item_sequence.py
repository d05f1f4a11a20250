"""
The items of one partition in order: each account's numbers go up by one, whatever the servers deliver.

An item that was had is dropped. Where one is missing, reading stops, and the missing ones are read from the log itself, from
whichever replica has them: a consumer goes by one server's state, and a server that was damaged has left items out.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Final

import msgspec

from listenkey.errors import Corrupt, JournalError
from listenkey.gateway.consumers.group_cursor import GroupCursor
from listenkey.gateway.consumers.group_names import GroupPartition
from listenkey.journal.jetstream.answers import RETRY_S
from listenkey.journal.jetstream.link import Link, Reply, Unanswered
from listenkey.journal.jetstream.log_reader import LogReader
from listenkey.journal.jetstream.names import StreamNames
from listenkey.journal.jetstream.record_codec import Stored, read_record, seq_and_chain

log = logging.getLogger("listenkey")

REFETCH_TRIES_MAX: Final = 20
"""Each takes five seconds where nobody answers, and a quarter of one where it is known at once that nothing is there."""

_encode: Final = msgspec.json.Encoder().encode


def place_of(reply_to: str) -> int:
    """
    Return the number in the stream of a message that a consumer gave, as the address of its acknowledgement has it.

    Raises:
        Corrupt: It is none.
    """
    # $JS.ACK.STREAM.CONSUMER.DELIVERED.STREAM_SEQ.CONSUMER_SEQ.TIME.PENDING, and two more names in front in clusters of clusters.
    words = reply_to.split(".")
    try:
        return int(words[-4] if len(words) < 11 else words[7])
    except (IndexError, ValueError):
        raise Corrupt("a message came from a consumer in NATS without its number") from None


async def _patiently(reader: LogReader, after: int, before: int, where: str) -> list[Stored]:
    """Read the items between two numbers, or the first of them. A server may lag, and an election takes longer than a try."""
    trouble = JournalError(f"{where}, and no server has them")
    for _ in range(REFETCH_TRIES_MAX):
        try:
            if found := [stored for stored in await reader.read(after) if stored.item.seq < before]:
                return found
        except Corrupt as error:
            raise Corrupt(f"{where}, and they can't be read: {error}") from None
        except JournalError as error:
            trouble = JournalError(f"{where}, and they can't be read: {error}")
        await asyncio.sleep(RETRY_S)
    raise trouble


class ItemSequence:
    """
    Puts the messages of a consumer in order, and reads what is missing.

    Args:
        link: To the servers.
        names: Of the streams.
        partition: The partition, for people.

    Attributes:
        refetched: How many items were missing, and were read from the log.
    """

    def __init__(self, link: Link, names: StreamNames, partition: GroupPartition) -> None:
        self.refetched = 0
        self._link = link
        self._names = names
        self._partition = partition
        self._cursor = GroupCursor()
        self._newest: dict[str, int] = {}

    def begin(self, cursor: GroupCursor) -> None:
        """Go on behind a cursor."""
        self._cursor = cursor
        self._newest = dict(cursor.seqs)

    async def admit(self, messages: Iterable[Reply]) -> list[Stored]:
        """
        Return the new items of some messages, in order, with those before them that the consumer left out.

        Raises:
            Corrupt: One was changed, or is on no replica.
            JournalError: What is missing is kept no longer, or can't be read now.
        """
        admitted: list[Stored] = []
        for message in messages:
            stored = read_record(message.headers, message.data, place_of(message.reply_to), None)
            account, seq = stored.item.account, stored.item.seq
            newest = self._newest.get(account)
            if newest is None:
                newest = self._newest[account] = await self._before(stored)
            if seq <= newest:
                continue
            if seq - stored.skipped > newest + 1:
                admitted.extend(await self._missing(account, newest, seq))
            admitted.append(stored)
            self._newest[account] = seq
        return admitted

    async def _missing(self, account: str, after: int, before: int) -> list[Stored]:
        """Read the items between two numbers from the log, and say so."""
        where = f"{self._partition.durable}: the consumer left out items {after + 1} to {before - 1} of {account}"
        log.warning("%s; they are read from the log", where)
        reader = LogReader(self._link, self._names.of(account))
        found: list[Stored] = []
        while after < before - 1:
            part = await _patiently(reader, after, before, where)
            found += part
            after = part[-1].item.seq
        self.refetched += len(found)
        return found

    async def _before(self, first: Stored) -> int:
        """Return the number before the first item of an account that this group is to have."""
        if first.item.seq - first.skipped == 1:
            return 0
        names = self._names.of(first.item.account)
        began_after = self._cursor.began_after
        if began_after and (seq := await self._newest_at(names.events, began_after)):
            return seq
        return max(0, await LogReader(self._link, names).oldest_seq() - 1)

    async def _newest_at(self, subject: str, stream_seq: int) -> int:
        """Return the newest item of an account at a number of the stream; 0 where there is none."""
        request = _encode({"multi_last": [subject], "up_to_seq": stream_seq})
        while True:
            try:
                replies = await self._link.request_many(f"$JS.API.DIRECT.GET.{self._names.stream}", request)
            except Unanswered:
                await asyncio.sleep(RETRY_S)
                continue
            return max((seq_and_chain(reply.headers)[0] for reply in replies if not reply.status), default=0)
