"""Render items as lines: JSON for programs, text for people. The full-screen renderer is in `terminal.py`."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Final, Protocol, Self

from listenkey.cli.display.number_format import clock_time
from listenkey.cli.display.output import Output
from listenkey.cli.display.text import line_of
from listenkey.cli.redaction import escaped

if TYPE_CHECKING:
    from listenkey.cli.display.annotation import Annotation
    from listenkey.cli.running import Stop
    from listenkey.items import Item

STDOUT: Final = 1

FLUSH_WITHIN_S: Final = 1.0
"""The time for pending output at the end: Ctrl-C ends at once also before a reader that stands still."""


class Renderer(Protocol):
    """A display of items. `is_full` and `room` slow the stream's reader down to what the other side takes."""

    @property
    def is_full(self) -> bool: ...

    async def room(self) -> None: ...

    def add(self, item: Item) -> None: ...

    def annotate(self, annotation: Annotation) -> None: ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class LineRenderer:
    """
    Items as lines on stdout, written in the background. A reader that leaves ends the command.

    Args:
        stop: Asked when nothing can be shown any more.
        descriptor: Where to.
        on_failed: Called instead where writing fails and no reader has left, for example on a full disk: for a command
            that has more to do than to show. What comes from then on is shown nowhere.
    """

    def __init__(
        self, stop: Stop, descriptor: int = STDOUT, on_failed: Callable[[OSError], None] | None = None
    ) -> None:
        self.output = Output(descriptor, self._closed)
        self._stop = stop
        self._on_failed = on_failed
        self._is_terminal = os.isatty(descriptor)

    def _closed(self) -> None:
        if self._on_failed is not None and (error := self.output.failure) is not None:
            self._on_failed(error)
        else:
            self._stop.ask("closed")

    @property
    def is_full(self) -> bool:
        """True where the other side is so far behind that we wait for it."""
        return self.output.is_full

    async def room(self) -> None:
        """Wait for the reader."""
        await self.output.room()

    @abstractmethod
    def add(self, item: Item) -> None:
        """Show one item."""

    def annotate(self, annotation: Annotation) -> None:
        """Words between the items; programs get none."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.output.flushed(FLUSH_WITHIN_S)
        if kind is None and self._on_failed is None and (failure := self.output.failure) is not None:
            raise failure


class JsonRenderer(LineRenderer):
    """One JSON object a line. On a terminal, what could move its cursor is escaped as JSON does."""

    def add(self, item: Item) -> None:
        from listenkey.wire.json_lines import to_line

        line = to_line(item)
        if self._is_terminal:
            line = escaped(line.decode(errors="replace")).encode()
        self.output.write(line + b"\n")


class TextRenderer(LineRenderer):
    """A line for people of what they care about: fills, orders, gaps. Balances and greeks are only counted."""

    def add(self, item: Item) -> None:
        if text := line_of(item):
            self.output.write(text.encode(errors="replace") + b"\n")

    def annotate(self, annotation: Annotation) -> None:
        """A line as any other."""
        self.output.write(f"{clock_time(annotation.at_ms)}  {annotation.text}\n".encode())
