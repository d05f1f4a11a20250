"""The pings of a shared socket: one for all who asked since the last."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, TypeAlias

from listenkey.gateway.shared_sockets.socket_seat import SocketSeat
from listenkey.stream.pings import PINGS_AWAITED_MAX
from listenkey.transport.clock import Clock

PINGS_APART_S: Final = 0.5
"""Between two pings of a socket: who asks meanwhile waits for the next one. Two of the ten messages a second."""

AskedPing: TypeAlias = tuple[SocketSeat, int]


class SharedPings:
    """
    Sends pings, and says whose each pong answers.

    A pong proves that all was read which the other side had sent before it got the ping. So a ping serves who asked
    before it was sent, and never who asks while it is under way.

    Args:
        send: Sends one, with its number.
        clock: For their distance.
    """

    __slots__ = ("_asked", "_clock", "_last_s", "_number", "_send", "_sent", "_timer")

    def __init__(self, send: Callable[[int], None], clock: Clock) -> None:
        self._send = send
        self._clock = clock
        self._number = 0
        self._last_s = float("-inf")
        self._asked: list[AskedPing] = []
        self._sent: dict[int, list[AskedPing]] = {}
        self._timer: asyncio.Handle | None = None

    def ask(self, seat: SocketSeat, number: int) -> None:
        """Send a ping for this seat, now or in a moment; the seat is told `number` with the pong."""
        self._asked.append((seat, number))
        if self._timer is None:
            wait_s = max(0.0, self._last_s + PINGS_APART_S - self._clock.now_s())
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._ping)

    def answered(self, number: int) -> list[AskedPing]:
        """Return those whom a pong answers: a peer may answer the newest of several pings only."""
        return [asked for sent in [sent for sent in self._sent if sent <= number] for asked in self._sent.pop(sent)]

    def stop(self) -> None:
        """Send nothing any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _ping(self) -> None:
        self._timer = None
        self._last_s = self._clock.now_s()
        self._number += 1
        self._sent[self._number], self._asked = self._asked, []
        while len(self._sent) > PINGS_AWAITED_MAX:
            del self._sent[min(self._sent)]
        self._send(self._number)
