"""The tables and views of a journal, made where they are missing."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

from listenkey.journal.sqlite import metadata
from listenkey.journal.sqlite.database import is_new, transaction
from listenkey.journal.sqlite.schema import ONE_ACCOUNT, Schema
from listenkey.journal.sqlite.schema_check import look_at_schema

log = logging.getLogger("listenkey")


def make_tables(connection: sqlite3.Connection, account: str | None, own: Schema = ONE_ACCOUNT) -> None:
    """Make the tables in a new file, for an account; None where they are for many."""
    if not is_new(connection):
        return
    with transaction(connection):
        for statement in own.sql.values():
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id={own.application_id}")
        connection.execute(f"PRAGMA user_version={own.version}")
        if account is not None:
            metadata.set_fact(connection, metadata.ACCOUNT, account)
    # So that the file is a journal by itself, also for whoever finds it without its log.
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()


def make_views(connection: sqlite3.Connection, path: Path, own: Schema = ONE_ACCOUNT) -> None:
    """Make the views as this release has them; they hold nothing."""
    found = look_at_schema(connection, own)
    if found.views:
        log.warning("journal %s: the views %s were changed, and are made anew", path, ", ".join(found.views))
    if others := found.views + found.older_views:
        with transaction(connection):
            for name in others:
                connection.execute(f"DROP VIEW IF EXISTS {name}")
                connection.execute(own.views[name])
