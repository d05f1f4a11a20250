from __future__ import annotations

import asyncio
import logging

import pytest

from listenkey.errors import JournalError
from listenkey.gateway.consumers import partition_reader
from listenkey.gateway.consumers.batch import ItemBatch
from listenkey.gateway.consumers.durable_consumer import Pulled
from listenkey.gateway.consumers.group_cursor import NOTHING_READ, GroupCursor, Portion
from listenkey.gateway.consumers.partition_reader import TROUBLES_TOLD_AFTER, PartitionReader
from listenkey.items import Live
from listenkey.journal.jetstream.link import Reply, Unanswered
from listenkey.journal.jetstream.record_codec import Stored
from tests.unit.gateway.consumers.test_batch import PARTITION, Kept

LOST = Unanswered("lost", was_sent=True)


class Script:
    """A consumer and a sequence that do what is written down, and note what was asked of them."""

    def __init__(self, *answers: Pulled | Exception) -> None:
        self.answers = list(answers)
        self.done: list[str] = []
        self.left = False
        self.reader: PartitionReader | None = None
        self.fail_next: dict[str, Exception] = {}

    def _do(self, what: str) -> None:
        self.done.append(what)
        if error := self.fail_next.pop(what, None):
            raise error

    async def make(self) -> None:
        self._do("make")

    async def pull(self, pin: str, _most: int = 0) -> Pulled:
        self._do(f"pull {pin}".strip())
        if not self.answers:
            assert self.reader is not None
            self.reader.leave()
            return Pulled([])
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def is_left(self) -> bool:
        return self.left

    async def set_to(self, stream_seq: int) -> None:
        self._do(f"set to {stream_seq}")

    async def unpin(self) -> None:
        self._do("unpin")

    async def acknowledge(self, messages: list[Reply]) -> None:
        self._do(f"acknowledge {len(messages)}")

    def begin(self, cursor: GroupCursor) -> None:
        self._do(f"begin {cursor.stream_seq}")

    async def admit(self, messages: list[Reply]) -> list[Stored]:
        return [Stored(Live(int(one.data), "x", 1), b"", int(one.data), 1, 0) for one in messages]


def pulled(*seqs: int, pin: str = "p1") -> Pulled:
    return Pulled([Reply("", {}, b"%d" % seq) for seq in seqs], pin)


async def run(script: Script, store: Kept, *, commit: bool = True, begin_at: int = 0) -> list[list[int]]:
    """Run a reader to its end; return the batches."""
    batches: list[list[int]] = []

    async def hand_over(batch: ItemBatch) -> None:
        batches.append([item.seq for item in batch.items])
        if commit:
            await batch.commit()
        else:
            batch.abandon()

    async def begins() -> int:
        return begin_at

    reader = PartitionReader(PARTITION, script, script, store, begins, hand_over)  # type: ignore[arg-type]
    script.reader = reader
    await asyncio.wait_for(reader.run(), 10)
    return batches


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition_reader, "RETRY_S", 0)


async def test_each_new_pin_leads_to_the_cursor_before_anything_is_handed_out() -> None:
    script = Script(pulled(8), pulled(1, 2), Pulled([], is_unpinned=True), pulled(9, pin="p2"), pulled(3, pin="p2"))
    assert await run(script, Kept()) == [[1, 2], [3]]
    assert script.done == [
        "make", "pull", "set to 1", "begin 0", "pull p1", "acknowledge 2", "pull p1", "pull", "set to 3", "begin 2",
        "pull p2", "acknowledge 1", "pull p2", "unpin",
    ]  # fmt: skip


async def test_a_pin_that_changes_between_two_requests_leads_to_the_cursor_as_well() -> None:
    script = Script(pulled(1), pulled(5, 6, pin="p2"))
    assert await run(script, Kept()) == []
    assert script.done.count("set to 1") == 2


async def test_each_trouble_leads_to_the_cursor() -> None:
    for trouble in ("set to 1", "acknowledge 2"):
        script = Script(pulled(1), pulled(1, 2))
        script.fail_next[trouble] = LOST
        await run(script, Kept())
        assert script.done.count("make") == 2
        assert sum(one.startswith("begin") for one in script.done) == (1 if trouble == "set to 1" else 2)
    script = Script(pulled(1), LOST, pulled(1, 2))
    assert await run(script, Kept()) == [[1, 2]]


async def test_a_batch_that_was_abandoned_comes_again_and_is_not_acknowledged() -> None:
    script = Script(pulled(1), pulled(1, 2))
    await run(script, Kept(), commit=False)
    assert script.done.count("set to 1") == 2
    assert "acknowledge 2" not in script.done


async def test_what_a_dead_member_left_is_taken_up() -> None:
    script = Script(Pulled([]))
    script.left = True
    await run(script, Kept())
    assert script.done.count("set to 1") >= 2
    assert "unpin" not in script.done


async def test_a_new_group_may_begin_at_the_end_and_stays_there() -> None:
    store = Kept()
    await run(Script(pulled(1)), store, begin_at=7)
    assert store.portions == [Portion(PARTITION, (), NOTHING_READ, GroupCursor(7, 7, {}, 1))]
    script = Script(pulled(1))
    await run(script, store, begin_at=9)
    assert "set to 8" in script.done


async def test_troubles_that_go_on_are_told_and_a_refusal_ends_it(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    await run(Script(*[LOST] * TROUBLES_TOLD_AFTER), Kept())
    assert "book-00: lost; trying on" in caplog.text
    script = Script(pulled(1))
    script.fail_next["unpin"] = JournalError("gone")
    await run(script, Kept())
    with pytest.raises(JournalError, match="refused"):
        await run(Script(JournalError("refused")), Kept())
