"""The files under deploy/ fit the command and each other; systemd itself reads the unit where it is installed."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import click
import pytest

from listenkey.cli.commands.gateway import STOP_WITHIN_S
from listenkey.cli.commands.gateway import run as gateway_run
from listenkey.cli.commands.tail import tail
from listenkey.cli.exit_codes import HELD, WRONG_USE
from listenkey.gateway.config import GatewayConfig, read_config
from listenkey.journal.jetstream.address import log_address
from listenkey.key_sources.key_file import MOUNTED_AT
from tests.docs.pages import ROOT
from tests.nats_server import BINARY

UNIT = ROOT / "deploy/systemd/listenkey@.service"
GATEWAY_UNIT = ROOT / "deploy/systemd/listenkey-gateway.service"
GATEWAY_COMPOSE = ROOT / "deploy/container/gateway/compose.yaml"
CONTAINERFILE = ROOT / "deploy/container/Containerfile"
COMPOSE = ROOT / "deploy/container/compose.yaml"


def parsed(arguments: list[str]) -> dict[str, object]:
    """The parameters of `tail`, as click reads them; an option that it does not have is an error."""
    assert arguments[0] == "tail"
    with tail.make_context("tail", arguments[1:]) as context:
        return context.params


def unit_values(name: str, unit: Path = UNIT) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", unit.read_text(), re.MULTILINE)


def parsed_run(arguments: list[str]) -> dict[str, object]:
    """The parameters of `gateway run`, as click reads them."""
    assert arguments[:2] == ["gateway", "run"]
    with gateway_run.make_context("run", arguments[2:]) as context:
        return context.params


def configured(text: str, folder: Path) -> GatewayConfig:
    """Read an example configuration in a folder that has what it names; paths from the root lie below that folder."""
    for name in re.findall(r'= "(?:file:)?([^":]+(?:/desk-\d[^"]*|/token))"', text):
        path = folder / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"BINANCE_API_KEY=key-{path.name}\nBINANCE_API_SECRET=s\n" if "desk" in name else "t" * 43)
        path.chmod(0o600)
    (folder / "gateway.toml").write_text(re.sub(r'(= "(?:file:)?)/', rf"\1{folder}/", text))
    return read_config(folder / "gateway.toml", {})


def container_command() -> list[str]:
    (line,) = re.findall(r"^CMD (.*)$", CONTAINERFILE.read_text(), re.MULTILINE)
    command: list[str] = json.loads(line)
    return command


def test_the_unit_keeps_a_journal_where_it_may_write() -> None:
    (line,) = unit_values("ExecStart")
    program, *arguments = shlex.split(line)
    given = parsed(arguments)
    assert Path(program).name == "listenkey"
    assert given["journal"] == f"%S/{unit_values('StateDirectory')[0]}/fills.db"
    (credential,) = unit_values("LoadCredential")
    assert str(given["key_file"]) == f"%d/{credential.partition(':')[0]}"


def test_the_unit_does_not_start_again_what_was_refused() -> None:
    assert unit_values("RestartPreventExitStatus") == ["2 3 6"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="2026-11-30: there is no systemd here")
@pytest.mark.parametrize(("source", "name"), [(UNIT, "listenkey@alice.service"), (GATEWAY_UNIT, GATEWAY_UNIT.name)])
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path, source: Path, name: str) -> None:
    program = tmp_path / "listenkey"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / name
    unit.write_text(source.read_text().replace("/opt/listenkey/bin/listenkey", str(program)))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(unit)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    # A machine that was not booted by systemd has other things to say, of itself.
    assert [line for line in done.stderr.splitlines() if name.partition("alice")[0] in line] == []


def test_the_container_keeps_a_journal_in_its_volume_and_reads_a_mounted_secret() -> None:
    given = parsed(container_command())
    (volume,) = re.findall(r"^VOLUME (.*)$", CONTAINERFILE.read_text(), re.MULTILINE)
    assert Path(str(given["journal"])).parent == Path(volume)
    assert any(Path(str(given["key_file"])).is_relative_to(place) for place in MOUNTED_AT)
    assert f":{volume}" in COMPOSE.read_text()
    assert f"      - {Path(str(given['key_file'])).name}\n" in COMPOSE.read_text()


def test_the_gateways_unit_keeps_its_journals_where_it_may_write(tmp_path: Path) -> None:
    (line,) = unit_values("ExecStart", GATEWAY_UNIT)
    _, *arguments = shlex.split(line)
    found = configured((ROOT / "deploy/systemd/gateway.toml").read_text(), tmp_path)
    assert str(parsed_run(arguments)["config"]) == "/etc/listenkey/gateway.toml"
    assert not parsed_run(arguments)["as_json"], "the line of JSON has the token in it"
    (state,) = unit_values("StateDirectory", GATEWAY_UNIT)
    assert found.journal == f"{tmp_path}/var/lib/{state}"
    assert [account.key for account in found.accounts] == ["file:keys/desk-1.env", "file:keys/desk-2.env"]
    assert found.warnings == ()


def test_the_gateways_unit_shows_no_token_and_knows_reload() -> None:
    assert unit_values("StandardOutput", GATEWAY_UNIT) == ["null"]
    assert unit_values("ExecReload", GATEWAY_UNIT) == ["/bin/kill -HUP $MAINPID"]
    assert unit_values("RestartPreventExitStatus", GATEWAY_UNIT) == [f"{WRONG_USE} {HELD}"]
    (wait,) = unit_values("TimeoutStopSec", GATEWAY_UNIT)
    assert int(wait) > STOP_WITHIN_S


def test_the_gateways_container_has_what_its_configuration_names(tmp_path: Path) -> None:
    compose = GATEWAY_COMPOSE.read_text()
    (command,) = re.findall(r"^    command: (.*)$", compose, re.MULTILINE)
    config = str(parsed_run(json.loads(command))["config"])
    assert f"./gateway.toml:{config}:ro" in compose
    text = (GATEWAY_COMPOSE.parent / "gateway.toml").read_text()
    found = configured(text, tmp_path)
    assert str(found.token_file) == f"{tmp_path}/run/secrets/token"
    for name in ("token", *(account.name for account in found.accounts)):
        assert f"      - {name}\n" in compose
        assert f"  {name}:\n    file: ./" in compose
        assert f"/run/secrets/{name}" in text
    assert f":{found.journal.removeprefix(str(tmp_path))}\n" in compose
    assert f'"127.0.0.1:{found.port}:{found.port}"' in compose
    (grace,) = re.findall(r"stop_grace_period: (\d+)s", compose)
    assert int(grace) > STOP_WITHIN_S


def test_what_the_container_copies_is_there() -> None:
    for line in re.findall(r"^COPY (.*)$", CONTAINERFILE.read_text(), re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source


def test_an_option_that_is_none_is_found() -> None:
    with pytest.raises(click.UsageError):
        parsed(["tail", "--no-such-option"])


def test_a_worker_of_a_cluster_is_configured_without_a_mistake(tmp_path: Path) -> None:
    found = configured((ROOT / "deploy/nats/gateway.toml").read_text(), tmp_path)
    assert (found.worker, found.worker_url, found.is_on_nats) == ("w1", "https://w1.example:443", True)
    assert len(log_address(found.journal).monitors) == len(log_address(found.journal).servers) == 3


def test_servers_of_nats_take_their_configuration_which_keeps_what_is_acknowledged() -> None:
    conf = ROOT / "deploy/nats/nats.conf"
    for name in "abc":
        done = subprocess.run(
            [BINARY, "-t", "-c", conf], env={"NODE": name}, capture_output=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
    assert "  sync_interval: always\n" in conf.read_text()
