"""
Keep how far the consumers of one account have come, in a small file beside its journal.

Commits that come while one is being written share the next write. A cursor never goes back: two processes that commit
as one consumer by mistake do not make it read twice what is done.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Final

import msgspec

from listenkey.errors import Corrupt, JournalError, UsageError
from listenkey.gateway.whole_file import write_whole
from listenkey.journal.files import beside, open_regular

ENDING: Final = "-consumers"
"""The ending of the file's name, after that of the journal."""

CONSUMERS_MAX: Final = 1024
"""Consumers of one account. Their names have at most 64 letters, so the file has at most some 100 KiB."""

_CURSORS: Final = msgspec.json.Decoder(dict[str, int])
_encode: Final = msgspec.json.Encoder().encode


class ConsumerCursors:
    """
    The cursors of one account's consumers.

    Args:
        journal: The path of the account's journal; None where nothing can be kept on this machine.
    """

    def __init__(self, journal: Path | None) -> None:
        self._path = None if journal is None else beside(journal, ENDING)
        self._cursors: dict[str, int] | None = None
        self._turn = asyncio.Lock()
        self._newest = 0
        self._written = 0

    async def get(self, consumer: str) -> int | None:
        """
        Return how far a consumer has come; None where it never committed.

        Raises:
            JournalError: The file can't be read.
        """
        return (await self._loaded()).get(consumer)

    async def keep(self, consumer: str, seq: int) -> int:
        """
        Keep how far a consumer has come, and return that; when this returns, it is on the disk.

        Raises:
            UsageError: There are as many consumers as are kept, or none can be.
            JournalError: It can't be written.
        """
        cursors = await self._loaded()
        if consumer not in cursors and len(cursors) >= CONSUMERS_MAX:
            raise UsageError(f"this account has {CONSUMERS_MAX} consumers already; use the name of one of them")
        kept = cursors[consumer] = max(seq, cursors.get(consumer, 0))
        self._newest += 1
        mine = self._newest
        async with self._turn:
            if self._written < mine:
                newest = self._newest
                await asyncio.to_thread(_write, self._known(), _encode(cursors))
                self._written = newest
        return kept

    async def _loaded(self) -> dict[str, int]:
        async with self._turn:
            if self._cursors is None:
                self._cursors = await asyncio.to_thread(_read, self._known())
            return self._cursors

    def _known(self) -> Path:
        if self._path is None:
            raise UsageError("this journal keeps no cursors of consumers: keep them yourself, and connect with after=")
        return self._path


def _read(path: Path) -> dict[str, int]:
    try:
        with os.fdopen(open_regular(path, os.O_RDONLY), "rb") as file:
            return _CURSORS.decode(file.read())
    except FileNotFoundError:
        return {}
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Corrupt(f"{path} does not hold cursors of consumers; take it away, and they begin anew") from None
    except OSError as error:
        raise JournalError(f"{path} can't be read: {error.strerror}") from None


def _write(path: Path, text: bytes) -> None:
    try:
        write_whole(path, text)
    except OSError as error:
        raise JournalError(f"{path} can't be written: {error.strerror}") from None
