"""
Rate limits: request weight an address and minute, orders an account, connection attempts, floods. Pure.

Weight is counted in whole minutes of the exchange's clock, refused requests too. Whoever goes on after 429 is banned:
2 minutes first, 3 days in the end. [O general-info] says so; the steps between are assumed.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from listenkey.venue import CONNECTIONS_PER_5_MIN

if TYPE_CHECKING:
    from listenkey.sandbox.switches import Switches

MINUTE_MS: Final = 60_000
TEN_S_MS: Final = 10_000
REFUSALS_BEFORE_BAN: Final = 10
"""The 429s in one minute before a 418; assumed."""

BAN_S: Final = (120, 600, 3_600, 21_600, 86_400, 259_200)
"""[O general-info]: "2 minutes to 3 days", growing for repeat offenders. The steps are assumed."""

BAN_MEMORY_MS: Final = 3 * 24 * 3_600_000
"""The time without a ban after which the next one is a first one again; assumed."""

FLOODS_BEFORE_BAN: Final = 3
FLOOD_MEMORY_MS: Final = 600_000
"""The time in which disconnections for flooding count towards a ban of the address; assumed."""

CONNECTION_WINDOW_MS: Final = 300_000
ADDRESSES_MAX: Final = 10_000
MINUTES_KEPT: Final = 1_440

assert CONNECTIONS_PER_5_MIN == 300  # the default of the switch


@dataclass(slots=True)
class _Address:
    minute_ms: int = 0
    used: int = 0
    refusals: int = 0
    banned_until_ms: int = 0
    bans: int = 0
    connections: deque[int] = field(default_factory=deque)
    floods: deque[int] = field(default_factory=deque)
    connect_banned_until_ms: int = 0


@dataclass(frozen=True, slots=True)
class Spent:
    """
    The cost of a request.

    Args:
        used: Weight of this address in this minute, this request included.
        http_status: 200, 429 or 418.
        until_ms: When a refused one may come back, epoch ms.
    """

    used: int
    http_status: int
    until_ms: int


@dataclass(frozen=True, slots=True)
class Ordered:
    """
    The order counts of an account after its newest orders.

    Args:
        in_10_s: Orders of the account in these 10 seconds, these included.
        in_1_m: The same in this minute.
        exceeded: The limit that is broken ("300 orders per 10 SECOND"), or None.
        until_ms: When a refused one may come back, epoch ms.
    """

    in_10_s: int
    in_1_m: int
    exceeded: str | None
    until_ms: int


class Limits:
    """All counters. Numbers come from the switches and may change while it runs."""

    def __init__(self, switches: Switches) -> None:
        self._switches = switches
        self._addresses: dict[str, _Address] = {}
        self._orders: dict[str, tuple[int, int, int, int]] = {}
        self.weight_by_minute: dict[int, int] = {}
        self.bans: list[dict[str, int | str]] = []
        self.refused_429 = 0
        self.refused_418 = 0

    def spend(self, ip: str, weight: int, now_ms: int) -> Spent:
        """Counts one request, and says whether it may pass."""
        address = self._address(ip)
        minute_ms = now_ms - now_ms % MINUTE_MS
        if address.minute_ms != minute_ms:
            address.minute_ms, address.used, address.refusals = minute_ms, 0, 0
        address.used += weight
        self._note_minute(minute_ms, weight)
        if now_ms < address.banned_until_ms:
            self.refused_418 += 1
            return Spent(address.used, 418, address.banned_until_ms)
        if address.used <= self._switches.weight_per_minute:
            return Spent(address.used, 200, 0)
        address.refusals += 1
        if address.refusals > REFUSALS_BEFORE_BAN:
            self._ban(ip, address, now_ms)
            self.refused_418 += 1
            return Spent(address.used, 418, address.banned_until_ms)
        self.refused_429 += 1
        return Spent(address.used, 429, minute_ms + MINUTE_MS)

    def used(self, ip: str, now_ms: int) -> int:
        """Weight of this address in this minute."""
        address = self._address(ip)
        return address.used if address.minute_ms == now_ms - now_ms % MINUTE_MS else 0

    def order(self, account: str, count: int, now_ms: int) -> Ordered:
        """Counts orders of an account."""
        ten_ms, minute_ms = now_ms - now_ms % TEN_S_MS, now_ms - now_ms % MINUTE_MS
        last_ten_ms, in_ten, last_minute_ms, in_minute = self._orders.get(account, (ten_ms, 0, minute_ms, 0))
        in_ten = count + (in_ten if last_ten_ms == ten_ms else 0)
        in_minute = count + (in_minute if last_minute_ms == minute_ms else 0)
        self._orders[account] = (ten_ms, in_ten, minute_ms, in_minute)
        # Of both windows the longer one is named: whoever comes back after the shorter would be refused again.
        if in_minute > self._switches.orders_per_minute:
            exceeded = f"{self._switches.orders_per_minute} orders per MINUTE"
            return Ordered(in_ten, in_minute, exceeded, minute_ms + MINUTE_MS)
        if in_ten > self._switches.orders_per_10_s:
            exceeded = f"{self._switches.orders_per_10_s} orders per 10 SECOND"
            return Ordered(in_ten, in_minute, exceeded, ten_ms + TEN_S_MS)
        return Ordered(in_ten, in_minute, None, 0)

    def connect(self, ip: str, now_ms: int) -> Spent:
        """Counts a connection attempt: 300 in 5 minutes, documented for spot, assumed for options."""
        address = self._address(ip)
        attempts = address.connections
        while attempts and attempts[0] <= now_ms - CONNECTION_WINDOW_MS:
            attempts.popleft()
        if now_ms < address.connect_banned_until_ms:
            return Spent(0, 418, address.connect_banned_until_ms)
        if len(attempts) >= self._switches.connections_per_5_min:
            return Spent(0, 429, attempts[0] + CONNECTION_WINDOW_MS if attempts else now_ms + CONNECTION_WINDOW_MS)
        attempts.append(now_ms)
        return Spent(0, 200, 0)

    def flooded(self, ip: str, now_ms: int) -> None:
        """A socket was closed for sending too much; repeated, the address is banned. [O websocket-market-streams]"""
        address = self._address(ip)
        address.floods.append(now_ms)
        while address.floods[0] <= now_ms - FLOOD_MEMORY_MS:
            address.floods.popleft()
        if len(address.floods) >= FLOODS_BEFORE_BAN:
            address.floods.clear()
            address.connect_banned_until_ms = now_ms + BAN_S[0] * 1000
            self._note_ban(ip, now_ms, address.connect_banned_until_ms, "flood")

    def _ban(self, ip: str, address: _Address, now_ms: int) -> None:
        if address.bans and now_ms - address.banned_until_ms > BAN_MEMORY_MS:
            address.bans = 0
        ban_s = BAN_S[min(address.bans, len(BAN_S) - 1)]
        address.bans += 1
        address.banned_until_ms = now_ms + ban_s * 1000
        self._note_ban(ip, now_ms, address.banned_until_ms, "weight")

    def _note_ban(self, ip: str, from_ms: int, until_ms: int, why: str) -> None:
        self.bans.append({"ip": ip, "from_ms": from_ms, "until_ms": until_ms, "why": why})
        del self.bans[:-1000]

    def _note_minute(self, minute_ms: int, weight: int) -> None:
        self.weight_by_minute[minute_ms] = self.weight_by_minute.get(minute_ms, 0) + weight
        if len(self.weight_by_minute) > MINUTES_KEPT:
            del self.weight_by_minute[next(iter(self.weight_by_minute))]

    def _address(self, ip: str) -> _Address:
        address = self._addresses.get(ip)
        if address is None:
            if len(self._addresses) >= ADDRESSES_MAX:
                del self._addresses[next(iter(self._addresses))]
            address = self._addresses[ip] = _Address()
        return address
