"""The report of a checker that something is wrong."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Violation:
    """
    One thing that must not be.

    Attributes:
        rule: Which checker, and which of its rules.
        who: The stream or process.
        at_s: When, seconds since the beginning.
        what: In words.
        stuck: Nothing false was told, but the stream does not go on.
    """

    rule: str
    who: str
    at_s: float
    what: str
    stuck: bool = False

    def __str__(self) -> str:
        return f"{self.rule}: {self.who} at {self.at_s:.3f} s: {self.what}"
