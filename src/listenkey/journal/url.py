"""Find a journal's file from the user's text: a path, `sqlite:///path`, or nothing."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from listenkey.errors import UsageError

SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{1,31})://(.*)", re.DOTALL)


ACCOUNTS_FILE: Final = "accounts.db"
"""The name of a file of many accounts, in its folder."""


def journal_path(journal: str | os.PathLike[str]) -> Path:
    """
    Return the file of a journal: a path from the root, with links followed.

    It is made absolute here and once, because a program may change its folder, or a link be turned, while it runs.

    `sqlite:///fills.db` is a path from here, `sqlite:////var/lib/fills.db` one from the root, as SQLAlchemy has them.

    Raises:
        UsageError: It names no file, or a kind of journal that this release does not have.
    """
    path, is_folder = _found(journal)
    if is_folder and (path / ACCOUNTS_FILE).exists():
        raise UsageError(f"the folder {path} has the journals of many accounts; name a journal of one account")
    if is_folder:
        raise UsageError(f"the journal {path} is a folder; give the path of a file in it")
    return path


def accounts_path(journal: str | os.PathLike[str]) -> Path | None:
    """
    Return the file of many accounts that a text names, by its folder or by itself; None where it names another file.

    Raises:
        UsageError: As `journal_path`.
    """
    path, is_folder = _found(journal)
    if is_folder:
        path /= ACCOUNTS_FILE
    return path if path.name == ACCOUNTS_FILE and path.exists() else None


def _found(journal: str | os.PathLike[str]) -> tuple[Path, bool]:
    """Return the path that a text names, and whether a folder is there."""
    text = os.fspath(journal)
    if match := SCHEME.fullmatch(text):
        scheme, rest = match[1].lower(), match[2]
        if scheme == "nats":
            raise UsageError("this needs a journal in a file, and nats:// is none; give a path, for example fills.db")
        if scheme != "sqlite":
            raise UsageError(f"there is no journal of the kind {scheme}://; give a path or sqlite:///path")
        if not rest.startswith("/"):
            raise UsageError("write three slashes, sqlite:///fills.db, or four for a path from the root")
        text = unquote(rest[1:])
    if not text or text == ":memory:" or "\0" in text:
        raise UsageError("the journal needs the path of a file; leave it out to keep items in memory")
    try:
        path = Path(text).expanduser()
    except RuntimeError:
        raise UsageError(f"{text}: this user has no home folder; write the whole path") from None
    try:
        path = Path(os.path.realpath(path))
        is_folder = stat.S_ISDIR(path.stat().st_mode)
    except FileNotFoundError:
        if not path.is_absolute():
            raise UsageError(
                f"the folder that {text} is in does not exist any more; give a path from the root"
            ) from None
        is_folder = False
    except OSError:
        is_folder = False  # Opening it will tell.
    return path, is_folder
