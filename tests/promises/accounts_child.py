"""
A program that writes the journals of many accounts in one file, and says what it was shown; to be killed.

    python -m tests.promises.accounts_child FOLDER ACCOUNTS

Prints `account seq trade_id` for each item that was handed over, and goes on until it is ended.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from listenkey.items import Item, Live, Update
from listenkey.journal.shared.shared_journals import SharedJournals
from tests.unit.journal.making import AT_MS, Wall, fill, read


def show(items: list[Item]) -> None:
    shown = (f"{item.account} {item.seq} {item.event.trade_id}" for item in items if isinstance(item, Update))  # type: ignore[union-attr]
    os.write(1, "".join(f"{line}\n" for line in shown).encode())


async def main(folder: Path, count: int) -> None:
    journals = SharedJournals(folder, Wall())
    await journals.open()
    made = [journals.journal(f"desk-{number}", on_items=show) for number in range(count)]
    trade_id = 0
    for journal in made:
        await journal.open()
        journal.append_told([Live(0, "", AT_MS)])  # As a stream does: no event comes before it.
        trade_id = max(trade_id, journals.last_seq(journal.account))
    while True:
        trade_id += 1
        for journal in made[trade_id % 7 :]:  # Not all of them each time, so that their numbers differ.
            raw = fill(trade_id)
            journal.append_events([read(raw), read(raw)], [raw, raw], AT_MS)
            journal.heard(AT_MS + trade_id)
        await asyncio.sleep(0.001)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
