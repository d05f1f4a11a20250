"""A stream on the same journal: numbers go on, the time between is a gap, fills come once, a consumer misses nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from listenkey import (
    AsyncUserDataStreamsApi,
    GapClosed,
    GapOpened,
    Item,
    ListenKeyExpired,
    Live,
    OrderTradeUpdate,
    Update,
    UserStream,
)
from listenkey.core.gaps import NOT_RUNNING
from listenkey.core.timing import Timing
from listenkey.errors import Fenced, UsageError
from listenkey.journal.sqlite.reader import JournalReader
from listenkey.journal.sqlite.verify import verify_journal
from listenkey.outcomes import GapCause
from listenkey.testing import LocalSandbox
from listenkey.transport.clock import SystemClock
from tests.unit.journal.making import BadDisk


def stream(sandbox: LocalSandbox, path: Path, **options: object) -> UserStream:
    settings: dict[str, object] = {"api_key": sandbox.api_key, "venue": sandbox.venue, "journal": path} | options
    return UserStream(**settings)  # type: ignore[arg-type]


async def until(stream: UserStream, what: Callable[[list[Item]], bool]) -> list[Item]:
    items: list[Item] = []
    async with asyncio.timeout(20):
        while not what(items):
            items.append(await anext(stream))
    return items


def fills(items: list[Item]) -> list[tuple[str, int, int]]:
    events = [item.event for item in items if isinstance(item, Update)]
    return [
        (one.symbol, one.trade_id, one.order_id) for one in events if isinstance(one, OrderTradeUpdate) and one.is_fill
    ]


def live(items: list[Item]) -> bool:
    return bool(items) and isinstance(items[-1], Live)


async def test_numbers_go_on_and_the_time_between_is_told_as_a_gap(
    binance_options_sandbox: LocalSandbox, tmp_path: Path
) -> None:
    path = tmp_path / "a.db"
    async with stream(binance_options_sandbox, path) as first:
        before = await until(first, live)
        await asyncio.to_thread(binance_options_sandbox.burst, 5)
        before += await until(first, lambda items: len(fills(items)) == 5)
    await asyncio.to_thread(binance_options_sandbox.burst, 3)  # nobody hears it
    async with stream(binance_options_sandbox, path) as second:
        after = await until(second, live)
        assert second.health().gaps == 1
        await asyncio.to_thread(binance_options_sandbox.burst, 2)
        after += await until(second, lambda items: len(fills(items)) == 2)
    opened, closed = [item for item in after if isinstance(item, GapOpened | GapClosed)]
    assert isinstance(opened, GapOpened)
    assert isinstance(closed, GapClosed)
    assert (opened.why, opened.cause) == (NOT_RUNNING.text, GapCause.NOT_RUNNING)
    first_live = next(item for item in before if isinstance(item, Live))
    # Both are whole milliseconds of one moment where nothing happened in between, made in two ways.
    assert first_live.since_ms - 1 <= opened.from_ms == closed.from_ms <= closed.to_ms
    reader = JournalReader(path)
    everything = reader.read(0)
    reader.close()
    assert [item.seq for item in everything] == list(range(1, len(everything) + 1))
    truth = binance_options_sandbox.fills()
    assert fills(everything) == truth[:5] + truth[8:]
    assert verify_journal(path).whole


async def test_a_key_that_died_before_the_process_did_is_in_the_gap_of_the_next(
    binance_options_sandbox: LocalSandbox, tmp_path: Path
) -> None:
    sandbox = binance_options_sandbox
    async with stream(sandbox, tmp_path / "a.db", timing=Timing(ping_after_s=0.1)) as first:
        await until(first, live)
        await asyncio.to_thread(sandbox.burst, 1)
        await until(first, lambda items: len(fills(items)) == 1)
        sandbox.fault("expire_key_silently")
        died_ms = SystemClock().wall_ms()
        await asyncio.to_thread(sandbox.burst, 3)  # on no socket
        # It answers pings, more than a second long: that is what would be written down.
        while (first.health().last_heard_s or 0.0) > 0.05 or SystemClock().wall_ms() < died_ms + 1500:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        assert first.health().fills == 1
    async with stream(sandbox, tmp_path / "a.db") as second:
        opened = next(item for item in await until(second, live) if isinstance(item, GapOpened))
    assert opened.from_ms <= died_ms


async def test_a_consumer_that_ends_anywhere_gets_the_rest(
    binance_options_sandbox: LocalSandbox, tmp_path: Path
) -> None:
    path = tmp_path / "a.db"
    async with stream(binance_options_sandbox, path, consumer="book") as first:
        await until(first, live)
        await asyncio.to_thread(binance_options_sandbox.burst, 20)
        done = await until(first, lambda items: len(fills(items)) == 7)
        await first.commit(done[-1].seq)
        await until(first, lambda items: len(fills(items)) == 2)  # read, and not done with
        async with asyncio.timeout(10):
            while first.health().fills < 20:  # noqa: ASYNC110 - what the journal holds is what counts here
                await asyncio.sleep(0.005)
    async with stream(binance_options_sandbox, path, consumer="book") as second:
        rest = await until(second, live)
    assert [item.seq for item in rest] == list(range(done[-1].seq + 1, rest[-1].seq + 1))
    assert fills(done) + fills(rest) == binance_options_sandbox.fills()


async def test_a_second_stream_on_the_journal_is_refused_and_the_first_goes_on(
    binance_options_sandbox: LocalSandbox, tmp_path: Path
) -> None:
    async with stream(binance_options_sandbox, tmp_path / "a.db") as first:
        await until(first, live)
        with pytest.raises(Fenced):
            await stream(binance_options_sandbox, tmp_path / "a.db").__aenter__()
        await asyncio.to_thread(binance_options_sandbox.burst, 1)
        await until(first, lambda items: len(fills(items)) == 1)


async def test_a_journal_of_another_account_is_refused(binance_options_sandbox: LocalSandbox, tmp_path: Path) -> None:
    async with stream(binance_options_sandbox, tmp_path / "a.db", account="one"):
        pass
    with pytest.raises(UsageError, match="belongs to the account 'one'"):
        await stream(binance_options_sandbox, tmp_path / "a.db", account="other").__aenter__()


async def test_a_new_api_key_of_the_account_goes_on_with_its_journal(
    binance_options_sandbox: LocalSandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A journal belongs to an account, whose key is replaced now and then: here its name for it comes from the old key."""
    path = tmp_path / "a.db"
    async with stream(binance_options_sandbox, path, account="0123abcd") as made:
        await until(made, live)
    async with stream(binance_options_sandbox, path) as made:
        assert made.account == "0123abcd"
        await until(made, live)
        await asyncio.to_thread(binance_options_sandbox.burst, 1)
        items = await until(made, lambda items: len(fills(items)) == 1)
        assert {item.account for item in items} == {"0123abcd"}
    assert "begun with another API key" in caplog.text
    async with stream(binance_options_sandbox, path, account="0123abcd") as made:
        assert made.account == "0123abcd"
    with pytest.raises(UsageError, match=r"leave the account out, or name '0123abcd' \(--account\)"):
        await stream(binance_options_sandbox, path, account="other").__aenter__()


