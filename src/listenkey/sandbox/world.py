"""
The whole exchange without I/O: matching engine, listen keys, REST, sockets, faults and bots under one clock.

Pure: time is an argument and randomness is given, so a simulation can run days of it in seconds. The servers
(`http_server.py`, `websocket_server.py`) and a simulation use it alike: call something, then take what is to be done.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from listenkey.sandbox import rendering
from listenkey.sandbox.exchange.bots import Market, burst
from listenkey.sandbox.exchange.exchange import Exchange
from listenkey.sandbox.faults import malformed_frames
from listenkey.sandbox.faults.registry import Fault, Faults
from listenkey.sandbox.listen_keys import ListenKeyRegistry
from listenkey.sandbox.rate_limits import Limits
from listenkey.sandbox.rest_api.api import ApiRequest, ApiResponse, RestApi, retired_page, status_answer
from listenkey.sandbox.rest_api.api_keys import ApiKeys, SandboxAccount
from listenkey.sandbox.switches import Switches, changed
from listenkey.sandbox.websocket import addresses
from listenkey.sandbox.websocket.delivery import EventDelivery
from listenkey.sandbox.websocket.hub import Action, Hub
from listenkey.sandbox.websocket.market_streams import MarketStreams

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ACCOUNTS_MAX: Final = 10_000
NAMES_SHOWN_MAX: Final = 20


class UnknownAccount(ValueError):
    """No account has this name."""

    def __init__(self, name: str, names: Sequence[str]) -> None:
        there = ", ".join(names[:NAMES_SHOWN_MAX]) or "none"
        super().__init__(f"there is no account {name!r}; there are {there}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """
    The properties of a new account.

    Args:
        deposit: USDT.
        trade_group_id: Accounts of the same one, other than -1, don't trade with each other. [O faq/stp-faq]
        market_maker: Whether it is told of `RISK_LEVEL_CHANGE`. [O Event-Risk-level-change]
    """

    deposit: Decimal = Decimal(1_000_000)
    trade_group_id: int = -1
    market_maker: bool = False


class World:
    """
    One exchange.

    Args:
        now_ms: When it begins, epoch ms.
        seed: Of prices and bots.
        secrets: Draws API keys and listen keys; a system source on a real port, a seeded one in a simulation.
        switches: Its manners.
        market: Whether bots trade.
        time_scale: Of the clock that drives it.
    """

    def __init__(
        self,
        now_ms: int,
        *,
        seed: int = 1,
        secrets: random.Random | None = None,
        switches: Switches | None = None,
        market: bool = True,
        time_scale: float = 1.0,
    ) -> None:
        secrets = secrets or random.Random(seed)
        self.switches = switches or Switches()
        self.exchange = Exchange(now_ms, seed=seed, switches=self.switches)
        self.keys = ListenKeyRegistry(secrets)
        self.api_keys = ApiKeys(secrets)
        self.limits = Limits(self.switches)
        self.faults = Faults(random.Random(seed))
        self.hub = Hub(self.switches, self.keys, self.limits, self.faults)
        self.delivery = EventDelivery(self.hub, self.faults)
        self.market_streams = MarketStreams(self.exchange.state, self.hub)
        self.api = RestApi(self, self.api_keys, self.limits, self.faults, time_scale=time_scale)
        self.market = Market(self.exchange, random.Random(seed)) if market else None
        self.market_running = True
        self.sockets_opened = 0
        self.sockets_refused = 0
        self._last_ms = now_ms
        self._lost_events = 0

    # --- Accounts ---

    def add_account(
        self, name: str, now_ms: int, public_key: str | None = None, opening: Opening | None = None
    ) -> SandboxAccount:
        """
        An API key; of a new account, or one more of an account that is there.

        Raises ValueError for a name or a public key that won't do, for an `opening` of an account that is open, or
        when there are too many.
        """
        now_ms = self.advance(now_ms)
        if len(self.api_keys.all()) >= ACCOUNTS_MAX:
            raise ValueError(f"there are {ACCOUNTS_MAX} API keys already")
        is_open = name in self.exchange.account_names()
        if is_open and opening is not None:
            raise ValueError(f"account {name!r} is open: what it is can't be changed")
        issued = self.api_keys.issue(name, public_key)
        if not is_open:
            opening = opening or Opening()
            self.exchange.add_account(
                name,
                now_ms,
                deposit=opening.deposit,
                trade_group_id=opening.trade_group_id,
                market_maker=opening.market_maker,
            )
        self.drain(now_ms)
        return issued

    def has_account(self, name: str) -> bool:
        """Return True where there is an account of that name, with an API key or without."""
        account = self.exchange.state.accounts.get(name)
        return account is not None and not account.quiet

    def needed_account(self, name: str) -> None:
        """Raise UnknownAccount unless there is an account of that name."""
        if not self.has_account(name):
            raise UnknownAccount(name, self.exchange.account_names())

    def told_ms(self, now_ms: int) -> int:
        """Return the time that answers tell of themselves: the exchange's, unless its clock is skewed for everyone."""
        skew = self.faults.peek("clock_skew", now_ms)
        return now_ms + skew.params["ms"] if skew else now_ms

    # --- What clients do ---

    def handle(self, request: ApiRequest, now_ms: int) -> ApiResponse:
        """One REST request. Its events are among the actions at once."""
        now_ms = self.advance(now_ms)
        response = self.api.handle(request, now_ms)
        self.drain(now_ms)
        return response

    def admit(self, path: str, query: str, ip: str, now_ms: int) -> ApiResponse | addresses.Address:
        """A handshake: the address, understood, or what to answer instead of 101."""
        now_ms = self.advance(now_ms)
        address = addresses.parse(path, query)
        answer = self._refuse_handshake(path, self._named_account(address), ip, now_ms)
        if answer is None:
            if address is not None and self.hub.admits(address):
                return address
            if address is None:
                answer = ApiResponse(404, b'{"code":-1020,"msg":"This operation is not supported."}')
            else:
                answer = ApiResponse(
                    self.switches.status_key_unknown, b'{"code":-1125,"msg":"This listenKey does not exist."}'
                )
        self.sockets_refused += 1
        return answer

    def open_socket(self, address: addresses.Address, ip: str, now_ms: int) -> int:
        """The handshake is done. The socket's id."""
        now_ms = self.advance(now_ms)
        self.sockets_opened += 1
        return self.hub.open(address, ip, now_ms)

    # --- What the sandbox's owner does ---

    def put_fault(self, kind: str, params: Mapping[str, Any], now_ms: int) -> Fault:
        """Puts a fault in; one that is due now has happened when this returns. Raises ValueError."""
        now_ms = self.advance(now_ms)
        if kind == "malformed_frame":
            malformed_frames.frames(params.get("frames"), params.get("texts"))
        account = params.get("account")
        if isinstance(account, str):
            self.needed_account(account)
        fault = self.faults.put(kind, params, now_ms)
        if kind in ("rest_lag", "stale_snapshot"):
            self.exchange.keep_history = True
        self.advance(now_ms)
        return fault

    def take_out_faults(self, now_ms: int, fault_id: int | None = None, kind: str | None = None) -> int:
        """Ends faults. How many."""
        count = self.faults.take_out(fault_id, kind)
        self.advance(now_ms)
        return count

    def set_switches(self, changes: Mapping[str, Any], now_ms: int) -> None:
        """Changes manners. Raises ValueError for a name or value that is none."""
        now_ms = self.advance(now_ms)
        changed(self.switches, changes)
        self.hub.retime(now_ms)

    def burst(self, account: str, fills: int, now_ms: int) -> int:
        """Make real fills, at once; return how many were made."""
        now_ms = self.advance(now_ms)
        made = burst(self.exchange, account, fills, now_ms)
        self.drain(now_ms)
        return made

    def transfer(self, account: str, amount: Decimal, now_ms: int) -> None:
        """A deposit, or with a negative amount a withdrawal. Raises Rejected."""
        now_ms = self.advance(now_ms)
        self.exchange.transfer(account, amount, now_ms)
        self.drain(now_ms)

    def set_index(self, underlying: str, price: float, now_ms: int) -> None:
        """Puts the price of an underlying somewhere; it walks on from there. Raises Rejected for an unknown one."""
        now_ms = self.advance(now_ms)
        self.exchange.index_price(underlying)
        self.exchange.state.prices.set_index(underlying, price)
        self.drain(now_ms)

    def jump(self, now_ms: int, by_ms: int) -> None:
        """The clock was moved by hand: all that lies between happens, and no pong is late for it."""
        self.hub.forgive(by_ms)
        self.advance(now_ms)

    def ledger(self, account: str) -> dict[str, Any]:
        """The truth about an account: fills, orders, transfers, exercises, keys. Raises UnknownAccount."""
        self.needed_account(account)
        return {"account": account, **self.exchange.ledger(account), "keys": self.keys.ledger(account)}

    def metrics(self, now_ms: int) -> dict[str, Any]:
        """Return counts of what clients cost and got: requests, weight, refusals, sockets, frames."""
        sockets = self.hub.sockets()
        return {
            "now_ms": now_ms,
            "requests": dict(sorted(self.api.requests.items())),
            "weight_by_minute": {str(minute): weight for minute, weight in self.limits.weight_by_minute.items()},
            "refused_429": self.limits.refused_429,
            "refused_418": self.limits.refused_418,
            "bans": list(self.limits.bans),
            "sockets_open": len(sockets),
            "sockets": sockets,
            "sockets_opened": self.sockets_opened,
            "sockets_refused": self.sockets_refused,
            "frames_sent": self.hub.frames_sent,
            "messages_received": self.hub.messages_received,
            "events_without_key": self._lost_events,
        }

    # --- Time ---

    def advance(self, now_ms: int) -> int:
        """Does all that is due, in order of time. Returns the time, which never goes back."""
        now_ms = max(now_ms, self._last_ms)
        while (due_ms := self._next_turn_ms()) is not None and due_ms <= now_ms:
            self._turn(max(due_ms, self._last_ms))
        self._turn(now_ms)
        if self.market is not None and self.market_running:
            self._step_market(self.market, now_ms)
        self.market_streams.push(now_ms)
        self.hub.advance(now_ms)
        return now_ms

    def due_ms(self) -> int | None:
        """Return when `advance` has something to do again; None for never."""
        dues = [self._next_turn_ms(), self.exchange.due_ms(), self.hub.due_ms(), self.market_streams.due_ms()]
        if self.market is not None and self.market_running:
            dues.append(self.market.due_ms())
        return min([due for due in dues if due is not None], default=None)

    def take_actions(self) -> list[tuple[int, Action]]:
        """Drains what the sockets are to be sent."""
        return self.hub.take_actions()

    # --- Inside ---

    def _next_turn_ms(self) -> int | None:
        """Return when something is due that must not be lumped together in a jump: key ends, faults, held events."""
        dues = [self.keys.due_ms(), self.faults.due_ms(), self.delivery.due_ms()]
        return min([due for due in dues if due is not None], default=None)

    def _turn(self, now_ms: int) -> None:
        self._last_ms = now_ms
        exchange_due_ms = self.exchange.due_ms()
        if exchange_due_ms is not None and exchange_due_ms <= now_ms:
            self.exchange.advance(now_ms)
            self._push_events()
        for fault in self.faults.take_ended(now_ms):
            self._fault_ended(fault)
        for fault in self.faults.take_started(now_ms):
            self._fault_started(fault, now_ms)
        self.keys.advance(now_ms)
        self._tell_key_ends()
        self.delivery.advance(now_ms)

    def _step_market(self, market: Market, now_ms: int) -> None:
        due_ms = market.due_ms()
        if due_ms is not None and due_ms <= now_ms:
            market.step(now_ms)
            self._push_events()

    def drain(self, now_ms: int) -> None:
        """Send what the exchange has brought about; to be called after whatever was done to it directly."""
        self._push_events()
        self._tell_key_ends()
        self.delivery.advance(now_ms)
        self.market_streams.push(now_ms)

    def _push_events(self) -> None:
        for emission in self.exchange.take_events():
            key = self.keys.current(emission.account)
            if key is None:
                self._lost_events += 1
            else:
                payload = rendering.event(emission.payload, self.switches)
                self.delivery.push(emission.account, key, payload, emission.at_ms)

    def _tell_key_ends(self) -> None:
        for ended in self.keys.take_ended():
            told = ended.why == "expired" or (ended.why == "closed" and self.switches.delete_pushes_expired)
            if told and self.switches.generation == "current":
                payload = self.hub.expired_payload(ended)
                self.delivery.push(ended.account, ended.key, payload, self._last_ms)
            self.hub.key_ended(ended)

    def _fault_started(self, fault: Fault, now_ms: int) -> None:
        account = fault.account
        if fault.kind == "drop_sockets":
            self.hub.drop(account, fault.params.get("room"), fault.params.get("close_code"))
        elif fault.kind in ("expire_key", "expire_key_silently"):
            silently = fault.kind == "expire_key_silently"
            for each in [account] if account is not None else self.keys.accounts():
                self.keys.expire(each, now_ms, silently=silently)
        elif fault.kind == "half_open":
            fault.scratch["frozen"] = self.hub.freeze(account)
        elif fault.kind == "server_shutdown":
            self.hub.announce_shutdown(account, now_ms)
        elif fault.kind == "generation":
            fault.scratch["before"] = self.switches.generation
            self.switches.generation = fault.params["generation"]

    def _fault_ended(self, fault: Fault) -> None:
        if "frozen" in fault.scratch:
            self.hub.thaw(fault.scratch["frozen"])
        if "before" in fault.scratch:
            self.switches.generation = fault.scratch["before"]

    def _named_account(self, address: addresses.Address | None) -> str | None:
        """The account whose listen key an address names, the first one's."""
        named = (self.keys.account_of(each.stream) for each in address.attachments) if address is not None else ()
        return next((account for account in named if account is not None), None)

    def _refuse_handshake(self, path: str, account: str | None, ip: str, now_ms: int) -> ApiResponse | None:
        spent = self.limits.connect(ip, now_ms)
        if spent.http_status != 200:
            body = f'{{"code":{self.switches.rate_limit_code},"msg":"Too many requests queued."}}'
            return ApiResponse(spent.http_status, body.encode())
        refused = self.faults.strike("refuse_connections", now_ms, account, scope="ws")
        if refused is not None:
            return ApiResponse(503, b"", manner="abort", fault=refused)
        retired = self.faults.strike("retire_endpoint", now_ms, account, path=path, method="GET", symbol="")
        if retired is not None:
            return retired_page(retired)
        hang = self.faults.strike("hang_http", now_ms, account, path=path, method="GET", symbol="")
        if hang is not None:
            return ApiResponse(503, b"", manner="hang", fault=hang)
        failing = self.faults.strike("http_status", now_ms, account, path=path, method="GET", symbol="")
        return status_answer(failing) if failing is not None else None
