"""Make a disk slow, full or faulty, take its folder away, or let the end of a journal be garbage."""

from __future__ import annotations

from typing import Final

from sim.client.process import Process
from sim.environment.disk import GONE
from sim.faults.effects import rise
from sim.faults.injector import Effect, Injector
from sim.faults.model import Fault

GARBAGE_MOST: Final = 9000


def disk_slow(_: Injector, fault: Fault, process: Process) -> None:
    process.disk.slow_ms.append(fault.param("ms"))


def end_disk_slow(_: Injector, fault: Fault, process: Process) -> None:
    process.disk.slow_ms.remove(fault.param("ms"))


def disk_full(_: Injector, __: Fault, process: Process) -> None:
    process.disk.errors.append("SQLITE_FULL")


def end_disk_full(_: Injector, __: Fault, process: Process) -> None:
    process.disk.errors.remove("SQLITE_FULL")


def disk_errors(_: Injector, fault: Fault, process: Process) -> None:
    process.disk.errors.append(fault.param("name"))


def end_disk_errors(_: Injector, fault: Fault, process: Process) -> None:
    process.disk.errors.remove(fault.param("name"))


def torn_tail(_: Injector, __: Fault, process: Process) -> None:
    """The process ends, and what it was writing last is garbage."""
    if process.down or process.ends:
        return
    rng, left = process.disk.rng, {}
    for store in process.current_run.stores():
        files = dict(store.left_by("kill"))
        files["-wal"] = files.get("-wal", b"") + rng.randbytes(rng.randrange(1, GARBAGE_MOST))
        left[store.path.name] = files
    process.die("kill", left)


def folder_gone(_: Injector, __: Fault, process: Process) -> None:
    process.disk.errors.append(GONE)


def end_folder_gone(_: Injector, __: Fault, process: Process) -> None:
    process.disk.errors.remove(GONE)


BEGIN: Final[dict[str, Effect]] = {
    "disk_slow": disk_slow,
    "disk_full": disk_full,
    "disk_errors": disk_errors,
    "torn_tail": torn_tail,
    "folder_gone": folder_gone,
}
END: Final[dict[str, Effect]] = {
    "disk_slow": end_disk_slow,
    "disk_full": end_disk_full,
    "disk_errors": end_disk_errors,
    "torn_tail": rise,
    "folder_gone": end_folder_gone,
}
