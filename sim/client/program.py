"""The program of a careful user: it reads its stream item by item, prints each one, and commits now and then."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from listenkey.items import Item
from listenkey.stream.user_stream import UserStream
from sim.client.records import Stream
from sim.environment.environment import Environment


class UserBug(Exception):
    """The error that the user's own code raises."""


class NoOutput(Exception):
    """An item was read and can't be printed."""

    def __init__(self, item: Item) -> None:
        super().__init__()
        self.item = item


@dataclass(slots=True)
class Consumer:
    """
    The present state of the consumers of one process.

    Attributes:
        reads_from_us: They read nothing before.
        raises_until_us: They raise at each item until then.
        prints_from_us: What they have read can't be shown before.
        print_hangs: Showing it takes until then; else it fails, and they read no more.
    """

    reads_from_us: int = 0
    raises_until_us: int = 0
    prints_from_us: int = 0
    print_hangs: bool = False


class Program:
    """
    One run of such a program.

    Args:
        env: The run's surroundings.
        number: Of its process.
        consumer: What its consumers do, for faults to change.
        every: After so many items it commits; 0 is never.
        committing: Called with a stream before it is committed.
    """

    def __init__(
        self, env: Environment, number: int, consumer: Consumer, every: int, committing: Callable[[UserStream], None]
    ) -> None:
        self._env = env
        self._number = number
        self._consumer = consumer
        self._every = every
        self._committing = committing

    async def read(self, stream: UserStream, told: Stream) -> None:
        """Read a stream to its end, whatever happens to one item or another."""
        while True:
            try:
                await self._read(stream, told)
            except UserBug:
                continue  # a careful program goes on with the next item
            except NoOutput as unprinted:
                # Nobody reads meanwhile; what was not printed is printed first then.
                await self._output_is_back()
                await self._print(stream, told, unprinted.item)
                continue
            break

    async def _read(self, stream: UserStream, told: Stream) -> None:
        env, consumer = self._env, self._consumer
        async for item in stream:
            if env.now_us < consumer.prints_from_us:
                if not consumer.print_hangs:
                    raise NoOutput(item)
                await self._output_is_back()
            await self._print(stream, told, item)
            if env.now_us < consumer.reads_from_us:
                await asyncio.sleep((consumer.reads_from_us - env.now_us) / 1e6)
            if env.now_us < consumer.raises_until_us:
                env.note(f"{self._number} user code raises")
                raise UserBug

    async def _output_is_back(self) -> None:
        env, consumer = self._env, self._consumer
        while env.now_us < consumer.prints_from_us:  # noqa: ASYNC110 - virtual time, and it may get longer
            await asyncio.sleep((consumer.prints_from_us - env.now_us) / 1e6)

    async def _print(self, stream: UserStream, told: Stream, item: Item) -> None:
        told.tell(self._env.now_us, item)
        self._env.note(f"{told.number} {len(told.told)}", told.shown)
        if self._every and item.seq % self._every == 0:
            self._committing(stream)
            await stream.commit(item.seq)
