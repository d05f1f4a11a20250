"""
Frame -> event. Pure, and never raises for anything a socket may bring.

`Unwrapper(listen_key).read(frame)` is the hot path of a stream; `read(frame)` takes a frame of any form; `read_payload`
takes an event without its envelope. Each answers one of four: `Received` (a typed event and its raw JSON), `Several` of
them (from a frame from before January 2026), `Control` (the answer to a request like SUBSCRIBE) or `UnreadableFrame` (why, and
the bytes with secrets masked).

Two roads lead to an event. The fast one is one typed decode of the current shapes, strict about types. What it does not
take goes the slow one: `wire.message_builder`, exact and forgiving. Both refuse what is no JSON of a bounded depth and size.

Frames come raw or in an envelope, `{"stream": <listen key>, "data": <event>}`. [O websocket-market-streams]
The listen key in it ends here: no raw JSON, body or reason that leaves this module holds one.
"""

from __future__ import annotations

import re
from itertools import compress, islice, repeat
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

from listenkey.credentials import Secret
from listenkey.events import (
    AccountUpdate,
    BalancePositionUpdate,
    Event,
    GreekUpdate,
    ListenKeyExpired,
    Order,
    OrderTradeUpdate,
    RiskLevelChange,
    UnknownEvent,
)
from listenkey.events.base import AMOUNTS, PLAIN, amount_of
from listenkey.events.enums import TRADE
from listenkey.wire.frame_redaction import masked, redact
from listenkey.wire.legacy import is_legacy, translated
from listenkey.wire.lenient_decoder import loose_decoder
from listenkey.wire.message_builder import (
    CURRENT,
    HALF_PAIR,
    REPLACED,
    SIDES,
    InvalidMessage,
    Number,
    build,
    exact_int,
    unknown,
)
from listenkey.wire.redaction import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FRAME_BYTES_MAX: Final = 1024 * 1024
"""Events are under 1 KiB; an account with every option held stays under 100 KiB. websockets and aiohttp: 1 and 4 MiB."""

DEPTH_MAX: Final = 32
"""The deepest documented message nests four levels."""

CONTAINERS_MAX: Final = 5_000
"""Objects and lists in one message that the slow road reads; some 2,000 options are listed. It takes 20 µs for each."""

COMMAS_MAX: Final = 65_536
"""A position has four fields. Together these two bound how long one message holds up the event loop."""

PARTS_MAX: Final = 250
"""Events that one message from before January 2026 may be; one takes 60 µs."""

TYPE_CHARS_MAX: Final = 64
"""The longest documented type has 23 characters."""

FOREIGN_CHARS_MIN: Final = 32
"""A name of a stream that is shorter, or has other signs in it, is no listen key."""

_STRING_OR_BRACKET: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
_BRACE_CLOSED: Final = ord("}")
_CLOSED: Final = {_BRACE_CLOSED}
_last_byte: Final = itemgetter(-1)
_all_plain: Final = re.compile(f"(?:{PLAIN.pattern} )*").fullmatch
_are_plain: Final = re.compile(f"{PLAIN.pattern} {PLAIN.pattern}").fullmatch
_order_of: Final[Callable[[Event], Order]] = attrgetter("order")
_last_price: Final[Callable[[Order], str]] = attrgetter("last_price_text")
_last_quantity: Final[Callable[[Order], str]] = attrgetter("last_quantity_text")
_trade_id: Final[Callable[[Order], int]] = attrgetter("trade_id")
_BRACKET: Final = ord("[")
_LETTER_K: Final = ord("K")


class FrameNotJson(InvalidMessage):
    """The frame is no JSON, or JSON with half a surrogate pair in it."""


class OddRaw(bytes):
    """
    The JSON of an event that took the slow road: its shape is none of the documented ones, to the letter.

    Equal to any bytes. A journal asks for the class, for SQL would read an amount in it, or an id, otherwise than we do.
    """

    __slots__ = ()


class Received(msgspec.Struct, frozen=True, gc=False):
    """
    An event.

    Attributes:
        event: Typed; match on its class.
        raw: Its JSON as the venue sent it, without the envelope. Where a listen key stood, its fingerprint stands, and
            white space may differ. Half a surrogate pair, which JSON can escape and no file can hold, is U+FFFD.
    """

    event: Event
    raw: bytes


