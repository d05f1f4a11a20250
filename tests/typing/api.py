"""
The public API as a user types it. Never run: mypy and pyright read it in `make types`.

A change that breaks somebody's annotations breaks here first. `assert_type` states what an expression is; a comment
`type: ignore` states what must not be allowed, for mypy complains where one isn't needed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path
from typing import assert_never, assert_type

from listenkey import (
    AccountUpdate,
    AsyncUserDataStreamsApi,
    BalancePositionUpdate,
    GapClosed,
    GapOpened,
    GreekUpdate,
    Item,
    ListenKeyError,
    ListenKeyExpired,
    Live,
    OptionsCreateListenKeyV1Resp,
    OrderTradeUpdate,
    RiskLevelChange,
    Update,
    UserDataStreamsApi,
    UserStream,
    Venue,
)
from listenkey.errors import RateLimited, VenueError


def three_calls() -> None:
    with UserDataStreamsApi(api_key="key") as api:
        answer = api.options_create_listen_key_v1()
        assert_type(answer, OptionsCreateListenKeyV1Resp)
        assert_type(answer.listen_key, str)
        assert_type(answer.expiration, int | None)
        api.options_update_listen_key_v1()
        api.options_delete_listen_key_v1()
        assert_type(api.used_weight_1m, int | None)


def three_calls_elsewhere() -> None:
    api = UserDataStreamsApi(api_key="key", base_url="https://eapi.binance.com")
    api.close()
    UserDataStreamsApi()  # type: ignore[call-arg]
    UserDataStreamsApi(api_key=b"key")  # type: ignore[arg-type]


async def three_calls_awaited() -> None:
    async with AsyncUserDataStreamsApi(api_key="key", base_url="http://127.0.0.1:8700") as api:
        answer = await api.options_create_listen_key_v1()
        assert_type(answer, OptionsCreateListenKeyV1Resp)
        await api.options_update_listen_key_v1()
        await api.options_delete_listen_key_v1()


def errors() -> float:
    try:
        three_calls()
    except RateLimited as error:
        assert_type(error.retry_after_s, float | None)
        return error.retry_after_s or 60.0
    except VenueError as error:
        assert_type(error.http_status, int)
        assert_type(error.code, int | None)
    except ListenKeyError:
        pass
    return 0.0


async def stream() -> None:
    async with UserStream(api_key="key", api_secret="secret", venue="production") as stream:
        async for item in stream:
            assert_type(item, Item)
            told(item)


async def stream_elsewhere() -> None:
    UserStream(api_key="key")
    UserStream(api_key="key", private_key="-----BEGIN PRIVATE KEY-----", venue="testnet", journal="fills.db")
    UserStream(api_key="key", venue=Venue(rest_url="http://127.0.0.1:8700", ws_url="ws://127.0.0.1:8700"))
    UserStream("key")  # type: ignore[call-arg]
    UserStream(api_key="key", venue=5)  # type: ignore[arg-type]


async def stream_with_a_journal() -> None:
    stream = UserStream(api_key="key", journal=Path("fills.db"), consumer="book", auto_commit=True, keep_days=90.0)
    assert_type(await stream.commit(5), None)
    UserStream(api_key="key", journal="sqlite:///fills.db", after=5, keep_bytes=1_000_000)
    UserStream(api_key="key", journal=5)  # type: ignore[arg-type]
    with UserStream.blocking(api_key="key", journal="fills.db", consumer="book") as blocking:
        assert_type(blocking.commit(5), None)


async def iterator(stream: UserStream) -> AsyncIterator[Item]:
    async for item in stream:
        yield item


def blocking() -> Iterator[Item]:
    with UserStream.blocking(api_key="key") as stream:
        assert_type(stream.next(timeout=1.5), Item)
        assert_type(stream.wait_for(lambda item: isinstance(item, Live), timeout=1.5), Item)
        assert_type(stream.take_ready(5), list[Item])
        assert_type(stream.run(lambda item: None), None)
        yield from stream
    UserStream.blocking(api_key="key", venue=5)  # type: ignore[arg-type]
    UserStream.blocking()  # type: ignore[call-arg]


def told(item: Item) -> str:
    """Matching on the class is exhaustive: a type checker sees that nothing is left."""
    match item:
        case Update(event=OrderTradeUpdate() as order):
            return fill(order)
        case Update(event=AccountUpdate() | BalancePositionUpdate() | GreekUpdate()):
            return "state"
        case Update(event=RiskLevelChange() | ListenKeyExpired()):
            return "rare"
        case Update():
            assert_type(item.seq, int)
            assert_type(item.raw, bytes)
            return item.event.type
        case Live():
            return f"live since {item.since_ms}"
        case GapOpened():
            return item.why
        case GapClosed():
            assert_type(item.unrecoverable, tuple[str, ...])
            return f"{item.from_ms} to {item.to_ms}: {item.recovered} recovered"
        case _:
            assert_never(item)


def fill(order: OrderTradeUpdate) -> str:
    assert_type(order.symbol, str)
    assert_type(order.order_id, int)
    assert_type(order.trade_id, int)
    assert_type(order.last_quantity, Decimal)
    assert_type(order.last_price, Decimal)
    assert_type(order.is_fill, bool)
    order.symbol = "BTC-261225-90000-C"  # type: ignore[misc]
    return f"{order.side} {order.last_quantity} @ {order.last_price}"
