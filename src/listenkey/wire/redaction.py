"""Takes secrets and control characters out of texts that come from outside, before they get into an error."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

from listenkey.credentials import Secret
from listenkey.errors import BODY_SHOWN_MAX

BODY_KEPT_MAX: Final = 4096
"""The bytes that an error keeps of an unreadable body: enough for a report, too few to matter."""

TOKEN_CHARS_MIN: Final = 24
"""The shortest run that is hidden; API keys, listen keys and hexadecimal signatures have 40 to 64 letters and digits."""

MIXED_CHARS_MIN: Final = 32
"""Base64 has a few signs among them."""

_RUN: Final = re.compile(rf"[A-Za-z0-9_+/=.%~-]{{{TOKEN_CHARS_MIN},}}")
_LETTERS_AND_DIGITS: Final = re.compile(rf"[A-Za-z0-9]{{{TOKEN_CHARS_MIN},}}")
_DIGIT: Final = re.compile(r"[0-9]")
"""
Three patterns of one class each, so that each looks at a character once or twice. One pattern that looked ahead for a
digit took 33 s for 64 kB of underscores.
"""

CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]+")
"""Characters that move a cursor, forge a line of a log, turn the direction of writing, or can't be encoded."""


class MaskedText(str):
    """
    A text that is sent and never shown: its `repr` hides it.

    For what must be handed to a library as a text. A crash reporter keeps the `repr` of every variable of every frame,
    the library's own as well.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "'[hidden]'"


def mask(text: str, hide: Iterable[Secret] = ()) -> str:
    """
    The text with every given secret, and whatever looks like one, replaced.

    The longest words of the venue's own messages (`IP banned until 1660090423228`, `MANDATORY_PARAM_EMPTY_OR_MALFORMED`)
    stay readable; the tests hold every documented message against it. The time is linear in the length of the text.

    Args:
        text: Anything.
        hide: Secrets known to the caller, of any shape; also found where they are percent-encoded.
    """
    for secret in hide:
        plain = secret.reveal()
        if plain:
            text = text.replace(plain, "[hidden]").replace(quote(plain, safe=""), "[hidden]")
    return _RUN.sub(_masked_run, text)


def _masked_run(run: re.Match[str]) -> str:
    text = run[0]
    if len(text) >= MIXED_CHARS_MIN and _DIGIT.search(text) is not None:
        return "[hidden]"
    return _LETTERS_AND_DIGITS.sub("[hidden]", text)


def clean(text: str, hide: Iterable[Secret] = (), longest: int = BODY_SHOWN_MAX) -> str:
    """The text on one line, masked, and cut at `longest` characters: fit for an error, a log or a terminal."""
    masked = mask(_head(text), hide)
    # Masked once more afterwards: a control character in the middle must not carry a key past the pattern.
    line = mask(CONTROL.sub("", masked.replace("\n", " ").replace("\t", " ")), hide).strip()
    return line if len(line) <= longest else line[: longest - 1] + "…"


def masked_body(body: bytes, hide: Iterable[Secret] = ()) -> bytes:
    """The beginning of a body with secrets taken out, to be kept in a ProtocolError."""
    return mask(_head(body[: 2 * BODY_KEPT_MAX].decode("utf-8", "replace")), hide).encode("utf-8", "replace")


def _head(text: str) -> str:
    """The beginning of a text, cut between two words, so that the cut never leaves half a secret to be shown."""
    if len(text) <= BODY_KEPT_MAX:
        return text
    head = text[:BODY_KEPT_MAX]
    return head[: len(head) - len(head.rsplit(maxsplit=1)[-1])] if head[-1:].strip() else head
