"""`listenkey gateway`: many accounts in one process, for any number of readers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import click

from listenkey.cli import exit_codes, running
from listenkey.cli.config.options import AnyCommand, configure_logs, debug_option
from listenkey.cli.groups import CommandGroup

STOP_WITHIN_S: Final = 10.0
"""The time that an end may take: the items of all accounts are written, and their sockets closed."""


def config_option(function: AnyCommand) -> AnyCommand:
    """`--config`."""
    return click.option(
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        default="gateway.toml",
        show_default=True,
        metavar="F",
        help="The accounts, and where to listen.",
    )(function)


@click.group(cls=CommandGroup)
def gateway() -> None:
    """
    Hold many accounts' streams in one process, and hand their events to readers over HTTP.

    \b
    The smallest gateway.toml, with a key file beside it as for `tail --key-file`:
      [gateway]
      journal = "journals"
      [[accounts]]
      name = "desk-1"
      key = "file:desk-1.env"

    \b
    Examples:
      listenkey gateway check
      listenkey gateway run --config /etc/listenkey/gateway.toml
      listenkey gateway status
    """


@gateway.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
@debug_option
def check(config: Path, as_json: bool) -> int:
    """
    Say what is wrong with a configuration, line by line; or what it would run.

    Reads the file and the keys that it refers to, and asks nobody. Ends with 0 where `run` would start, else with 2.

    \b
    Examples:
      listenkey gateway check
      listenkey gateway check --config /etc/listenkey/gateway.toml --json
    """
    from listenkey.cli.gateway import check_report
    from listenkey.gateway.config import read_config
    from listenkey.gateway.mistakes import ConfigError

    configure_logs()
    try:
        found = read_config(config)
    except ConfigError as error:
        mistakes = check_report.mistakes_object(error)
        click.echo(json.dumps({"ok": False, **mistakes}) if as_json else check_report.mistakes_text(error))
        return exit_codes.WRONG_USE
    described = check_report.config_object(found)
    click.echo(json.dumps({"ok": True, **described}) if as_json else check_report.config_text(found))
    return exit_codes.DONE


@gateway.command()
@config_option
@click.option(
    "--port", type=click.IntRange(0, 65535), metavar="P", help="Another port than the file's; 0 takes a free one."
)
@click.option("--json", "as_json", is_flag=True, help="Say where it is as one JSON line, with the token.")
@debug_option
def run(config: Path, port: int | None, as_json: bool) -> int:
    """
    Run the gateway until Ctrl-C.

    Accounts start one after the other as the venue's limits allow, and events are in the journal before a reader sees
    them. SIGHUP reads the configuration again: accounts come, go and get other keys while the others go on; a file with
    mistakes changes nothing. SIGTERM and Ctrl-C end it in order.

    \b
    Examples:
      listenkey gateway run
      listenkey gateway run --config /etc/listenkey/gateway.toml --log-format json
      listenkey gateway run --port 0 --json
      curl -H "Authorization: Bearer $(cat journals/token)" http://127.0.0.1:8780/v1/accounts
    """
    from listenkey.cli.gateway import check_report
    from listenkey.cli.gateway.serving import serve
    from listenkey.gateway.config import read_config
    from listenkey.gateway.mistakes import ConfigError

    configure_logs()
    try:
        chosen = read_config(config)
    except ConfigError as error:
        exit_codes.print_error(check_report.mistakes_text(error))
        return exit_codes.WRONG_USE
    return running.run(lambda stop: serve(stop, chosen, port=port, as_json=as_json), stop_within_s=STOP_WITHIN_S)
