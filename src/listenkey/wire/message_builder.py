"""
A parsed JSON value -> an event, field by field: the way for whatever the fast decoder does not take.

It accepts what the venue's pages disagree on: a number where a string is documented and the reverse (`E` of
`listenKeyExpired` is both), unknown keys.

A message needs only what says which thing it tells of: a fill its symbol, order id, trade id, side, quantity, price and
time, a step of an order its symbol and order id, a position its symbol and quantity (`NEEDED`). Any other field that is
absent, null, empty or of another type has a stand-in that says so: None for an amount or a Boolean, the empty text for
a word, nothing for a list. A time takes the nearest other time of the message. The sibling products leave fields out
that do not apply, as `N` and `n` of a fill without commission. [U Event-Order-Update]
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypeVar, get_args, get_origin

import msgspec

from listenkey import venue
from listenkey.credentials import Secret
from listenkey.events import (
    AccountUpdate,
    Balance,
    BalancePositionUpdate,
    GreekUpdate,
    ListenKeyExpired,
    Order,
    OrderTradeUpdate,
    Position,
    RecoveredCash,
    RecoveredExercise,
    RecoveredFill,
    RecoveredOrder,
    RiskLevelChange,
    UnderlyingGreeks,
)
from listenkey.events.base import FINGERPRINT_PREFIX, SYMBOL_CHARS_MAX, TEXT_CHARS_MAX, Message, amount_of
from listenkey.events.enums import TRADE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from listenkey.events import CurrentEvent

Naming: TypeAlias = Literal["letter", "word"]
Kind: TypeAlias = Literal["text", "amount", "int", "time", "bool", "secret", "one", "many"]
S = TypeVar("S", bound=Message)

INT_MAX: Final = 2**63 - 1
INT_TEXT: Final = re.compile(r"-?[0-9]{1,19}")

HALF_PAIR: Final = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
"""An escape of half a surrogate pair; of a whole one both halves, so it is sought where JSON could not be read."""

REPLACED: Final = rb"\\ufffd"
"""The text that stands for it, in a pattern's replacement."""

SECRET_CHARS_MAX: Final = 1024
"""A listen key; documented ones have 40 and 64 characters."""

SIDES: Final = frozenset({"BUY", "SELL"})
NO_TRADE: Final = frozenset({"NEW", "CANCELED", "EXPIRED"})
"""The execution types of a step in which nothing is traded. [O common-definition]"""

_CHARS_MAX: Final = {"symbol": SYMBOL_CHARS_MAX, "underlying": SYMBOL_CHARS_MAX}

CURRENT: Final[Mapping[str, type[CurrentEvent]]] = {
    venue.ACCOUNT_UPDATE: AccountUpdate,
    venue.BALANCE_POSITION_UPDATE: BalancePositionUpdate,
    venue.GREEK_UPDATE: GreekUpdate,
    venue.ORDER_TRADE_UPDATE: OrderTradeUpdate,
    venue.RISK_LEVEL_CHANGE: RiskLevelChange,
    venue.LISTEN_KEY_EXPIRED: ListenKeyExpired,
}


NEEDED: Final[Mapping[type[Message], frozenset[str]]] = {
    Order: frozenset({"symbol", "order_id"}),  # and of a fill the rest that says which: see `_settle_order`
    Balance: frozenset({"asset"}),
    Position: frozenset({"symbol", "quantity_text"}),
    UnderlyingGreeks: frozenset({"underlying"}),
    GreekUpdate: frozenset({"greeks"}),
    RiskLevelChange: frozenset({"risk_level"}),
    ListenKeyExpired: frozenset({"listen_key"}),
    RecoveredFill: frozenset(
        {"symbol", "trade_id", "order_id", "side", "last_quantity_text", "last_price_text", "trade_time_ms"}
    ),
    RecoveredOrder: frozenset({"symbol", "order_id", "status", "filled_quantity_text", "updated_ms"}),
    RecoveredExercise: frozenset({"record_id", "symbol", "exercised_ms"}),
    RecoveredCash: frozenset({"record_id", "kind", "amount_text", "booked_ms"}),
}
"""The fields a message must have, by our names. Without one of these it is unreadable, and that is reported."""


class InvalidMessage(Exception):
    """A value is not as its event needs it. The sentence names the place and never the value."""


class Number:
    """A JSON number with a fraction or an exponent, as its text: no double has touched it."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message: the venue's letter, our word, and how to read it."""

    name: str
    letter: str
    kind: Kind
    part: type[Message] | None
    required: bool

    @property
    def word(self) -> str:
        """The field's name in `to_dict()`."""
        if self.kind == "secret":
            return "fingerprint"
        return self.name.removesuffix("_text")


