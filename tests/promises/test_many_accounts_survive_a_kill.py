"""All that was shown of fifty accounts is in their file after `kill -9`, and each account goes on where it was."""

from __future__ import annotations

import random
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from listenkey.items import Item, Update
from listenkey.journal.shared.account_view import account_access
from listenkey.journal.shared.accounts_schema import FILE_NAME
from listenkey.journal.sqlite.reader import JournalReader
from listenkey.journal.sqlite.verify import verify_journal
from tests.unit.journal.making import Wall
from tests.unit.journal.shared.shared_making import account, opened

ACCOUNTS = 50
ROUNDS = 4


def run_and_kill(folder: Path, lines: int) -> dict[str, dict[int, int]]:
    """Let the program run until it has shown so many items, and kill it; what it had shown of each account."""
    command = [sys.executable, "-m", "tests.promises.accounts_child", str(folder), str(ACCOUNTS)]
    shown: dict[str, dict[int, int]] = defaultdict(dict)
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        text = b"".join(process.stdout.readline() for _ in range(lines))
        process.kill()
        text += process.stdout.read()
    for line in text[: text.rfind(b"\n")].decode().splitlines():
        name, seq, trade_id = line.split()
        shown[name][int(seq)] = int(trade_id)
    return shown


def kept(path: Path, name: str) -> list[Item]:
    reader = JournalReader(path, connect=account_access(name).connect)
    items: list[Item] = []
    while some := reader.read(items[-1].seq if items else 0):
        items += some
    reader.close()
    return items


def fills(items: list[Item]) -> dict[int, int]:
    return {item.seq: item.event.trade_id for item in items if isinstance(item, Update)}  # type: ignore[union-attr]


@pytest.mark.parametrize("seed", [1])
async def test_what_was_shown_is_there_once_and_in_order_whenever_the_process_is_killed(
    seed: int, tmp_path: Path
) -> None:
    rng, path = random.Random(seed), tmp_path / FILE_NAME
    shown: dict[str, dict[int, int]] = defaultdict(dict)
    for lines in (1, *(rng.randrange(200, 3000) for _ in range(ROUNDS))):  # At its first item, and later.
        for name, items in run_and_kill(tmp_path, lines).items():
            assert not shown[name].keys() & items.keys(), "a number is never used twice"
            shown[name] |= items
    assert len(shown) == ACCOUNTS
    for name, items in shown.items():
        all_of_it = kept(path, name)
        found = fills(all_of_it)
        assert items.items() <= found.items()
        assert [item.seq for item in all_of_it] == list(range(1, len(all_of_it) + 1))
        assert list(found.values()) == sorted(set(found.values())), "each fill once"
        assert verify_journal(path, None, account_access(name)).whole
    async with opened(tmp_path, wall_ms=Wall()) as journals:
        for name in shown:
            left = await (journal := journals.journal(name)).open()
            assert left.covered_until_ms
            assert left.reason.cause != "journal_lost"
            await journal.aclose()
        await account(journals, "new")
