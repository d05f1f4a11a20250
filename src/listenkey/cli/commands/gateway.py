"""`listenkey gateway`: many accounts in one process, for any number of readers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import click

from listenkey.cli import exit_codes, running
from listenkey.cli.config.options import DURATION, AnyCommand, configure_logs, debug_option
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
    Name every mistake of a configuration, or say what it would run.

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
      curl -H @<(printf 'Authorization: Bearer %s' "$(cat journals/token)") http://127.0.0.1:8780/v1/accounts
    """
    from listenkey.cli.gateway import check_report
    from listenkey.cli.gateway.serving import Hangups, serve
    from listenkey.gateway.config import read_config
    from listenkey.gateway.mistakes import ConfigError

    configure_logs()
    hangups = Hangups()
    try:
        chosen = read_config(config)
    except ConfigError as error:
        exit_codes.print_error(check_report.mistakes_text(error))
        return exit_codes.WRONG_USE
    return running.run(
        lambda stop: serve(stop, chosen, hangups, port=port, as_json=as_json), stop_within_s=STOP_WITHIN_S
    )


@gateway.command()
@config_option
@click.option("--days", type=DURATION, default=30.0, show_default=True, help="How long items are kept.")
@click.option(
    "--gib", type=DURATION, default=16.0, show_default=True, help="How much they may take in all, on each server."
)
@debug_option
def init(config: Path, days: float, gib: float) -> int:
    """
    Make the stream and the buckets of a journal in NATS, before the first start.

    May be called again, to give them other limits. Servers that may lose what they acknowledged are refused; the page
    docs/reference/jetstream.md says what they need. A journal in a folder needs nothing: `gateway run` makes it.

    \b
    Examples:
      listenkey gateway init
      listenkey gateway init --config /etc/listenkey/gateway.toml --days 7 --gib 100
    """
    import asyncio

    from listenkey.cli.gateway.check_report import mistakes_text
    from listenkey.gateway.cluster_setup import GIB, set_up
    from listenkey.gateway.config import read_config
    from listenkey.gateway.mistakes import ConfigError

    configure_logs()
    try:
        chosen = read_config(config)
    except ConfigError as error:
        exit_codes.print_error(mistakes_text(error))
        return exit_codes.WRONG_USE
    names = asyncio.run(set_up(chosen, days, round(gib * GIB)))
    click.echo(f"made, or changed: the stream {names.stream} and the buckets {', '.join(names.buckets)}")
    click.echo(f"items are kept {days:g} days, {gib:g} GiB at most; next: listenkey gateway run --config {config}")
    return exit_codes.DONE


@gateway.command()
@click.option("--url", metavar="URL", help="Where the gateway listens; by default as its configuration says.")
@click.option(
    "--token-file", type=click.Path(path_type=Path, dir_okay=False), metavar="F", help="The file with its token."
)
@config_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object per account, with all that is known of it.")
@debug_option
def status(url: str | None, token_file: Path | None, config: Path, as_json: bool) -> int:
    """
    List the accounts of a running gateway, the worst first.

    Address and token come from the configuration, or from --url and --token-file. Ends with 0 where the gateway answers,
    also where accounts are in trouble: the address /readyz tells that to programs.

    \b
    Examples:
      listenkey gateway status
      listenkey gateway status --url http://127.0.0.1:8780 --token-file journals/token
      listenkey gateway status --json | jq -c 'select(.fills_complete | not) | [.name, .why]'
    """
    from listenkey.cli.gateway.check_report import mistakes_text
    from listenkey.cli.gateway.status_table import sorted_by_trouble, table
    from listenkey.errors import ProtocolError, TransportError, VenueDown
    from listenkey.gateway.access_token import read_token
    from listenkey.gateway.inquiry import accounts_at
    from listenkey.gateway.mistakes import ConfigError
    from listenkey.transport.clock import SystemClock

    configure_logs()
    try:
        url, token_file = place_of(url, token_file, config)
    except ConfigError as error:
        exit_codes.print_error(mistakes_text(error))
        return exit_codes.WRONG_USE
    try:
        rows = sorted_by_trouble(accounts_at(url, read_token(token_file)))
    except (TransportError, ProtocolError, VenueDown) as error:
        vars(error)["advice"] = "check that it runs (`listenkey gateway run`), and that --url is the address it printed"
        raise
    if as_json:
        for row in rows:
            click.echo(json.dumps(row))
    else:
        click.echo(table(rows, SystemClock().wall_ms()))
    return exit_codes.DONE


def place_of(url: str | None, token_file: Path | None, config: Path) -> tuple[str, Path]:
    """
    Return the address of a gateway and the file of its token: as given, else as its configuration says.

    Raises:
        UsageError: The configuration is needed, and can't be used.
    """
    if url is not None and token_file is not None:
        return url, token_file
    from listenkey.errors import UsageError
    from listenkey.gateway.config import read_place

    there = read_place(config)
    if url is None and there.port == 0:
        raise UsageError(f"{config} lets the gateway take a free port; give the address that it printed: --url URL")
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(there.host, there.host)  # noqa: S104 - compared with
    shown = f"[{host}]" if ":" in host else host
    return url or f"http://{shown}:{there.port}", token_file or there.token_file
