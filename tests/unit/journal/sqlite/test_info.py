from __future__ import annotations

from pathlib import Path

from listenkey.items import GapOpened, Live
from listenkey.journal.sqlite.info import journal_info
from listenkey.journal.sqlite.store import Store
from listenkey.journal.sqlite.verify import verify_journal
from tests.unit.journal.making import ACCOUNT, AT_MS, append, fill, greeks, journal, take


async def test_it_counts_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    made = journal(path, consumer="book")
    await made.open()
    made.append_told([Live(0, "", AT_MS)])
    made.heard(AT_MS)
    append(made, fill(1), fill(2), greeks(1))
    made.append_told([GapOpened(0, "", AT_MS + 5, "lost")])
    await take(made, 5)
    await made.commit(3)
    await made.aclose()
    found = journal_info(path)
    assert (found.account, found.items, found.first_seq, found.last_seq) == (ACCOUNT, 5, 1, 5)
    assert (found.fills, found.gaps, found.open_gaps, found.consumers) == (2, 1, 1, {"book": 3})
    assert found.events == {"ORDER_TRADE_UPDATE": 2, "GREEK_UPDATE": 1}
    assert (found.first_ms, found.last_ms, found.covered_ms) == (AT_MS, AT_MS, AT_MS)
    assert found.head == verify_journal(path).head
    assert found.file_bytes == path.stat().st_size


def test_an_empty_journal_is_no_error(tmp_path: Path) -> None:
    store = Store(tmp_path / "a.db", ACCOUNT)
    store.open()
    found = journal_info(tmp_path / "a.db")
    assert (found.items, found.first_seq, found.head, found.covered_ms) == (0, None, "", None)
    store.close()
