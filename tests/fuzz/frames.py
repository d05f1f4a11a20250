"""Check the rules that hold of every frame, whatever its bytes; for the fuzzer and for the tests."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any, Final

from listenkey.credentials import Secret
from listenkey.events import UnknownEvent
from listenkey.events.base import Amount, Message
from listenkey.items import Update
from listenkey.journal.sqlite.hash_chain import BEGINNING, seal
from listenkey.journal.sqlite.row_codec import item_of, update_values
from listenkey.wire.frame_redaction import BODY_BYTES_MAX
from listenkey.wire.frames import (
    Control,
    Read,
    Received,
    Several,
    UnreadableFrame,
    Unwrapper,
    read,
    read_payload,
    unknown_fields,
)

KEY: Final = "pqia91ma19a5s61cv6a81va65sdf19v8a65a1a5s61cv6a81va65sdf19v8a65a1"
"""The documented example of a listen key."""

CORPUS: Final = Path(__file__).parent / "corpus" / "frames.txt"
"""A frame a line, in base64: what once found its way into a new branch, the smallest of each kind."""

FIXTURES: Final = Path(__file__).parents[1] / "fixtures"
SEED_BYTES_MAX: Final = 2048
SECRET: Final = Secret(KEY)
UNWRAPPER: Final = Unwrapper(SECRET)
FOREIGN: Final = "the frame is of another listen key"


def seeds() -> list[bytes]:
    """Documented messages, raw and in an envelope, and answers to requests."""
    names = sorted(FIXTURES.glob("*.json"))
    bodies = [json.dumps(json.loads(path.read_bytes()), separators=(",", ":")).encode() for path in names]
    events = [body for body in bodies if b'"e":"' in body[:80] or b'"result"' in body or b'"error"' in body]
    expired = b'{"e":"listenKeyExpired","E":1,"listenKey":"%s"}' % KEY.encode()
    small = [event for event in [*events, expired] if len(event) <= SEED_BYTES_MAX]
    return [frame for event in small for frame in (event, enveloped(event))]


def enveloped(event: bytes) -> bytes:
    """The same on a combined stream."""
    return b'{"stream":"%s","data":%s}' % (KEY.encode(), event)


def kept() -> list[bytes]:
    """The corpus."""
    return [base64.b64decode(line, validate=True) for line in CORPUS.read_bytes().split()]


def check(frame: bytes) -> None:
    """Raises AssertionError, or whatever should never have been raised, where a frame breaks a promise."""
    one = UNWRAPPER.read(frame)
    _check_read(one, frame)
    together = UNWRAPPER.read_all([frame, frame])
    if together is not None:
        events, raws = together
        assert isinstance(one, Received), "what is read together is read alone, too"
        assert (events, raws) == ([one.event] * 2, [one.raw] * 2)
    if frame.startswith(b'{"stream"'):
        if isinstance(one, UnreadableFrame) and one.reason == FOREIGN:
            return  # told by a reader that has read frames of its own; `read` has none
        other = read(frame, (SECRET,))
        assert type(other) is type(one)
        if isinstance(one, Received) and isinstance(other, Received):
            assert one.event == other.event, "both roads out of an envelope lead to the same event"
    else:
        event = read_payload(frame)
        assert isinstance(event, UnreadableFrame | Message | UnknownEvent), type(event)


def _check_read(one: Read, frame: bytes) -> None:
    if isinstance(one, Received):
        _check_received(one)
    elif isinstance(one, Several):
        for part in one.parts:
            if isinstance(part, Received):
                _check_received(part)
            assert KEY.encode() not in (part.raw if isinstance(part, Received) else part.body)
    elif isinstance(one, UnreadableFrame):
        assert one.size == len(frame)
        assert len(one.body) <= BODY_BYTES_MAX
        assert KEY.encode() not in one.body
        assert KEY not in one.reason
    else:
        assert isinstance(one, Control), type(one)
        assert KEY not in repr(one)


def _check_received(one: Received) -> None:
    event, raw = one.event, one.raw
    again = read_payload(raw)
    assert again == event, "the raw of an event gives it again"
    words = event.to_dict()
    json.dumps(words, allow_nan=False)
    unknown_fields(raw, event)
    if KEY.encode() in raw:
        assert _elsewhere(json.loads(raw, object_pairs_hook=list)), "no listen key is kept under its name"
    check_amounts(event)
    kept = Update(1, "a", event, 5, raw)
    assert item_of(seal(update_values(1, "a", event, raw, 5), BEGINNING)) == kept, "a journal gives it back"


def _elsewhere(tree: Any, name: str = "") -> bool:
    """Return True where the key stands where no document puts one, as a name or as the value of another field."""
    if isinstance(tree, tuple):  # A name and its value: of two equal names, too, each is looked at.
        return KEY in tree[0] or _elsewhere(tree[1], tree[0])
    if isinstance(tree, list):
        return any(_elsewhere(part, name) for part in tree)
    return isinstance(tree, str) and KEY in tree and "listenkey" not in name.lower()


def check_amounts(event: Any) -> None:
    amounts, parts = _SHAPES.get(type(event)) or _shape(type(event))
    for name in amounts:
        amount = getattr(event, name)
        assert amount is None or amount.is_finite()
    for name in parts:
        inner = getattr(event, name)
        for part in inner if isinstance(inner, tuple) else (inner,):
            if isinstance(part, Message):
                check_amounts(part)


_SHAPES: dict[type[Any], tuple[tuple[str, ...], tuple[str, ...]]] = {}


def _shape(kind: type[Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of the amounts of a message, and of its fields; looked up once."""
    amounts = tuple(name for name in dir(kind) if isinstance(getattr(kind, name, None), Amount))
    shape = _SHAPES[kind] = (amounts, tuple(getattr(kind, "__struct_fields__", ())))
    return shape
