"""
The REST paths of an account and of trading: its weight, who may ask, and what answers. Pure.

Weights are those of [O] where a page gives one, else of [SDK].
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeAlias

from listenkey import venue
from listenkey.sandbox.exchange.rejections import Rejected
from listenkey.sandbox.rest_api.parameters import Parameters
from listenkey.sandbox.rest_api.refusals import Refusal, both_missing, malformed, missing

if TYPE_CHECKING:
    from collections.abc import Callable

    from listenkey.sandbox.exchange.exchange import Exchange
    from listenkey.sandbox.exchange.queries import Window
    from listenkey.sandbox.listen_keys import ListenKeyRegistry
    from listenkey.sandbox.switches import Switches

BATCH_MAX: Final = 10
BATCH_MAX_LEGACY: Final = 5
DIGITS_MAX: Final = 40

Security: TypeAlias = Literal["none", "key", "signed"]


class ApiContext(Protocol):
    """The parts of the sandbox that an endpoint works on."""

    @property
    def exchange(self) -> Exchange: ...
    @property
    def keys(self) -> ListenKeyRegistry: ...
    @property
    def switches(self) -> Switches: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """
    One request that may pass.

    Args:
        context: The exchange and what belongs to it.
        account: Who asks; empty for public paths.
        parameters: What is asked.
        now_ms: The exchange's time, as requests see it.
        as_of_ms: Answer as the world was then; None is now.
        snapshot_as_of_ms: The same for snapshots, which may be staler than lists.
    """

    context: ApiContext
    account: str
    parameters: Parameters
    now_ms: int
    as_of_ms: int | None = None
    snapshot_as_of_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method and path."""

    answer: Callable[[Call], Any]
    weight: Callable[[Parameters], int]
    security: Security
    orders: Callable[[Parameters], int] | None = None
    """Counts the orders of a call; None for an endpoint without order count headers."""


# --- Listen key ------------------------------------------------------------------------------------------------------


def start_listen_key(call: Call) -> Any:
    """POST: the account's key, the same one while it is valid. [O Start-User-Data-Stream]"""
    key, expiration_ms = call.context.keys.start(call.account, call.now_ms)
    switches = call.context.switches
    if switches.generation == "legacy" or not switches.post_answers_expiration:
        return {"listenKey": key}
    return {"listenKey": key, "expiration": expiration_ms}


def extend_listen_key(call: Call) -> Any:
    """PUT: 60 minutes from now. [O Keepalive-User-Data-Stream]"""
    key = call.context.keys.extend(call.account, call.now_ms)
    if key is None:
        return _no_listen_key(call)
    return {"listenKey": key} if call.context.switches.put_answers_key else {}


def close_listen_key(call: Call) -> Any:
    """DELETE: for every client of the account. [L Close-User-Data-Stream]"""
    return {} if call.context.keys.close(call.account, call.now_ms) else _no_listen_key(call)


def _no_listen_key(call: Call) -> dict[str, Any]:
    if call.context.switches.closed_key_lenient:
        return {}
    raise Refusal(-1125, "This listenKey does not exist.", call.context.switches.status_key_unknown)


# --- Public ----------------------------------------------------------------------------------------------------------


def server_time(call: Call) -> Any:
    return {"serverTime": call.now_ms}


def exchange_info(call: Call) -> Any:
    return call.context.exchange.exchange_info(call.now_ms)


# --- Account ---------------------------------------------------------------------------------------------------------


def margin_account(call: Call) -> Any:
    return call.context.exchange.margin_account(call.account, call.now_ms, call.snapshot_as_of_ms)


def legacy_account(call: Call) -> Any:
    """The snapshot of before January 2026; it is gone from the documentation, and clients ask for it still."""
    if call.context.switches.account_path == "gone" and call.context.switches.generation != "legacy":
        raise Refusal(-1020, "This operation is not supported.", 404)
    return call.context.exchange.legacy_account(call.account, call.now_ms, call.snapshot_as_of_ms)


