"""The picture of a stream's life is drawn from the table, and is the one on the page."""

from __future__ import annotations

import pytest

from docs.make_states import BEGIN, END, PAGE, explore, is_ignored, render
from listenkey.core.lifecycle import TRANSITIONS

# Half a minute of a processor that has nothing else to do: every situation that can be reached is played.
pytestmark = pytest.mark.timeout(600)


def test_the_page_shows_the_table_as_it_is() -> None:
    text = PAGE.read_text("utf-8")
    shown = text[text.index(BEGIN) : text.index(END) + len(END)]
    assert shown == render(), "run: python docs/make_states.py"


def test_the_table_names_the_states_that_follow_and_no_other() -> None:
    played = explore()
    named = {pair: set(transition.may_follow) for pair, transition in TRANSITIONS.items() if not is_ignored(*pair)}
    assert {pair: played[pair] for pair in named} == named
