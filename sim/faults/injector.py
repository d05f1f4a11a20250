"""Puts faults in and takes them out: in the network, in the client's machine, or in the exchange."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from sim.client.process import Process
from sim.environment.environment import Environment
from sim.faults.model import Fault
from sim.faults.traits import NOT_OF_SOCKETS, OF_ALL

Effect: TypeAlias = Callable[["Injector", Fault, Process], None]
"""Does something to a process, or to its surroundings, when a fault of a kind begins or ends."""


class Injector:
    """
    Carries out a list of faults.

    Args:
        env: The run's surroundings.
        processes: Of each client.
        accounts: The names of all accounts.
        faults: What is to happen.
        begins, ends: What each kind does, as the registry has it.
    """

    def __init__(
        self,
        env: Environment,
        processes: Sequence[Process],
        accounts: Sequence[str],
        faults: list[Fault],
        begins: Mapping[str, Effect],
        ends: Mapping[str, Effect],
    ) -> None:
        self.env = env
        self.processes = processes
        self.accounts = accounts
        self._faults = faults
        self._begins, self._ends = begins, ends
        self.scratch: dict[Fault, Any] = {}  # what a fault has to put right again when it ends
        self.paged = self.lowered = self.legacy = self.unpushed = 0
        self._shaking = _Calendar(env, _shakes)
        self._any = _Calendar(env, lambda _: True)
        for fault in faults:
            self._shaking.expect(fault)
            self._any.expect(fault)
        self.counts: dict[str, int] = {}

    def start(self) -> None:
        """Make every appointment."""
        for fault in self._faults:
            self.env.at(int(fault.at_s * 1e6), lambda fault=fault: self._begin(fault))  # type: ignore[misc]
            self.env.at(int(fault.until_s * 1e6) + 1, lambda fault=fault: self._end(fault))  # type: ignore[misc]

    def quiet_us(self, account: int) -> int:
        """Return how long no fault will touch this account's open sockets; 0 while one does."""
        return self._shaking.free_us(account)

    def calm_us(self, account: int) -> int:
        """Return how long no fault of any kind will touch it."""
        return self._any.free_us(account)

    def is_alone(self, fault: Fault, beside_us: int) -> bool:
        """Return True where no other fault touches its account while it lasts, or did shortly before."""
        accounts = self.env.options.accounts
        from_s = fault.at_s - beside_us / 1e6
        return not any(
            other != fault
            and other.at_s <= fault.until_s
            and other.until_s >= from_s
            and (other.kind in OF_ALL or accounts[other.client] == accounts[fault.client])
            for other in self._faults
        )

    def _begin(self, fault: Fault) -> None:
        self._shaking.begin(fault)
        self._any.begin(fault)
        self.counts[fault.kind] = self.counts.get(fault.kind, 0) + 1
        self.env.note(f"fault {fault.kind} {fault.client}")
        process = self.processes[fault.client]
        self._begins[fault.kind](self, fault, process)
        self.env.flush()

    def _end(self, fault: Fault) -> None:
        self._shaking.end(fault)
        self._any.end(fault)
        end = self._ends.get(fault.kind)
        if end is not None:
            end(self, fault, self.processes[fault.client])
            self.env.flush()

    def put(self, kind: str, params: dict[str, Any]) -> None:
        """A fault of the exchange's own."""
        self.env.exchange.put_fault(kind, params, self.env.now_ms)

    def again(self, fault: Fault, every_s: float, what: Callable[[], None]) -> None:
        """Do it now, and again and again while the fault lasts."""
        env = self.env

        def step() -> None:
            if env.now_us < fault.until_s * 1e6:
                what()
                env.flush()
                env.at(env.now_us + int(every_s * 1e6), step)

        step()


class _Calendar:
    """The times when faults of some kind touch each account."""

    def __init__(self, env: Environment, counts: Callable[[Fault], bool]) -> None:
        self.env = env
        self._counts = counts
        self._active: dict[int, int] = {}
        self._edges: dict[int, list[int]] = {}

    def _accounts(self, fault: Fault) -> Iterable[int]:
        accounts = self.env.options.accounts
        return set(accounts) if fault.kind in OF_ALL else (accounts[fault.client],)

    def expect(self, fault: Fault) -> None:
        if self._counts(fault):
            for account in self._accounts(fault):
                edges = self._edges.setdefault(account, [])
                edges.append(int(fault.at_s * 1e6))
                edges.sort(reverse=True)

    def begin(self, fault: Fault) -> None:
        self._step(fault, 1)

    def end(self, fault: Fault) -> None:
        self._step(fault, -1)

    def _step(self, fault: Fault, step: int) -> None:
        if self._counts(fault):
            for account in self._accounts(fault):
                self._active[account] = self._active.get(account, 0) + step

    def free_us(self, account: int) -> int:
        """Return how long until the next; 0 while one is."""
        if self._active.get(account):
            return 0
        edges = self._edges.get(account, [])
        now_us = self.env.now_us
        while edges and edges[-1] <= now_us:
            edges.pop()
        return edges[-1] - now_us if edges else 1 << 62


def _shakes(fault: Fault) -> bool:
    return fault.kind not in NOT_OF_SOCKETS
