"""The end of an account that has nothing yet."""

from __future__ import annotations

from listenkey.journal.shared.account_end import AccountEnd
from listenkey.journal.sqlite.hash_chain import BEGINNING


def test_an_account_begins_at_the_beginning_and_shares_nothing() -> None:
    one, other = AccountEnd(1, "a"), AccountEnd(2, "b")
    assert (one.first_seq, one.last_seq, one.chain, one.skip) == (1, 0, BEGINNING, 0)
    one.recovered.updates = 5
    assert other.recovered.updates == 0
