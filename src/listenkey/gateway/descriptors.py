"""Raise the limit on open files: an account has a socket, a reader has one, and the usual limit is 1,024."""

from __future__ import annotations

import logging
from typing import Final

log = logging.getLogger("listenkey")

OTHERS: Final = 256
"""Descriptors for journals, requests and everything else of a process."""

READERS: Final = 256
"""Readers that should find room beside the accounts."""


def allow_files(accounts: int) -> None:
    """
    Raise this process's limit as far as the system lets it, and say where that is too low.

    Args:
        accounts: How many there are; each may have two sockets, while one takes over from the other.
    """
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):
            hard = soft
    wanted = 2 * accounts + READERS + OTHERS
    if hard != resource.RLIM_INFINITY and hard < wanted:
        log.warning(
            "this process may open %d files, and %d accounts with their readers want %d: raise the limit "
            "(LimitNOFILE= of the unit, ulimit -n)", hard, accounts, wanted,
        )  # fmt: skip
