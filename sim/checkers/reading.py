"""Answer questions of several checkers: gaps as spans, keys' ends, what the network allowed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeAlias

from listenkey.items import GapClosed, GapOpened, Item, Live, Update
from listenkey.outcomes import Loss
from sim.client.records import Stream
from sim.faults.co_tenants import POISONED_EVERY_S
from sim.faults.model import Fault
from sim.world.evidence import Evidence

MINUTE_US: Final = 60_000_000
KEY_LIFE_US: Final = 62 * MINUTE_US
AUDIT_US: Final = 80_000_000
"""The time until the bill is read again, on a connection that seems well: 66 s, and the request's time."""

SPOILING: Final = "wrong_shape"
"""The fault that spoils words of REST."""

LACKING: Final = "generation"
"""A fault whose messages lack words of a fill: those of before 2026 have no asset of the fee and no realised profit."""

REFUSED: Final = frozenset({Loss.ORDERS, Loss.FILLS_REFUSED})
"""The losses of a gap for which REST refused a contract's lists: its orders, or its fills, which are steps as well."""

RAWS_REMEMBERED: Final = 16_384
"""Messages whose fills are remembered: every stream of an account was told the same, and many checkers ask."""

FOREVER_MS: Final = 1 << 62
FORGETS: Final = frozenset({"retention"})

SLOWING_MS: Final = {"surge": 3000, "loss": 6200, "narrow": 90_000, "pieces": 600, "latency": 3000}
"""The extra time a frame may travel; through a narrow way, as long as an earlier burst needs."""

NARROW_MS_A_FILL: Final = 1500
"""The time that each fill of a burst needs for its events to pass a narrow way."""

BURSTS: Final = frozenset({"burst", "poison"})
SLOWING: Final = frozenset(SLOWING_MS)
HOLDS: Final = frozenset({"delay", "reorder", "no_positions"})


@dataclass(frozen=True, slots=True)
class Span:
    """One gap: what was told of it, and when; and what of it is lost for good, when it was closed."""

    from_ms: int
    to_ms: int
    opened_us: int
    closed_us: int
    texts: tuple[str, ...] = ()
    lost: frozenset[Loss] = frozenset()
    fills_complete: bool = False


def spans(stream: Stream) -> list[Span]:
    """The gaps told, the last one perhaps still open."""
    found: list[Span] = []
    opened: tuple[int, int] | None = None
    for told in stream.told:
        if isinstance(told.item, GapOpened):
            opened = (told.item.from_ms, opened[1] if opened else told.at_us)
        elif isinstance(told.item, GapClosed) and opened is not None:
            item = told.item
            found.append(
                Span(
                    item.from_ms,
                    item.to_ms,
                    opened[1],
                    told.at_us,
                    item.unrecoverable,
                    item.lost,
                    item.fills_complete,
                )
            )
            opened = None
    if opened is not None:
        found.append(Span(opened[0], FOREVER_MS, opened[1], 1 << 62))
    return found


FillKey: TypeAlias = tuple[str, int, int]
"""Symbol, trade id, order id."""


class ToldFill(NamedTuple):
    """A fill as it was told, read from its own JSON without the client's help."""

    at_us: int
    item: Update
    key: FillKey
    words: dict[str, Any]
    """The ledger's words, as far as the source has them."""


STREAM_WORDS: Final = {
    "order_id": "i", "side": "S", "quantity": "l", "price": "L", "commission": "n", "commission_asset": "N",
    "realized_profit": "rp", "maker": "m", "time_ms": "T", "filled_quantity": "z",
}  # fmt: skip
ROLES: Final = {"MAKER": True, "TAKER": False}
REST_WORDS: Final = {
    "order_id": "orderId", "side": "side", "quantity": "quantity", "price": "price", "commission": "fee",
    "realized_profit": "realizedProfit", "time_ms": "time",
}  # fmt: skip
"""The ledger's word, and the letter or word of the stream's message and of the REST row."""


def told_fills(stream: Stream) -> Iterator[ToldFill]:
    """Every fill told."""
    for at_us, item in stream.told:
        if isinstance(item, Update):
            for key, words in fills_of(item.raw):
                yield ToldFill(at_us, item, key, words)


@lru_cache(maxsize=RAWS_REMEMBERED)
def fills_of(raw: bytes) -> tuple[tuple[FillKey, dict[str, Any]], ...]:
    """The fills in an item's JSON."""
    return tuple(_fills_in(raw))


def _fills_in(raw: bytes) -> Iterator[tuple[FillKey, dict[str, Any]]]:
    if b'"TRADE"' in raw:
        order = json.loads(raw)["o"]
        if isinstance(order, dict) and order["x"] == "TRADE":
            words = {word: order.get(letter) for word, letter in STREAM_WORDS.items()}
            # An id of a message from before 2026 is a text.
            yield (order["s"], int(order["t"]), int(order["i"])), words | {"order_id": int(order["i"])}
    elif b'"tradeId"' in raw:
        row = json.loads(raw)
        words = {word: row.get(name) for word, name in REST_WORDS.items()} | {
            "maker": ROLES.get(str(row.get("liquidity")))
        }
        yield (row["symbol"], row["tradeId"], row["orderId"]), words


