"""Test when parts are a message; over a socket it is shown in test_websocket.py."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from picows import WSCloseCode, WSMsgType

from listenkey.transport import message_parts
from listenkey.transport.message_parts import MESSAGE_BYTES_MAX, MessageParts


def frame(kind: WSMsgType, payload: bytes, *, fin: bool) -> Any:
    return SimpleNamespace(msg_type=kind, fin=fin, payload_size=len(payload), get_payload_as_bytes=lambda: payload)


def parts() -> tuple[MessageParts, list[WSCloseCode]]:
    refused: list[WSCloseCode] = []
    return MessageParts(lambda code, _: refused.append(code)), refused


async def test_parts_are_a_message_with_the_last_of_them() -> None:
    made, refused = parts()
    assert made.take(frame(WSMsgType.TEXT, b"a", fin=False)) is None
    assert made.take(frame(WSMsgType.CONTINUATION, b"b", fin=False)) is None
    assert made.take(frame(WSMsgType.CONTINUATION, b"c", fin=True)) == b"abc"
    assert made.take(frame(WSMsgType.BINARY, b"d", fin=True)) == b"d"
    assert (made.parts, refused) == ([], [])


async def test_what_has_no_beginning_is_too_big_or_never_ends_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    made, refused = parts()
    assert made.take(frame(WSMsgType.CONTINUATION, b"a", fin=True)) is None
    assert made.take(frame(WSMsgType.BINARY, bytes(MESSAGE_BYTES_MAX + 1), fin=True)) is None
    assert refused == [WSCloseCode.PROTOCOL_ERROR, WSCloseCode.MESSAGE_TOO_BIG]
    monkeypatch.setattr(message_parts, "MESSAGE_WITHIN_S", 0.0)
    slow, refused = parts()
    assert slow.take(frame(WSMsgType.TEXT, b"a", fin=False)) is None
    await asyncio.sleep(0.01)
    assert refused == [WSCloseCode.PROTOCOL_ERROR]
    slow.stop()
