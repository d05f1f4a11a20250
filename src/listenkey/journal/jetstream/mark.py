"""The mark of an account: until when its stream was whole, and what the items at its end do not say by themselves."""

from __future__ import annotations

from typing import Final

import msgspec

from listenkey.core.gaps import Epoch, Watermark


class GapMark(msgspec.Struct, frozen=True):
    """A gap that is open: since when, and what REST brought back in it so far."""

    from_ms: Epoch
    updates: int = 0
    fills: int = 0
    orders: int = 0


class Mark(msgspec.Struct, frozen=True, omit_defaults=True):
    """
    The note that an owner writes down once in a while, and its successor reads.

    Attributes:
        token: The fencing token of the owner that wrote it.
        seq: The newest item that was stored then.
        covered_ms: Until when the stream was whole with it, by the wall clock; 0 where it was never live.
        by: The same by more clocks.
        began_ms: Since when the stream was first whole; 0 where that is not known.
        gap: The gap that is open behind that item.
    """

    token: int
    seq: int
    covered_ms: Epoch = 0
    by: Watermark | None = None
    began_ms: Epoch = 0
    gap: GapMark | None = None


NO_MARK: Final = Mark(0, 0)

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Mark).decode


def mark_bytes(mark: Mark) -> bytes:
    """Return a mark as it is stored."""
    return _encode(mark)


def read_mark(value: bytes | None) -> Mark:
    """
    Read a mark; an empty one where there is none, or none that could be meant.

    Without it, the newest item that says so tells until when the stream was whole: that costs a longer gap, and refusing
    the account would cost all of it.
    """
    if value is None:
        return NO_MARK
    try:
        return _decode(value)
    except msgspec.DecodeError:
        return NO_MARK
