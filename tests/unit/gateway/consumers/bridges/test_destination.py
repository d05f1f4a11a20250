from __future__ import annotations

import pytest

from listenkey.errors import UsageError
from listenkey.gateway.consumers.bridges.destination import store_at
from listenkey.gateway.consumers.bridges.postgres import PostgresStore
from listenkey.gateway.consumers.bridges.redis_streams import RedisStore


def test_the_scheme_says_which_store_is_meant() -> None:
    assert isinstance(store_at("postgresql://h/db"), PostgresStore)
    assert isinstance(store_at("redis://h"), RedisStore)
    assert isinstance(store_at("rediss://h"), RedisStore)


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://me:secret-word@h/db",
        "postgresql://h/db?password=secret-word",
        "postgresql://h/db?sslpassword=secret-word",
    ],
)
def test_a_password_in_an_address_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(UsageError, match="list of processes") as told:
        store_at(address)
    assert "secret-word" not in str(told.value)


def test_what_is_no_store_is_told() -> None:
    for address, words in (("mysql://h", "'mysql'"), ("here", "'this'"), ("redis://[h", "can't be read")):
        with pytest.raises(UsageError, match=words):
            store_at(address)
