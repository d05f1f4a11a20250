from __future__ import annotations

from listenkey.events import UnknownEvent


def test_its_words_are_the_letters_of_the_venue() -> None:
    event = UnknownEvent("SOMETHING", 5, b'{"e":"SOMETHING","E":5,"x":[1.10,{"y":4611875134427365377}]}')
    assert event.to_dict() == {"e": "SOMETHING", "E": 5, "x": ["1.10", {"y": 4611875134427365377}]}
