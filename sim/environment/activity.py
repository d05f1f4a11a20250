"""The acts of a client process, as they are seen from outside of it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Asked:
    """One request: when it was sent, and when and how it was answered, if it was."""

    at_us: int
    method: str
    path: str
    weight: int = 1
    answered_us: int | None = None
    status: int | None = None
    wait_until_us: int = 0
    """The time until which the answer said that nothing may be sent."""


@dataclass(slots=True)
class Client:
    """The acts of one process, seen from outside of it; behind the processes come their co-tenants, by their seats."""

    asked: list[Asked] = field(default_factory=list)
    starts_us: list[int] = field(default_factory=list)
    """
    The starts of later processes that do not know the items and the weight of the one before: it has no journal, or the
    power was cut, or the wall clock was set, by which such things are written down.
    """
    lives_us: list[int] = field(default_factory=list)
    """The start of each later process."""
    connects_us: list[int] = field(default_factory=list)
    open_most: int = 0
    open_at_end: int = 0
    handles_in_a_second_most: int = 0
    stalls_us: list[tuple[int, int]] = field(default_factory=list)
    """The times when it did not run: stalled, or its machine asleep."""
    wall_offsets: list[tuple[int, int]] = field(default_factory=list)
    """Pairs of a time, microseconds, and the milliseconds by which the wall clock was ahead from then on."""
