"""The circumstances of a run: the accounts, the venue's behaviour, the network's quality."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from listenkey.core.timing import Timing
from listenkey.sandbox.switches import Switches
from listenkey.venue import Attach

EPOCH_MS: Final = 1_795_305_600_000  # 2026-11-22T00:00:00Z
SETTLE_S: Final = 40 * 60.0
"""The end of every run is without faults: long enough for a renewal to find a key that died without a word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """
    One run's circumstances.

    Attributes:
        seed: Everything is drawn from it.
        mode: `safety`; `liveness`, the same with three times the faults; `pair`, two kinds against each other;
            `long`, whole days in which little happens; or `idle`, hours between two events of an account, which is audited
            less often then.
        days: How long, simulated days of each stream.
        processes: Streams in each client process, one number a process.
        accounts: The account of each process. Two processes of one account are rivals for its listen key.
        start_ms: The exchange's time at the beginning.
        latency_ms: One way, at least.
        jitter_ms: And so much more at most.
        episode_s: Mean time between two things that happen to an account.
        hold_s: Mean time until an account closes its positions again; with a position it is told of every ten seconds.
        level: How often faults come, times the rates of `faults.KINDS`.
        rotate_after_s: How long the client keeps a socket; shortened in some runs, so that rotations happen.
        recovers: Whether the client has a secret, and can ask REST for what it missed.
        journal: Whether it keeps a journal in a file. Else in memory.
        commit_every: After so many items the consumer commits; 0 is never.
        every_ping: Simulate every ping. Else those are left out that nothing can happen to.
        attach: How the client puts its key on a socket.
        switches: The venue's manners, where they differ from the defaults.
        only: Faults of these kinds and no others; of any, where it is empty.
        framed: Whether connections are simulated down to their bytes, and the client's own frame reader reads them.
        co_tenants: Further accounts of processes: which process, and which account. See `sim/client/co_tenants.py`.
        before: Which processes begin when their account has traded already: the process, how many fills, and for how
            many milliseconds it runs the first time.
        idle_audit_s: The longest interval of audits of an idle account; None: as of any other.
        keys_per_socket: The listen keys of a process that share a socket. In a run where they do, every ping is simulated.
        quotes: Whether most of what happens is orders that rest in one symbol and are cancelled again.
    """

    seed: int
    mode: str = "safety"
    days: float = 0.25
    processes: tuple[int, ...] = (1, 1, 1)
    accounts: tuple[int, ...] = (0, 1, 2)
    start_ms: int = EPOCH_MS
    latency_ms: float = 5.0
    jitter_ms: float = 5.0
    episode_s: float = 300.0
    hold_s: float = 30.0
    level: float = 4.0
    rotate_after_s: float = 82_800.0
    every_ping: bool = False
    recovers: bool = True
    journal: bool = True
    commit_every: int = 10
    attach: str = "subscribe"
    switches: tuple[tuple[str, Any], ...] = ()
    only: tuple[str, ...] = ()
    framed: bool = False
    quotes: bool = False
    idle_audit_s: float | None = None
    keys_per_socket: int = 1
    co_tenants: tuple[tuple[int, int], ...] = ()
    before: tuple[tuple[int, int, int], ...] = ()

    @property
    def duration_s(self) -> float:
        """The whole run, the settling at its end included."""
        return self.days * 86_400

    @property
    def heal_s(self) -> float:
        """The time by which faults have ended."""
        return max(600.0, self.duration_s - SETTLE_S)

    @property
    def streams(self) -> int:
        """The number of streams."""
        return sum(self.processes) + len(self.co_tenants)

    @property
    def spells_otherwise(self) -> bool:
        """True where the venue writes amounts with exponents: they equal the ledger's in value and not to the digit."""
        return dict(self.switches).get("amount_format") == "exponent"

    def timing(self) -> Timing:
        """The client's own, but for how long it keeps a socket."""
        jitter_s = min(1800.0, self.rotate_after_s / 10)
        return Timing(
            rotate_after_s=self.rotate_after_s, rotate_jitter_s=jitter_s, idle_audit_every_s=self.idle_audit_s
        )

    def venue_switches(self) -> Switches:
        """The sandbox's switches."""
        return Switches(**dict(self.switches))

    def venue_attach(self) -> Attach:
        """The client's way to attach a key."""
        return Attach(self.attach)

    def lines(self) -> list[str]:
        """One option a line."""
        return [f"{name} = {value}" for name, value in asdict(self).items()]
