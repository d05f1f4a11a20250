"""Kinds of fault in which REST answers what is wrong, late, or of another shape."""

from __future__ import annotations

import json
import random
import zlib
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

from listenkey.sandbox.rest_api.api import ApiRequest, ApiResponse
from listenkey.venue import BILL_PATH, USER_TRADES_PATH
from sim.events import drop_fills
from sim.faults import Fault
from sim.strokes import end_tamper, lasting, put_tamper

if TYPE_CHECKING:
    from sim.client.process import Process
    from sim.injector import Injector
    from sim.strokes import Stroke

REFUSALS: Final = {
    400: b'{"code":-1121,"msg":"Invalid symbol."}',
    403: b"<html><body>forbidden</body></html>",
    500: b'{"code":-1000,"msg":"An unknown error occurred while processing the request."}',
}
REFUSED: Final = b'{"code":-2015,"msg":"Invalid API-key, IP, or permissions for action."}'
UNSIGNED: Final = ("/eapi/v1/listenKey", "/eapi/v1/time", "/eapi/v1/exchangeInfo", "/eapi/v1/ping")
SOON_US: Final = 1_000_000
SETTLED_US: Final = 25_000_000
"""The time by which a program with a wrong secret has said so: ten seconds of each request, and a new try."""

RESTART_EVERY_S: Final = 20.0
ALONE_US: Final = 180_000_000
DEEPER: Final = 0.9
RATE_LIMITS: Final = "rateLimits"
"""The one list of `exchangeInfo`, the largest answer, that the client reads."""

OPTIONAL: Final = frozenset(
    {"fee", "realizedProfit", "quoteAsset", "liquidity", "clientOrderId", "avgPrice", "volatility"}
)
"""A row is whole without these: a null there is no wrong shape."""


def lag_and_drops(injector: Injector, fault: Fault, process: Process) -> None:
    """REST's lists are behind while single fills are lost on a healthy socket."""
    lag = lasting(fault, process) | {"ms": fault.param("ms")}
    for path in {fault.param("path"), BILL_PATH} if fault.param("path") == USER_TRADES_PATH else {fault.param("path")}:
        injector.put("rest_lag", lag | {"path": path})
    drop_fills(injector, fault, process, busy=fault.param("busy", False))


def contract_refused(injector: Injector, fault: Fault, process: Process) -> None:
    """REST refuses whatever is asked of half of all contracts; fills of these are missing from a gap, or in silence."""
    status = fault.param("answer")

    def tamper(request: ApiRequest, answer: ApiResponse) -> ApiResponse:
        symbol = parse_qs(request.query).get("symbol", [""])[0]
        if not symbol or zlib.crc32(symbol.encode()) % 2 != fault.param("half"):
            return answer
        content_type = "text/html" if status == 403 else "application/json"
        return ApiResponse(status, REFUSALS[status], content_type=content_type)

    put_tamper(injector, fault, process, tamper)
    drop_fills(injector, fault, process)
    if fault.param("gap"):
        process.network.reset_all()
        injector.env.exchange.burst(process.account, 8, injector.env.now_ms)


def wrong_shape(injector: Injector, fault: Fault, process: Process) -> None:
    """A field of an answer is of a shape that no page knows; which field, and which shape, is drawn for each answer."""
    rng = random.Random(f"{injector.env.options.seed}:{fault.client}:{fault.at_s}:shape")

    def tamper(request: ApiRequest, answer: ApiResponse) -> ApiResponse:
        if (
            answer.status == 200
            and request.path.startswith(fault.param("path"))
            and rng.random() < fault.param("share")
        ):
            answer.body = _misshapen(answer.body, rng)
        return answer

    put_tamper(injector, fault, process, tamper)
    if fault.param("restart"):  # the clock and the limits are asked for at the beginning
        injector.again(fault, RESTART_EVERY_S, lambda: _restart(injector, process))
    else:
        injector.again(fault, RESTART_EVERY_S, process.network.reset_all)


def _restart(injector: Injector, process: Process) -> None:
    """End the process and start it again, without its knowledge of limits."""
    if process.down or process.ends:
        return
    process.die("kill")
    for number in range(len(process.told_now)):
        path = process.current_run.path(number)
        if path is not None:
            path.with_name(path.name + "-weight").unlink(missing_ok=True)
    process.forgets()
    injector.env.at(injector.env.now_us + SOON_US, process.rise)


def _misshapen(body: bytes, rng: random.Random) -> bytes:
    try:
        whole = [json.loads(body)]
    except ValueError:  # another fault was first
        return body
    inside: Any = whole
    at: Any = 0
    while isinstance(inside[at], dict | list) and inside[at] and rng.random() < DEEPER:
        inside = inside[at]
        if isinstance(inside, dict):
            at = RATE_LIMITS if RATE_LIMITS in inside and rng.random() < 0.5 else rng.choice(list(inside))
        else:
            at = rng.randrange(len(inside))
    inside[at] = _other(inside[at], rng, may_be_null=at not in OPTIONAL)
    return json.dumps(whole[0]).encode()


def _other(value: Any, rng: random.Random, *, may_be_null: bool) -> Any:
    """Return a value of another kind, which nobody could take for the given one."""
    shapes: tuple[Any, ...] = ([], {}, True)
    match value:
        case bool():
            shapes = ([], {}, "x")
        case int() | float():
            shapes = ([], {}, "x")
        case list():
            shapes = ({}, 5, "x")
        case dict():
            shapes = ([], 5, "x")
    return rng.choice((*shapes, None) if may_be_null else shapes)


def held_while_hanging(injector: Injector, fault: Fault, process: Process) -> None:
    """A socket is lost while a position is open, and what is asked of the bill is not answered for a while."""
    injector.env.exchange.burst(process.account, 3, injector.env.now_ms)
    injector.put("hang_http", lasting(fault, process) | {"path": BILL_PATH})
    process.network.reset_all()


# --- Keys and rights -------------------------------------------------------------------------------------------------


def key_rotated(injector: Injector, _: Fault, process: Process) -> None:
    """The process ends; the account has a new API key by the time it begins again, and the old one is refused."""
    process.die("kill")
    exchange, old = injector.env.exchange, process.api_key
    process.take_identity(exchange.add_account(process.account, injector.env.now_ms))
    exchange.api_keys._by_api_key.pop(old)


def rise(_: Injector, __: Fault, process: Process) -> None:
    """Start the program again."""
    process.rise()


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


BEGIN: Final[dict[str, Stroke]] = {
    "lag_and_drops": lag_and_drops, "contract_refused": contract_refused, "wrong_shape": wrong_shape,
    "held_while_hanging": held_while_hanging, "key_rotated": key_rotated, "right_lost": right_lost,
    "wrong_secret": wrong_secret,
}  # fmt: skip
END: Final[dict[str, Stroke]] = {
    "contract_refused": end_tamper, "wrong_shape": end_tamper, "key_rotated": rise, "right_lost": end_tamper,
    "wrong_secret": end_wrong_secret,
}  # fmt: skip
