"""
The tables of a file compared with ours, before anything in them is read or written.

A file that somebody else made may have a view in place of a table, which never ends, or a trigger that throws away what is
written. Only `sqlite_master` is read here, which can be neither. What is foreign and touches nothing of ours is left alone:
the tables of a replication program, the statistics of ANALYZE, an index that somebody needs for questions.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from typing import Final

from listenkey.journal.sqlite import schema

TAKEN: Final = frozenset({"json_each"})
"""SQLite's own tables that our queries use. A table of that name would answer instead."""

_EXPRESSION: Final = -2
"""The number of a column in an index that is none of the table's."""


@dataclass(slots=True)
class SchemaFound:
    """
    The result of a look at the tables.

    Attributes:
        problems: What must not be there, or be otherwise: nothing may be read or written.
        views: Views of ours that are missing or changed. We read none of them; people do.
        older_views: Views of ours as an earlier release made them.
        foreign: What somebody else made, and does no harm.
    """

    problems: list[str] = field(default_factory=list)
    views: list[str] = field(default_factory=list)
    older_views: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)


def look_at_schema(connection: sqlite3.Connection, own: schema.Schema = schema.ONE_ACCOUNT) -> SchemaFound:
    """Compare the tables of a database with ours."""
    found = SchemaFound()
    types = {name: "index" if " INDEX " in sql else sql.split()[1].lower() for name, sql in own.sql.items()}
    missing = dict(types)
    for kind, name, table, sql in connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master"):
        if name in missing and missing[name] == kind:
            del missing[name]
            _compare(found, own, name, types[name], sql)
        elif name.lower() in types:
            found.problems.append(f"{name} is a {kind}, and not the {types[name.lower()]} that listenkey made")
        elif not (name.startswith("sqlite_") and sql is None):
            _judge_foreign(connection, found, kind, name, table, is_ours=table.lower() in types)
    for name, kind in missing.items():
        if kind == "view":
            (found.older_views if None in own.former_views.get(name, ()) else found.views).append(name)
        else:
            found.problems.append(f"{name} is not there, which is a {kind} that listenkey made")
    return found


def _compare(found: SchemaFound, own: schema.Schema, name: str, kind: str, sql: str) -> None:
    if sql == own.sql[name] or sql in own.former_tables.get(name, ()):
        return
    if name in own.tables:
        found.problems.append(f"{name} is not the {kind} that listenkey made")
    elif sql in own.former_views.get(name, ()):
        found.older_views.append(name)
    else:
        found.views.append(name)


def _judge_foreign(
    connection: sqlite3.Connection, found: SchemaFound, kind: str, name: str, table: str, *, is_ours: bool
) -> None:
    if name.lower() in TAKEN:
        found.problems.append(f"the {kind} {name} stands in the way of SQLite's own")
    elif is_ours and kind == "trigger":
        found.problems.append(f"the trigger {name} changes what is done to {table}")
    elif is_ours and kind == "index" and not _is_harmless(connection, name, table):
        found.problems.append(f"the index {name} may keep {table} from being written")
    else:
        found.foreign.append(f"the {kind} {name} is not listenkey's, and does no harm")


def _is_harmless(connection: sqlite3.Connection, name: str, table: str) -> bool:
    """Return True where an index is one of plain columns: a unique one refuses rows, and an expression may fail."""
    kinds = {row[1]: (row[2], row[4]) for row in connection.execute(f"PRAGMA index_list({_quoted(table)})")}
    columns = connection.execute(f"PRAGMA index_xinfo({_quoted(name)})")
    return kinds.get(name) == (0, 0) and all(row[1] != _EXPRESSION for row in columns)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
