"""Requests to the API of JetStream that are more than one publish: the newest message of a subject, a stream's state."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec

from listenkey.errors import JournalError
from listenkey.journal.jetstream.advice import MAKE_STREAMS, advised
from listenkey.journal.jetstream.answers import NO_SUCH_MESSAGE, NO_SUCH_STREAM, Answer, answer_of
from listenkey.journal.jetstream.link import Link

_encode: Final = msgspec.json.Encoder().encode


class Newest(NamedTuple):
    """The newest message of a subject."""

    seq: int
    headers: Mapping[str, str]
    data: bytes


class _StoredMessage(msgspec.Struct, frozen=True):
    seq: int = 0
    hdrs: str = ""
    data: str = ""


class _MessageAnswer(msgspec.Struct, frozen=True):
    message: _StoredMessage | None = None


_decode_message: Final = msgspec.json.Decoder(_MessageAnswer).decode
_decode_any: Final = msgspec.json.Decoder(dict[str, Any]).decode


async def ask(link: Link, subject: str, request: object | None = None) -> dict[str, Any]:
    """
    Ask the API for something that must be there.

    Raises:
        Unanswered: No reply came.
        JournalError: It was refused.
    """
    data = (await link.request(f"$JS.API.{subject}", b"" if request is None else _encode(request))).data
    refusal = answer_of(data)
    if refusal.error is not None:
        raise refused(link, refusal)
    return _decode_any(data)


def refused(link: Link, answer: Answer) -> JournalError:
    """Return the error for a refusal, in words that say what to do."""
    if answer.code == NO_SUCH_STREAM:
        return advised(JournalError(f"{link.where} has no stream for the journals; {MAKE_STREAMS}"), MAKE_STREAMS)
    return advised(JournalError(f"{link.where} refused: {answer.text}"))


async def newest(link: Link, stream: str, subject: str) -> Newest | None:
    """
    Return the newest message of a subject as the stream's leader knows it; None where there is none.

    Raises:
        Unanswered: No reply came.
        JournalError: It was refused.
    """
    request = _encode({"last_by_subj": subject})
    data = (await link.request(f"$JS.API.STREAM.MSG.GET.{stream}", request)).data
    refusal = answer_of(data)
    if refusal.code == NO_SUCH_MESSAGE:
        return None
    if refusal.error is not None:
        raise refused(link, refusal)
    try:
        message = _decode_message(data).message
        if message is None:
            raise advised(JournalError(f"{link.where} gave no message, and no reason"))
        headers = headers_of(base64.b64decode(message.hdrs, validate=True))
        return Newest(message.seq, headers, base64.b64decode(message.data, validate=True))
    except (msgspec.DecodeError, binascii.Error) as error:
        text = f"{link.where} gave a message that can't be read: {type(error).__name__}"
        raise advised(JournalError(text)) from None


def headers_of(block: bytes) -> dict[str, str]:
    """Read a block of headers as the server stores it."""
    headers = {}
    for line in block.split(b"\r\n")[1:]:
        name, colon, value = line.partition(b":")
        if colon:
            headers[name.strip().decode("ascii", "replace")] = value.strip().decode("utf-8", "replace")
    return headers
