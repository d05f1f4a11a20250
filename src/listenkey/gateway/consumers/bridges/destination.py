"""The address of a store: `postgresql://...` or `redis://...`, and which one is meant."""

from __future__ import annotations

from typing import Final, TypeAlias
from urllib.parse import parse_qsl, urlsplit

from listenkey.errors import UsageError
from listenkey.gateway.consumers.bridges.postgres import PostgresStore
from listenkey.gateway.consumers.bridges.redis_streams import RedisStore

BridgeStore: TypeAlias = PostgresStore | RedisStore
STORES: Final[dict[str, type[PostgresStore | RedisStore]]] = {
    "postgresql": PostgresStore,
    "redis": RedisStore,
    "rediss": RedisStore,
}


def store_at(address: str) -> BridgeStore:
    """
    Return the store of an address, not opened.

    Raises:
        UsageError: There is no such store, or a password stands in the address.
    """
    try:
        parts = urlsplit(address)
        # As PostgreSQL takes it: `password=`, `sslpassword=`. `password_file=` names a file.
        given = [name for name, _ in parse_qsl(parts.query, keep_blank_values=True)]
        has_password = parts.password is not None or any(name.endswith("password") for name in given)
    except ValueError:
        raise UsageError("the address of a store can't be read: postgresql://HOST/DATABASE or redis://HOST") from None
    if has_password:
        raise UsageError(
            "a password in the address of a store would be seen in the list of processes: for PostgreSQL use PGPASSFILE, "
            "~/.pgpass or a service; for Redis ?password_file=PATH"
        )
    store = STORES.get(parts.scheme)
    if store is None:
        raise UsageError(f"items are put into postgresql://... or redis://..., and not into {parts.scheme or 'this'!r}")
    return store(address)
