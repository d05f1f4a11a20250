"""The states of a stream's life."""

from __future__ import annotations

from enum import Enum


class State(Enum):
    """The states of a stream's life."""

    NEW = "new"
    KEYING = "keying"  # no key that can be used: POST is under way, or waits
    CONNECTING = "connecting"  # a key, no socket
    PROVING = "proving"  # the key is on a socket; that it lived when it got there is not shown yet (rule 4)
    RECOVERING = "recovering"  # proven; its events wait while REST is asked for what came before them
    LIVE = "live"
    ROTATING = "rotating"  # live, and the successor of the socket is being opened or compared
    ENDED = "ended"
