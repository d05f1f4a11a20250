"""Words of a refusal for whoever is elsewhere: they hold neither the reference that was sent nor a path of this machine."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Final

NAMED: Final = {"file": "FILE", "env": "PREFIX", "keyring": "SERVICE"}
"""The words that stand for what a reference names."""

GENERAL: Final = "the keys can't be read where the reference says"

COULD_BE_SECRET: Final = 8
"""A place of fewer letters gives nothing away, and is part of plain words."""

_PATH: Final = re.compile(r"""(?<![^\s("'])/[^\s;,:()"']*""")


def words_of(error: Exception | str, reference: str) -> str:
    """
    Return what an error says, fit for whoever sent the reference; an empty one is none.

    It may be a key that was sent by mistake, and the folders of this machine are nobody's business.
    """
    kind, _, place = reference.partition(":")
    words = str(error)
    if kind == "env" and place:
        words = re.sub(rf"(?<!\w){re.escape(place)}(?=_API|_PRIVATE)", NAMED[kind], words)
    elif kind == "keyring" and place:
        words = re.sub(rf"(?<=keyring set ){re.escape(place)}", NAMED[kind], words)
    elif kind == "file" and place:
        path = re.escape(str(PurePath(place)).removeprefix("~"))
        anywhere = path if place.startswith("/") else rf"/(?:[^;,]*?/)??{path.removeprefix('/')}"
        words = re.sub(rf"(?<!\S){anywhere}(?![\w/.-])", NAMED[kind], words)
    words = _PATH.sub("PATH", words)
    held = (each for each in (reference, place) if len(each) >= COULD_BE_SECRET)
    return GENERAL if any(each in words for each in held) else words
