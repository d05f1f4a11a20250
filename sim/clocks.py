"""Wall clocks that are wrong in one process and right in the next, and a network that takes its time: kinds of fault."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim.events import trade
from sim.faults import Fault

if TYPE_CHECKING:
    from sim.client.process import Process
    from sim.injector import Injector
    from sim.strokes import Stroke

DOWN_US: Final = 3_000_000
"""The least time that a process is away whose clock is set meanwhile."""

LIVES_MOST_S: Final = 20.0
"""The longest life with the wrong clock, before a pause that is longer than an audit looks back."""

LIMITED_S: Final = 3
GROWS_EVERY_S: Final = 1.0
LOST_EVERY_S: Final = 40.0
ARRIVED_US: Final = 60_000


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


# --- The network -----------------------------------------------------------------------------------------------------


def latency(injector: Injector, fault: Fault, process: Process) -> None:
    """Delay everything that an open connection brings by so much, from now on or more and more."""
    network, now_us = process.network, injector.env.now_us
    most_us = fault.param("ms") * 1000
    injector.scratch[fault] = 0

    def set_to(us: int) -> None:
        network.extra_us += us - injector.scratch[fault]
        injector.scratch[fault] = us

    def grow() -> None:
        if fault in injector.scratch:
            share = (injector.env.now_us - now_us) / (fault.for_s * 1e6)
            set_to(int(most_us * min(1.0, share)))

    def lose() -> None:
        """While the one thing arrives and the other is under way, the process ends or loses its connection."""
        env, extra_us = injector.env, network.extra_us
        trade(env, process.account, 2, orders=1)
        env.at(env.now_us + extra_us // 5, lambda: trade(env, process.account, 2, orders=1))
        env.at(env.now_us + extra_us + ARRIVED_US, end if fault.param("kills") else network.reset_all)

    def end() -> None:
        process.die("kill")
        injector.env.at(injector.env.now_us + DOWN_US, process.rise)

    injector.again(fault, LOST_EVERY_S, lose)
    if fault.param("grows"):
        injector.again(fault, GROWS_EVERY_S, grow)
    else:
        set_to(most_us)


def end_latency(injector: Injector, fault: Fault, process: Process) -> None:
    """Make the network as quick as before."""
    process.network.extra_us -= injector.scratch.pop(fault)


BEGIN: Final[dict[str, Stroke]] = {
    "wrong_clock": wrong_clock, "wrong_clock_limited": wrong_clock_limited, "latency": latency,
}  # fmt: skip
END: Final[dict[str, Stroke]] = {
    "wrong_clock": end_wrong_clock, "wrong_clock_limited": end_wrong_clock, "latency": end_latency,
}  # fmt: skip
