"""
The watermark of a stream: until when it is known to be whole, by each clock that was at hand.

A process reads what an earlier one wrote by its wall clock, and either clock may be wrong. So the watermark holds two
more: the clock that is never set and goes on until the machine is booted again, and the venue's.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NamedTuple

from listenkey.core.gaps import Resumed, Watermark

LEAD_MS: Final = 2_000
"""The delay up to which events may have been on their way; a longer one shows a wall clock that is ahead."""

SHIFT_MS: Final = 1_000
"""The most by which two readings of good clocks may differ."""


class Reading(NamedTuple):
    """The clocks of this process at one moment: which boot, seconds since then, epoch ms."""

    boot: str
    up_s: float
    wall_ms: int


class _Here(NamedTuple):
    """A moment by the clocks of this process: epoch ms, and seconds on the clock that is never set, if known."""

    wall_ms: int
    up_s: float | None


def on_this_clock(left: Resumed, now: Reading) -> Resumed:
    """
    Convert the state of an earlier process to this one's clocks. A coverage that lies in the future is none.

    Args:
        left: As it was written down.
        now: The clocks now.
    """
    covered_ms, watermark = left.covered_until_ms, left.watermark
    if covered_ms is None:
        return left
    exact = (
        watermark if watermark is not None and watermark.wall_ms == covered_ms else None
    )  # else another release wrote on
    here = _here(covered_ms, exact, left.lead_ms, now)
    shift_ms = here.wall_ms - covered_ms
    if abs(shift_ms) <= SHIFT_MS and covered_ms <= now.wall_ms:
        shift_ms = 0
    back_ms = min(shift_ms, 0)  # Too early by one clock is harmless; too late would hide what was missed.
    open_from_ms, open_from_s = left.open_from_ms, None
    if open_from_ms is not None and here.up_s is not None:
        open_from_s = here.up_s + (open_from_ms - covered_ms) / 1000
    began_ms = watermark.began_ms if watermark is not None else left.began_ms
    return replace(
        left,
        covered_until_ms=covered_ms + back_ms,
        covered_until_s=here.up_s,
        covered_venue_ms=exact.venue_ms if exact is not None else None,
        open_from_s=open_from_s,
        # A gap that was told by a clock that was ahead is told again, from where it began by this one.
        open_since_ms=None if open_from_ms is None else min(open_from_ms + back_ms, now.wall_ms),
        began_ms=min(began_ms + back_ms, covered_ms + back_ms) if began_ms else 0,
        began_venue_ms=watermark.began_venue_ms if watermark is not None else None,
    )


def _here(covered_ms: int, watermark: Watermark | None, lead_ms: int | None, now: Reading) -> _Here:
    if watermark is not None and watermark.boot and watermark.boot == now.boot:
        ago_ms = round(now.up_s * 1000) - watermark.up_ms
        if ago_ms >= 0:
            return _Here(now.wall_ms - ago_ms, watermark.up_ms / 1000)
    # The clocks say nothing of each other. Events from the past show one that was ahead; too early a gap loses nothing.
    if lead_ms is not None and lead_ms > LEAD_MS:
        covered_ms -= lead_ms
    elif covered_ms > now.wall_ms and watermark is not None and watermark.began_ms:
        # It was ahead by that much at least, and nothing says by how much more: only the beginning is certain.
        covered_ms = watermark.began_ms - (covered_ms - now.wall_ms)
    return _Here(max(0, min(covered_ms, now.wall_ms)), None)
