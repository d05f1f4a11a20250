"""
The evidence of a run, for the checkers: the venue's truth, each consumer's items, each client's requests.

Checkers read this and nothing else; no checker asks a client what it believes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from sim.client.records import Stream, line
from sim.environment.activity import Client
from sim.environment.options import Options
from sim.faults.model import Fault
from sim.faults.traits import OF_ACCOUNT, OF_ALL, OF_CO_TENANTS


@dataclass(slots=True)
class Evidence:
    """All of it."""

    options: Options
    faults: list[Fault]
    ledgers: dict[str, dict[str, Any]]
    streams: list[Stream]
    clients: list[Client]
    heal_us: int
    end_us: int
    trace: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    _of_client: dict[tuple[int, frozenset[str]], list[Fault]] = field(default_factory=dict)

    def us_of(self, exchange_ms: int) -> int:
        """A time of the exchange, on the run's own clock."""
        return (exchange_ms - self.options.start_ms) * 1000

    def host_of(self, process: int) -> int:
        """Return the process of a co-tenant's seat, or the process itself."""
        behind = process - len(self.options.accounts)
        return process if behind < 0 else self.options.co_tenants[behind][0]

    def of_client(self, process: int, kinds: frozenset[str]) -> list[Fault]:
        """The faults of these kinds that hit a process, or another process of its account; or a co-tenant, by its seat."""
        known = self._of_client.get((process, kinds))
        accounts = self.options.accounts
        if known is None and process >= len(accounts):
            host = self.host_of(process)
            known = self._of_client[process, kinds] = [
                fault
                for fault in self.faults
                if fault.kind in kinds
                and (fault.kind in OF_ALL or (fault.client == host and fault.kind not in OF_ACCOUNT))
            ]
        if known is None:
            known = self._of_client[process, kinds] = [
                fault
                for fault in self.faults
                if fault.kind in kinds - OF_CO_TENANTS
                and (fault.kind in OF_ALL or accounts[fault.client] == accounts[process])
            ]
        return known

    def digest(self) -> str:
        """SHA-256 of every item told, in order: two runs of one seed must agree on it, and on `trace`."""
        digest = hashlib.sha256()
        for stream in self.streams:
            for told in stream.told:
                digest.update(f"{stream.number} {told.at_us} {line(told.item)}\n".encode())
        return digest.hexdigest()
