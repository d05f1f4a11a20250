"""Puts faults in and takes them out: in the network, in the client's machine, or in the exchange."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from listenkey import venue
from listenkey.sandbox.rest_api.api import ApiRequest
from listenkey.venue import API_KEY_HEADER, LISTEN_KEY_EXPIRED, LISTEN_KEY_PATH
from sim import answers, cancelling, clocks, events, manners, restores, strokes
from sim.faults import NOT_OF_SOCKETS, OF_ALL, Fault

if TYPE_CHECKING:
    from sim.client.process import Process
    from sim.environment.environment import Environment

FLAP_EVERY_S: Final = 2.0
FIGHT_EVERY_S: Final = 7.0
FOR_GOOD_MS: Final = 1_000_000_000

AT_THE_VENUE: Final[dict[str, str]] = {
    "close": "drop_sockets",
    "freeze": "half_open",
    "shutdown": "server_shutdown",
    "duplicate": "duplicate_event",
    "reorder": "reorder",
    "delay": "delay",
    "malformed": "malformed_frame",
    "mute": "mute",
    "drop_event": "drop_event",
    "key_expires": "expire_key",
    "key_dies_silently": "expire_key_silently",
    "http_status": "http_status",
    "rate_limit": "rate_limit",
    "ban": "ban",
    "slow": "slow_http",
    "hang": "hang_http",
    "ack_dead": "ack_dead",
    "rest_lag": "rest_lag",
    "stale_snapshot": "stale_snapshot",
    "clock_skew": "clock_skew",
    "order_step_lost": "drop_event",
}
"""Kinds that the exchange has itself, by its own names."""

EXTRA: Final[dict[str, dict[str, Any]]] = {
    "duplicate": {"probability": 0.5},
    "drop_event": {"probability": 0.3, "event": "ORDER_TRADE_UPDATE"},
    "ack_dead": {"count": 1},
    "slow": {"bytes": 1},
    "order_step_lost": {"probability": 0.7, "event": "ORDER_TRADE_UPDATE"},
}


class Injector:
    """Carries out a list of faults."""

    def __init__(
        self, env: Environment, processes: Sequence[Process], accounts: Sequence[str], faults: list[Fault]
    ) -> None:
        self.env = env
        self.processes = processes
        self.accounts = accounts
        self._faults = faults
        self.scratch: dict[Fault, Any] = {}  # what a fault has to put right again when it ends
        self.paged = self.lowered = self.legacy = self.unpushed = 0
        self.rows_max = venue.ROWS_MAX
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
        if fault.kind in AT_THE_VENUE:
            self._at_the_venue(fault, process)
        else:
            BEGIN[fault.kind](self, fault, process)
        self.env.flush()

    def _end(self, fault: Fault) -> None:
        self._shaking.end(fault)
        self._any.end(fault)
        end = END.get(fault.kind)
        if end is not None:
            end(self, fault, self.processes[fault.client])
            self.env.flush()

    def _at_the_venue(self, fault: Fault, process: Process) -> None:
        params = dict(fault.params) | EXTRA.get(fault.kind, {}) | {"account": process.account}
        params = {name: value for name, value in params.items() if value is not None}
        if fault.for_s:
            params["duration_ms"] = int(fault.for_s * 1000)
        if fault.kind == "freeze":
            params["duration_ms"] = FOR_GOOD_MS
        if fault.kind == "ban":
            params["seconds"] = max(1, int(fault.for_s))
        self.put(AT_THE_VENUE[fault.kind], params)

    def put(self, kind: str, params: dict[str, Any]) -> None:
        """A fault of the exchange's own."""
        self.env.exchange.put_fault(kind, params, self.env.now_ms)

    # --- Begin and end -------------------------------------------------------------------------------------------

    def reset(self, _: Fault, process: Process) -> None:
        process.network.reset_all()

    def late_close(self, fault: Fault, process: Process) -> None:
        process.network.reset_all(int(fault.for_s * 1e6))

    def nat_loss(self, fault: Fault, process: Process) -> None:
        process.network.forget_all(fault.param("way"))

    def partition(self, fault: Fault, process: Process) -> None:
        process.network.partition(fault.param("way"), 1)

    def heal_partition(self, fault: Fault, process: Process) -> None:
        process.network.partition(fault.param("way"), -1)

    def surge(self, _: Fault, process: Process) -> None:
        process.network.surges += 1

    def end_surge(self, _: Fault, process: Process) -> None:
        process.network.surges -= 1

    def refuse(self, _: Fault, process: Process) -> None:
        process.network.refusing += 1

    def end_refuse(self, _: Fault, process: Process) -> None:
        process.network.refusing -= 1

    def syn_loss(self, _: Fault, process: Process) -> None:
        process.network.losing_syn += 1

    def end_syn_loss(self, _: Fault, process: Process) -> None:
        process.network.losing_syn -= 1

    def rest_cut(self, fault: Fault, process: Process) -> None:
        process.network.rest_cut.append(fault.param("way"))

    def end_rest_cut(self, fault: Fault, process: Process) -> None:
        process.network.rest_cut.remove(fault.param("way"))

    def flapping(self, fault: Fault, process: Process) -> None:
        self.again(fault, FLAP_EVERY_S, process.network.reset_all)

    def suspend(self, fault: Fault, process: Process) -> None:
        process.freeze(int(fault.for_s * 1e6), asleep=True)
        if fault.for_s > 120:
            # Nobody acknowledged anything: the other side's kernel has given up by then.
            process.network.forget_all("in")

    def stall(self, fault: Fault, process: Process) -> None:
        process.freeze(int(fault.for_s * 1e6), asleep=False)

    def crash(self, fault: Fault, process: Process) -> None:
        self.end_life(process, "kill", in_write=fault.param("in_write"))

    def power_cut(self, fault: Fault, process: Process) -> None:
        self.end_life(process, "power", in_write=fault.param("in_write"))

    def end_life(self, process: Process, how: str, *, in_write: bool) -> None:
        """Kill it, or cut its power: in the middle of its next write, or now."""
        if in_write and self.env.options.journal and not process.down:
            process.disk.cut = how  # in the middle of the next write
        else:
            process.die(how)

    def rise(self, _: Fault, process: Process) -> None:
        process.disk.cut = None
        process.rise()

    def disk_slow(self, fault: Fault, process: Process) -> None:
        process.disk.slow_ms.append(fault.param("ms"))

    def end_disk_slow(self, fault: Fault, process: Process) -> None:
        process.disk.slow_ms.remove(fault.param("ms"))

    def disk_full(self, _: Fault, process: Process) -> None:
        process.disk.errors.append("SQLITE_FULL")

    def end_disk_full(self, _: Fault, process: Process) -> None:
        process.disk.errors.remove("SQLITE_FULL")

    def disk_errors(self, fault: Fault, process: Process) -> None:
        process.disk.errors.append(fault.param("name"))

    def end_disk_errors(self, fault: Fault, process: Process) -> None:
        process.disk.errors.remove(fault.param("name"))

    def clock_step(self, fault: Fault, process: Process) -> None:
        process.step_clock(fault.param("ms"))

    def refuse_ws(self, _: Fault, process: Process) -> None:
        # The exchange refuses handshakes of everybody; here only this process is to be refused.
        process.refused_handshakes += 1

    def end_refuse_ws(self, _: Fault, process: Process) -> None:
        process.refused_handshakes -= 1

    def key_deleted(self, _: Fault, process: Process) -> None:
        self._ask(process, "DELETE")

    def key_replaced(self, _: Fault, process: Process) -> None:
        """Another program of the account ends its key without a word to anybody and takes a new one."""
        exchange, now_ms = self.env.exchange, self.env.now_ms
        exchange.put_fault("expire_key_silently", {"account": process.account}, now_ms)
        self._ask(process, "POST")

    def key_fight(self, fault: Fault, process: Process) -> None:
        self.again(fault, FIGHT_EVERY_S, lambda: self._ask(process, "DELETE"))

    def old_key_expires(self, _: Fault, process: Process) -> None:
        """The news of a key that was given up long ago comes once more."""
        exchange, now_ms = self.env.exchange, self.env.now_ms
        key = exchange.keys.current(process.account)
        if key is not None:
            payload = {"e": LISTEN_KEY_EXPIRED, "E": str(now_ms), "listenKey": "x" * 64}
            exchange.hub.deliver(key, LISTEN_KEY_EXPIRED, msgspec.json.encode(payload))

    def again(self, fault: Fault, every_s: float, what: Callable[[], None]) -> None:
        """Do it now, and again and again while the fault lasts."""
        env = self.env

        def step() -> None:
            if env.now_us < fault.until_s * 1e6:
                what()
                env.flush()
                env.at(env.now_us + int(every_s * 1e6), step)

        step()

    def _ask(self, process: Process, method: str) -> None:
        """Another program of the same account, on another machine."""
        headers = {API_KEY_HEADER.lower(): process.api_key}
        with contextlib.suppress(ValueError):
            self.env.exchange.keys.advance(self.env.now_ms)
        request = ApiRequest(method, LISTEN_KEY_PATH, "", "", headers, "10.9.9.9")
        self.env.exchange.handle(request, self.env.now_ms)


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


