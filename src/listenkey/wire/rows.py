"""
Rows of REST answers -> words: fills, orders, bill rows, positions. Pure, and exact.

A row that does not say which thing it tells of raises `ProtocolError`: of a fill symbol, trade id, order id, side,
quantity, price and time, of an order symbol, id, status, quantity filled and time. Any other field that is absent, null
or of another type is None or empty. Keys nobody has documented are left aside, and stay in the row's own JSON, which is
kept beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from listenkey.errors import ProtocolError
from listenkey.events.base import SYMBOL_CHARS_MAX, TEXT_CHARS_MAX, amount_of
from listenkey.events.recovered import RecoveredCash, RecoveredExercise, RecoveredFill, RecoveredOrder
from listenkey.wire.legacy import STATUSES
from listenkey.wire.message_builder import HALF_PAIR, REPLACED, SIDES, InvalidMessage, exact_int

RECORD_ID_CHARS_MAX: Final = 64
CONTRACT: Final = "CONTRACT"
"""The `type` of a bill row that a trade made."""

_ROWS: Final = msgspec.json.Decoder(list[msgspec.Raw])

R = TypeVar("R")


class TradeRow(NamedTuple):
    """
    A row of `userTrades`.

    `id` ascends over all symbols, and is what `fromId` means (assumed); 0 where the row has none.
    """

    id: int
    fill: RecoveredFill
    raw: bytes


class OrderRow(NamedTuple):
    """A row of `openOrders`, `historyOrders` or `order`."""

    order: RecoveredOrder
    raw: bytes


class BillRow(NamedTuple):
    """
    A row of `bill`; `symbol` is empty where the row has none, as older ones. [SDK 8.5.1]

    The amount, its asset and the row's own JSON are kept where it is no row of a trade.
    """

    id: int
    type: str
    time_ms: int
    symbol: str
    amount: str = ""
    asset: str = ""
    raw: bytes = b""


class ExerciseRow(NamedTuple):
    """A row of `exerciseRecord`."""

    record: RecoveredExercise
    raw: bytes


class PositionRow(NamedTuple):
    """A row of `position`; `quantity` is signed, negative is short."""

    symbol: str
    quantity: str


class UnreadableRow(NamedTuple):
    """
    A row that does not say which thing it tells of.

    Attributes:
        why: The field that is wrong, in words.
        symbol: Its symbol, or empty where it has none that can be read.
        row_id: Its id where it is a row of `bill`, or 0.
    """

    why: str
    symbol: str = ""
    row_id: int = 0


class RowPage(list[R]):
    """
    The rows of one answer that can be read.

    Attributes:
        size: How many rows the answer has.
        unreadable: The rows that can't be read.
    """

    __slots__ = ("size", "unreadable")

    def __init__(self, rows: Iterable[R] = (), size: int = 0, unreadable: Iterable[UnreadableRow] = ()) -> None:
        super().__init__(rows)
        self.unreadable = list(unreadable)
        self.size = size or len(self) + len(self.unreadable)


class BillPage(RowPage[BillRow]):
    """
    A page of `bill`: its rows up to the last one that has an id. The next page is asked for from there on.

    Attributes:
        tail: The rows behind that one, none of which has an id. The next page has them again.
    """

    __slots__ = ("tail",)

    def __init__(self) -> None:
        super().__init__()
        self.tail = RowPage[BillRow]()

    @property
    def last_id(self) -> int:
        """The id to go on from; 0 where no row has one."""
        return self[-1].id if self else 0

    def take_tail(self) -> None:
        """Take the rows in `tail`, as the last of them has an id."""
        self.extend(self.tail)
        self.unreadable.extend(self.tail.unreadable)
        self.tail = RowPage()


def page_of(values: Iterable[Any], raws: Iterable[bytes], read: Callable[[Mapping[str, Any], bytes], R]) -> RowPage[R]:
    """Read the rows of an answer, each by itself: one that can't be read keeps no other back."""
    page = RowPage[R]()
    for value, raw in zip(values, raws, strict=True):
        page.size += 1
        try:
            page.append(read(_object(value), raw))
        except ProtocolError as error:
            page.unreadable.append(unreadable_row(value, error))
    return page


