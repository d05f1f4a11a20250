"""
The arithmetic of a start: how many accounts go live per minute, and how long it takes until all are.

Two limits of the venue count per IP address: the weight of requests, of which keys may use four fifths in 60 seconds,
and the sockets that are opened, of which we use four fifths in 300. An account starts when both have room again, so the
first ones start at once, and each later one a window after the one whose room it takes.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Final, NamedTuple

from listenkey import venue
from listenkey.core.budget import WINDOW_S, Priority
from listenkey.core.connect_budget import CONNECT_WINDOW_S

KEY_WEIGHT: Final = 3 * venue.LISTEN_KEY_WEIGHT
"""The calls about the listen key before an account is live."""

PROOF_WEIGHT: Final = venue.WEIGHTS[venue.BILL_PATH]
"""The signed read that tests a secret."""

SHARED_WEIGHT: Final = 2 * venue.WEIGHTS[venue.TIME_PATH] + venue.WEIGHTS[venue.EXCHANGE_INFO_PATH]
"""The venue's clock and its limits, read once for all accounts."""


class ColdStart(NamedTuple):
    """
    The start of all accounts of a gateway.

    Attributes:
        accounts: How many there are.
        weight: What all of them cost together.
        weight_limit: The weight that the venue allows per minute.
        per_minute: Accounts that go live per minute under that limit.
        at_once: Accounts in the first burst.
        all_live_after_s: Seconds until the last is live, the answers' time not counted.
        bound_by: The limit that holds up the last one: "weight" or "connects"; "nothing" where all start at once.
    """

    accounts: int
    weight: int
    weight_limit: int
    per_minute: float
    at_once: int
    all_live_after_s: float
    bound_by: str


def cold_start(
    signing: int, not_signing: int = 0, *, weight_limit: int = venue.WEIGHT_PER_MINUTE_ASSUMED, keys_per_socket: int = 1
) -> ColdStart:
    """
    Return how a start goes on which finds no gap to refill.

    Args:
        signing: Accounts with a secret or private key; it is tested before they are live.
        not_signing: Accounts with an API key alone.
        weight_limit: Per minute.
        keys_per_socket: Listen keys that share a socket.
    """
    accounts = signing + not_signing
    weight = accounts * KEY_WEIGHT + signing * PROOF_WEIGHT + (SHARED_WEIGHT if accounts else 0)
    by_weight, by_connects = _at_once(signing / accounts if accounts else 1.0, weight_limit, keys_per_socket)
    times_s = _start_times_s(accounts, by_weight, by_connects)
    rates = {"weight": by_weight * 60 / WINDOW_S, "connects": by_connects * 60 / CONNECT_WINDOW_S}
    last_s = times_s[-1] if times_s else 0.0
    bound_by = "connects" if accounts > by_connects and rates["connects"] < rates["weight"] else "weight"
    return ColdStart(
        accounts,
        weight,
        weight_limit,
        rates[bound_by],
        min(accounts, by_weight, by_connects),
        last_s,
        bound_by if last_s else "nothing",
    )


def live_at_most(
    accounts: int, at_s: float, *, weight_limit: int = venue.WEIGHT_PER_MINUTE_ASSUMED, keys_per_socket: int = 1
) -> int:
    """Return how many of so many accounts with secrets can be live that long after the start, seconds."""
    return bisect_right(_start_times_s(accounts, *_at_once(1.0, weight_limit, keys_per_socket)), at_s)


def _at_once(signing_share: float, weight_limit: int, keys_per_socket: int) -> tuple[int, int]:
    """Return how many accounts each of the two limits lets start within one of its windows."""
    each = KEY_WEIGHT + PROOF_WEIGHT * signing_share
    sockets = int(venue.CONNECTIONS_PER_5_MIN * Priority.KEYS.value)
    return max(1, int(weight_limit * Priority.KEYS.value / each)), sockets * keys_per_socket


def _start_times_s(accounts: int, by_weight: int, by_connects: int) -> list[float]:
    """Return when each account can start: a window after the one whose room it takes."""
    times_s: list[float] = []
    for place in range(accounts):
        after_weight_s = times_s[place - by_weight] + WINDOW_S if place >= by_weight else 0.0
        after_connect_s = times_s[place - by_connects] + CONNECT_WINDOW_S if place >= by_connects else 0.0
        times_s.append(max(after_weight_s, after_connect_s))
    return times_s
