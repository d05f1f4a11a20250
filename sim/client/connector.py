"""Open WebSockets for the streams of a simulated process, on its network."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from listenkey.errors import Disconnected, ListenKeyError, TimedOut, UsageError
from listenkey.sandbox.rest_api.api import ApiResponse
from listenkey.transport.base import Connect, Socket
from sim.environment import framed
from sim.environment.network import Network, SimSocket, refusal


def connector(network: Network) -> Connect:
    """Return what opens WebSockets on this network."""
    process = network.process

    async def connect(
        url: str,
        on_message: Callable[[bytes], None],
        on_heard: Callable[[], None],
        on_pong: Callable[[int], None],
        on_lost: Callable[[Disconnected], None],
        *,
        timeout_s: float,
    ) -> Socket:
        path, _, query = url.removeprefix("ws://").partition("/")[2].partition("?")
        if asyncio.get_running_loop() is not process.loop:
            raise UsageError("a process opened a connection of another one")
        if network.env.options.framed:
            return await framed.connect(network, url, on_message, on_heard, on_pong, on_lost, timeout_s=timeout_s)
        socket = SimSocket(network, on_message, on_heard, on_pong, on_lost)
        answered: asyncio.Future[None] = process.loop.create_future()

        def answer(refused: ListenKeyError | ApiResponse | None) -> None:
            if answered.done():
                return
            if refused is None:
                answered.set_result(None)
            else:
                answered.set_exception(refusal(refused) if isinstance(refused, ApiResponse) else refused)

        socket.connection = network.connect(f"/{path}", query, socket, answer)
        try:
            async with asyncio.timeout(timeout_s):
                await answered
        except TimeoutError:
            network.hang_up(socket.connection)
            raise TimedOut("opening a WebSocket to venue", timeout_s) from None
        except BaseException:
            network.hang_up(socket.connection)
            raise
        return socket

    return connect
