"""Let REST answer what is wrong, late, or of another shape; or let it limit, lag and forget."""

from __future__ import annotations

import json
import random
import zlib
from typing import Any, Final
from urllib.parse import parse_qs

from listenkey import venue
from listenkey.sandbox.rest_api.api import ApiRequest, ApiResponse
from listenkey.venue import (
    BILL_PATH,
    EXERCISE_RECORD_PATH,
    HISTORY_ORDERS_PATH,
    OPEN_ORDERS_PATH,
    POSITION_PATH,
    USER_TRADES_PATH,
)
from sim.client.process import Process
from sim.faults.effects import end_tamper, lasting, put_tamper, rise
from sim.faults.events import drop_fills
from sim.faults.injector import Effect, Injector
from sim.faults.model import Fault

ROWS_OF_A_PAGE: Final = 5
LOWERED_WEIGHT: Final = 60
FORGETS_SOONER_S: Final = 10
"""The seconds by which the client counts rows as forgotten before the venue does; a day in production."""

REFUSALS: Final = {
    400: b'{"code":-1121,"msg":"Invalid symbol."}',
    403: b"<html><body>forbidden</body></html>",
    500: b'{"code":-1000,"msg":"An unknown error occurred while processing the request."}',
}
RESTART_EVERY_S: Final = 20.0
SOON_US: Final = 1_000_000
DEEPER: Final = 0.9
RATE_LIMITS: Final = "rateLimits"
"""The one list of `exchangeInfo`, the largest answer, that the client reads."""

SPOILT_FIELDS: Final = {
    BILL_PATH: "id",
    USER_TRADES_PATH: "tradeId",
    POSITION_PATH: "quantity",
    OPEN_ORDERS_PATH: "status",
    HISTORY_ORDERS_PATH: "orderId",
    EXERCISE_RECORD_PATH: "id",
}
"""The field without which nobody can say which thing a row of this list tells of."""

SPOILT_SHARE: Final = 3
"""One in so many rows of a list is spoilt, the same one each time."""

OPTIONAL: Final = frozenset(
    {"fee", "realizedProfit", "quoteAsset", "liquidity", "clientOrderId", "avgPrice", "volatility"}
)
"""A row is whole without these: a null there is no wrong shape."""


def bad_answers(injector: Injector, fault: Fault, process: Process) -> None:
    """Carry the request out, and give no proper answer."""
    bodies = {"empty": b"", "null": b"null", "text": b'"ok"', "html": b"<html><body>Please sign in</body></html>"}

    def tamper(_: ApiRequest, answer: ApiResponse) -> ApiResponse:
        if answer.status == 200:
            answer.body = bodies.get(fault.param("form"), answer.body[: len(answer.body) // 2])
            answer.content_type = "text/html" if fault.param("form") == "html" else answer.content_type
        return answer

    put_tamper(injector, fault, process, tamper)


def trades_lag(injector: Injector, fault: Fault, process: Process) -> None:
    """The bill has a fill, and the list of trades does not have it yet."""
    injector.put("rest_lag", lasting(fault, process) | {"path": USER_TRADES_PATH, "ms": fault.param("ms")})


def paging(injector: Injector, _: Fault, __: Process) -> None:
    """Pages are short, so that a few fills are more than one."""
    injector.paged += 1
    injector.env.rest_limits.rows_max = ROWS_OF_A_PAGE


def end_paging(injector: Injector, _: Fault, __: Process) -> None:
    injector.paged -= 1
    if not injector.paged:
        injector.env.rest_limits.rows_max = venue.ROWS_MAX


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


def generation(injector: Injector, _: Fault, __: Process) -> None:
    """Messages and answers have the shapes of before 2026, for every account, and as long as any such fault lasts."""
    injector.legacy += 1
    injector.env.exchange.switches.generation = "legacy"


def end_generation(injector: Injector, _: Fault, __: Process) -> None:
    """Return to the new generation of messages."""
    injector.legacy -= 1
    if not injector.legacy:
        injector.env.exchange.switches.generation = "current"


def retention(injector: Injector, fault: Fault, process: Process) -> None:
    """
    Let REST forget after minutes what it keeps for months, with both sides knowing it; and stop the process.

    For good: no venue remembers again what it has forgotten. Of several such faults the shortest memory counts.
    """
    limits, kept = injector.env.rest_limits, injector.env.exchange.exchange.state.kept
    keeps_s = min(fault.param("keeps_s"), limits.trades_kept_s)
    limits.trades_kept_s = limits.orders_kept_s = keeps_s
    limits.margin_s = FORGETS_SOONER_S
    kept.trades_ms = kept.finished_orders_ms = round(keeps_s * 1000)
    kept.unfilled_cancels_ms = round(keeps_s * 600)
    process.die("kill")


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
    if fault.param("rows"):
        spoilt_rows(injector, fault, process)
        return
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


def spoilt_rows(injector: Injector, fault: Fault, process: Process) -> None:
    """Some rows of the lists can't be read, the same ones each time; and a socket is lost, so that they are asked for."""

    def tamper(request: ApiRequest, answer: ApiResponse) -> ApiResponse:
        field = SPOILT_FIELDS.get(request.path)
        if answer.status == 200 and field is not None and request.path.startswith(fault.param("path", "/eapi/")):
            answer.body = _spoilt(answer.body, field)
        return answer

    put_tamper(injector, fault, process, tamper)
    process.network.reset_all()
    injector.env.exchange.burst(process.account, 8, injector.env.now_ms)


def _spoilt(body: bytes, field: str) -> bytes:
    try:
        rows = json.loads(body)
    except ValueError:  # another fault was first
        return body
    for row in rows if isinstance(rows, list) else ():
        which = repr([row.get(name) for name in ("id", "orderId", "symbol")]).encode()
        if zlib.crc32(which) % SPOILT_SHARE == 0:
            row[field] = []
    return json.dumps(rows).encode()


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


BEGIN: Final[dict[str, Effect]] = {
    "bad_answers": bad_answers,
    "trades_lag": trades_lag,
    "paging": paging,
    "limit_lowered": limit_lowered,
    "ban_all": ban_all,
    "generation": generation,
    "retention": retention,
    "lag_and_drops": lag_and_drops,
    "contract_refused": contract_refused,
    "wrong_shape": wrong_shape,
    "held_while_hanging": held_while_hanging,
}
END: Final[dict[str, Effect]] = {
    "bad_answers": end_tamper,
    "paging": end_paging,
    "limit_lowered": end_limit_lowered,
    "generation": end_generation,
    "retention": rise,
    "contract_refused": end_tamper,
    "wrong_shape": end_tamper,
}
