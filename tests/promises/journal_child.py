"""
A process that writes a journal and tells what it was given; killed by the test.

    python journal_child.py JOURNAL FIRST

Appends fills from number FIRST on, as fast as it is given them back, and the last 40 before that once more. Prints a
line for each item that it was given: `seq trade_id`.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

from listenkey.events import OrderTradeUpdate
from listenkey.items import Update
from listenkey.journal.sqlite.journal import SqliteJournal
from listenkey.wire.frames import UnreadableFrame, read_payload

FILL = (
    b'{"e":"ORDER_TRADE_UPDATE","E":1,"T":1,"o":{"s":"BTC-261225-90000-C","c":"x","S":"BUY","o":"LIMIT","f":"GTC",'
    b'"q":"1","p":"1","ap":"1","x":"TRADE","X":"FILLED","i":%d,"l":"1","z":"1","L":"1","N":"USDT","n":"0","T":1,'
    b'"t":%d,"b":"0","a":"0","m":true,"R":false,"ot":"LIMIT","rp":"0"}}'
)
BATCH = 37
AGAIN = 40


async def main(path: Path, first: int) -> None:
    journal = SqliteJournal(path, "child", lambda: time.time_ns() // 1_000_000)
    await journal.open()
    os.write(1, b"open\n")
    number = max(1, first - AGAIN)
    given = 0
    while True:
        for number in range(number, number + BATCH):  # noqa: B020 - goes on where it stopped
            raw = FILL % (number, number)
            event = read_payload(raw)
            assert not isinstance(event, UnreadableFrame)
            journal.append_event(event, raw, 1)
        number += 1
        # At first all may be fills that the journal has; from `first` on they are new, and the first is waited for.
        while journal.backlog > BATCH or (given == 0 and number > first):
            items = [await journal.next(), *journal.take_ready(1000)]
            given += len(items)
            told = [
                (item.seq, item.event.trade_id)
                for item in items
                if isinstance(item, Update) and isinstance(item.event, OrderTradeUpdate)
            ]
            os.write(1, b"".join(b"%d %d\n" % pair for pair in told))
        await asyncio.sleep(0)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
