"""No token, API key, secret or listen key in a gateway's log, answers or files, through a bad day; but for its own token file."""

from __future__ import annotations

import base64
import http.client
import json
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO
from urllib.parse import quote, urlsplit

import pytest

from listenkey import UserDataStreamsApi
from listenkey.testing import LocalSandbox
from tests.promises.command import PATIENCE_S, environment, lines, running
from tests.unit.gateway.running_gateway import sandbox_config
from tests.unit.gateway.written import private

WRONG_TOKEN = "W7rong-token_that-somebody_mistyped-0123456789"
ODD_SECRET = "pass-word_ish/secret"


class Log:
    """Reads a process's stderr as it comes."""

    def __init__(self, stream: IO[bytes] | None) -> None:
        assert stream is not None
        self._stream = stream
        self._more = threading.Condition()
        self.data = b""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while data := self._stream.readline():
            with self._more:
                self.data += data
                self._more.notify_all()

    def wait_for(self, words: bytes, times: int = 1) -> None:
        with self._more:
            assert self._more.wait_for(lambda: self.data.count(words) >= times, PATIENCE_S), self.data

    def to_its_end(self) -> bytes:
        self._thread.join(PATIENCE_S)
        return self.data


def spellings(secret: str) -> set[bytes]:
    plain = secret.encode()
    return {plain, plain.hex().encode(), base64.b64encode(plain), quote(secret, safe="").encode(), plain[::-1]}


def ask(url: str, method: str, path: str, token: str, body: object = None) -> tuple[int, bytes]:
    parts = urlsplit(url)
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=PATIENCE_S)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    answer = connection.getresponse()
    found = answer.status, answer.read()
    connection.close()
    return found


def until(url: str, token: str, has: str) -> None:
    """Wait until an account has something."""
    ends_s, pause = time.monotonic() + PATIENCE_S, threading.Event()
    while not any(row[has] for row in json.loads(ask(url, "GET", "/v1/accounts", token)[1])["accounts"]):
        assert time.monotonic() < ends_s
        pause.wait(0.05)


@pytest.fixture
def secrets_of(binance_options_sandbox: LocalSandbox, tmp_path: Path) -> Iterator[list[str]]:
    """Key files of two accounts, and all that is secret about them; the listen keys when they are asked for."""
    found = []
    for name in ("a", "b"):
        made = binance_options_sandbox.add_account(name)
        keys = f"BINANCE_API_KEY={made.api_key}\nBINANCE_API_SECRET={made.api_secret}\n"
        private(tmp_path / f"{name}.env", keys)
        found += [made.api_key, made.api_secret]
    private(tmp_path / "odd.env", f"BINANCE_API_KEY={found[0]}\nBINANCE_API_SECRET={ODD_SECRET}\n")
    yield found
    for key in found[::2]:
        with UserDataStreamsApi(key, binance_options_sandbox.rest_url) as api:
            found.append(api.options_create_listen_key_v1().listen_key)


def bad_day(
    exchange: LocalSandbox, process: subprocess.Popen[bytes], log: Log, url: str, token: str, folder: Path
) -> bytes:
    """Ask rightly and wrongly, break sockets and keys, and change the configuration; all answers."""
    until(url, token, "live")
    exchange.burst(2, account="a")
    until(url, token, "fills")
    answers = []
    for method, path, shown, body in (
        ("GET", "/v1/accounts", token, None),
        ("GET", "/v1/accounts", WRONG_TOKEN, None),
        ("GET", f"/v1/{token}?token={token}", token, None),
        ("GET", f"/v1/accounts/a/events?after={WRONG_TOKEN}", token, None),
        ("POST", "/v1/accounts", token, {"name": "x", "key": ODD_SECRET}),
        ("POST", "/v1/accounts", token, {"name": "x", "key": "file:" + ODD_SECRET}),
        ("POST", "/v1/accounts", token, {"name": ODD_SECRET, "key": "file:a.env"}),
        ("POST", "/v1/accounts", token, {"name": "b", "key": "file:b.env"}),
        ("PUT", "/v1/accounts/b", token, {"key": "file:b.env"}),
        ("GET", "/metrics", token, None),
    ):
        answers.append(ask(url, method, path, shown, body)[1])
    for fault in ("malformed_frame", "expire_key", "drop_sockets"):
        exchange.fault(fault)
    sandbox_config(folder, exchange, "a", "odd")  # the same API key twice
    process.send_signal(signal.SIGHUP)
    log.wait_for(b"nothing was changed")
    sandbox_config(folder, exchange, "odd")
    process.send_signal(signal.SIGHUP)
    log.wait_for(b"was read again")
    log.wait_for(b"odd", times=3)
    answers.append(ask(url, "GET", "/v1/accounts", token)[1])
    return b"".join(answers)


def test_nothing_secret_is_shown_or_kept(
    binance_options_sandbox: LocalSandbox, tmp_path: Path, secrets_of: list[str]
) -> None:
    exchange = binance_options_sandbox
    path = sandbox_config(tmp_path, exchange, "a")
    with running("gateway", "run", "--config", str(path), "--json", "--debug", env=environment()) as process:
        start = next(lines(process.stdout))
        log = Log(process.stderr)
        answers = bad_day(exchange, process, log, start["url"], start["token"], tmp_path)
        process.terminate()
        assert process.wait(PATIENCE_S) == 0
        told = log.to_its_end()
    assert b"DEBUG" in told
    kept = b"".join(file.read_bytes() for file in sorted((tmp_path / "journals").iterdir()) if file.name != "token")
    assert b'"name"' in answers
    assert b"USDT" in kept
    for secret in (start["token"], WRONG_TOKEN, ODD_SECRET, *secrets_of):
        for spelling in spellings(secret):
            assert spelling not in told, "the log"
            assert spelling not in answers, "an answer"
            assert spelling not in kept, "a file"
