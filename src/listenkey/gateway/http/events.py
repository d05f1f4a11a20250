"""
Answer `GET /v1/accounts/NAME/events`: the account's items from a cursor on, as server-sent events or over a WebSocket.

The cursor is looked at, and the first items behind it are read, before the answer begins: so what is no longer kept is
a status of HTTP, and not the end of a stream that has begun well.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

import msgspec
from aiohttp import HttpVersion11, WSCloseCode, web

from listenkey.errors import JournalError, TooOld
from listenkey.gateway.feed import FeedEnded
from listenkey.gateway.http.answers import STANDING_HEADERS, Problem
from listenkey.gateway.http.event_reader import CatchUps, EventReader, Stalled
from listenkey.gateway.http.framing import chunked, frames, plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from listenkey.gateway.feed import Feed
    from listenkey.gateway.http.fanout import Fanout, Fanouts
    from listenkey.gateway.http.served import ServedAccount

log = logging.getLogger(__name__)

READERS_MAX: Final = 256
"""Readers of one account."""

ALL_READERS_MAX: Final = 1024
"""Readers of all accounts."""

SEQ_MAX: Final = 2**63 - 1
PING_EVERY_S: Final = 15.0
MESSAGE_BYTES_MAX: Final = 4 * 1024
"""A WebSocket's reader has nothing to say; this is the longest message it may say it with."""

CLOSE_WITHIN_S: Final = 5.0

AFTER_HEADER: Final = "Listenkey-After"
"""The header that says behind which number the events begin, so that a reader without a cursor has one at once."""

SSE_HEADERS: Final = {
    **STANDING_HEADERS,
    "Content-Type": "text/event-stream; charset=utf-8",
    "X-Accel-Buffering": "no",  # nginx would keep events until its buffer is full
}

CLOSE_CODES: Final = {"too_old": 4410, "taken_out": 4404, "stream_ended": 4500, "gateway_stops": WSCloseCode.GOING_AWAY}
"""The close code of a WebSocket for each way in which its events end; others are 1011."""


class GatewayStops(Exception):
    """The gateway is being stopped."""


class EventStreams:
    """
    Brings readers their events.

    Args:
        fanouts: The readers of each account.

    Attributes:
        stalled: Readers that were ended because they took nothing.
    """

    def __init__(self, fanouts: Fanouts) -> None:
        self._fanouts = fanouts
        self._catch_ups = CatchUps()
        self._open: set[EventReader] = set()
        self.stalled = 0

    async def answer(
        self, request: web.BaseRequest, account: ServedAccount, query: Mapping[str, str]
    ) -> web.StreamResponse:
        """
        Answer with events for as long as both sides want.

        Raises:
            Problem: The cursor is none, or nothing can be read behind it; or there are too many readers.
        """
        feed = account.feed
        after = cursor_of(query, request.headers.get("Last-Event-ID"))
        self._check_room(feed)
        check_cursor(after, feed)
        fanout = self._fanouts.enter(feed)
        try:
            return await self._answered(request, account, fanout, feed.last_seq if after is None else after)
        finally:
            self._fanouts.leave(fanout)

    def stop(self) -> None:
        """End all readers: those that are up to date are told why, and the others go on elsewhere where they were."""
        for reader in self._open:
            reader.end(GatewayStops("the gateway is being stopped"))

    def readers_of(self, feed: Feed) -> int:
        """Return the number of readers of one account."""
        return self._fanouts.readers_of(feed)

    def _check_room(self, feed: Feed) -> None:
        if self._fanouts.readers >= ALL_READERS_MAX or self._fanouts.readers_of(feed) >= READERS_MAX:
            raise Problem(
                503,
                "too_many_readers",
                "There are as many readers as the gateway takes.",
                "Close one, or read from another gateway.",
                headers={"Retry-After": "10"},
            )

    async def _answered(
        self, request: web.BaseRequest, account: ServedAccount, fanout: Fanout, after: int
    ) -> web.StreamResponse:
        wants_socket = is_websocket(request)
        framing = frames if wants_socket else chunked if request.version >= HttpVersion11 else plain
        reader = EventReader(request, framing, fanout, self._catch_ups, after)
        self._open.add(reader)
        try:
            await reader.open()
            return await (self._websocket if wants_socket else self._sse)(request, account.name, reader)
        except TooOld as error:
            raise too_old(error.oldest_seq) from None
        finally:
            reader.close()
            self._open.discard(reader)

    async def _sse(self, request: web.BaseRequest, name: str, reader: EventReader) -> web.StreamResponse:
        response = web.StreamResponse(headers={**SSE_HEADERS, AFTER_HEADER: str(reader.after)})
        response.force_close()
        if reader.framing is chunked:
            response.enable_chunked_encoding()
        await response.prepare(request)
        end = await self._followed(reader)
        if end is not None:
            reader.write_event("end", told(name, end))
        return response

    async def _websocket(self, request: web.BaseRequest, name: str, reader: EventReader) -> web.StreamResponse:
        socket = web.WebSocketResponse(
            timeout=CLOSE_WITHIN_S, heartbeat=PING_EVERY_S, compress=False, max_msg_size=MESSAGE_BYTES_MAX
        )
        socket.headers.update({**STANDING_HEADERS, AFTER_HEADER: str(reader.after)})
        await socket.prepare(request)
        following = asyncio.ensure_future(self._followed(reader))
        listening = asyncio.ensure_future(_listened(socket))
        try:
            await asyncio.wait({following, listening}, return_when=asyncio.FIRST_COMPLETED)
            end = following.result() if following.done() else None
            if end is not None:
                reader.write_event("end", told(name, end))
                await socket.close(code=CLOSE_CODES.get(reason_of(end), WSCloseCode.INTERNAL_ERROR))
        finally:
            following.cancel()
            listening.cancel()
            await asyncio.wait({following, listening})
        return socket

    async def _followed(self, reader: EventReader) -> Exception | None:
        """Bring the events; return why they ended, None where nobody is left to be told."""
        try:
            await reader.follow()
        except Stalled:
            self.stalled += 1
            log.warning("a reader took nothing for too long, and was ended")
            reader.abort()
        except (FeedEnded, JournalError, GatewayStops) as end:
            return end
        return None


