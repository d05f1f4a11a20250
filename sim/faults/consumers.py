"""Hold up whoever reads: it raises, stands still, or can't print."""

from __future__ import annotations

from typing import Final

from sim import judge
from sim.client.process import Process, ProcessRun
from sim.environment.disk import read_files, write_files
from sim.faults.injector import Effect, Injector
from sim.faults.model import Fault

WRITTEN_US: Final = 3_000_000
"""The time by which events are in the file, where nothing else is wrong."""

HELD_MOST_US: Final = 60_000_000
"""The same where something is: a new socket's events wait for REST, thirty seconds at most."""

BESIDE_US: Final = 180_000_000
"""A fault that ended no longer ago may still be felt."""


def user_code(injector: Injector, fault: Fault, process: Process) -> None:
    until_us = injector.env.now_us + int(fault.for_s * 1e6)
    process.consumer.raises_until_us = max(process.consumer.raises_until_us, until_us)


def slow_reader(injector: Injector, fault: Fault, process: Process) -> None:
    from_us = injector.env.now_us + int(fault.for_s * 1e6)
    process.consumer.reads_from_us = max(process.consumer.reads_from_us, from_us)


def burst(injector: Injector, fault: Fault, process: Process) -> None:
    """Make many fills at once, while the consumer stands still."""
    slow_reader(injector, fault, process)
    injector.env.exchange.burst(process.account, fault.param("fills"), injector.env.now_ms)


def no_output(injector: Injector, fault: Fault, process: Process) -> None:
    """Break printing: it fails, and nobody reads on, or it does not come to its end."""
    until_us = injector.env.now_us + int(fault.for_s * 1e6)
    if until_us > process.consumer.prints_from_us:
        process.consumer.prints_from_us, process.consumer.print_hangs = until_us, fault.param("hangs")
    process.unprinted += 1


def end_no_output(injector: Injector, fault: Fault, process: Process) -> None:
    """Check that the journal holds all that came meanwhile, though nobody has seen it."""
    process.unprinted -= 1
    if not injector.env.options.journal or process.down or process.ends or process.frozen_until_us:
        return
    now_us = injector.env.now_us
    until_us = now_us - (WRITTEN_US if injector.is_alone(fault, BESIDE_US) else HELD_MOST_US)
    for number, told in enumerate(process.current_run.told):
        written = _written(process.current_run, number)
        for at_us, fill in process.current_run.arrivals.get(number, ()):
            if int(fault.at_s * 1e6) <= at_us <= until_us and fill not in written:
                told.unkept.append((now_us, f"{fill} came at {at_us / 1e6:.3f} s and is not in the journal"))


def _written(run: ProcessRun, number: int) -> set[tuple[str, int, int]]:
    """The fills in a journal's file, as somebody else finds them there."""
    path = run.path(number)
    assert path is not None
    copy = path.with_name("looked-at.db")
    write_files(copy, {ending: data for ending, data in read_files(path).items() if ending in ("", "-wal")})
    fills = {fill for item in judge.read(copy)[0] for fill in judge.fills_in(item)}
    for place in path.parent.glob("looked-at.db*"):
        place.unlink()
    return fills


BEGIN: Final[dict[str, Effect]] = {
    "user_code": user_code,
    "slow_reader": slow_reader,
    "burst": burst,
    "no_output": no_output,
}
END: Final[dict[str, Effect]] = {"no_output": end_no_output}
