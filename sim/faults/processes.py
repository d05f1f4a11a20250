"""Stop processes: put them to sleep, kill them, cut their power, ask them to end, start them twice."""

from __future__ import annotations

from typing import Final

from listenkey.errors import Fenced
from listenkey.journal.sqlite.store import Store
from sim.client.process import Process
from sim.faults.effects import rise
from sim.faults.injector import Effect, Injector
from sim.faults.model import Fault

LOOP_EVERY_S: Final = 3.0
LOOP_DOWN_US: Final = 500_000


def suspend(_: Injector, fault: Fault, process: Process) -> None:
    process.freeze(int(fault.for_s * 1e6), asleep=True)
    if fault.for_s > 120:
        # Nobody acknowledged anything: the other side's kernel has given up by then.
        process.network.forget_all("in")


def stall(_: Injector, fault: Fault, process: Process) -> None:
    process.freeze(int(fault.for_s * 1e6), asleep=False)


def crash(injector: Injector, fault: Fault, process: Process) -> None:
    end_run(injector, process, "kill", in_write=fault.param("in_write"))


def power_cut(injector: Injector, fault: Fault, process: Process) -> None:
    end_run(injector, process, "power", in_write=fault.param("in_write"))


def end_run(injector: Injector, process: Process, how: str, *, in_write: bool) -> None:
    """Kill it, or cut its power: in the middle of its next write, or now."""
    if in_write and injector.env.options.journal and not process.down:
        process.disk.cut = how  # in the middle of the next write
    else:
        process.die(how)


def rise_uncut(_: Injector, __: Fault, process: Process) -> None:
    process.disk.cut = None
    process.rise()


def sigterm(_: Injector, __: Fault, process: Process) -> None:
    process.leave()


def second_instance(injector: Injector, _: Fault, process: Process) -> None:
    """Another process opens the journals, and has to be sent away."""
    for told, store in zip(process.current_run.told, process.current_run.stores(), strict=False):
        if process.down or not store.files.are_held:
            continue
        other = Store(store.path, store.account)
        try:
            other.open()
        except Fenced:
            injector.env.note(f"{process.number} second instance refused")
        else:
            other.close()
            told.contradictions.append((injector.env.now_us, "a second process opened the journal"))


def crash_loop(injector: Injector, fault: Fault, process: Process) -> None:
    env = injector.env

    def crash() -> None:
        if not process.down:
            process.die("kill")
            env.at(env.now_us + LOOP_DOWN_US, process.rise)

    injector.again(fault, LOOP_EVERY_S, crash)


BEGIN: Final[dict[str, Effect]] = {
    "suspend": suspend,
    "stall": stall,
    "crash": crash,
    "power_cut": power_cut,
    "sigterm": sigterm,
    "second_instance": second_instance,
    "crash_loop": crash_loop,
}
END: Final[dict[str, Effect]] = {"crash": rise_uncut, "power_cut": rise_uncut, "sigterm": rise}
