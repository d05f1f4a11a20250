"""The secrets that were read, so that texts for people can be searched for them."""

from __future__ import annotations

import re
from typing import Final

LOOKS_SECRET: Final = re.compile(r"[A-Za-z0-9+/]{32,}={0,2}")
"""API keys and listen keys are 64 letters and digits; no word or amount that we print is so long."""

PART_MAX: Final = 20
MIXED_MIN: Final = 8
"""
The names in a path are shorter than the one, and those of the other length don't mix capitals, small letters and digits.
A run of base64 with slashes in it does not look so: of its parts one is longer, or mixed.
"""

SHORTEST: Final = 4

REMEMBERED_MAX: Final = 4_096
REMEMBERED_CHARS_MAX: Final = 1024 * 1024
"""Secrets of another form than the venue's, and their letters together. Beyond so many the oldest are forgotten."""

REMEMBERED: Final[dict[str, None]] = {}


def remember(secret: str) -> None:
    """
    Mask this text from now on.

    Short ones are left: masking "a" would hide every message. So are those that the pattern finds without being told,
    which are the keys of Binance: a gateway reads thousands of them, and each would be looked for in each text.
    """
    if len(secret) < SHORTEST or (LOOKS_SECRET.fullmatch(secret) and not is_path(secret)):
        return
    REMEMBERED[secret] = None
    while len(REMEMBERED) > REMEMBERED_MAX or sum(map(len, REMEMBERED)) > REMEMBERED_CHARS_MAX:
        del REMEMBERED[next(iter(REMEMBERED))]


def hide(text: str) -> str:
    """Return the text with every remembered secret, and whatever looks like one, masked."""
    # The longest first: one may begin with another, and its end would stay.
    for secret in sorted(REMEMBERED, key=len, reverse=True):
        text = text.replace(secret, "[hidden]")
    return LOOKS_SECRET.sub(lambda run: run[0] if is_path(run[0]) else "[hidden]", text)


def is_path(run: str) -> bool:
    """Return True where a long run of letters, digits and slashes is part of a path, which a person has to see."""
    return "/" in run and not set("+=") & set(run) and not any(map(_is_random, run.split("/")))


def _is_random(part: str) -> bool:
    kinds = (str.isupper, str.islower, str.isdigit)
    is_mixed = all(any(map(kind, part)) for kind in kinds)
    return len(part) >= PART_MAX or (is_mixed and len(part) >= MIXED_MIN)
