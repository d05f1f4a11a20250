"""Items as lines on a descriptor."""

from __future__ import annotations

import asyncio
import json
import os
import tty

import pytest

from listenkey.cli.display.annotation import Annotation
from listenkey.cli.display.renderers import JsonRenderer, TextRenderer
from listenkey.cli.running import Stop
from tests.unit.cli.samples import AT_MS, account_event, live, order_event, update


async def test_json_is_one_object_a_line() -> None:
    reading, writing = os.pipe()
    async with JsonRenderer(Stop(), writing) as renderer:
        renderer.add(live())
        renderer.add(update(order_event()))
    lines = os.read(reading, 65536).splitlines()
    assert [json.loads(line)["kind"] for line in lines] == ["live", "update"]
    assert json.loads(lines[1])["event"]["trade_id"] == 41
    os.close(reading)
    os.close(writing)


async def test_words_leave_out_what_is_only_counted() -> None:
    reading, writing = os.pipe()
    async with TextRenderer(Stop(), writing) as renderer:
        renderer.add(update(account_event()))
        renderer.add(update(order_event()))
    assert os.read(reading, 65536).count(b"\n") == 1
    os.close(reading)
    os.close(writing)


async def test_notes_are_for_people_and_not_for_programs() -> None:
    reading, writing = os.pipe()
    async with TextRenderer(Stop(), writing) as renderer:
        renderer.annotate(Annotation(AT_MS, "PLUG    pulled"))
    async with JsonRenderer(Stop(), writing) as programs:
        programs.annotate(Annotation(AT_MS, "PLUG    pulled"))
    assert os.read(reading, 65536) == b"06:46:40  PLUG    pulled\n"
    os.close(reading)
    os.close(writing)


async def test_a_reader_that_leaves_asks_for_the_end_quietly() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    stop = Stop()
    async with TextRenderer(stop, writing) as renderer:
        renderer.add(live())
        await asyncio.wait_for(stop.asked.wait(), 5)
    assert stop.why == "closed"
    os.close(writing)


async def test_a_full_disk_is_told() -> None:
    descriptor = os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(OSError, match="No space left"):
        async with TextRenderer(Stop(), descriptor) as renderer:
            renderer.add(live())
    os.close(descriptor)


async def test_a_command_with_more_to_do_goes_on_after_a_full_disk() -> None:
    descriptor, stop, failed = os.open("/dev/full", os.O_WRONLY), Stop(), asyncio.Event()
    async with JsonRenderer(stop, descriptor, lambda _: failed.set()) as renderer:
        renderer.add(live())
        await asyncio.wait_for(failed.wait(), 5)
        renderer.add(live())
        assert not renderer.is_full
    assert stop.why is None
    os.close(descriptor)


async def test_such_a_command_ends_as_well_when_its_reader_leaves() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    stop = Stop()
    async with JsonRenderer(stop, writing, lambda _: pytest.fail("it has left")) as renderer:
        renderer.add(live())
        await asyncio.wait_for(stop.asked.wait(), 5)
    assert stop.why == "closed"
    os.close(writing)


async def test_json_on_a_terminal_moves_no_cursor() -> None:
    reading, writing = os.openpty()
    tty.setraw(writing)
    evil = "BTC\x9b2J\u202e"
    async with JsonRenderer(Stop(), writing) as renderer:
        renderer.add(update(order_event(s=evil)))
    line = os.read(reading, 65536).decode()
    assert evil not in line
    assert "\x9b" not in line
    assert json.loads(line)["event"]["symbol"] == evil
    os.close(reading)
    os.close(writing)
