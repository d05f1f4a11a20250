"""A server that says exactly what it is told to, byte by byte: also what no server should."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Self, TypeAlias

Answer: TypeAlias = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]

DROP = b""
"""As an answer: the connection is closed instead."""


def reply(body: bytes = b"{}", status: int = 200, *headers: str) -> bytes:
    """A whole answer of HTTP."""
    lines = [f"HTTP/1.1 {status} Words", *headers, f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@dataclass(frozen=True)
class Heard:
    connection: int
    line: str
    headers: dict[str, str]
    after_head: bytes


class RawServer:
    """Answers the n-th request with the n-th answer; the last one again and again."""

    def __init__(self, *answers: Answer, secure: ssl.SSLContext | None = None) -> None:
        self.answers = list(answers)
        self.heard: list[Heard] = []
        self.connections = 0
        self.url = ""
        self._secure = secure
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._secure)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"{'https' if self._secure else 'http'}://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            await self._talk(self.connections, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.transport.abort()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _talk(self, connection: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            line, *rest = head.decode("latin-1").rstrip().split("\r\n")
            fields = (field.partition(": ") for field in rest)
            after = bytes(reader._buffer)  # type: ignore[attr-defined]  # a body, if one came along
            self.heard.append(Heard(connection, line, {name: value for name, _, value in fields}, after))
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if answer == DROP:
                return
            if isinstance(answer, bytes):
                writer.write(answer)
            else:
                await answer(writer)
            await writer.drain()
