"""
Make and keep the snapshots of accounts.

A snapshot is folded from the account's journal. Its first one reads all that is kept, and the next ones only what came
since, as long as the picture is remembered.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

from listenkey.errors import TooOld
from listenkey.gateway.http.account_picture import AccountPicture

if TYPE_CHECKING:
    from listenkey.gateway.http.served import ServedAccount

PICTURES_MAX: Final = 1024
"""Accounts whose picture is remembered."""

PICTURES_BYTES_MAX: Final = 64 * 1024 * 1024
"""The bytes of all of them; those not asked for lately go first."""

AT_ONCE: Final = 4
"""Accounts whose journal is read for a snapshot at the same time."""

ITEMS_AT_ONCE: Final = 256
"""Items between two turns of everybody else."""


class AccountSnapshots:
    """The pictures of accounts, as far as they were read."""

    def __init__(self) -> None:
        self._pictures: OrderedDict[int, tuple[object, AccountPicture]] = OrderedDict()
        self._turns: dict[int, asyncio.Lock] = {}
        self._room = asyncio.Semaphore(AT_ONCE)

    async def of(self, account: ServedAccount) -> dict[str, Any]:
        """
        Return what an account is at its newest durable item.

        Raises:
            JournalError: The journal can't be read.
        """
        feed = account.feed
        turn = self._turns.setdefault(id(feed), asyncio.Lock())
        try:
            async with turn, self._room:
                picture = self._known(feed)
                try:
                    await _bring_up(picture, account)
                except TooOld:  # Retention took what comes next: the picture begins anew, with what is kept.
                    await feed.find_oldest()
                    await _bring_up(picture := AccountPicture(), account)
                self._keep(feed, picture)
                return {"account": account.name, **picture.to_dict()}
        finally:
            if not turn.locked():
                self._turns.pop(id(feed), None)

    def _known(self, feed: object) -> AccountPicture:
        known = self._pictures.get(id(feed))
        return known[1] if known is not None and known[0] is feed else AccountPicture()

    def _keep(self, feed: object, picture: AccountPicture) -> None:
        self._pictures[id(feed)] = (feed, picture)
        self._pictures.move_to_end(id(feed))
        while self._pictures and (len(self._pictures) > PICTURES_MAX or self._size_bytes() > PICTURES_BYTES_MAX):
            self._pictures.popitem(last=False)

    def _size_bytes(self) -> int:
        return sum(picture.size_bytes for _, picture in self._pictures.values())


async def _bring_up(picture: AccountPicture, account: ServedAccount) -> None:
    """Fold what the journal has behind a picture, up to the item that is the newest one now."""
    newest = account.feed.last_seq
    after = max(picture.seq, account.feed.oldest_seq() - 1)
    while after < newest:
        items = await account.read(after, ITEMS_AT_ONCE)
        if not items:
            return
        for item in items:
            picture.add(item)
        after = picture.seq
        await asyncio.sleep(0)
