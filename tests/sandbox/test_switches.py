from __future__ import annotations

from pathlib import Path
from typing import Any, get_type_hints

import pytest

from listenkey.sandbox.switches import Switches, changed


@pytest.mark.parametrize(
    "changes",
    [
        {"nope": 1},
        {"generation": "next"},
        {"weight_per_minute": "400"},
        {"weight_per_minute": -1},
        {"retry_after": 1},
        {"address_forms": ["path", "pigeon"]},
    ],
)
def test_switches_take_only_what_they_are_and_all_or_none(changes: dict[str, Any]) -> None:
    switches = Switches()
    with pytest.raises(ValueError, match=next(iter(changes))):
        changed(switches, {"ping_every_s": 300, **changes})
    assert switches == Switches()


def test_switches_change_while_it_runs() -> None:
    switches = Switches()
    changed(switches, {"address_forms": ["path"], "rate_limit_code": -1003, "fill_events": ["ORDER_TRADE_UPDATE"]})
    assert switches.address_forms == ("path",)
    assert switches.rate_limit_code == -1003
    assert switches.fill_events == ("ORDER_TRADE_UPDATE",)


def test_every_switch_says_what_it_is() -> None:
    with pytest.raises(ValueError, match="after_key_end") as told:
        changed(Switches(), {"x": 1})
    assert "weight_per_minute" in str(told.value)


def test_every_switch_is_shown_to_matter_by_a_test_of_what_it_changes() -> None:
    here = Path(__file__)
    texts = "".join(path.read_text() for path in here.parent.rglob("test_*.py") if path != here)
    assert [name for name in get_type_hints(Switches) if name not in texts] == []
