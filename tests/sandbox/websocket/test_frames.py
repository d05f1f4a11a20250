"""Frames of clients: RFC 6455, section 5, case by case."""

from __future__ import annotations

import itertools

import pytest

from listenkey.sandbox.websocket.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    TEXT,
    FrameReader,
    SocketMessage,
    Violation,
    frame,
)

MASK = b"\x01\xfe\x80\x7f"


def sent(opcode: int, payload: bytes = b"", *, whole: bool = True, mask: bytes | None = MASK) -> bytes:
    """A client's frame."""
    length, bit = len(payload), 0x80 if mask else 0
    if length < 126:
        size = bytes((bit | length,))
    else:
        wide = length > 65_535
        size = bytes((bit | (127 if wide else 126),)) + length.to_bytes(8 if wide else 2, "big")
    hidden = bytes(byte ^ (mask or b"\0")[at % 4 if mask else 0] for at, byte in enumerate(payload))
    return bytes(((0x80 if whole else 0) | opcode,)) + size + (mask or b"") + hidden


@pytest.mark.parametrize("length", [0, 1, 125, 126, 65_535, 65_536])
def test_every_length_is_read_whatever_the_pieces(length: int) -> None:
    payload = bytes(at % 251 for at in range(length))
    data = sent(BINARY, payload) + sent(PING, b"x")
    for step in (1 if length < 1000 else 4_001, len(data)):
        reader = FrameReader(1 << 20)
        pieces = [data[at : at + step] for at in range(0, len(data), step)]
        assert list(itertools.chain.from_iterable(map(reader.feed, pieces))) == [
            SocketMessage(BINARY, payload),
            SocketMessage(PING, b"x"),
        ]


def test_fragments_are_one_message_and_a_ping_may_lie_between() -> None:
    reader = FrameReader(100)
    smile = "\U0001f600".encode()
    data = sent(TEXT, smile[:1], whole=False) + sent(PING) + sent(CONTINUATION, smile[1:2], whole=False)
    assert list(reader.feed(data + sent(CONTINUATION, smile[2:]))) == [
        SocketMessage(PING, b""),
        SocketMessage(TEXT, smile),
    ]
    assert list(reader.feed(sent(TEXT, b"x"))) == [SocketMessage(TEXT, b"x")]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (sent(TEXT, b"{}", mask=None), 1002),
        (sent(PING, mask=None), 1002),
        (sent(CLOSE, mask=None), 1002),
        (sent(0x3), 1002),
        (sent(0xB), 1002),
        (b"\xc1\x80" + MASK, 1002),
        (sent(PING, b"x" * 126), 1002),
        (sent(PING, whole=False), 1002),
        (sent(CONTINUATION), 1002),
        (sent(TEXT, whole=False) + sent(TEXT), 1002),
        (sent(TEXT, b"\xff"), 1007),
        (sent(TEXT, "\ud800".encode("utf-8", "surrogatepass")), 1007),
        (sent(TEXT, b"x" * 1001), 1009),
        (sent(TEXT, b"x" * 600, whole=False) + sent(CONTINUATION, b"x" * 600), 1009),
        (b"\x81\xff" + b"\xff" * 8, 1009),
        (sent(CLOSE, b"\x03"), 1002),
        *((sent(CLOSE, code.to_bytes(2, "big")), 1002) for code in (0, 999, 1004, 1005, 1006, 1015, 2000, 5000)),
        (sent(CLOSE, b"\x03\xe8\xff"), 1007),
    ],
)
def test_what_a_server_must_refuse(data: bytes, code: int) -> None:
    reader = FrameReader(1000)
    messages = reader.feed(sent(TEXT, b"before") + data)
    assert next(messages) == SocketMessage(TEXT, b"before")
    with pytest.raises(Violation) as caught:
        list(messages)
    assert caught.value.close_code == code


@pytest.mark.parametrize("code", [1000, 1001, 1003, 1007, 1011, 1014, 3000, 4999])
def test_close_codes_that_may_be_sent(code: int) -> None:
    payload = code.to_bytes(2, "big") + b"why"
    assert list(FrameReader(1000).feed(sent(CLOSE, payload))) == [SocketMessage(CLOSE, payload)]


def test_a_servers_frame_is_not_masked() -> None:
    assert frame(TEXT, b"hi") == b"\x81\x02hi"
