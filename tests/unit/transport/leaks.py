"""Looks for secrets where errors could carry them."""

from __future__ import annotations

import traceback


def everything_told_by(error: BaseException) -> str:
    """Return all that the most talkative handler could print: locals of every frame, every cause and context."""
    told: list[str] = []
    stack: list[BaseException | None] = [error]
    while stack:
        one = stack.pop()
        if one is not None:
            told += traceback.TracebackException.from_exception(one, capture_locals=True, compact=False).format()
            told.append(repr(one.__dict__))
            stack += [one.__cause__, one.__context__]
    return "".join(told)
