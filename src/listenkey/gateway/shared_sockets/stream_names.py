"""Tell what a message of a shared socket is, and whose, with no more reading than that takes. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

import msgspec

from listenkey.venue import LISTEN_KEY_EXPIRED

PREFIX: Final = b'{"stream":"'
"""The beginning of an envelope as the venue writes it; another form of the same is read the slow way."""


class Named(NamedTuple):
    """A message that says whose it is."""

    stream: bytes

    def __repr__(self) -> str:
        return "Named()"  # The name is a listen key.


class RequestAnswer(NamedTuple):
    """The answer to a request; `code` is None where it was granted."""

    request_id: int | None
    code: int | None


class Nameless(NamedTuple):
    """An event that does not say whose it is."""


class Unknown(NamedTuple):
    """A message that can't be read."""


Kind: TypeAlias = Named | RequestAnswer | Nameless | Unknown


class _Error(msgspec.Struct):
    code: int = 0


class _Message(msgspec.Struct):
    stream: str | None = None
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    e: str | None = None
    listenKey: str | None = None  # noqa: N815 - the venue's spelling
    id: int | None = None
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error: _Error | None = None
    code: int | None = None


_decode: Final = msgspec.json.Decoder(_Message).decode


def quick_name(frame: bytes) -> bytes:
    """Return the name in an envelope that looks as usual, however it goes on; something that is no name in any other case."""
    return frame[len(PREFIX) : frame.find(b'"', len(PREFIX))] if frame.startswith(PREFIX) else b""


def kind_of(frame: bytes) -> Kind:
    """Return what a message is. Raises nothing, whatever the message."""
    try:
        message = _decode(frame)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return Unknown()
    if message.stream and message.data is not msgspec.UNSET and message.e is None:
        return Named(message.stream.encode("utf-8", "replace"))
    if message.e is not None:
        is_named = message.e == LISTEN_KEY_EXPIRED and message.listenKey
        return Named(str(message.listenKey).encode("utf-8", "replace")) if is_named else Nameless()
    if message.error is not None:
        return RequestAnswer(message.id, message.error.code)
    if message.code is not None:  # The documentation prints the inner object alone.
        return RequestAnswer(message.id, message.code)
    return RequestAnswer(message.id, None) if message.result is not msgspec.UNSET else Unknown()
