"""`listenkey demo`: an exchange, an account whose orders fill, and its stream, all on this machine."""

from __future__ import annotations

from typing import Final

import click

from listenkey.cli.config.options import DURATION, configure_logs, debug_option, debug_wanted
from listenkey.cli.display.capabilities import stdout_is_terminal
from listenkey.cli.groups import Command
from listenkey.cli.running import run
from listenkey.errors import UsageError

SECONDS_WITHOUT_TERMINAL: Final = 20.0


@click.command(cls=Command)
@click.option(
    "--seconds",
    type=DURATION,
    metavar="N",
    help="End after N seconds; by default at Ctrl-C, or after 20 s where stdout is no terminal.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line, the summary last.")
@click.option("--journal", metavar="J", help="Keep the journal in this file; by default it is deleted at the end.")
@click.option("--seed", type=int, default=1, hidden=True)
@debug_option
def demo(seconds: float | None, as_json: bool, journal: str | None, seed: int) -> int:
    """
    Watch fills arrive from an exchange on this machine; no account and no internet needed.

    Starts a sandbox exchange whose bots trade with an account, and the stream of that account: the same code that runs
    against Binance. Then it pulls the plug, while trading goes on, and later loses a message on a living socket: what
    was missed is brought back. Ends with a summary, and with exit code 1 unless the exchange's own ledger, the stream
    and the journal on the disk hold the same fills, each once.

    \b
    Examples:
      listenkey demo
      listenkey demo --seconds 5 --json | tail -1
    """
    from listenkey.cli.demo.session import perform

    check_new(journal)
    dashboard = stdout_is_terminal() and not as_json
    # What it breaks is told among the items; warnings of the same on stderr would look as if something else were wrong.
    configure_logs(quiet=dashboard or not debug_wanted())
    if seconds is None and not stdout_is_terminal():
        seconds = SECONDS_WITHOUT_TERMINAL
    return run(
        lambda stop: perform(stop, dashboard=dashboard, as_json=as_json, journal=journal, seed=seed, seconds=seconds),
        seconds=seconds,
    )


def check_new(journal: str | None) -> None:
    """Each demo has an exchange of its own whose trade ids begin at 1; an older journal would take them for its own."""
    from listenkey.journal.files import is_there
    from listenkey.journal.url import journal_path

    if journal is not None and is_there(journal_path(journal)):
        raise UsageError(f"{journal} exists, and the demo's exchange is a new one each time; name a new file")
