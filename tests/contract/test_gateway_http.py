"""The gateway over HTTP as its users reach it: real accounts, a real port, clients that are not ours, and intruders."""

from __future__ import annotations

import asyncio
import json
import resource
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import aiohttp
import msgspec
import pytest

from listenkey.credentials import Secret
from listenkey.gateway.accounts import Accounts
from listenkey.gateway.http.account_picture import AccountPicture
from listenkey.gateway.http.accounts_api import AccountsApi
from listenkey.gateway.http.metrics_api import MetricsApi
from listenkey.gateway.http.routes import CHANGING, Route
from listenkey.gateway.http.server import GatewayServer
from listenkey.testing import LocalSandbox
from listenkey.wire.json_lines import from_line
from tests.unit.gateway.gateway_of import accounts_of, keys_of, until

TOKEN = "the-token-of-this-gateway"
AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}
WITHIN_S = 30.0
ROUTES = [*AccountsApi(cast("Any", None), cast("Any", None), cast("Any", None)).routes(), *MetricsApi(list).routes()]
SOCKET = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "x" * 22 + "==",
}


class Running:
    """A gateway of one account that runs against a sandbox."""

    def __init__(
        self, sandbox: LocalSandbox, accounts: Accounts, server: GatewayServer, url: str, session: aiohttp.ClientSession
    ) -> None:
        self.sandbox = sandbox
        self.accounts = accounts
        self.server = server
        self.url = url
        self.port = int(url.rpartition(":")[2])
        self.events_url = f"{url}/v1/accounts/desk-0/events"
        self.session = session

    async def burst(self, fills: int) -> None:
        await asyncio.to_thread(self.sandbox.burst, fills, account="desk-0")

    @property
    def newest(self) -> int:
        account = self.accounts.get("desk-0")
        assert account is not None
        return account.feed.last_seq

    async def ask(self, path: str) -> Any:
        async with self.session.get(self.url + path, headers=AUTHORIZED) as answer:
            return await answer.json()

    async def settled(self) -> None:
        """Wait until nothing new has come for a moment."""
        seen = -1
        while seen != self.newest:
            seen = self.newest
            await asyncio.sleep(0.3)


@asynccontextmanager
async def running(sandbox: LocalSandbox, folder: Path) -> AsyncIterator[Running]:
    keys = keys_of(sandbox, 1)
    async with accounts_of(sandbox, folder, keys) as accounts:
        accounts.start((name, name) for name in keys)
        server = GatewayServer(accounts, Secret(TOKEN), "127.0.0.1", 0)
        url = await server.start()
        try:
            await until(lambda: accounts.is_ready)
            async with aiohttp.ClientSession() as session:
                yield Running(sandbox, accounts, server, url, session)
        finally:
            await server.aclose()
            await accounts.aclose()


@pytest.fixture
async def gateway(binance_options_sandbox: LocalSandbox, tmp_path: Path) -> AsyncIterator[Running]:
    async with running(binance_options_sandbox, tmp_path) as made:
        yield made


async def lines(of: aiohttp.ClientResponse, until_seq: int) -> list[tuple[int, bytes]]:
    """Items as (number, data) up to a number."""
    got: list[tuple[int, bytes]] = []
    async with asyncio.timeout(WITHIN_S):
        while not got or got[-1][0] < until_seq:
            line = await of.content.readline()
            assert line, "the events ended"
            if line.startswith(b"id: "):
                data = await of.content.readline()
                got.append((int(line[4:]), data.removeprefix(b"data: ").rstrip(b"\n")))
    return got


# --- events ------------------------------------------------------------------------------------------------------


async def test_every_fill_reaches_two_readers_in_equal_bytes(gateway: Running) -> None:
    async with (
        gateway.session.get(gateway.events_url, headers=AUTHORIZED) as one,
        gateway.session.get(f"{gateway.events_url}?after=0", headers=AUTHORIZED) as other,
    ):
        first = gateway.newest + 1
        await gateway.burst(50)
        await gateway.settled()
        until_seq = gateway.newest
        of_one, of_other = await lines(one, until_seq), await lines(other, until_seq)
    assert of_one == of_other[first - 1 :]
    keys = [fill.key for _, line in of_other for fill in from_line(line).fills]
    assert keys == gateway.sandbox.fills("desk-0")


async def test_a_snapshot_and_what_follows_is_the_whole_state(gateway: Running) -> None:
    await gateway.burst(30)
    await gateway.settled()
    begin = await gateway.ask("/v1/accounts/desk-0/snapshot")
    assert begin["positions"]
    assert begin["balances"]
    async with gateway.session.get(f"{gateway.events_url}?after={begin['seq']}", headers=AUTHORIZED) as following:
        await gateway.burst(30)
        await gateway.settled()
        followed = await lines(following, gateway.newest)
    assert [seq for seq, _ in followed] == list(range(begin["seq"] + 1, gateway.newest + 1))
    async with gateway.session.get(f"{gateway.events_url}?after=0", headers=AUTHORIZED) as whole:
        picture = AccountPicture()
        for _, line in await lines(whole, gateway.newest):
            picture.add(from_line(line))
    end = await gateway.ask("/v1/accounts/desk-0/snapshot")
    assert end == {"account": "desk-0", **msgspec.json.decode(msgspec.json.encode(picture.to_dict()))}
    assert end["seq"] > begin["seq"]