async def test_a_stream_whose_journal_cant_be_written_says_so(
    binance_options_sandbox: LocalSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = BadDisk(monkeypatch, "SQLITE_FULL")
    async with stream(binance_options_sandbox, tmp_path / "a.db") as made:
        await until(made, live)
        assert made.health().status == "LIVE"
        disk.dead = True
        await asyncio.to_thread(binance_options_sandbox.burst, 1)
        async with asyncio.timeout(10):
            while made.health().status != "DEGRADED":  # noqa: ASYNC110 - a state, not an item
                await asyncio.sleep(0.005)
        assert "disk is full" in made.health().why
        disk.dead = False
        await until(made, lambda items: len(fills(items)) == 1)
        assert made.health().journal_problem is None


def test_the_blocking_twin_commits_too(binance_options_sandbox: LocalSandbox, tmp_path: Path) -> None:
    settings = {"api_key": binance_options_sandbox.api_key, "venue": binance_options_sandbox.venue}
    last = 0
    for _ in range(2):
        twin = UserStream.blocking(**settings, journal=tmp_path / "a.db", consumer="book")  # type: ignore[arg-type]
        with twin as made:
            item = next(made)
            assert item.seq == last + 1
            made.commit(item.seq)
            last = item.seq
    with pytest.raises(UsageError, match="closed"):
        made.commit(1)


async def test_the_file_holds_no_key(binance_options_sandbox: LocalSandbox, tmp_path: Path) -> None:
    sandbox, secrets = binance_options_sandbox, []
    api = AsyncUserDataStreamsApi(api_key=sandbox.api_key, base_url=sandbox.rest_url)
    async with api, stream(sandbox, tmp_path / "a.db", api_secret=sandbox.api_secret) as made:
        await until(made, live)
        secrets.append((await api.options_create_listen_key_v1()).listen_key)  # answers the one in use
        sandbox.fault("expire_key")
        told = await until(made, lambda items: any(isinstance(item, GapClosed) for item in items))
        assert any(isinstance(item, Update) and isinstance(item.event, ListenKeyExpired) for item in told)
        secrets.append((await api.options_create_listen_key_v1()).listen_key)
        await asyncio.to_thread(sandbox.burst, 1)
        await until(made, lambda items: len(fills(items)) == 1)
    assert len(set(secrets)) == 2
    held = b"".join(await asyncio.to_thread(lambda: [one.read_bytes() for one in tmp_path.iterdir()]))
    for secret in (sandbox.api_key, sandbox.api_secret, *secrets):
        assert secret.encode() not in held
