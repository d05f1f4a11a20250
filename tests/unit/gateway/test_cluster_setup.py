"""The streams of a cluster are made by one command, and a folder needs none."""

from __future__ import annotations

from pathlib import Path

import pytest

from listenkey.cli.main import run
from listenkey.errors import UsageError
from listenkey.gateway.cluster_setup import set_up
from listenkey.gateway.config import read_config
from listenkey.journal.jetstream.account_journals import JetStreamJournals
from listenkey.journal.jetstream.address import log_address
from listenkey.journal.jetstream.servers import LogServers
from tests.nats_server import Cluster
from tests.unit.gateway.written import config_of


def config_on(folder: Path, journal: str) -> Path:
    path = config_of(folder, "desk")
    path.write_text(path.read_text().replace('"journals"', f'"{journal}"\nfolder = "journals"'))
    return path


def test_what_was_made_is_told_and_made_again_with_other_limits(
    nats_node: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = config_on(tmp_path, nats_node.address())
    for days in ("30", "7"):
        assert run(["gateway", "init", "--config", str(path), "--days", days, "--gib", "0.05"]) == 0
        told = capsys.readouterr().out
        assert "made, or changed: the stream T" in told
        assert f"items are kept {days} days, 0.05 GiB at most" in told


async def test_a_journal_opens_on_what_was_made(nats_node: Cluster, tmp_path: Path) -> None:
    address = nats_node.address()
    await set_up(read_config(config_on(tmp_path, address)), 1.0, 64 << 20)
    journals = JetStreamJournals(LogServers(log_address(address)), lambda: 0, beside=tmp_path / "x")
    await journals.open()
    assert await journals.kept("desk") == (1, 0)
    await journals.aclose()


async def test_a_folder_needs_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder, which `gateway run` makes by itself"):
        await set_up(read_config(config_of(tmp_path, "desk")), 1.0, 64 << 20)


def test_a_configuration_with_mistakes_makes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "gateway.toml").write_text("[gateway]\njournal = 3\n")
    assert run(["gateway", "init", "--config", str(tmp_path / "gateway.toml")]) == 2
    assert "line 2" in capsys.readouterr().err