async def test_a_reader_that_is_killed_in_a_batch_goes_on_with_every_event_once(gateway: Running) -> None:
    await gateway.burst(300)
    await gateway.settled()
    got: list[int] = []
    async with gateway.session.get(f"{gateway.events_url}?after=0", headers=AUTHORIZED) as dying:
        while len(got) < 100:
            got += [seq for seq, _ in await lines(dying, (got[-1] if got else 0) + 1)]
        assert dying.connection is not None
        assert dying.connection.transport is not None
        dying.connection.transport.abort()
    async with gateway.session.get(gateway.events_url, headers={**AUTHORIZED, "Last-Event-ID": str(got[-1])}) as again:
        got += [seq for seq, _ in await lines(again, gateway.newest)]
    assert got == list(range(1, gateway.newest + 1))


@pytest.mark.skipif(shutil.which("curl") is None, reason="2026-11-30: there is no curl here")
async def test_curl_follows_resumes_and_is_told_what_is_wrong(gateway: Running) -> None:
    await gateway.burst(20)
    await gateway.settled()

    async def curl(*arguments: str, until_id: int | None = None) -> str:
        running = await asyncio.create_subprocess_exec(
            "curl", "-sN", "-H", f"Authorization: Bearer {TOKEN}", *arguments, stdout=asyncio.subprocess.PIPE
        )
        assert running.stdout is not None
        text = b""
        async with asyncio.timeout(WITHIN_S):
            while part := await running.stdout.read(65_536):
                text += part
                if until_id is not None and b"id: %d\n" % until_id in text:
                    running.kill()
                    break
        await running.wait()
        return text.decode()

    whole = await curl(f"{gateway.events_url}?after=0", until_id=gateway.newest)
    ids = [int(line[4:]) for line in whole.splitlines() if line.startswith("id: ")]
    assert ids == list(range(1, gateway.newest + 1))
    rest = await curl("-H", "Last-Event-ID: 5", gateway.events_url, until_id=gateway.newest)
    assert next(int(line[4:]) for line in rest.splitlines() if line.startswith("id: ")) == 6
    assert '"too_new"' in await curl(f"{gateway.events_url}?after=999999999")
    added = await curl(
        "-X",
        "POST",
        "-H",
        "Content-Type: application/json",
        "-d",
        '{"name":"new","key":"no"}',
        f"{gateway.url}/v1/accounts",
    )
    assert json.loads(added)["error"] == "not_a_reference"
    assert json.loads(await curl("-X", "DELETE", f"{gateway.url}/v1/accounts/desk-0"))["taken_out"] is True


async def test_a_consumer_goes_on_after_a_restart_of_the_gateway(
    binance_options_sandbox: LocalSandbox, tmp_path: Path
) -> None:
    path = "/v1/accounts/desk-0/consumers/book"
    async with running(binance_options_sandbox, tmp_path) as gateway:
        await gateway.burst(5)
        await gateway.settled()
        headers = {**AUTHORIZED, "Content-Type": "application/json"}
        async with gateway.session.put(gateway.url + path, headers=headers, data='{"seq": 3}') as answer:
            assert answer.status == 200
    async with accounts_of(binance_options_sandbox, tmp_path, {}) as accounts:
        accounts.start([("desk-0", "none")])
        account = accounts.get("desk-0")
        assert account is not None
        assert await account.cursor("book") == 3
        await accounts.aclose()


async def test_an_account_that_ends_tells_its_readers_and_its_neighbours_go_on(gateway: Running) -> None:
    async with gateway.session.get(gateway.events_url, headers=AUTHORIZED) as reading:
        await until(lambda: gateway.server.readers)
        async with gateway.session.delete(f"{gateway.url}/v1/accounts/desk-0", headers=AUTHORIZED) as answer:
            assert answer.status == 200
        async with asyncio.timeout(WITHIN_S):
            text = (await reading.read()).decode()
    assert '"error":"taken_out"' in text.splitlines()[-2]
    async with gateway.session.get(f"{gateway.url}/healthz") as answer:
        assert answer.status == 200


# --- intruders ---------------------------------------------------------------------------------------------------


def address(route: Route) -> str:
    return route.template.replace("{name}", "desk-0").replace("{consumer}", "book")


EVERYWHERE: list[tuple[str, str]] = [
    *((route.method, address(route)) for route in ROUTES),
    *(
        (method, path)
        for method in ("GET", "POST", "OPTIONS")
        for path in ("/", "/metrics", "/v2", "/v1/accounts/x/y/z")
    ),
]
"""Every method of every address, and addresses that don't exist."""


@pytest.fixture
async def guarded() -> AsyncIterator[tuple[str, int]]:
    """A gateway without accounts: nobody gets so far that it matters."""
    server = GatewayServer(cast("Any", _NoAccounts()), Secret(TOKEN), "127.0.0.1", 0)
    url = await server.start()
    yield url, int(url.rpartition(":")[2])
    await server.aclose()