@cache
def fields(message: type[Message]) -> tuple[Field, ...]:
    """The fields of a message, in the order of its class."""
    return tuple(
        Field(info.name, info.encode_name, *_kind(info.name, info.type), info.required)
        for info in msgspec.structs.fields(message)
    )


def _kind(name: str, hint: Any) -> tuple[Kind, type[Message] | None]:
    if get_origin(hint) is tuple:
        return "many", get_args(hint)[0]
    found = set(_types_in(hint))
    if str in found:
        return ("amount" if name.endswith("_text") else "text"), None
    if bool in found:
        return "bool", None
    if int in found:
        return ("time" if name.endswith("_ms") else "int"), None
    if Secret in found:
        return "secret", None
    assert issubclass(hint, Message), hint
    return "one", hint


def _types_in(hint: Any) -> Iterator[type]:
    """The plain types of a hint: `str` of a bounded text, of listed words, of either or None."""
    if get_origin(hint) is Literal:
        yield str
    elif isinstance(hint, type):
        yield hint
    for part in get_args(hint):
        yield from _types_in(part)


def build(message: type[S], tree: Any, path: str, naming: Naming = "letter", at_ms: int | None = None) -> S:
    """
    Build a message from its JSON object; keys that are none of its fields are left aside.

    Args:
        message: The class wanted.
        tree: The parsed object.
        path: Where it was found, for the sentence of a `InvalidMessage`.
        naming: Whether the keys are the venue's letters, or our words as `to_dict()` writes them.
        at_ms: The time of the message around it, which stands for a time that it lacks.

    Raises:
        InvalidMessage: It is not an object, or lacks what says which thing it tells of.
    """
    if not isinstance(tree, dict):
        raise InvalidMessage(f"{path} is not an object")
    needed = NEEDED.get(message, frozenset())
    values: dict[str, Any] = {}
    unread: set[str] = set()
    parts: list[tuple[Field, Any]] = []
    for field in fields(message):
        if naming == "word" and field.kind == "one":
            found: Any = tree
        else:
            found = tree.get(field.letter if naming == "letter" else field.word)
        if found is None or found == "":
            if field.name in needed or field.kind == "one":
                raise InvalidMessage(f"{path}.{field.letter} is missing")
        elif field.kind in ("one", "many"):
            parts.append((field, found))
        else:
            try:
                values[field.name] = _read(field, found, f"{path}.{field.letter}", naming)
            except InvalidMessage:
                if field.name in needed or field.kind == "secret":
                    raise
                unread.add(field.name)
    own_ms = next(
        (values[field.name] for field in fields(message) if field.kind == "time" and field.name in values), at_ms
    )
    for field, found in parts:
        values[field.name] = _parts(field, found, f"{path}.{field.letter}", naming, own_ms)
    for field in fields(message):
        if field.required and field.name not in values:
            values[field.name] = _stand_in(field)
    _settle(message, values, unread, path, at_ms)
    return message(**values)


def _parts(field: Field, found: Any, path: str, naming: Naming, at_ms: int | None) -> Any:
    assert field.part is not None
    if field.kind == "one":
        return build(field.part, found, path, naming, at_ms)
    if not isinstance(found, list):
        raise InvalidMessage(f"{path} is not an array")
    return tuple(build(field.part, each, f"{path}[{index}]", naming, at_ms) for index, each in enumerate(found))


def _stand_in(field: Field) -> Any:
    """The value of a field that the message lacks, or that can't be read."""
    match field.kind:
        case "text" | "amount":
            return ""
        case "many":
            return ()
        case _:
            return None


# --- What a message says as a whole -----------------------------------------------------------------------------------


def _settle(message: type[Message], values: dict[str, Any], unread: set[str], path: str, at_ms: int | None) -> None:
    """Fill in fields that follow from others; InvalidMessage where the message lacks its identity."""
    if message is Order:
        _settle_order(values, unread, path)
    elif message is AccountUpdate and not any(values[each.name] for each in fields(message) if each.kind == "amount"):
        raise InvalidMessage(f"{path} has no total that can be read")
    times = [field for field in fields(message) if field.kind == "time"]
    inner_ms = max(_times_in(values), default=None)
    for field in times:
        if values[field.name] is None:
            others_ms = (values[each.name] for each in times)
            nearest_ms = next((each for each in (inner_ms, *others_ms, at_ms) if each is not None), None)
            if nearest_ms is None:
                raise InvalidMessage(f"{path}.{field.letter} is missing")
            values[field.name] = nearest_ms


def _times_in(values: Mapping[str, Any]) -> Iterator[int]:
    """The times of a message's parts that say when something happened."""
    for value in values.values():
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, Order):
                yield part.trade_time_ms


