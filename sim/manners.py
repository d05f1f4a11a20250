"""Still more that the injector can do: what the venue, or who reads, does differently for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from listenkey import venue
from listenkey.sandbox.exchange import queries
from listenkey.stream import windows
from sim import judge
from sim.environment.disk import read_files, write_files
from sim.faults import Fault
from sim.strokes import lasting, rise

if TYPE_CHECKING:
    from sim.client.process import Process, ProcessRun
    from sim.injector import Injector
    from sim.strokes import Stroke

FORGETS_SOONER_S: Final = 10
"""The seconds by which the client counts rows as forgotten before the venue does; a day in production."""

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

WRITTEN_US: Final = 3_000_000
"""The time by which events are in the file, where nothing else is wrong."""

HELD_MOST_US: Final = 60_000_000
"""The same where something is: a new socket's events wait for REST, thirty seconds at most."""

BESIDE_US: Final = 180_000_000
"""A fault that ended no longer ago may still be felt."""


# --- The venue -------------------------------------------------------------------------------------------------------


def generation(injector: Injector, _: Fault, __: Process) -> None:
    """Messages and answers have the shapes of before 2026, for every account, and as long as any such fault lasts."""
    injector.legacy += 1
    injector.env.exchange.switches.generation = "legacy"


def end_generation(injector: Injector, _: Fault, __: Process) -> None:
    """Return to the new generation of messages."""
    injector.legacy -= 1
    if not injector.legacy:
        injector.env.exchange.switches.generation = "current"


def retention(_: Injector, fault: Fault, process: Process) -> None:
    """
    Let REST forget after minutes what it keeps for months, with both sides knowing it; and stop the process.

    For good: no venue remembers again what it has forgotten. Of several such faults the shortest memory counts.
    """
    keeps_s = min(fault.param("keeps_s"), venue.TRADES_KEPT_S)
    for place, name, value in forgetful(keeps_s):
        setattr(place, name, value)
    process.die("kill")


def forgetful(keeps_s: int) -> list[tuple[Any, str, Any]]:
    """Return the changes, and their places, that make REST keep no more than so many seconds."""
    return [
        (venue, "TRADES_KEPT_S", keeps_s),
        (venue, "ORDERS_KEPT_S", keeps_s),
        (windows, "KEPT_MARGIN_S", FORGETS_SOONER_S),
        (queries, "TRADES_MS", keeps_s * 1000),
        (queries, "FINISHED_ORDERS_MS", keeps_s * 1000),
        (queries, "UNFILLED_CANCELS_MS", keeps_s * 600),
    ]


# --- Accounts side by side -------------------------------------------------------------------------------------------


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


# --- Who reads -------------------------------------------------------------------------------------------------------


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


BEGIN: Final[dict[str, Stroke]] = {
    "generation": generation, "retention": retention, "poison": poison, "comes_and_goes": comes_and_goes, "no_output": no_output,
}  # fmt: skip
END: Final[dict[str, Stroke]] = {
    "generation": end_generation, "retention": rise, "comes_and_goes": comes_again, "no_output": end_no_output,
}  # fmt: skip
