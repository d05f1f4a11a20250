"""Effects that several domains share."""

from __future__ import annotations

from typing import Any

from sim.client.process import Process, Tamper
from sim.faults.injector import Injector
from sim.faults.model import Fault


def lasting(fault: Fault, process: Process) -> dict[str, Any]:
    """Return the exchange's arguments for a fault that lasts: its account and its length."""
    return {"account": process.account, "duration_ms": int(fault.for_s * 1000)}


def rise(_: Injector, __: Fault, process: Process) -> None:
    """Start the program again, as its owner would."""
    process.rise()


def put_tamper(injector: Injector, fault: Fault, process: Process, tamper: Tamper) -> None:
    injector.scratch[fault] = tamper
    process.tampers.append(tamper)


def end_tamper(injector: Injector, fault: Fault, process: Process) -> None:
    tamper = injector.scratch.pop(fault)
    if tamper in process.tampers:
        process.tampers.remove(tamper)