def position(call: Call) -> Any:
    symbol = call.parameters.text("symbol")
    exchange = call.context.exchange
    return exchange.position(call.account, symbol=symbol, now_ms=call.now_ms, as_of_ms=call.snapshot_as_of_ms)


def _window(call: Call, first_id: str = "", default: int | None = 100) -> Window:
    """Return the part of a list that is asked for; `default` rows where no limit is named, all without one."""
    asked = call.parameters
    return {
        "from_id": asked.integer(first_id) if first_id else None,
        "start_ms": asked.integer("startTime"),
        "end_ms": asked.integer("endTime"),
        "limit": None if default is None else asked.limit(default, 1000),
        "as_of_ms": call.as_of_ms,
    }


def open_orders(call: Call) -> Any:
    """Return all orders that fit; before January 2026 at most `limit`. [L Query-Current-Open-Option-Orders]"""
    symbol = call.parameters.text("symbol")
    window = _window(call, "orderId", 100 if call.context.switches.generation == "legacy" else None)
    window["as_of_ms"] = call.snapshot_as_of_ms
    return call.context.exchange.open_orders(call.account, symbol, **window)


def history_orders(call: Call) -> Any:
    symbol, exchange = call.parameters.needed("symbol"), call.context.exchange
    return exchange.history_orders(call.account, symbol, now_ms=call.now_ms, **_window(call, "orderId"))


def order(call: Call) -> Any:
    order_id, client_order_id = _which_order(call.parameters)
    return call.context.exchange.order(
        call.account,
        call.parameters.needed("symbol"),
        order_id=order_id,
        client_order_id=client_order_id,
        now_ms=call.now_ms,
        as_of_ms=call.as_of_ms,
    )


def user_trades(call: Call) -> Any:
    symbol = call.parameters.text("symbol")
    if symbol is None and call.context.switches.generation == "current":
        raise missing("symbol")
    exchange = call.context.exchange
    return exchange.user_trades(call.account, symbol, now_ms=call.now_ms, **_window(call, "fromId"))


def bill(call: Call) -> Any:
    currency, exchange = call.parameters.needed("currency"), call.context.exchange
    return exchange.bill(call.account, currency, now_ms=call.now_ms, **_window(call, "recordId"))


def exercise_record(call: Call) -> Any:
    symbol = call.parameters.text("symbol")
    return call.context.exchange.exercise_record(call.account, symbol, **_window(call, default=1000))


def commission(call: Call) -> Any:
    return call.context.exchange.commission(call.account)


# --- Orders ----------------------------------------------------------------------------------------------------------


def new_order(call: Call) -> Any:
    """An order; before January 2026 the default answer ACK was a short one. [L New-Order]"""
    answer = "RESULT" if call.parameters.text("newOrderRespType") == "RESULT" else "ACK"
    return call.context.exchange.place_order(call.account, call.parameters.order(), call.now_ms, answer=answer)


def cancel_order(call: Call) -> Any:
    symbol = call.parameters.needed("symbol")
    order_id, client_order_id = _which_order(call.parameters)
    return call.context.exchange.cancel_order(
        call.account, symbol, call.now_ms, order_id=order_id, client_order_id=client_order_id
    )


def new_batch(call: Call) -> Any:
    """Place up to 10 orders, each answered with its order or its error. [O trade/Place-Multiple-Orders]"""
    entries = call.parameters.json_list("orders")
    if not entries:
        raise missing("orders")
    most = BATCH_MAX if call.context.switches.generation == "current" else BATCH_MAX_LEGACY
    if len(entries) > most:
        raise Refusal(-6011, f"Maximum {most} orders in one batchOrder request.")
    return [_one(partial(_place, call, entry)) for entry in entries]


