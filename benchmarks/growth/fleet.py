"""Fleets of accounts over many addresses: how many addresses they need, and what one of these goes through."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from benchmarks.growth.address import IDLE_AUDIT_S, SYMBOLS, TIMING, WARM_UP_S, Address, Case, most_within
from listenkey import venue
from listenkey.core.budget import WINDOW_S, Priority
from listenkey.core.connect_budget import CONNECT_WINDOW_S
from listenkey.gateway.mass_return import mass_return

ACTIVE_SHARE: Final = 0.05
FILLED: Final = 0.9
"""The part of the audits' room that is planned for; where it is full, audits come late."""

WORKER_ACCOUNTS: Final = 8_000
"""Accounts of one process: for isolation rather than speed."""

PLAYED_ACCOUNTS: Final = 1_300
"""Addresses share nothing and are alike, so as many are played as have so many accounts together."""

STEADY_S: Final = 3600.0
OUTAGE_S: Final = 60.0
WITHIN_S: Final = 4 * 3600.0
CURVE: Final = 60
"""Points of a curve."""

CURVE_S: Final = 1800.0
"""Its length."""


def minute_weight(accounts: int, active: int, idle_audit_s: float = IDLE_AUDIT_S) -> float:
    """Return what accounts cost per minute while nothing happens: audits, and renewals of keys."""
    lists = venue.WEIGHTS[venue.BILL_PATH] + SYMBOLS * venue.WEIGHTS[venue.OPEN_ORDERS_PATH]
    audits = active * lists * 60 / TIMING.audit_every_s
    audits += (accounts - active) * venue.WEIGHTS[venue.BILL_PATH] * 60 / idle_audit_s
    return audits + accounts * 2 * venue.LISTEN_KEY_WEIGHT * 60 / TIMING.renew_after_s


def addresses_needed(accounts: int, weight_limit: int, idle_audit_s: float = IDLE_AUDIT_S) -> int:
    """Return the addresses on which the audits of so many accounts come in time."""
    room = weight_limit * Priority.STEADY.value * FILLED * 60 / WINDOW_S
    return math.ceil(minute_weight(accounts, round(accounts * ACTIVE_SHARE), idle_audit_s) / room)


def accounts_held(weight_limit: int, idle_audit_s: float = IDLE_AUDIT_S) -> int:
    """Return how many accounts one address holds, so that their audits come in time."""
    per_thousand = minute_weight(1000, round(1000 * ACTIVE_SHARE), idle_audit_s)
    return int(weight_limit * Priority.STEADY.value * FILLED * 60 / WINDOW_S * 1000 / per_thousand)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def curve(times: Sequence[float], accounts: int, end_s: float) -> list[float]:
    """Return the share that was reached, at equal steps until the end."""
    steps = [end_s * step / CURVE for step in range(CURVE + 1)]
    ordered, reached, shares = sorted(times), 0, []
    for step_s in steps:
        while reached < len(ordered) and ordered[reached] <= step_s:
            reached += 1
        shares.append(round(reached / accounts, 4))
    return shares


def play(accounts: int, weight_limit: int, keys_per_socket: int, more: int = 1) -> dict[str, Any]:
    """Play a start and a return of a fleet, on the addresses that it needs or on so many times more."""
    addresses = addresses_needed(accounts, weight_limit) * more
    case = case_of(accounts, addresses, weight_limit, keys_per_socket)
    played = min(addresses, max(1, PLAYED_ACCOUNTS // case.accounts))
    outcomes = [{**started(case, seed), **healed(case, seed)} for seed in range(played)]
    figures = [name for name, value in outcomes[0].items() if not isinstance(value, list)]
    plan = mass_return(
        case.accounts,
        case.active * SYMBOLS,
        case.active,
        weight_limit=weight_limit,
        keys_per_socket=keys_per_socket,
    )
    return {
        "accounts": accounts,
        "weight_limit": weight_limit,
        "keys_per_socket": keys_per_socket,
        "addresses": addresses,
        "each": case.accounts,
        "played": played,
        **{name: round(max(one[name] for one in outcomes), 1) for name in figures},
        "arithmetic_s": round(OUTAGE_S + plan.all_healed_after_s),
        "healed": outcomes[0]["healed"],
    }


def case_of(accounts: int, addresses: int, weight_limit: int, keys_per_socket: int = 1) -> Case:
    """Return one address of a fleet."""
    each = math.ceil(accounts / addresses)
    return Case(each, math.ceil(each * ACTIVE_SHARE), weight_limit, keys_per_socket)


def quiet(accounts: int, weight_limit: int) -> dict[str, Any]:
    """Play an hour in which nothing happens, at one address of a fleet."""
    addresses = addresses_needed(accounts, weight_limit)
    address = Address(case_of(accounts, addresses, weight_limit), 0)
    address.begin()
    address.time.run(STEADY_S)
    return {
        "accounts": accounts,
        "weight_limit": weight_limit,
        "minute_weight": round(minute_weight(accounts, round(accounts * ACTIVE_SHARE))),
        "addresses_every_60_s": addresses_needed(accounts, weight_limit, TIMING.audit_every_s),
        "addresses": addresses,
        "each": address.case.accounts,
        "workers": math.ceil(accounts / WORKER_ACCOUNTS),
        "late_active_s": round(percentile(address.late_s[True], 0.99), 1),
        "late_idle_s": round(percentile(address.late_s[False], 0.99), 1),
        "most_weight": most_within(address.requests.sent, WINDOW_S),
    }


def started(case: Case, seed: int) -> dict[str, Any]:
    """Play a start of all accounts of an address."""
    address = Address(case, seed)
    address.start()
    address.time.run(WITHIN_S, lambda: len(address.live_s) == case.accounts)
    assert len(address.live_s) == case.accounts, "all come through"
    return {
        "start_first_s": min(address.live_s.values()),
        "start_active_s": max(address.live_s[number] for number in range(case.active)),
        "start_all_s": max(address.live_s.values()),
        "start_weight": most_within(address.requests.sent, WINDOW_S),
        "start_sockets": most_within(address.sockets.sent, CONNECT_WINDOW_S),
    }


def healed(case: Case, seed: int) -> dict[str, Any]:
    """Play the loss of all sockets of an address, for a minute, among audits and renewals."""
    address = Address(case, seed)
    address.begin()
    address.time.run(WARM_UP_S)
    lost_s = address.time.now_s
    address.lose_all(OUTAGE_S)
    address.time.run(lost_s + WITHIN_S, lambda: len(address.healed_s) == case.accounts)
    assert len(address.healed_s) == case.accounts, "all come through"
    times = {number: at_s - lost_s for number, at_s in address.healed_s.items()}
    return {
        "heal_first_s": min(times.values()),
        "heal_active_s": max(times[number] for number in range(case.active)),
        "heal_all_s": max(times.values()),
        "heal_weight": most_within(address.requests.sent, WINDOW_S),
        "heal_sockets": most_within(address.sockets.sent, CONNECT_WINDOW_S),
        "healed": curve(list(times.values()), case.accounts, CURVE_S),
    }
