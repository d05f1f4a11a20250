"""Wait for the answer to the request that puts a listen key on a socket."""

from __future__ import annotations

import asyncio

from listenkey.errors import Disconnected, ProtocolError
from listenkey.wire.frames import Control


class SubscribeRequest:
    """A request that was sent, and its answer to come."""

    __slots__ = ("_answer", "_request_id")

    def __init__(self, request_id: int) -> None:
        self._request_id = request_id
        self._answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def acknowledged(self) -> None:
        """
        Wait for the answer.

        Raises:
            ProtocolError: The subscription was refused.
            Disconnected: The socket ended before.
        """
        await self._answer

    def takes(self, answer: Control) -> bool:
        """Take the answer, and return True; False where it is to something else."""
        if self._answer.done() or answer.id != self._request_id:
            return False
        if answer.error is None:
            self._answer.set_result(None)
        else:
            self._answer.set_exception(ProtocolError(f"the subscription was refused: code {answer.error.code}"))
        return True

    def lost(self, reason: Disconnected) -> bool:
        """Give the wait up, and return True; False where the answer has come."""
        if self._answer.done():
            return False
        self._answer.set_exception(reason)
        return True
