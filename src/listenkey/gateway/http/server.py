"""
Serve a gateway's accounts over HTTP.

    server = GatewayServer(accounts, token, "127.0.0.1", 8780)
    url = await server.start()
    ...
    await server.aclose()
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from listenkey.gateway.http.accounts_api import AccountsApi
from listenkey.gateway.http.events import EventStreams
from listenkey.gateway.http.fanout import Fanouts
from listenkey.gateway.http.metrics_api import MetricsApi
from listenkey.gateway.http.route_server import RouteServer
from listenkey.gateway.http.snapshots import AccountSnapshots

if TYPE_CHECKING:
    from listenkey.credentials import Secret
    from listenkey.gateway.http.served import ServedAccounts

BEAT_EVERY_S: Final = 3.0


class GatewayServer:
    """
    The gateway's accounts over HTTP.

    Args:
        accounts: What it serves.
        token: What readers and those who add accounts have to show.
        host: The address to listen on.
        port: Its port; 0 takes a free one.
    """

    def __init__(self, accounts: ServedAccounts, token: Secret, host: str, port: int) -> None:
        self._fanouts = Fanouts()
        self._events = EventStreams(self._fanouts)
        api = AccountsApi(accounts, self._events, AccountSnapshots())
        metrics = MetricsApi(lambda: [(account.name, account.health()) for account in accounts], self.own_metrics)
        self._http = RouteServer([*api.routes(), *metrics.routes()], host, port, token)
        self._beating: asyncio.Task[None] | None = None

    @property
    def readers(self) -> int:
        """Readers of events that are open."""
        return self._fanouts.readers

    @property
    def readers_stalled(self) -> int:
        """Readers that were ended because they took nothing."""
        return self._events.stalled

    @property
    def connections(self) -> int:
        """Connections that are open."""
        return self._http.connections

    def own_metrics(self) -> dict[str, tuple[str, float]]:
        """Return what is known of the server itself: name -> help and value."""
        return {
            "listenkey_readers": ("Readers of events that are open.", self.readers),
            "listenkey_readers_stalled_total": ("Readers that were ended, as they took nothing.", self.readers_stalled),
            "listenkey_http_connections": ("Connections that are open.", self.connections),
        }

    async def start(self) -> str:
        """Begin to listen; return the address. Raises OSError where the port can't be had."""
        url = await self._http.start()
        self._beating = asyncio.get_running_loop().create_task(self._beat())
        return url

    async def aclose(self) -> None:
        """Stop to listen, tell readers that the gateway stops, and let go. May be called twice."""
        if self._beating is None:
            return
        self._beating.cancel()
        self._beating = None
        self._events.stop()
        await self._http.aclose()

    async def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(BEAT_EVERY_S)
            self._fanouts.beat(loop.time())
