"""A page, a cut or a foreign answer is never taken for a success, and no error about it tells a key."""

from __future__ import annotations

import json
from typing import Any

import pytest

from listenkey import AsyncUserDataStreamsApi, errors
from tests.unit.transport.leaks import everything_told_by
from tests.unit.transport.raw_server import DROP, RawServer, reply

API_KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
LISTEN_KEY = "pqia91ma19a5s61cv6a81va65sdf19v8a65a1a5s61cv6a81va65sdf19v8a65a1"
PAGE = b"<html><body>Sign in to the hotel's network</body></html>"
REPEATED = json.dumps({"code": -2015, "msg": f"{API_KEY} and {LISTEN_KEY} are odd"}).encode()

ANSWERS = {
    "a portal's page": (reply(PAGE, 200, "Content-Type: text/html"), errors.ProtocolError),
    "a page as JSON": (reply(PAGE, 200, "Content-Type: application/json"), errors.ProtocolError),
    "a firewall's page": (reply(PAGE, 403), errors.RateLimited),
    "a gateway's page": (reply(PAGE, 502), errors.VenueDown),
    "nothing": (reply(b""), errors.ProtocolError),
    "half of it": (reply(b'{"listenKey": "%s' % LISTEN_KEY.encode()), errors.ProtocolError),
    "a redirect": (reply(b"", 302, "Location: https://evil.example/"), errors.ProtocolError),
    "silence": (DROP, errors.Unreachable),
    "an echo": (reply(REPEATED, 401), errors.Refused),
    "an echo as a success": (reply(REPEATED, 200), errors.Refused),
    "an echo of noise": (reply(b"?" + REPEATED, 200), errors.ProtocolError),
}
CALLS = ("options_create_listen_key_v1", "options_update_listen_key_v1", "options_delete_listen_key_v1")


async def told(name: str, answer: bytes, expected: type[errors.ListenKeyError]) -> str:
    async with RawServer(answer) as server, AsyncUserDataStreamsApi(API_KEY, server.url) as api:
        with pytest.raises(expected) as caught:
            await getattr(api, name)()
    assert type(caught.value) is expected
    return everything_told_by(caught.value)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("case", ANSWERS)
async def test_it_is_an_error_that_tells_no_key(name: str, case: str) -> None:
    # The test's own variables hold what the server was told to say, so the answer is looked up in the call.
    shown = await told(name, *ANSWERS[case])
    inside = shown.partition("/src/listenkey/")[2]
    assert inside
    assert API_KEY not in inside
    assert LISTEN_KEY not in inside


@pytest.mark.parametrize(
    "body",
    [{"listenkey": LISTEN_KEY}, [LISTEN_KEY], {"data": {"listenKey": LISTEN_KEY}}, {"listenKey": f"{LISTEN_KEY} "}],
)
async def test_a_post_without_a_key_in_its_place_is_an_error(body: Any) -> None:
    shown = await told("options_create_listen_key_v1", reply(json.dumps(body).encode()), errors.ProtocolError)
    assert LISTEN_KEY not in shown.partition("/src/listenkey/")[2]
