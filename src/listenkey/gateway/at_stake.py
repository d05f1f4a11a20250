"""
Remember from one start to the next what each account holds, so that those with positions and live orders start first.

A hint and no record: a file that is missing or can't be read changes the order of a start, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from listenkey.gateway.whole_file import write_whole

FILE: Final = "at-stake.json"
BYTES_MAX: Final = 16 * 1024 * 1024
"""Of the file: room for 200,000 accounts."""

Risk = tuple[int, ...]
"""The stake of an account, as `AccountState.risk` has it; the larger goes first."""

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(dict[str, Risk]).decode


def read_stakes(folder: Path) -> dict[str, Risk]:
    """Return what was at stake for each account when it was noted last; empty where that is not known."""
    try:
        with (folder / FILE).open("rb") as file:
            return _decode(file.read(BYTES_MAX))
    except (OSError, msgspec.DecodeError):
        return {}


def note_stakes(folder: Path, stakes: Mapping[str, Risk]) -> None:
    """Note what is at stake for each account. Raises OSError where that can't be written; the note before stays."""
    write_whole(folder / FILE, _encode(stakes))
