"""Writes down until when a stream is known to be whole, for the next process."""

from __future__ import annotations

from listenkey.core.gaps import Watermark
from listenkey.core.lifecycle import Lifecycle
from listenkey.journal.base import Journal
from listenkey.stream.recovery import Recovery
from listenkey.transport.clock import Clock


class WatermarkWriter:
    """
    Writes the watermark of a journal in a file. A journal in memory has no next process, and needs none.

    Args:
        life: The stream's lifecycle.
        journal: Where it is written.
        clock: For all times.

    Attributes:
        recovery: Knows what REST has not listed yet; None without a secret.
    """

    __slots__ = ("_clock", "_journal", "_life", "_written_s", "recovery")

    def __init__(self, life: Lifecycle, journal: Journal, clock: Clock) -> None:
        self.recovery: Recovery | None = None
        self._clock = clock
        self._life = life
        self._journal = journal
        self._written_s = float("-inf")

    def heard(self, number: int, now_s: float) -> None:
        """
        Note that a socket was heard; it counts where it is followed, and the stream is whole.

        A frame that comes now was sent a while ago, and what was sent since is not covered: an answered ping tells.
        """
        life, recovery = self._life, self.recovery
        if number != life.connections.followed or not life.is_whole:
            return
        if recovery is None:
            wall_ms, at_s = life.listen_key.proof
        else:
            socket = life.connections.sockets[number]
            wall_ms, at_s = socket.covered_ms, socket.covered_s
        if at_s > self._written_s and (recovery is None or recovery.audits.is_audited(now_s)):
            self._note(wall_ms, at_s)

    def live_since(self, since_ms: int) -> None:
        """Note that the stream is live since then, wall clock."""
        self._note(since_ms, self._clock.now_s() - (self._clock.wall_ms() - since_ms) / 1000)

    def _note(self, wall_ms: int, at_s: float) -> None:
        """The stream is whole until this moment, by both of our clocks; nothing to do where that is noted."""
        if at_s <= self._written_s:
            return
        if self.recovery is not None and self.recovery.audits.outstanding:
            return  # The next process does not know of what REST would not list, and has to look back as far.
        self._written_s = at_s
        began_ms = self._life.gaps.began_ms
        venue_ms, began_venue_ms = (None, None) if self.recovery is None else self.recovery.by_venue(at_s, began_ms)
        watermark = Watermark(wall_ms, self._clock.boot(), round(at_s * 1000), venue_ms, began_ms, began_venue_ms)
        self._journal.heard(wall_ms, watermark)
