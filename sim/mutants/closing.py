"""Builds that end badly, show what is not so, or write where they should not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from listenkey.core import status
from listenkey.journal.files import beside, state_of
from listenkey.journal.sqlite import durable_items, own_files, writer_link
from listenkey.stream import health_monitor, task_set, user_stream
from sim.mutants.patching import Patches, put, rewritten


def ends_with_its_caller(patches: Patches) -> None:
    """A task that is cancelled while it closes a stream leaves the rest of it undone."""

    async def finish(work: asyncio.Task[Any], _: float) -> Any:
        return await work

    async def outlast(work: asyncio.Future[Any], within_s: float) -> bool:
        await asyncio.wait({work}, timeout=within_s)
        return work.done()

    put(patches, user_stream, "finish", finish)
    for place in (user_stream, task_set, durable_items, writer_link):
        put(patches, place, "outlast", outlast)


def status_without_gaps(patches: Patches) -> None:
    """While REST is asked what was missed, the status is that of a stream that is whole."""
    rewritten(patches, status, "status_of", ("if life.gaps.open_from_ms is not None:", "if False:"))
    put(patches, health_monitor, "status_of", status.status_of)


def looks_fail_aloud(patches: Patches) -> None:
    """A folder that can't be looked at for a moment ends the stream."""

    def named(self: own_files.OwnFiles) -> tuple[Any, Any]:
        return state_of(self._path), state_of(beside(self._path, "-wal"))

    put(patches, own_files.OwnFiles, "_named", named)


def whatever_has_the_name(patches: Patches) -> None:
    """Any file that has the journal's name is taken for the journal."""
    put(patches, own_files.OwnFiles, "is_same_log", lambda _: True)
    put(patches, own_files.OwnFiles, "is_in_place", lambda _: True)
    put(patches, own_files.OwnFiles, "log_is_ours", lambda _: True)


CLOSING: tuple[Callable[[Patches], None], ...] = (
    ends_with_its_caller, status_without_gaps, looks_fail_aloud, whatever_has_the_name,
)  # fmt: skip
