"""Test that a read's frames taken together give the same as one by one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from math import inf
from typing import Any
from unittest import mock

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from listenkey import UserStream
from listenkey.core import loss_detector as detection
from listenkey.credentials import Credentials
from listenkey.events import BalancePositionUpdate, Event, GreekUpdate, Position, RiskLevelChange
from listenkey.items import Item
from listenkey.stream.recovery import Recovery
from listenkey.transport.runtime import Runtime
from tests.unit.core.making import OTHER, SYMBOL, beat, order

THIRD = "SOL-261225-200-C"
SYMBOLS = st.sampled_from([SYMBOL, SYMBOL, OTHER, THIRD])
TIMES_MS = st.integers(1000, 1012) | st.integers(5900, 6100) | st.integers(900, 9000)
AMOUNTS = st.sampled_from(["0", "1", "1", "1.0", "2", "3", "-1", "no amount"])


@st.composite
def orders(draw: st.DrawFn) -> Event:
    """Of few orders and symbols; most are the next that is to be expected, none is sure to be."""
    trade_id = draw(st.integers(0, 12))
    status = draw(st.sampled_from(["NEW", "PARTIALLY_FILLED", "PARTIALLY_FILLED", "FILLED", "CANCELED"]))
    return order(
        draw(st.integers(1, 6)),
        status,
        draw(AMOUNTS),
        draw(TIMES_MS),
        trade_id=trade_id,
        symbol=draw(SYMBOLS),
        side=draw(st.sampled_from(["BUY", "SELL"])),
        last_quantity_text=draw(AMOUNTS),
    )


@st.composite
def positions(draw: st.DrawFn) -> Event:
    held = tuple(Position(symbol, draw(AMOUNTS), "0", "0") for symbol in draw(st.lists(SYMBOLS, max_size=2)))
    at_ms = draw(TIMES_MS)
    return BalancePositionUpdate(at_ms, at_ms, draw(st.sampled_from(["ORDER", "ORDER", "TRANSFER"])), (), held)


class Traded:
    """An account that really trades: what it is told adds up, but for what is taken out."""

    def __init__(self) -> None:
        self.held = {SYMBOL: 0, OTHER: 5, THIRD: -2}
        self.filled: dict[tuple[str, int], int] = {}  # order ids count by contract
        self.trade_id = 100
        self.at_ms = 6000

    def events(self, symbol: str, order_id: int, buys: bool, ends: bool) -> Iterator[Event]:
        self.trade_id += 1
        self.at_ms += order_id % 3
        self.filled[symbol, order_id] = filled = self.filled.get((symbol, order_id), 0) + 1
        self.held[symbol] += 1 if buys else -1
        status = "FILLED" if ends else "PARTIALLY_FILLED"
        words = {"symbol": symbol, "side": "BUY" if buys else "SELL", "trade_id": self.trade_id}
        yield order(order_id, status, str(filled), self.at_ms, **words)
        held = Position(symbol, str(self.held[symbol]), "0", "0")
        yield BalancePositionUpdate(self.at_ms, self.at_ms, "ORDER", (), (held,))
        yield beat(self.at_ms)


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """A quiet account with some losses and changes of places, and some of anything in between."""
    account = Traded()
    steps = st.tuples(SYMBOLS, st.integers(1, 3), st.booleans(), st.booleans())
    anything = st.one_of(
        orders(), positions(), st.builds(beat, TIMES_MS), st.builds(GreekUpdate, TIMES_MS, TIMES_MS, st.just(())),
        st.builds(lambda at_ms: RiskLevelChange(at_ms, "NORMAL", "0", "0"), TIMES_MS),
    )  # fmt: skip
    worst = draw(
        st.integers(0, 2)
    )  # 0: words of positions are missing, which breaks nothing; 1: anything may be; 2: odd
    out: list[Event] = []
    for step, lost, odd in draw(st.lists(st.tuples(steps, st.integers(0, 9), anything), min_size=8)):
        events = list(account.events(*step))
        if lost < 4:
            del events[1]
        elif worst and lost == 4:
            del events[0]
        elif worst and lost == 5:
            events.reverse()
        out += [*events, odd] if worst == 2 and lost > 6 else events
    return out


class Now:
    """A clock that stands."""

    def __init__(self) -> None:
        self.at_s = 100.0

    def now_s(self) -> float:
        return self.at_s

    def boot(self) -> str:
        return ""

    def wall_ms(self) -> int:
        return round(self.at_s * 1000)


class Side:
    """A stream with a secret, without sockets and without REST."""

    def __init__(self, clock: Now) -> None:
        with mock.patch.object(UserStream, "_runtime", Runtime(clock)):
            self.stream = UserStream(api_key="key", api_secret="secret", account="a3f1")
        delivery = self.delivery = self.stream._driver.delivery
        delivery.deduplicator.follow(1)
        credentials, fills = Credentials.of("key", "secret", None), delivery.deduplicator.fills
        timing = delivery.life.timing
        self.recovery = Recovery(credentials, self.stream.venue, clock, timing, fills, self.set_timer)
        delivery.recovers_with(self.recovery)
        self.recovery.losses.detector.beat.begin(clock.now_s())
        self.told: list[Any] = []
        self.timer_s = inf

    def set_timer(self) -> None:
        self.timer_s = self.recovery.losses.due_at_s()

    @property
    def wakes_in_time(self) -> bool:
        due_s = self.recovery.losses.detector.due_at_s()
        return due_s is None or self.timer_s <= due_s

    def items(self) -> list[Item]:
        return self.stream.take_ready(10_000)

    def look(self, *, mends: bool) -> None:
        self.told += self.recovery.losses.doubts()
        if mends:
            self.recovery.losses.detector.recovered()

    def state(self) -> dict[str, Any]:
        known, detector, health = self.recovery.account_state, self.recovery.losses.detector, self.stream.health()
        facts: dict[str, Any] = {f"known{name}": value for name, value in vars(known).items() if name != "fills"}
        facts["knownrecords"] = vars(known.records)
        facts |= {f"watch{name}": value for name, value in vars(detector).items()}
        facts |= {
            "ended": {
                (symbol, number)
                for symbol in (SYMBOL, OTHER, THIRD)
                for number in range(40)
                if known.has_ended((symbol, number))
            },
            "told": self.told,
        }
        facts |= {"deadlines": self.recovery.losses.due_at_s(), "fills": known.fills.times(0, 10**9)}
        return facts | {"health": (health.events, health.fills, health.duplicates_removed, health.last_event_ms)}


CUTS = st.lists(st.tuples(st.integers(1, 12), st.sampled_from([0.0, 0.4, 1.5]), st.booleans()), min_size=1)


@given(histories(), CUTS, st.sampled_from([1, 2, 4096]), st.sampled_from([2, 4096]))
def test_a_batch_is_the_same_as_its_events_one_by_one(
    events: list[Event], cuts: list[tuple[int, float, bool]], fills_max: int, symbols_max: int
) -> None:
    clock = Now()

    async def play() -> None:
        one_by_one, together = Side(clock), Side(clock)
        raws = [msgspec.json.encode(event) for event in events]
        at = 0
        while at < len(events):
            for count, passed_s, mends in cuts:
                part = slice(at, at + count)
                for event, raw in zip(events[part], raws[part], strict=True):
                    one_by_one.delivery.events_came(1, [event], [raw])
                if at < len(events):
                    together.delivery.events_came(1, events[part], raws[part])
                assert one_by_one.items() == together.items()
                assert one_by_one.state() == together.state()
                assert together.wakes_in_time
                at += count
                clock.at_s += passed_s
                for side in (one_by_one, together):
                    side.look(mends=mends)
                    side.set_timer()
        for side in (one_by_one, together):
            await side.recovery.aclose()

    with mock.patch.multiple(detection, FILLS_MAX=fills_max, POSITIONS_MAX=symbols_max):
        asyncio.run(play())
