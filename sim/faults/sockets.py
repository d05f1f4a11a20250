"""Close, cut and refuse the venue's sockets.

Two clocks are pressed together where the real thing takes a day: `day_limit` and `pongs_lost` let the venue close a
socket minutes after it would have been replaced.
"""

from __future__ import annotations

from typing import Final

from listenkey.sandbox.websocket.hub import Abort, Close
from listenkey.venue import (
    LISTEN_KEY_PATH,
)
from sim.client.process import Process, SimulatedStream
from sim.faults.effects import lasting
from sim.faults.injector import Effect, Injector
from sim.faults.model import Fault

YOUNG_MS: Final = 10_000


def refuse_ws(_: Injector, __: Fault, process: Process) -> None:
    # The exchange refuses handshakes of everybody; here only this process is to be refused.
    process.refused_handshakes += 1


def end_refuse_ws(_: Injector, __: Fault, process: Process) -> None:
    process.refused_handshakes -= 1


def _sessions(process: Process) -> list[int]:
    return [each.session for each in process.network.connections.values() if each.session is not None]


def _rotate_now(stream: SimulatedStream, now_s: float) -> None:
    for socket in stream.driver.life.connections.sockets.values():
        if socket.attached:
            socket.rotate_at_s = now_s
    stream.driver.timer.set()


def day_limit(injector: Injector, fault: Fault, process: Process) -> None:
    """
    The sockets that are open have come of age: the client is to replace them, and in a while the venue cuts them.

    Not those that have just replaced others which were of age: nobody would think of replacing them at once.
    """
    old_ms = injector.env.now_ms - YOUNG_MS
    sessions = map(injector.env.exchange.hub.session, _sessions(process))
    injector.scratch[fault] = [each.id for each in sessions if each is not None and each.opened_ms <= old_ms]
    if not process.frozen_until_us:
        process.inside(lambda stream: _rotate_now(stream, process.clock.now_s()))
    else:  # Its timers find out when it runs again.
        injector.env.at(
            process.frozen_until_us + 1,
            lambda: process.inside(lambda stream: _rotate_now(stream, process.clock.now_s())),
        )


def end_day_limit(injector: Injector, fault: Fault, _: Process) -> None:
    _cut(injector, fault, Close(1001, "24 hours"))


def pongs_lost(injector: Injector, fault: Fault, process: Process) -> None:
    injector.scratch[fault] = _sessions(process)
    process.network.dropping_pongs += 1


def end_pongs_lost(injector: Injector, fault: Fault, process: Process) -> None:
    """The venue has had no pong of these for long enough."""
    process.network.dropping_pongs -= 1
    _cut(injector, fault, Abort())


def _cut(injector: Injector, fault: Fault, how: Close | Abort) -> None:
    for number in injector.scratch.pop(fault):
        injector.env.exchange.hub.cut(number, how)


def maintenance(injector: Injector, fault: Fault, process: Process) -> None:
    injector.put("mute", lasting(fault, process))
    injector.put("http_status", lasting(fault, process) | {"status": 503})


def retired(injector: Injector, fault: Fault, process: Process) -> None:
    """The addresses of listen keys and of sockets are gone, and what is open ends; the rest of REST answers."""
    status = fault.param("status")
    injector.put("retire_endpoint", lasting(fault, process) | {"path": LISTEN_KEY_PATH, "status": status})
    process.network.retired.append(status)
    process.network.reset_all()


def end_retired(_: Injector, fault: Fault, process: Process) -> None:
    process.network.retired.remove(fault.param("status"))


BEGIN: Final[dict[str, Effect]] = {
    "refuse_ws": refuse_ws,
    "day_limit": day_limit,
    "pongs_lost": pongs_lost,
    "maintenance": maintenance,
    "retired": retired,
}
END: Final[dict[str, Effect]] = {
    "refuse_ws": end_refuse_ws,
    "day_limit": end_day_limit,
    "pongs_lost": end_pongs_lost,
    "retired": end_retired,
}
