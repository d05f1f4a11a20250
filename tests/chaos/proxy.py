"""
A network that lies on purpose: a TCP proxy between a client and the sandbox that understands WebSocket frames.

No tool below TCP can take out exactly one message; this one can, both ways, drawn from a seed. REST goes through it as
well. It runs in a thread; the test controls it by plain calls. Every injection is logged with both clocks.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Literal, Self, TypeAlias, TypeVar

from listenkey.blocking.portal import Portal
from tests.chaos.rules import Direction, Kind, Rule
from tests.chaos.wire import HEAD_END, READ_BYTES, Faults, How, Lane, Shape, hang_up

Which: TypeAlias = Literal["ws", "http", "all"]
Doors: TypeAlias = Literal["open", "stall", "reset"]

T = TypeVar("T")

LISTEN_KEY: Final = re.compile(rb'"listenKey"\s*:\s*"([^"]+)"')
SIGNATURE: Final = re.compile(rb"[?&]signature=([^&\s]+)")
FILL: Final = re.compile(rb'"s":"([^"]+)".*"x":"TRADE".*"i":(\d+).*"t":(\d+)')


@dataclass(frozen=True, slots=True)
class Injection:
    """One thing that was done: when, by both clocks, and what."""

    wall_ms: int
    mono_s: float
    what: str
    detail: str


class Connection:
    """One client's connection and the one to the exchange that belongs to it."""

    def __init__(self, down: Lane, up: Lane) -> None:
        self.down = down
        self.up = up

    @property
    def is_websocket(self) -> bool:
        """True where it was upgraded; until the first answer nobody knows."""
        return self.down.is_websocket

    def lane(self, direction: Direction) -> Lane:
        """One of the two."""
        return self.down if direction == "down" else self.up