class ControlError(msgspec.Struct, frozen=True, gc=False):
    """The venue's refusal of a request: 0 unknown property, 1 not a Boolean, 2 invalid request, 3 invalid JSON."""

    code: int
    message: str


class Control(msgspec.Struct, frozen=True):
    """
    The answer to a request on the socket. `result` None without an error is an acknowledgement, and proves nothing.

    Attributes:
        id: The request's, or None where the answer names none.
        result: None, a Boolean or a list of streams. The list may hold listen keys, so it is not shown.
        error: Why it was refused, or None.
    """

    id: int | None
    result: Any = None
    error: ControlError | None = None

    def __repr__(self) -> str:
        return f"Control(id={self.id}, error={self.error})"


class UnreadableFrame(msgspec.Struct, frozen=True, gc=False):
    """
    A frame that can't be read: to be counted and told, never to end a stream.

    Attributes:
        reason: Why, in words; never what the frame held.
        body: The beginning of the frame, with everything that may be a key masked.
        size: How many bytes the frame had.
        count: How many there were behind one another; the other facts are of the first.
    """

    reason: str
    body: bytes
    size: int
    count: int = 1

    def with_count(self, count: int) -> UnreadableFrame:
        """Return the same for so many in a row."""
        return self if count == self.count else UnreadableFrame(self.reason, self.body, self.size, count)


class Several(msgspec.Struct, frozen=True):
    """The events of a frame from before January 2026, as today's, each with the JSON that it would have."""

    parts: tuple[Received | UnreadableFrame, ...]


Read: TypeAlias = Received | Several | Control | UnreadableFrame
FastEvent: TypeAlias = AccountUpdate | BalancePositionUpdate | GreekUpdate | OrderTradeUpdate | RiskLevelChange
"""`listenKeyExpired` is read on the slow road: its raw may not hold the key."""


class _Envelope(msgspec.Struct, frozen=True, gc=False):
    data: msgspec.Raw
    e: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Name(msgspec.Struct, frozen=True, gc=False):
    stream: str = ""


_decode: Final[Callable[[bytes], FastEvent]] = msgspec.json.Decoder(FastEvent).decode
_decode_loosely: Final[Callable[[bytes], FastEvent]] = loose_decoder(
    AccountUpdate, BalancePositionUpdate, GreekUpdate, OrderTradeUpdate, RiskLevelChange
)
_NAME: Final = msgspec.json.Decoder(_Name)
_ENVELOPE: Final = msgspec.json.Decoder(_Envelope)
_ANY: Final = msgspec.json.Decoder(float_hook=Number)
_ANY_TEXT: Final = msgspec.json.Decoder(float_hook=str)


class Unwrapper:
    """
    Reads the frames of one listen key.

    The envelope's beginning is known to the byte, so taking it off is one comparison and one slice, and the event is
    scanned once. A frame of any other form is read all the same; but once a frame came under our own key, one under
    another key is somebody else's. Before that the name may be the venue's own: one page prints a shorter one.
    """

    __slots__ = ("_data", "_is_named", "_prefix", "_secrets")

    def __init__(self, listen_key: Secret) -> None:
        self._secrets = (listen_key,)
        self._prefix = b'{"stream":"' + listen_key.reveal().encode("utf-8", "replace") + b'","data":'
        self._data = itemgetter(slice(len(self._prefix), -1))
        self._is_named = False

    def read_all(self, frames: list[bytes]) -> tuple[list[Event], list[bytes]] | None:
        """
        The events of several frames and their JSON, where each is an enveloped event of a documented shape.

        Else None, and `read` does it frame by frame; it would say the same of these.
        """
        raws = self.payloads(frames)
        if raws is None:
            return None
        try:
            events: list[Event] = list(map(_decode, raws))
        except (msgspec.DecodeError, ValueError, RecursionError):
            return None
        return (events, raws) if _are_sure(events) else None

    def payloads(self, frames: list[bytes]) -> list[bytes] | None:
        """Return the payloads of several frames, undecoded; None where one of them lacks the envelope that we know."""
        if (
            not (min(frames).startswith(self._prefix) and max(frames).startswith(self._prefix))  # and so all between
            or set(map(_last_byte, frames)) != _CLOSED
            or sum(map(len, frames)) > FRAME_BYTES_MAX
        ):
            return None
        self._is_named = True
        return list(map(self._data, frames))

    def read(self, frame: bytes | bytearray | memoryview) -> Read:
        """Read a frame. Raises nothing, whatever the frame."""
        if type(frame) is not bytes:
            frame = bytes(frame)
        if frame.startswith(self._prefix) and frame[-1] == _BRACE_CLOSED and len(frame) <= FRAME_BYTES_MAX:
            payload = self._data(frame)
            self._is_named = True
            try:
                event = _decode(payload)
                if type(event) is not OrderTradeUpdate or _is_sure(event.order):
                    return Received(event, payload)
            except (msgspec.DecodeError, ValueError, RecursionError):
                loose = _loosely(payload)
                if loose is not None:
                    return Received(loose, payload)
        if self._is_named and self._is_foreign(frame):
            return UnreadableFrame("the frame is of another listen key", redact(frame, self._secrets), len(frame))
        return read(frame, self._secrets)

    def _is_foreign(self, frame: bytes) -> bool:
        """Return True where the envelope names a stream that looks like a listen key and is not ours."""
        try:
            name = _NAME.decode(frame).stream if len(frame) <= FRAME_BYTES_MAX else ""
        except (msgspec.DecodeError, ValueError, RecursionError):
            return False
        return len(name) >= FOREIGN_CHARS_MIN and name.isalnum() and name != self._secrets[0].reveal()


