"""
A sandbox on a port: clock, world, bots and servers, joined.

    async with Sandbox() as sandbox:
        print(sandbox.describe())
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import math
import random
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Self

from aiohttp import web

from listenkey.sandbox.admin_api import calls
from listenkey.sandbox.admin_api.calls import AdminApi
from listenkey.sandbox.clock import SandboxClock
from listenkey.sandbox.exchange.rejections import Rejected
from listenkey.sandbox.http_connections import TimedServer
from listenkey.sandbox.http_server import HttpServer
from listenkey.sandbox.rest_api.api_keys import SandboxAccount
from listenkey.sandbox.websocket_server import WebSocketServer
from listenkey.sandbox.world import Opening, World

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence
    from decimal import Decimal

    from listenkey.sandbox.switches import Switches

__all__ = ["Sandbox", "SandboxAccount"]

log = logging.getLogger("listenkey.sandbox")

TURN_MAX_S: Final = 0.05
"""The longest the world goes without being asked what is due."""

BURST_PORTION: Final = 50
"""Fills made at once before sockets get their turn."""

STEP_MS: Final = 300_000
"""The most that is passed over at once by `pass_time`; some ten milliseconds of work for an account with positions."""

PACE_S: Final = 0.01
STOP_S: Final = 1.0


class Sandbox:
    """
    The exchange on this machine. An async context manager.

    Args:
        port: 0 takes a free one.
        host: Where to bind; a loopback address.
        listen: Another address may be bound. Anyone who reaches it can trade and, with the token, do anything.
        time_scale: 60 makes an hour a minute.
        market: Bots trade, and see to it that the first account's orders fill a few times a second.
        seed: Of prices and bots; keys are drawn from the system.
        accounts: Names; each has a deposit and an API key with a secret.
        switches: The exchange's manners.
        start_ms: Its time at the beginning, epoch ms; this machine's when left out.

    Raises:
        ValueError: `host` is reachable from elsewhere and `listen` was not said.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        listen: bool = False,
        time_scale: float = 1.0,
        market: bool = True,
        seed: int = 1,
        accounts: Sequence[str] = ("alice",),
        switches: Switches | None = None,
        start_ms: int | None = None,
    ) -> None:
        self._loopback = _is_loopback(host)
        if not self._loopback and not listen:
            raise ValueError(f"{host} can be reached from elsewhere; listen=True allows it")
        self._host = host
        self._port = port
        self._clock = SandboxClock(time_scale, start_ms)
        now_ms = self._clock.now_ms()
        self.world = World(
            now_ms,
            seed=seed,
            secrets=random.SystemRandom(),
            switches=switches,
            market=market,
            time_scale=time_scale,
        )
        self.accounts: list[SandboxAccount] = [self.world.add_account(name, now_ms) for name in accounts]
        if self.world.market is not None and self.accounts:
            self.world.market.keep_busy(self.accounts[0].name)
        self.control_token = secrets.token_urlsafe(32)
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Future[Any]] = set()
        self._runner: web.ServerRunner | None = None
        self._http: HttpServer | None = None
        self._sockets: WebSocketServer | None = None
        self._turner: asyncio.Task[None] | None = None

    # --- Life ---

    async def start(self) -> None:
        """Binds the port and starts the clock's task."""
        self._sockets = WebSocketServer(self.world, self._clock, self._flush)
        self._http = HttpServer(
            world=self.world,
            clock=self._clock,
            sockets=self._sockets,
            admin_api=AdminApi(self.world, self._clock, self.burst, self._in_background, self.pass_time),
            token=self.control_token,
            loopback=self._loopback,
            flush=self._flush,
        )
        server = TimedServer(self._http.answer, lambda: self.world.told_ms(self._clock.now_ms()))
        self._runner = web.ServerRunner(server, shutdown_timeout=STOP_S)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port, backlog=1024).start()
        self._port = self._runner.addresses[0][1]
        self._turner = asyncio.create_task(self._turn(), name="sandbox clock")
        self._turner.add_done_callback(_tell_failure)

    async def stop(self) -> None:
        """Ends all connections and frees the port. Raises what the clock's task died of, if it did."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        turner, self._turner = self._turner, None
        if turner is not None:
            turner.cancel()
            await asyncio.wait([turner])
        if self._http is not None:
            self._http.stopping.set()
        if self._sockets is not None:
            await self._sockets.stop()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        if turner is not None and not turner.cancelled():
            turner.result()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def __repr__(self) -> str:
        return f"Sandbox({self.rest_url}, {len(self.accounts)} accounts)"

    # --- Where it is ---

    @property
    def port(self) -> int:
        """The port; known once started."""
        return self._port

    @property
    def rest_url(self) -> str:
        """The address for REST."""
        return f"http://{self._shown_host()}:{self._port}"

    @property
    def ws_url(self) -> str:
        """The address for sockets, without `/private`."""
        return f"ws://{self._shown_host()}:{self._port}"

    @property
    def control_url(self) -> str:
        """The address of the admin API."""
        return f"{self.rest_url}{calls.PREFIX}"

    @property
    def now_ms(self) -> int:
        """The exchange's time, epoch ms."""
        return self._clock.now_ms()

    def describe(self) -> dict[str, Any]:
        """Return everything needed to use it, secrets included: the output of `--json`."""
        return {
            "rest_url": self.rest_url,
            "ws_url": self.ws_url,
            "control_url": self.control_url,
            "control_token": self.control_token,
            "accounts": [calls.show(account) for account in self.accounts],
        }

    # --- What the admin API does, without HTTP ---

    def add_account(
        self, name: str, *, deposit: Decimal | None = None, trade_group_id: int = -1, market_maker: bool = False
    ) -> SandboxAccount:
        """
        Another account, or another API key of one that is there.

        Args:
            name: Of the account.
            deposit: USDT; a million when left out.
            trade_group_id: Accounts of the same one, other than -1, don't trade with each other.
            market_maker: Whether it may set market maker protection and is told of `RISK_LEVEL_CHANGE`.

        Raises:
            ValueError: The name won't do, or the account is open and can't become another kind of one.
        """
        opening = Opening(trade_group_id=trade_group_id, market_maker=market_maker)
        if deposit is not None:
            opening = replace(opening, deposit=deposit)
        account = self.world.add_account(name, self._clock.now_ms(), opening=None if opening == Opening() else opening)
        self.accounts.append(account)
        self._flush()
        return account

    def revoke_key(self, api_key: str) -> bool:
        """Ends an API key: requests with it are refused with -2015. Its account's listen key lives on. False if unknown."""
        self.accounts = [account for account in self.accounts if account.api_key != api_key]
        return self.world.api_keys.revoke(api_key)

    def transfer(self, account: str, amount: Decimal) -> None:
        """Puts money in, or with a negative amount takes it out. Raises ValueError."""
        self.world.needed_account(account)
        try:
            self.world.transfer(account, amount, self._clock.now_ms())
        except Rejected as rejected:
            raise ValueError(f"the exchange refused: {rejected.code} {rejected.message}") from None
        self._flush()

    def register_public_key(self, account: str, pem: str) -> SandboxAccount:
        """An API key that signs with the private half of this RSA or Ed25519 key. Raises ValueError."""
        issued = self.world.add_account(account, self._clock.now_ms(), pem)
        self._flush()
        return issued

    def fault(self, kind: str, **params: Any) -> int:
        """Puts a fault in; its id. Raises ValueError saying what is wrong with it."""
        fault = self.world.put_fault(kind, params, self._clock.now_ms())
        self._flush()
        self._wake.set()
        return fault.id

    def clear_faults(self, fault_id: int | None = None, kind: str | None = None) -> int:
        """Takes out one fault, all of a kind, or all. How many."""
        count = self.world.take_out_faults(self._clock.now_ms(), fault_id, kind)
        self._flush()
        return count

    def faults(self) -> list[dict[str, Any]]:
        """Return the faults that are in, each with how often it struck."""
        self.world.advance(self._clock.now_ms())
        return self.world.faults.listing()

    def ledger(self, account: str) -> dict[str, Any]:
        """The truth: fills, orders, keys, transfers, in order. Raises UnknownAccount."""
        self.world.advance(self._clock.now_ms())
        self._flush()
        return self.world.ledger(account)

    def meters(self) -> dict[str, Any]:
        """Requests, weight, bans, sockets, frames."""
        return self.world.metrics(self._clock.now_ms())

    async def burst(self, account: str, fills: int, per_second: float | None = None) -> int:
        """
        Make real fills, with their events; return how many were made.

        Args:
            account: Whose.
            fills: How many.
            per_second: Real seconds; None is as fast as it goes.

        Raises:
            UnknownAccount: There is none of that name.
            ValueError: The rate is none.
        """
        self.world.needed_account(account)
        if per_second is not None and not 0 < per_second < math.inf:
            raise ValueError(f"{per_second} is no rate: so many fills a second is a number above 0")
        loop = asyncio.get_running_loop()
        made, start_s = 0, loop.time()
        while made < fills:
            portion = fills - made
            if per_second is not None:
                portion = min(portion, int((loop.time() - start_s) * per_second) + 1 - made)
            if portion > 0:
                done = self.world.burst(account, min(portion, BURST_PORTION), self._clock.now_ms())
                self._flush()
                if done == 0:
                    break
                made += done
            await asyncio.sleep(0 if per_second is None else min(PACE_S, 1 / per_second))
        return made

    def advance(self, ms: int) -> int:
        """Moves the exchange's time forward; all that lies between happens. The new time. Raises ValueError."""
        self.world.advance(self._clock.now_ms())
        now_ms = self._clock.advance(ms)
        self.world.jump(now_ms, ms)
        self._flush()
        return now_ms

    async def pass_time(self, ms: int) -> None:
        """The same for long times: in steps, between which clients get their turn. Raises ValueError."""
        if ms < 0:
            raise ValueError("time goes forward: advance_ms must not be negative")
        while ms > 0:
            step_ms = min(ms, STEP_MS)
            self.advance(step_ms)
            ms -= step_ms
            await asyncio.sleep(0)

    def set_switches(self, **changes: Any) -> None:
        """Changes manners while it runs. Raises ValueError."""
        self.world.set_switches(changes, self._clock.now_ms())

    def run_market(self, running: bool) -> None:
        """Lets the bots trade, or not."""
        self.world.market_running = running

    # --- Inside ---

    async def _turn(self) -> None:
        """The clock's task: asks the world what is due, as often as something is."""
        while True:
            self._wake.clear()
            self.world.advance(self._clock.now_ms())
            self._flush()
            due_ms = self.world.due_ms()
            wait_s = TURN_MAX_S if due_ms is None else min(TURN_MAX_S, self._clock.real_s_until(due_ms))
            # At least a millisecond: on a clock that runs fast something is always due, and requests want their turn.
            try:
                async with asyncio.timeout(max(0.001, wait_s)):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def _flush(self) -> None:
        actions = self.world.take_actions()
        if actions and self._sockets is not None:
            self._sockets.deliver(actions)

    def _in_background(self, work: Awaitable[int]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _shown_host(self) -> str:
        return f"[{self._host}]" if ":" in self._host else self._host


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _tell_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.critical("the sandbox's clock stopped: %s", type(task.exception()).__name__)
