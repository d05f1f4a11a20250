"""
The readers of a gateway, measured: `python -m benchmarks.throughput.gateway_readers [--readers 100] [--per-second 2000]`.

A server with accounts whose journal is a list serves readers in another process. What is printed is the processor time
of the server's process, that of the kernel for it included, by event and reader, less what the same events cost without
readers; and the time from an event's being there to a reader's having it. `--slow` adds readers that never read, and
`--behind` one that begins so many events ago, while the others read.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import selectors
import socket
import subprocess
import sys
import time
from typing import Any

from benchmarks.journal.events import fill, wall_ms
from listenkey.blocking.event_loop import new_event_loop
from listenkey.credentials import Secret
from listenkey.gateway.feed import Feed, Room
from listenkey.gateway.http.server import GatewayServer
from listenkey.items import Item, Update

TOKEN = "benchmark"
STEP_S = 0.001
KEPT_MAX = 100_000
"""Events that a measured account keeps, so that this process stays small."""


class ListAccount:
    """An account whose journal is a list."""

    has_begun = True

    def __init__(self, name: str) -> None:
        self.name = name
        self.items: list[Item] = []
        self.feed = Feed(self.read, 1, 0, Room())

    async def read(self, after: int, most: int) -> list[Item]:
        return self.items[after : after + most]

    def describe(self) -> dict[str, Any]:
        return {"name": self.name}

    def happen(self) -> None:
        self.feed.add(self.made())

    def made(self) -> Item:
        seq = len(self.items) + 1
        event, raw = fill(seq)
        item = Update(seq, self.name, event, wall_ms(), raw)
        self.items.append(item)
        return item


class ListAccounts(dict[str, ListAccount]):
    """Accounts by name."""

    def __iter__(self) -> Any:
        return iter(self.values())


def cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def events(accounts: list[ListAccount], per_second: float, seconds: float) -> int:
    """Let events happen at a rate, on each account in turn; return how many there were."""
    loop = asyncio.get_running_loop()
    began_s, count = loop.time(), 0
    while (passed_s := loop.time() - began_s) < seconds:
        while count < passed_s * per_second:
            accounts[count % len(accounts)].happen()
            count += 1
        await asyncio.sleep(STEP_S)
    return count


async def measured(options: argparse.Namespace) -> dict[str, Any]:
    accounts = [ListAccount(f"desk-{number}") for number in range(options.accounts)]
    idle_s = -cpu_s()
    count = await events(accounts, options.per_second, options.seconds)
    idle_s += cpu_s()
    alone_us = idle_s / count * 1e6
    for account in accounts:
        account.items.clear()
        for _ in range(options.behind):
            account.made()
        account.feed = Feed(account.read, 1, options.behind, Room())
    server = GatewayServer(ListAccounts({one.name: one for one in accounts}), Secret(TOKEN), "127.0.0.1", 0)  # type: ignore[arg-type]
    url = await server.start()
    arguments = [
        url.rpartition(":")[2],
        str(options.readers),
        str(options.slow),
        str(options.accounts),
        str(options.behind),
    ]
    readers = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __spec__.name, "--read", *arguments, stdout=subprocess.PIPE, stdin=subprocess.PIPE
    )
    assert readers.stdout is not None
    assert readers.stdin is not None
    while server.readers < options.readers + options.slow + bool(options.behind):
        await asyncio.sleep(0.05)
        assert readers.returncode is None, "the readers have ended"
    busy_s = -cpu_s()
    count = await events(accounts, options.per_second, options.seconds)
    readers.stdin.write_eof()
    told = json.loads(await readers.stdout.readline())
    busy_s += cpu_s()
    await readers.wait()
    await server.aclose()
    reached = count * options.readers / len(accounts)
    wanted = [len(accounts[number % len(accounts)].items) for number in range(options.readers)]
    return {
        "loop": type(asyncio.get_running_loop()).__module__,
        "readers": options.readers,
        "events": count,
        "us_per_event_without_readers": round(alone_us, 1),
        "cpu_percent": round(100 * busy_s / options.seconds, 1),
        "us_per_event_and_reader": round((busy_s * 1e6 - alone_us * count) / reached, 3),
        "each_has_every_event_once": told["last"] == wanted and told["broken"] == 0,
        "reads": told["reads"],
        "behind_has_all_after_s": told["caught_up_s"],
        "ms_p50_p99_most": told["ms"],
        "stalled": server.readers_stalled,
    }


def read(port: int, count: int, slow: int, accounts: int, behind: int) -> None:
    """Read with so many connections until stdin has ended and nothing comes any more; print what came."""
    selector = selectors.DefaultSelector()
    kept = []
    numbers = [*range(count), *([count] if behind else []), *([-1] * slow)]
    for number in numbers:
        connection = socket.create_connection(("127.0.0.1", port))
        after = "?after=0" if number == count else ""
        connection.sendall(
            f"GET /v1/accounts/desk-{max(0, number) % accounts}/events{after} HTTP/1.1\r\nHost: localhost:{port}\r\n"
            f"Authorization: Bearer {TOKEN}\r\n\r\n".encode()
        )
        kept.append(connection)
        if number >= 0:
            connection.setblocking(False)
            selector.register(connection, selectors.EVENT_READ, [number, b""])
    began_s, caught_up_s = time.monotonic(), None
    selector.register(0, selectors.EVENT_READ, None)
    last, broken, reads, ms = [behind] * count + [0], 0, 0, list[float]()
    patience_s = None
    while ready := selector.select(patience_s):
        for key, _ in ready:
            if key.data is None:
                selector.unregister(0)
                patience_s = 1.0
                continue
            number, left = key.data
            came = key.fileobj.recv(1 << 18)  # type: ignore[union-attr]
            if not came:
                raise SystemExit("a reader was ended")
            data = left + came
            reads += 1
            whole = data.rfind(b"\n\n") + 2  # 1 where there is no whole event
            key.data[1] = data[whole:] if whole > 1 else data
            at = data.rfind(b"id: ", 0, whole) if whole > 1 else -1
            if at >= 0:
                seq = int(data[at + 4 : data.index(b"\n", at)])
                broken += seq != last[number] + data.count(b"\nid: ", 0, whole) + data.startswith(b"id: ")
                last[number] = seq
                if number == count and caught_up_s is None and seq >= behind:
                    caught_up_s = round(time.monotonic() - began_s, 2)
                if number < 4:
                    at = data.index(b'"received_ms":', at)
                    ms.append(time.time() * 1000 - int(data[at + 14 : data.index(b",", at)]))
    print(
        json.dumps(
            {"last": last[:count], "broken": broken, "reads": reads, "ms": shown(ms), "caught_up_s": caught_up_s}
        ),
        flush=True,
    )


def shown(ms: list[float]) -> list[float]:
    ms.sort()
    return [round(ms[min(len(ms) - 1, int(len(ms) * share))], 1) for share in (0.5, 0.99, 1)] if ms else []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readers", type=int, default=100)
    parser.add_argument("--accounts", type=int, default=1)
    parser.add_argument("--per-second", type=float, default=2_000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--slow", type=int, default=0)
    parser.add_argument("--behind", type=int, default=0)
    parser.add_argument("--read", nargs=5, type=int, default=None, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read:
        read(*options.read)
        return
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        for name, value in runner.run(measured(options)).items():
            print(f"{name:32} {value}")


if __name__ == "__main__":
    os.environ.setdefault("PYTHONHASHSEED", "0")
    main()