class Proxy:
    """
    The proxy; a context manager.

    Args:
        target_port: Where the sandbox listens on loopback.
        seed: Of all chance.

    Attributes:
        port: Where clients connect.
        log: What was done.
        secrets: Listen keys and signatures that went through; none may appear in anybody's output.
        fills: `(symbol, trade id, order id)` of each fill whose frame went down whole, and when, wall clock, ms.
        connections: How many were accepted.
    """

    def __init__(self, target_port: int, seed: int = 1) -> None:
        self.port = 0
        self.log: list[Injection] = []
        self.secrets: set[bytes] = set()
        self.fills: dict[tuple[str, int, int], int] = {}
        self.connections = 0
        self._target_port = target_port
        self._faults = Faults(random.Random(seed), self._note, self._passed)
        self._portal = Portal()
        self._server: asyncio.Server | None = None
        self._open: set[Connection] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._doors: Doors = "open"
        self._blocked: dict[Direction, bool] = {"down": False, "up": False}

    def __enter__(self) -> Self:
        self._portal.call(self._listen)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._portal.call(self._stop)
        self._portal.close()

    # --- control, from the test's thread -------------------------------------------------------------------------

    def rule(self, kind: Kind, **parameters: Any) -> Rule:
        """Put a fault of frames in; see `Rule`."""
        rule = Rule(kind, **parameters)
        self._do(lambda: self._faults.rules.append(rule))
        return rule

    def shape(self, direction: Direction, *, slice_bytes: int = 0, bytes_per_s: float = 0.0) -> None:
        """Cut all writes into pieces, or slow them down."""
        self._do(lambda: self._faults.shapes.update({direction: Shape(slice_bytes, bytes_per_s)}))
        self._note("shape", f"{direction}, pieces of {slice_bytes}, {bytes_per_s} bytes/s")

    def cut(self, how: How = "rst", which: Which = "ws") -> int:
        """End connections that are open now, both sides; how many."""

        def do() -> int:
            chosen = [each for each in self._open if self._is(each, which)]
            self._note("cut", f"{how}, {len(chosen)} connections")
            for each in chosen:
                for lane in (each.down, each.up):
                    lane.flowing.set()
                    hang_up(lane.writer, how)
            return len(chosen)

        return self._do(do)

    def block(self, *directions: Direction, which: Which = "all", fresh: bool = True) -> None:
        """
        Let nothing through, and say nothing: a cable that was pulled.

        Args:
            directions: Which way; both where none is named.
            which: Of the connections that are open now.
            fresh: Whether connections that come now are blocked as well.
        """

        def do() -> None:
            for direction in directions or ("down", "up"):
                self._blocked[direction] = fresh
                for each in self._open:
                    if self._is(each, which):
                        each.lane(direction).flowing.clear()
            self._note("block", " ".join(directions) or "both")

        self._do(do)

    def unblock(self) -> None:
        """Send on what was held back, as TCP would send it again."""

        def do() -> None:
            self._blocked = {"down": False, "up": False}
            for each in self._open:
                each.down.flowing.set()
                each.up.flowing.set()
            self._note("unblock", "")

        self._do(do)

    def forget_idle(self, after_s: float) -> None:
        """From now on a connection on which nothing moved for so long is blocked for good: a NAT that forgets."""

        async def watch() -> None:
            while True:
                await asyncio.sleep(after_s / 20)
                now_s = time.monotonic()
                for each in [e for e in self._open if now_s - max(e.down.moved_s, e.up.moved_s) > after_s]:
                    if each.down.flowing.is_set():
                        self._note("forgotten", "ws" if each.is_websocket else "http")
                    each.down.flowing.clear()
                    each.up.flowing.clear()

        self._do(lambda: self._tasks.add(asyncio.create_task(watch())))

    def doors(self, doors: Doors) -> None:
        """New connections: `open`; `stall`: accepted, and nothing more happens; `reset` at once."""

        def do() -> None:
            self._doors = doors
            self._note("doors", doors)

        self._do(do)

    def refuse(self, *, refused: bool) -> None:
        """Refuse connections, as a machine where nobody listens does, or take them again; the port is kept."""
        self._portal.call(self._close if refused else self._listen)
        self._note("refuse", str(refused))

    def repoint(self, target_port: int) -> None:
        """New connections go elsewhere; those that are open stay."""

        def do() -> None:
            self._target_port = target_port
            self._note("repoint", "")

        self._do(do)

    def heal(self) -> None:
        """Take every fault out."""
        self._do(self._faults.rules.clear)
        for direction in self._faults.shapes:
            self._faults.shapes[direction] = Shape()
        self.doors("open")
        self.unblock()
        if self._server is None:
            self.refuse(refused=False)

    def open_sockets(self) -> int:
        """WebSockets that go through now."""
        return self._do(lambda: sum(each.is_websocket for each in self._open))

    # --- inside, on the loop -------------------------------------------------------------------------------------

    def _do(self, what: Callable[[], T]) -> T:
        async def there() -> T:
            return what()

        return self._portal.call(there)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, limit=READ_BYTES)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _stop(self) -> None:
        await self._close()
        for each in list(self._open):
            hang_up(each.down.writer, "rst")
            hang_up(each.up.writer, "rst")
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            await self._serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            hang_up(writer, "rst")
        except asyncio.CancelledError:  # asyncio's own callback would log a cancelled handler as a failure
            hang_up(writer, "rst")
        finally:
            self._tasks.discard(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._doors == "reset":
            hang_up(writer, "rst")
            return
        if self._doors == "stall":
            with suppress(OSError):
                while await reader.read(READ_BYTES):
                    pass
            hang_up(writer, "fin")
            return
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._target_port, limit=READ_BYTES)
        up, down = Lane("up", reader, there_writer, self._faults), Lane("down", there_reader, writer, self._faults)
        for lane in (up, down):
            if self._blocked[lane.direction]:
                lane.flowing.clear()
        connection = Connection(down, up)
        self._open.add(connection)
        writing = [asyncio.create_task(lane.run()) for lane in (up, down)]
        try:
            await asyncio.gather(self._pump(connection, up), self._pump(connection, down))
        finally:
            self._open.discard(connection)
            for task in writing:
                task.cancel()
            hang_up(writer, "fin")
            hang_up(there_writer, "fin")

    async def _pump(self, connection: Connection, lane: Lane) -> None:
        how: How = "fin"
        try:
            while data := await lane.reader.read(READ_BYTES):
                self._remember(lane, data)
                if lane.direction == "down" and not lane.is_websocket and data.startswith(b"HTTP/1.1 101"):
                    head, _, rest = data.partition(HEAD_END)
                    lane.put(head + HEAD_END)
                    connection.down.is_websocket = connection.up.is_websocket = True
                    data = rest
                lane.put(data)
        except OSError:
            how = "rst"
        await lane.end(how)

    def _remember(self, lane: Lane, data: bytes) -> None:
        if lane.is_websocket:
            return
        self.secrets.update((LISTEN_KEY if lane.direction == "down" else SIGNATURE).findall(data))

    def _passed(self, direction: Direction, payload: bytes) -> None:
        if direction == "down" and (found := FILL.search(payload)) is not None:
            fill = (found[1].decode(), int(found[3]), int(found[2]))
            self.fills.setdefault(fill, time.time_ns() // 1_000_000)

    def _note(self, what: str, detail: str) -> None:
        self.log.append(Injection(time.time_ns() // 1_000_000, time.monotonic(), what, detail))

    def _is(self, connection: Connection, which: Which) -> bool:
        return which == "all" or connection.is_websocket == (which == "ws")
