"""Bytes on the wire: one chunk of HTTP, one WebSocket frame a line."""

from __future__ import annotations

import pytest

from listenkey.gateway.feed import Batch, Line
from listenkey.gateway.http.framing import chunk, chunked, event, frame, frames, heartbeat, plain

BATCHES = [Batch([Line(1, b"{}"), Line(None, b'{"kind":"state"}')], 0), Batch([Line(2, b"[]")], 1)]
SSE = b'id: 1\ndata: {}\n\nevent: state\ndata: {"kind":"state"}\n\nid: 2\ndata: []\n\n'


def test_events_are_joined_and_framed_as_one() -> None:
    assert plain(BATCHES) == SSE
    assert chunked(BATCHES) == b"%x\r\n%b\r\n" % (len(SSE), SSE)
    assert frames(BATCHES) == b'\x81\x02{}\x81\x10{"kind":"state"}\x81\x02[]'
    assert plain(BATCHES[:1]) is BATCHES[0].sse, "nothing is copied"


@pytest.mark.parametrize(
    ("size", "head"),
    [
        (0, b"\x81\x00"),
        (125, b"\x81\x7d"),
        (126, b"\x81\x7e\x00\x7e"),
        (65_535, b"\x81\x7e\xff\xff"),
        (65_536, b"\x81\x7f" + (65_536).to_bytes(8, "big")),
    ],
)
def test_a_frame_says_its_length_in_the_shortest_form(size: int, head: bytes) -> None:
    assert frame(b"x" * size) == head + b"x" * size


def test_nothing_makes_no_chunk_since_an_empty_one_is_the_end() -> None:
    assert chunk(b"") == b""


def test_a_heartbeat_is_a_comment_and_nothing_on_a_websocket() -> None:
    assert (heartbeat(plain), heartbeat(chunked), heartbeat(frames)) == (b": \n\n", b"4\r\n: \n\n\r\n", b"")


def test_a_named_event_in_every_framing() -> None:
    assert event(plain, "end", b"{}") == b"event: end\ndata: {}\n\n"
    assert event(chunked, "end", b"{}") == chunk(b"event: end\ndata: {}\n\n")
    assert event(frames, "end", b"{}") == b"\x81\x02{}"