def read(frame: bytes | bytearray | memoryview, secrets: Sequence[Secret] = ()) -> Read:
    """
    Read a frame, raw or in an envelope.

    Args:
        frame: The message of the socket, whole.
        secrets: Listen keys that must not show in what is kept, besides those that are found by their names.

    Returns:
        Received, Several, Control or UnreadableFrame. Nothing is raised, whatever the frame.
    """
    payload = bytes(frame)
    if len(payload) <= FRAME_BYTES_MAX:
        event = _fast(payload)
        if event is not None:
            return Received(event, payload)
        inner = _data_of(payload)
        event = _fast(inner)
        if event is not None:
            return Received(event, inner)
    try:
        tree = _parse(payload)
        control = _control(tree, secrets)
        return control if control is not None else _received(tree, payload, secrets)
    except FrameNotJson as invalid:
        whole = HALF_PAIR.sub(REPLACED, payload)
        return (
            read(whole, secrets)
            if whole != payload
            else UnreadableFrame(str(invalid), redact(payload, secrets), len(payload))
        )
    except InvalidMessage as invalid:
        return UnreadableFrame(str(invalid), redact(payload, secrets), len(payload))


def read_payload(payload: bytes) -> Event | UnreadableFrame:
    """Read an event known to have no envelope, as `read` does. The raw of a `Received` always gives its event again."""
    event = _fast(payload) if len(payload) <= FRAME_BYTES_MAX else None
    if event is not None:
        return event
    try:
        return _event(_parse(payload), payload, ())[0]
    except InvalidMessage as invalid:
        return UnreadableFrame(str(invalid), redact(payload), len(payload))


def received_in(payload: bytes) -> Sequence[Received | UnreadableFrame]:
    """Read a payload that came as a frame's, as `read` does; one from before January 2026 may have several events in it."""
    found = read(payload)
    if isinstance(found, Several):
        return found.parts
    return () if isinstance(found, Control) else (found,)


def read_payloads(payloads: Sequence[bytes]) -> list[Event] | None:
    """The same for many at once; None where one of them can't be read."""
    if max(map(len, payloads), default=0) <= FRAME_BYTES_MAX:
        try:
            events: list[Event] = list(map(_decode, payloads))
        except (msgspec.DecodeError, ValueError, RecursionError):
            pass
        else:
            if _are_sure(events):
                return events
    events = []
    for payload in payloads:
        event = read_payload(payload)
        if isinstance(event, UnreadableFrame):
            return None
        events.append(event)
    return events


def unknown_fields(raw: bytes, event: Event) -> dict[str, Any]:
    """
    Return the fields that the venue sent and did not document: the keys of `raw` that `event` has no field for.

    Made when asked for, so that events stay cheap. Paths are the venue's letters: `{"o.sp": "7103.04"}`,
    `{"B[0].x": 1}`. Numbers with a fraction are texts; all else is as in the JSON.

    Args:
        raw: `Update.raw` of the event.
        event: The event.

    Returns:
        Path to value; empty for most events, and for an `UnknownEvent`, which has no words at all.
    """
    if isinstance(event, UnknownEvent):
        return {}
    tree = _ANY_TEXT.decode(raw)
    return dict(unknown(type(event), tree)) if isinstance(tree, dict) else {}


