"""The wait between two tries of a store whose server does not answer, and the telling of it."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

log = logging.getLogger("listenkey")

WAITS_S: Final = (0.05, 0.1, 0.25, 0.5, 1.0)
TOLD_EVERY: Final = 30
"""Tries: the first one, and then each half minute."""


class Patience:
    """
    Tries of one thing that must succeed in the end.

    Args:
        server: Its name, for people.

    Attributes:
        tries: How often it failed.
    """

    def __init__(self, server: str) -> None:
        self.tries = 0
        self._server = server

    async def wait(self, why: str) -> None:
        """Wait a while after a failure."""
        if self.tries % TOLD_EVERY == 0:
            log.warning("%s does not take items (%s); trying on", self._server, why)
        wait_s = WAITS_S[min(self.tries, len(WAITS_S) - 1)]
        self.tries += 1
        await asyncio.sleep(wait_s)
