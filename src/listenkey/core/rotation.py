"""
Replace a socket before the venue cuts it: open the successor first, compare, then let the old one go.

Rule of the venue that is obeyed here:
    4. An acknowledged SUBSCRIBE proves nothing. (jabdori/maxt, measured on the same host)
"""

from __future__ import annotations

from listenkey.core.inputs import Moment
from listenkey.core.socket_view import SocketView
from listenkey.core.timing import Timing


class Rotation:
    """
    The overlap of a socket and its successor. Between two of them it is idle.

    Attributes:
        count: The successors that have taken over.
        successor: The number of the socket that is to take over, or None where no rotation is under way.
        overlap_until_s: When both are to be compared; None while the successor is not attached.
        pong_seen: True where all that the old socket was sent before the successor was attached has come.
    """

    __slots__ = ("_barrier_ping", "_timing", "count", "overlap_until_s", "pong_seen", "successor")

    def __init__(self, timing: Timing) -> None:
        self.count = 0
        self.successor: int | None = None
        self.overlap_until_s: float | None = None
        self.pong_seen = False
        self._timing = timing
        self._barrier_ping = 0

    def deadlines(self) -> list[float]:
        """Return the times at which `TimerDue` is wanted."""
        return [] if self.overlap_until_s is None else [self.overlap_until_s]

    def begin(self, successor: int) -> None:
        """The successor is being opened."""
        self.end()
        self.successor = successor

    def attached(self, barrier_ping: int, now: Moment) -> None:
        """
        The successor is attached.

        Args:
            barrier_ping: The number of a ping that was sent on the old socket now. The pong that answers it comes
                behind everything the old socket was sent before.
            now: The time.
        """
        self.overlap_until_s = now.s + self._timing.overlap_s
        self._barrier_ping = barrier_ping

    def ponged(self, ping: int) -> bool:
        """A ping of the old socket was answered. Returns True where the overlap is complete with it."""
        is_behind = ping >= self._barrier_ping > 0
        self.pong_seen |= is_behind
        return is_behind

    def brought(self, socket: SocketView, count: int) -> None:
        """Count the events of a socket."""
        # Of the old one count those behind the pong: they were sent when the successor was attached, so it has them, too.
        if socket.attached and (self.pong_seen or socket.number == self.successor):
            socket.brought += count

    def is_due(self, now: Moment) -> bool:
        """Return True where both can be compared; where they should be and can't, wait a little longer."""
        if self.overlap_until_s is None or now.s < self.overlap_until_s:
            return False
        if not self.pong_seen:
            # The old one is slow to answer; its own silence timer ends the wait at the latest.
            self.overlap_until_s = now.s + self._timing.ping_after_s
        return self.pong_seen

    def end(self) -> None:
        """Forget the successor: it has taken over, or will not."""
        self.successor = None
        self.overlap_until_s = None
        self.pong_seen = False
        self._barrier_ping = 0
