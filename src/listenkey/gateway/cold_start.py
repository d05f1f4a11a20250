"""
The arithmetic of a start: how many accounts go live per minute, and how long it takes until all are.

Two limits of the venue count per IP address: the weight of requests, of which keys may use four fifths in 60 seconds,
and the sockets that are opened. Both let a burst through and then the rest at their rate.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from listenkey import venue
from listenkey.core.budget import WINDOW_S, Priority

KEY_WEIGHT: Final = 3 * venue.LISTEN_KEY_WEIGHT
"""The calls about the listen key before an account is live."""

PROOF_WEIGHT: Final = venue.WEIGHTS[venue.BILL_PATH]
"""The signed read that tests a secret."""

SHARED_WEIGHT: Final = 2 * venue.WEIGHTS[venue.TIME_PATH] + venue.WEIGHTS[venue.EXCHANGE_INFO_PATH]
"""The venue's clock and its limits, read once for all accounts."""

CONNECTS_WINDOW_S: Final = 300.0


class ColdStart(NamedTuple):
    """
    The start of all accounts of a gateway.

    Attributes:
        accounts: How many there are.
        weight: What all of them cost together.
        weight_limit: The weight that the venue allows per minute.
        per_minute: Accounts that go live per minute, once the first burst is through, under the limit that ends last.
        at_once: Accounts in the first burst.
        all_live_after_s: Seconds until the last is live, the answers' time not counted.
        bound_by: The limit that ends last: "weight" or "connects".
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
    each = KEY_WEIGHT + PROOF_WEIGHT * (signing / accounts if accounts else 1)
    room = weight_limit * Priority.KEYS.value
    sockets_at_once = venue.CONNECTIONS_PER_5_MIN * keys_per_socket
    by_weight_s = max(0, -(-weight // int(room)) - 1) * WINDOW_S
    by_connects_s = max(0, -(-accounts // sockets_at_once) - 1) * CONNECTS_WINDOW_S
    is_weight = by_weight_s >= by_connects_s
    return ColdStart(
        accounts,
        weight,
        weight_limit,
        room / each * 60 / WINDOW_S if is_weight else sockets_at_once * 60 / CONNECTS_WINDOW_S,
        min(accounts, int(room / each), sockets_at_once),
        max(by_weight_s, by_connects_s),
        "weight" if is_weight else "connects",
    )
