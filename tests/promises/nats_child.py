"""A process that owns an account in NATS and publishes until it is stopped: prints the number of each item that was shown."""

from __future__ import annotations

import asyncio
import sys
from itertools import count

from listenkey.errors import Fenced
from listenkey.journal.jetstream.address import log_address
from listenkey.journal.jetstream.journal import JetStreamJournal
from listenkey.journal.jetstream.servers import LogServers
from tests.unit.journal.making import ACCOUNT, AT_MS, Wall, fill, read


async def main(address: str) -> int:
    journal = JetStreamJournal(LogServers(log_address(address), "child"), ACCOUNT, Wall())
    await journal.open()
    try:
        for number in count(1):
            raw = fill(number)
            journal.append_event(read(raw), raw, AT_MS)
            item = await journal.next()
            sys.stdout.write(f"{item.seq}\n")
            sys.stdout.flush()
    except Fenced as error:
        sys.stdout.write(f"fenced: {error}\n")
        return 6
    finally:
        await journal.aclose()
    return 0


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main(sys.argv[1])))
