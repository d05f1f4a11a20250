"""Rows of `benchmarks.recovery.promises` about what was missed: the sandbox and the streams are processes of their own."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from benchmarks.common.client import Client
from benchmarks.common.exchange import Exchange
from benchmarks.common.shown import Shown

PLENTY = 1_000_000
"""The weight per minute: many accounts are broken at once here, and only one's recovery is measured."""

LAGS_S = (0, 1, 2, 5, 10, 20, 30)
BAN_S = 600
LOST_ROUNDS = 3
WARM_UP = 400
"""Fills before anything is broken, so that most symbols were traded."""


def with_plenty(exchange: Exchange) -> None:
    exchange.call("POST", "/switches", {"weight_per_minute": PLENTY})


def lost_messages() -> Shown:
    """
    One fill's message is dropped on a socket that lives; later one with its position's message; nothing follows.
    """
    at_once: list[float] = []
    by_the_bill: list[float] = []
    with Exchange() as exchange:
        with_plenty(exchange)
        opened = exchange.more_accounts(8)
        names = [account["name"] for account in opened]
        with Client(exchange, opened) as client:
            for name in names:
                exchange.burst(WARM_UP, account=name, wait=True)
                client.until_fills(name, WARM_UP)
            for _ in range(LOST_ROUNDS):
                lost = {name: lose(exchange, client, name) for name in names}
                at_once += [found(client, name, lost[name]) for name in names]
            for name in names:
                client.until_status(name, "LIVE")  # While a gap settles, the bill is looked at more often.
            lost = {name: lose(exchange, client, name, "BALANCE_POSITION_UPDATE") for name in names}
            by_the_bill += [found(client, name, lost[name]) for name in names]
            client.stop()
            exact = all(client.exact(exchange, name) for name in names)
    figure = (
        f"its position's message followed: max {max(at_once):.2f} s of {len(at_once)}; nothing followed: "
        f"max {max(by_the_bill):.1f} s of {len(by_the_bill)}; ledger = journal: {exact}"
    )
    held = exact and max(at_once) <= 2.0 and max(by_the_bill) <= 75
    return Shown("one message lost on a living socket -> told as a gap", figure, "<= 2 s, <= 75 s, exact", held)


class Lost(NamedTuple):
    """
    A fill whose message did not come.

    Attributes:
        place: Where we were in what the client had told.
        at_s: When, wall clock.
    """

    place: int
    at_s: float


def lose(exchange: Exchange, client: Client, name: str, *also: str) -> Lost:
    """Make a fill whose message does not come, nor the next of the other types named."""
    place = len(client.heard[name])
    exchange.fault("drop_event", account=name, event="ORDER_TRADE_UPDATE", execution_type="TRADE")
    for event in also:
        exchange.fault("drop_event", account=name, event=event)
    lost_s = time.time()
    exchange.burst(1, account=name, wait=True)
    return Lost(place, lost_s)


def found(client: Client, name: str, lost: Lost) -> float:
    """Seconds until the reader was told of a gap; waits until it has ended."""
    opened = client.until(name, lambda told: told["kind"] == "gap_opened", after=lost.place)
    client.until(name, lambda told: told["kind"] == "gap_closed", after=lost.place)
    return float(opened["at_s"]) - lost.at_s


