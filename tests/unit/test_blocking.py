"""The blocking twin gives what the stream gives."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from listenkey import Live, OrderTradeUpdate, Update, UserStream
from listenkey.errors import Refused, UsageError
from listenkey.testing import LocalSandbox


def test_the_same_items_in_the_same_order(binance_options_sandbox: LocalSandbox) -> None:
    sandbox = binance_options_sandbox
    fills: list[tuple[str, int]] = []
    with UserStream.blocking(api_key=sandbox.api_key, venue=sandbox.venue) as stream:
        first = next(stream)
        assert isinstance(first, Live)
        sandbox.burst(300)
        for number, item in enumerate(stream, start=2):
            assert item.seq == number
            if isinstance(item, Update) and isinstance(item.event, OrderTradeUpdate) and item.event.is_fill:
                fills.append((item.event.symbol, item.event.trade_id))
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


async def test_it_works_where_a_loop_is_running_already(binance_options_sandbox: LocalSandbox) -> None:
    """As in a notebook."""
    with UserStream.blocking(api_key=binance_options_sandbox.api_key, venue=binance_options_sandbox.venue) as stream:
        assert isinstance(next(stream), Live)
