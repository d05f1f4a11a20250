"""
Reads key files, and refuses those that others could read or swap.

A key file holds lines `NAME=VALUE`; a private key file holds PEM text. Both must be ours, readable by us alone, and no
link: whoever can write the folder could point a link elsewhere between the check and the reading, so the check is made
on the open file.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from listenkey.errors import UsageError

BYTES_MAX: Final = 64 * 1024

NAMES: Final = ("BINANCE_API_KEY", "BINANCE_API_SECRET", "BINANCE_PRIVATE_KEY_FILE")


def read_private(path: Path) -> str:
    """
    The text of a file that only we can read.

    Raises:
        UsageError: It is missing, a link, not ours, open to others, too big or no text; the message says what to do.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        if path.is_symlink():
            raise UsageError(f"{path} is a symbolic link; give the path of the file itself") from None
        raise UsageError(f"{path} can't be read: {error.strerror}") from None
    with os.fdopen(descriptor, "rb") as file:
        refuse_open_to_others(path, os.fstat(descriptor))
        content = file.read(BYTES_MAX + 1)
    if len(content) > BYTES_MAX:
        raise UsageError(f"{path} is too big for a key file ({BYTES_MAX // 1024} KiB at most)")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not text") from None


def refuse_open_to_others(path: Path, found: os.stat_result) -> None:
    """UsageError where anybody else could read the file, or put another in its place."""
    if not stat.S_ISREG(found.st_mode):
        raise UsageError(f"{path} is not a file")
    if found.st_uid != os.geteuid():
        raise UsageError(f"{path} belongs to another user; make a copy of your own: install -m 600 {path} NEW_PATH")
    if found.st_mode & 0o077:
        raise UsageError(f"{path} is open to others (mode {stat.S_IMODE(found.st_mode):04o}); run: chmod 600 {path}")
    folder = path.absolute().parent
    mode = folder.stat().st_mode
    if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        raise UsageError(f"everybody can write to {folder}; run: chmod o-w {folder}")


def read_key_file(path: Path) -> dict[str, str]:
    """
    The names and values of a key file: `NAME=VALUE` a line, `#` starts a comment line, quotes are optional.

    Raises:
        UsageError: As `read_private`, or a line that can't be read. A message names the line, never its content.
    """
    values: dict[str, str] = {}
    for number, line in enumerate(read_private(path).splitlines(), start=1):
        text = line.strip().removeprefix("export ").strip()
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.partition("=")
        name, value = name.strip(), value.strip()
        if not equals or name not in NAMES:
            raise UsageError(f"{path}, line {number}: expected NAME=VALUE with one of {', '.join(NAMES)}")
        if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        values[name] = value
    if not values.get("BINANCE_API_KEY"):
        raise UsageError(f"{path} holds no line BINANCE_API_KEY=...")
    return values