# --- The fast road ----------------------------------------------------------------------------------------------------


def _fast(payload: bytes) -> FastEvent | None:
    """
    The event, by one typed decode, or None where the slow road has to look.

    The first decoder takes documented keys only, so it has seen all there is. The second skips what it does not know,
    and in that there are three things it does not see: depth, broken UTF-8, and a listen key. (Bytes are sought as
    ints: as texts of one byte that takes six times as long.)
    """
    try:
        event = _decode(payload)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return _loosely(payload)
    if type(event) is OrderTradeUpdate and not _is_sure(event.order):
        return None
    return event


def _loosely(payload: bytes) -> FastEvent | None:
    try:
        event = _decode_loosely(payload)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    # 33 levels of objects alone need their last brace at byte 128 or later, as each takes `{"":`. So an order is known
    # to be shallow from two scans at the speed of memory.
    if (_BRACKET in payload or payload.rfind(b"{") >= 4 * DEPTH_MAX) and not _shallow(payload):
        return None
    if not payload.isascii() and not _is_utf8(payload):
        return None
    if _LETTER_K in payload and b"istenKey" in payload:
        return None
    if type(event) is OrderTradeUpdate and not (event.order.side in SIDES and _is_sure(event.order)):
        return None
    return event


def _is_sure(order: Order) -> bool:
    """
    Return True where quantity and price of a fill can be read, and it says which trade it is of.

    Without a trade, the slow path looks at them.
    """
    if order.trade_id == 0 and order.execution_type == TRADE:
        return False
    if _are_plain(order.last_price_text + " " + order.last_quantity_text):
        return True
    return amount_of(order.last_price_text) is not None and amount_of(order.last_quantity_text) is not None


def _are_sure(events: list[Event]) -> bool:
    """The same of every order among many, with no step of the interpreter for each."""
    are_orders = map(isinstance, events, repeat(OrderTradeUpdate))
    orders = list(map(_order_of, compress(events, are_orders)))
    if 0 in map(_trade_id, orders) and any(one.trade_id == 0 and one.execution_type == TRADE for one in orders):
        return False
    texts = set(map(_last_price, orders))
    texts.update(map(_last_quantity, orders))
    new = texts.difference(AMOUNTS)
    return _all_plain("".join([text + " " for text in new])) is not None or None not in map(amount_of, new)


def _shallow(payload: bytes) -> bool:
    """Return True where it nests no deeper than `DEPTH_MAX`; brackets inside strings do not count."""
    containers = payload.count(b"{") + payload.count(b"[")
    if containers <= DEPTH_MAX:
        return True
    if containers > CONTAINERS_MAX:
        return False  # too many to be counted through here
    depth = 0
    for token in _STRING_OR_BRACKET.finditer(payload):
        first = token[0][:1]
        if first in b"[{":
            depth += 1
            if depth > DEPTH_MAX:
                return False
        elif first in b"]}":
            depth -= 1
    return True


def _is_utf8(payload: bytes) -> bool:
    try:
        payload.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


# --- The slow road ----------------------------------------------------------------------------------------------------


def _data_of(payload: bytes) -> bytes:
    """The bytes of `data` in an envelope, or nothing where it is none."""
    try:
        envelope = _ENVELOPE.decode(payload)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return b""
    return bytes(envelope.data) if envelope.e is msgspec.UNSET else b""


def _parse(payload: bytes) -> Any:
    """JSON to plain values, exactly. Raises InvalidMessage where it is too large or too deep, FrameNotJson where it is none."""
    if len(payload) > FRAME_BYTES_MAX:
        raise InvalidMessage(f"the frame is larger than {FRAME_BYTES_MAX} bytes")
    if not _is_utf8(payload):
        raise InvalidMessage("the frame is not UTF-8")
    if payload.count(b"{") + payload.count(b"[") > CONTAINERS_MAX or payload.count(b",") > COMMAS_MAX:
        raise InvalidMessage(f"the frame holds more than {CONTAINERS_MAX} objects and lists, or {COMMAS_MAX} values")
    if not _shallow(payload):
        raise InvalidMessage(f"the frame nests deeper than {DEPTH_MAX} levels")
    try:
        return _ANY.decode(payload)
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise FrameNotJson("the frame is not JSON") from None


