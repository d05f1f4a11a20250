"""
Remember which API key each account was last known to have, so that another account's key is found out.

A journal belongs to an account, and its keys are replaced now and then. A key that was not seen before is tested against
the journal's trades before anything is written; one that was is not. Kept are fingerprints, which give no key away.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Final

import msgspec

from listenkey.credentials import Secret
from listenkey.gateway.whole_file import write_whole

log = logging.getLogger("listenkey")

FILE: Final = "known-keys.json"
BYTES_MAX: Final = 16 * 1024 * 1024
"""Of the file: room for 200,000 accounts."""

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(dict[str, str]).decode


class KnownKeys:
    """
    The fingerprints of the API keys that are known to be an account's.

    Args:
        folder: Where they are kept. A file that is lost makes every key be tested once more, and nothing worse.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._known: dict[str, str] = {}
        self._writing: asyncio.Task[None] | None = None
        self._is_stale = False

    def read(self) -> None:
        """Read what earlier processes knew."""
        try:
            with self._path.open("rb") as file:
                self._known = _decode(file.read(BYTES_MAX))
        except (OSError, msgspec.DecodeError):
            self._known = {}

    def doubt(self, account: str, api_key: Secret, last_seq: int) -> str:
        """
        Return why a key may be another account's, for people; empty where it is known, or nothing can be mixed up.

        Args:
            account: The account's name.
            api_key: The key that it is to go on with.
            last_seq: The newest item of its journal.
        """
        if not last_seq or self._known.get(account) == api_key.fingerprint():
            return ""
        return f"the journal of {account!r} was written with another API key"

    def note(self, account: str, api_key: Secret) -> None:
        """Note that a key is this account's; it is written down in a thread."""
        self.learn(account, api_key.fingerprint())

    def known(self, account: str) -> str:
        """Return the fingerprint of the key that is known to be an account's; empty where none is."""
        return self._known.get(account, "")

    def learn(self, account: str, fingerprint: str) -> None:
        """Note the same by a key's fingerprint, as another process has found out."""
        if not fingerprint or self._known.get(account) == fingerprint:
            return
        self._known[account] = fingerprint
        self._is_stale = True
        if self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(self._write())

    async def aclose(self) -> None:
        """Wait until all is written down."""
        if self._writing is not None:
            await self._writing

    async def _write(self) -> None:
        while self._is_stale:
            self._is_stale = False
            try:
                await asyncio.to_thread(write_whole, self._path, _encode(self._known))
            except OSError as error:
                log.warning("the keys of accounts can't be noted in %s: %s", self._path, error.strerror)
        self._writing = None