def bill_page_of(values: Iterable[Any], raws: Iterable[bytes], since_ms: int) -> BillPage:
    """
    Read the rows of a page of `bill`, as `page_of` does.

    A row that can't be read and may be a trade's is kept as one, with what it says: a fill may be missing that only this
    row tells of. Where it has no time, that of the row before it stands in; `since_ms` before the first.
    """
    page, before_ms = BillPage(), since_ms
    for value, raw in zip(values, raws, strict=True):
        page.size += 1
        try:
            row = bill(_object(value), raw)
        except ProtocolError as error:
            fields: Mapping[str, Any] = value if isinstance(value, Mapping) else {}
            row_id = _int_or_none(fields, "id") or 0
            page.tail.unreadable.append(unreadable_row(value, error)._replace(row_id=row_id))
            if _word(fields, "type") not in ("", CONTRACT):
                continue
            time_ms = _int_or_none(fields, "createDate")
            symbol = _word(fields, "symbol", SYMBOL_CHARS_MAX)
            row = BillRow(row_id, CONTRACT, before_ms if time_ms is None else time_ms, symbol)
        before_ms = row.time_ms
        page.tail.append(row)
        if row.id:
            page.take_tail()
    return page


def unreadable_row(value: Any, error: ProtocolError) -> UnreadableRow:
    """Return what can be said of a row that can't be read."""
    return UnreadableRow(error.what, _word(value, "symbol", SYMBOL_CHARS_MAX) if isinstance(value, Mapping) else "")


def split(body: bytes) -> list[bytes]:
    """
    The rows of a list, each as its own JSON, to the byte; half a surrogate pair becomes U+FFFD.

    Raises:
        ProtocolError: It is no list.
    """
    for text in (body, HALF_PAIR.sub(REPLACED, body)):
        try:
            return [bytes(row) for row in _ROWS.decode(text)]
        except (msgspec.DecodeError, ValueError, RecursionError):
            continue
    raise ProtocolError("the answer is not a list of rows")


def trade(row: Mapping[str, Any], raw: bytes) -> TradeRow:
    """A row of `userTrades`. [O trade/Account-Trade-List]"""
    liquidity = _word(row, "liquidity")
    fill = RecoveredFill(
        symbol=_symbol(row),
        trade_id=_trade_id(row),
        order_id=_int(row, "orderId"),
        side=_side(row),
        last_quantity_text=_unsigned(row, "quantity"),
        last_price_text=_amount(row, "price"),
        commission_text=_amount_or_none(row, "fee"),
        commission_asset=_word(row, "quoteAsset"),
        trade_time_ms=_int(row, "time"),
        maker=liquidity == "MAKER" if liquidity else None,
        realized_profit_text=_amount_or_none(row, "realizedProfit"),
    )
    return TradeRow(_int_or_none(row, "id") or 0, fill, raw)


def order(row: Any, raw: bytes) -> OrderRow:
    """A row of any of the three answers that hold orders; old words for a status are read as today's. [O trade]"""
    row = _object(row)
    status = _text(row, "status")
    created_ms, updated_ms = _int_or_none(row, "createTime"), _int_or_none(row, "updateTime")
    if created_ms is None:
        created_ms = updated_ms
    if updated_ms is None:
        updated_ms = created_ms
    if created_ms is None or updated_ms is None:
        raise _row_error("a row's updateTime is not an integer")
    reduce_only = row.get("reduceOnly")
    words = RecoveredOrder(
        symbol=_symbol(row),
        order_id=_int(row, "orderId"),
        client_order_id=_word(row, "clientOrderId"),
        side=_word(row, "side"),
        order_type=_word(row, "type"),
        time_in_force=_word(row, "timeInForce"),
        quantity_text=_amount_or_none(row, "quantity").removeprefix("-"),
        price_text=_amount_or_none(row, "price"),
        average_price_text=_amount_or_none(row, "avgPrice"),
        status=STATUSES.get(status, status),
        filled_quantity_text=_unsigned(row, "executedQty"),
        reduce_only=reduce_only if isinstance(reduce_only, bool) else None,
        created_ms=created_ms,
        updated_ms=updated_ms,
        self_trade_prevention=_word(row, "selfTradePreventionMode") or None,
    )
    return OrderRow(words, raw)


def bill(row: Mapping[str, Any], raw: bytes = b"") -> BillRow:
    """A row of `bill`. [L account/Account-Funding-Flow]"""
    symbol = _word(row, "symbol", SYMBOL_CHARS_MAX)
    head = (_int(row, "id"), _text(row, "type"), _int(row, "createDate"), symbol)
    if head[1] == CONTRACT:
        return BillRow(*head)
    return BillRow(*head, _amount_or_none(row, "amount"), _word(row, "asset"), raw)


def cash(row: BillRow) -> RecoveredCash:
    """Turn a row of `bill` into an event about money that came or went."""
    return RecoveredCash(row.id, row.type, row.amount, row.asset, row.symbol, row.time_ms)