async def _listened(socket: web.WebSocketResponse) -> None:
    """Take what a reader says, which means nothing, until it closes the socket."""
    async for _ in socket:
        pass


def is_websocket(request: web.BaseRequest) -> bool:
    """Return True where a request wants to become a WebSocket."""
    return request.headers.get("Upgrade", "").strip().lower() == "websocket"


def cursor_of(query: Mapping[str, str], last_event_id: str | None) -> int | None:
    """
    Return the number behind which a reader wants to go on; None for what comes from now on.

    `Last-Event-ID` wins over the address: a browser that reconnects sends the one it has come to, and the address with
    which it began.

    Raises:
        Problem: It is no number of an item.
    """
    text = last_event_id or query.get("after")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(SEQ_MAX)) and int(text) <= SEQ_MAX):
        raise Problem(
            400,
            "bad_cursor",
            "after, or Last-Event-ID, is not the number of an item.",
            "Give the seq of the last item you have, 0 for all, or leave it out for what comes from now on.",
        )
    return int(text)


def check_cursor(after: int | None, feed: Feed) -> None:
    """
    Refuse a cursor that no item has come to so far.

    Raises:
        Problem: 409.
    """
    if after is not None and after > feed.last_seq:
        raise Problem(
            409,
            "too_new",
            f"The newest item is {feed.last_seq}, and the cursor is beyond it: it belongs to another journal.",
            "Find out which journal was read before; then begin with a snapshot, or with after=0.",
            {"newest_seq": feed.last_seq},
        )


def too_old(oldest_seq: int) -> Problem:
    """Return the answer to a cursor behind which items are gone."""
    return Problem(
        410,
        "too_old",
        f"Items behind this cursor are no longer kept; the oldest is {oldest_seq}.",
        f"Take a snapshot and go on behind its seq, or read what is left with after={max(0, oldest_seq - 1)}.",
        {"oldest_seq": oldest_seq},
    )


def reason_of(end: Exception) -> str:
    """Return the word for programs that says why events ended."""
    if isinstance(end, TooOld):
        return "too_old"
    if isinstance(end, GatewayStops):
        return "gateway_stops"
    if isinstance(end, FeedEnded):
        return "moved" if end.has_moved else "taken_out" if end.error is None else "stream_ended"
    return "journal"


def told(name: str, end: Exception) -> bytes:
    """Return the last line of a reader whose events have ended."""
    words: dict[str, Any] = {"kind": "end", "account": name, "error": reason_of(end), "message": str(end)}
    if isinstance(end, TooOld):
        words["oldest_seq"] = end.oldest_seq
    return msgspec.json.encode(words)
