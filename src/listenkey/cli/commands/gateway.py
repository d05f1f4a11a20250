"""`listenkey gateway`: many accounts in one process, for any number of readers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from listenkey.cli import exit_codes
from listenkey.cli.config.options import AnyCommand, configure_logs, debug_option
from listenkey.cli.groups import CommandGroup

if TYPE_CHECKING:
    from listenkey.gateway.config import GatewayConfig
    from listenkey.gateway.mistakes import ConfigError

NAMES_SHOWN: Final = 8


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
    The smallest gateway.toml:
      [gateway]
      journal = "journals"
      [[accounts]]
      name = "desk-1"
      key = "file:desk-1.env"

    \b
    Examples:
      listenkey gateway check --config gateway.toml
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
    from listenkey.gateway.config import read_config
    from listenkey.gateway.mistakes import ConfigError

    configure_logs()
    try:
        found = read_config(config)
    except ConfigError as error:
        click.echo(json.dumps({"ok": False, **as_object(error)}) if as_json else told(error))
        return exit_codes.WRONG_USE
    click.echo(json.dumps({"ok": True, **described(found)}) if as_json else readable(found))
    return exit_codes.DONE


def as_object(error: ConfigError) -> dict[str, Any]:
    """Return the mistakes for a program."""
    return {
        "config": str(error.path),
        "mistakes": [{"line": line, "text": exit_codes.safe(text)} for line, text in error.mistakes],
    }


def told(error: ConfigError) -> str:
    """Return the mistakes for a person, one a line."""
    many = "1 mistake" if len(error.mistakes) == 1 else f"{len(error.mistakes)} mistakes"
    return "\n".join([f"{error.path}: {many}", *(f"  {exit_codes.safe(str(mistake))}" for mistake in error.mistakes)])


def described(found: GatewayConfig) -> dict[str, Any]:
    """Return what a configuration would run, for a program."""
    from listenkey.gateway.cold_start import cold_start

    signing = sum(account.can_sign for account in found.accounts)
    return {
        "config": str(found.path),
        "accounts": [account.name for account in found.accounts],
        "listen": listen_text(found),
        "journal": found.journal,
        "folder": str(found.folder),
        "token_file": None if found.token_file is None else str(found.token_file),
        "keep_days": found.keep_days,
        "venue": {"name": found.venue.name, "rest_url": found.venue.rest_url, "ws_url": found.venue.ws_url},
        "cold_start": cold_start(signing, len(found.accounts) - signing)._asdict(),
        "warnings": [{"line": line, "text": exit_codes.safe(text)} for line, text in found.warnings],
    }


def listen_text(found: GatewayConfig) -> str:
    """Return host and port as they stand in an address."""
    return f"[{found.host}]:{found.port}" if ":" in found.host else f"{found.host}:{found.port}"


def readable(found: GatewayConfig) -> str:
    """Return what a configuration would run, for a person."""
    names = [account.name for account in found.accounts]
    shown = ", ".join(names[:NAMES_SHOWN]) + (", …" if len(names) > NAMES_SHOWN else "")
    token = f"from {found.token_file}" if found.token_file else f"made at the first start, and kept in {found.folder}"
    keeps = "keeps everything" if found.keep_days is None else f"keeps {found.keep_days:g} days"
    kind = "NATS JetStream" if found.is_on_nats else "SQLite"
    rows = {
        "accounts": f"{len(names)}: {shown}" if names else "none yet; POST /v1/accounts adds them while it runs",
        "listen": listen_text(found),
        "journal": f"{found.journal} ({kind}), {keeps}",
        "token": token,
        "venue": f"{found.venue.name}: {found.venue.rest_url}, {found.venue.ws_url}",
        "cold start": start_text(found),
    }
    lines = [f"{found.path} has no mistake. It would run:", *(f"  {name:<12}{text}" for name, text in rows.items())]
    lines += [f"  warning, {exit_codes.safe(str(warning))}" for warning in found.warnings]
    return "\n".join(lines)


def start_text(found: GatewayConfig) -> str:
    """Return the arithmetic of a start in a sentence."""
    from listenkey.gateway.cold_start import cold_start

    signing = sum(account.can_sign for account in found.accounts)
    plan = cold_start(signing, len(found.accounts) - signing)
    limit = f"at {plan.weight_limit} weight per minute"
    if plan.at_once >= plan.accounts:
        return f"all live within seconds ({plan.weight} weight, {limit})"
    after = f"{plan.all_live_after_s / 60:.0f} min" if plan.all_live_after_s >= 60 else f"{plan.all_live_after_s:.0f} s"
    return f"{plan.at_once} at once, then {plan.per_minute:.0f} per minute {limit}; all live after about {after}"
