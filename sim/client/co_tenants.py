"""
Further accounts of a process: each has one stream beside the process's own, in the same event loop, with one limiter.

A co-tenant has a seat: a number behind those of the processes, by which the evidence knows it. What hits its process hits
it, too; what hits only the process's own account does not.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from listenkey.sandbox.rest_api.api_keys import SandboxAccount
from sim.client.process import Process, ProcessRun
from sim.client.records import Stream
from sim.environment.activity import Client


class CoTenant:
    """
    One account, and its comings and goings.

    Attributes:
        identity: Its API key, and what signs with it.
        number: Of its stream among those of the process.
        away_us: Since when its stream is closed; None while it is there.
    """

    def __init__(self, process: Process, seat: int, identity: SandboxAccount) -> None:
        self.identity = identity
        self.number = len(process.current_run.told)
        self.away_us: int | None = None
        self._process = process
        self._seat = seat
        self._stalls_us: list[tuple[int, int]] = []
        self._closing: asyncio.Task[None] | None = None
        self._left: ProcessRun | None = None
        process.co_tenants.append(self)
        process.current_run.told.append(self._new_stream())

    def _new_stream(self) -> Stream:
        made = Stream(self._process.env.next_stream(), self._seat, self.identity.name)
        self._process.told.append(made)
        return made

    def client(self) -> Client:
        """The acts of its process, with the times it may have been away."""
        client = self._process.evidence
        return replace(client, stalls_us=[*client.stalls_us, *self._stalls_us])

    def go(self) -> None:
        """Close its stream in order; the others of the process know nothing of it."""
        process, run = self._process, self._process.current_run
        if process.down or process.ends or process.frozen_until_us or self.away_us is not None:
            return
        now_us = process.env.now_us
        self.away_us, self._left = now_us, run
        told, stream = run.told[self.number], run.streams[self.number]
        run.closed.add(told.number)
        told.statuses.append((now_us, "DOWN"))
        process.env.note(f"{process.number} closes the stream {told.number}")

        def close() -> None:
            self._closing = run.loop.create_task(stream.aclose())

        run.loop.call(close)

    def come(self, identity: SandboxAccount) -> None:
        """A stream of it is opened, with this API key."""
        process, run = self._process, self._process.current_run
        if self.away_us is None:
            return
        process.thaw_if_due(process.env.now_us)
        if process.frozen_until_us:
            process.env.at(process.frozen_until_us + 1, lambda: self.come(identity))
            return
        self.identity = identity
        if process.down or process.ends or self._left is not run:
            return  # it comes with the next process
        told = run.told[self.number]
        if process.env.options.journal:
            told.lives_us.append(process.env.now_us)
        else:
            told.died_us = self.away_us
            told = run.told[self.number] = self._new_stream()
        self.is_back()
        run.loop.call(lambda: run.loop.create_task(self._open(run, told)).add_done_callback(run.program_ended))

    def is_back(self) -> None:
        """Note that it was away until now."""
        if self.away_us is not None:
            self._stalls_us.append((self.away_us, self._process.env.now_us))
            self.away_us = None

    async def _open(self, run: ProcessRun, told: Stream) -> None:
        assert self._closing is not None
        await self._closing
        run.closed.discard(told.number)
        stream = run.streams[self.number] = run.make_stream(self.number)
        run.statuses[self.number] = ""
        await run.use(stream, told)
