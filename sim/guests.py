"""
Further accounts of a process: each has one stream beside the process's own, in the same event loop, with one limiter.

A guest has a seat: a number behind those of the processes, by which the evidence knows it. What hits its process hits
it, too; what hits only the process's own account does not.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from sim.evidence import Client, Stream

if TYPE_CHECKING:
    from listenkey.sandbox.rest_api.api_keys import SandboxAccount
    from sim.process import Life, Process


class Guest:
    """
    One account, and its comings and goings.

    Attributes:
        identity: Its API key, and what signs with it.
        number: Of its stream among those of the process.
        away_us: Since when its stream is closed; None while it is there.
    """

    def __init__(self, process: Process, seat: int, identity: SandboxAccount) -> None:
        self.identity = identity
        self.number = len(process.life.told)
        self.away_us: int | None = None
        self._process = process
        self._seat = seat
        self._stalls_us: list[tuple[int, int]] = []
        self._closing: asyncio.Task[None] | None = None
        self._left: Life | None = None
        process.guests.append(self)
        process.life.told.append(self._new_stream())

    def _new_stream(self) -> Stream:
        made = Stream(self._process.world.next_stream(), self._seat, self.identity.name)
        self._process.told.append(made)
        return made

    def client(self) -> Client:
        """The acts of its process, with the times it may have been away."""
        client = self._process.evidence
        return replace(client, stalls_us=[*client.stalls_us, *self._stalls_us])

    def go(self) -> None:
        """Close its stream in order; the others of the process know nothing of it."""
        process, life = self._process, self._process.life
        if process.down or process.ends or process.frozen_until_us or self.away_us is not None:
            return
        now_us = process.world.now_us
        self.away_us, self._left = now_us, life
        told, stream = life.told[self.number], life.streams[self.number]
        life.closed.add(told.number)
        told.statuses.append((now_us, "DOWN"))
        process.world.note(f"{process.number} closes the stream {told.number}")
        process.world.machine = life.machine

        def close() -> None:
            self._closing = life.loop.create_task(stream.aclose())

        life.loop.call(close)

    def come(self, identity: SandboxAccount) -> None:
        """A stream of it is opened, with this API key."""
        process, life = self._process, self._process.life
        if self.away_us is None:
            return
        process.thaw_if_due(process.world.now_us)
        if process.frozen_until_us:
            process.world.at(process.frozen_until_us + 1, lambda: self.come(identity))
            return
        self.identity = identity
        if process.down or process.ends or self._left is not life:
            return  # it comes with the next process
        told = life.told[self.number]
        if process.world.options.journal:
            told.lives_us.append(process.world.now_us)
        else:
            told.died_us = self.away_us
            told = life.told[self.number] = self._new_stream()
        self.is_back()
        process.world.machine = life.machine
        life.loop.call(lambda: life.loop.create_task(self._open(life, told)).add_done_callback(life.program_ended))

    def is_back(self) -> None:
        """Note that it was away until now."""
        if self.away_us is not None:
            self._stalls_us.append((self.away_us, self._process.world.now_us))
            self.away_us = None

    async def _open(self, life: Life, told: Stream) -> None:
        assert self._closing is not None
        await self._closing
        life.closed.discard(told.number)
        stream = life.streams[self.number] = life.make_stream(self.number)
        life.statuses[self.number] = ""
        await life.use(stream, told)
