"""
Item <-> one line of JSON: what `tail`, `replay` and `demo` print, and other programs read.

    {"seq": 17, "kind": "update", "account": "a3f1", "type": "ORDER_TRADE_UPDATE", "provenance": "ws", "late": false,
     "received_ms": 1795330000123, "event_ms": 1795330000120, "event": {"trade_id": 41, ...}, "raw": {...}}

`event` holds our words with amounts as strings; `raw` holds the venue's own JSON. Ids are numbers and go beyond 2^53: a
reader that keeps numbers as doubles should parse them as text. `kind` is `update`, `live`, `gap_opened` or `gap_closed`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

from listenkey import venue
from listenkey.errors import UsageError
from listenkey.events import (
    Event,
    RecoveredCash,
    RecoveredEvent,
    RecoveredExercise,
    RecoveredFill,
    RecoveredOrder,
    UnknownEvent,
)
from listenkey.events.enums import TRADE
from listenkey.items import GapClosed, GapOpened, Item, Live, Provenance, Update
from listenkey.outcomes import GapCause, Loss
from listenkey.wire.frames import Received, UnreadableFrame, read_payload, received_in
from listenkey.wire.message_builder import CURRENT, InvalidMessage, build

if TYPE_CHECKING:
    from listenkey.events import CurrentEvent


class _Line(msgspec.Struct, frozen=True, tag_field="kind"):
    seq: int
    account: str


class _UpdateLine(_Line, frozen=True, tag="update"):
    type: str
    provenance: Provenance
    late: bool
    received_ms: int
    event_ms: int | None
    event: dict[str, Any]
    raw: msgspec.Raw


class _LiveLine(_Line, frozen=True, tag="live"):
    since_ms: int


class _GapOpenedLine(_Line, frozen=True, tag="gap_opened"):
    from_ms: int
    why: str
    cause: GapCause = GapCause.UNKNOWN


class _GapClosedLine(_Line, frozen=True, tag="gap_closed"):
    from_ms: int
    to_ms: int
    recovered: int
    unrecoverable: tuple[str, ...]
    recovered_fills: int = 0
    recovered_orders: int = 0
    fills_complete: bool = False
    lost: tuple[Loss, ...] = ()


_AnyLine: TypeAlias = _UpdateLine | _LiveLine | _GapOpenedLine | _GapClosedLine
_DECODER: Final[msgspec.json.Decoder[_AnyLine]] = msgspec.json.Decoder(_AnyLine)
_NO_RAW: Final = b"null"
_RECORDS: Final[dict[str, type[RecoveredExercise | RecoveredCash]]] = {
    RecoveredExercise.type: RecoveredExercise,
    RecoveredCash.type: RecoveredCash,
}
RECOVERED: Final = (RecoveredFill, RecoveredOrder, RecoveredExercise, RecoveredCash)
"""The records with no message of the venue's behind them, which our field names alone make up."""


def to_line(item: Item) -> bytes:
    """One item as one line of JSON in UTF-8, without the line break at its end."""
    return msgspec.json.encode(_words(item))


def _words(item: Item) -> dict[str, Any]:
    match item:
        case Update():
            event = item.event
            # JSON allows line breaks between its tokens and forbids them in its strings, so a space does as well.
            raw = item.raw.replace(b"\n", b" ").replace(b"\r", b" ") or _NO_RAW
            return {
                "seq": item.seq,
                "kind": "update",
                "account": item.account,
                "type": event.type,
                "provenance": item.provenance,
                "late": item.late,
                "received_ms": item.received_ms,
                "event_ms": event.event_ms,
                "event": event.to_dict(),
                "raw": msgspec.Raw(raw),
            }
        case Live():
            return {"seq": item.seq, "kind": "live", "account": item.account, "since_ms": item.since_ms}
        case GapOpened():
            return {
                "seq": item.seq,
                "kind": "gap_opened",
                "account": item.account,
                "from_ms": item.from_ms,
                "why": item.why,
                "cause": item.cause,
            }
        case GapClosed():
            return {
                "seq": item.seq,
                "kind": "gap_closed",
                "account": item.account,
                "from_ms": item.from_ms,
                "to_ms": item.to_ms,
                "recovered": item.recovered,
                "recovered_fills": item.recovered_fills,
                "recovered_orders": item.recovered_orders,
                "fills_complete": item.fills_complete,
                "unrecoverable": item.unrecoverable,
                "lost": sorted(item.lost),
            }


def from_line(line: bytes) -> Item:
    """
    The item of a line that `to_line` made, equal to the one it was made of.

    A listen key that ended comes back as its fingerprint; the key itself is in no line.

    Raises:
        UsageError: The line is none of ours.
    """
    try:
        read = _DECODER.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UsageError("this is not a line of JSON that listenkey wrote") from None
    match read:
        case _UpdateLine():
            raw = bytes(read.raw)
            raw = b"" if raw == _NO_RAW else raw
            event = _event(read, raw)
            return Update(read.seq, read.account, event, read.received_ms, raw, read.provenance, read.late)
        case _LiveLine():
            return Live(read.seq, read.account, read.since_ms)
        case _GapOpenedLine():
            return GapOpened(read.seq, read.account, read.from_ms, read.why, read.cause)
        case _GapClosedLine():
            return GapClosed(
                read.seq, read.account, read.from_ms, read.to_ms, read.recovered, read.unrecoverable,
                read.recovered_fills, read.recovered_orders, read.fills_complete, frozenset(read.lost),
            )  # fmt: skip


def _event(line: _UpdateLine, raw: bytes) -> Event:
    """The event of a line: from the venue's own message, where there is one."""
    if raw and line.provenance != "rest":
        event = read_payload(raw)
        if not isinstance(event, UnreadableFrame):
            return event
    return event_of(line.type, line.event_ms, line.event, raw)


def event_of(type_: str, event_ms: int | None, words: dict[str, Any], raw: bytes) -> Event:
    """
    Return the event from our fields, as REST's events have another raw; from the raw where they don't make it.

    Raises:
        UsageError: Neither makes one.
    """
    kind = _kind(type_, words)
    if kind is None:
        return UnknownEvent(type_, event_ms, raw)
    try:
        return build(kind, words, type_, "word")
    except InvalidMessage:
        event = read_payload(raw)
        if kind not in RECOVERED and not isinstance(event, UnreadableFrame):
            return event
        if any(isinstance(one, Received) for one in received_in(raw)):
            return UnknownEvent(type_, event_ms, raw)  # of a build that kept messages from before 2026 as they were
        raise UsageError(f"this {type_} lacks what makes one") from None


def _kind(type_: str, words: dict[str, Any]) -> type[CurrentEvent | RecoveredEvent] | None:
    if type_ in _RECORDS:
        return _RECORDS[type_]
    if type_ == venue.ORDER_TRADE_UPDATE and "transaction_ms" not in words:
        # What only REST told has REST's words, and is of a class of its own.
        return RecoveredFill if words.get("execution_type") == TRADE else RecoveredOrder
    return CURRENT.get(type_)
