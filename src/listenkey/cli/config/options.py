"""The options that several commands share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from math import isnan
from pathlib import Path
from typing import Any, Final

import click

from listenkey.cli.config.settings import Addresses
from listenkey.venue import VENUES, Attach

AnyCommand = Callable[..., Any]

DEBUG: Final = "listenkey.debug"
LOG_FORMAT: Final = "listenkey.log_format"

DURATION_MAX: Final = 1e9
TIME_SCALE_MAX: Final = 1e6


class PositiveNumber(click.FloatRange):
    """A number above 0 and not above a bound; click takes `nan` for one that is in every range."""

    def __init__(self, most: float) -> None:
        super().__init__(min=0, min_open=True, max=most)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number; fail where it is none."""
        number = float(super().convert(value, param, ctx))
        if isnan(number):
            self.fail(f"{value!r} is not a number.", param, ctx)
        return number


DURATION: Final = PositiveNumber(DURATION_MAX)
"""Seconds or days; without a bound leave the option out."""

TIME_SCALE: Final = PositiveNumber(TIME_SCALE_MAX)


def note_debug(context: click.Context, _option: click.Parameter, wanted: bool) -> None:
    """Send the library's log to stderr. How errors are told is decided by `exit_codes.wants_debug`."""
    if wanted and not context.resilient_parsing:
        context.meta[DEBUG] = True


def debug_wanted() -> bool:
    """Return True where the command that runs was given `--debug`."""
    context = click.get_current_context(silent=True)
    return context is not None and context.meta.get(DEBUG, False)


def note_log_format(context: click.Context, _option: click.Parameter, chosen: str) -> None:
    """Keep the form of log records for `configure_logs`."""
    context.meta[LOG_FORMAT] = chosen


def configure_logs(*, quiet: bool = False) -> None:
    """Send log records to stderr as the command's `--debug` and `--log-format` say; `quiet`: none of them."""
    from listenkey.cli.config import logs

    context = click.get_current_context(silent=True)
    as_json = context is not None and context.meta.get(LOG_FORMAT) == "json"
    logs.configure(debug=debug_wanted(), quiet=quiet, as_json=as_json)


def account_option(function: AnyCommand) -> AnyCommand:
    """`--account`, for the journals of many accounts."""
    return click.option("--account", metavar="NAME", help="In a gateway's folder: the account.")(function)


def debug_option(function: AnyCommand) -> AnyCommand:
    """`--debug` and `--log-format`."""
    with_format = click.option(
        "--log-format",
        type=click.Choice(["text", "json"]),
        default="text",
        envvar="LISTENKEY_LOG_FORMAT",
        expose_value=False,
        callback=note_log_format,
        help="Log records on stderr as lines of text, or as a JSON object a line; or LISTENKEY_LOG_FORMAT.",
    )(function)
    return click.option(
        "--debug",
        is_flag=True,
        expose_value=False,
        callback=note_debug,
        help="Log to stderr, and on an error show where it arose; still without secrets.",
    )(with_format)


def account_options(function: AnyCommand) -> AnyCommand:
    """`--key-file`, `--venue`, `--rest-url`, `--ws-url` and what belongs to them, as `key_file` and `addresses`."""

    @click.option(
        "--key-file",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Lines NAME=VALUE with BINANCE_API_KEY and, if you like, BINANCE_API_SECRET or "
        "BINANCE_PRIVATE_KEY_FILE. Must be yours alone (chmod 600). Or keyring:, for the system's keyring.",
    )
    @click.option("--venue", type=click.Choice(list(VENUES)), help="Where to; production by default.")
    @click.option("--rest-url", metavar="URL", help="Another REST address; or LISTENKEY_REST_URL.")
    @click.option("--ws-url", metavar="URL", help="Another WebSocket address; or LISTENKEY_WS_URL.")
    @click.option(
        "--attach",
        type=click.Choice([attach.value for attach in Attach]),
        help="How the listen key is put on the socket.",
    )
    @click.option("--time-scale", type=TIME_SCALE, hidden=True)
    @debug_option
    @functools.wraps(function)
    def with_addresses(
        *args: Any,
        venue: str | None,
        rest_url: str | None,
        ws_url: str | None,
        attach: str | None,
        time_scale: float | None,
        **kwargs: Any,
    ) -> Any:
        return function(*args, addresses=Addresses(venue, rest_url, ws_url, attach, time_scale), **kwargs)

    return with_addresses
