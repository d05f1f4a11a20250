"""
The two kinds of notes by which workers share accounts: who is alive, and who holds an account.

A note keeps nobody from writing. It says who should try; what is written is decided by the fence of the log.
"""

from __future__ import annotations

from typing import Final

import msgspec

NOBODY: Final = ""
"""The holder of an account that was let go."""


class WorkerSession(msgspec.Struct, frozen=True):
    """
    A worker that is alive: a process that runs a gateway. The note ends by itself unless it is renewed.

    Attributes:
        worker: Its name, which it has again after a restart.
        url: Where it answers.
        is_leaving: True where it lets go of its accounts, to end.
    """

    worker: str
    url: str
    is_leaving: bool = False


class AccountLease(msgspec.Struct, frozen=True):
    """
    An account's holder.

    Attributes:
        account: The account's name.
        holder: The session of the worker that holds it; `NOBODY` where it was let go.
        worker: The name of the worker that held it last, for people.
        wanted_by: The session of a worker that asks for it; `NOBODY` where none does.
        risk: The stake of the account, as the holder knew it last.
        key: The fingerprint of the API key that the holder knows to be the account's.
    """

    account: str
    holder: str
    worker: str
    wanted_by: str = NOBODY
    risk: tuple[int, ...] = ()
    key: str = ""


encode: Final = msgspec.json.Encoder().encode
_session: Final = msgspec.json.Decoder(WorkerSession).decode
_lease: Final = msgspec.json.Decoder(AccountLease).decode


def read_session(data: bytes) -> WorkerSession | None:
    """Return a session; None where it is of a release that writes other ones."""
    try:
        return _session(data)
    except msgspec.DecodeError:
        return None


def read_lease(data: bytes) -> AccountLease | None:
    """Return a lease; None where it can't be read."""
    try:
        return _lease(data)
    except msgspec.DecodeError:
        return None
