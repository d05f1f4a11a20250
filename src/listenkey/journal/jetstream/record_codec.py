"""
Item <-> record: one message of the stream, with its body, and its link in the hash chain.

The body is one JSON object, as `tail` prints it; an update from a socket lacks `type`, `event_ms` and `event`, which `raw` says
as well. The chain is BLAKE2b, 16 bytes, of the link before it followed by the body: any language can check it.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypeAlias, assert_never

import msgspec

from listenkey.errors import Corrupt, UsageError
from listenkey.events import Event
from listenkey.items import GapClosed, GapOpened, Item, Live, Provenance, Update
from listenkey.outcomes import GapCause, Loss
from listenkey.wire.frames import UnreadableFrame, read_payload
from listenkey.wire.json_lines import event_of

SEQ_HEADER: Final = "Listenkey-Seq"
CHAIN_HEADER: Final = "Listenkey-Chain"
ENCODING_HEADER: Final = "Listenkey-Encoding"
ZLIB: Final = "zlib"

CHAIN_BYTES: Final = 16
BEGINNING: Final = bytes(CHAIN_BYTES)

PACK_ABOVE_BYTES: Final = 256 * 1024
"""Longer bodies are compressed: a server takes a mebibyte a message unless it is told otherwise, and so does the venue."""

BODY_BYTES_MAX: Final = 16 * 1024 * 1024
"""A compressed body that would be longer was not written by us."""

_encode: Final = msgspec.json.Encoder().encode


class LogRecord(NamedTuple):
    """
    One message of the stream.

    Attributes:
        seq: The item's number in its account.
        chain: Its link.
        body: As it is sent.
        is_packed: Whether that is compressed.
        item: The item that it was made of.
    """

    seq: int
    chain: bytes
    body: bytes
    is_packed: bool
    item: Item

    def headers(self) -> dict[str, str]:
        """Return what every reader needs beside the body."""
        headers = {SEQ_HEADER: str(self.seq), CHAIN_HEADER: self.chain.hex()}
        if self.is_packed:
            headers[ENCODING_HEADER] = ZLIB
        return headers


class Stored(NamedTuple):
    """
    A record as it was read back.

    Attributes:
        stream_seq: Its number in the stream.
        told_ms: When it was numbered, of an item of the lifecycle; when it was received, of an update.
        skipped: How many items before it were lost.
    """

    item: Item
    chain: bytes
    stream_seq: int
    told_ms: int
    skipped: int


class _Body(msgspec.Struct, frozen=True, tag_field="kind"):
    seq: int
    account: str
    skipped: int = 0


class _UpdateBody(_Body, frozen=True, tag="update", kw_only=True):
    received_ms: int
    raw: msgspec.Raw
    provenance: Provenance = "ws"
    late: bool = False
    type: str = ""
    event_ms: int | None = None
    event: dict[str, Any] | None = None


class _LiveBody(_Body, frozen=True, tag="live", kw_only=True):
    since_ms: int
    told_ms: int


class _GapOpenedBody(_Body, frozen=True, tag="gap_opened", kw_only=True):
    from_ms: int
    why: str
    told_ms: int
    cause: GapCause = GapCause.UNKNOWN


class _GapClosedBody(_Body, frozen=True, tag="gap_closed", kw_only=True):
    from_ms: int
    to_ms: int
    recovered: int
    unrecoverable: tuple[str, ...]
    told_ms: int
    recovered_fills: int = 0
    recovered_orders: int = 0
    fills_complete: bool = False
    lost: tuple[Loss, ...] = ()


_AnyBody: TypeAlias = _UpdateBody | _LiveBody | _GapOpenedBody | _GapClosedBody
_decode: Final = msgspec.json.Decoder(_AnyBody).decode


def update_body(update: Update, account: bytes, skipped: int) -> bytes:
    """Return the body of an update; `account` is its name as JSON."""
    more = b""
    if skipped:
        more = b',"skipped":%d' % skipped
    if update.late:
        more += b',"late":true'
    if update.provenance != "ws":
        more += b',"provenance":"%b"' % update.provenance.encode()
    if update.provenance == "rest":  # Where no message of the venue's says it, our words do.
        event = update.event
        words = _encode({"type": event.type, "event_ms": event.event_ms, "event": event.to_dict()})
        more += b"," + words[1:-1]
    return b'{"seq":%d,"kind":"update","account":%b,"received_ms":%d%b,"raw":%b}' % (
        update.seq,
        account,
        update.received_ms,
        more,
        update.raw or b"null",
    )


def told_body(item: Live | GapOpened | GapClosed, told_ms: int, skipped: int) -> bytes:
    """Return the body of an item of the lifecycle."""
    body: _AnyBody
    match item:
        case Live():
            body = _LiveBody(item.seq, item.account, skipped, since_ms=item.since_ms, told_ms=told_ms)
        case GapOpened():
            body = _GapOpenedBody(
                item.seq, item.account, skipped,
                from_ms=item.from_ms, why=item.why, cause=item.cause, told_ms=told_ms,
            )  # fmt: skip
        case GapClosed():
            body = _GapClosedBody(
                item.seq, item.account, skipped,
                from_ms=item.from_ms, to_ms=item.to_ms, recovered=item.recovered, unrecoverable=item.unrecoverable,
                recovered_fills=item.recovered_fills, recovered_orders=item.recovered_orders,
                fills_complete=item.fills_complete, lost=tuple(sorted(item.lost)), told_ms=told_ms,
            )  # fmt: skip
        case _:
            assert_never(item)
    return _encode(body)


def link(before: bytes, body: bytes) -> bytes:
    """Return the chain up to a record, given the chain before it and its body."""
    return hashlib.blake2b(before + body, digest_size=CHAIN_BYTES).digest()


def record_of(item: Item, body: bytes, before: bytes) -> LogRecord:
    """Return the record of an item whose body is at hand."""
    chain = link(before, body)
    if len(body) > PACK_ABOVE_BYTES:
        return LogRecord(item.seq, chain, zlib.compress(body, 6), is_packed=True, item=item)
    return LogRecord(item.seq, chain, body, is_packed=False, item=item)


def seq_and_chain(headers: Mapping[str, str]) -> tuple[int, bytes]:
    """
    Return the number and the chain that a message's headers give.

    Raises:
        Corrupt: It is no record of ours.
    """
    try:
        seq, chain = int(headers[SEQ_HEADER]), bytes.fromhex(headers[CHAIN_HEADER])
    except (KeyError, ValueError):
        raise Corrupt("a message without the headers of an item stands among an account's items") from None
    return seq, chain


def read_record(headers: Mapping[str, str], data: bytes, stream_seq: int, before: bytes | None) -> Stored:
    """
    Read a message of the stream.

    Args:
        headers: Its headers.
        data: Its body as it was sent.
        stream_seq: Its number in the stream.
        before: The chain before it, or None where that is not known.

    Raises:
        Corrupt: It was changed, or is no item.
    """
    seq, chain = seq_and_chain(headers)
    body = _unpacked(data, seq) if headers.get(ENCODING_HEADER) == ZLIB else data
    if before is not None and link(before, body) != chain:
        raise Corrupt(f"item {seq} in NATS was changed, or one before it is missing: its hash chain does not hold")
    try:
        words = _decode(body)
        item, told_ms = _item_of(words)
    except (msgspec.DecodeError, UsageError) as error:
        raise Corrupt(f"item {seq} in NATS can't be read: {type(error).__name__}") from None
    if item.seq != seq:
        raise Corrupt(f"item {seq} in NATS says that it is item {item.seq}")
    return Stored(item, chain, stream_seq, told_ms, words.skipped)


def _unpacked(data: bytes, seq: int) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        body = unpacker.decompress(data, BODY_BYTES_MAX)
    except zlib.error:
        raise Corrupt(f"item {seq} in NATS can't be read: its compression is damaged") from None
    if not unpacker.eof:
        raise Corrupt(f"item {seq} in NATS is cut, or longer than any that is written")
    return body


def _item_of(body: _AnyBody) -> tuple[Item, int]:
    match body:
        case _UpdateBody():
            raw = bytes(body.raw)
            raw = b"" if raw == b"null" else raw
            update = Update(
                body.seq, body.account, _event(body, raw), body.received_ms, raw, body.provenance, body.late
            )
            return update, body.received_ms
        case _LiveBody():
            return Live(body.seq, body.account, body.since_ms), body.told_ms
        case _GapOpenedBody():
            return GapOpened(body.seq, body.account, body.from_ms, body.why, body.cause), body.told_ms
        case _GapClosedBody():
            closed = GapClosed(
                body.seq, body.account, body.from_ms, body.to_ms, body.recovered, body.unrecoverable,
                body.recovered_fills, body.recovered_orders, body.fills_complete, frozenset(body.lost),
            )  # fmt: skip
            return closed, body.told_ms
        case _:
            assert_never(body)


def _event(body: _UpdateBody, raw: bytes) -> Event:
    if body.event is not None:
        return event_of(body.type, body.event_ms, body.event, raw)
    event = read_payload(raw)
    if isinstance(event, UnreadableFrame):
        raise UsageError(event.reason)
    return event
