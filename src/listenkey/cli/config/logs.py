"""Send the library's log records and warnings to stderr while a command runs, one line each, without secrets."""

from __future__ import annotations

import datetime as dt
import json
import logging
import sys
import warnings
from typing import TextIO

from listenkey.cli.redaction import printable, redact


class RedactingFormatter(logging.Formatter):
    """One line a record; what looks like a secret is masked and control characters are dropped."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(redact(super().format(record)), 2_000)

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - logging names it
        """UTC to the millisecond, as ISO 8601 has it."""
        del datefmt
        at = dt.datetime.fromtimestamp(record.created, dt.UTC)
        return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class JsonFormatter(RedactingFormatter):
    """One JSON object a record: `time` in UTC, `level`, `logger`, `message`; `account` where the record names one."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": self.formatTime(record),
            "level": record.levelname,
            "logger": record.name,
            "message": printable(redact(record.getMessage()), 2_000),
        }
        if isinstance(account := getattr(record, "account", None), str):
            line["account"] = account
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = printable(redact(self.formatException(record.exc_info)), 8_000)
        return json.dumps(line)


class WithoutRepeats(logging.Filter):
    """Lets a record through that says something else than the one before: retries say the same for hours."""

    def __init__(self) -> None:
        super().__init__()
        self._last = ""

    def filter(self, record: logging.LogRecord) -> bool:
        before, self._last = self._last, record.getMessage()
        return self._last != before


def configure(*, debug: bool, quiet: bool = False, as_json: bool = False) -> None:
    """
    Send log records to stderr.

    Args:
        debug: All of them, also other libraries'; else warnings and worse.
        quiet: None of them: a full-screen dashboard owns the terminal, or the command tells the same in its own words.
        as_json: A JSON object a line, for what collects logs.
    """
    root = logging.getLogger()
    root.handlers.clear()
    handler: logging.Handler = logging.NullHandler() if quiet else logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        JsonFormatter() if as_json else RedactingFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    )
    if not debug:
        handler.addFilter(WithoutRepeats())
    root.addHandler(handler)
    root.setLevel(logging.DEBUG if debug else logging.WARNING)
    warnings.showwarning = log_warning


def log_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """A warning as a log record: its sentence alone, without the line of code that Python would show."""
    del category, filename, lineno, file, line
    logging.getLogger("listenkey").warning("%s", message)
