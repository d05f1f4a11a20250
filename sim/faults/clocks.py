"""Set wall clocks wrong: in a running process, little by little, or in one process and right again in the next."""

from __future__ import annotations

from typing import Final

from sim.client.process import Process
from sim.faults.injector import Effect, Injector
from sim.faults.model import Fault

DOWN_US: Final = 3_000_000
"""The least time that a process is away whose clock is set meanwhile."""

LIVES_MOST_S: Final = 20.0
"""The longest life with the wrong clock, before a pause that is longer than an audit looks back."""

LIMITED_S: Final = 3
DRIFT_EVERY_S: Final = 10.0


def clock_step(_: Injector, fault: Fault, process: Process) -> None:
    process.step_clock(fault.param("ms"))


def drift(injector: Injector, fault: Fault, process: Process) -> None:
    injector.again(fault, DRIFT_EVERY_S, lambda: process.step_clock(fault.param("ms")))


def wrong_clock(injector: Injector, fault: Fault, process: Process) -> None:
    """
    The wall clock is set wrong in the process that runs, or while it is down; later it is right again, after a restart.

    So what one process has written down by its clock is read by the next one, whose clock disagrees by an hour or a day.
    """
    env, lives_us = injector.env, int(min(fault.for_s / 2, LIVES_MOST_S) * 1e6)
    if fault.param("before"):
        process.step_clock(fault.param("ms"))
        env.at(env.now_us + lives_us, lambda: process.die("kill"))
        return
    process.die("kill")

    def rise() -> None:
        process.step_clock(fault.param("ms"))
        process.rise()

    env.at(env.now_us + min(lives_us, DOWN_US), rise)


def end_wrong_clock(_: Injector, fault: Fault, process: Process) -> None:
    """The clock is right again, in a process that begins now or in the one that runs."""
    process.step_clock(-fault.param("ms"))
    process.rise()


def wrong_clock_limited(injector: Injector, fault: Fault, process: Process) -> None:
    """The same, while the venue has asked for a few seconds of silence, which the next process is to keep."""
    for path in ("/eapi/v1/bill", "/eapi/v1/listenKey", "/eapi/v1/time", "/eapi/v1/position"):
        limit = {"path": path, "retry_after": LIMITED_S, "account": process.account}
        injector.put("rate_limit", limit | {"duration_ms": LIMITED_S * 1000})
    process.network.reset_all()  # so that something is asked
    wrong_clock(injector, fault, process)


BEGIN: Final[dict[str, Effect]] = {
    "clock_step": clock_step,
    "drift": drift,
    "wrong_clock": wrong_clock,
    "wrong_clock_limited": wrong_clock_limited,
}
END: Final[dict[str, Effect]] = {"wrong_clock": end_wrong_clock, "wrong_clock_limited": end_wrong_clock}
