"""
Key files: read where only we, or root, could have written them, and refused elsewhere.

A key file holds lines `NAME=VALUE`; a private key file holds PEM text. A file of our own must be readable by us alone.
Platforms mount secrets otherwise: Docker and Compose as root:root 0444 below /run/secrets, Kubernetes as a link through
`..data` into a folder that it replaces. There a file may be readable by others, as long as nobody but root and us can
change it, and each step of a link is held to the same.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from listenkey.errors import UsageError

BYTES_MAX: Final = 64 * 1024

MOUNTED_AT: Final = (Path("/run/secrets"), Path("/var/run/secrets"), Path("/run/credentials"))
"""The folders where Docker, Compose and Podman mount secrets, readable by all; and systemd a unit's, root's."""

KUBERNETES_LINK: Final = "..data"
"""The link that Kubernetes turns to the newest version of a mounted secret."""

STEPS_MAX: Final = 256
"""Parts of a path, links followed; Linux itself follows 40 links."""

OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH

NAMES: Final = ("BINANCE_API_KEY", "BINANCE_API_SECRET", "BINANCE_PRIVATE_KEY_FILE")


def read_private(path: Path, bytes_max: int = BYTES_MAX) -> str:
    """
    Return the text of a file that nobody but root and we could have written.

    A byte order mark at its beginning, as Windows' editors write one, is left out.

    Raises:
        UsageError: It is missing, not ours, open to others, reached by a link that others could turn elsewhere, too big
            or no text; the message says what to do.
    """
    followed, is_mounted = _followed(path)
    try:
        descriptor = os.open(followed, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from None
    try:
        # Before Python makes a file of it, which it refuses for a folder with an error of its own.
        refuse_open_to_others(followed, os.fstat(descriptor), is_mounted=is_mounted)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(bytes_max + 1)
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from None
    finally:
        os.close(descriptor)
    if len(content) > bytes_max:
        raise UsageError(f"{path} is too big for what it is said to be ({bytes_max // 1024} KiB at most)")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not text in UTF-8; save it as UTF-8") from None


def _followed(path: Path) -> tuple[Path, bool]:
    """
    Follow the links of a path by hand, and hold each to the rule.

    The check and the reading are apart in time. That is safe, since no step is one that others could change meanwhile.

    Returns:
        The path without links, and whether a platform mounted it as a secret.
    """
    reached, ahead = Path(path.absolute().anchor), [*reversed(path.absolute().parts[1:])]
    is_mounted = any(path.absolute().is_relative_to(each) for each in MOUNTED_AT)
    for _ in range(STEPS_MAX):
        if not ahead:
            return reached, is_mounted
        step = reached / ahead.pop()
        try:
            found = step.lstat()
            to = step.readlink() if stat.S_ISLNK(found.st_mode) else None
        except OSError as error:
            raise UsageError(f"{path} can't be read: {error.strerror}") from None
        if to is None:
            reached = step
            continue
        _refuse_a_link_of_others(path, step, found)
        is_mounted = is_mounted or step.name == KUBERNETES_LINK
        ahead.extend(part for part in reversed(to.parts) if part != to.anchor)
        reached = Path(to.anchor) if to.is_absolute() else reached
    raise UsageError(f"{path} leads through too many links; give the path of the file itself")


def _refuse_a_link_of_others(path: Path, link: Path, found: os.stat_result) -> None:
    folder = link.parent.stat()
    writable = folder.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not folder.st_mode & stat.S_ISVTX
    if found.st_uid not in _trusted() or folder.st_uid not in _trusted() or writable:
        raise UsageError(
            f"{path} leads through the symbolic link {link}, which others could turn elsewhere; give the path of the file itself"
        )


def _trusted() -> tuple[int, int]:
    """Root could read whatever we can, and so could we."""
    return (0, os.geteuid())


def refuse_open_to_others(path: Path, found: os.stat_result, *, is_mounted: bool = False) -> None:
    """UsageError where anybody else could read the file, or put another in its place."""
    if stat.S_ISDIR(found.st_mode):
        raise UsageError(f"{path} is a folder; give the path of a file")
    if not stat.S_ISREG(found.st_mode):
        raise UsageError(f"{path} is not a file; give the path of a file")
    if found.st_uid not in (_trusted() if is_mounted else (os.geteuid(),)):
        raise UsageError(f"{path} belongs to another user; make a copy of your own: install -m 600 {path} NEW_PATH")
    if found.st_mode & (OTHERS_WRITE if is_mounted else OTHERS):
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
