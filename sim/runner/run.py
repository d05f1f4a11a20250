"""One run from one seed, or from a list of faults; and what came of it."""

from __future__ import annotations

import itertools
import logging
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from sim.checkers import check
from sim.checkers.reading import FORGETS
from sim.checkers.violation import Violation
from sim.environment.options import EPOCH_MS, Options
from sim.faults.model import Fault
from sim.faults.schedule import faults_of
from sim.faults.traits import ASKING, LASTING, OF_BYTES, WITH_CO_TENANTS
from sim.kernel.loop import Spinning
from sim.runner.options import draw_options
from sim.world.evidence import Evidence
from sim.world.world import World

EXPIRY_MS: Final = 8 * 3_600_000
"""Options expire at 08:00 UTC."""

EXPIRING: Final = frozenset({"expiry", "expiry_unseen"})
BEFORE: Final = frozenset({"traded_before"})

IN_MEMORY: Final = Path("/dev/shm")
"""A file system that is memory, where there is one: what is simulated is the disk, not this machine's."""

FINE, CRASH, WRONG, STUCK = 0, 2, 3, 4
WORDS: Final = {FINE: "fine", CRASH: "crash", WRONG: "wrong", STUCK: "stuck"}


@dataclass(slots=True)
class Outcome:
    """
    The result of a run.

    Attributes:
        code: `FINE`, `CRASH`, `WRONG` or `STUCK`; also the exit code.
        violations: What the checkers found.
        crash: What was raised, if anything was.
    """

    options: Options
    faults: list[Fault]
    code: int
    violations: list[Violation] = field(default_factory=list)
    crash: BaseException | None = None
    evidence: Evidence | None = None
    trace_lines: list[str] | None = None

    @property
    def rule(self) -> str:
        """Name what is wrong, shortly: two runs with the same name are taken for the same failure."""
        if self.crash is not None:
            return f"crash {type(self.crash).__name__}"
        return self.violations[0].rule if self.violations else "fine"


def run_seed(seed: int, mode: str = "safety", days: float = 0.25, *, keep_trace: bool = False) -> Outcome:
    """Draw everything from the seed, run, and judge."""
    options = draw_options(seed, mode, days)
    return run_case(options, faults_of(options), keep_trace=keep_trace)


def circumstances(options: Options, faults: list[Fault]) -> Options:
    """Some faults are a matter of who is there, and at what time."""
    # Who can't ask REST never finds out that a socket was dead from the beginning.
    options = replace(options, recovers=options.recovers or any(fault.kind in LASTING | ASKING for fault in faults))
    for fault in faults:
        if fault.kind == "two_keys":
            accounts = list(options.accounts)
            accounts[(fault.client + 1) % len(accounts)] = accounts[fault.client]
            options = replace(options, accounts=tuple(accounts))
    if any(fault.kind in OF_BYTES for fault in faults):
        options = replace(options, framed=True)
    hosts = sorted(
        {fault.client for fault in faults if fault.kind in WITH_CO_TENANTS} - {host for host, _ in options.co_tenants}
    )
    free = max((*options.accounts, *(account for _, account in options.co_tenants))) + 1
    options = replace(options, co_tenants=(*options.co_tenants, *zip(hosts, itertools.count(free), strict=False)))
    expires_s = next((_expires_s(fault) for fault in faults if fault.kind in EXPIRING), None)
    manners = dict(options.switches)
    for fault in faults:
        manners |= {"order_ids": "contract"} if fault.kind == "ids_by_contract" else {}
        manners |= dict(fault.params) if fault.kind == "odd_fields" else {}
    options = replace(options, switches=tuple(sorted(manners.items())))
    if any(fault.kind in FORGETS for fault in faults):
        options = replace(options, idle_audit_s=None)  # REST forgets sooner there than an idle account is audited.
    before = {fault.client: (fault.param("fills"), fault.param("lives_ms")) for fault in faults if fault.kind in BEFORE}
    options = replace(options, before=tuple((client, *drawn) for client, drawn in sorted(before.items())))
    if expires_s is not None:
        options = replace(options, start_ms=EPOCH_MS + EXPIRY_MS - int(expires_s * 1000))
    return options


def _expires_s(fault: Fault) -> float:
    """Return a time in the middle of a fault that lasts."""
    return fault.at_s + fault.for_s / 2


def run_case(options: Options, faults: list[Fault], *, keep_trace: bool = False) -> Outcome:
    """Run, and judge."""
    options = circumstances(options, faults)
    # What the client logs is for people; here it would be most of the work.
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None, prefix="sim-") as folder:
        return _run_in(Path(folder), options, faults, keep_trace=keep_trace)


def _run_in(folder: Path, options: Options, faults: list[Fault], *, keep_trace: bool) -> Outcome:
    world = World(options, faults, folder, keep_trace=keep_trace)
    try:
        evidence = world.run()
    except Spinning as spinning:
        return Outcome(options, faults, STUCK, crash=spinning, trace_lines=world.trace)
    except Exception as crash:  # noqa: BLE001 - whatever a run dies of is its outcome, and is told
        return Outcome(options, faults, CRASH, crash=crash, trace_lines=world.trace)
    finally:
        logging.disable(logging.NOTSET)
    violations = check(evidence)
    wrong = any(not violation.stuck for violation in violations)
    code = WRONG if wrong else STUCK if violations else FINE
    return Outcome(options, faults, code, violations, None, evidence, world.trace)
