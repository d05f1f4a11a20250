"""The model of faults: plain data, so that a failing run can be made shorter by leaving some out, and kept as a test."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

Params: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """
    One fault of one run.

    Attributes:
        kind: One of `registry.KINDS`.
        client: Which process it hits, counted from 0.
        at_s: When it begins, seconds from the run's beginning.
        for_s: How long it lasts; 0 for what happens at one instant.
        params: What else its kind takes.
    """

    kind: str
    client: int
    at_s: float
    for_s: float
    params: tuple[tuple[str, Any], ...] = ()

    @property
    def until_s(self) -> float:
        """The time when it ends."""
        return self.at_s + self.for_s

    def param(self, name: str, default: Any = None) -> Any:
        """One of its parameters."""
        return dict(self.params).get(name, default)


@dataclass(frozen=True, slots=True)
class Kind:
    """
    One kind of fault.

    Attributes:
        least_s: How long it lasts at least; 0 and 0 for what happens at one instant.
        most_s: How long at most.
        per_day: How often a client meets it in a day, where the seed has it at all.
        draw: Its parameters.
        share: How many of the worlds have it; None where the world draws that, too.
    """

    least_s: float
    most_s: float
    per_day: float
    draw: Callable[[random.Random], Params] = lambda _: {}
    share: float | None = None
