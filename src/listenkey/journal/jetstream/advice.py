"""Give the servers' errors advice of their own: that of a journal in a file names the disk and an option."""

from __future__ import annotations

from typing import Final, TypeVar

from listenkey.errors import ListenKeyError

CHECK_SERVERS: Final = "check that the servers of NATS run, the address of the journal, and the servers' logs"

MAKE_STREAMS: Final = (
    "make it with `listenkey gateway init`, or in a program with `make_streams` (docs/reference/jetstream.md), "
    "or name the prefix it was made with (nats://...?prefix=NAME)"
)

AnError = TypeVar("AnError", bound=ListenKeyError)


def advised(error: AnError, advice: str = CHECK_SERVERS) -> AnError:
    """Return an error with what to do, which the command shows in place of its class's advice."""
    vars(error)["advice"] = advice
    return error
