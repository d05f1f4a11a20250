"""The clock and the random numbers of one stream. The simulation passes its own."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Final

from listenkey.core.inputs import Moment
from listenkey.transport.clock import Clock, SystemClock

_RANDOM: Final = random.Random()
"""One for all streams: each of its own would weigh a tenth of an idle stream."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """
    The sources of time and chance: given the same, and the same from outside, a stream does the same again.

    Attributes:
        clock: For all times.
        random: For jitter.
    """

    clock: Clock = field(default_factory=SystemClock)
    random: random.Random = _RANDOM

    def moment(self) -> Moment:
        """Return the present moment as an input has it: both clocks, and a number drawn for it."""
        return Moment(self.clock.now_s(), self.clock.wall_ms(), self.random.random())
