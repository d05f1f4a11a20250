"""
Errors to exit codes and two lines: what happened, what to do.

The codes, by what a script should do with them:

    0  done
    1  anything else; also "the demo's stream and ledger differ", and a check of `doctor` that fails for another reason
    2  wrong use: fix the command line, the environment or the key file
    3  the venue refused: the same command will be refused again
    4  not reachable, or the venue says "later" (429, 418, 5xx) or nothing that can be understood: try again later
    5  the journal
    6  the journal, or the account, is held by another process
    130, 143  stopped by Ctrl-C or SIGTERM before it was done
"""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Sequence
from typing import Final

import click

from listenkey import errors
from listenkey.cli.redaction import printable, redact

DONE: Final = 0
FAILED: Final = 1
WRONG_USE: Final = 2
REFUSED: Final = 3
NOT_REACHABLE: Final = 4
JOURNAL: Final = 5
HELD: Final = 6
INTERRUPTED: Final = 130

MEANINGS: Final[tuple[tuple[type[errors.ListenKeyError], int, str], ...]] = (
    (errors.UsageError, WRONG_USE, "correct the command line, the environment or the key file"),
    (errors.Banned, NOT_REACHABLE, "send nothing until the ban ends; find out what else uses this IP address"),
    (errors.RateLimited, NOT_REACHABLE, "wait a minute, and see what else sends requests from this IP address"),
    (errors.VenueDown, NOT_REACHABLE, "try again in a minute; asking again is safe"),
    (
        errors.Retired,
        REFUSED,
        "the venue seems to have retired this address; look for a newer listenkey, check --venue",
    ),
    (errors.KeyUnknown, REFUSED, "there is no active listen key; `listenkey key start` makes one"),
    (errors.OutOfWindow, REFUSED, "set this machine's clock; `listenkey doctor` shows by how much it is off"),
    (errors.Refused, REFUSED, "check the API key, its permissions and its IP list; `listenkey doctor` tells more"),
    (errors.VenueError, REFUSED, "docs/reference/errors.md tells what the code means"),
    (errors.TransportError, NOT_REACHABLE, "check the network and --venue, --rest-url, --ws-url; then try again"),
    (errors.ProtocolError, NOT_REACHABLE, "something else may have answered (a proxy, a login page); try again later"),
    (errors.Fenced, HELD, "stop the other process, or give this one a journal of its own"),
    (
        errors.Corrupt,
        JOURNAL,
        (
            "`listenkey journal verify` shows what is damaged, `listenkey journal salvage` saves what is whole; "
            "docs/how-to/use-a-journal.md, A damaged journal"
        ),
    ),
    (errors.JournalError, JOURNAL, "check the disk and the path of --journal"),
    (errors.LeaseLost, HELD, "stop the other process that holds this account"),
    (errors.ListenKeyError, FAILED, "run it again with --debug for more"),
)
"""The first that fits counts, so narrower classes stand above wider ones."""


OPTION_OF: Final = {
    "account=": "--account ",
    "api_secret": "BINANCE_API_SECRET",
    "journal=": "--journal ",
    "keep_days": "--keep-days",
    "private_key": "BINANCE_PRIVATE_KEY_FILE",
    "rest_url": "--rest-url",
    "time_scale": "--time-scale",
    "ws_url": "--ws-url",
}
"""The options and variables of the command, by the arguments of the library whose messages it prints."""

ARGUMENT: Final = re.compile(rf"(?<![\w/.'-])({'|'.join(OPTION_OF)})(?![\w/.-])")


def meaning(error: errors.ListenKeyError) -> tuple[int, str]:
    """The exit code and what to do."""
    code, advice = next((code, advice) for kind, code, advice in MEANINGS if isinstance(error, kind))
    # An error that was given advice of its own knows more than its class.
    return code, str(vars(error).get("advice", advice))


def safe(text: str) -> str:
    """A text of the library or the venue, fit for a terminal."""
    return printable(redact(text), 400)


def sentence(error: BaseException) -> str:
    """Put an error on one line, without the advice that it carries and without secrets."""
    text = str(error) or type(error).__name__
    if advice := getattr(error, "advice", None):
        text = text.removesuffix(f"; {advice}")
    if isinstance(error, errors.Corrupt):
        from listenkey.journal.sqlite.database import VERIFY_TELLS  # Only damage needs SQLite here.

        text = text.removesuffix(VERIFY_TELLS)
    if isinstance(error, errors.UsageError):
        text = ARGUMENT.sub(lambda found: OPTION_OF[found[1]], text.replace(" (--account)", ""))
    return safe(text)


def wants_debug(arguments: Sequence[str]) -> bool:
    """Return True where `--debug` was given. Read before click parses, so that it counts for click's errors."""
    return "--debug" in arguments


def innermost(error: BaseException) -> BaseException:
    """The one error inside a group of one: task groups wrap what their task raised."""
    while isinstance(error, BaseExceptionGroup) and error.exceptions:
        # Where several tasks fell together, one of ours explains more than the rest.
        error = next(
            (part for part in error.exceptions if isinstance(part, errors.ListenKeyError)), error.exceptions[0]
        )
    return error


def tell(error: BaseException, *, debug: bool = False) -> int:
    """Print what happened and what to do on stderr; return the exit code."""
    inner = innermost(error)
    if isinstance(inner, SystemExit):
        return inner.code if isinstance(inner.code, int) else FAILED
    if isinstance(inner, click.exceptions.Exit):
        return inner.exit_code
    if isinstance(inner, BrokenPipeError):
        return DONE  # The reader has had enough, as in `listenkey tail | head`.
    if debug and not isinstance(inner, click.ClickException | KeyboardInterrupt | click.Abort):
        print_error(redact("".join(traceback.format_exception(error))))
    if isinstance(inner, KeyboardInterrupt | click.Abort):
        return INTERRUPTED
    if isinstance(inner, click.ClickException):
        return tell_usage(inner)
    if isinstance(inner, errors.ListenKeyError):
        code, advice = meaning(inner)
        happened = sentence(inner)
        if isinstance(inner, errors.UsageError) and "; " in happened:
            happened, _, advice = happened.partition("; ")  # Its cause knows the way out better than a list of options.
        print_error(f"listenkey: {happened}\n  what to do: {advice}")
        return code
    print_error(
        f"listenkey: unexpected {type(inner).__name__}: {sentence(inner)}\n"
        "  what to do: run it again with --debug and report what it prints; secrets are taken out"
    )
    return FAILED


def tell_usage(error: click.ClickException) -> int:
    """Click's own errors: the line of usage, then the message. Values it repeats may be secrets pasted by mistake."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    print_error(f"listenkey: {redact(error.format_message())}")
    if context is not None:
        print_error(f"  what to do: see `{context.command_path} --help`")
    return WRONG_USE if isinstance(error, click.UsageError) else error.exit_code


def print_error(text: str) -> None:
    """A line on stderr; a stderr that is gone is no reason to fail."""
    try:
        sys.stderr.write(text.rstrip("\n") + "\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        pass
