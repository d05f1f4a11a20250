"""
Judge whether the venue delivers to listen keys that share a socket. Pure: time is a number.

An acknowledgement proves nothing, and a key that is silent may be that of an idle account. So it counts what only one
of both worlds shows, and each method returns the reason to share no more, or nothing.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from listenkey.credentials import Secret

ALONE_MAX: Final = 4_096
"""Listen keys that get a socket of their own; the oldest is forgotten, and may share again."""

DOUBTS_MAX: Final = 5
"""Losses within `DOUBT_WINDOW_S` after which keys share no more, although two of one socket were seen to deliver."""

DOUBT_WINDOW_S: Final = 600.0

ENDS_MAX: Final = 3
"""Sockets that ended, one after the other, while the venue was asked to take a further key."""

REFUSED: Final = "it refused a listen key beside others, and took the same one alone"
UNPROVEN: Final = (
    "an event was missing of a listen key that shares a socket, and no two keys of one were seen to deliver"
)
MISSING: Final = f"events of listen keys that share a socket were missing {DOUBTS_MAX} times"
ENDED: Final = f"it ended {ENDS_MAX} sockets when they were to take a further listen key"


class SharingEvidence:
    """
    The signs so far.

    Attributes:
        is_proven: True once two keys have delivered that were on one socket together.
    """

    __slots__ = ("_alone", "_doubts_s", "_ends", "_refused", "is_proven")

    def __init__(self) -> None:
        self.is_proven = False
        self._alone: dict[Secret, None] = {}
        self._refused: set[Secret] = set()
        self._doubts_s: deque[float] = deque(maxlen=DOUBTS_MAX)
        self._ends = 0

    def is_alone(self, key: Secret) -> bool:
        """Return True where a key is to have a socket of its own."""
        return key in self._alone

    def set_alone(self, key: Secret) -> None:
        """Have a key get a socket of its own from now on."""
        while len(self._alone) >= ALONE_MAX:
            oldest = next(iter(self._alone))
            del self._alone[oldest]
            self._refused.discard(oldest)
        self._alone[key] = None

    def took(self, key: Secret, *, beside_others: bool) -> str:
        """The venue has taken a key."""
        if beside_others:
            self._ends = 0
        return REFUSED if key in self._refused and not beside_others else ""

    def refused(self, key: Secret, *, beside_others: bool) -> None:
        """The venue has refused a key. A dead one is refused alone as well."""
        if beside_others:
            self.set_alone(key)
            self._refused.add(key)

    def delivers(self) -> None:
        """Two keys have delivered that were on one socket together."""
        self.is_proven = True

    def doubt(self, key: Secret, now_s: float) -> str:
        """An event was missing that the shared socket of a key should have brought."""
        if not self.is_proven:
            return UNPROVEN
        self._doubts_s.append(now_s)
        if len(self._doubts_s) == DOUBTS_MAX and now_s - self._doubts_s[0] < DOUBT_WINDOW_S:
            return MISSING
        self.set_alone(key)
        return ""

    def ended_while_asked(self) -> str:
        """A socket has ended while the venue was asked to take a further key on it."""
        self._ends += 1
        return ENDED if self._ends >= ENDS_MAX else ""
