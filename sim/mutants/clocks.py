"""Builds that believe what a clock wrote, or what a line only shows late."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from listenkey.core import gaps, rate_limit_state, socket_view
from listenkey.core.gaps import Resumed
from listenkey.stream import driver, windows
from sim.mutants.patching import Patches, put, rewritten


def before_first_live_told(patches: Patches) -> None:
    """A later process does not know since when the stream is to be whole."""
    real = windows.Windows.resume

    def resume(self: windows.Windows, left: Resumed) -> None:
        real(self, left)
        self.began_ms = None

    put(patches, windows.Windows, "resume", resume)
    rewritten(patches, gaps.Gaps, "resume", ("self.began_ms = left.began_ms", "self.began_ms = 0"))


def written_clock_believed(patches: Patches) -> None:
    """The end of coverage is believed as the process before wrote it down, whatever its clock was."""
    put(patches, driver, "on_this_clock", lambda left, _: left)


def written_ban_believed(patches: Patches) -> None:
    """The end of a ban is believed as the process before wrote it down."""
    put(patches, rate_limit_state.RateLimitState, "on_this_clock", lambda self, *_: self)
    put(
        patches, rate_limit_state.RateLimitState, "left_ms", lambda self, now_ms: max(0, self.blocked_until_ms - now_ms)
    )


def read_is_covered(patches: Patches) -> None:
    """A socket is covered up to the moment in which something is read, and a gap begins there, whatever it brings back."""

    def attach(self: socket_view.SocketView, now_s: float, wall_ms: int, timing: Any) -> None:
        self.attached, self.attached_s, self.attached_ms = True, now_s, wall_ms
        self.covered_ms, self.covered_s, self.pinged_s = wall_ms, now_s, now_s
        self.hear(now_s, timing)

    def ponged(self: socket_view.SocketView, now_s: float, wall_ms: int, _: float) -> None:
        self.covered_ms, self.covered_s = wall_ms, now_s

    put(patches, socket_view.SocketView, "attach", attach)
    put(patches, socket_view.SocketView, "ponged", ponged)
    put(patches, gaps.Gaps, "reach_back", lambda *_: None)


CLOCKS: tuple[Callable[[Patches], None], ...] = (
    before_first_live_told, written_clock_believed, written_ban_believed, read_is_covered,
)  # fmt: skip
