"""A remark among a stream's items that is not the stream's: the demo's, when it breaks something."""

from __future__ import annotations

from typing import NamedTuple


class Note(NamedTuple):
    """
    A line of words between the items.

    Attributes:
        at_ms: When, wall clock, epoch ms.
        words: What; begins with a word in capitals, as gaps do.
    """

    at_ms: int
    words: str
