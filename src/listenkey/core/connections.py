"""
Keep a stream's sockets: which are open, which one is followed, and when to try again.

Rule of the venue that is obeyed here:
    2. A socket is cut after 24 hours. [O user-data-streams]
"""

from __future__ import annotations

from listenkey.core import actions as do
from listenkey.core import inputs as on
from listenkey.core.backoff import Repeats
from listenkey.core.inputs import Moment
from listenkey.core.socket_view import SocketView
from listenkey.core.timing import Timing, rotate_after_s
from listenkey.credentials import Secret


class Connections:
    """
    The sockets of one stream.

    Args:
        timing: How long what takes.
        actions: Where actions are put, to be started in this order.

    Attributes:
        sockets: Those that are open or being opened, by number.
        followed: The number of the one whose events are delivered, or None.
        reconnects: How often a live one was lost.
        open_at_s: When to try again to open one; None while that is not waited for.
        pings: How many pings were sent: the number of the last one.
        slack_s: As in `SocketView`; of new sockets, too.
    """

    __slots__ = (
        "_actions",
        "_losses",
        "_opened",
        "_timing",
        "followed",
        "open_at_s",
        "pings",
        "reconnects",
        "slack_s",
        "sockets",
    )

    def __init__(self, timing: Timing, actions: list[do.Action]) -> None:
        self.sockets: dict[int, SocketView] = {}
        self.followed: int | None = None
        self.reconnects = 0
        self.open_at_s: float | None = None
        self.pings = 0
        self.slack_s = 0.0
        self._timing = timing
        self._actions = actions
        self._opened = 0
        self._losses = Repeats(timing.quick_reconnects, timing.flap_window_s)

    def deadlines(self) -> list[float]:
        """Return the times at which `TimerDue` is wanted."""
        attached = [socket for socket in self.sockets.values() if socket.attached]
        times = [min(socket.dead_at_s, socket.ping_at_s(self._timing)) for socket in attached]
        return times if self.open_at_s is None else [*times, self.open_at_s]

    # --- opening and following -----------------------------------------------------------------------------------

    def open(self, key: Secret, now: Moment) -> int:
        """Open a socket for this key; returns its number."""
        self._opened += 1
        number = self._opened
        self.sockets[number] = SocketView(number, key, opened_s=now.s)
        self._actions.append(do.OpenSocket(number, key))
        return number

    def attached(self, happened: on.SocketAttached, now: Moment) -> SocketView:
        """The key is on this socket now. Rule 2 counts from when the socket was opened, perhaps for other keys."""
        socket = self.sockets[happened.socket]
        socket.slack_s = self.slack_s
        socket.attach(now.s, now.wall_ms, self._timing)
        socket.rotate_at_s = socket.opened_s - happened.age_s + rotate_after_s(self._timing, now.draw)
        return socket

    def the_followed(self) -> SocketView:
        """Return the socket whose events are delivered; there is one."""
        assert self.followed is not None, "a stream that is live follows a socket"
        return self.sockets[self.followed]

    def deliver(self, number: int) -> None:
        """Follow this socket, and deliver its events from now on, with those that were held."""
        self.followed = number
        self._actions.append(do.Follow(number))

    def rest(self, *, is_idle: bool) -> None:
        """
        Leave out every second ping of an idle account while they are answered.

        Most sockets of a gateway are idle, and pings are most of their cost. A dead one is noticed in ten seconds and not in 7.5.
        """
        self.slack_s = self._timing.ping_after_s if is_idle else 0.0
        for socket in self.sockets.values():
            socket.slack_s = self.slack_s

    # --- while it is open ----------------------------------------------------------------------------------------

    def heard(self, number: int, now_s: float) -> None:
        """Bytes came in on a socket: it lives. Called for each batch of frames, so it does little."""
        socket = self.sockets.get(number)
        if socket is not None:
            socket.hear(now_s, self._timing)

    def ping(self, number: int, now: Moment) -> int:
        """Send a ping; returns its number."""
        self.pings += 1
        self.sockets[number].pinged_s = now.s
        self._actions.append(do.SendPing(number, self.pings))
        return self.pings

    def ponged(self, happened: on.PongCame, now: Moment) -> None:
        """A ping was answered."""
        socket = self.sockets.get(happened.socket)
        if socket is not None:
            socket.ponged(now.s, now.wall_ms, happened.round_trip_s)
            socket.hear(now.s, self._timing)

    # --- letting go ----------------------------------------------------------------------------------------------

    def abort(self, number: int) -> None:
        """Cut a socket off; it need not be known."""
        self.sockets.pop(number, None)
        self._actions.append(do.AbortSocket(number))

    def close(self, number: int) -> None:
        """Close a socket with a goodbye."""
        del self.sockets[number]
        self._actions.append(do.CloseSocket(number))

    def close_all(self) -> None:
        """Close every socket; none is followed."""
        self.followed = None
        for number in list(self.sockets):
            self.close(number)

    def abort_all(self) -> None:
        """Cut every socket off; none is followed."""
        self.followed = None
        for number in list(self.sockets):
            self.abort(number)

    def lost(self, number: int) -> SocketView | None:
        """Forget a socket that has ended. Returns it where it was followed, else None."""
        socket = self.sockets.pop(number, None)
        if number != self.followed:
            return None
        self.followed = None
        return socket

    def count_loss(self, now: Moment) -> None:
        """A socket that was live has ended."""
        self._losses.happened(now.s)
        self.reconnects += 1

    def extra_attempts(self, now_s: float) -> int:
        """Return the attempts to add to the next delay, for live sockets that were lost again and again."""
        return self._losses.extra_attempts(now_s)
