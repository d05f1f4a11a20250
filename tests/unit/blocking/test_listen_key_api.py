"""The three calls, waited for."""

from __future__ import annotations

import asyncio
import gc
import inspect
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import cast

import pytest

from listenkey import errors
from listenkey.blocking.listen_key_api import UserDataStreamsApi
from listenkey.blocking.portal import Portal
from listenkey.rest.listen_key_api import AsyncUserDataStreamsApi
from listenkey.transport.http import AiohttpClient
from tests.unit.transport.raw_server import RawServer, reply

API_KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
POST = b'{"listenKey": "pqia91ma19a5s61cv6a81va65sdf19v8", "expiration": 1762855900452}'
CALLS = {
    "options_create_listen_key_v1": "POST",
    "options_update_listen_key_v1": "PUT",
    "options_delete_listen_key_v1": "DELETE",
}


@pytest.fixture
def server() -> Iterator[RawServer]:
    """A server on the shared loop, for tests that block their own thread."""
    portal = Portal()
    made = RawServer(reply(POST, 200, "x-mbx-used-weight-1m: 3"), reply())
    portal.call(made.__aenter__)
    yield made
    portal.call(made.__aexit__)
    portal.close()
    assert [thread.name for thread in threading.enumerate() if thread.name == "listenkey-portal"] == []


def test_the_twins_have_the_same_names_and_arguments() -> None:
    for name in (*CALLS, "server_time", "close", "base_url", "used_weight_1m"):
        awaited, waited = getattr(AsyncUserDataStreamsApi, name), getattr(UserDataStreamsApi, name)
        if callable(awaited):
            assert inspect.signature(awaited) == inspect.signature(waited)


def test_it_waits_for_each_answer(server: RawServer) -> None:
    with UserDataStreamsApi(api_key=API_KEY, base_url=server.url) as api:
        assert api.options_create_listen_key_v1().listen_key == "pqia91ma19a5s61cv6a81va65sdf19v8"
        assert api.used_weight_1m == 3
        assert api.options_update_listen_key_v1() == {}
        assert api.options_delete_listen_key_v1() == {}
    assert [heard.line.split()[0] for heard in server.heard] == ["POST", "PUT", "DELETE"]
    assert server.connections == 1
    api.close()
    with pytest.raises(errors.UsageError, match="closed"):
        api.options_create_listen_key_v1()


async def test_it_works_where_a_loop_is_running(server: RawServer) -> None:
    with UserDataStreamsApi(API_KEY, server.url) as api:
        assert api.options_create_listen_key_v1().expiration == 1762855900452


def test_one_that_is_never_used_starts_nothing() -> None:
    with UserDataStreamsApi(API_KEY):
        assert "listenkey-portal" not in [thread.name for thread in threading.enumerate()]


def test_what_is_forgotten_is_closed_when_it_is_collected(server: RawServer) -> None:
    api = UserDataStreamsApi(API_KEY, server.url)
    api.options_create_listen_key_v1()
    http = cast("AiohttpClient", api._api._http)
    del api
    gc.collect()
    # The server's loop is the one the closing was handed to, so a round through it is enough of a wait.
    portal = Portal()
    portal.call(asyncio.sleep, 0)
    portal.close()
    assert http._closed


SCRIPT = """
import os, sys, warnings
warnings.simplefilter("ignore")
from listenkey.blocking.portal import Portal
from listenkey.blocking.listen_key_api import UserDataStreamsApi
from tests.unit.transport.raw_server import RawServer, reply

portal = Portal()
server = RawServer(reply(b'{"listenKey": "abc"}'))
portal.call(server.__aenter__)
api = UserDataStreamsApi("key", server.url)
print(api.options_create_listen_key_v1().listen_key)
"""


def run(script: str) -> str:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_a_script_that_forgets_to_close_ends_without_a_complaint() -> None:
    assert run(SCRIPT) == "abc\n"


def test_a_child_makes_connections_of_its_own_and_leaves_the_parents_alone() -> None:
    # The child asks, closes and ends; the parent's kept connection must still serve it: no third one is made.
    forked = SCRIPT + (
        "child = os.fork()\n"
        "if child == 0:\n"
        "    assert api.options_create_listen_key_v1().listen_key == 'abc'\n"
        "    api.close()\n"
        "    del api\n"
        "    os._exit(0)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
        "print(api.options_create_listen_key_v1().listen_key, server.connections)\n"
    )
    assert run(forked) == "abc\n0\nabc 2\n"