def cancel_batch(call: Call) -> Any:
    """Cancel up to 10 orders, each answered with its order or its error. [O trade/Cancel-Multiple-Option-Orders]"""
    symbol = call.parameters.needed("symbol")
    order_ids = call.parameters.json_list("orderIds")
    client_order_ids = call.parameters.json_list("clientOrderIds")
    if not order_ids and not client_order_ids:
        raise both_missing("orderIds", "clientOrderIds")
    wanted: list[tuple[int | None, str | None]] = [(_id(each), None) for each in order_ids or ()]
    wanted += [(None, str(each)) for each in client_order_ids or ()]
    if len(wanted) > BATCH_MAX:
        raise Refusal(-6011, f"Maximum {BATCH_MAX} orders in one batchOrder request.")
    cancel = call.context.exchange.cancel_order
    return [
        _one(partial(cancel, call.account, symbol, call.now_ms, order_id=number, client_order_id=name, batch=True))
        for number, name in wanted
    ]


def cancel_all(call: Call) -> Any:
    """The code is a text since 2026-03-16. [SDK 6.0.0]"""
    call.context.exchange.cancel_symbol(call.account, call.parameters.needed("symbol"), call.now_ms)
    return {"code": "0" if call.context.switches.generation == "current" else 0, "msg": "success"}


def cancel_all_by_underlying(call: Call) -> Any:
    underlying = call.parameters.needed("underlying")
    count = call.context.exchange.cancel_underlying(call.account, underlying, call.now_ms)
    answer: dict[str, Any] = {"code": 0, "msg": "success"}
    return answer if call.context.switches.generation == "current" else answer | {"data": count}


def kill_switches(call: Call) -> Any:
    return call.context.exchange.get_kill_switches(call.account, call.parameters.text("underlying"))


def set_kill_switch(call: Call) -> Any:
    underlying = call.parameters.needed("underlying")
    countdown_ms = call.parameters.needed_integer("countdownTime")
    return call.context.exchange.set_kill_switch(call.account, underlying, countdown_ms, call.now_ms)


def heartbeat(call: Call) -> Any:
    underlyings = [name.strip() for name in call.parameters.needed("underlyings").split(",") if name.strip()]
    return call.context.exchange.heartbeat(call.account, underlyings, call.now_ms)


def set_protection(call: Call) -> Any:
    """Market maker protection. [O market-maker-endpoints/Set-Market-Maker-Protection-Config]"""
    asked = call.parameters
    return call.context.exchange.set_protection(
        call.account,
        asked.needed("underlying"),
        window_ms=asked.needed_integer("windowTimeInMilliseconds"),
        frozen_ms=asked.needed_integer("frozenTimeInMilliseconds"),
        quantity_limit=asked.needed_decimal("qtyLimit"),
        delta_limit=asked.needed_decimal("deltaLimit"),
        now_ms=call.now_ms,
    )


def protection(call: Call) -> Any:
    return call.context.exchange.protection(call.account, call.parameters.needed("underlying"), call.now_ms)


def reset_protection(call: Call) -> Any:
    return call.context.exchange.protection(call.account, call.parameters.needed("underlying"), call.now_ms, reset=True)


def _which_order(asked: Parameters) -> tuple[int | None, str | None]:
    order_id, client_order_id = asked.integer("orderId"), asked.text("clientOrderId")
    if order_id is None and client_order_id is None:
        raise both_missing("orderId", "clientOrderId")
    return order_id, client_order_id


def _place(call: Call, entry: Any) -> dict[str, Any]:
    if not isinstance(entry, dict):
        raise malformed("orders")
    plain = {name: _plain(value) for name, value in entry.items()}
    return call.context.exchange.place_order(call.account, Parameters(plain).order(), call.now_ms, answer="BATCH")