def exercise(row: Mapping[str, Any], raw: bytes) -> ExerciseRow:
    """A row of `exerciseRecord`. Its id is a text of digits, or a number. [O trade/User-Exercise-Record]"""
    record_id = row.get("id")
    if not isinstance(record_id, str | int) or not 0 < len(str(record_id)) <= RECORD_ID_CHARS_MAX:
        raise _row_error("a row's id is none")
    record = RecoveredExercise(
        record_id=str(record_id),
        symbol=_symbol(row),
        side=_word(row, "positionSide"),
        quantity_text=_amount_or_none(row, "quantity").removeprefix("-"),
        exercise_price_text=_amount_or_none(row, "exercisePrice"),
        amount_text=_amount_or_none(row, "amount"),
        fee_text=_amount_or_none(row, "fee"),
        asset=_word(row, "currency"),
        exercised_ms=_int(row, "createDate"),
    )
    return ExerciseRow(record, raw)


def position(row: Mapping[str, Any]) -> PositionRow:
    """A row of `position`, its sign by `side` whatever the row prints. [O trade/Option-Position-Information]"""
    text = _amount(row, "quantity")
    side = row.get("side")
    if side not in ("LONG", "SHORT"):
        return PositionRow(_symbol(row), text)  # then the row's own sign is all there is
    quantity = text.removeprefix("-")
    return PositionRow(_symbol(row), f"-{quantity}" if side == "SHORT" else quantity)


def weight_limit(info: Any) -> int | None:
    """
    REQUEST_WEIGHT a minute by `exchangeInfo`, or None where it does not say. [O market-data/Exchange-Information]

    Raises:
        ProtocolError: It says it in a shape that no page documents.
    """
    if not isinstance(info, Mapping):
        raise ProtocolError("the answer to GET exchangeInfo is no object")
    limits = info.get("rateLimits")
    if limits is None:
        return None
    if not isinstance(limits, list):
        raise ProtocolError("the rateLimits of exchangeInfo are no list")
    found = [
        max(1, _int(limit, "limit") // max(1, _int(limit, "intervalNum") if "intervalNum" in limit else 1))
        for limit in limits
        if isinstance(limit, Mapping)
        and limit.get("rateLimitType") == "REQUEST_WEIGHT"
        and limit.get("interval") == "MINUTE"
        and _int(limit, "limit") > 0
    ]
    return min(found, default=None)


def _row_error(what: str) -> ProtocolError:
    return ProtocolError(what, is_of_row=True)


def _object(row: Any) -> Mapping[str, Any]:
    if not isinstance(row, Mapping):
        raise _row_error("a row is no object")
    return row


def _text(row: Mapping[str, Any], name: str, chars_max: int = TEXT_CHARS_MAX) -> str:
    text = _word(row, name, chars_max)
    if not text:
        raise _row_error(f"a row's {name} is no text, or too long")
    return text


def _word(row: Mapping[str, Any], name: str, chars_max: int = TEXT_CHARS_MAX) -> str:
    """A text that need not be there; empty where it is not, is too long, or holds half a surrogate pair."""
    value = row.get(name)
    if not isinstance(value, str) or len(value) > chars_max:
        return ""
    try:
        value.encode()
    except UnicodeEncodeError:
        return ""  # No file, line or database would take it.
    return value


def _symbol(row: Mapping[str, Any]) -> str:
    return _text(row, "symbol", SYMBOL_CHARS_MAX)


def _side(row: Mapping[str, Any]) -> str:
    side = _text(row, "side").upper()
    if side not in SIDES:
        raise _row_error("a row's side is neither BUY nor SELL")
    return side


def _amount_or_none(row: Mapping[str, Any], name: str) -> str:
    """The text of an amount that need not be there; empty where it is not."""
    value = row.get(name)
    if isinstance(value, Decimal) or (isinstance(value, int) and not isinstance(value, bool)):
        value = str(value)
    return value if isinstance(value, str) and amount_of(value) is not None else ""


def _amount(row: Mapping[str, Any], name: str) -> str:
    text = _amount_or_none(row, name)
    if not text:
        raise _row_error(f"a row's {name} is no amount")
    return text


def _unsigned(row: Mapping[str, Any], name: str) -> str:
    """The one published SELL row of the history has negative quantities; the side says it already."""
    return _amount(row, name).removeprefix("-")


def _int(row: Mapping[str, Any], name: str) -> int:
    try:
        return exact_int(row.get(name), name)
    except InvalidMessage as invalid:
        raise _row_error(f"a row's {invalid}") from None


def _trade_id(row: Mapping[str, Any]) -> int:
    """The id of a trade. With 0, which messages have where there is no trade, several fills of one order were one."""
    trade_id = _int(row, "tradeId")
    if trade_id <= 0:
        raise _row_error("a row's tradeId does not say which fill it is")
    return trade_id


def _int_or_none(row: Mapping[str, Any], name: str) -> int | None:
    try:
        return exact_int(row.get(name), name)
    except InvalidMessage:
        return None