class _NoAccounts(dict[str, Any]):
    is_ready = True


async def statuses(url: str, method: str, path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], str]:
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url + path, headers=headers, data="{}", allow_redirects=False) as answer,
    ):
        return answer.status, {name.lower(): value for name, value in answer.headers.items()}, await answer.text()


JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(("method", "path"), EVERYWHERE)
async def test_a_rebinding_host_is_refused_everywhere(guarded: tuple[str, int], method: str, path: str) -> None:
    url, port = guarded
    for host in ("evil.test", f"evil.test:{port}", "127.0.0.1", f"127.0.0.1.evil.test:{port}", f"127.0.0.1:{port + 1}"):
        for upgrade in ({}, SOCKET):
            status, _, _ = await statuses(url, method, path, {**AUTHORIZED, **JSON, **upgrade, "Host": host})
            assert status == 421


@pytest.mark.parametrize(("method", "path"), EVERYWHERE)
async def test_a_page_of_another_origin_is_refused_everywhere(guarded: tuple[str, int], method: str, path: str) -> None:
    url, port = guarded
    for origin in ("null", "http://evil.test", f"https://127.0.0.1:{port}", f"http://127.0.0.1:{port + 1}", ""):
        for upgrade in ({}, SOCKET):
            status, _, _ = await statuses(url, method, path, {**AUTHORIZED, **JSON, **upgrade, "Origin": origin})
            assert status == 403


@pytest.mark.parametrize(("method", "path"), EVERYWHERE)
async def test_a_missing_or_wrong_token_is_refused_everywhere(guarded: tuple[str, int], method: str, path: str) -> None:
    url, _ = guarded
    if path == "/healthz":
        assert (await statuses(url, method, path, {}))[0] == 200
        return
    for wrong in (
        {},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Cookie": f"token={TOKEN}"},
    ):
        for upgrade in ({}, SOCKET):
            status, headers, text = await statuses(url, method, path, {**JSON, **upgrade, **wrong})
            assert status in ((401, 429) if "Authorization" in wrong else (401,))
            assert TOKEN not in text + str(headers)
    assert (await statuses(url, method, f"{path}?token={TOKEN}", JSON))[0] == 401
    assert (await statuses(url, method, path, {**AUTHORIZED, **JSON}))[0] not in (401, 429), "the right one is let in"


@pytest.mark.parametrize(("method", "path"), EVERYWHERE)
async def test_every_answer_is_marked_and_readable_by_no_page(guarded: tuple[str, int], method: str, path: str) -> None:
    url, port = guarded
    for more in (
        AUTHORIZED,
        {},
        {**AUTHORIZED, "Host": "evil.test"},
        {**AUTHORIZED, "Origin": f"http://127.0.0.1:{port}"},
    ):
        _, headers, text = await statuses(url, method, path, {**JSON, **more})
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert not [name for name in headers if name.startswith("access-control")]
        assert "Traceback" not in text
        if text:
            metrics = path == "/metrics" and text.startswith("# HELP")
            assert headers["content-type"].startswith("text/plain" if metrics else "application/json")


@pytest.mark.parametrize(
    "route",
    [route for route in ROUTES if route.method in CHANGING],
    ids=lambda route: f"{route.method} {route.template}",
)
async def test_what_changes_something_takes_no_form_of_a_page(guarded: tuple[str, int], route: Route) -> None:
    url, _ = guarded
    for kind in ("application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x"):
        status, _, _ = await statuses(url, route.method, address(route), {"Content-Type": kind})
        assert status == 401, "a form has no Authorization header"
    assert (await statuses(url, "GET", address(route), AUTHORIZED))[0] != 201


def test_nothing_that_a_get_asks_for_changes_anything() -> None:
    assert {route.method for route in ROUTES} <= {"GET", *CHANGING}
    assert [route.template for route in ROUTES if route.is_open] == ["/healthz"]


async def test_a_thousand_half_open_connections_change_nothing_for_readers(gateway: Running) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 8_192)), hard))
    half = b"GET /v1/accounts HTTP/1.1\r\nHost: localhost:%d\r\nX-Slow: " % gateway.port
    writers: list[asyncio.StreamWriter] = []
    try:
        async with gateway.session.get(gateway.events_url, headers=AUTHORIZED) as reading:
            first = gateway.newest + 1
            for number in range(1_000):
                _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
                writer.write(half if number % 2 else b"")
                writers.append(writer)
            await gateway.burst(20)
            await gateway.settled()
            got = [seq for seq, _ in await lines(reading, gateway.newest)]
            assert got == list(range(first, gateway.newest + 1))
            async with (
                aiohttp.ClientSession() as another,
                another.get(f"{gateway.url}/v1/accounts", headers=AUTHORIZED) as answer,
            ):
                assert answer.status == 200
            assert gateway.server.connections <= 520
    finally:
        for writer in writers:
            writer.transport.abort()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
