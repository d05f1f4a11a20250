"""One line of what was measured."""

from __future__ import annotations

from typing import NamedTuple


class Shown(NamedTuple):
    """What was measured, the figure, the bar, and whether it was held."""

    what: str
    figure: str
    bar: str
    held: bool
