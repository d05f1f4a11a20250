"""
The command `listenkey`: one command a file, loaded when it is called.

`main` is what the shell starts. It turns every error of the library into an exit code and two lines (`exit_codes.py`), so
that no person ever meets a traceback, and no secret reaches a terminal (`redaction.py`).
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from typing import Final

import click

from listenkey.cli.groups import LazyGroup

COMMANDS: Final = {
    "demo": (
        "listenkey.cli.commands.demo:demo",
        "Watch fills arrive from an exchange on this machine; no account needed.",
    ),
    "tail": ("listenkey.cli.commands.tail:tail", "Follow an account: every order, fill and balance as it happens."),
    "replay": ("listenkey.cli.commands.replay:replay", "Print a journal's items, and follow it with --follow."),
    "journal": (
        "listenkey.cli.commands.journal:journal",
        "Inspect, verify, export, back up, prune or salvage a journal.",
    ),
    "gateway": (
        "listenkey.cli.commands.gateway:gateway",
        "Hold many accounts' streams in one process, for readers over HTTP.",
    ),
    "consume": (
        "listenkey.cli.commands.consume:consume",
        "Read a cluster's log as a member of a group, on any number of machines.",
    ),
    "key": ("listenkey.cli.commands.key:key", "Start, keep alive or close a listen key; one call each."),
    "doctor": ("listenkey.cli.commands.doctor:doctor", "Check the key, the clock and the socket; say what to do."),
    "sandbox": ("listenkey.cli.commands.sandbox:sandbox", "Run a Binance Options exchange on this machine."),
    "completion": ("listenkey.cli.commands.completion:completion", "Print the completion script of a shell."),
}


def show_version(context: click.Context, _option: click.Parameter, wanted: bool) -> None:
    """Print the version and end. Reading it costs an import, so it waits until it is asked for."""
    if not wanted or context.resilient_parsing:
        return
    from importlib.metadata import version

    click.echo(f"listenkey {version('listenkey')}")
    context.exit()


@click.group(
    cls=LazyGroup,
    commands_at=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version",
    "-V",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=show_version,
    help="Show the version and exit.",
)
def command() -> None:
    """
    The Binance Options user data stream: fills, orders and balances as they happen.

    \b
    Try it without an account:
      listenkey demo
    \b
    With one (a read-only API key is enough):
      export BINANCE_API_KEY=...
      listenkey doctor
      listenkey tail

    Keys come from BINANCE_API_KEY, BINANCE_API_SECRET and BINANCE_PRIVATE_KEY_FILE, or from --key-file;
    never from an option's value.

    \b
    Exit codes:
      0  done               4  the venue was not reachable, or says "later"
      1  anything else      5  the journal could not be written or read
      2  wrong use          6  another process holds the journal or the account
      3  the venue refused
    """


def run(arguments: Sequence[str]) -> int:
    """Run the command once, and return an exit code; errors are printed on stderr."""
    from listenkey.cli import exit_codes

    if arguments[:1] == ["help"]:  # As in git; `listenkey help tail` is `listenkey tail --help`.
        arguments = [*arguments[1:], "--help"]
    debug = exit_codes.wants_debug(arguments)
    try:
        code = command.main(args=list(arguments), prog_name="listenkey", standalone_mode=False)
    except BaseException as error:  # noqa: BLE001  the top of the process: what is not told here is a traceback
        return exit_codes.tell(error, debug=debug)
    return code if isinstance(code, int) else 0


def main() -> None:
    """Run the command and end the process; the shell's entry point."""
    open_standard_streams()
    code = run(sys.argv[1:])
    for number, stream in enumerate((sys.stdout, sys.stderr), 1):
        try:
            stream.flush()
        except OSError:
            # The reader has left, or a disk is full. Python flushes again while it ends, and would end with 120.
            os.dup2(os.open(os.devnull, os.O_WRONLY), number)
    sys.exit(code)


def open_standard_streams() -> None:
    """
    Give 0, 1 and 2 something to point at where the caller closed them.

    Otherwise the next socket takes the number, and what we print for a person goes to the venue.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        if number == 1:
            sys.stdout = os.fdopen(1, "w", closefd=False)
        elif number == 2:
            sys.stderr = os.fdopen(2, "w", closefd=False)
    os.close(number)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A letter that the terminal's encoding lacks is shown by its number; it is no reason to end.
            stream.reconfigure(errors="backslashreplace")
