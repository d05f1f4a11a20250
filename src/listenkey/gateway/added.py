"""
The accounts that were added while the gateway ran, kept in `accounts.json` of its folder: names and references, no keys.

A file that can't be read is an error. To begin without its accounts would leave them unwatched, and nobody would notice.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NoReturn

import msgspec

from listenkey.errors import Corrupt, Full, JournalError, UsageError
from listenkey.gateway.names import check_name
from listenkey.gateway.whole_file import write_whole
from listenkey.key_sources.key_file import read_private
from listenkey.key_sources.references import parse

FILE: Final = "accounts.json"
BYTES_MAX: Final = 16 * 1024 * 1024
"""Of the file: room for 100,000 accounts."""

VERSION: Final = 1


class AddedAccount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """
    One account.

    Attributes:
        name: Its name.
        key: Names the place of its keys.
    """

    name: str
    key: str


class _Document(msgspec.Struct, frozen=True):
    version: int
    accounts: tuple[AddedAccount, ...]


class AddedAccounts:
    """
    The accounts in the file of a folder.

    Args:
        folder: The gateway's. It exists.

    Attributes:
        path: The file.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._keys: dict[str, str] = {}

    def __iter__(self) -> Iterator[AddedAccount]:
        return (AddedAccount(name, key) for name, key in self._keys.items())

    def __contains__(self, name: object) -> bool:
        return name in self._keys

    def read(self) -> None:
        """
        Read the file; none is no account.

        Raises:
            Corrupt: It is damaged, or of a newer listenkey; the message says what to do.
            UsageError: It is open to others, or can't be read.
        """
        if not os.path.lexists(self.path):
            self._keys = {}
            return
        text = read_private(self.path, BYTES_MAX)
        try:
            document = msgspec.json.decode(text, type=_Document)
        except (msgspec.DecodeError, RecursionError) as error:
            self._damaged(str(error))
        if document.version != VERSION:
            self._damaged(f"it is of version {document.version}, and this listenkey knows {VERSION}")
        keys: dict[str, str] = {}
        for account in document.accounts:
            try:
                check_name(account.name)
                parse(account.key)
            except UsageError as error:
                self._damaged(str(error))
            if account.name in keys:
                self._damaged(f'it has "{account.name}" twice')
            keys[account.name] = account.key
        self._keys = keys

    def put(self, name: str, key: str) -> None:
        """
        Keep an account, or its new reference. When this returns it is on the disk.

        Raises:
            Full, JournalError: It can't be written; nothing was changed.
        """
        self._write({**self._keys, name: key})

    def remove(self, name: str) -> None:
        """
        Forget an account; one that is not there is no error.

        Raises:
            JournalError: It can't be written; nothing was changed.
        """
        if name in self._keys:
            self._write({other: key for other, key in self._keys.items() if other != name})

    def _write(self, keys: dict[str, str]) -> None:
        accounts = tuple(AddedAccount(name, key) for name, key in keys.items())
        content = msgspec.json.format(msgspec.json.encode(_Document(VERSION, accounts)), indent=1) + b"\n"
        if len(content) > BYTES_MAX:
            raise Full(
                f"{self.path} would be larger than {BYTES_MAX // 1024 // 1024} MiB; write accounts into gateway.toml"
            )
        try:
            write_whole(self.path, content)
        except OSError as error:
            reason = error.strerror
        else:
            self._keys = keys
            return
        raise JournalError(f"{self.path} can't be written: {reason}; the account would be forgotten at the next start")

    def _damaged(self, why: str) -> NoReturn:
        error = Corrupt(f"{self.path}, with the accounts that were added over HTTP, can't be read: {why}")
        error.advice = (  # type: ignore[attr-defined]  # the command shows it
            f"mend it, or move it away (mv {self.path} {self.path}.damaged), start again, and add its accounts anew"
        )
        raise error from None
