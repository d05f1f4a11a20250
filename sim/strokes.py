"""
More that the injector can do: what is not a word of the exchange's own, kind by kind.

Two clocks are pressed together where the real thing takes a day: `day_limit` and `pongs_lost` let the venue close a
socket minutes after it would have been replaced, and `renewals_fail` begins when a renewal is due.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from listenkey import venue
from listenkey.errors import Fenced, ListenKeyError, Unreachable
from listenkey.journal.store import Store
from listenkey.sandbox.rest_api.api import ApiRequest, ApiResponse
from listenkey.sandbox.websocket.hub import Abort, Close
from listenkey.venue import LISTEN_KEY_PATH, USER_TRADES_PATH
from sim.environment.disk import GONE
from sim.environment.network import HOST
from sim.faults import Fault

if TYPE_CHECKING:
    from listenkey.stream.user_stream import UserStream
    from sim.client.process import Process, Tamper
    from sim.injector import Injector

Stroke: TypeAlias = Callable[["Injector", Fault, "Process"], None]

LOOP_EVERY_S: Final = 3.0
LOOP_DOWN_US: Final = 500_000
STORM_EVERY_S: Final = 20.0
DRIFT_EVERY_S: Final = 10.0
ROWS_OF_A_PAGE: Final = 5
LOWERED_WEIGHT: Final = 60
GARBAGE_MOST: Final = 9000
YOUNG_MS: Final = 10_000
OVER: Final = 1 << 40

NOT_OPENED: Final[dict[str, str]] = {
    "no_name": "the name is not known",
    "tls_refused": "its certificate is refused: self-signed certificate",
    "no_descriptors": "Too many open files",
}
"""The reasons why nothing new is opened; open connections stay open."""


def lasting(fault: Fault, process: Process) -> dict[str, Any]:
    """Return the exchange's arguments for a fault that lasts: its account and its length."""
    return {"account": process.account, "duration_ms": int(fault.for_s * 1000)}


def rise(_: Injector, __: Fault, process: Process) -> None:
    """Start the program again, as its owner would."""
    process.rise()


# --- The network -----------------------------------------------------------------------------------------------------


def counted(name: str) -> tuple[Stroke, Stroke]:
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


def all_lose(injector: Injector, _: Fault, __: Process) -> None:
    for each in injector.processes:
        each.network.reset_all()


# --- The venue's sockets ---------------------------------------------------------------------------------------------


def _sessions(process: Process) -> list[int]:
    return [each.session for each in process.network.connections.values() if each.session is not None]


def _rotate_now(stream: UserStream) -> None:
    for socket in stream._driver.life.sockets.values():
        if socket.attached:
            socket.rotate_at_s = stream._driver.clock.now_s()
    stream._driver.set_timer()


def day_limit(injector: Injector, fault: Fault, process: Process) -> None:
    """
    The sockets that are open have come of age: the client is to replace them, and in a while the venue cuts them.

    Not those that have just replaced others which were of age: nobody would think of replacing them at once.
    """
    sessions, now_ms = injector.env.exchange.hub._sessions, injector.env.now_ms
    injector.scratch[fault] = [
        each for each in _sessions(process) if each in sessions and now_ms - sessions[each].opened_ms >= YOUNG_MS
    ]
    if not process.frozen_until_us:
        process.inside(_rotate_now)
    else:  # Its timers find out when it runs again.
        injector.env.at(process.frozen_until_us + 1, lambda: process.inside(_rotate_now))


def pongs_lost(injector: Injector, fault: Fault, process: Process) -> None:
    injector.scratch[fault] = _sessions(process)
    process.network.dropping_pongs += 1


def end_pongs_lost(injector: Injector, fault: Fault, process: Process) -> None:
    """The venue has had no pong of these for long enough."""
    process.network.dropping_pongs -= 1
    _cut(injector, fault, Abort())


def end_day_limit(injector: Injector, fault: Fault, _: Process) -> None:
    _cut(injector, fault, Close(1001, "24 hours"))


def _cut(injector: Injector, fault: Fault, how: Close | Abort) -> None:
    hub = injector.env.exchange.hub
    for number in injector.scratch.pop(fault):
        session = hub._sessions.get(number)
        if session is not None and not session.closing and not session.frozen:
            hub._close(session, how)


def burst(injector: Injector, fault: Fault, process: Process) -> None:
    """Make many fills at once, while the consumer stands still."""
    slow_reader(injector, fault, process)
    injector.env.exchange.burst(process.account, fault.param("fills"), injector.env.now_ms)


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


