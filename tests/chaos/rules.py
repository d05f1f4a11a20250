"""
Rule what the proxy does to frames: which frames a rule strikes, and their fate. Pure; chance is given.

A frame that no rule strikes goes through as it came. Where several rules would strike, the one put in first does.
"""

from __future__ import annotations

import random
import re
import zlib
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from tests.chaos import ws_frames as ws

Direction: TypeAlias = Literal["down", "up"]
"""`down` is from the exchange to the client."""

Kind: TypeAlias = Literal[
    "drop", "duplicate", "reorder", "hold", "delay", "truncate", "garble", "utf8", "opcode", "reserved", "masked",
    "binary", "compressed", "fragment", "interrupt", "replace",
]  # fmt: skip

REORDER_FLUSH_S: Final = 1.0
"""The frames of a window that is never filled come out after so long."""


@dataclass(slots=True)
class Rule:
    """
    One fault of frames.

    Args:
        kind: What becomes of a frame that is struck. `drop`: it is gone. `duplicate`: it comes `copies` times more.
            `reorder`: `window` frames come out in another order. `hold`: it waits `seconds` and others overtake it.
            `delay`: it and all behind it wait, from `seconds` to `seconds_max`. `truncate`: half of it, then FIN.
            `garble`: a whole frame with half of its JSON. `utf8`: text that is none. `opcode`, `reserved`, `masked`:
            a frame that the standard forbids. `binary`: as a binary message. `fragment`: in pieces of `size` bytes.
            `interrupt`: the same with a pong between each two. `replace`: `payload` comes in its place, in pieces of `size` bytes
            where that is not 0. `compressed`: as if it were deflated.
        direction: Which way the frame goes.
        match: A pattern that its payload must contain.
        opcode: What it must be; None is any data frame.
        nth: Only the so manieth that matches, counted from 1.
        count: How often it strikes; None is until it is taken out.
        probability: Drawn for each frame that matches.
    """

    kind: Kind
    direction: Direction = "down"
    match: bytes = b""
    opcode: int | None = None
    nth: int | None = None
    count: int | None = None
    probability: float = 1.0
    seconds: float = 0.0
    seconds_max: float = 0.0
    copies: int = 1
    window: int = 5
    size: int = 0
    payload: bytes = b""
    seen: int = 0
    struck: int = 0
    window_frames: list[ws.Frame] = field(default_factory=list)

    def strikes(self, frame: ws.Frame, draw: random.Random) -> bool:
        """Return True where this frame is struck; counts."""
        fits = frame.is_data if self.opcode is None else frame.opcode == self.opcode
        if (
            not fits
            or not re.search(self.match, frame.payload)
            or (self.count is not None and self.struck >= self.count)
        ):
            return False
        self.seen += 1
        if self.nth is not None and self.seen != self.nth:
            return False
        if self.probability < 1 and draw.random() >= self.probability:
            return False
        self.struck += 1
        return True


@dataclass(frozen=True, slots=True)
class Sending:
    """
    Bytes on their way.

    Attributes:
        data: What is written.
        after_s: How long it waits.
        in_order: Whether nothing that came later may overtake it.
        ends: Whether the connection ends with it.
        payload: Of the message in it, where that is not the struck frame's.
    """

    data: bytes
    after_s: float = 0.0
    in_order: bool = True
    ends: bool = False
    payload: bytes = b""


def applied(rule: Rule, frame: ws.Frame, draw: random.Random) -> list[Sending]:
    """Return the bytes sent in the place of a frame that was struck."""
    raw, payload = frame.raw, frame.payload
    match rule.kind:
        case "drop":
            return []
        case "duplicate":
            return [Sending(raw)] * (1 + rule.copies)
        case "hold":
            return [Sending(raw, rule.seconds, in_order=False)]
        case "delay":
            return [Sending(raw, draw.uniform(rule.seconds, max(rule.seconds, rule.seconds_max)))]
        case "truncate":
            return [Sending(raw[: len(raw) // 2], ends=True)]
        case "reorder":
            rule.window_frames.append(frame)
            return released(rule, draw) if len(rule.window_frames) >= rule.window else []
        case "fragment" | "interrupt":
            return [Sending(_in_pieces(payload, rule.size or 1, interrupted=rule.kind == "interrupt"))]
        case "replace":
            return [Sending(_in_pieces(rule.payload, rule.size or len(rule.payload), interrupted=False))]
    wrong = {
        "garble": ws.encode(ws.TEXT, payload[: len(payload) // 2]),
        "utf8": ws.encode(ws.TEXT, payload[:-1] + b"\xff" + payload[-1:]),
        "opcode": ws.encode(ws.RESERVED_OPCODE, payload),
        "reserved": ws.encode(ws.TEXT, payload, reserved=2),
        "masked": ws.encode(ws.TEXT, payload, mask=True),
        "binary": ws.encode(ws.BINARY, payload),
        "compressed": ws.encode(ws.TEXT, _deflated(payload), reserved=4),
    }
    return [Sending(wrong[rule.kind])]


def released(rule: Rule, draw: random.Random) -> list[Sending]:
    """The frames of a window, in another order than they came."""
    frames, rule.window_frames = rule.window_frames, []
    order = list(range(len(frames)))
    while len(order) > 1 and order == sorted(order):
        draw.shuffle(order)
    return [Sending(frames[place].raw, payload=frames[place].payload) for place in order]


def _deflated(payload: bytes) -> bytes:
    """As the extension permessage-deflate would send it (RFC 7692), which nobody has offered."""
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(payload) + packer.flush(zlib.Z_SYNC_FLUSH)[:-4]


def _in_pieces(payload: bytes, size: int, *, interrupted: bool) -> bytes:
    out = bytearray()
    for begin in range(0, len(payload), size):
        opcode = ws.CONTINUATION if begin else ws.TEXT
        if begin and interrupted:
            out += ws.encode(ws.PONG, b"")  # A ping would have to be answered, and ten a second are allowed.
        out += ws.encode(opcode, payload[begin : begin + size], fin=begin + size >= len(payload))
    return bytes(out)
