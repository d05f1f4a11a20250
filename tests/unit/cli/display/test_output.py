"""Writing never holds up the event loop, keeps its order, and notices a reader that leaves."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Iterator

import pytest

from listenkey.cli.display import output as module
from listenkey.cli.display.output import Output


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    for descriptor in (reading, writing):
        try:
            os.close(descriptor)
        except OSError:
            continue


async def test_everything_arrives_in_order(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    output = Output(writing, lambda: None)
    lines = [b"%d\n" % number for number in range(1000)]
    for line in lines:
        output.write(line)
    assert await output.flushed(5)
    assert os.read(reading, 65536) == b"".join(lines)


async def test_a_reader_that_stands_still_makes_us_wait_and_blocks_nothing(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, writing = pipe
    monkeypatch.setattr(module, "PENDING_BYTES_MAX", 100_000)
    output = Output(writing, lambda: None)
    output.write(b"x" * 300_000)
    assert output.is_full
    waiting = asyncio.create_task(output.room())
    assert not await output.flushed(0.02)
    assert not waiting.done()
    got = 0
    while got < 300_000:
        got += len(await asyncio.to_thread(os.read, reading, 65536))
    await asyncio.wait_for(waiting, 5)
    assert await output.flushed(5)
    assert output.failure is None


async def test_a_reader_that_leaves_is_told_once_and_is_no_error(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    os.close(reading)
    told = asyncio.Event()
    output = Output(writing, told.set)
    output.write(b"x")
    await asyncio.wait_for(told.wait(), 5)
    output.write(b"y")
    await output.room()
    assert output.pending_bytes == 0
    assert output.failure is None


async def test_a_full_disk_is_an_error() -> None:
    descriptor = os.open("/dev/full", os.O_WRONLY)
    told = asyncio.Event()
    output = Output(descriptor, told.set)
    output.write(b"x")
    await asyncio.wait_for(told.wait(), 5)
    os.close(descriptor)
    assert output.failure is not None
    assert output.failure.errno == errno.ENOSPC


async def test_a_non_blocking_descriptor_is_waited_for(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    os.set_blocking(writing, False)
    output = Output(writing, lambda: None)
    output.write(b"x" * 200_000)
    got = 0
    while got < 200_000:
        got += len(await asyncio.to_thread(os.read, reading, 65536))
    assert await output.flushed(5)
