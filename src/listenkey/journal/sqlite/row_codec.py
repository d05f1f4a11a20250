"""Item <-> row of the table `items`."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Annotated, Any, Final, assert_never

import msgspec

from listenkey.errors import Corrupt, UsageError
from listenkey.events import (
    AccountUpdate,
    BalancePositionUpdate,
    Event,
    GreekUpdate,
    ListenKeyExpired,
    Order,
    OrderTradeUpdate,
    RecoveredFill,
    RecoveredOrder,
    RiskLevelChange,
)
from listenkey.events.base import AMOUNTS, amount_of
from listenkey.events.current import Balance, Position
from listenkey.events.enums import TRADE
from listenkey.items import GapClosed, GapOpened, Item, Live, Provenance, Update
from listenkey.journal.sqlite.hash_chain import Row
from listenkey.outcomes import GapCause, Loss
from listenkey.wire.frames import UnreadableFrame, read_payload
from listenkey.wire.json_lines import event_of

DOCUMENTED: Final = frozenset(
    {AccountUpdate, BalancePositionUpdate, GreekUpdate, ListenKeyExpired, OrderTradeUpdate, RiskLevelChange}
)
"""The messages that the venue sends today; their JSON says all that our words do."""

ORDER_NAMES: Final = len(OrderTradeUpdate.__struct_fields__) + 1 + len(Order.__struct_fields__) - 1
"""Names in the JSON of an order's event, `e` included and without `V`, which may be absent."""

_amounts_of: Final[Callable[[Order], tuple[str, ...]]] = attrgetter(
    *(name for name in Order.__struct_fields__ if name.endswith("_text"))
)
PROVENANCES: Final = frozenset({"ws", "rest", "ws+rest"})
BALANCE_NAMES: Final = len(Balance.__struct_fields__)
POSITION_NAMES: Final = len(Position.__struct_fields__)
MESSAGE_NAMES: Final = len(BalancePositionUpdate.__struct_fields__)
"""The number of names in a message about positions, `e` included and without `P`, which may be absent."""

_NOT_AN_UPDATE: Final = (None,) * 7
_encode: Final = msgspec.json.Encoder().encode
_BACKSLASH: Final = ord("\\")
_decode_any: Final = msgspec.json.Decoder().decode
_decode_words: Final = msgspec.json.Decoder(dict[str, Any]).decode
_decode_texts: Final = msgspec.json.Decoder(tuple[str, ...]).decode


class GapWords(msgspec.Struct, frozen=True):
    """
    The words of a gap's end that have no column of their own; they stand in the column `event`.

    A row of an earlier release has none, and counted the answers of REST in `recovered`.
    """

    recovered_fills: Annotated[int, msgspec.Meta(ge=0)] = 0
    recovered_orders: Annotated[int, msgspec.Meta(ge=0)] = 0
    fills_complete: bool = False
    lost: tuple[Loss, ...] = ()


class CauseWords(msgspec.Struct, frozen=True):
    """The cause of a gap, in the row of its beginning."""

    cause: GapCause = GapCause.UNKNOWN


_NO_WORDS: Final = GapWords()
_NO_CAUSE: Final = CauseWords()
_decode_cause: Final = msgspec.json.Decoder(CauseWords).decode
_decode_gap: Final = msgspec.json.Decoder(GapWords).decode


def update_values(
    seq: int,
    account: str,
    event: Event,
    raw: bytes,
    received_ms: int,
    provenance: Provenance = "ws",
    *,
    late: bool = False,
    skipped: int | None = None,
) -> tuple[Any, ...]:
    """
    The columns of an update, without the seal.

    Our words are kept where `raw` alone does not say them: for a row of REST, and whatever departs
    from the documented shape. Else the views read them out of `raw`, which halves a journal and its cost.
    """
    kind = type(event)
    symbol = order_id = trade_id = None
    says_all = kind in DOCUMENTED and type(raw) is bytes and provenance != "rest"
    if kind is OrderTradeUpdate:
        order = event.order  # type: ignore[union-attr]
        says_all = (
            says_all
            and names_each_once(raw, ORDER_NAMES + (order.self_trade_prevention is not None))
            and are_amounts(_amounts_of(order))
        )
        symbol, order_id = order.symbol, order.order_id
        if order.execution_type == TRADE or (order.trade_id > 0 and order.is_fill):
            trade_id = order.trade_id
    elif kind is BalancePositionUpdate:
        parts = BALANCE_NAMES * len(event.balances) + POSITION_NAMES * len(event.positions)  # type: ignore[union-attr]
        says_all = says_all and names_each_once(raw, parts + MESSAGE_NAMES + (b'"P"' in raw))
    elif kind is RecoveredFill or kind is RecoveredOrder:
        symbol, order_id, trade_id = event.symbol, event.order_id, getattr(event, "trade_id", None)  # type: ignore[union-attr]
    words = None if says_all else _encode(event.to_dict()).decode()
    return (
        seq, "update", account, received_ms,
        event.type, provenance, int(late), event.event_ms, symbol, order_id, trade_id, words, raw.decode(),
        None, None, None, None, None,
        skipped,
    )  # fmt: skip


