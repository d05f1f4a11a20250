"""
Translate the messages from before January 2026 into today's, as parsed JSON; they are known nowhere else.

They share two names with today's messages and differ in shape. One message has several orders, each with several fills;
today's has one step of one order. Three of their habits bite: the order's quantity is signed by its side, a fee is positive
where it is charged, and the greeks are JSON numbers. [L Event-Account-data], [L Event-Order-update]

What today's messages have no place for is left out: when an order was created, its total fee and filled amount, and how
much of a position can be reduced.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, TypeAlias

from listenkey import venue
from listenkey.events.base import TEXT_CHARS_MAX, amount_of
from listenkey.events.enums import TRADE
from listenkey.wire.message_builder import Number

Tree: TypeAlias = dict[str, Any]

TOTALS_OF: Final = "USDT"
"""The asset whose balance today's totals are in."""

STATUSES: Final = {"ACCEPTED": "NEW", "CANCELLED": "CANCELED"}
"""The words of before, and today's."""

STEPS: Final = frozenset({"NEW", "CANCELED", "EXPIRED"})
"""Statuses whose step has the same name."""

ROLES: Final = {"MAKER": True, "TAKER": False}

_ORDER: Final = {"s": "s", "c": "c", "p": "p", "o": "oty", "ot": "oty", "f": "tif", "i": "oid", "R": "r"}
"""Today's letter, and the one before, of what stayed the same."""

_TOTALS: Final = ("b", "m", "u", "i", "M")
_POSITION: Final = ("s", "c", "p", "a")
_GREEKS: Final = {"u": "ui", "d": "d", "g": "g", "t": "t", "v": "v"}


def is_legacy(tree: Mapping[str, Any]) -> bool:
    """
    Return True where a message is one of before; the frame alone says so.

    In these `o` is an array of orders, or `ACCOUNT_UPDATE` has the array `B` where today's has `eq`.
    """
    if tree.get("e") == venue.ORDER_TRADE_UPDATE:
        return isinstance(tree.get("o"), list)
    return tree.get("e") == venue.ACCOUNT_UPDATE and "eq" not in tree and isinstance(tree.get("B"), list)


def translated(tree: Mapping[str, Any]) -> Iterator[Tree]:
    """
    Return the messages of today that say the same as one that `is_legacy`, in its order.

    Nothing is checked here: what lacks its identity lacks it in today's message as well.
    """
    if tree["e"] == venue.ACCOUNT_UPDATE:
        yield from _account(tree)
        return
    for order in _objects(tree["o"]):
        yield from _steps(order, tree.get("E"))


def _account(tree: Mapping[str, Any]) -> Iterator[Tree]:
    """The totals, the balances with the positions, and the greeks."""
    event_ms = tree.get("E")
    head = {"E": event_ms, "T": event_ms}
    if balances := _objects(tree["B"]):
        totals = next((one for one in balances if one.get("a") == TOTALS_OF), balances[0])
        yield {"e": venue.ACCOUNT_UPDATE, **head, **_picked(totals, {letter: letter for letter in _TOTALS})}
    yield {
        "e": venue.BALANCE_POSITION_UPDATE,
        **head,
        "B": [_picked(one, {"a": "a", "b": "b"}) for one in balances],
        "P": [_picked(one, {letter: letter for letter in _POSITION}) for one in _objects(tree.get("P"))],
    }
    if greeks := _objects(tree.get("G")):
        yield {"e": venue.GREEK_UPDATE, **head, "G": [_picked(one, _GREEKS) for one in greeks]}


def _steps(order: Mapping[str, Any], event_ms: Any) -> Iterator[Tree]:
    """One message for each fill of an order; and one of its own for a step in which nothing was traded."""
    signed, status = _text(order.get("q")), order.get("S")
    status = STATUSES.get(status, status) if isinstance(status, str) and _is_small(status) else None
    plain = _picked(order, _ORDER) | {"X": status, "q": signed.lstrip("-+"), "z": _text(order.get("e")).lstrip("-+")}
    if amount_of(signed):
        plain["S"] = "SELL" if signed.startswith("-") else "BUY"
    times = _picked({"E": event_ms, "t": order.get("t")}, {"E": "E", "T": "t"})
    updated_ms = times.get("T")
    head = {"e": venue.ORDER_TRADE_UPDATE, "E": times.get("E")} | {
        "T": times.get("E") if updated_ms is None else updated_ms
    }
    fills, is_step = _objects(order.get("fi")), status in STEPS
    reached = _reached(plain["z"], [_text(fill.get("q")) for fill in fills])
    for left, (fill, filled) in enumerate(zip(fills, reached, strict=True), 1 - len(fills)):
        own = {"z": filled, "X": "PARTIALLY_FILLED" if left or is_step else status}
        yield head | {"o": plain | _traded(fill) | own}
    if is_step or not fills:
        yield head | {"o": plain | {"x": status if is_step else None, "l": "0", "L": "0", "t": 0, "T": head["T"]}}


def _traded(fill: Mapping[str, Any]) -> Tree:
    """The letters of a fill."""
    return {
        "x": TRADE,
        "l": _text(fill.get("q")).lstrip("-+"),
        "n": _opposite(_text(fill.get("f"))),
        "m": ROLES.get(_text(fill.get("m"))),
        **_picked(fill, {"L": "p", "T": "T", "t": "t"}),
    }


def _reached(filled: str, quantities: Sequence[str]) -> list[str]:
    """Return what the order had filled after each of its fills, where the last one's is known; as texts."""
    left = amount_of(filled)
    reached: list[str] = []
    for quantity in reversed(quantities):
        reached.append(filled if not reached else "" if left is None else f"{left:f}")
        traded = amount_of(quantity)
        left = None if left is None or traded is None else max(left - abs(traded), Decimal(0))
    return reached[::-1]


def _opposite(text: str) -> str:
    """Return a fee as today's message has it: negative where it was charged."""
    amount = amount_of(text)
    return f"{amount.copy_negate():f}" if amount else text  # No context of the program rounds it.


def _picked(tree: Mapping[str, Any], letters: Mapping[str, str]) -> Tree:
    """
    The values under today's letters; a name that is absent stays so.

    What no message of today can hold is left out: it would be copied for each fill of an order.
    """
    picked = {today: tree[before] for today, before in letters.items() if before in tree}
    return {today: value for today, value in picked.items() if _is_small(value)}


def _is_small(value: Any) -> bool:
    text = value.text if isinstance(value, Number) else value
    return not isinstance(text, dict | list) and not (isinstance(text, str) and len(text) > TEXT_CHARS_MAX)


def _objects(found: Any) -> list[Tree]:
    """The objects of an array; an empty one, which can't be read either, in the place of what is none."""
    if found is None or found == "":
        return []
    return [one if isinstance(one, dict) else {} for one in (found if isinstance(found, list) else [found])]


def _text(found: Any) -> str:
    """A JSON value as text, exactly; empty for what is neither text nor number, or too long for either."""
    if not _is_small(found) or isinstance(found, bool):
        return ""
    if isinstance(found, Number):
        return found.text
    return str(found) if isinstance(found, str | int) else ""