def _settle_order(values: dict[str, Any], unread: set[str], path: str) -> None:
    """
    See that a fill says which it is, and that a step in which nothing was traded reads as one.

    A fill is what has a last quantity and a trade id, whatever its execution type, and what the venue calls TRADE.
    """
    trade_id, quantity = values["trade_id"], amount_of(values["last_quantity_text"])
    side = values["side"].upper()
    if side in SIDES:
        values["side"] = side
    is_named = values["execution_type"] == TRADE
    if is_named or (quantity and trade_id is not None and trade_id > 0):
        for name, is_there in (
            ("t", trade_id is not None and trade_id > 0),  # 0 is what the venue sends where there is no trade
            ("l", quantity is not None),
            ("L", amount_of(values["last_price_text"]) is not None),
            ("S", side in SIDES),
            ("T", values["trade_time_ms"] is not None),
        ):
            if not is_there:
                raise InvalidMessage(f"{path}.{name} is missing: it does not say which fill it is")
        return
    has_id, has_quantity = trade_id is not None and trade_id > 0, bool(quantity)
    may_have_id, may_have_quantity = "trade_id" in unread, "last_quantity_text" in unread
    half = (has_id or has_quantity) and values["execution_type"] not in NO_TRADE and (
        (quantity is None) if has_id else (trade_id is None)
    )  # fmt: skip
    if half or (may_have_id and (has_quantity or may_have_quantity)) or (may_have_quantity and has_id):
        raise InvalidMessage(f"{path} does not say whether it is a fill")
    values["trade_id"] = max(trade_id or 0, 0)
    for name in ("last_quantity_text", "last_price_text"):
        if amount_of(values[name]) is None:
            values[name] = "0"  # as documented where nothing was traded


# --- One field --------------------------------------------------------------------------------------------------------


def _read(field: Field, found: Any, path: str, naming: Naming) -> Any:
    match field.kind:
        case "amount":
            return _amount(found, path)
        case "int":
            return exact_int(found, path)
        case "time":
            return _time(found, path)
        case "bool":
            return _bool(found, path)
        case "secret":
            text = _text(found, path, SECRET_CHARS_MAX)
            return Secret(text if naming == "letter" else FINGERPRINT_PREFIX + text)
        case _:
            return _text(found, path, _CHARS_MAX.get(field.name, TEXT_CHARS_MAX))


def _text(found: Any, path: str, chars_max: int = TEXT_CHARS_MAX) -> str:
    if isinstance(found, str):
        text = found
    elif isinstance(found, int) and not isinstance(found, bool) and abs(found) <= INT_MAX:
        text = str(found)
    elif isinstance(found, Number):
        text = found.text
    else:
        raise InvalidMessage(f"{path} is neither a string nor a number of bounded size")
    if len(text) > chars_max:
        raise InvalidMessage(f"{path} is longer than {chars_max} characters")
    return text


def _amount(found: Any, path: str) -> str:
    """An amount's text as it came, exponent included, where it is one."""
    text = _text(found, path)
    if amount_of(text) is None:
        raise InvalidMessage(f"{path} is no amount")
    return text


def _bool(found: Any, path: str) -> bool:
    if isinstance(found, bool):
        return found
    if isinstance(found, int) and found in (0, 1):
        return found == 1
    if isinstance(found, str) and found.lower() in ("true", "false"):
        return found.lower() == "true"
    raise InvalidMessage(f"{path} is neither true nor false")


def _time(found: Any, path: str) -> int:
    """A time, as `exact_int` reads it, or as a number that a double prints: `1.795E12`."""
    text = found.text if isinstance(found, Number) else found
    amount = amount_of(text) if isinstance(text, str) and len(text) <= TEXT_CHARS_MAX else None
    if amount is not None and amount == amount.to_integral_value():
        found = int(amount)
    return exact_int(found, path)


def exact_int(found: Any, path: str) -> int:
    """
    An id or a time, as a number or a string of digits, exact to 2^63-1.

    Raises:
        InvalidMessage: It is something else, or beyond that.
    """
    if isinstance(found, str) and INT_TEXT.fullmatch(found):
        found = int(found)
    if isinstance(found, bool) or not isinstance(found, int):
        raise InvalidMessage(f"{path} is not an integer")
    if not -INT_MAX - 1 <= found <= INT_MAX:
        raise InvalidMessage(f"{path} is beyond 64 bits")
    return found


def unknown(message: type[Message], tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The keys of a message's object that are none of its fields, each with its path: `("o.sp", ...)`."""
    known = {field.letter: field for field in fields(message)}
    for key, found in tree.items():
        field = known.get(key)
        if field is None:
            if prefix or key != "e":  # which is the event's type
                yield prefix + key, found
        elif field.kind == "one" and field.part is not None and isinstance(found, dict):
            yield from unknown(field.part, found, f"{prefix}{key}.")
        elif field.kind == "many" and field.part is not None and isinstance(found, list):
            for index, each in enumerate(found):
                if isinstance(each, dict):
                    yield from unknown(field.part, each, f"{prefix}{key}[{index}].")
