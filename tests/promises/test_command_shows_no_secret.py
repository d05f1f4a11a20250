"""No API key, secret or listen key in any output of the command, whatever goes wrong; but for `key start`."""

from __future__ import annotations

import base64
import signal
from pathlib import Path

import pytest

from listenkey import UserDataStreamsApi
from listenkey.testing import LocalSandbox
from tests.promises.command import ended_after_s, environment, finished, lines, running


def spellings(secret: str) -> list[bytes]:
    plain = secret.encode()
    return [plain, plain.hex().encode(), base64.b64encode(plain)]


def listen_key(exchange: LocalSandbox) -> str:
    """The account's active one: starting again answers the same key."""
    with UserDataStreamsApi(exchange.api_key, exchange.rest_url) as api:
        return api.options_create_listen_key_v1().listen_key


def assert_hidden(exchange: LocalSandbox, output: bytes | str, *more: str) -> None:
    """None of the sandbox's keys and secrets, its active listen key included, in no spelling."""
    data = output.encode() if isinstance(output, str) else output
    for secret in (exchange.api_key, exchange.api_secret, listen_key(exchange), *more):
        for spelling in spellings(secret):
            assert spelling not in data


def test_tail_at_debug_level_through_a_bad_day(binance_options_sandbox: LocalSandbox) -> None:
    exchange = binance_options_sandbox
    with running("tail", "--json", "--debug", env=environment(exchange)) as process:
        coming = lines(process.stdout)
        seen = [next(coming)]
        first = listen_key(exchange)
        exchange.burst(3)
        exchange.fault("malformed_frame")
        exchange.burst(1)
        exchange.fault("expire_key")
        exchange.fault("drop_sockets")
        while sum(item["kind"] == "live" for item in seen) < 2:
            seen.append(next(coming))
        ended_after_s(process, signal.SIGTERM)
        assert process.stdout is not None
        assert process.stderr is not None
        told = process.stdout.read() + process.stderr.read()
    assert b"DEBUG listenkey" in told
    assert first != listen_key(exchange)
    assert_hidden(exchange, told + repr(seen).encode(), first)


@pytest.mark.parametrize("attach", ["subscribe", "path", "query", "streams"])
def test_no_way_of_attaching_shows_the_listen_key(binance_options_sandbox: LocalSandbox, attach: str) -> None:
    exchange = binance_options_sandbox
    exchange.fault("refuse_connections", count=1)
    done = finished("tail", "--json", "--debug", "--attach", attach, "--seconds", "2", env=environment(exchange))
    assert [row["what"] for row in exchange.ledger()["keys"]][:1] == ["created"]
    assert_hidden(exchange, done.stdout + done.stderr)


@pytest.mark.parametrize(
    "arguments",
    [
        ["doctor", "--debug"],
        ["key", "keepalive", "--debug"],
        ["key", "close", "--debug"],
        ["tail", "--journal", "nats://x", "--debug"],
    ],
)
def test_other_commands(binance_options_sandbox: LocalSandbox, arguments: list[str]) -> None:
    done = finished(*arguments, env=environment(binance_options_sandbox))
    assert_hidden(binance_options_sandbox, done.stdout + done.stderr)


def test_a_secret_pasted_in_the_wrong_place_is_not_repeated(
    binance_options_sandbox: LocalSandbox, tmp_path: Path
) -> None:
    exchange = binance_options_sandbox
    keys = tmp_path / "keys"
    keys.write_text(f"{exchange.api_key}\n")
    keys.chmod(0o600)
    for arguments in (
        ["tail", exchange.api_key],
        [exchange.api_key],
        ["tail", "--seconds", exchange.api_key],
        ["tail", "--venue", exchange.api_key],
        ["tail", "--api-key", exchange.api_key],
        ["key", "start", f"--api-secret={exchange.api_secret}"],
        ["tail", "--key-file", str(keys)],
        ["tail", "--rest-url", exchange.api_key, "--ws-url", exchange.api_key],
    ):
        done = finished(*arguments, env=environment(exchange))
        assert done.returncode == 2, arguments
        assert_hidden(exchange, done.stdout + done.stderr)
        done = finished("--debug", *arguments, env=environment())
        assert_hidden(exchange, done.stdout + done.stderr)
