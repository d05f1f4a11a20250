"""A gateway as a process: its line of JSON, SIGHUP, and an end in order."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from listenkey.cli import exit_codes
from listenkey.cli.gateway.serving import Hangups, follow_config, reloaded, serve, start_text, unwritten_text
from listenkey.cli.running import Stop
from listenkey.gateway.account import GatewayAccount
from listenkey.gateway.config import read_config
from listenkey.gateway.service import GatewayService
from listenkey.health import Health
from listenkey.testing import LocalSandbox
from tests.promises.command import PATIENCE_S, environment, lines, running
from tests.unit.gateway.gateway_of import until
from tests.unit.gateway.running_gateway import sandbox_config, sandbox_keys
from tests.unit.gateway.written import private


def names_at(url: str, token: str) -> list[str]:
    request = urllib.request.Request(f"{url}/v1/accounts", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return [row["name"] for row in json.load(answer)["accounts"]]


def read_until(process: subprocess.Popen[bytes], has: Callable[[str], bool]) -> str:
    """The lines on stderr until one has what is waited for."""
    assert process.stderr is not None
    seen = b""
    while not has(seen.decode()):
        line = process.stderr.readline()
        assert line, f"it ended: {seen.decode()}"
        seen += line
    return seen.decode()


def test_a_process_serves_follows_its_file_and_ends_in_order(
    binance_options_sandbox: LocalSandbox, tmp_path: Path
) -> None:
    sandbox_keys(tmp_path, binance_options_sandbox, "a", "b", "c")
    path = sandbox_config(tmp_path, binance_options_sandbox, "a", "b")
    with running("gateway", "run", "--config", str(path), "--port", "0", "--json", env=environment()) as process:
        start = next(lines(process.stdout))
        assert set(start) == {"url", "token", "accounts"}
        assert (start["accounts"], start["token"]) == (2, (tmp_path / "journals/token").read_text().strip())
        assert names_at(start["url"], start["token"]) == ["a", "b"]

        sandbox_config(tmp_path, binance_options_sandbox, "b", "c")
        process.send_signal(signal.SIGHUP)
        read_until(process, lambda text: "was read again: added c; took out a" in text)
        assert names_at(start["url"], start["token"]) == ["b", "c"]

        path.write_text("[gatway]\n")
        process.send_signal(signal.SIGHUP)
        told = read_until(process, lambda text: "line 1" in text)
        assert "nothing was changed" in told
        assert "did you mean 'gateway'?" in told
        assert names_at(start["url"], start["token"]) == ["b", "c"]

        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=PATIENCE_S)
        assert (process.returncode, out) == (0, b"")
        assert start["token"] not in err.decode()
    assert binance_options_sandbox.meters()["sockets_open"] == 0


IN_A_TERMINAL = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "listenkey", *sys.argv[1:]])
"""


def test_a_terminal_that_is_closed_ends_it(binance_options_sandbox: LocalSandbox, tmp_path: Path) -> None:
    path = sandbox_config(tmp_path, binance_options_sandbox)
    line = [sys.executable, "-c", IN_A_TERMINAL, "gateway", "run", "--config", str(path), "--json"]
    ours, its = pty.openpty()
    with subprocess.Popen(line, stdin=its, stdout=its, stderr=its, env=environment()) as process:
        os.close(its)
        try:
            shown = b""
            poll = select.poll()
            poll.register(ours, select.POLLIN)
            while b"token" not in shown:
                assert poll.poll(PATIENCE_S * 1000)
                shown += os.read(ours, 4096)
            os.close(ours)
            assert process.wait(PATIENCE_S) == 0
        finally:
            process.kill()


async def test_a_hangup_while_it_starts_is_not_lost() -> None:
    hangups = Hangups()
    os.kill(os.getpid(), signal.SIGHUP)
    hangups.watch(Stop())
    async with asyncio.timeout(PATIENCE_S):
        await hangups.came.wait()


@pytest.fixture(autouse=True)
def _signals_are_put_back() -> Iterator[None]:
    before = signal.getsignal(signal.SIGHUP)
    yield
    signal.signal(signal.SIGHUP, before)


def test_a_configuration_with_mistakes_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "g").write_text("[gateway]\njournal = 3\n")
    with running("gateway", "run", "--config", str(tmp_path / "g"), env=environment()) as process:
        out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, out) == (2, b"")
    assert b"line 2: journal: this must be a text" in err


