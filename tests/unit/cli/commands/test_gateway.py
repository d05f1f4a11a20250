"""`gateway check` names every mistake with its line, or says what would run; it shows no key."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from listenkey.cli.commands.gateway import place_of
from listenkey.cli.main import run
from listenkey.errors import UsageError
from listenkey.gateway.mistakes import ConfigError
from listenkey.testing import LocalSandbox
from tests.promises.command import PATIENCE_S, environment, lines, running
from tests.unit.gateway.running_gateway import sandbox_config, sandbox_keys
from tests.unit.gateway.written import KEY, config_of, key_file, private


def test_a_good_configuration_is_told_with_what_it_would_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = config_of(tmp_path, "one", "two", more="keep_days = 90\n")
    key_file(tmp_path, "two", signs=False)
    assert run(["gateway", "check", "--config", str(path)]) == 0
    told = capsys.readouterr().out
    assert "2: one, two" in told
    assert "127.0.0.1:8780" in told
    assert "(SQLite, keeps 90 days)" in told
    assert "production: https://eapi.binance.com" in told
    assert "all live within seconds (10 weight, at 400 weight per minute)" in told
    assert 'warning, line 11: "two" has no secret' in told
    assert "key-of-one" not in told


def test_the_same_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = config_of(tmp_path, "one", more='listen = "[::1]:0"\n')
    assert run(["gateway", "check", "--config", str(path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["ok"], told["accounts"], told["listen"]) == (True, ["one"], "[::1]:0")
    assert told["cold_start"]["weight"] == 7
    assert told["warnings"] == []


@pytest.mark.parametrize("as_json", [True, False])
def test_every_mistake_is_told_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], *, as_json: bool
) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text(f'[gateway]\njournal = 3\n[[accounts]]\nname = "a"\nkey = "{KEY}"\nnam = "a"\n')
    assert run(["gateway", "check", "--config", str(path), *(["--json"] if as_json else [])]) == 2
    told = capsys.readouterr()
    assert KEY not in told.out + told.err
    if as_json:
        found = json.loads(told.out)
        assert (found["ok"], [mistake["line"] for mistake in found["mistakes"]]) == (False, [2, 5, 6])
    else:
        head, *rows = told.out.splitlines()
        assert head.endswith("gateway.toml: 3 mistakes")
        assert [row.partition(":")[0].strip() for row in rows] == ["line 2", "line 5", "line 6"]


def test_one_mistake_is_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "g").write_text("[gateway]\n")
    assert run(["gateway", "check", "--config", str(tmp_path / "g")]) == 2
    assert capsys.readouterr().out.startswith(f"{tmp_path / 'g'}: 1 mistake\n")


def test_the_file_here_is_taken_where_none_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["gateway", "check"]) == 2
    assert "gateway.toml can't be read: No such file" in capsys.readouterr().err
    config_of(tmp_path)
    assert run(["gateway", "check"]) == 0
    assert "none yet; POST /v1/accounts" in capsys.readouterr().out


def test_many_accounts_are_told_with_the_time_until_all_are_live(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    private(tmp_path / "gateway.toml", "")
    path = config_of(tmp_path, *(f"account-{number}" for number in range(170)), more='token_file = "t"\n')
    private(tmp_path / "t", "a-token-that-is-long-enough")
    assert run(["gateway", "check", "--config", str(path)]) == 0
    told = capsys.readouterr().out
    assert "account-7, …" in told
    assert f"from {tmp_path / 't'}" in told
    assert "80 at once, then 80 per minute at 400 weight per minute; all live after about 2 min" in told


def test_a_journal_on_nats_is_called_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "g").write_text('[gateway]\njournal = "nats://a:4222"\n')
    assert run(["gateway", "check", "--config", str(tmp_path / "g")]) == 0
    assert "nats://a:4222 (NATS JetStream)" in capsys.readouterr().out


@pytest.fixture
def gateway(binance_options_sandbox: LocalSandbox, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """A gateway of two accounts as a process; its line of JSON."""
    sandbox_keys(tmp_path, binance_options_sandbox, "a", "b")
    path = sandbox_config(tmp_path, binance_options_sandbox, "a", "b")
    with running("gateway", "run", "--config", str(path), "--json", env=environment()) as process:
        yield next(lines(process.stdout)) | {"token_file": str(tmp_path / "journals/token"), "config": str(path)}
        process.terminate()
        process.wait(PATIENCE_S)


def test_status_asks_a_gateway_that_runs(gateway: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    there = ["--url", gateway["url"], "--token-file", gateway["token_file"]]
    assert run(["gateway", "status", *there]) == 0
    told = capsys.readouterr().out
    assert sorted(line.split()[0] for line in told.splitlines()) == ["2", "a", "account", "b"]
    assert run(["gateway", "status", *there, "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {row["name"] for row in rows} == {"a", "b"}
    assert gateway["token"] not in told
    assert run(["gateway", "status", "--config", gateway["config"], "--url", gateway["url"]]) == 0
    assert "2 accounts" in capsys.readouterr().out


def test_status_without_a_gateway_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    private(tmp_path / "t", "a-token-that-is-long-enough")
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
    assert run(["gateway", "status", "--url", url, "--token-file", str(tmp_path / "t")]) == 4
    assert "check that it runs" in capsys.readouterr().err


def test_status_names_the_address_that_is_meant(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    token = tmp_path / "t"
    token.write_text("t" * 43)
    token.chmod(0o600)
    assert run(["gateway", "status", "--url", "127.0.0.1:8780", "--token-file", str(token)]) == 2
    assert capsys.readouterr().err.endswith("\n  what to do: write http://127.0.0.1:8780\n")


def test_status_names_the_mistakes_of_a_configuration_it_needs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "g").write_text("[gateway]\njournal = 3\nlisten = 4\n")
    assert run(["gateway", "status", "--config", str(tmp_path / "g")]) == 2
    assert [line[:8] for line in capsys.readouterr().err.splitlines()[1:]] == ["  line 2", "  line 3"]


def test_status_finds_address_and_token_in_the_configuration(tmp_path: Path) -> None:
    path = config_of(tmp_path)
    assert place_of(None, None, path) == ("http://127.0.0.1:8780", tmp_path / "journals/token")
    assert place_of("http://[::1]:1", None, path) == ("http://[::1]:1", tmp_path / "journals/token")
    private(tmp_path / "t", "a-token-that-is-long-enough")
    for host, shown in (("0.0.0.0", "127.0.0.1"), ("[::]", "[::1]"), ("[::1]", "[::1]")):
        path = config_of(tmp_path, more=f'listen = "{host}:7"\ntoken_file = "t"\n')
        assert place_of(None, None, path) == (f"http://{shown}:7", tmp_path / "t")
    path = config_of(tmp_path, more='listen = "127.0.0.1:0"\n')
    with pytest.raises(UsageError, match="--url URL"):
        place_of(None, None, path)
    assert place_of("http://[::1]:1", tmp_path / "t", tmp_path / "missing") == ("http://[::1]:1", tmp_path / "t")


def test_status_needs_no_faultless_configuration(tmp_path: Path) -> None:
    path = tmp_path / "g"
    path.write_text(
        f'[gateway]\njournal = "{tmp_path}"\nlisten = "127.0.0.1:7"\nkeep_day = 3\nvenue = "none"\n'
        '[[accounts]]\nname = "a"\nkey = "file:missing"\n[[accounts]]\nname = what\n'
    )
    assert place_of(None, None, path) == ("http://127.0.0.1:7", tmp_path / "token")
    path.write_text(f'[gateway]\njournal = "nats://a:4222"\nfolder = "{tmp_path / "own"}"\n')
    assert place_of(None, None, path) == ("http://127.0.0.1:8780", tmp_path / "own/token")
    path.write_text('[gateway]\njournal = "nats://a:4222"\n')
    assert place_of(None, None, path)[1] == tmp_path / "listenkey-gateway/token"
    for wrong in ("[gateway]\nlisten = 127.0.0.1:7\n", "[[accounts]]\n", "gateway = 3\n", "[gateway]\nlisten = 3\n"):
        path.write_text(wrong)
        with pytest.raises(ConfigError):
            place_of(None, None, path)
