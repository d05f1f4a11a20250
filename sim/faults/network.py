"""Break the network between a client and the exchange."""

from __future__ import annotations

from typing import Final

from listenkey.errors import ListenKeyError, Unreachable
from sim.client.process import Process
from sim.environment.network import HOST
from sim.environment.traffic import trade
from sim.faults.injector import Effect, Injector
from sim.faults.model import Fault

FLAP_EVERY_S: Final = 2.0
SHORT_S: Final = 0.3
NOT_OPENED: Final[dict[str, str]] = {
    "no_name": "the name is not known",
    "tls_refused": "its certificate is refused: self-signed certificate",
    "no_descriptors": "Too many open files",
}
"""The reasons why nothing new is opened; open connections stay open."""

GROWS_EVERY_S: Final = 1.0
LOST_EVERY_S: Final = 40.0
ARRIVED_US: Final = 60_000
DOWN_US: Final = 3_000_000
"""The least time that a process is away that ends while something is under way."""


def reset(_: Injector, __: Fault, process: Process) -> None:
    process.network.reset_all()


def late_close(_: Injector, fault: Fault, process: Process) -> None:
    process.network.reset_all(int(fault.for_s * 1e6))


def nat_loss(_: Injector, fault: Fault, process: Process) -> None:
    process.network.forget_all(fault.param("way"))


def partition(_: Injector, fault: Fault, process: Process) -> None:
    process.network.partition(fault.param("way"), 1)


def heal_partition(_: Injector, fault: Fault, process: Process) -> None:
    process.network.partition(fault.param("way"), -1)


def surge(_: Injector, __: Fault, process: Process) -> None:
    process.network.surges += 1


def end_surge(_: Injector, __: Fault, process: Process) -> None:
    process.network.surges -= 1


def refuse(_: Injector, __: Fault, process: Process) -> None:
    process.network.refusing += 1


def end_refuse(_: Injector, __: Fault, process: Process) -> None:
    process.network.refusing -= 1


def syn_loss(_: Injector, __: Fault, process: Process) -> None:
    process.network.losing_syn += 1


def end_syn_loss(_: Injector, __: Fault, process: Process) -> None:
    process.network.losing_syn -= 1


def rest_cut(_: Injector, fault: Fault, process: Process) -> None:
    process.network.rest_cut.append(fault.param("way"))


def end_rest_cut(_: Injector, fault: Fault, process: Process) -> None:
    process.network.rest_cut.remove(fault.param("way"))


def flapping(injector: Injector, fault: Fault, process: Process) -> None:
    injector.again(fault, FLAP_EVERY_S, process.network.reset_all)


def short_sockets(injector: Injector, fault: Fault, process: Process) -> None:
    """Sockets end a moment after they were opened, and REST answers."""
    injector.again(fault, SHORT_S, process.network.reset_all)


def all_lose(injector: Injector, _: Fault, __: Process) -> None:
    for each in injector.processes:
        each.network.reset_all()


def counted(name: str) -> tuple[Effect, Effect]:
    """One more, and one less, reason why the network is so."""

    def step(process: Process, by: int) -> None:
        setattr(process.network, name, getattr(process.network, name) + by)

    return (lambda _, __, process: step(process, 1)), (lambda _, __, process: step(process, -1))


def _reason(fault: Fault) -> ListenKeyError | None:
    return None if fault.param("hangs") else Unreachable(HOST, NOT_OPENED[fault.kind])


def close_the_way_out(injector: Injector, fault: Fault, process: Process) -> None:
    injector.scratch[fault] = reason = _reason(fault)
    process.network.no_way_out.append(reason)


def open_the_way_out(injector: Injector, fault: Fault, process: Process) -> None:
    process.network.no_way_out.remove(injector.scratch.pop(fault))


def bad_protocol(_: Injector, fault: Fault, process: Process) -> None:
    """A message over the cap, or a frame that the standard forbids: the client ends the connection."""
    for connection in list(process.network.connections.values()):
        if connection.session is not None and connection.venue_end is not None:
            connection.venue_end.break_rules(fault.param("close_code"))


def latency(injector: Injector, fault: Fault, process: Process) -> None:
    """Delay everything that an open connection brings by so much, from now on or more and more."""
    network, now_us = process.network, injector.env.now_us
    most_us = fault.param("ms") * 1000
    injector.scratch[fault] = 0

    def set_to(us: int) -> None:
        network.extra_us += us - injector.scratch[fault]
        injector.scratch[fault] = us

    def grow() -> None:
        if fault in injector.scratch:
            share = (injector.env.now_us - now_us) / (fault.for_s * 1e6)
            set_to(int(most_us * min(1.0, share)))

    def lose() -> None:
        """While the one thing arrives and the other is under way, the process ends or loses its connection."""
        env, extra_us = injector.env, network.extra_us
        trade(env, process.account, 2, orders=1)
        env.at(env.now_us + extra_us // 5, lambda: trade(env, process.account, 2, orders=1))
        env.at(env.now_us + extra_us + ARRIVED_US, end if fault.param("kills") else network.reset_all)

    def end() -> None:
        process.die("kill")
        injector.env.at(injector.env.now_us + DOWN_US, process.rise)

    injector.again(fault, LOST_EVERY_S, lose)
    if fault.param("grows"):
        injector.again(fault, GROWS_EVERY_S, grow)
    else:
        set_to(most_us)


def end_latency(injector: Injector, fault: Fault, process: Process) -> None:
    """Make the network as quick as before."""
    process.network.extra_us -= injector.scratch.pop(fault)


_loss, _end_loss = counted("losing")
_narrow, _end_narrow = counted("narrow")
_black_hole, _end_black_hole = counted("black_holes")
_pieces, _end_pieces = counted("pieces")


BEGIN: Final[dict[str, Effect]] = {
    "reset": reset,
    "late_close": late_close,
    "nat_loss": nat_loss,
    "partition": partition,
    "surge": surge,
    "refuse": refuse,
    "syn_loss": syn_loss,
    "rest_cut": rest_cut,
    "flapping": flapping,
    "loss": _loss,
    "narrow": _narrow,
    "black_hole": _black_hole,
    "pieces": _pieces,
    "no_name": close_the_way_out,
    "tls_refused": close_the_way_out,
    "no_descriptors": close_the_way_out,
    "bad_protocol": bad_protocol,
    "all_lose": all_lose,
    "short_sockets": short_sockets,
    "latency": latency,
}
END: Final[dict[str, Effect]] = {
    "partition": heal_partition,
    "surge": end_surge,
    "refuse": end_refuse,
    "syn_loss": end_syn_loss,
    "rest_cut": end_rest_cut,
    "loss": _end_loss,
    "narrow": _end_narrow,
    "black_hole": _end_black_hole,
    "pieces": _end_pieces,
    "no_name": open_the_way_out,
    "tls_refused": open_the_way_out,
    "no_descriptors": open_the_way_out,
    "latency": end_latency,
}
