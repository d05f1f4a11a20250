"""Name the line that an error came from, for a log that must not quote a client's input."""

from __future__ import annotations


def error_location(error: Exception) -> str:
    """Return the kind of an error and the line it came from; not its text, which may hold a key."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f"{trace.tb_frame.f_code.co_qualname}, line {trace.tb_lineno}" if trace is not None else "nowhere"
    return f"{type(error).__name__} in {where}"