# --- Keys ------------------------------------------------------------------------------------------------------------


def _renew_now(stream: UserStream) -> None:
    if stream._driver.life._renew_at_s is not None:
        stream._driver.life._renew_at_s = stream._driver.clock.now_s()
        stream._driver.set_timer()


def renewals_fail(injector: Injector, fault: Fault, process: Process) -> None:
    injector.put("http_status", lasting(fault, process) | {"status": 503, "path": LISTEN_KEY_PATH, "method": "PUT"})
    process.inside(_renew_now)


def key_storm(injector: Injector, fault: Fault, process: Process) -> None:
    injector.again(fault, STORM_EVERY_S, lambda: _expire(injector, process))


def _expire(injector: Injector, process: Process, **params: int) -> None:
    injector.put("expire_key", {"account": process.account, **params})


def key_dies_young(injector: Injector, fault: Fault, process: Process) -> None:
    """The key ends, and so does the next one, between the answer that gives it and the socket that is to carry it."""

    def tamper(request: ApiRequest, answer: ApiResponse) -> ApiResponse:
        if request.method == "POST" and answer.status == 200:
            process.tampers.remove(tamper)
            injector.put("expire_key_silently", {"account": process.account})
        return answer

    put_tamper(injector, fault, process, tamper)
    _expire(injector, process)


def no_expiration(injector: Injector, fault: Fault, process: Process) -> None:
    """Leave out the end of the new key, or give one that can't be."""

    def tamper(request: ApiRequest, answer: ApiResponse) -> ApiResponse:
        if request.method != "POST" or answer.status != 200:
            return answer
        with contextlib.suppress(ValueError, AttributeError):  # another fault may have made it no answer at all
            body = json.loads(answer.body)
            body.pop("expiration", None)
            if (ahead_ms := fault.param("ahead_ms")) is not None:
                body["expiration"] = injector.env.now_ms + ahead_ms
            answer.body = json.dumps(body).encode()
        return answer

    put_tamper(injector, fault, process, tamper)
    _expire(injector, process)


# --- REST ------------------------------------------------------------------------------------------------------------


def put_tamper(injector: Injector, fault: Fault, process: Process, tamper: Tamper) -> None:
    injector.scratch[fault] = tamper
    process.tampers.append(tamper)


def end_tamper(injector: Injector, fault: Fault, process: Process) -> None:
    tamper = injector.scratch.pop(fault)
    if tamper in process.tampers:
        process.tampers.remove(tamper)


