"""Hold what a lifecycle knows of its sockets, and when each is due for a ping or counts as dead."""

from __future__ import annotations

from dataclasses import dataclass

from listenkey.core.timing import Timing
from listenkey.credentials import Secret


@dataclass(slots=True)
class SocketView:
    """
    One socket as the lifecycle sees it.

    Attributes:
        number: Its number, counted from 1 over the stream's life.
        key: The listen key that is on it.
        opened_s: When opening began.
        attached: Whether the key is on it.
        attached_s: When that was acknowledged.
        attached_ms: The same, wall clock.
        heard_s: When anything last came in.
        covered_ms: Until when all that it was sent has surely been read, wall clock. Not when something was last read:
            after a stall that may have waited in the system's buffer for minutes, and what came behind it is lost.
        covered_s: The same, by the clock that is never set.
        pinged_s: When we last pinged.
        dead_at_s: When silence means death; moves with every frame.
        rotate_at_s: When its successor is to be opened.
        slack_s: The time by which pings may be further apart, and silence longer, as the account is idle.
        brought: Events that came while it and another socket must bring the same.
    """

    number: int
    key: Secret
    opened_s: float
    attached: bool = False
    attached_s: float = 0.0
    attached_ms: int = 0
    heard_s: float = 0.0
    covered_ms: int = 0
    covered_s: float = 0.0
    pinged_s: float = 0.0
    dead_at_s: float = 0.0
    rotate_at_s: float = 0.0
    slack_s: float = 0.0
    brought: int = 0

    def attach(self, now_s: float, wall_ms: int, timing: Timing) -> None:
        """The key is on it now."""
        self.attached = True
        self.attached_s = now_s
        self.attached_ms = wall_ms
        # The answer that says so may have been on its way for seconds, and what came after it still is.
        self.covered_ms = wall_ms - round((now_s - self.opened_s) * 1000)
        self.covered_s = self.opened_s
        self.pinged_s = now_s
        self.hear(now_s, timing)

    def hear(self, now_s: float, timing: Timing) -> None:
        """Note that a frame came in: any frame counts as life."""
        self.heard_s = now_s
        self.dead_at_s = now_s + timing.dead_after_s + self.slack_s

    def ponged(self, now_s: float, wall_ms: int, round_trip_s: float) -> None:
        """A ping was answered: all that the other side sent before it got the ping has been read."""
        self.covered_ms = wall_ms - round(round_trip_s * 1000)
        self.covered_s = now_s - round_trip_s

    def ping_at_s(self, timing: Timing) -> float:
        """
        Return when to ping. Also while frames come in: only a pong proves until when nothing is lost.

        A ping that was not answered is repeated without slack, so that a socket is dead after two all the same.
        """
        is_answered = self.heard_s >= self.pinged_s
        return self.pinged_s + timing.ping_after_s + (self.slack_s if is_answered else 0.0)

    def unread_since_ms(self, now_s: float, wall_ms: int, timing: Timing) -> int:
        """
        Return the time since which a frame that is read now may have waited, wall clock.

        Now, while our pings are answered. After a stall of ours it may have come at any time since the last answer.
        """
        unproven_s = now_s - self.covered_s
        is_late = self.attached and unproven_s > timing.ping_after_s + self.slack_s + timing.late_s
        return wall_ms - round(unproven_s * 1000) if is_late else wall_ms

    def give_grace(self, now_s: float, timing: Timing) -> None:
        """
        We were asleep or stalled, so the silence may be our own.

        What waits in the system's buffer is read before the next timer, and a living peer answers a ping in this time.
        """
        self.dead_at_s = max(self.dead_at_s, now_s + timing.ping_after_s)
