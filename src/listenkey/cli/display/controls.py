"""The keys of the live view, and what each of them changes. Pure; reading the keyboard is `keyboard.py`."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

Kinds: TypeAlias = Literal["all", "fills", "gaps"]

KINDS: Final[tuple[Kinds, ...]] = ("all", "fills", "gaps")
PAGE: Final = 10

HELP: Final = (
    ("q", "end, as Ctrl-C does"),
    ("p, space", "hold the table still, and let it go on; the stream is never held"),
    ("f", "show all, fills only, or gaps only"),
    ("j, k, arrows", "one line down or up; Page Down and Page Up ten"),
    ("g", "back to the newest"),
    ("?", "this help, and away again"),
)

KEYS: Final = {
    b"\x1b[A": "k", b"\x1b[B": "j", b"\x1bOA": "k", b"\x1bOB": "j", b"\x1b[5~": "up", b"\x1b[6~": "down",
    b"\x1b[H": "g", b"\x1b": "escape", b" ": "p", b"Q": "q", b"\x04": "q",
}  # fmt: skip
"""Escape sequences and twins, by the key they stand for."""


class Controls:
    """
    The choices of whoever looks at the view.

    Attributes:
        quit: Whether the end was asked for.
        help: Whether the help is shown.
        paused: Whether the table stands still.
        kinds: Which lines the table shows.
        skipped: How many of the newest lines are scrolled away.
    """

    def __init__(self) -> None:
        self.quit = False
        self.help = False
        self.paused = False
        self.kinds: Kinds = "all"
        self.skipped = 0

    def press(self, typed: bytes) -> None:
        """Take in one key, as the terminal sent it. An unknown one does nothing."""
        key = KEYS.get(typed) or typed.decode("ascii", "replace")
        match key:
            case "q":
                self.quit = True
            case "?" | "h":
                self.help = not self.help
            case "escape":
                self.help = False
            case "p":
                self.paused = not self.paused
                self.skipped = 0
            case "f":
                self.kinds = KINDS[(KINDS.index(self.kinds) + 1) % len(KINDS)]
                self.skipped = 0
            case "j" | "down":
                self.skipped += 1 if key == "j" else PAGE
            case "k" | "up":
                self.skipped = max(0, self.skipped - (1 if key == "k" else PAGE))
            case "g":
                self.skipped = 0
