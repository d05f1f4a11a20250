"""End, replace and fight over listen keys. `renewals_fail` begins when a renewal is due, which takes half an hour."""

from __future__ import annotations

import contextlib
import json
from typing import Final

import msgspec

from listenkey.sandbox.rest_api.api import ApiRequest, ApiResponse
from listenkey.venue import (
    API_KEY_HEADER,
    LISTEN_KEY_EXPIRED,
    LISTEN_KEY_PATH,
)
from sim.client.process import Process, SimulatedStream
from sim.faults.effects import end_tamper, lasting, put_tamper
from sim.faults.injector import Effect, Injector
from sim.faults.model import Fault

FIGHT_EVERY_S: Final = 7.0
STORM_EVERY_S: Final = 20.0


def key_deleted(injector: Injector, _: Fault, process: Process) -> None:
    _ask(injector, process, "DELETE")


def key_replaced(injector: Injector, _: Fault, process: Process) -> None:
    """Another program of the account ends its key without a word to anybody and takes a new one."""
    exchange, now_ms = injector.env.exchange, injector.env.now_ms
    exchange.put_fault("expire_key_silently", {"account": process.account}, now_ms)
    _ask(injector, process, "POST")


def key_fight(injector: Injector, fault: Fault, process: Process) -> None:
    injector.again(fault, FIGHT_EVERY_S, lambda: _ask(injector, process, "DELETE"))


def old_key_expires(injector: Injector, _: Fault, process: Process) -> None:
    """The news of a key that was given up long ago comes once more."""
    exchange, now_ms = injector.env.exchange, injector.env.now_ms
    key = exchange.keys.current(process.account)
    if key is not None:
        payload = {"e": LISTEN_KEY_EXPIRED, "E": str(now_ms), "listenKey": "x" * 64}
        exchange.hub.deliver(key, LISTEN_KEY_EXPIRED, msgspec.json.encode(payload))


def _ask(injector: Injector, process: Process, method: str) -> None:
    """Another program of the same account, on another machine."""
    headers = {API_KEY_HEADER.lower(): process.api_key}
    with contextlib.suppress(ValueError):
        injector.env.exchange.keys.advance(injector.env.now_ms)
    request = ApiRequest(method, LISTEN_KEY_PATH, "", "", headers, "10.9.9.9")
    injector.env.exchange.handle(request, injector.env.now_ms)


def _renew_now(stream: SimulatedStream, now_s: float) -> None:
    if stream.driver.life.listen_key.renew_at_s is not None:
        stream.driver.life.listen_key.renew_at_s = now_s
        stream.driver.timer.set()


def renewals_fail(injector: Injector, fault: Fault, process: Process) -> None:
    injector.put("http_status", lasting(fault, process) | {"status": 503, "path": LISTEN_KEY_PATH, "method": "PUT"})
    process.inside(lambda stream: _renew_now(stream, process.clock.now_s()))


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


BEGIN: Final[dict[str, Effect]] = {
    "key_deleted": key_deleted,
    "key_replaced": key_replaced,
    "key_fight": key_fight,
    "old_key_expires": old_key_expires,
    "renewals_fail": renewals_fail,
    "key_storm": key_storm,
    "key_dies_young": key_dies_young,
    "no_expiration": no_expiration,
}
END: Final[dict[str, Effect]] = {"key_dies_young": end_tamper, "no_expiration": end_tamper}
