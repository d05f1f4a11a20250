"""Open WebSockets for the streams of simulated processes, each on the network of its own process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from listenkey.errors import Disconnected, ListenKeyError, TimedOut, UsageError
from listenkey.sandbox.rest_api.api import ApiResponse
from listenkey.transport.base import Socket
from sim.client.process import FIRST_PORT, Process
from sim.environment import framed
from sim.environment.network import SimSocket, refusal


def connector(processes: Sequence[Process]) -> Callable[..., object]:
    """Make the stand-in of `transport.websocket.connect` for the streams of these processes."""

    async def connect(
        url: str,
        on_message: Callable[[bytes], None],
        on_heard: Callable[[], None],
        on_pong: Callable[[int], None],
        on_lost: Callable[[Disconnected], None],
        *,
        timeout_s: float,
    ) -> Socket:
        base, _, rest = url.removeprefix("ws://").partition("/")
        path, _, query = rest.partition("?")
        process = processes[int(base.rpartition(":")[2]) - FIRST_PORT]
        if asyncio.get_running_loop() is not process.loop:
            raise UsageError("a process opened a connection of another one")
        if process.env.options.framed:
            return await framed.connect(
                process.network, url, on_message, on_heard, on_pong, on_lost, timeout_s=timeout_s
            )
        socket = SimSocket(process.network, on_message, on_heard, on_pong, on_lost)
        answered: asyncio.Future[None] = process.loop.create_future()

        def answer(refused: ListenKeyError | ApiResponse | None) -> None:
            if answered.done():
                return
            if refused is None:
                answered.set_result(None)
            else:
                answered.set_exception(refusal(refused) if isinstance(refused, ApiResponse) else refused)

        socket.connection = process.network.connect(f"/{path}", query, socket, answer)
        try:
            async with asyncio.timeout(timeout_s):
                await answered
        except TimeoutError:
            process.network.hang_up(socket.connection)
            raise TimedOut("opening a WebSocket to venue", timeout_s) from None
        except BaseException:
            process.network.hang_up(socket.connection)
            raise
        return socket

    return connect
