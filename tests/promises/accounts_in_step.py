"""
A program that writes two accounts of one file, a fill to each, one after another; for runs under strace.

    python -m tests.promises.accounts_in_step FOLDER

Prints `seq trade_id` when both were given back to it, and only then appends the next.
"""

from __future__ import annotations

import asyncio
import os
import sys
from itertools import count
from pathlib import Path

from listenkey.journal.shared.shared_journals import SharedJournals
from tests.unit.journal.making import AT_MS, Wall, fill, read


async def main(folder: Path) -> None:
    journals = SharedJournals(folder, Wall())
    await journals.open()
    made = [journals.journal(name) for name in ("a", "b")]
    for journal in made:
        await journal.open()
    for number in count(1):
        for journal in made:
            journal.append_event(read(fill(number)), fill(number), AT_MS)
        for journal in made:
            item = await journal.next()
        os.write(1, b"%d %d\n" % (item.seq, number))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
