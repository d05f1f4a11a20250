"""A wall clock that was wrong, or is now: nothing is lost outside a told gap, and nothing from before the first Live comes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from listenkey import GapClosed, GapOpened, Item, Live, OrderTradeUpdate, Update, UserStream
from listenkey.core.timing import Timing
from listenkey.events import RecoveredFill, RecoveredOrder
from listenkey.testing import LocalSandbox
from listenkey.transport.clock import SystemClock

HOUR_MS = 3_600_000
QUICK = Timing(settle_after_s=(0.2, 0.4), audit_every_s=1.0, lag_hold_s=0.5, lag_max_s=1.0, ping_after_s=0.1)
MARGIN_MS = 100
"""The most that two clocks may differ by that are compared over loopback."""


class Clocks:
    """This machine's clocks, as a test sets them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.offset_ms = 0
        self.boot = "one"
        monkeypatch.setattr(SystemClock, "wall_ms", lambda _: time.time_ns() // 1_000_000 + self.offset_ms)
        monkeypatch.setattr(SystemClock, "boot", lambda _: self.boot)


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    return Clocks(monkeypatch)


def stream(sandbox: LocalSandbox, path: Path, *, secret: bool = True) -> UserStream:
    return UserStream(
        api_key=sandbox.api_key,
        api_secret=sandbox.api_secret if secret else None,
        venue=sandbox.venue,
        journal=path,
        timing=QUICK,
    )


async def until(made: UserStream, what: Callable[[list[Item]], bool]) -> list[Item]:
    items: list[Item] = []
    async with asyncio.timeout(30):
        while not what(items):
            items.append(await anext(made))
    return items


async def settled(made: UserStream) -> list[Item]:
    """All that comes until the stream is whole and REST has nothing more to show."""
    items = await until(made, lambda items: bool(items) and isinstance(items[-1], Live))
    async with asyncio.timeout(30):
        while made.health().status != "LIVE":  # noqa: ASYNC110 - a state, not an item
            await asyncio.sleep(0.01)
    return items + made.take_ready(10_000)


def fills(items: list[Item]) -> list[tuple[str, int, int]]:
    events = [item.event for item in items if isinstance(item, Update)]
    return [
        (one.symbol, one.trade_id, one.order_id)
        for one in events
        if isinstance(one, OrderTradeUpdate | RecoveredFill) and one.is_fill
    ]


def spans(items: list[Item]) -> list[tuple[int, int]]:
    """The told gaps; one that turned out to have begun earlier is told twice."""
    opened = [item.from_ms for item in items if isinstance(item, GapOpened)]
    closed = [(item.from_ms, item.to_ms) for item in items if isinstance(item, GapClosed)]
    assert {from_ms for from_ms, _ in closed} <= set(opened)
    return closed


def trade_times(sandbox: LocalSandbox, skip: int) -> list[int]:
    return [fill["time_ms"] for fill in sandbox.ledger()["fills"][skip:]]


@pytest.mark.parametrize("boot", ["one", "another", ""])
@pytest.mark.parametrize("wrong_ms", [HOUR_MS, -HOUR_MS, 24 * HOUR_MS, -24 * HOUR_MS])
async def test_what_happened_while_the_process_was_down_comes_after_a_clock_was_set_right(
    binance_options_sandbox: LocalSandbox, tmp_path: Path, clocks: Clocks, wrong_ms: int, boot: str
) -> None:
    sandbox = binance_options_sandbox
    clocks.offset_ms = wrong_ms
    async with stream(sandbox, tmp_path / "a.db") as first:
        await settled(first)
        await asyncio.to_thread(sandbox.burst, 3)
        before = await until(first, lambda items: len(fills(items)) == 3)
    await asyncio.to_thread(sandbox.burst, 5)
    clocks.offset_ms, clocks.boot = 0, boot
    async with stream(sandbox, tmp_path / "a.db") as second:
        after = await settled(second)
    assert fills(before) + fills(after) == sandbox.fills()
    assert len(spans(after)) == 1
    ((from_ms, to_ms),) = spans(after)
    assert all(from_ms <= at_ms <= to_ms + MARGIN_MS for at_ms in trade_times(sandbox, 3))


@pytest.mark.parametrize("wrong_ms", [HOUR_MS, -HOUR_MS, 24 * HOUR_MS, -24 * HOUR_MS])
@pytest.mark.parametrize("boot", ["one", "another"])
async def test_what_happened_while_the_process_was_down_comes_where_the_clock_is_wrong_since(
    binance_options_sandbox: LocalSandbox, tmp_path: Path, clocks: Clocks, wrong_ms: int, boot: str
) -> None:
    sandbox = binance_options_sandbox
    async with stream(sandbox, tmp_path / "a.db") as first:
        await settled(first)
    await asyncio.to_thread(sandbox.burst, 5)
    clocks.offset_ms, clocks.boot = wrong_ms, boot
    async with stream(sandbox, tmp_path / "a.db") as second:
        after = await settled(second)
        await asyncio.to_thread(sandbox.burst, 2)
        after += await until(second, lambda items: len(fills(items)) == 2)
    assert fills(after) == sandbox.fills()
    assert spans(after)[0][0] <= trade_times(sandbox, 0)[0]


@pytest.mark.parametrize("boot", ["one", "another"])
@pytest.mark.parametrize("wrong_ms", [HOUR_MS, -HOUR_MS, 24 * HOUR_MS, -24 * HOUR_MS])
async def test_without_a_secret_the_gap_holds_what_was_missed(
    binance_options_sandbox: LocalSandbox, tmp_path: Path, clocks: Clocks, wrong_ms: int, boot: str
) -> None:
    sandbox = binance_options_sandbox
    clocks.offset_ms = wrong_ms
    async with stream(sandbox, tmp_path / "a.db", secret=False) as first:
        await until(first, lambda items: bool(items) and isinstance(items[-1], Live))
        await asyncio.to_thread(sandbox.burst, 3)
        await until(first, lambda items: len(fills(items)) == 3)
    await asyncio.to_thread(sandbox.burst, 5)
    clocks.offset_ms, clocks.boot = 0, boot
    async with stream(sandbox, tmp_path / "a.db", secret=False) as second:
        after = await until(second, lambda items: bool(items) and isinstance(items[-1], Live))
    ((from_ms, to_ms),) = spans(after)
    assert all(from_ms <= at_ms <= to_ms for at_ms in trade_times(sandbox, 3))


@pytest.mark.parametrize("boot", ["one", "another"])
@pytest.mark.parametrize("wrong_ms", [0, HOUR_MS, -HOUR_MS])
async def test_nothing_from_before_the_first_live_comes_in_a_later_process(
    binance_options_sandbox: LocalSandbox, tmp_path: Path, clocks: Clocks, wrong_ms: int, boot: str
) -> None:
    sandbox = binance_options_sandbox
    await asyncio.to_thread(sandbox.burst, 40)
    await asyncio.sleep(2 * MARGIN_MS / 1000)
    clocks.offset_ms = wrong_ms
    async with stream(sandbox, tmp_path / "a.db") as first:
        assert fills(await settled(first)) == []
    clocks.offset_ms, clocks.boot = 0, boot
    for _ in range(2):
        await asyncio.to_thread(sandbox.burst, 1)
        async with stream(sandbox, tmp_path / "a.db") as later:
            after = await settled(later)
        assert fills(after) == sandbox.fills()[-1:]
        steps = [item.event for item in after if isinstance(item, Update) and isinstance(item.event, RecoveredOrder)]
        assert all(one.updated_ms >= trade_times(sandbox, 40)[0] - MARGIN_MS for one in steps)
