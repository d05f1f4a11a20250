"""The shared options reach the command."""

from __future__ import annotations

import click
from click.testing import CliRunner

from listenkey.cli.config.options import account_options, debug_wanted
from listenkey.cli.config.settings import Addresses


def test_addresses_and_debug_reach_the_command() -> None:
    seen: list[tuple[Addresses, bool]] = []

    @click.command()
    @account_options
    def probe(key_file: object, addresses: Addresses) -> None:
        seen.append((addresses, debug_wanted()))

    runner = CliRunner()
    assert runner.invoke(probe, ["--venue", "testnet", "--attach", "query", "--debug"]).exit_code == 0
    assert runner.invoke(probe, []).exit_code == 0
    assert seen == [(Addresses(venue="testnet", attach="query"), True), (Addresses(), False)]
    assert runner.invoke(probe, ["--venue", "nowhere"]).exit_code == 2
