"""
The arithmetic of a return: how long it takes until all accounts are whole again that lost their sockets at once.

The venue restarts, and every socket of an address is lost in one instant. Two limits hold up the accounts, as at a start:
the sockets that may be opened, and the weight of what each account costs until its gap is closed.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from listenkey import venue
from listenkey.core.budget import WINDOW_S, Priority
from listenkey.core.connect_budget import CONNECT_WINDOW_S

PROVE_WEIGHT: Final = 2 * venue.LISTEN_KEY_WEIGHT
"""PUT and POST, which show that the listen key lived when it was on the new socket."""

GAP_WEIGHT: Final = venue.WEIGHTS[venue.BILL_PATH] + venue.WEIGHTS[venue.POSITION_PATH]
"""The question whether anything was missed."""

SYMBOL_WEIGHT: Final = (
    venue.WEIGHTS[venue.USER_TRADES_PATH]
    + venue.WEIGHTS[venue.OPEN_ORDERS_PATH]
    + venue.WEIGHTS[venue.HISTORY_ORDERS_PATH]
)
"""The fills and the orders of a contract that traded in the gap."""


SETTLE_WEIGHT: Final = 4 * venue.WEIGHTS[venue.BILL_PATH]
"""Looks in case REST lags, of an account with something at stake: they go before the gaps of those with nothing."""


class MassReturn(NamedTuple):
    """
    The return of all accounts of an address.

    Attributes:
        weight: What all of them cost together.
        sockets_s: Seconds until the last has a socket again.
        weight_s: Seconds that the weight alone takes.
        all_healed_after_s: Seconds until the last gap is closed, from when the venue takes sockets again.
    """

    weight: int
    sockets_s: float
    weight_s: float

    @property
    def all_healed_after_s(self) -> float:
        return max(self.sockets_s, self.weight_s)


def mass_return(
    accounts: int,
    traded: int = 0,
    at_risk: int = 0,
    *,
    weight_limit: int = venue.WEIGHT_PER_MINUTE_ASSUMED,
    keys_per_socket: int = 1,
) -> MassReturn:
    """
    Return how long it takes, with no room used before.

    Args:
        accounts: How many there are.
        traded: Contracts that traded in the gap, counted once for each account.
        at_risk: Accounts with positions or live orders.
        weight_limit: Per minute.
        keys_per_socket: Listen keys that share a socket.
    """
    weight = accounts * (PROVE_WEIGHT + GAP_WEIGHT) + traded * SYMBOL_WEIGHT + at_risk * SETTLE_WEIGHT
    sockets = -(-accounts // keys_per_socket)
    windows = max(0, -(-sockets // int(venue.CONNECTIONS_PER_5_MIN * Priority.KEYS.value)) - 1)
    room = int(weight_limit * Priority.RECOVERY.value)
    return MassReturn(weight, windows * CONNECT_WINDOW_S, max(0.0, weight - room) / room * WINDOW_S)
