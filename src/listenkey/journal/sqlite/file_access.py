"""The reading of one account's journal from its file: from one of its own, or from one of many accounts."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from listenkey.journal.sqlite.database import open_reader
from listenkey.journal.sqlite.lock import reached_of
from listenkey.journal.sqlite.schema import ONE_ACCOUNT, Schema


class FileAccess(NamedTuple):
    """
    The differences between the kinds of files for who reads one account's items.

    Attributes:
        connect: Opens the file; the connection sees the account's tables.
        kind: The tables that the file should have.
        reached_of: Reads from the lock's file how far the account had come.
    """

    connect: Callable[[Path], sqlite3.Connection]
    kind: Schema
    reached_of: Callable[[Path], int]


ALONE: Final = FileAccess(open_reader, ONE_ACCOUNT, reached_of)
"""A journal in a file of its own."""
