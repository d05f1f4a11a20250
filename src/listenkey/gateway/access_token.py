"""
The token that readers of the gateway show: from a file of the user's, or made once and kept.

A token that is made is kept in the gateway's folder, readable by us alone, so that readers need no new one after a
restart.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

from listenkey.credentials import Secret
from listenkey.errors import JournalError, UsageError
from listenkey.gateway.whole_file import write_whole
from listenkey.key_sources.key_file import read_private
from listenkey.key_sources.remembered import remember

BYTES: Final = 32
"""256 bits of chance; they are written with 43 letters, digits, "-" and "_"."""

CHARS_MAX: Final = 4_096
CHARS_GUESSED: Final = 16
"""A shorter token can be guessed by whoever reaches the address."""

FILE: Final = "token"
MAKE_ONE: Final = "openssl rand -hex 32"


def read_token(path: Path) -> Secret:
    """
    Return the token that a file holds; spaces and line breaks around it don't count.

    Raises:
        UsageError: The file is missing or open to others, or holds no token; the message says what to do.
    """
    text = read_private(path).strip()
    if not text:
        raise UsageError(f"{path} is empty; put a token into it: {MAKE_ONE} > {path}")
    if len(text) > CHARS_MAX or any(not "!" <= letter <= "~" for letter in text):
        raise UsageError(f"{path} must hold one word of letters, digits and signs; make one: {MAKE_ONE} > {path}")
    remember(text)
    return Secret(text)


def kept_token(folder: Path) -> tuple[Secret, bool]:
    """
    Return the token that is kept in a folder, and whether it was made now.

    Raises:
        UsageError: There is one, and it is open to others or is none.
        JournalError: It can't be written.
    """
    path = folder / FILE
    if os.path.lexists(path):
        return read_token(path), False
    text = secrets.token_urlsafe(BYTES)
    remember(text)
    token = Secret(text)
    try:
        write_whole(path, f"{text}\n".encode())
    except OSError as error:
        reason = error.strerror
    else:
        return token, True
    raise JournalError(f"{path} can't be written: {reason}; make the folder writable, or give token_file")
