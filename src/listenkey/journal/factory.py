"""The journal that a stream's arguments ask for."""

from __future__ import annotations

import os

from listenkey.errors import UsageError
from listenkey.events import Event
from listenkey.journal.base import Journal
from listenkey.journal.jetstream.address import is_log_address, log_address
from listenkey.journal.memory import MemoryJournal
from listenkey.journal.url import journal_path
from listenkey.transport.runtime import Runtime
from listenkey.wire.frames import UnreadableFrame, read_payload


def make_journal(
    journal: str | os.PathLike[str] | None,
    account: str,
    runtime: Runtime,
    consumer: str | None,
    after: int | None,
    keep_days: float | None,
    keep_bytes: int | None,
    *,
    auto_commit: bool,
    account_is_named: bool = True,
) -> Journal:
    """
    A journal in a file, in NATS, or in memory. Opens nothing.

    Raises:
        UsageError: The arguments don't go together, or name no journal.
    """
    if journal is None:
        if auto_commit or any(option is not None for option in (consumer, after, keep_days, keep_bytes)):
            raise UsageError("consumer, after, auto_commit, keep_days and keep_bytes need a journal in a file")
        return MemoryJournal(account, _stored_event, runtime.clock.wall_ms)
    if is_log_address(journal):
        if keep_days is not None or keep_bytes is not None:
            raise UsageError(
                "how long items are kept in NATS is set when the stream is made; leave keep_days and keep_bytes out"
            )
        if not account_is_named:
            raise UsageError("a journal in NATS is found by its account's name: give account='desk-1' (--account)")
        return _journal_in_nats(os.fspath(journal), account, runtime, consumer, after, auto_commit=auto_commit)
    from listenkey.journal.sqlite.journal import SqliteJournal  # noqa: PLC0415
    from listenkey.journal.sqlite.retention import Retention  # noqa: PLC0415 - who keeps nothing needs no SQLite

    path = journal_path(journal)
    return SqliteJournal(
        path,
        account,
        runtime.clock.wall_ms,
        account_is_named=account_is_named,
        store=None if runtime.store is None else runtime.store(path, account, account_is_named),
        threads=runtime.threads,
        consumer=consumer,
        after=after,
        auto_commit=auto_commit,
        retention=Retention(keep_days, keep_bytes),
    )


def _journal_in_nats(
    address: str, account: str, runtime: Runtime, consumer: str | None, after: int | None, *, auto_commit: bool
) -> Journal:
    from listenkey.journal.jetstream.journal import JetStreamJournal  # noqa: PLC0415 - who has a file needs no servers
    from listenkey.journal.jetstream.servers import LogServers  # noqa: PLC0415

    servers = LogServers(log_address(address))
    return JetStreamJournal(
        servers, account, runtime.clock.wall_ms, consumer=consumer, after=after, auto_commit=auto_commit
    )


def _stored_event(raw: bytes) -> Event:
    """An event that was kept as its JSON; it could be read when it came, so it can be read now."""
    event = read_payload(raw)
    assert not isinstance(event, UnreadableFrame), event.reason
    return event