def lagging_rest() -> Shown:
    """REST is 0 to 30 s behind the stream; of each two accounts one goes on trading after the gap, one does not."""
    with Exchange() as exchange:
        with_plenty(exchange)
        accounts = exchange.more_accounts(2 * len(LAGS_S))
        lags = {account["name"]: LAGS_S[number // 2] for number, account in enumerate(accounts)}
        with Client(exchange, accounts) as client:
            for name, lag_s in lags.items():
                exchange.burst(5, account=name, wait=True)
                exchange.fault("rest_lag", account=name, ms=lag_s * 1000)
            places = {name: len(client.heard[name]) for name in lags}
            door = exchange.call("POST", "/faults", {"kind": "refuse_connections", "scope": "ws"})
            exchange.fault("drop_sockets")
            for name in lags:
                client.until(name, lambda told: told["kind"] == "gap_opened", after=places[name])
                exchange.burst(8, account=name, wait=True)
            missed = {name: set(exchange.fills(name)) for name in lags}
            exchange.call("DELETE", f"/faults?id={door['id']}")
            opened_s = time.time()
            for name in list(lags)[::2]:
                exchange.burst(80, 2, account=name)
            for name in lags:
                client.until(name, all_of(missed[name]))
            for name in lags:
                client.until_status(name, "LIVE")
            client.stop()
            exact = all(client.exact(exchange, name) for name in lags)
            last_s = {name: last_of(client.heard[name], missed[name]) - opened_s for name in lags}
            too_soon = [name for name in lags if is_live_too_soon(client.heard[name][places[name] :], missed[name])]
            settled = all(has_settled(client.heard[name][places[name] :]) for name in lags)
    worst = {lag_s: max(last_s[name] for name in lags if lags[name] == lag_s) for lag_s in LAGS_S}
    figure = (
        ", ".join(f"lag {lag_s} s: {took_s:.1f} s" for lag_s, took_s in worst.items())
        + f"; LIVE before all was there: {len(too_soon)} of {len(lags)}; SETTLING first: {settled}; ledger = journal: {exact}"
    )
    held = exact and settled and not too_soon and all(took_s <= lag_s + 10 for lag_s, took_s in worst.items())
    return Shown("REST lags: the door opens -> the last missed fill", figure, "<= lag + 10 s, 0 lost, SETTLING", held)


def all_of(missed: set[tuple[str, int]]) -> Callable[[dict[str, Any]], bool]:
    """Asked about each thing that is told, in order: whether everything missed was told by then."""
    left = set(missed)

    def is_last(told: dict[str, Any]) -> bool:
        if told["kind"] == "fill":
            left.discard(fill_of(told))
        return not left

    return is_last


def last_of(heard: list[dict[str, Any]], missed: set[tuple[str, int]]) -> float:
    return max(float(told["at_s"]) for told in heard if told["kind"] == "fill" and fill_of(told) in missed)


def fill_of(told: dict[str, Any]) -> tuple[str, int]:
    return told["symbol"], told["trade_id"]


def is_live_too_soon(heard: list[dict[str, Any]], missed: set[tuple[str, int]]) -> bool:
    """Return True where the status was LIVE, after the gap was reported, while one of its fills was yet to come."""
    opened_s = next(float(told["at_s"]) for told in heard if told["kind"] == "gap_opened")
    came_s = max(
        (float(told["at_s"]) for told in heard if told["kind"] == "fill" and fill_of(told) in missed), default=0
    )
    return any(opened_s < told["at_s"] < came_s for told in heard if told.get("status") == "LIVE")


def has_settled(heard: list[dict[str, Any]]) -> bool:
    """Return True where the last LIVE came straight after SETTLING."""
    statuses = [told["status"] for told in heard if told["kind"] == "status"]
    return statuses[-2:] == ["SETTLING", "LIVE"]


def long_ban() -> Shown:
    """A 418 of ten minutes: an order's message is lost just before, so that there is something to ask for."""
    with Exchange() as exchange:
        accounts = exchange.more_accounts(2)
        names = [account["name"] for account in accounts]
        with Client(exchange, accounts) as client:
            for name in names:
                exchange.burst(WARM_UP, account=name, wait=True)
                client.until_fills(name, WARM_UP)
            exchange.fault("ban", seconds=BAN_S)
            ends_s = time.time() + BAN_S
            for name in names:
                lost = lose(exchange, client, name)
                client.until(name, lambda told: told["kind"] == "gap_opened", after=lost.place)
                exchange.burst(BAN_S - 30, 1, account=name)
            time.sleep(2.0)  # the first refusals, one for each that was under way
            first = refused(exchange)
            known_s = time.time()
            time.sleep(max(0.0, ends_s - 1 - time.time()))
            meanwhile, known_for_s = refused(exchange) - first, time.time() - known_s
            streamed = min(len(client.fills(name)) for name in names)
            sockets = exchange.call("GET", "/meters")["sockets_opened"]
            back_s = []
            for name in names:
                closed = client.until(name, lambda told: told["kind"] == "gap_closed", within_s=60)
                back_s.append(float(closed["at_s"]) - ends_s)
            client.stop()
            exact = all(client.exact(exchange, name) for name in names)
    figure = (
        f"{meanwhile} requests in {known_for_s:.0f} s of it, {first} before (the first to be refused), at least {streamed} fills "
        f"streamed meanwhile over {sockets} sockets, whole {max(back_s):.1f} s after it; ledger = journal: {exact}"
    )
    held = meanwhile == 0 and exact and sockets == len(names) and max(back_s) <= 5
    return Shown("418 for ten minutes", figure, "0 requests, stream kept, recovery <= 5 s after", held)


def refused(exchange: Exchange) -> int:
    """Requests that were answered with 418 so far."""
    requests: int = exchange.call("GET", "/meters")["refused_418"]
    return requests
