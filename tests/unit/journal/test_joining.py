from __future__ import annotations

from listenkey.items import GapClosed
from listenkey.journal.joining import MORE, REASONS_MAX, Joined


def closed(from_ms: int, to_ms: int, *lost: str, recovered: int = 0) -> GapClosed:
    return GapClosed(0, "", from_ms, to_ms, recovered, lost)


def test_it_reaches_from_the_first_beginning_to_the_last_end_and_lacks_what_any_of_them_lacks() -> None:
    joined = Joined(closed(5, 9, "totals", recovered=2))
    joined.add(closed(20, 30, "steps", recovered=1))
    joined.add(closed(21, 22, "totals"))
    whole = joined.closed()
    assert (whole.from_ms, whole.to_ms, whole.recovered) == (5, 30, 3)
    assert whole.unrecoverable[:2] == ("totals", "steps")
    assert whole.unrecoverable[2].startswith("3 gaps")


def test_what_it_lacks_is_told_in_a_bounded_number_of_words() -> None:
    joined = Joined(closed(5, 9))
    for number in range(1000):
        joined.add(closed(5, 9, f"reason {number}"))
    lost = joined.closed().unrecoverable
    assert len(lost) == REASONS_MAX + 2
    assert (lost[REASONS_MAX - 1], lost[REASONS_MAX]) == (f"reason {REASONS_MAX - 1}", MORE)


def test_an_earlier_beginning_is_news_and_a_later_one_is_not() -> None:
    joined = Joined(closed(5, 9))
    assert not joined.begins(5)
    assert joined.begins(3)
    assert joined.closed().from_ms == 3
