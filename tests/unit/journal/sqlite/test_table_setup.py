"""Test the making of a journal's tables and views."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from listenkey.journal.sqlite import metadata, schema
from listenkey.journal.sqlite.database import check_kind, create, open_writer
from listenkey.journal.sqlite.schema_check import look_at_schema
from listenkey.journal.sqlite.table_setup import make_tables, make_views


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.db"


@pytest.fixture
def connection(path: Path) -> Iterator[sqlite3.Connection]:
    create(path)
    made = open_writer(path)
    yield made
    made.close()


def test_tables_are_made_once(connection: sqlite3.Connection, path: Path) -> None:
    make_tables(connection, "desk")
    make_tables(connection, "other")
    check_kind(connection, path)
    assert metadata.facts(connection)[metadata.ACCOUNT] == "desk"


def test_views_that_others_changed_are_made_anew(
    connection: sqlite3.Connection, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make_tables(connection, "desk")
    make_views(connection, path)
    assert not caplog.records
    name = next(iter(schema.VIEWS))
    connection.execute(f"DROP VIEW {name}")
    connection.execute(f"CREATE VIEW {name} AS SELECT 1 AS one")
    make_views(connection, path)
    assert "were changed, and are made anew" in caplog.text
    assert not look_at_schema(connection).views
