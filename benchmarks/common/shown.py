"""One line of what was measured."""

from __future__ import annotations

from typing import NamedTuple


class Shown(NamedTuple):
    """A measurement: the figure, the bar, and if it was held."""

    what: str
    figure: str
    bar: str
    held: bool
