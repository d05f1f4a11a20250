"""Single keys from the terminal that the live view is shown in."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import sys
from collections.abc import Callable
from typing import Final

STDIN: Final = 0
BYTES_MAX: Final = 256
ONE_KEY: Final = re.compile(rb"\x1b\[[0-9;]{0,8}[A-Za-z~]|\x1bO[A-Z]|[\x00-\xff]", re.DOTALL)


def keys_in(typed: bytes) -> list[bytes]:
    """Split what a terminal sent into keys; an arrow is one key of three bytes."""
    return ONE_KEY.findall(typed)


class Keyboard:
    """
    Calls a function with each key, until it is closed. Without a terminal for input it does nothing.

    Ctrl-C and Ctrl-Z stay what they are: only lines and echo are switched off.

    Args:
        on_key: Called in the event loop with each key.
        descriptor: The terminal.
    """

    def __init__(self, on_key: Callable[[bytes], None], descriptor: int = STDIN) -> None:
        self._on_key = on_key
        self._descriptor = descriptor
        self._before: list[object] | None = None

    def open(self) -> None:
        """Take keys one by one from here on."""
        if sys.platform == "win32" or not os.isatty(self._descriptor):
            return
        import termios

        # A process in the background may not change its terminal; it would be stopped for trying.
        with contextlib.suppress(OSError, termios.error):
            if os.tcgetpgrp(self._descriptor) != os.getpgrp():
                return
            before = termios.tcgetattr(self._descriptor)
            changed = [*before]
            changed[3] &= ~(termios.ICANON | termios.ECHO)
            termios.tcsetattr(self._descriptor, termios.TCSANOW, changed)
            self._before = [*before]
            asyncio.get_running_loop().add_reader(self._descriptor, self._read)

    def _read(self) -> None:
        try:
            typed = os.read(self._descriptor, BYTES_MAX)
        except BlockingIOError:
            return
        except OSError:
            typed = b""
        if not typed:  # The terminal is gone.
            asyncio.get_running_loop().remove_reader(self._descriptor)
        for key in keys_in(typed):
            self._on_key(key)

    def close(self) -> None:
        """Take no more keys, and give the terminal back as it was."""
        if self._before is not None:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            self.restore()

    def restore(self) -> None:
        """Give the terminal back as it was; for an end by force, from any thread."""
        import termios

        before, self._before = self._before, None
        if before is not None:
            with contextlib.suppress(OSError, termios.error):
                termios.tcsetattr(self._descriptor, termios.TCSANOW, before)  # type: ignore[arg-type]
