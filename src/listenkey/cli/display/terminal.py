"""Draw the dashboard in a terminal, about eight times a second and only when something has changed."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from rich.console import Console

from listenkey.cli.display.controls import Controls
from listenkey.cli.display.dashboard import DashboardState
from listenkey.cli.display.dashboard_view import StreamLabel, frame
from listenkey.cli.display.keyboard import STDIN, Keyboard
from listenkey.cli.display.output import Output
from listenkey.cli.running import cancel_and_wait

if TYPE_CHECKING:
    from rich.text import Text

    from listenkey.cli.display.annotation import Annotation
    from listenkey.cli.running import Stop
    from listenkey.health import Health
    from listenkey.items import Item

FRAME_EVERY_S: Final = 0.12
STDOUT: Final = 1
TO_ALTERNATE: Final = b"\x1b[?1049h\x1b[?25l\x1b[2J"
BACK_TO_NORMAL: Final = b"\x1b[0m\x1b[?25h\x1b[?1049l"
BEGIN_FRAME: Final = b"\x1b[?2026h\x1b[H"  # Synchronised output: terminals that know it show a frame at once.
END_FRAME: Final = b"\x1b[J\x1b[?2026l"
BEHIND_BYTES: Final = 64 * 1024
"""A terminal that has so much yet to take (a slow line, Ctrl-S) gets no further frame until it has caught up."""

LEAVE_WITHIN_S: Final = 0.5


class DashboardRenderer:
    """
    The full-screen dashboard. Never slows the stream down: what a terminal can't take is not drawn.

    Args:
        stop: Asked when the terminal goes away.
        health: Asks the stream how it is.
        label: Which stream it is, for the header.
        descriptor: The terminal.
        keyboard: The terminal that keys come from.
    """

    is_full: Final = False

    def __init__(
        self,
        stop: Stop,
        health: Callable[[], Health],
        label: StreamLabel,
        descriptor: int = STDOUT,
        keyboard: int = STDIN,
    ) -> None:
        self.state = DashboardState()
        self.output = Output(descriptor, lambda: stop.ask("closed"))
        self._stop = stop
        self._health = health
        self._label = label
        self._controls = Controls()
        self._keyboard = Keyboard(self._on_key, keyboard)
        self._descriptor = descriptor
        self._drawn = b""
        self._drawing: asyncio.Task[None] | None = None

    async def room(self) -> None:
        """There is always room."""

    def add(self, item: Item) -> None:
        """Fold one item in; the next frame shows it."""
        self.state.add(item)

    def annotate(self, annotation: Annotation) -> None:
        """A line across the table."""
        self.state.annotate(annotation)

    async def __aenter__(self) -> Self:
        self._stop.last_words.append(self._restore)
        self.output.write(TO_ALTERNATE)
        self._keyboard.open()
        self._drawing = asyncio.create_task(self._draw_for_ever(), name="listenkey view")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._drawing is not None:
            await cancel_and_wait(self._drawing)
        self._keyboard.close()
        self.output.write(BACK_TO_NORMAL)
        await self.output.flushed(LEAVE_WITHIN_S)
        self._stop.last_words.remove(self._restore)

    def _restore(self) -> None:
        """Give the terminal back at an end by force."""
        self._keyboard.restore()
        with contextlib.suppress(OSError):  # It is gone, and with it the need.
            os.write(self._descriptor, BACK_TO_NORMAL)

    def _on_key(self, key: bytes) -> None:
        was_paused = self._controls.paused
        self._controls.press(key)
        if self._controls.paused != was_paused:
            self.state.hold(held=self._controls.paused)
        if self._controls.quit:
            self._stop.ask("signal")
        self._draw()

    async def _draw_for_ever(self) -> None:
        while True:
            self._draw()
            await asyncio.sleep(FRAME_EVERY_S)

    def _draw(self) -> None:
        if self.output.pending_bytes > BEHIND_BYTES:
            return
        size = terminal_size(self._descriptor)
        lines = frame(self.state, self._health(), self._label, size, time.time_ns() // 1_000_000, self._controls)
        picture = as_bytes(lines, size)
        if picture != self._drawn:
            self._drawn = picture
            self.output.write(BEGIN_FRAME + picture + END_FRAME)


def terminal_size(descriptor: int) -> tuple[int, int]:
    """Columns and lines, asked anew for each frame: a terminal may be resized at any time."""
    try:
        size = os.get_terminal_size(descriptor)
    except OSError:
        return 80, 24
    return size.columns or 80, size.lines or 24


def as_bytes(lines: list[Text], size: tuple[int, int]) -> bytes:
    """The lines with the colours this terminal takes (NO_COLOR: none), each cleared to its end."""
    buffer = io.StringIO()
    console = Console(
        file=buffer, force_terminal=True, width=size[0], height=size[1], legacy_windows=False, highlight=False
    )
    for number, line in enumerate(lines):
        console.print(line, end="", no_wrap=True, overflow="crop", crop=True, soft_wrap=False)
        buffer.write("\x1b[K" if number == len(lines) - 1 else "\x1b[K\r\n")
    return buffer.getvalue().encode(errors="replace")
