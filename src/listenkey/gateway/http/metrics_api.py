"""Answer Prometheus: the state of all accounts as metrics, read when it asks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from aiohttp import web

from listenkey.gateway.http.answers import STANDING_HEADERS
from listenkey.gateway.http.routes import Route
from listenkey.metrics import exposition, families, single_metrics

if TYPE_CHECKING:
    from listenkey.gateway.http.routes import Asked
    from listenkey.metrics import StreamReading


class MetricsApi:
    """
    The address `/metrics`.

    Args:
        read: Says how each stream is.
        own: Returns what is known of the server itself: name -> help and value.
        is_open: True where no token is asked for.
    """

    def __init__(
        self,
        read: Callable[[], list[StreamReading]],
        own: Callable[[], Mapping[str, tuple[str, float]]] = dict,
        *,
        is_open: bool = False,
    ) -> None:
        self._read = read
        self._own = own
        self._is_open = is_open

    def routes(self) -> list[Route]:
        """Return its address."""
        return [Route("GET", "/metrics", self._answer, is_open=self._is_open)]

    async def _answer(self, asked: Asked) -> web.StreamResponse:
        """Read in the event loop, which alone may, and encode in a thread: a thousand accounts take a while."""
        readings, own = self._read(), single_metrics(self._own())
        accepted = ",".join(asked.request.headers.getall("Accept", []))
        body, content_type = await asyncio.to_thread(
            lambda: exposition([*families(readings, time.time()), *own], accepted)
        )
        return web.Response(body=body, headers={**STANDING_HEADERS, "Content-Type": content_type})
