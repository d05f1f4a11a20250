"""Withhold events from the client, or let them happen while nobody listens."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Final

from listenkey.sandbox.exchange.burst import HOUSE, free_ticks, open_house
from listenkey.sandbox.exchange.orders import OrderRequest
from listenkey.sandbox.exchange.rejections import Rejected
from listenkey.venue import (
    BALANCE_POSITION_UPDATE,
    ORDER_TRADE_UPDATE,
)
from sim.client.process import Process
from sim.environment.environment import Environment
from sim.faults.effects import lasting
from sim.faults.injector import Effect, Injector
from sim.faults.model import Fault

DROPPED_SHARE: Final = 0.3
SELDOM_DROPPED: Final = 0.05
MESSAGES_OF_ONE: Final = 2
WITHIN_MS: Final = 500
LOST_FOR_MS: Final = 1000
BUSY_PER_S: Final = 1.0
ONE_LOT: Final = Decimal("0.01")
FILLS_BEFORE: Final = 8
FILLS_EVERY_S: Final = 7.0


def no_positions(injector: Injector, fault: Fault, process: Process) -> None:
    """Fills push no `BALANCE_POSITION_UPDATE`, or it comes late; and some of their own messages may be lost."""
    env, late_ms = injector.env, fault.param("late_ms")
    if late_ms is None:
        injector.unpushed += 1
        every = env.exchange.switches.fill_events
        env.exchange.switches.fill_events = tuple(each for each in every if each != BALANCE_POSITION_UPDATE)
    else:
        for account in injector.accounts:
            held = {"account": account, "ms": late_ms, "event": BALANCE_POSITION_UPDATE}
            injector.put("delay", held | {"duration_ms": int(fault.for_s * 1000)})
    if fault.param("drops"):
        drop_fills(injector, fault, process)


def end_no_positions(injector: Injector, fault: Fault, _: Process) -> None:
    """All that a fill pushes."""
    if fault.param("late_ms") is not None:
        return
    injector.unpushed -= 1
    if not injector.unpushed:
        injector.env.exchange.switches.fill_events = injector.env.options.venue_switches().fill_events


def drop_fills(injector: Injector, fault: Fault, process: Process, *, busy: bool = False) -> None:
    """
    Messages of fills are lost on a healthy socket, now and then, and there are fills.

    `busy`: few are lost of very many in one contract, so that what REST does not show yet is more than what is lost.
    """
    lost = {"event": ORDER_TRADE_UPDATE, "execution_type": "TRADE", "probability": DROPPED_SHARE}
    if not busy:
        injector.put("drop_event", lasting(fault, process) | lost)
    rng = random.Random(f"{injector.env.options.seed}:{fault.client}:{fault.at_s}:fills")

    def fill() -> None:
        if busy:
            if rng.random() < SELDOM_DROPPED:  # with its order's beginning, so that no list of open orders shows it
                whole = {"account": process.account, "event": ORDER_TRADE_UPDATE, "count": MESSAGES_OF_ONE}
                injector.put("drop_event", whole | {"duration_ms": WITHIN_MS})
            _fill_one(injector.env, process.account, rng)
        else:
            injector.env.exchange.burst(process.account, 2, injector.env.now_ms)

    injector.again(fault, 1 / BUSY_PER_S if busy else FILLS_EVERY_S, fill)


def _fill_one(env: Environment, account: str, rng: random.Random) -> None:
    """One fill of the first contract, by turns bought and sold."""
    exchange, now_ms = env.exchange.exchange, env.now_ms
    exchange.advance(now_ms)
    open_house(exchange, HOUSE, now_ms)
    symbol = exchange.symbols()[0]
    contract, ticks = exchange.state.contract(symbol), free_ticks(exchange, symbol, rng)
    if ticks is None:
        return
    buys = exchange.state.accounts[account].position(contract).quantity <= 0
    price = contract.underlying.tick * ticks
    for name, side, how in ((HOUSE, "SELL" if buys else "BUY", "GTC"), (account, "BUY" if buys else "SELL", "IOC")):
        request = OrderRequest(symbol=symbol, side=side, quantity=ONE_LOT, price=price, time_in_force=how)
        try:
            exchange.place_order(name, request, now_ms)
        except Rejected:
            exchange.cancel_symbol(HOUSE, symbol, now_ms)
            break
    env.exchange.drain(now_ms)
    env.flush()


def expiry(_: Injector, __: Fault, ___: Process) -> None:
    """Contracts expire now: `circumstances` has seen to it, and the exchange settles them by itself."""


def expiry_unseen(injector: Injector, fault: Fault, process: Process) -> None:
    """
    Positions are open in contracts that expire while the process is down, or while no socket brings anything.

    Or while all is well but for the message that says so, which is lost: the socket is healthy and busy before and after.
    """
    _hold_what_expires(injector.env, process.account)
    match fault.param("how"):
        case "lost":
            lost = {"account": process.account, "event": BALANCE_POSITION_UPDATE, "duration_ms": LOST_FOR_MS}
            expires_us = int((fault.at_s + fault.for_s / 2) * 1e6)  # `circumstances` has seen to it
            injector.env.at(expires_us - LOST_FOR_MS * 500, lambda: injector.put("drop_event", lost))
        case "down":
            process.die("kill")
        case "mute":
            injector.put("mute", lasting(fault, process))
        case "cut":
            process.network.refusing += 1
            process.network.reset_all()


def end_expiry_unseen(_: Injector, fault: Fault, process: Process) -> None:
    """Let the process run, or listen, again."""
    if fault.param("how") == "cut":
        process.network.refusing -= 1
    process.rise()


def _hold_what_expires(env: Environment, account: str) -> None:
    """Buy and sell until something is held of what expires next."""
    exchange = env.exchange.exchange
    for _ in range(FILLS_BEFORE):
        env.exchange.burst(account, 8, env.now_ms)
        books, held = exchange.state.books, exchange.state.accounts[account].positions
        expiries = [book.contract.expiry_ms for book in books.values()]
        if any(each.quantity and each.contract.expiry_ms == min(expiries) for each in held.values()):
            return


def ids_by_contract(_: Injector, __: Fault, ___: Process) -> None:
    """Order ids count within a contract, the whole time: `circumstances` has seen to it."""


def odd_fields(_: Injector, __: Fault, ___: Process) -> None:
    """Fields that do not apply are left out, and amounts are spelt with exponents: `circumstances` has seen to it."""


def traded_before(_: Injector, __: Fault, ___: Process) -> None:
    """The account traded, and placed orders, before its stream was live: `World.begin_before` has seen to it."""


BEGIN: Final[dict[str, Effect]] = {
    "no_positions": no_positions,
    "expiry": expiry,
    "expiry_unseen": expiry_unseen,
    "ids_by_contract": ids_by_contract,
    "odd_fields": odd_fields,
    "traded_before": traded_before,
}
END: Final[dict[str, Effect]] = {"no_positions": end_no_positions, "expiry_unseen": end_expiry_unseen}
