"""The open sockets of one stream, by the lifecycle's numbers."""

from __future__ import annotations

from listenkey.core import actions as do
from listenkey.core.deduplicator import Deduplicator
from listenkey.stream.connection import Connection, ConnectionListener
from listenkey.stream.listen_key_manager import Attachment
from listenkey.transport.base import Connect
from listenkey.transport.clock import Clock


class Sockets:
    """
    Opens, pings and drops connections.

    Args:
        deduplicator: Holds events of sockets; those of a dropped one are forgotten.
        clock: For round trips.
        connect: Opens WebSockets.

    Attributes:
        round_trip_s: Of the last ping that was answered; None before.
    """

    __slots__ = ("_clock", "_connect", "_connections", "_deduplicator", "round_trip_s")

    def __init__(self, deduplicator: Deduplicator, clock: Clock, connect: Connect) -> None:
        self.round_trip_s: float | None = None
        self._clock = clock
        self._connect = connect
        self._deduplicator = deduplicator
        self._connections: dict[int, Connection] = {}

    async def open(
        self,
        action: do.OpenSocket,
        attachment: Attachment,
        timeout_s: float,
        listener: ConnectionListener,
        connect: Connect | None = None,
    ) -> None:
        """
        Open a connection with the listen key on it, and tell `listener` what it brings; `connect` opens this one.

        Raises:
            ListenKeyError: It did not come up. The caller drops it.
        """
        connection = self._connections[action.socket] = Connection(action.socket, action.key, listener, self._clock)
        await connection.open(connect or self._connect, attachment, timeout_s)

    def ping(self, number: int, ping: int) -> None:
        """Send a ping, where the socket is still there."""
        if number in self._connections:
            self._connections[number].ping(ping)

    def read_less(self, number: int) -> None:
        """Bound the size of one read of this socket, from now on."""
        if number in self._connections:
            self._connections[number].read_less()

    def drop(self, number: int, *, politely: bool) -> None:
        """End a connection, and forget the events that are held of it."""
        self._deduplicator.forget(number)
        connection = self._connections.pop(number, None)
        if connection is not None:
            connection.drop(politely=politely)

    def lost(self, number: int) -> None:
        """Let go of a connection that has ended by itself."""
        self._connections.pop(number, None)

    def abort(self) -> None:
        """Drop all connections at once."""
        for connection in self._connections.values():
            connection.drop(politely=False)
        self._connections.clear()
