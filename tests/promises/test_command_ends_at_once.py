"""Ctrl-C, SIGTERM and a reader that leaves end every command at once and cleanly."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import time

import pytest

from listenkey.testing import LocalSandbox
from tests.promises.command import PATIENCE_S, ended_after_s, environment, lines, running

AT_ONCE_S = 2.0
BUSY_S = 1.0
"""Two seconds are the promise; a machine that runs other tests beside this one gets a little more."""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_tail_ends_with_0_and_a_summary(binance_options_sandbox: LocalSandbox, number: int) -> None:
    with running("tail", "--json", env=environment(binance_options_sandbox)) as process:
        assert next(lines(process.stdout))["kind"] == "live"
        assert ended_after_s(process, number) < AT_ONCE_S + BUSY_S
        assert process.stderr is not None
        told = process.stderr.read().decode()
    assert (process.returncode, told) == (0, "listenkey: no events, no fills, no gaps, no duplicates removed\n")


def test_tail_ends_though_nobody_reads(binance_options_sandbox: LocalSandbox) -> None:
    """A pipe that is full must hold up neither Ctrl-C nor the stream."""
    exchange = binance_options_sandbox
    with running("tail", "--json", env=environment(exchange)) as process:
        assert next(lines(process.stdout))["kind"] == "live"
        exchange.burst(300)
        assert ended_after_s(process, signal.SIGINT) < AT_ONCE_S + BUSY_S
    assert process.returncode == 0


def test_tail_ends_quietly_when_its_reader_leaves(binance_options_sandbox: LocalSandbox) -> None:
    with running("tail", "--json", env=environment(binance_options_sandbox)) as process:
        assert next(lines(process.stdout))["kind"] == "live"
        assert process.stdout is not None
        process.stdout.close()
        binance_options_sandbox.burst(5)
        assert process.wait(PATIENCE_S) == 0
        assert process.stderr is not None
        assert process.stderr.read() == b""


def test_tail_ends_while_nothing_answers() -> None:
    env = environment(LISTENKEY_REST_URL="http://127.0.0.1:9", LISTENKEY_WS_URL="ws://127.0.0.1:9", BINANCE_API_KEY="x")
    with running("tail", "--json", env=env) as process:
        assert process.stderr is not None
        assert b"127.0.0.1" in process.stderr.readline()
        assert ended_after_s(process, signal.SIGINT) < AT_ONCE_S + BUSY_S
    assert process.returncode == 0


def test_the_sandbox_ends_and_frees_its_port() -> None:
    with running("sandbox", "--port", "0", "--json", env=environment()) as process:
        told = next(lines(process.stdout))
        assert told["rest_url"].startswith("http://127.0.0.1:")
        assert ended_after_s(process, signal.SIGTERM) < AT_ONCE_S + BUSY_S
    assert process.returncode == 0


def test_the_view_gives_the_terminal_back() -> None:
    ours, theirs = pty.openpty()
    with running("demo", env=environment(), stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        seen = read_until(ours, "● LIVE".encode())
        seen += read_until(ours, b"FILLED")
        assert b"\x1b[?1049h" in seen
        began_s = time.perf_counter()
        os.write(
            ours, b"\x03"
        )  # Ctrl-C as a keyboard sends it would need a session of its own, so the signal goes too.
        process.send_signal(signal.SIGINT)
        rest = read_until(ours, b"ledger = stream: yes")
        process.wait(PATIENCE_S)
        assert time.perf_counter() - began_s < AT_ONCE_S + BUSY_S
    os.close(ours)
    assert process.returncode == 0
    assert b"\x1b[?25h\x1b[?1049l" in rest
    assert rest.rindex(b"\x1b[?1049l") < rest.index(b"ledger = stream")


def test_a_command_that_was_not_done_ends_with_130() -> None:
    """A host that swallows connections: the call hangs until its time-out, and Ctrl-C does not wait for that."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        env = environment(LISTENKEY_REST_URL=url, LISTENKEY_WS_URL=url.replace("http", "ws"), BINANCE_API_KEY="x")
        for arguments in (["key", "start"], ["doctor"]):
            with running(*arguments, env=env, stdout=subprocess.DEVNULL) as process:
                connection, _ = deaf.accept()
                assert ended_after_s(process, signal.SIGINT) < AT_ONCE_S + BUSY_S
                connection.close()
                assert process.stderr is not None
                assert b"Traceback" not in process.stderr.read()
            assert process.returncode == 130, arguments


def read_until(descriptor: int, wanted: bytes) -> bytes:
    got = b""
    while wanted not in got:
        assert select.select([descriptor], [], [], PATIENCE_S)[0], f"{wanted!r} did not come after {got[-2000:]!r}"
        try:
            got += os.read(descriptor, 65536)
        except OSError:  # The other side has closed: Linux says EIO.
            raise AssertionError(f"{wanted!r} did not come before the end: {got[-2000:]!r}") from None
    return got
