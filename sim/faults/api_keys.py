"""Replace API keys, take rights from them, or sign with a secret that does not fit."""

from __future__ import annotations

from typing import Final

from listenkey.sandbox.rest_api.api import ApiRequest, ApiResponse
from sim.client.process import Process
from sim.faults.effects import end_tamper, put_tamper, rise
from sim.faults.injector import Effect, Injector
from sim.faults.model import Fault

REFUSED: Final = b'{"code":-2015,"msg":"Invalid API-key, IP, or permissions for action."}'
UNSIGNED: Final = ("/eapi/v1/listenKey", "/eapi/v1/time", "/eapi/v1/exchangeInfo", "/eapi/v1/ping")
SETTLED_US: Final = 25_000_000
"""The time by which a program with a wrong secret has said so: ten seconds of each request, and a new try."""

ALONE_US: Final = 180_000_000
SOON_US: Final = 1_000_000


def key_revoked(_: Injector, __: Fault, process: Process) -> None:
    process.revoked += 1
    process.was_revoked = True


def end_key_revoked(_: Injector, __: Fault, process: Process) -> None:
    process.revoked -= 1


def two_keys(_: Injector, __: Fault, ___: Process) -> None:
    """Two API keys of one account are in use the whole time: `circumstances` has seen to it."""


def key_rotated(injector: Injector, _: Fault, process: Process) -> None:
    """The process ends; the account has a new API key by the time it begins again, and the old one is refused."""
    process.die("kill")
    exchange, old = injector.env.exchange, process.api_key
    process.take_identity(exchange.add_account(process.account, injector.env.now_ms))
    exchange.api_keys.revoke(old)


def right_lost(injector: Injector, fault: Fault, process: Process) -> None:
    """The API key may open the stream, and may not read the account any more; for a while."""
    process.was_revoked = True

    def tamper(request: ApiRequest, answer: ApiResponse) -> ApiResponse:
        return answer if request.path in UNSIGNED else ApiResponse(401, REFUSED)

    put_tamper(injector, fault, process, tamper)


def wrong_secret(injector: Injector, _: Fault, process: Process) -> None:
    """Start the program with a secret that does not belong to the key."""
    process.die("kill")
    process.was_revoked = process.wrong_secret = True
    env = injector.env
    env.at(env.now_us + SOON_US, process.rise)


def end_wrong_secret(injector: Injector, fault: Fault, process: Process) -> None:
    """Start with the right secret. Until then the program must have ended in words, and never reported to be live."""
    env, since_us = injector.env, int(fault.at_s * 1e6) + SOON_US
    process.wrong_secret = False
    if injector.is_alone(fault, ALONE_US) and not process.ends:
        for told in process.current_run.told:
            live = any(item.at_us > since_us and type(item.item).__name__ == "Live" for item in told.told)
            if live:
                told.contradictions.append((env.now_us, "it was live with a secret that does not fit"))
            # Where it has two streams, the one that is refused first ends the program.
            said = any(at_us > since_us for each in process.current_run.told for at_us, _ in each.exits)
            if not said and env.now_us - since_us > SETTLED_US:
                told.contradictions.append((env.now_us, "it did not say that its secret does not fit"))
    process.die("kill")
    process.rise()


BEGIN: Final[dict[str, Effect]] = {
    "key_revoked": key_revoked,
    "two_keys": two_keys,
    "key_rotated": key_rotated,
    "right_lost": right_lost,
    "wrong_secret": wrong_secret,
}
END: Final[dict[str, Effect]] = {
    "key_revoked": end_key_revoked,
    "key_rotated": rise,
    "right_lost": end_tamper,
    "wrong_secret": end_wrong_secret,
}
