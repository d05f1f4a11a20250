"""Pair the pongs of a connection with its pings."""

from __future__ import annotations

from typing import Final, NamedTuple

PINGS_AWAITED_MAX: Final = 16
"""Pings whose answers may be under way: on a slow line the next is sent before the last one's pong is back."""


class _SentPing(NamedTuple):
    number: int
    sent_s: float


class Pings:
    """The pings of one connection whose answers may be under way, and the pongs that are to be told later."""

    __slots__ = ("_late", "_sent")

    def __init__(self) -> None:
        self._sent: list[_SentPing] = []
        self._late: list[int] = []

    def sent(self, number: int, now_s: float) -> None:
        """Note a ping."""
        self._sent.append(_SentPing(number, now_s))
        del self._sent[:-PINGS_AWAITED_MAX]

    def answered(self, number: int, now_s: float) -> float | None:
        """Return the round trip of a ping, seconds, and forget it with those before it; None of one nobody waits for."""
        sent_s = next((sent.sent_s for sent in self._sent if sent.number == number), None)
        if sent_s is None:
            return None
        while self._sent and self._sent[0].number <= number:
            del self._sent[0]  # A peer may answer the newest of several pings only.
        return now_s - sent_s

    def put_off(self, number: int) -> None:
        """Keep a pong that came behind frames which are not all taken yet."""
        self._late.append(number)
        del self._late[:-PINGS_AWAITED_MAX]

    def take_late(self) -> list[int]:
        """Take the pongs that were put off."""
        late, self._late = self._late, []
        return late
