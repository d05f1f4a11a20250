"""
A parsed JSON value -> an event, field by field: the way for whatever the fast decoder does not take.

It accepts what the venue's pages disagree on: a number where a string is documented and the reverse (`E` of
`listenKeyExpired` is both), unknown keys, both generations, events nobody has documented. It guesses nothing: a
documented field that is missing makes the message unreadable.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypeVar, get_args, get_origin

import msgspec

from listenkey import venue
from listenkey.credentials import Secret
from listenkey.events import (
    AccountUpdate,
    BalancePositionUpdate,
    GreekUpdate,
    LegacyAccountUpdate,
    LegacyOrderTradeUpdate,
    ListenKeyExpired,
    Order,
    OrderTradeUpdate,
    RiskLevelChange,
)
from listenkey.events.words import FINGERPRINT_PREFIX, NUMBER, Amount, Words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from listenkey.events import CurrentEvent, LegacyEvent

    KnownEvent: TypeAlias = CurrentEvent | LegacyEvent

Naming: TypeAlias = Literal["letter", "word"]
Kind: TypeAlias = Literal["text", "number", "int", "bool", "secret", "one", "many"]
S = TypeVar("S", bound=Words)

INT_MAX: Final = 2**63 - 1
INT_TEXT: Final = re.compile(r"-?[0-9]{1,19}")
EXPONENT: Final = re.compile(r"(-?[0-9]{1,24}(?:\.[0-9]{1,40})?)[eE]([+-]?[0-9]{1,2})")

CURRENT: Final[Mapping[str, type[KnownEvent]]] = {
    venue.ACCOUNT_UPDATE: AccountUpdate,
    venue.BALANCE_POSITION_UPDATE: BalancePositionUpdate,
    venue.GREEK_UPDATE: GreekUpdate,
    venue.ORDER_TRADE_UPDATE: OrderTradeUpdate,
    venue.RISK_LEVEL_CHANGE: RiskLevelChange,
    venue.LISTEN_KEY_EXPIRED: ListenKeyExpired,
}


class Misfit(Exception):
    """The value is not what its event needs. The sentence names the place and never what was found there."""


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
    part: type[Words] | None
    required: bool

    @property
    def word(self) -> str:
        """As in `to_dict()`."""
        if self.kind == "secret":
            return "fingerprint"
        return self.name.removesuffix("_text")


@cache
def fields(message: type[Words]) -> tuple[Field, ...]:
    """The fields of a message, in the order of its class."""
    return tuple(
        Field(info.name, info.encode_name, *_kind(message, info.name, info.type), info.required)
        for info in msgspec.structs.fields(message)
    )


def _kind(message: type[Words], name: str, hint: Any) -> tuple[Kind, type[Words] | None]:
    if get_origin(hint) is tuple:
        return "many", get_args(hint)[0]
    candidates = [hint, *get_args(hint)]
    if str in candidates or any(get_origin(each) is Literal for each in candidates):
        amount = getattr(message, name.removesuffix("_text"), None)
        return ("number" if isinstance(amount, Amount) and amount.pattern is NUMBER else "text"), None
    if bool in candidates:
        return "bool", None
    if int in candidates:
        return "int", None
    if Secret in candidates:
        return "secret", None
    assert issubclass(hint, Words), hint
    return "one", hint


def event_class(kind: str, tree: Mapping[str, Any]) -> type[KnownEvent] | None:
    """
    Which class a message is of, or None where nobody has documented it.

    Two names have a legacy shape, told by the frame alone: `o` is an array of orders, or `ACCOUNT_UPDATE` has the
    array `B` where the current one has `eq`.
    """
    if kind == venue.ORDER_TRADE_UPDATE and isinstance(tree.get("o"), list):
        return LegacyOrderTradeUpdate
    if kind == venue.ACCOUNT_UPDATE and "eq" not in tree and isinstance(tree.get("B"), list):
        return LegacyAccountUpdate
    return CURRENT.get(kind)


def build(message: type[S], tree: Any, path: str, naming: Naming = "letter") -> S:
    """
    A message from its JSON object; keys that are none of its fields are left aside.

    Args:
        message: The class wanted.
        tree: The parsed object.
        path: Where it was found, for the sentence of a `Misfit`.
        naming: Whether the keys are the venue's letters, or our words as `to_dict()` writes them.

    Raises:
        Misfit: It is not an object, or a field is missing or of a wrong kind.
    """
    if not isinstance(tree, dict):
        raise Misfit(f"{path} is not an object")
    values: dict[str, Any] = {}
    for field in fields(message):
        if naming == "word" and field.kind == "one":
            found: Any = tree
        else:
            found = tree.get(field.letter if naming == "letter" else field.word)
        if found is None:
            found = _without(message, field, tree, naming)
        if found is not None:
            values[field.name] = _read(field, found, f"{path}.{field.letter}", naming)
        elif field.required:
            raise Misfit(f"{path}.{field.letter} is missing")
    return message(**values)


def _without(message: type[Words], field: Field, tree: Mapping[str, Any], naming: Naming) -> str | None:
    """
    What stands for a missing field.

    Only the commission of an order that was not filled has a stand-in: the sibling product leaves `N` and `n` out then.
    A fill without its commission stays unreadable. [U Event-Order-Update]
    """
    execution_type = tree.get("x" if naming == "letter" else "execution_type")
    if message is not Order or execution_type in (None, "TRADE"):
        return None
    return {"N": "", "n": "0"}.get(field.letter)


def _read(field: Field, found: Any, path: str, naming: Naming) -> Any:
    match field.kind:
        case "text":
            return _text(found, path)
        case "number":
            return found.text if isinstance(found, Number) else _text(found, path)
        case "int":
            return exact_int(found, path)
        case "bool":
            if not isinstance(found, bool):
                raise Misfit(f"{path} is neither true nor false")
            return found
        case "secret":
            text = _text(found, path)
            return Secret(text if naming == "letter" else FINGERPRINT_PREFIX + text)
        case "one":
            assert field.part is not None
            return build(field.part, found, path, naming)
        case "many":
            assert field.part is not None
            if not isinstance(found, list):
                raise Misfit(f"{path} is not an array")
            return tuple(build(field.part, each, f"{path}[{index}]", naming) for index, each in enumerate(found))


def _text(found: Any, path: str) -> str:
    if isinstance(found, str):
        return found
    if isinstance(found, int) and not isinstance(found, bool) and abs(found) <= INT_MAX:
        return str(found)
    if isinstance(found, Number):
        return _fixed_point(found.text)
    raise Misfit(f"{path} is neither a string nor a number of bounded size")


def _fixed_point(text: str) -> str:
    """A number's text as it came; a small exponent is written out, which loses nothing."""
    with_exponent = EXPONENT.fullmatch(text)
    if with_exponent is None:
        return text
    return f"{Decimal(text):f}"


