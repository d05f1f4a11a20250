"""Test that this library only reads: no request of it can place, cancel or withdraw, whatever its API key may do."""

from __future__ import annotations

import itertools

import pytest

from listenkey.credentials import Credentials
from listenkey.errors import UsageError
from listenkey.transport.http import AiohttpClient
from listenkey.wire import requests
from listenkey.wire.requests import Request

PATHS = (
    "/eapi/v1/order",
    "/eapi/v1/batchOrders",
    "/eapi/v1/allOpenOrders",
    "/eapi/v1/allOpenOrdersByUnderlying",
    "/eapi/v1/countdownCancelAll",
    "/eapi/v1/countdownCancelAllHeartBeat",
    "/eapi/v1/transfer",
    "/eapi/v1/mmpSet",
    "/sapi/v1/capital/withdraw/apply",
)
SPELLINGS = ("/eapi/v1/listenKey/../order", "/eapi/v1/listenKey?x=", "/eapi/v1//listenKey", "/EAPI/v1/listenKey", "")


@pytest.mark.parametrize(("method", "path"), [*itertools.product(("POST", "PUT", "DELETE", "PATCH"), PATHS)])
async def test_no_change_can_be_asked_for(method: str, path: str) -> None:
    with pytest.raises(UsageError, match="never trades"):
        Request(method, path)
    # And where somebody gets around that, what sends looks again.
    forged = requests.server_time()
    object.__setattr__(forged, "method", method)
    object.__setattr__(forged, "path", path)
    client = AiohttpClient()
    with pytest.raises(UsageError, match="never trades"):
        await client.send(forged, "https://eapi.binance.com")
    await client.aclose()


@pytest.mark.parametrize("method", ["POST", "post", "Get", "PUT"])
@pytest.mark.parametrize("path", SPELLINGS)
def test_no_spelling_leads_around_it(method: str, path: str) -> None:
    with pytest.raises(UsageError, match="never trades"):
        Request(method, path)


def test_a_signed_call_only_reads() -> None:
    credentials = Credentials.of("key", api_secret="secret")
    assert requests.signed_get("/eapi/v1/order", {"symbol": "x"}, credentials, 1).method == "GET"
    with pytest.raises(UsageError, match="never trades"):
        requests.signed_get("/eapi/v1/batchOrders", {}, credentials, 1)
