"""`sandbox` says where it is; running it as a process is in tests/promises."""

from __future__ import annotations

import asyncio
import json
import socket

import pytest

from listenkey.cli.commands.sandbox import readable, stay_open
from listenkey.cli.main import run
from listenkey.cli.running import Stop
from listenkey.sandbox.server import Sandbox


async def test_it_stays_until_asked_to_stop(capsys: pytest.CaptureFixture[str]) -> None:
    stop = Stop()
    stop.ask("signal")
    assert await asyncio.wait_for(stay_open(stop, Sandbox(market=False), as_json=True, time_scale=1.0), 10) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told) >= {"rest_url", "ws_url", "control_url", "control_token", "accounts"}


def test_the_readable_form_can_be_pasted() -> None:
    exchange = Sandbox(market=False, accounts=("alice", "bob"))
    text = readable(exchange.describe(), 60.0)
    alice, bob = exchange.accounts
    assert f"export BINANCE_API_KEY={alice.api_key}" in text
    assert "export LISTENKEY_TIME_SCALE=60" in text
    assert f"# bob: BINANCE_API_KEY={bob.api_key}" in text


def test_another_host_needs_to_be_meant(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sandbox", "--host", "0.0.0.0", "--port", "0"]) == 2
    assert "--listen" in capsys.readouterr().err


def test_a_port_that_is_taken_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert run(["sandbox", "--port", str(taken.getsockname()[1])]) == 2
    assert "--port 0" in capsys.readouterr().err