def _control(tree: Any, secrets: Sequence[Secret]) -> Control | None:
    """
    The answer to a request, or None where the frame is no answer.

    A refusal comes as `{"error": {"code", "msg"}, "id"}`; the documentation prints the inner object alone, so that is
    understood as well. [O Live-Subscribing-Unsubscribing-to-streams]
    """
    if not isinstance(tree, dict) or "e" in tree or "data" in tree:
        return None
    request_id = tree.get("id")
    request_id = exact_int(request_id, "id") if request_id is not None else None
    error = tree.get("error", tree if "code" in tree and "msg" in tree else None)
    if error is not None:
        if not isinstance(error, dict):
            raise InvalidMessage("error is not an object")
        message = clean(str(error.get("msg", "")), secrets)
        return Control(request_id, None, ControlError(exact_int(error.get("code"), "error.code"), message))
    if "result" not in tree:
        return None
    return Control(request_id, tree["result"])


def _received(tree: Any, payload: bytes, secrets: Sequence[Secret]) -> Received | Several:
    """The event of a frame, out of its envelope if it has one."""
    if isinstance(tree, dict) and "data" in tree and "e" not in tree:
        stream = tree.get("stream")
        if isinstance(stream, str) and stream:
            secrets = (*secrets, Secret(stream))
        tree, payload = tree["data"], _data_of(payload)
    if isinstance(tree, dict) and is_legacy(tree):
        return _several(masked(tree, secrets))
    event, raw = _event(tree, payload, secrets)
    return Received(event, OddRaw(raw))


def _several(tree: dict[str, Any]) -> Several:
    """The events of a message from before January 2026, its keys masked."""
    parts = list(islice(translated(tree), PARTS_MAX + 1))
    if not 0 < len(parts) <= PARTS_MAX:
        raise InvalidMessage(f"the message from before 2026 has no step in it, or more than {PARTS_MAX}")
    return Several(tuple(map(_part, parts)))


def _part(tree: dict[str, Any]) -> Received | UnreadableFrame:
    raw = msgspec.json.encode(tree, enc_hook=_number)
    try:
        return Received(build(CURRENT[tree["e"]], tree, tree["e"]), OddRaw(raw))
    except InvalidMessage as invalid:
        return UnreadableFrame(str(invalid), redact(raw), len(raw))


def _event(tree: Any, payload: bytes, secrets: Sequence[Secret]) -> tuple[Event, bytes]:
    """The event of a parsed payload, and its raw JSON without keys."""
    if not isinstance(tree, dict):
        raise InvalidMessage("the event is not an object")
    name = tree.get("e")
    if not isinstance(name, str) or not name:
        raise InvalidMessage("the event has no type")
    if len(name) > TYPE_CHARS_MAX:
        raise InvalidMessage(f"the event's type is longer than {TYPE_CHARS_MAX} characters")
    clean_tree = masked(tree, secrets)
    # Only where a key was found is the JSON written anew; elsewhere it stays as it came, to the byte.
    raw = payload if clean_tree == tree else msgspec.json.encode(clean_tree, enc_hook=_number)
    kind = CURRENT.get(name)
    event = _unknown_event(clean_tree, raw) if kind is None else build(kind, tree, name)
    if raw is payload:
        return event, raw
    # A journal keeps the raw and reads it again, so it must say the same. It would not if a "key" was chosen to equal
    # one of the venue's own words, or if many short ones made the JSON longer than a frame may be.
    again = read_payload(raw)
    if isinstance(again, UnreadableFrame) or type(again) is not type(event):
        raise InvalidMessage("the event can't be kept without a listen key in it")
    return (event if isinstance(event, ListenKeyExpired) else again), raw


def _unknown_event(tree: dict[str, Any], raw: bytes) -> UnknownEvent:
    try:
        event_ms = exact_int(tree.get("E"), "E")
    except InvalidMessage:
        event_ms = None
    return UnknownEvent(tree["e"], event_ms, raw)


def _number(value: Any) -> msgspec.Raw:
    assert isinstance(value, Number), type(value)
    return msgspec.Raw(value.text.encode())