def _plain(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        # Beyond any amount that passes, plain digits could fill the memory: 1e9999999999 is twelve characters.
        return f"{value:f}" if abs(value.adjusted()) <= DIGITS_MAX else str(value)
    return None if value is None else str(value)


def _one(act: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return act()
    except Rejected as rejected:
        return {"code": rejected.code, "msg": rejected.message}


def _id(value: Any) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 19:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise malformed("orderIds")


def _batch_size(asked: Parameters) -> int:
    try:
        return len(asked.json_list("orders") or ())
    except Rejected:
        return 1


# --- The table -------------------------------------------------------------------------------------------------------


def costs(weight: int) -> Callable[[Parameters], int]:
    """The weight of a path that always costs the same."""
    return lambda _: weight


def _open_orders_cost(asked: Parameters) -> int:
    return 1 if asked.text("symbol") else 40


_ONE: Final = costs(1)
_THREE: Final = costs(3)
_FIVE: Final = costs(5)
_V1: Final = "/eapi/v1"

ENDPOINTS: Final[dict[tuple[str, str], Endpoint]] = {
    ("POST", venue.LISTEN_KEY_PATH): Endpoint(start_listen_key, _ONE, "key"),
    ("PUT", venue.LISTEN_KEY_PATH): Endpoint(extend_listen_key, _ONE, "key"),
    ("DELETE", venue.LISTEN_KEY_PATH): Endpoint(close_listen_key, _ONE, "key"),
    ("GET", f"{_V1}/ping"): Endpoint(lambda _: {}, _ONE, "none"),
    ("GET", venue.TIME_PATH): Endpoint(server_time, _ONE, "none"),
    ("GET", venue.EXCHANGE_INFO_PATH): Endpoint(exchange_info, _ONE, "none"),
    ("GET", venue.MARGIN_ACCOUNT_PATH): Endpoint(margin_account, _THREE, "signed"),
    ("GET", venue.ACCOUNT_PATH): Endpoint(legacy_account, _THREE, "signed"),
    ("GET", venue.POSITION_PATH): Endpoint(position, _FIVE, "signed"),
    ("GET", venue.OPEN_ORDERS_PATH): Endpoint(open_orders, _open_orders_cost, "signed"),
    ("GET", venue.HISTORY_ORDERS_PATH): Endpoint(history_orders, _THREE, "signed"),
    ("GET", venue.ORDER_PATH): Endpoint(order, _ONE, "signed"),
    ("GET", venue.USER_TRADES_PATH): Endpoint(user_trades, _FIVE, "signed"),
    ("GET", venue.BILL_PATH): Endpoint(bill, _ONE, "signed"),
    ("GET", venue.EXERCISE_RECORD_PATH): Endpoint(exercise_record, _FIVE, "signed"),
    ("GET", venue.COMMISSION_PATH): Endpoint(commission, _FIVE, "signed"),
    ("POST", venue.ORDER_PATH): Endpoint(new_order, costs(0), "signed", _ONE),
    ("DELETE", venue.ORDER_PATH): Endpoint(cancel_order, _ONE, "signed"),
    ("POST", f"{_V1}/batchOrders"): Endpoint(new_batch, _FIVE, "signed", _batch_size),
    ("DELETE", f"{_V1}/batchOrders"): Endpoint(cancel_batch, _FIVE, "signed"),
    ("DELETE", f"{_V1}/allOpenOrders"): Endpoint(cancel_all, _FIVE, "signed"),
    ("DELETE", f"{_V1}/allOpenOrdersByUnderlying"): Endpoint(cancel_all_by_underlying, _ONE, "signed"),
    ("GET", f"{_V1}/countdownCancelAll"): Endpoint(kill_switches, _ONE, "signed"),
    ("POST", f"{_V1}/countdownCancelAll"): Endpoint(set_kill_switch, _ONE, "signed"),
    ("POST", f"{_V1}/countdownCancelAllHeartBeat"): Endpoint(heartbeat, costs(10), "signed"),
    ("POST", f"{_V1}/mmpSet"): Endpoint(set_protection, _ONE, "signed"),
    ("GET", f"{_V1}/mmp"): Endpoint(protection, _ONE, "signed"),
    ("POST", f"{_V1}/mmpReset"): Endpoint(reset_protection, _ONE, "signed"),
}

ALIASES: Final = {"/fapi/v1/listenKey": venue.LISTEN_KEY_PATH, "/fapi/v1/time": venue.TIME_PATH}
"""The sibling product's paths, so that clients that know only USD-M can be measured here."""
