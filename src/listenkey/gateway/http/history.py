"""
History for readers that are behind: blocks of an account's items, read and encoded once for all that come by.

Readers of one machine fall behind together, and each would have the journal read and every item encoded again. Blocks
begin at multiples of their size, so that readers at different places share them.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from listenkey.gateway.feed import Batch

if TYPE_CHECKING:
    from listenkey.gateway.feed import Feed, Line

BLOCK_ITEMS: Final = 256
"""Items of one block, as many as the journal gives at a time."""

BLOCKS_BYTES_MAX: Final = 32 * 1024 * 1024
"""The bytes of all blocks that are kept; those not asked for lately go first."""


class History:
    """Keeps blocks that were read lately."""

    def __init__(self) -> None:
        self._blocks: OrderedDict[tuple[int, int], tuple[Feed, Batch]] = OrderedDict()
        self._bytes = 0

    async def behind(self, feed: Feed, after: int) -> Batch | None:
        """
        Return what follows an item, up to the end of its block; None where the block is not whole.

        Raises:
            TooOld, JournalError: As the feed says.
        """
        begin = after - after % BLOCK_ITEMS
        if begin + BLOCK_ITEMS > feed.last_seq or begin + 1 < feed.oldest_seq():
            return None
        known = self._blocks.get((id(feed), begin))
        if known is None or known[0] is not feed:
            known = (feed, await _read(feed, begin))
            self._keep(begin, feed, known[1])
        self._blocks.move_to_end((id(feed), begin))
        return known[1].behind(after)

    def _keep(self, begin: int, feed: Feed, block: Batch) -> None:
        former = self._blocks.pop((id(feed), begin), None)
        self._bytes += block.size - (former[1].size if former else 0)
        self._blocks[id(feed), begin] = (feed, block)
        while self._bytes > BLOCKS_BYTES_MAX and len(self._blocks) > 1:
            _, (_, gone) = self._blocks.popitem(last=False)
            self._bytes -= gone.size


async def _read(feed: Feed, begin: int) -> Batch:
    """Read a block: items alone, since what was said about the state meanwhile is over."""
    end = begin + BLOCK_ITEMS
    lines: list[Line] = []
    source = feed.reader(begin)
    try:
        while source.after < end:
            batch = await source.next()
            lines += [line for line in batch.lines if line.seq is not None and line.seq <= end]
    finally:
        source.close()
    return Batch(lines, begin)
