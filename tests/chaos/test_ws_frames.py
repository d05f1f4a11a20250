"""The proxy's frames: every length, both ways, in any portions."""

from __future__ import annotations

import pytest

from tests.chaos import ws_frames as ws


@pytest.mark.parametrize("length", [0, 1, 125, 126, 65_535, 65_536])
@pytest.mark.parametrize("mask", [False, True])
def test_what_was_encoded_is_read_back(length: int, mask: bool) -> None:
    payload = bytes(i % 251 for i in range(length))
    raw = ws.encode(ws.TEXT, payload, mask=mask)
    reader = ws.FrameReader()
    assert reader.feed(raw[:-1] if length else raw[:1]) == []
    [frame] = reader.feed(raw[-1:] if length else raw[1:])
    assert (frame.opcode, frame.payload, frame.raw, frame.masked) == (ws.TEXT, payload, raw, mask)


def test_many_frames_byte_by_byte() -> None:
    raw = b"".join(ws.encode(ws.TEXT, str(n).encode(), mask=n % 2 == 0) for n in range(50)) + ws.encode(ws.PING, b"p")
    reader, frames = ws.FrameReader(), []
    for byte in raw:
        frames += reader.feed(bytes((byte,)))
    assert [frame.payload for frame in frames] == [*(str(n).encode() for n in range(50)), b"p"]
    assert [frame.is_data for frame in frames] == [True] * 50 + [False]


def test_what_the_standard_forbids_can_be_written() -> None:
    raw = ws.encode(ws.RESERVED_OPCODE, b"x", reserved=2, fin=False)
    assert raw == bytes((0x23, 1)) + b"x"
