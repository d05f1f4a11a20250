"""
Answer REST requests: faults, bans, weight, API key, signature, endpoint. Pure; time is an argument.

The order of the checks is the venue's as far as it can be seen from outside; a request that is refused still costs its
weight.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import msgspec

from listenkey.sandbox import rendering
from listenkey.sandbox.exchange.rejections import Rejected
from listenkey.sandbox.faults import wrong_shapes
from listenkey.sandbox.rest_api.endpoints import ALIASES, ENDPOINTS, ApiContext, Call, Endpoint
from listenkey.sandbox.rest_api.market_endpoints import MARKET_ENDPOINTS
from listenkey.sandbox.rest_api.parameters import Parameters
from listenkey.sandbox.rest_api.refusals import Refusal
from listenkey.sandbox.rest_api.signatures import check_fresh, parameters
from listenkey.venue import API_KEY_HEADER, RETRY_AFTER_HEADER, USED_WEIGHT_HEADER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from listenkey.sandbox.faults.registry import Fault, Faults
    from listenkey.sandbox.rate_limits import Limits
    from listenkey.sandbox.rest_api.api_keys import ApiKeys, SandboxAccount

ORDER_COUNT_10S_HEADER: Final = "X-MBX-ORDER-COUNT-10S"
ORDER_COUNT_1M_HEADER: Final = "X-MBX-ORDER-COUNT-1M"
UNKNOWN_PATH_WEIGHT: Final = 1
METERED_PATHS_MAX: Final = 1_000

HTML: Final = (
    "<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n<center><h1>{0}</h1></center>\r\n</body>\r\n</html>\r\n"
)
BODIES: Final[dict[int, dict[str, Any]]] = {
    401: {"code": -1002, "msg": "You are not authorized to execute this request."},
    408: {"code": -1007, "msg": "Timeout waiting for response from backend server. Send status unknown; "
          "execution status unknown."},
    418: {"code": -1008, "msg": "Way too much request weight used; please use the websocket for live updates to avoid "
          "bans."},
    429: {"code": -1008, "msg": "Too much request weight used; please use the websocket for live updates to avoid "
          "polling the API."},
    500: {"code": -1000, "msg": "An unknown error occurred while processing the request."},
    503: {"msg": "Unknown error, please check your request or try again later."},
}  # fmt: skip

BAD_SYMBOL: Final = {"code": -1121, "msg": "Invalid symbol."}
"""The venue's answer, with 400, about a contract it does not know."""

FIREWALL: Final = 403
"""The firewall's own answer: a page, unless a fault says otherwise. [O general-info]"""

Manner: TypeAlias = Literal["whole", "drip", "hang", "abort"]


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """
    One HTTP request, as it came.

    Args:
        method: In capitals.
        path: Without the query.
        query: Raw, as signed.
        body: Raw, as signed.
        headers: Names in lower case.
        ip: Of the client.
    """

    method: str
    path: str
    query: str = field(default="", repr=False)
    body: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    ip: str = "127.0.0.1"


@dataclass(slots=True)
class ApiResponse:
    """
    The answer to a request, and the manner of sending it.

    Args:
        manner: `whole`; `drip`, a few bytes at a time; `hang`, never; `abort`, the connection ends without an answer.
        fault: Which fault asks for the manner.
    """

    status: int
    body: bytes = field(repr=False)
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    manner: Manner = "whole"
    fault: Fault | None = None


