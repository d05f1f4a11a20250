"""Takes secrets out of text before a person sees it: the last net under code that should never let one through."""

from __future__ import annotations

import os
from typing import Final

from listenkey.key_sources.remembered import SHORTEST, hide

CONTROL: Final = {
    **dict.fromkeys((*range(32), *range(127, 160), 0x2028, 0x2029)),
    ord("\t"): " ",
    ord("\n"): " ",
}
"""Characters that could move a cursor, colour a line or forge one. Also the 8-bit forms (C1)."""

DIRECTION: Final = dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C, 0xFEFF))
"""Marks that turn the direction of writing and make a line read as another one."""

PLAIN: Final = CONTROL | DIRECTION


ESCAPED: Final = {code: f"\\u{code:04x}" for code in PLAIN if code != ord("\n")}
"""The same as JSON writes them: for lines that a program may read, and a terminal shows."""


def escaped(line: str) -> str:
    """A line of JSON that a terminal obeys in nothing. It means the same: what is escaped stands in texts alone."""
    return line.translate(ESCAPED)


def printable(text: str, longest: int = 200) -> str:
    """The text without anything a terminal would obey, on one line, cut at `longest` letters."""
    text = text[: longest * 2].translate(PLAIN)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def redact(text: str) -> str:
    """The text with every secret we were given, and whatever looks like one, masked. Lines are kept."""
    for secret in secrets_of_environment():
        text = text.replace(secret, "[hidden]")
    return hide(text)


def secrets_of_environment() -> list[str]:
    """Return the environment's secrets, also before any command has read them."""
    values = (os.environ.get(name, "") for name in ("BINANCE_API_KEY", "BINANCE_API_SECRET"))
    return [value for value in values if len(value) >= SHORTEST]
