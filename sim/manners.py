"""Still more that the injector can do: what the venue, or who reads, does differently for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim.faults import Fault

if TYPE_CHECKING:
    from sim.injector import Injector
    from sim.process import Process
    from sim.strokes import Stroke


# --- The venue -------------------------------------------------------------------------------------------------------


def generation(injector: Injector, _: Fault, __: Process) -> None:
    """Messages and answers have the shapes of before 2026, for every account, and as long as any such fault lasts."""
    injector.legacy += 1
    injector.world.exchange.switches.generation = "legacy"


def end_generation(injector: Injector, _: Fault, __: Process) -> None:
    """Those that are new."""
    injector.legacy -= 1
    if not injector.legacy:
        injector.world.exchange.switches.generation = "current"


BEGIN: Final[dict[str, Stroke]] = {"generation": generation}
END: Final[dict[str, Stroke]] = {"generation": end_generation}
