"""`listenkey key`: the three calls by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from listenkey.cli.config import settings
from listenkey.cli.config.options import account_options
from listenkey.cli.config.settings import Addresses
from listenkey.cli.groups import CommandGroup

if TYPE_CHECKING:
    from listenkey.blocking.listen_key_api import UserDataStreamsApi


@click.group(cls=CommandGroup)
def key() -> None:
    """
    Start, keep alive or close a listen key; one call each, the answer as JSON on stdout.

    There is one listen key per account. It lives 60 minutes, and start and keepalive both extend it to 60 minutes
    from now. `listenkey tail` does all of this by itself.

    \b
    Examples:
      listenkey key start
      listenkey key keepalive --venue testnet
      listenkey key close --key-file ~/.binance-options
    """


@key.command()
@account_options
def start(key_file: Path | None, addresses: Addresses) -> None:
    """
    POST: make a listen key, or get the active one and extend it.

    Prints the listen key, as is this command's purpose. Whoever holds it can read the account's stream.

    \b
    Example:
      listenkey key start | python -c 'import json, sys; print(json.load(sys.stdin)["expiration"])'
    """
    with open_api(key_file, addresses) as api:
        answer = api.options_create_listen_key_v1()
    show(answer.to_dict())


@key.command()
@account_options
def keepalive(key_file: Path | None, addresses: Addresses) -> None:
    """
    PUT: extend the active listen key to 60 minutes from now.

    Do it every 20 to 30 minutes: a try that fails then leaves time for others.

    \b
    Example:
      listenkey key keepalive
    """
    with open_api(key_file, addresses) as api:
        answer = api.options_update_listen_key_v1()
    show(answer)


@key.command()
@account_options
def close(key_file: Path | None, addresses: Addresses) -> None:
    """
    DELETE: end the account's listen key, and with it the stream of every program that uses it.

    \b
    Example:
      listenkey key close
    """
    with open_api(key_file, addresses) as api:
        answer = api.options_delete_listen_key_v1()
    show(answer)


def open_api(key_file: Path | None, addresses: Addresses) -> UserDataStreamsApi:
    """The three calls for the account and address that the options name."""
    from listenkey.blocking.listen_key_api import UserDataStreamsApi

    chosen = settings.load(key_file, addresses, needs_socket=False)
    return UserDataStreamsApi(api_key=chosen.api_key, base_url=chosen.venue.rest_url)


def show(answer: Any) -> None:
    """The answer as one line of JSON."""
    click.echo(json.dumps(answer, separators=(", ", ": "), default=str))
