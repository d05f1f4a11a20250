"""The figures of a file of many accounts."""

from __future__ import annotations

from pathlib import Path

from listenkey.journal.shared.accounts_info import AccountInfo, accounts_info
from listenkey.journal.shared.accounts_schema import FILE_NAME
from tests.unit.journal.making import AT_MS, fill
from tests.unit.journal.shared.shared_making import change, opened, written


async def test_each_account_is_counted_by_itself(tmp_path: Path) -> None:
    await written(tmp_path, b=[fill(1)], a=[fill(1), fill(2)])
    async with opened(tmp_path) as journals:
        await journals.commit("a", "book", 2)
        new = journals.journal("c")
        await new.open()
        new.heard(AT_MS + 5)
        await new.aclose()
    path = tmp_path / FILE_NAME
    found = accounts_info(path)
    assert found.accounts == (
        AccountInfo("a", 3, 1, 3, AT_MS, {"book": 2}),
        AccountInfo("b", 2, 1, 2, AT_MS, {}),
        AccountInfo("c", 0, None, None, AT_MS + 5, {}),
    )
    assert found.file_bytes >= path.stat().st_size
    change(tmp_path, "UPDATE accounts SET name = 'x' WHERE name = 'a'")
    found = accounts_info(path)
    assert [each.account for each in found.accounts] == ["b", "c"]
    assert found.damaged == ("the name of account number 2 is damaged",)
