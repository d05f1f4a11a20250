"""
Format events and answers: the switches `empty_fields` and `amount_format`. Pure.

Everything is made in plain form first, so that the ledger, the stream and REST agree; this is the last step on the way
out, and does nothing by default.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from listenkey import venue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from listenkey.sandbox.switches import Switches

_AMOUNT: Final = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,20})?", re.ASCII)
_NO_AMOUNTS: Final = frozenset(("id", "oid", "t", "E", "c", "clientOrderId", "code", "msg", "reason", "listenKey"))
"""Texts of digits that are no amounts: ids, times, and what a customer called an order."""

_ORDERS: Final = (("avgPrice", "0"), ("selfTradePreventionMode", "NONE"), ("fee", None), ("reason", "0"))
_ROWS: Final[dict[str, tuple[tuple[str, str | None], ...]]] = {
    venue.USER_TRADES_PATH: (("fee", None), ("realizedProfit", None)),
    venue.EXERCISE_RECORD_PATH: (("fee", None),),
    venue.OPEN_ORDERS_PATH: _ORDERS,
    venue.HISTORY_ORDERS_PATH: _ORDERS,
    venue.ORDER_PATH: _ORDERS,
}
"""Fields of a path's rows that do not apply when they have this value; None is any zero."""

_OF_NO_TRADE: Final = ("l", "L", "t", "n", "N", "rp")


def event(payload: dict[str, Any], switches: Switches) -> dict[str, Any]:
    """Return an event as the switches want it; the same object when they want nothing."""
    if switches.empty_fields != "plain":
        _hide_in_event(payload, switches.empty_fields)
    if switches.amount_format == "exponent":
        with_exponents(payload)
    return payload


def answer(path: str, value: Any, switches: Switches) -> Any:
    """Return a REST answer as the switches want it; the same object when they want nothing."""
    if switches.empty_fields != "plain":
        for row in value if isinstance(value, list) else [value]:
            if isinstance(row, dict):
                _hide_in_row(path, row, switches.empty_fields)
    if switches.amount_format == "exponent":
        with_exponents(value)
    return value


def with_exponents(value: Any) -> None:
    """Reprint every amount in a JSON value as Java's BigDecimal prints one without trailing zeros."""
    if isinstance(value, dict):
        for name, item in value.items():
            if isinstance(item, str):
                if name not in _NO_AMOUNTS:
                    value[name] = _exponent(item)
            else:
                with_exponents(item)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            if isinstance(item, str):
                value[index] = _exponent(item)
            else:
                with_exponents(item)


def _exponent(text: str) -> str:
    """`0E-8` for a zero of eight decimals, `1E+2` for 100; text that is no amount stays as it is."""
    if not _AMOUNT.fullmatch(text):
        return text
    amount = Decimal(text)
    return str(amount.normalize() if amount else amount)


def _hide_in_event(payload: dict[str, Any], manner: str) -> None:
    if payload["e"] == venue.BALANCE_POSITION_UPDATE:
        if not payload["P"]:
            _hide(payload, ("P",), manner)
        for balance in payload["B"]:
            if _is_zero(balance["bc"]):
                _hide(balance, ("bc",), manner)
    elif payload["e"] == venue.ORDER_TRADE_UPDATE:
        order = payload["o"]
        if isinstance(order, list):
            for each in order:
                _hide(each, ("stp", *(("fi",) if not each["fi"] else ())), manner)
        else:
            _hide(order, tuple(_not_applying(order)), manner)


def _not_applying(order: dict[str, Any]) -> Iterator[str]:
    if not order["t"]:
        yield from _OF_NO_TRADE
    elif _is_zero(order["n"]):
        yield from ("n", "N")
    if order["t"] and _is_zero(order["rp"]):
        yield "rp"
    if _is_zero(order["ap"]):
        yield "ap"
    if order["V"] == "NONE":
        yield "V"


def _hide_in_row(path: str, row: dict[str, Any], manner: str) -> None:
    if path == venue.BILL_PATH and "symbol" not in row:
        row["symbol"] = ""
        _hide(row, ("symbol",), manner)
    for name, value in _ROWS.get(path, ()):
        if name in row and (row[name] == value if value is not None else _is_zero(row[name])):
            _hide(row, (name,), manner)


def _hide(row: dict[str, Any], names: tuple[str, ...], manner: str) -> None:
    for name in names:
        if manner == "absent":
            del row[name]
        elif manner == "null":
            row[name] = None
        else:
            row[name] = [] if isinstance(row[name], list) else ""


def _is_zero(value: Any) -> bool:
    return not Decimal(value)
