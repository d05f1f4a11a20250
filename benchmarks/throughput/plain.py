"""The messages as somebody writes them down who takes picows and msgspec and nothing else: the venue's letters, typed."""

from __future__ import annotations

from decimal import Decimal
from typing import Generic, TypeAlias, TypeVar

import msgspec

A = TypeVar("A")


class Order(msgspec.Struct, Generic[A], frozen=True, gc=False):
    s: str
    c: str
    S: str
    o: str
    f: str
    q: A
    p: A
    ap: A
    x: str
    X: str
    i: int
    l: A  # noqa: E741
    z: A
    L: A
    N: str
    n: A
    T: int
    t: int
    b: A
    a: A
    m: bool
    R: bool
    ot: str
    rp: A
    V: str | None = None


class Balance(msgspec.Struct, Generic[A], frozen=True, gc=False):
    a: str
    b: A
    bc: A


class Position(msgspec.Struct, Generic[A], frozen=True, gc=False):
    s: str
    c: A
    p: A
    a: A


class Greek(msgspec.Struct, Generic[A], frozen=True, gc=False):
    u: str
    d: A
    g: A
    t: A
    v: A


class OrderEvent(msgspec.Struct, frozen=True, gc=False, tag_field="e", tag="ORDER_TRADE_UPDATE"):
    E: int
    T: int
    o: Order[str]


class OrderEventDecimals(msgspec.Struct, frozen=True, gc=False, tag_field="e", tag="ORDER_TRADE_UPDATE"):
    E: int
    T: int
    o: Order[Decimal]


class PositionEvent(
    msgspec.Struct, Generic[A], frozen=True, gc=False, tag_field="e", tag="BALANCE_POSITION_UPDATE"
):  # fmt: skip
    E: int
    T: int
    m: str
    B: tuple[Balance[A], ...]
    P: tuple[Position[A], ...]


class AccountEvent(msgspec.Struct, Generic[A], frozen=True, gc=False, tag_field="e", tag="ACCOUNT_UPDATE"):
    E: int
    T: int
    eq: A
    aeq: A
    b: A
    m: A
    u: A
    i: A
    M: A


class GreekEvent(msgspec.Struct, Generic[A], frozen=True, gc=False, tag_field="e", tag="GREEK_UPDATE"):
    E: int
    T: int
    G: tuple[Greek[A], ...]


TextEvent: TypeAlias = OrderEvent | PositionEvent[str] | AccountEvent[str] | GreekEvent[str]
DecimalEvent: TypeAlias = OrderEventDecimals | PositionEvent[Decimal] | AccountEvent[Decimal] | GreekEvent[Decimal]


class Texts(msgspec.Struct, frozen=True, gc=False):
    """The envelope; None for the answer to SUBSCRIBE."""

    data: TextEvent | None = None


class Decimals(msgspec.Struct, frozen=True, gc=False):
    data: DecimalEvent | None = None
