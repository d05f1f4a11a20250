from __future__ import annotations

import pytest

from listenkey.events import RiskLevelChange, UnknownEvent
from listenkey.items import GapClosed, GapOpened, Item, Live, Update

EVENT = UnknownEvent("X", 3, b'{"e":"X","note":"not for eyes"}')


def kind_of(item: Item) -> str:
    match item:
        case Update(event=UnknownEvent() as event):
            return event.type
        case Update() | Live():
            return "covered"
        case GapOpened() | GapClosed():
            return "gap"


def test_the_class_tells_the_items_apart() -> None:
    items: list[Item] = [Update(1, "a", EVENT, 4, EVENT.raw), Live(2, "a", 5), GapOpened(3, "a", 6, "why")]
    assert [kind_of(item) for item in [*items, GapClosed(4, "a", 6, 7, 0)]] == ["X", "covered", "gap", "gap"]


def test_an_update_is_seen_on_the_socket_and_in_time_unless_told_otherwise() -> None:
    update = Update(1, "a", EVENT, 4, EVENT.raw)
    assert (update.provenance, update.late) == ("ws", False)
    assert GapClosed(4, "a", 6, 7, 0).unrecoverable == ()


def test_the_raw_of_an_update_is_not_shown_by_the_item() -> None:
    shown = repr(Update(1, "a", RiskLevelChange(3, "NORMAL", "1", "2"), 4, b"not for eyes"))
    assert "not for eyes" not in shown
    assert "RiskLevelChange" in shown


@pytest.mark.parametrize("item", [Update(1, "a", EVENT, 4, b""), Live(2, "a", 5), GapOpened(3, "a", 6, "why")])
def test_items_do_not_change(item: Item) -> None:
    with pytest.raises(AttributeError, match="immutable"):
        item.seq = 9  # type: ignore[misc]
