"""A line among a stream's items that is not the stream's: the demo's, when it breaks something."""

from __future__ import annotations

from typing import NamedTuple


class Annotation(NamedTuple):
    """
    A line of text between the items.

    Attributes:
        at_ms: When, wall clock, epoch ms.
        text: What; begins with a word in capitals, as gaps do.
    """

    at_ms: int
    text: str