def are_amounts(texts: tuple[str, ...]) -> bool:
    """Return True where each is an amount: SQL would read `1e999999` as infinite, and we as none."""
    new = set(texts).difference(AMOUNTS)
    return not new or None not in map(amount_of, new)


def names_each_once(raw: bytes, expected: int) -> bool:
    """
    Return True where JSON has each name once and to the letter: of two equal ones we take the last, SQLite the first.

    Every name has its colon. So where there are no more colons than different names, none is there twice; and where a
    text has a colon or a backslash, that can't be told so simply, and the answer is no.

    Args:
        raw: An object that could be read.
        expected: How many names there should be; found out where there are others.
    """
    if _BACKSLASH in raw:
        return False
    colons = raw.count(b":")
    if colons == expected:
        return True
    try:
        return colons == _names_in(_decode_any(raw))
    except (msgspec.DecodeError, ValueError):
        return False  # A number under a name that we have no word for may be more than a float holds.


def _names_in(tree: object) -> int:
    if isinstance(tree, dict):
        return len(tree) + sum(map(_names_in, tree.values()))
    return sum(map(_names_in, tree)) if isinstance(tree, list) else 0


def told_values(item: Live | GapOpened | GapClosed, told_ms: int, skipped: int | None = None) -> tuple[Any, ...]:
    """Return the columns of a lifecycle's item, without the seal."""
    facts: tuple[Any, ...]
    words: str | None = None
    match item:
        case Live():
            kind, facts = "live", (item.since_ms, None, None, None, None)
        case GapOpened():
            kind, facts = "gap_opened", (item.from_ms, None, item.why, None, None)
            words = _encode(CauseWords(item.cause)).decode()
        case GapClosed():
            lost = _encode(item.unrecoverable).decode()
            kind, facts = "gap_closed", (item.from_ms, item.to_ms, None, item.recovered, lost)
            gap = GapWords(item.recovered_fills, item.recovered_orders, item.fills_complete, tuple(sorted(item.lost)))
            words = _encode(gap).decode()
        case _:
            assert_never(item)
    return (item.seq, kind, item.account, told_ms, *_NOT_AN_UPDATE, words, None, *facts, skipped)


def fill_keys(event: Event) -> list[tuple[str, int, int]]:
    """Return the identity of each fill of an event, its order included, as an account may trade with itself."""
    if isinstance(event, OrderTradeUpdate) and event.is_fill:
        return [(event.order.symbol, event.order.trade_id, event.order.order_id)]
    if isinstance(event, RecoveredFill):
        return [(event.symbol, event.trade_id, event.order_id)]
    return []


def fill_of(values: Row) -> tuple[str, int, int] | None:
    """The same from the columns of an update, where they are at hand."""
    return None if values[10] is None else (values[8], values[10], values[9])


def item_of(row: Row) -> Item:
    """
    The item of a row, equal to the one it was made of.

    Raises:
        Corrupt: The columns don't make one.
    """
    seq, kind, account, received_ms = row[:4]
    from_ms, to_ms, why, recovered, unrecoverable = row[13:18]
    try:
        match kind:
            case "update" if type(row[12]) is str and row[5] in PROVENANCES and row[6] in {0, 1}:
                raw = row[12].encode()
                return Update(seq, account, _event(row, raw), received_ms, raw, row[5], bool(row[6]))
            case "live" if from_ms is not None:
                return Live(seq, account, from_ms)
            case "gap_opened" if None not in {from_ms, why}:
                cause = _NO_CAUSE if row[11] is None else _decode_cause(row[11])
                return GapOpened(seq, account, from_ms, why, cause.cause)
            case "gap_closed" if None not in {from_ms, to_ms, recovered}:
                words = _NO_WORDS if row[11] is None else _decode_gap(row[11])
                lost = _decode_texts(unrecoverable)
                return GapClosed(
                    seq, account, from_ms, to_ms, recovered, lost,
                    words.recovered_fills, words.recovered_orders, words.fills_complete, frozenset(words.lost),
                )  # fmt: skip
    except (UsageError, msgspec.DecodeError, AttributeError, TypeError, UnicodeEncodeError) as error:
        raise Corrupt(f"item {seq} can't be read: {type(error).__name__}") from None
    raise Corrupt(f"item {seq} is of no known kind, or lacks what its kind has")


def _event(row: Row, raw: bytes) -> Event:
    type_, provenance, event_ms, words = row[4], row[5], row[7], row[11]
    if provenance != "rest" or words is None:
        event = read_payload(raw)
        if not isinstance(event, UnreadableFrame):
            return event
    return event_of(type_, event_ms, _decode_words(words), raw)
