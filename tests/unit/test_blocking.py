"""The blocking twin gives what the stream gives."""

from __future__ import annotations

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
