"""`listenkey.connect` against a gateway with real accounts: programs that die, gateways that restart."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from listenkey import GatewayStream, Item, connect
from listenkey.credentials import Secret
from listenkey.testing import LocalSandbox
from listenkey.wire.json_lines import from_line
from tests.contract.test_gateway_http import TOKEN, running

BOOK = """
import sys, listenkey
from listenkey.wire.json_lines import to_line
url, token, until = sys.argv[1], sys.argv[2], int(sys.argv[3])
with listenkey.connect.blocking(url, token=token, account="desk-0", consumer="book") as stream:
    for item in stream:
        sys.stdout.buffer.write(to_line(item) + b"\\n")
        sys.stdout.buffer.flush()
        if item.seq % 7 == 0 or item.seq == until:
            stream.commit(item.seq)
        if item.seq == until:
            break
"""
WITHIN_S = 30.0


async def read_and_kill(book: asyncio.subprocess.Process, kill_after: int) -> list[Item]:
    """The items that a program prints, which is killed after so many."""
    assert book.stdout is not None
    items: list[Item] = []
    async with asyncio.timeout(WITHIN_S):
        while (line := await book.stdout.readline()).endswith(b"\n"):
            items.append(from_line(line))
            if len(items) == kill_after:
                book.send_signal(signal.SIGKILL)
    await book.wait()
    return items


async def all_of(stream: GatewayStream, until_seq: int) -> list[Item]:
    items: list[Item] = []
    async with asyncio.timeout(WITHIN_S):
        while not items or items[-1].seq < until_seq:
            items.append(await anext(stream))
    return items


async def test_a_program_that_is_killed_in_a_batch_goes_on_after_what_it_committed(
    binance_options_sandbox: LocalSandbox, tmp_path: Path
) -> None:
    async with running(binance_options_sandbox, tmp_path) as gateway:
        await gateway.burst(200)
        await gateway.settled()
        seen: list[int] = []
        begins: list[int] = []
        fills: dict[tuple[str, int, int], int] = {}
        until_seq = gateway.newest
        for kill_after in (60, 110, 10**9):
            book = await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                BOOK,
                gateway.url,
                TOKEN,
                str(until_seq),
                stdout=asyncio.subprocess.PIPE,
                limit=2**22,
            )
            items = await read_and_kill(book, kill_after)
            got = [item.seq for item in items]
            fills |= {fill.key: item.seq for item in items for fill in item.fills}
            assert got == list(range(got[0], got[-1] + 1))
            begins.append(got[0])
            seen += got
        account = gateway.accounts.get("desk-0")
        assert account is not None
        assert await account.cursor("book") == until_seq
    assert begins[0] == 1
    assert all(begin % 7 == 1 for begin in begins), "each begins behind what the one before has committed"
    assert set(seen) == set(range(1, until_seq + 1))
    assert sorted(fills) == sorted(gateway.sandbox.fills("desk-0"))


async def test_two_programs_read_every_fill_once_across_a_restart_of_the_gateway(
    binance_options_sandbox: LocalSandbox, tmp_path: Path
) -> None:
    async with running(binance_options_sandbox, tmp_path) as gateway:
        port = gateway.port
        one = connect(gateway.url, token=TOKEN, account="desk-0", after=0)
        other = connect(gateway.url, token=TOKEN, account="desk-0", after=0)
        await one.__aenter__()
        await other.__aenter__()
        await gateway.burst(40)
        await gateway.settled()
        first = gateway.newest
        await gateway.server.aclose()
        await gateway.burst(40)  # while nobody can read
        await gateway.settled()
        again = type(gateway.server)(gateway.accounts, Secret(TOKEN), "127.0.0.1", port)
        await again.start()
        both = [await all_of(stream, gateway.newest) for stream in (one, other)]
        for stream in (one, other):
            await stream.aclose()
        await again.aclose()
        assert [[item.seq for item in items] for items in both] == [list(range(1, gateway.newest + 1))] * 2
        assert first < gateway.newest
    truth = gateway.sandbox.fills("desk-0")
    assert [[fill.key for item in items for fill in item.fills] for items in both] == [truth] * 2
