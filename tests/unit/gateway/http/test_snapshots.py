"""A snapshot stands at an item, and following from there makes the same account as everything from the beginning."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from listenkey.gateway.http import snapshots
from listenkey.gateway.http.account_picture import AccountPicture
from listenkey.gateway.http.snapshots import ITEMS_AT_ONCE, AccountSnapshots
from listenkey.items import Item
from tests.unit.gateway.http.making import StandInAccount


def folded(*items: Item) -> dict[str, object]:
    picture = AccountPicture()
    for item in items:
        picture.add(item)
    return decoded(picture.to_dict())


def decoded(words: dict[str, object]) -> dict[str, object]:
    again: dict[str, object] = msgspec.json.decode(msgspec.json.encode(words))
    return again


async def test_a_snapshot_is_what_all_items_make_and_says_where_it_stands() -> None:
    account = StandInAccount(before=ITEMS_AT_ONCE * 2 + 3)
    words = await AccountSnapshots().of(account)
    assert decoded(words) == {"account": "desk-1", **folded(*account.items)}
    assert words["seq"] == len(account.items)


async def test_the_next_one_reads_only_what_came_since() -> None:
    account, made = StandInAccount(before=10), AccountSnapshots()
    await made.of(account)
    reads: list[int] = []
    read = account.read

    async def noted(after: int, most: int) -> list[Item]:
        reads.append(after)
        return await read(after, most)

    account.read = noted  # type: ignore[method-assign]
    account.happen(5)
    assert (await made.of(account))["seq"] == 15
    assert (await made.of(account))["seq"] == 15
    assert reads == [10]


async def test_it_begins_with_the_oldest_item_that_is_kept_and_says_so() -> None:
    account = StandInAccount(before=30)
    account.forget(21)
    words = await AccountSnapshots().of(account)
    assert (words["from_seq"], words["seq"]) == (21, 30)


@pytest.mark.parametrize("asked_before", [False, True])
async def test_what_retention_took_meanwhile_is_left_out(asked_before: bool) -> None:
    account, made = StandInAccount(before=20), AccountSnapshots()
    if asked_before:
        assert (await made.of(account))["seq"] == 20
    account.happen(10)
    account.oldest_seq = 26  # and nobody told the feed
    words = await made.of(account)
    assert decoded(words) == {"account": "desk-1", **folded(*account.items[25:])}


async def test_two_that_ask_at_once_share_the_reading() -> None:
    account, made = StandInAccount(before=700), AccountSnapshots()
    one, other = await asyncio.gather(made.of(account), made.of(account))
    assert decoded(one) == decoded(other)
    assert made._turns == {}


async def test_an_account_of_the_same_name_that_came_later_has_a_picture_of_its_own() -> None:
    made = AccountSnapshots()
    await made.of(StandInAccount(before=3))
    assert (await made.of(StandInAccount(before=1)))["seq"] == 1


async def test_pictures_are_bounded_in_number_and_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "PICTURES_MAX", 2)
    made = AccountSnapshots()
    accounts = [StandInAccount(f"desk-{n}", before=1) for n in range(4)]
    for account in accounts:
        await made.of(account)
    assert [known for known, _ in made._pictures.values()] == [account.feed for account in accounts[2:]]
    monkeypatch.setattr(snapshots, "PICTURES_BYTES_MAX", -1)
    assert (await made.of(accounts[0]))["seq"] == 1
    assert not made._pictures


async def test_a_journal_that_gives_nothing_ends_the_reading() -> None:
    account = StandInAccount()
    account.feed.begin(1, 5)
    assert (await AccountSnapshots().of(account))["seq"] == 0
