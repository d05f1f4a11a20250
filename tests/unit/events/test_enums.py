from __future__ import annotations

from enum import StrEnum

import pytest

from listenkey.events import enums

LISTS = [value for value in vars(enums).values() if isinstance(value, type) and value.__module__ == enums.__name__]


@pytest.mark.parametrize("words", LISTS, ids=lambda words: words.__name__)
def test_a_word_is_the_venue_s_own_text(words: type[StrEnum]) -> None:
    for word in words:
        assert word == word.name == f"{word}"
        assert word in {word.name: 1}
