"""A client of the sandbox as simple as it gets: signs, asks, listens. For tests only."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlencode

import aiohttp

from listenkey.sandbox.rest_api.api import ApiRequest, ApiResponse
from listenkey.sandbox.rest_api.api_keys import SandboxAccount
from listenkey.sandbox.server import Sandbox
from listenkey.sandbox.world import World

if TYPE_CHECKING:
    from collections.abc import Callable

DEADLINE_S = 10.0
FIXTURES = Path(__file__).parents[1] / "fixtures"


def signed(account: SandboxAccount, now_ms: int, **params: Any) -> str:
    """A query with its signature."""
    text = urlencode({**params, "timestamp": now_ms})
    return f"{text}&signature={hmac.new(account.api_secret.encode(), text.encode(), hashlib.sha256).hexdigest()}"


def ask(
    world: World,
    account: SandboxAccount | None,
    method: str,
    path: str,
    now_ms: int,
    *,
    query: str = "",
    body: str = "",
    ip: str = "127.0.0.1",
) -> ApiResponse:
    """One request to a world, with no I/O."""
    headers = {} if account is None else {"x-mbx-apikey": account.api_key}
    return world.handle(ApiRequest(method, f"/eapi/v1/{path}", query, body, headers, ip), now_ms)


def ask_signed(
    world: World, account: SandboxAccount, method: str, path: str, now_ms: int, **params: Any
) -> ApiResponse:
    """The same, signed in the query."""
    return ask(world, account, method, path, now_ms, query=signed(account, now_ms, **params))


def value(response: ApiResponse) -> Any:
    """The JSON of an answer."""
    return json.loads(response.body)


def refusal(response: ApiResponse) -> tuple[int, int]:
    """Status and code of a refusal."""
    return response.status, value(response)["code"]


def fixture(name: str) -> Any:
    """A documented sample."""
    return json.loads((FIXTURES / f"{name}.json").read_text())


def resting_order(world: World, **changes: Any) -> dict[str, Any]:
    """A buy far below the market."""
    symbol = world.exchange.symbols()[0]
    asked = {"symbol": symbol, "side": "BUY", "type": "LIMIT", "quantity": "0.1", "price": "1", "timeInForce": "GTC"}
    return asked | changes


class Visitor:
    """Real sockets and real HTTP, on loopback."""

    def __init__(self, sandbox: Sandbox, account: SandboxAccount | None = None) -> None:
        self.sandbox = sandbox
        self.account = account or sandbox.accounts[0]
        self.session: aiohttp.ClientSession

    async def __aenter__(self) -> Self:
        self.session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=DEADLINE_S))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.session.close()

    async def call(self, method: str, path: str, **more: Any) -> tuple[int, Any]:
        """A call with the API key."""
        headers = {"X-MBX-APIKEY": self.account.api_key, **more.pop("headers", {})}
        async with self.session.request(method, self.sandbox.rest_url + path, headers=headers, **more) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if answer.content_type == "application/json" else text

    async def signed(self, method: str, path: str, **params: Any) -> tuple[int, Any]:
        """A signed call."""
        query = signed(self.account, self.sandbox.now_ms, **params)
        return await self.call(method, f"{path}?{query}")

    async def owner(self, method: str, name: str, body: Any = None, **more: Any) -> tuple[int, Any]:
        """A control call with the token."""
        headers = {"X-Sandbox-Token": self.sandbox.control_token, **more.pop("headers", {})}
        url = f"{self.sandbox.control_url}/{name}"
        async with self.session.request(method, url, headers=headers, json=body, **more) as answer:
            return answer.status, json.loads(await answer.text())

    async def key(self) -> str:
        """The listen key."""
        status, answer = await self.call("POST", "/eapi/v1/listenKey")
        assert status == 200, answer
        return str(answer["listenKey"])

    async def connect(self, address: str, **more: Any) -> aiohttp.ClientWebSocketResponse:
        """A socket."""
        ws: aiohttp.ClientWebSocketResponse = await self.session.ws_connect(
            self.sandbox.ws_url + address, max_msg_size=0, **more
        )
        return ws

    async def listen(self, **more: Any) -> aiohttp.ClientWebSocketResponse:
        """A socket on the account's key, raw."""
        return await self.connect(f"/private/ws/{await self.key()}", **more)


async def receive(ws: aiohttp.ClientWebSocketResponse) -> Any:
    """The next frame's JSON."""
    message = await asyncio.wait_for(ws.receive(), DEADLINE_S)
    assert message.type is aiohttp.WSMsgType.TEXT, message.type
    return json.loads(message.data)


async def until(condition: Callable[[], Any]) -> None:
    """Waits for something that other tasks bring about."""
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # noqa: ASYNC110  there is no event to wait for at the other end of a socket
            await asyncio.sleep(0)


async def receive_end(ws: aiohttp.ClientWebSocketResponse) -> int | None:
    """Return the close code of the server's close frame, 1006 without one."""
    while True:
        message = await asyncio.wait_for(ws.receive(), DEADLINE_S)
        if message.type is aiohttp.WSMsgType.CLOSE:
            return int(message.data)
        if message.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR):
            return ws.close_code


async def receive_trades(ws: aiohttp.ClientWebSocketResponse, count: int) -> list[tuple[str, int]]:
    """The next so many fills: symbol and trade id."""
    trades: list[tuple[str, int]] = []
    while len(trades) < count:
        event = await receive(ws)
        event = event.get("data", event)
        if event.get("e") == "ORDER_TRADE_UPDATE" and event["o"]["x"] == "TRADE":
            trades.append((event["o"]["s"], event["o"]["t"]))
    return trades