class RestApi:
    """
    The REST side of one exchange.

    Args:
        context: The exchange, its listen keys and switches.
        time_scale: Of the clock; windows of time in signatures grow with it.
    """

    def __init__(
        self, context: ApiContext, api_keys: ApiKeys, limits: Limits, faults: Faults, *, time_scale: float = 1.0
    ) -> None:
        self._context = context
        self._api_keys = api_keys
        self._limits = limits
        self._faults = faults
        self._time_scale = time_scale
        self.requests: dict[str, int] = {}

    def handle(self, request: ApiRequest, now_ms: int) -> ApiResponse:
        """Answers one request. Never raises for anything a client sends."""
        path = ALIASES.get(request.path, request.path)
        caller = self._api_keys.find(request.headers.get(API_KEY_HEADER.lower(), ""))
        endpoint = self._endpoint(request.method, path)
        self._note(f"{request.method} {path if endpoint else 'unknown path'}")
        if self._faults.are_in():
            response = self._answer_or_fail(request, path, endpoint, caller, now_ms)
        else:
            response = self._answer(request, path, endpoint, caller, now_ms)
        if response.content_type == "application/json":
            # On every answer, says [O general-info]; a gateway's page is not the API's.
            response.headers.setdefault(USED_WEIGHT_HEADER, str(self._limits.used(request.ip, now_ms)))
        if self._context.switches.lower_case_headers:
            response.headers = {name.lower(): value for name, value in response.headers.items()}
        return response

    # --- The venue's own questions ---

    def _answer(
        self, request: ApiRequest, path: str, endpoint: Endpoint | None, caller: SandboxAccount | None, now_ms: int
    ) -> ApiResponse:
        headers: dict[str, str] = {}
        try:
            values = parameters(request.query, request.body if request.method != "GET" else "")
            asked = Parameters(values)
            self._spend(request.ip, endpoint.weight(asked) if endpoint else UNKNOWN_PATH_WEIGHT, headers, now_ms)
            if endpoint is None:
                raise Refusal(-1020, "This operation is not supported.", 404)
            api_now_ms = self._skewed(now_ms, caller)
            account = self._authorize(request, endpoint, caller, values, api_now_ms)
            if endpoint.orders is not None:
                self._count_orders(account, endpoint.orders(asked), headers, now_ms)
            answer = endpoint.answer(self._call(request, account, asked, path, now_ms, api_now_ms))
            answer = rendering.answer(path, answer, self._context.switches)
        except Rejected as rejected:
            if isinstance(rejected, Refusal):
                headers.update(rejected.headers)
            return _json(rejected.http_status, {"code": rejected.code, "msg": rejected.message}, headers)
        except ValueError:
            # parse_qsl gives up on a query with hundreds of fields.
            return _json(400, {"code": -1101, "msg": "Too many parameters sent for this endpoint."}, headers)
        return _json(200, answer, headers)

    def _endpoint(self, method: str, path: str) -> Endpoint | None:
        return ENDPOINTS.get((method, path)) or MARKET_ENDPOINTS.get((method, path))

    def _spend(self, ip: str, weight: int, headers: dict[str, str], now_ms: int) -> None:
        spent = self._limits.spend(ip, weight, now_ms)
        headers[USED_WEIGHT_HEADER] = str(spent.used)
        if spent.http_status == 200:
            return
        wait_s = -(-(spent.until_ms - now_ms) // 1000)
        if spent.http_status == 418:
            raise self._banned(spent.until_ms, wait_s)
        limit = self._context.switches.weight_per_minute
        message = (
            f"Too much request weight used; current limit is {limit} request weight per 1 MINUTE. "
            "Please use the websocket for live updates to avoid polling the API."
        )
        raise self._too_many(message, self._context.switches.status_rate_limited, wait_s)

    def _authorize(
        self,
        request: ApiRequest,
        endpoint: Endpoint,
        caller: SandboxAccount | None,
        values: dict[str, str],
        now_ms: int,
    ) -> str:
        if endpoint.security == "none":
            return ""
        status = self._context.switches.status_bad_api_key
        if caller is None:
            if self._api_keys.well_formed(request.headers.get(API_KEY_HEADER.lower())):
                raise Refusal(-2015, "Invalid API-key, IP, or permissions for action.", status)
            raise Refusal(-2014, "API-key format invalid.", status)
        if endpoint.security == "signed":
            lenient = self._context.switches.lenient_timestamps
            check_fresh(values, now_ms, time_scale=self._time_scale, lenient=lenient)
            body = request.body if request.method != "GET" else ""
            verified = caller.verifies(request.query, body, self._context.switches.signature_over)
            if verified is None:
                raise Refusal(-1102, "Mandatory parameter 'signature' was not sent, was empty/null, or malformed.")
            if not verified:
                raise Refusal(-1022, "Signature for this request is not valid.")
        return caller.name

    def _count_orders(self, account: str, count: int, headers: dict[str, str], now_ms: int) -> None:
        ordered = self._limits.order(account, count, now_ms)
        headers[ORDER_COUNT_10S_HEADER] = str(ordered.in_10_s)
        headers[ORDER_COUNT_1M_HEADER] = str(ordered.in_1_m)
        if ordered.exceeded is not None:
            message = f"Too many new orders; current limit is {ordered.exceeded}."
            raise Refusal(-1015, message, 429, self._retry_after(-(-(ordered.until_ms - now_ms) // 1000)))

    def _call(
        self, request: ApiRequest, account: str, asked: Parameters, path: str, now_ms: int, api_now_ms: int
    ) -> Call:
        as_of_ms = None
        facts = {"method": request.method, "path": path, "symbol": asked.text("symbol") or ""}
        lag = self._faults.strike("rest_lag", now_ms, account, **facts)
        if lag is not None:
            as_of_ms = now_ms - lag.params["ms"]
        snapshot_as_of_ms = as_of_ms
        stale = self._faults.strike("stale_snapshot", now_ms, account)
        if stale is not None:
            frozen_ms = stale.from_ms - stale.params.get("ms", 0)
            snapshot_as_of_ms = frozen_ms if as_of_ms is None else min(frozen_ms, as_of_ms)
        told_ms = api_now_ms if path.endswith(("/time", "/exchangeInfo")) else now_ms
        return Call(
            context=self._context,
            account=account,
            parameters=asked,
            now_ms=told_ms,
            as_of_ms=as_of_ms,
            snapshot_as_of_ms=snapshot_as_of_ms,
        )

    def _skewed(self, now_ms: int, caller: SandboxAccount | None) -> int:
        skew = self._faults.peek("clock_skew", now_ms, caller.name if caller else None)
        return now_ms + skew.params["ms"] if skew else now_ms

    # --- Faults ---

    def _answer_or_fail(
        self, request: ApiRequest, path: str, endpoint: Endpoint | None, caller: SandboxAccount | None, now_ms: int
    ) -> ApiResponse:
        """Answer a request while faults are in that may ask for something else."""
        account = caller.name if caller else None
        facts = {"method": request.method, "path": path, "symbol": self._symbol(request)}
        failed = self._fail_before(facts, account, now_ms)
        if failed is not None:
            return failed
        response = self._answer(request, path, endpoint, caller, now_ms)
        return self._fail_after(response, facts, account, now_ms)

    def _symbol(self, request: ApiRequest) -> str:
        """The contract that a request names."""
        try:
            return parameters(request.query, request.body).get("symbol", "")
        except ValueError:
            return ""

    def _fail_before(self, facts: dict[str, str], account: str | None, now_ms: int) -> ApiResponse | None:
        """Return the failure due before anything was done; None where there is none."""
        refused = self._faults.strike("refuse_connections", now_ms, account, scope="http")
        if refused is not None:
            return ApiResponse(503, b"", manner="abort", fault=refused)
        ban = self._faults.strike("ban", now_ms, account)
        if ban is not None and ban.until_ms is not None:
            self._limits.refused_418 += 1
            return self._refused(self._banned(ban.until_ms, -(-(ban.until_ms - now_ms) // 1000)))
        limited = self._faults.strike("rate_limit", now_ms, account, **facts)
        if limited is not None:
            self._limits.refused_429 += 1
            return self._refused(self._limited(limited))
        retired = self._faults.strike("retire_endpoint", now_ms, account, **facts)
        if retired is not None:
            return retired_page(retired)
        return self._instead(facts, account, now_ms, executed=False)

    def _fail_after(
        self, response: ApiResponse, facts: dict[str, str], account: str | None, now_ms: int
    ) -> ApiResponse:
        """Apply the failures due when everything was done: the client can't know that it was."""
        failed = self._instead(facts, account, now_ms, executed=True)
        if failed is not None:
            return failed
        self._misshape(response, facts, account, now_ms)
        slow = self._faults.strike("slow_http", now_ms, account, **facts)
        if slow is not None:
            response.manner, response.fault = "drip", slow
        return response

    def _misshape(self, response: ApiResponse, facts: dict[str, str], account: str | None, now_ms: int) -> None:
        """Gives an answer that was given a wrong shape."""
        if response.status != 200 or not self._faults.any_of("wrong_shape"):
            return
        value = msgspec.json.decode(response.body)

        def changes(fault: Fault) -> bool:
            nonlocal value
            if fault.params.keys() & {"event", "execution_type", "status"}:
                return False
            value, changed = wrong_shapes.applied(value, fault.params)
            return changed

        if self._faults.strike_where("wrong_shape", now_ms, account, facts, changes) is not None:
            response.body = msgspec.json.encode(value)

    def _instead(
        self, facts: dict[str, str], account: str | None, now_ms: int, *, executed: bool
    ) -> ApiResponse | None:
        hang = self._faults.strike("hang_http", now_ms, account, **facts, executed=executed)
        if hang is not None:
            return ApiResponse(503, b"", manner="hang", fault=hang)
        failing = self._faults.strike("http_status", now_ms, account, **facts, executed=executed)
        return status_answer(failing) if failing is not None else None

    def _limited(self, fault: Fault) -> Refusal:
        wait_s = fault.params.get("retry_after", 60)
        message = "Too much request weight used; please use the websocket for live updates to avoid polling the API."
        return self._too_many(message, self._context.switches.status_rate_limited, wait_s)

    def _banned(self, until_ms: int, wait_s: int) -> Refusal:
        message = (
            f"Way too much request weight used; IP banned until {until_ms}. "
            "Please use the websocket for live updates to avoid bans."
        )
        return self._too_many(message, self._context.switches.status_banned, wait_s)

    def _too_many(self, message: str, status: int, wait_s: int) -> Refusal:
        return Refusal(self._context.switches.rate_limit_code, message, status, self._retry_after(wait_s))

    def _retry_after(self, wait_s: int) -> dict[str, str]:
        return {RETRY_AFTER_HEADER: str(max(1, wait_s))} if self._context.switches.retry_after else {}

    def _refused(self, refusal: Refusal) -> ApiResponse:
        body = {"code": refusal.code, "msg": refusal.message}
        return _json(refusal.http_status, body, dict(refusal.headers))

    def _note(self, what: str) -> None:
        if what in self.requests or len(self.requests) < METERED_PATHS_MAX:
            self.requests[what] = self.requests.get(what, 0) + 1


def _json(status: int, value: Any, headers: dict[str, str]) -> ApiResponse:
    return ApiResponse(status, msgspec.json.encode(value), headers)


def retired_page(fault: Fault) -> ApiResponse:
    """The answer of a `retire_endpoint` fault: a gateway's page."""
    status = fault.params.get("status", 410)
    page = HTML.format("404 Not Found" if status == 404 else f"{status} Gone")
    return ApiResponse(status, page.encode(), content_type="text/html")


def status_answer(fault: Fault) -> ApiResponse:
    """The answer of an `http_status` fault."""
    status = fault.params["status"]
    headers = {RETRY_AFTER_HEADER: str(fault.params["retry_after"])} if "retry_after" in fault.params else {}
    default = BAD_SYMBOL if status == 400 and "symbol" in fault.params else {"code": -1000, "msg": "An error."}
    body = fault.params.get("body", BODIES.get(status, default))
    if fault.params.get("html", status == FIREWALL and "body" not in fault.params):
        page = body if isinstance(body, str) else HTML.format(f"{status} Error")
        return ApiResponse(status, page.encode(), headers, content_type="text/html")
    if isinstance(body, str):
        return ApiResponse(status, body.encode(), headers)
    return _json(status, body, headers)