def bad_answers(injector: Injector, fault: Fault, process: Process) -> None:
    """Carry the request out, and give no proper answer."""
    bodies = {"empty": b"", "null": b"null", "text": b'"ok"', "html": b"<html><body>Please sign in</body></html>"}

    def tamper(_: ApiRequest, answer: ApiResponse) -> ApiResponse:
        if answer.status == 200:
            answer.body = bodies.get(fault.param("form"), answer.body[: len(answer.body) // 2])
            answer.content_type = "text/html" if fault.param("form") == "html" else answer.content_type
        return answer

    put_tamper(injector, fault, process, tamper)


def key_revoked(_: Injector, __: Fault, process: Process) -> None:
    process.revoked += 1
    process.was_revoked = True


def end_key_revoked(_: Injector, __: Fault, process: Process) -> None:
    process.revoked -= 1


def trades_lag(injector: Injector, fault: Fault, process: Process) -> None:
    """The bill has a fill, and the list of trades does not have it yet."""
    injector.put("rest_lag", lasting(fault, process) | {"path": USER_TRADES_PATH, "ms": fault.param("ms")})


def paging(injector: Injector, _: Fault, __: Process) -> None:
    """Pages are short, so that a few fills are more than one."""
    injector.paged += 1
    venue.ROWS_MAX = ROWS_OF_A_PAGE  # type: ignore[misc]  # what `World` puts back


def end_paging(injector: Injector, _: Fault, __: Process) -> None:
    injector.paged -= 1
    if not injector.paged:
        venue.ROWS_MAX = injector.rows_max  # type: ignore[misc]


def limit_lowered(injector: Injector, _: Fault, __: Process) -> None:
    injector.lowered += 1
    injector.env.exchange.switches.weight_per_minute = LOWERED_WEIGHT


def end_limit_lowered(injector: Injector, _: Fault, __: Process) -> None:
    injector.lowered -= 1
    if not injector.lowered:
        weight = injector.env.options.venue_switches().weight_per_minute
        injector.env.exchange.switches.weight_per_minute = weight


def ban_all(injector: Injector, fault: Fault, _: Process) -> None:
    """One address, one ban."""
    injector.put("ban", {"seconds": max(1, int(fault.for_s)), "duration_ms": int(fault.for_s * 1000)})


# --- The client's machine and its programs ---------------------------------------------------------------------------


def drift(injector: Injector, fault: Fault, process: Process) -> None:
    injector.again(fault, DRIFT_EVERY_S, lambda: process.step_clock(fault.param("ms")))


def expiry(_: Injector, __: Fault, ___: Process) -> None:
    """Contracts expire now: `circumstances` has seen to it, and the exchange settles them by itself."""


def two_keys(_: Injector, __: Fault, ___: Process) -> None:
    """Two API keys of one account are in use the whole time: `circumstances` has seen to it."""


def sigterm(_: Injector, __: Fault, process: Process) -> None:
    process.leave()


def second_instance(injector: Injector, _: Fault, process: Process) -> None:
    """Another process opens the journals, and has to be sent away."""
    for told, store in zip(process.current_run.told, process.current_run.stores(), strict=False):
        if process.down or store._lock is None:
            continue
        other = Store(store.path, store.account)
        try:
            other.open()
        except Fenced:
            injector.env.note(f"{process.number} second instance refused")
        else:
            other.close()
            told.contradictions.append((injector.env.now_us, "a second process opened the journal"))


def user_code(injector: Injector, fault: Fault, process: Process) -> None:
    until_us = injector.env.now_us + int(fault.for_s * 1e6)
    process.consumer.raises_until_us = max(process.consumer.raises_until_us, until_us)


def slow_reader(injector: Injector, fault: Fault, process: Process) -> None:
    from_us = injector.env.now_us + int(fault.for_s * 1e6)
    process.consumer.reads_from_us = max(process.consumer.reads_from_us, from_us)


def crash_loop(injector: Injector, fault: Fault, process: Process) -> None:
    env = injector.env

    def crash() -> None:
        if not process.down:
            process.die("kill")
            env.at(env.now_us + LOOP_DOWN_US, process.rise)

    injector.again(fault, LOOP_EVERY_S, crash)


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


_loss, _end_loss = counted("losing")
_narrow, _end_narrow = counted("narrow")
_black_hole, _end_black_hole = counted("black_holes")
_pieces, _end_pieces = counted("pieces")

BEGIN: Final[dict[str, Stroke]] = {
    "loss": _loss, "narrow": _narrow, "black_hole": _black_hole, "pieces": _pieces,
    "no_name": close_the_way_out, "tls_refused": close_the_way_out, "no_descriptors": close_the_way_out,
    "bad_protocol": bad_protocol, "all_lose": all_lose, "day_limit": day_limit, "pongs_lost": pongs_lost, "burst": burst,
    "maintenance": maintenance, "retired": retired, "renewals_fail": renewals_fail, "key_storm": key_storm, "key_dies_young": key_dies_young,
    "no_expiration": no_expiration, "bad_answers": bad_answers, "key_revoked": key_revoked, "trades_lag": trades_lag,
    "paging": paging, "limit_lowered": limit_lowered, "ban_all": ban_all, "drift": drift, "expiry": expiry,
    "two_keys": two_keys, "sigterm": sigterm, "second_instance": second_instance, "user_code": user_code,
    "slow_reader": slow_reader, "crash_loop": crash_loop, "torn_tail": torn_tail, "folder_gone": folder_gone,
}  # fmt: skip
END: Final[dict[str, Stroke]] = {
    "loss": _end_loss, "narrow": _end_narrow, "black_hole": _end_black_hole, "pieces": _end_pieces,
    "no_name": open_the_way_out, "tls_refused": open_the_way_out, "no_descriptors": open_the_way_out,
    "day_limit": end_day_limit, "pongs_lost": end_pongs_lost, "key_dies_young": end_tamper, "no_expiration": end_tamper,
    "bad_answers": end_tamper, "key_revoked": end_key_revoked, "paging": end_paging,
    "retired": end_retired, "limit_lowered": end_limit_lowered, "sigterm": rise, "torn_tail": rise, "folder_gone": end_folder_gone,
}  # fmt: skip
