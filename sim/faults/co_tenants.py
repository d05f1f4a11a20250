"""Disturb one account of a process that has several, or let one come and go."""

from __future__ import annotations

from typing import Final

from sim.client.process import Process
from sim.faults.effects import lasting
from sim.faults.injector import Effect, Injector
from sim.faults.model import Fault

POISONED_EVERY_S: Final = 2.0
GARBAGE: Final = (
    "not_json",
    "array",
    "null",
    "number",
    "string",
    "unknown_event",
    "wrong_types",
    "long_id",
    "truncated",
)


def poison(injector: Injector, fault: Fault, process: Process) -> None:
    """One account gets garbage, and everything at once, again and again; others beside it don't."""
    env = injector.env
    injector.put("malformed_frame", lasting(fault, process) | {"frames": list(GARBAGE)})

    def all_at_once() -> None:
        env.exchange.burst(process.account, fault.param("fills"), env.now_ms)

    injector.again(fault, POISONED_EVERY_S, all_at_once)


def comes_and_goes(_: Injector, __: Fault, process: Process) -> None:
    for tenant in process.co_tenants:
        tenant.go()


def comes_again(injector: Injector, fault: Fault, process: Process) -> None:
    """Start a co-tenant again, with the API key it had, or with another one of the same account."""
    env = injector.env
    for tenant in process.co_tenants:
        identity = tenant.identity
        if fault.param("new_key") and tenant.away_us is not None:
            identity = env.exchange.add_account(identity.name, env.now_ms)
        tenant.come(identity)


BEGIN: Final[dict[str, Effect]] = {"poison": poison, "comes_and_goes": comes_and_goes}
END: Final[dict[str, Effect]] = {"comes_and_goes": comes_again}