async def test_the_token_is_shown_to_a_person_once(
    binance_options_sandbox: LocalSandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = read_config(sandbox_config(tmp_path, binance_options_sandbox))
    shown = []
    for _ in range(2):
        stop = Stop()
        stop.ask("signal")
        assert await serve(stop, config, Hangups(), port=None, as_json=False) == 0
        shown.append(capsys.readouterr().out)
    token = (tmp_path / "journals/token").read_text().strip()
    assert [token in text for text in shown] == [True, False]
    assert all(f'"$(cat {tmp_path / "journals/token"})"' in text for text in shown)
    assert "gateway of 0 accounts at http://127.0.0.1:" in shown[0]


async def test_warnings_are_said_at_the_start(
    binance_options_sandbox: LocalSandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    private(tmp_path / "t", "short")
    config = read_config(sandbox_config(tmp_path, binance_options_sandbox, more='token_file = "t"'))
    stop = Stop()
    stop.ask("signal")
    await serve(stop, config, Hangups(), port=0, as_json=True)
    told = capsys.readouterr()
    assert "warning: line 6: the token has fewer than" in told.err
    assert json.loads(told.out)["token"] == "short"


async def test_an_end_while_a_journal_cant_be_written_says_so(
    binance_options_sandbox: LocalSandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    sandbox_keys(tmp_path, binance_options_sandbox, "a")
    config = read_config(sandbox_config(tmp_path, binance_options_sandbox, "a"))

    def failing(_: GatewayAccount) -> Health:
        return Health(status="DEGRADED", why="", journal_problem="the disk is full")

    monkeypatch.setattr(GatewayAccount, "health", failing)
    stop = Stop()
    stop.ask("signal")
    assert await serve(stop, config, Hangups(), port=None, as_json=True) == exit_codes.JOURNAL
    assert "could not be written: a\n" in capsys.readouterr().err
    assert unwritten_text(list("abcdefghij")).splitlines()[0].endswith("h, …")


async def test_what_can_not_be_followed_is_told(
    binance_options_sandbox: LocalSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox_keys(tmp_path, binance_options_sandbox, "a")
    path = sandbox_config(tmp_path, binance_options_sandbox, "a")
    async with GatewayService(read_config(path)) as service:
        assert "gateway of 1 account at" in start_text(service)
        await until(lambda: service.accounts.is_ready)
        private(tmp_path / "b.env", "BINANCE_API_KEY=k\n")
        sandbox_config(tmp_path, binance_options_sandbox, "a", "b")

        async def fails(*_: Any) -> dict[str, str]:
            await asyncio.sleep(0)
            return {"b": "no"}

        monkeypatch.setattr(service.accounts, "follow", fails)
        told = await reloaded(service)
        assert told.splitlines()[1:] == [
            '  warning: line 12: "b" has no secret and no private key: its gaps are told, and not refilled',
            "  not done, b: no",
        ]
        path.unlink()
        assert "nothing was changed: " in await reloaded(service)


async def test_a_reload_survives_what_nobody_has_foreseen(
    binance_options_sandbox: LocalSandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = sandbox_config(tmp_path, binance_options_sandbox)
    async with GatewayService(read_config(path)) as service:
        hung_up, told = asyncio.Event(), [""]

        async def fails() -> Any:
            await asyncio.sleep(0)
            raise ZeroDivisionError

        def is_told(words: str) -> bool:
            assert not following.done()
            told[0] += capsys.readouterr().err
            return words in told[0]

        following = asyncio.create_task(follow_config(service, hung_up))
        with monkeypatch.context() as patch:
            patch.setattr(service, "reload", fails)
            hung_up.set()
            await until(lambda: is_told("not followed to its end (ZeroDivisionError)"))
        hung_up.set()
        await until(lambda: is_told("was read again: nothing"))
        following.cancel()
    assert [record.exc_info is not None for record in caplog.records if "a bug in" in record.getMessage()] == [True]


def gateway_at(path: Path) -> Any:
    return running("gateway", "run", "--config", str(path), "--port", "0", "--json", env=environment())


def test_a_gateway_whose_folder_another_one_has_taken_ends(
    binance_options_sandbox: LocalSandbox, tmp_path: Path
) -> None:
    sandbox_keys(tmp_path, binance_options_sandbox, "a")
    path = sandbox_config(tmp_path, binance_options_sandbox, "a")
    with gateway_at(path) as first:
        next(lines(first.stdout))
        read_until_live(tmp_path / "journals/accounts.db")
        for name in ("gateway-lock", "accounts.db-lock"):
            (tmp_path / "journals" / name).unlink()
        with gateway_at(path) as second:
            next(lines(second.stdout))
            _, told = first.communicate(timeout=PATIENCE_S)
            assert first.returncode == exit_codes.HELD
            assert b"what to do: stop the other process" in told
            second.send_signal(signal.SIGTERM)
            assert second.wait(timeout=PATIENCE_S) == 0


def test_a_gateway_whose_file_is_overwritten_ends(binance_options_sandbox: LocalSandbox, tmp_path: Path) -> None:
    sandbox_keys(tmp_path, binance_options_sandbox, "a")
    path = sandbox_config(tmp_path, binance_options_sandbox, "a")
    with gateway_at(path) as process:
        next(lines(process.stdout))
        read_until_live(tmp_path / "journals/accounts.db")
        subprocess.run(["cp", "/dev/null", tmp_path / "journals/accounts.db"], check=True)
        _, told = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == exit_codes.JOURNAL
        assert b"somebody else has written to the journal" in told
    with gateway_at(path) as process:
        _, told = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == exit_codes.JOURNAL, "and the next start does not begin anew in silence"
        assert b"another file was put in the place of the journal" in told


def read_until_live(path: Path) -> None:
    """Wait until the file has an item; by a process of its own, whose end takes no lock of SQLite from anybody."""
    ask = ("journal", "info", str(path), "--account", "a", "--json")
    command = [sys.executable, "-m", "listenkey", *ask]
    deadline_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s:
        found = subprocess.run(command, capture_output=True, check=False)
        if found.returncode == 0 and json.loads(found.stdout)["items"]:
            return
    pytest.fail("no item came")
