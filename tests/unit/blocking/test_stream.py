"""The blocking twin gives what the stream gives."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from listenkey import BlockingUserStream, Live, OrderTradeUpdate, Update, UserStream
from listenkey.blocking import portal
from listenkey.blocking.portal import Portal
from listenkey.errors import Refused, UsageError
from listenkey.items import Item
from listenkey.stream.options import StreamOptions
from listenkey.testing import LocalSandbox


def test_the_same_items_in_the_same_order(binance_options_sandbox: LocalSandbox) -> None:
    sandbox = binance_options_sandbox
    fills: list[tuple[str, int, int]] = []
    with UserStream.blocking(api_key=sandbox.api_key, venue=sandbox.venue) as stream:
        first = next(stream)
        assert isinstance(first, Live)
        sandbox.burst(300)
        for number, item in enumerate(stream, start=2):
            assert item.seq == number
            if isinstance(item, Update) and isinstance(item.event, OrderTradeUpdate) and item.event.is_fill:
                fills.append((item.event.symbol, item.event.trade_id, item.event.order_id))
                if len(fills) == 300:
                    break
        assert stream.health().status == "LIVE"
    assert fills == sandbox.fills()
    assert stream.health().status == "ENDED"


def test_an_interrupt_loses_no_item(binance_options_sandbox: LocalSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    with UserStream.blocking(api_key=binance_options_sandbox.api_key, venue=binance_options_sandbox.venue) as stream:
        call = stream._portal.call

        def interrupted(*args: Any) -> None:
            call(*args)
            raise KeyboardInterrupt  # between the taking of the items and their coming back

        with monkeypatch.context() as patch:
            patch.setattr(stream._portal, "call", interrupted)
            with pytest.raises(KeyboardInterrupt):
                next(stream)
        assert next(stream).seq == 1


def test_what_waits_when_it_is_closed_can_still_be_read(binance_options_sandbox: LocalSandbox) -> None:
    with UserStream.blocking(api_key=binance_options_sandbox.api_key, venue=binance_options_sandbox.venue) as stream:
        first = next(stream)
        binance_options_sandbox.burst(3)
        while stream.health().fills < 3:
            pass
    assert [item.seq for item in stream] == list(range(first.seq + 1, stream.health().events + 2))


def test_threads_take_turns_and_all_end_when_it_is_closed(binance_options_sandbox: LocalSandbox) -> None:
    sandbox = binance_options_sandbox
    seqs: list[int] = []
    enough = threading.Event()

    def read() -> None:
        for item in stream:
            seqs.append(item.seq)
            if isinstance(item, Update) and len(seqs) > 200:
                enough.set()

    with UserStream.blocking(api_key=sandbox.api_key, venue=sandbox.venue) as stream:
        seqs.append(next(stream).seq)  # live: what is made from here on comes
        threads = [threading.Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        sandbox.burst(200)
        assert enough.wait(20)
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads)
    assert sorted(seqs) == list(range(1, len(seqs) + 1))


def test_an_error_is_raised_in_the_callers_thread(binance_options_sandbox: LocalSandbox) -> None:
    with (
        UserStream.blocking(api_key="x" * 64, venue=binance_options_sandbox.venue) as stream,
        pytest.raises(Refused),
    ):
        next(stream)


def test_it_must_be_opened_first() -> None:
    with pytest.raises(UsageError, match="open the stream first"):
        next(UserStream.blocking(api_key="k"))


def test_next_waits_no_longer_than_told_and_loses_nothing(binance_options_sandbox: LocalSandbox) -> None:
    with UserStream.blocking(api_key=binance_options_sandbox.api_key, venue=binance_options_sandbox.venue) as stream:
        assert isinstance(stream.next(timeout=10.0), Live)
        for timeout in (0.0, 0.01):
            with pytest.raises(TimeoutError, match="no item came within"):
                stream.next(timeout=timeout)
        binance_options_sandbox.burst(1)
        assert stream.next(timeout=10.0).seq == 2
        fill = stream.wait_for(is_fill, timeout=10.0)
        assert isinstance(fill, Update)
        with pytest.raises(TimeoutError):
            stream.wait_for(is_fill, timeout=0.05)
    with pytest.raises(StopIteration):
        stream.wait_for(is_fill)


def is_fill(item: Item) -> bool:
    return isinstance(item, Update) and isinstance(item.event, OrderTradeUpdate) and item.event.is_fill


def test_a_function_gets_every_item_and_batches_are_taken(binance_options_sandbox: LocalSandbox) -> None:
    class Enough(Exception):
        pass

    called: list[Item] = []

    def call(item: Item) -> None:
        called.append(item)
        if sum(map(is_fill, called)) == 100:
            raise Enough

    with UserStream.blocking(api_key=binance_options_sandbox.api_key, venue=binance_options_sandbox.venue) as stream:
        called.append(next(stream))
        binance_options_sandbox.burst(200)
        with pytest.raises(Enough):
            stream.run(call)
        while sum(map(is_fill, called)) < 200:
            called += stream.take_ready(7)
    assert [item.seq for item in called] == list(range(1, len(called) + 1))
    stream.run(call)  # what is left, and then it is closed


def test_items_that_wait_for_the_caller_are_not_committed(
    binance_options_sandbox: LocalSandbox, tmp_path: Path
) -> None:
    options: StreamOptions = {
        "api_key": binance_options_sandbox.api_key,
        "venue": binance_options_sandbox.venue,
        "journal": tmp_path / "fills.db",
        "consumer": "book",
        "auto_commit": True,
    }
    with UserStream.blocking(**options) as stream:
        assert isinstance(next(stream), Live)
        binance_options_sandbox.burst(20)
        seen = stream.next(timeout=10.0).seq
        for _ in range(3):
            seen = max([seen, *(item.seq for item in stream.take_ready(2))])
    with UserStream.blocking(**options) as stream:
        assert next(stream).seq <= seen + 1


@pytest.mark.parametrize("moment", ["before", "after"])
def test_an_interrupt_while_it_opens_leaves_nothing(
    binance_options_sandbox: LocalSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    users = portal_users()
    made = blocking(binance_options_sandbox, tmp_path)
    call = made._portal.call

    def interrupted(work: Any) -> None:
        if moment == "after":
            call(work)
        raise KeyboardInterrupt

    monkeypatch.setattr(made._portal, "call", interrupted)
    with pytest.raises(KeyboardInterrupt):
        made.__enter__()
    assert portal_users() == users
    with blocking(binance_options_sandbox, tmp_path) as again:
        assert again.health().journal_problem is None


def test_an_interrupt_while_it_closes_is_raised_when_it_is_closed(
    binance_options_sandbox: LocalSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = portal_users()
    made = blocking(binance_options_sandbox, tmp_path).__enter__()
    assert isinstance(next(made), Live)
    real = Portal.close

    def interrupted(closed: Portal, last: Any) -> None:
        async def and_interrupt() -> None:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)  # it waits, or is about to
            await last()

        real(closed, and_interrupt)

    monkeypatch.setattr(Portal, "close", interrupted)
    with pytest.raises(KeyboardInterrupt):
        made.close()
    monkeypatch.undo()
    made.close()  # it waits for the first, if that was left early
    assert portal_users() == users
    with blocking(binance_options_sandbox, tmp_path) as again:
        assert again.health().journal_problem is None


def portal_users() -> int:
    runner = portal._state.runner
    return 0 if runner is None else runner.users


def blocking(sandbox: LocalSandbox, folder: Path) -> BlockingUserStream:
    return UserStream.blocking(api_key=sandbox.api_key, venue=sandbox.venue, journal=folder / "fills.db")


def test_a_call_that_comes_when_it_was_just_closed_leaves_no_loop(
    binance_options_sandbox: LocalSandbox, tmp_path: Path
) -> None:
    users = portal_users()
    made = blocking(binance_options_sandbox, tmp_path)
    with made:
        next(made)
    made._open = True  # as another thread saw it a moment ago
    assert made.health().status == "ENDED"
    assert portal_users() == users


def test_a_stream_that_is_dropped_is_closed_and_named(binance_options_sandbox: LocalSandbox, tmp_path: Path) -> None:
    users = portal_users()
    kept = [blocking(binance_options_sandbox, tmp_path).__enter__()]
    assert isinstance(next(kept[0]), Live)
    with pytest.warns(ResourceWarning, match="dropped and never closed: use `with`"):
        kept.clear()
    deadline_s = time.monotonic() + 5
    while portal_users() > users and time.monotonic() < deadline_s:
        time.sleep(0.001)  # it is closed by the loop, and nobody waits for that
    assert portal_users() == users
    with blocking(binance_options_sandbox, tmp_path) as again:
        assert again.health().journal_problem is None


async def test_it_works_where_a_loop_is_running_already(binance_options_sandbox: LocalSandbox) -> None:
    """As in a notebook."""
    with UserStream.blocking(api_key=binance_options_sandbox.api_key, venue=binance_options_sandbox.venue) as stream:
        assert isinstance(next(stream), Live)