def is_same_word(evidence: Evidence, told: Any, truth: Any) -> bool:
    """
    Return True where a reported value is the ledger's.

    To the digit; but where the venue leaves out what does not apply, nothing is said of a zero, and an amount may be
    spelt with an exponent. What REST spoils is of another kind, and nothing is said of it.
    """
    if told == truth or (SPOILING in evidence.counts and not isinstance(told, type(truth))):
        return True
    if told is None or told == "":
        return LACKING in evidence.counts or not isinstance(truth, str) or not truth.strip("-0.") or truth.isalpha()
    if not evidence.options.spells_otherwise or not isinstance(told, str) or not isinstance(truth, str):
        return False
    return not truth.isalpha() and Decimal(told) == Decimal(truth)


def key_ends_us(evidence: Evidence, account: str) -> list[int]:
    """Return when keys of the account ended, for whatever reason."""
    ends = ("expired", "closed", "expired_silently")
    return [evidence.us_of(row["time_ms"]) for row in evidence.ledgers[account]["keys"] if row["what"] in ends]


def latency_ms(evidence: Evidence, process: int, at_us: int) -> float:
    """The longest that a frame made at this time may have travelled."""
    options = evidence.options
    most_ms = 2 * options.latency_ms + options.jitter_ms + 5
    for fault in evidence.of_client(process, SLOWING):
        slower_ms, after_ms = SLOWING_MS[fault.kind], 0
        if fault.kind == "narrow":
            slower_ms += sum(NARROW_MS_A_FILL * _put_in(each) for each in evidence.of_client(process, BURSTS))
            after_ms = slower_ms  # until what waits has passed
        if fault.at_s * 1e6 - 10e6 <= at_us <= fault.until_s * 1e6 + 10e6 + after_ms * 1e3:
            most_ms += slower_ms
    return most_ms


def _put_in(fault: Fault) -> int:
    """Return the number of fills that a fault makes."""
    fills: int = fault.param("fills")
    return fills if fault.kind == "burst" else fills * (1 + int(fault.for_s / POISONED_EVERY_S))


def held_ms(evidence: Evidence, process: int, at_us: int) -> float:
    """Return how long the venue itself may have held back an event made at this time."""
    most_ms = 0.0
    for fault in evidence.of_client(process, HOLDS):
        if fault.at_s * 1e6 - 1e6 <= at_us <= fault.until_s * 1e6 + 1e6:
            most_ms = max(most_ms, _holds_ms(fault) + 1000)
    return most_ms


def _holds_ms(fault: Fault) -> float:
    held: float = (fault.param("late_ms") or 0) if fault.kind == "no_positions" else fault.param("ms", 1000)
    return held


def frozen_us(evidence: Evidence, process: int, from_us: int, to_us: int) -> int:
    """Return how much of this time the process did not run."""
    stalls = evidence.clients[process].stalls_us
    return sum(max(0, min(to_us, end_us) - max(from_us, start_us)) for start_us, end_us in stalls)


def forgotten_us(stream: Stream, key: FillKey, at_us: int, bound_us: int, told_us: int) -> int:
    """
    Return when the journal lost this fill, or the gap it was missing in, if before `told_us`; 0 where it lost neither.

    Only from then on can it be missed: until then, it was in the journal, or in a gap that was.
    """
    return max(
        (
            loss.at_us
            for loss in stream.losses
            if at_us < loss.at_us <= told_us
            and (at_us + bound_us > loss.since_us or any(key in _keys(told.item) for told in loss.told))
        ),
        default=0,
    )


def had_live(stream: Stream, at_us: int) -> int | None:
    """Return when a journal lost the item that its stream had been live; None where none has."""
    lost = (
        loss.at_us
        for loss in stream.losses
        if loss.at_us <= at_us and any(isinstance(told.item, Live) for told in loss.told)
    )
    return min(lost, default=None)


def _keys(item: Item) -> list[FillKey]:
    return [key for key, _ in fills_of(item.raw)] if isinstance(item, Update) else []


def offsets_ms(evidence: Evidence, process: int, from_us: int, to_us: int) -> set[int]:
    """Return by how much the wall clock was ahead at each moment of this time."""
    steps = evidence.clients[process].wall_offsets
    if len(steps) == 1:
        return {steps[0][1]}
    ends = [since_us for since_us, _ in steps[1:]] + [1 << 62]
    return {
        offset_ms
        for (since_us, offset_ms), end_us in zip(steps, ends, strict=True)
        if since_us <= to_us and end_us >= from_us
    }
