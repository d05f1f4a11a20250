"""
An account's items, read back from any replica: in order, from any number.

A replica may lag, and so give a prefix; one whose files were damaged may leave items out and say nothing. So each number
is compared with the one before, and each item with the hash chain; where a hole shows, another replica is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from itertools import takewhile
from typing import Final, NamedTuple

import msgspec

from listenkey.errors import Corrupt, JournalError, TooOld
from listenkey.journal.jetstream.advice import advised
from listenkey.journal.jetstream.answers import RETRY_S
from listenkey.journal.jetstream.link import Link, Reply, Unanswered
from listenkey.journal.jetstream.names import AccountNames
from listenkey.journal.jetstream.record_codec import Stored, read_record, seq_and_chain

CHUNK_ITEMS: Final = 512
CHUNK_BYTES: Final = 4 * 1024 * 1024
"""The most that one request asks for."""

TRIES_MAX: Final = 20
"""The times that a replica is asked for what it does not have yet, or not whole; five seconds with the wait between."""

STREAM_SEQ: Final = "Nats-Sequence"
SUBJECT: Final = "Nats-Subject"
_encode: Final = msgspec.json.Encoder().encode


class Place(NamedTuple):
    """The number of an item, in its account and in the stream."""

    seq: int
    stream_seq: int


NOWHERE: Final = Place(0, 0)


class Ends(NamedTuple):
    """The newest item and the newest ownership record of an account, as one replica has them at one moment."""

    item: Place
    token: int


class LogReader:
    """
    Reads the items of one account.

    Args:
        link: To the servers.
        names: Of the account.
    """

    def __init__(self, link: Link, names: AccountNames) -> None:
        self._link = link
        self._names = names
        self._subject = f"$JS.API.DIRECT.GET.{names.names.stream}"
        self._last = NOWHERE
        self._chain: bytes | None = None

    async def ends(self) -> Ends:
        """Return where a replica stands. Raises Unanswered."""
        request = {"multi_last": [self._names.events, self._names.owner]}
        item, token = NOWHERE, 0
        for reply in takewhile(_is_item, await self._link.request_many(self._subject, _encode(request))):
            stream_seq = _stream_seq(reply.headers)
            if reply.headers.get(SUBJECT) == self._names.owner:
                token = stream_seq
            else:
                item = Place(seq_and_chain(reply.headers)[0], stream_seq)
        return Ends(item, token)

    async def ends_since(self, token: int) -> Ends:
        """
        Return where a replica stands that has the ownership record of this token, or a newer one.

        Every item of an earlier owner stands before that record, so a replica that has it has all of them.
        """
        while True:
            try:
                ends = await self.ends()
            except Unanswered:
                ends = Ends(NOWHERE, 0)
            if ends.token >= token:
                return ends
            await asyncio.sleep(RETRY_S)

    async def oldest_seq(self) -> int:
        """Return the number of the oldest item that is kept; 0 where there is none."""
        while True:
            try:
                oldest = await self._first_at(1)
            except Unanswered:
                await asyncio.sleep(RETRY_S)
            else:
                return 0 if oldest is None else oldest.item.seq

    async def read(self, after: int, most: int = CHUNK_ITEMS) -> list[Stored]:
        """
        Return the next items behind a number, oldest first, as far as they are there; empty where there are none.

        From 0 on, reading begins with the oldest item that is kept.

        Raises:
            Corrupt: One was changed, or is missing on every replica that was asked.
            TooOld: The items behind the number are kept no longer.
            JournalError: No reply came.
        """
        trouble: Corrupt | Unanswered | None = None
        for _ in range(TRIES_MAX):
            try:
                return await self._read(after, min(most, CHUNK_ITEMS))
            except (Corrupt, Unanswered) as error:
                trouble = error
            await asyncio.sleep(RETRY_S)
        if isinstance(trouble, Corrupt):
            if after and after + 1 < (oldest_seq := await self.oldest_seq()):
                raise TooOld(after, oldest_seq) from None  # They were deleted for their age while this was reading.
            raise trouble
        raise advised(JournalError(f"{self._link.where} does not answer: the items behind {after} can't be read"))

    async def _read(self, after: int, most: int) -> list[Stored]:
        start = await self._start(after)
        if start is None:
            return []
        request = {"seq": start, "next_by_subj": self._names.events, "batch": most, "max_bytes": CHUNK_BYTES}
        replies = await self._link.request_many(self._subject, _encode(request))
        before = self._chain if after == self._last.seq else None
        items: list[Stored] = []
        last = after
        for reply in takewhile(_is_item, replies):
            item_seq, _ = seq_and_chain(reply.headers)
            if item_seq <= last:
                continue  # Stored twice, as nothing but a server that forgot ids could; the first one counts.
            stored = read_record(reply.headers, reply.data, _stream_seq(reply.headers), before)
            if item_seq - stored.skipped > last + 1 and last:
                raise Corrupt(f"NATS lacks the items {last + 1} to {item_seq - 1} of {self._names.events}")
            items.append(stored)
            last, before = item_seq, stored.chain
        if items:
            self._last, self._chain = Place(last, items[-1].stream_seq), before
        return items

    async def _start(self, after: int) -> int | None:
        """Return a number in the stream from which on the next item is the first; None where there is none yet."""
        if after == self._last.seq and after:
            return self._last.stream_seq + 1
        if after == 0:
            return 1
        first = await self._first_behind(after)
        return None if first is None else first.stream_seq

    async def _first_behind(self, after: int) -> Stored | None:
        """Find the first item behind a number, by halves: the numbers of one account are thinly spread in the stream."""
        newest, first = (await self.ends()).item, await self._first_at(1)
        if first is None or newest.seq <= after:
            return None
        if first.item.seq - first.skipped > after + 1:
            raise TooOld(after, first.item.seq)
        below, above = first.stream_seq, newest.stream_seq
        while below < above:
            middle = (below + above) // 2
            found = await self._first_at(middle)
            if found is None:
                raise Corrupt(f"NATS lacks item {newest.seq} of {self._names.events}")
            if found.item.seq <= after:
                below = found.stream_seq + 1
                continue
            if found.item.seq - found.skipped <= after + 1:
                return found
            above = middle
        return await self._first_at(below)

    async def _first_at(self, stream_seq: int) -> Stored | None:
        """Return the first item of the account at a number of the stream, or behind it."""
        request = {"seq": stream_seq, "next_by_subj": self._names.events}
        reply = await self._link.request(self._subject, _encode(request))
        if reply.status:
            return None
        return read_record(reply.headers, reply.data, _stream_seq(reply.headers), None)


def _is_item(reply: Reply) -> bool:
    return not reply.status


def _stream_seq(headers: Mapping[str, str]) -> int:
    try:
        return int(headers[STREAM_SEQ])
    except (KeyError, ValueError):
        raise Corrupt("a message came from NATS without its number") from None
