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

from listenkey.cli.commands.tail import tail
from listenkey.key_sources.key_file import MOUNTED_AT
from tests.docs.pages import ROOT

UNIT = ROOT / "deploy/systemd/listenkey@.service"
CONTAINERFILE = ROOT / "deploy/container/Containerfile"
COMPOSE = ROOT / "deploy/container/compose.yaml"


def parsed(arguments: list[str]) -> dict[str, object]:
    """The parameters of `tail`, as click reads them; an option that it does not have is an error."""
    assert arguments[0] == "tail"
    with tail.make_context("tail", arguments[1:]) as context:
        return context.params


def unit_values(name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", UNIT.read_text(), re.MULTILINE)


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
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    program = tmp_path / "listenkey"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / "listenkey@alice.service"
    unit.write_text(UNIT.read_text().replace("/opt/listenkey/bin/listenkey", str(program)))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(unit)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    # A machine that was not booted by systemd has other things to say, of itself.
    assert [line for line in done.stderr.splitlines() if "listenkey@" in line] == []


def test_the_container_keeps_a_journal_in_its_volume_and_reads_a_mounted_secret() -> None:
    given = parsed(container_command())
    (volume,) = re.findall(r"^VOLUME (.*)$", CONTAINERFILE.read_text(), re.MULTILINE)
    assert Path(str(given["journal"])).parent == Path(volume)
    assert any(Path(str(given["key_file"])).is_relative_to(place) for place in MOUNTED_AT)
    assert f":{volume}" in COMPOSE.read_text()
    assert f"      - {Path(str(given['key_file'])).name}\n" in COMPOSE.read_text()


def test_what_the_container_copies_is_there() -> None:
    for line in re.findall(r"^COPY (.*)$", CONTAINERFILE.read_text(), re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source


def test_an_option_that_is_none_is_found() -> None:
    with pytest.raises(click.UsageError):
        parsed(["tail", "--no-such-option"])
