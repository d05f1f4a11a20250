"""
A program that writes a journal, one group after another, and tells what it was given; for runs under strace.

    python -m tests.chaos.writer JOURNAL FIRST COUNT

Prints `seq trade_id` when an item was given back to it, and only then appends the next. The log is moved into the file
every hundred pages, so that short runs see it, too.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from listenkey.items import Update
from listenkey.journal.sqlite import database
from tests.unit.journal.making import append, fill, journal

CHECKPOINT_PAGES = 100


async def main(path: Path, first: int, count: int) -> None:
    database.CHECKPOINT_PAGES = CHECKPOINT_PAGES  # type: ignore[misc]
    made = journal(path)
    await made.open()
    for number in range(first, first + count):
        append(made, fill(number))
        item = await made.next()
        while not isinstance(item, Update):
            item = await made.next()
        os.write(1, b"%d %d\n" % (item.seq, item.event.order.trade_id))  # type: ignore[union-attr]
    await made.aclose()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
