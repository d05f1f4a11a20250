"""The three calls, awaited; and where both twins do the same."""

from __future__ import annotations

import json
from typing import Any

import pytest

from listenkey import errors
from listenkey.blocking.listen_key_api import UserDataStreamsApi
from listenkey.credentials import Secret
from listenkey.rest.listen_key_api import BASE_URL, AsyncUserDataStreamsApi
from listenkey.transport.base import Request, Response
from tests.unit.transport.raw_server import RawServer, reply

API_KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
POST = b'{"listenKey": "pqia91ma19a5s61cv6a81va65sdf19v8", "expiration": 1762855900452}'
CALLS = {
    "options_create_listen_key_v1": "POST",
    "options_update_listen_key_v1": "PUT",
    "options_delete_listen_key_v1": "DELETE",
}


class Venue:
    """An `Http` that answers from a list and remembers what it was asked."""

    def __init__(self, *answers: Response) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, Request]] = []
        self.closed = 0

    async def send(self, request: Request, base_url: str) -> Response:
        self.asked.append((base_url, request))
        return self.answers.pop(0)

    async def aclose(self) -> None:
        self.closed += 1


def ok(body: bytes = b"{}", *headers: tuple[str, str]) -> Response:
    return Response(200, headers, body)


async def test_each_name_is_its_method_on_the_one_path() -> None:
    venue = Venue(ok(POST), ok(), ok(b'{"listenKey": "x"}'))
    api = AsyncUserDataStreamsApi(API_KEY, http=venue)
    assert (await api.options_create_listen_key_v1()).expiration == 1762855900452
    assert await api.options_update_listen_key_v1() == {}
    assert await api.options_delete_listen_key_v1() == {"listenKey": "x"}
    for (base_url, request), method in zip(venue.asked, CALLS.values(), strict=True):
        assert base_url == "https://eapi.binance.com"
        assert request == Request(method, "/eapi/v1/listenKey", api_key=Secret(API_KEY))


async def test_the_time_is_asked_without_the_key() -> None:
    venue = Venue(ok(b'{"serverTime": 1762855900452}'))
    assert await AsyncUserDataStreamsApi(API_KEY, http=venue).server_time() == 1762855900452
    assert venue.asked[0][1] == Request("GET", "/eapi/v1/time")


async def test_the_weight_of_the_latest_answer_that_told_one_is_kept() -> None:
    limited = Response(429, (("x-mbx-used-weight-1m", "2401"),), b'{"code": -1008, "msg": "x"}')
    api = AsyncUserDataStreamsApi(API_KEY, http=Venue(ok(POST, ("X-MBX-USED-WEIGHT-1M", "7")), ok(), limited))
    assert vars(api)["_used_weight_1m"] is None
    await api.options_create_listen_key_v1()
    await api.options_update_listen_key_v1()
    assert api.used_weight_1m == 7
    with pytest.raises(errors.RateLimited):
        await api.options_update_listen_key_v1()
    assert api.used_weight_1m == 2401


@pytest.mark.parametrize("name", CALLS)
async def test_the_key_is_taken_out_of_what_the_venue_says(name: str) -> None:
    body = json.dumps({"code": -2015, "msg": "odd-key is not known"}).encode()
    api = AsyncUserDataStreamsApi("odd-key", http=Venue(Response(401, (), body)))
    with pytest.raises(errors.Refused) as caught:
        await getattr(api, name)()
    assert str(caught.value).startswith("HTTP 401, code -2015: [hidden] is not known; check the API key")


@pytest.mark.parametrize("kind", [AsyncUserDataStreamsApi, UserDataStreamsApi])
@pytest.mark.parametrize(
    "arguments",
    [
        {"api_key": ""},
        {"api_key": "with space"},
        {"base_url": "http://eapi.binance.com"},
        {"base_url": "eapi.binance.com"},
        {"timeout_s": 0},
    ],
    ids=str,
)
def test_a_mistake_is_told_before_anything_is_sent(kind: Any, arguments: Any) -> None:
    with pytest.raises(errors.UsageError):
        kind(**({"api_key": API_KEY} | arguments))


@pytest.mark.parametrize("kind", [AsyncUserDataStreamsApi, UserDataStreamsApi])
def test_it_shows_no_key_and_knows_where_it_goes(kind: Any) -> None:
    api = kind(api_key=API_KEY, base_url="https://testnet.binancefuture.com/")
    assert api.base_url == "https://testnet.binancefuture.com"
    assert API_KEY not in f"{api} {api!r} {vars(api)}"
    assert kind(API_KEY).base_url == BASE_URL


async def test_a_borrowed_hand_is_not_closed() -> None:
    venue = Venue()
    async with AsyncUserDataStreamsApi(API_KEY, http=venue):
        pass
    assert venue.closed == 0


async def test_closing_ends_it() -> None:
    async with RawServer(reply(POST)) as server:
        async with AsyncUserDataStreamsApi(API_KEY, server.url) as api:
            await api.options_create_listen_key_v1()
        await api.aclose()
        with pytest.raises(errors.UsageError, match="closed"):
            await api.options_create_listen_key_v1()


# --- The blocking twin -------------------------------------------------------------------------------------------
