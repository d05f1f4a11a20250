"""Items go into the show in order, at the show's speed, until a stop."""

from __future__ import annotations

import asyncio

import pytest

from listenkey.cli.display.follow import follow
from listenkey.cli.display.summary import Tally
from listenkey.cli.running import Stop
from listenkey.errors import Refused
from listenkey.items import Item
from tests.unit.cli.samples import FakeStream, ListRenderer, live, order_event, update


async def test_all_items_are_shown_and_counted_until_asked_to_stop() -> None:
    items: list[Item] = [live(), *(update(order_event(t=number)) for number in range(1, 51))]
    stream, renderer, tally, stop = FakeStream(items), ListRenderer(), Tally(), Stop()
    following = asyncio.create_task(follow(stop, stream, renderer, tally))
    await asyncio.wait_for(stream.idle.wait(), 5)
    stop.ask("signal")
    await asyncio.wait_for(following, 5)
    assert renderer.items == items
    assert "listenkey reader" not in [task.get_name() for task in asyncio.all_tasks()]
    assert (tally.events, tally.fills, tally.went_live.is_set()) == (50, 50, True)


async def test_a_full_show_is_waited_for() -> None:
    stream, renderer, stop = FakeStream([live(), live()]), ListRenderer(full=True), Stop()
    following = asyncio.create_task(follow(stop, stream, renderer, Tally()))
    await asyncio.wait_for(stream.idle.wait(), 5)
    stop.ask("signal")
    await following
    assert renderer.waited > 0


async def test_what_ends_the_stream_is_raised() -> None:
    with pytest.raises(Refused):
        await follow(Stop(), FakeStream([live()], error=Refused(401)), ListRenderer(), Tally())