def exact_int(found: Any, path: str) -> int:
    """
    An id or a time, as a number or a string of digits, exact to 2^63-1.

    Raises:
        Misfit: It is something else, or beyond that.
    """
    if isinstance(found, str) and INT_TEXT.fullmatch(found):
        found = int(found)
    if isinstance(found, bool) or not isinstance(found, int):
        raise Misfit(f"{path} is not an integer")
    if not -INT_MAX - 1 <= found <= INT_MAX:
        raise Misfit(f"{path} is beyond 64 bits")
    return found


def unknown(message: type[Words], tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The keys of a message's object that are none of its fields, each with its path: `("o.sp", ...)`."""
    known = {field.letter: field for field in fields(message)}
    for key, found in tree.items():
        field = known.get(key)
        if field is None:
            # The key `e` of an event is its type; an order of the legacy generation has a field of that letter.
            if prefix or key != "e":
                yield prefix + key, found
        elif field.kind == "one" and field.part is not None and isinstance(found, dict):
            yield from unknown(field.part, found, f"{prefix}{key}.")
        elif field.kind == "many" and field.part is not None and isinstance(found, list):
            for index, each in enumerate(found):
                if isinstance(each, dict):
                    yield from unknown(field.part, each, f"{prefix}{key}[{index}].")