BEGIN: Final[dict[str, Callable[[Injector, Fault, Process], None]]] = {
    name: getattr(Injector, name)
    for name in ("reset", "late_close", "nat_loss", "partition", "surge", "refuse", "syn_loss", "rest_cut", "flapping",
                 "suspend", "stall", "clock_step", "refuse_ws", "key_deleted", "key_replaced", "key_fight",
                 "old_key_expires", "crash", "power_cut", "disk_slow", "disk_full", "disk_errors")
} | strokes.BEGIN | manners.BEGIN | restores.BEGIN | clocks.BEGIN | events.BEGIN | answers.BEGIN | cancelling.BEGIN  # fmt: skip
END: Final[dict[str, Callable[[Injector, Fault, Process], None]]] = (
    {
        "partition": Injector.heal_partition,
        "surge": Injector.end_surge,
        "refuse": Injector.end_refuse,
        "syn_loss": Injector.end_syn_loss,
        "rest_cut": Injector.end_rest_cut,
        "refuse_ws": Injector.end_refuse_ws,
        "crash": Injector.rise,
        "power_cut": Injector.rise,
        "disk_slow": Injector.end_disk_slow,
        "disk_full": Injector.end_disk_full,
        "disk_errors": Injector.end_disk_errors,
    }
    | strokes.END
    | manners.END
    | restores.END
    | clocks.END
    | events.END
    | answers.END
)
