from __future__ import annotations

from pathlib import Path

import pytest

from listenkey.errors import UsageError
from listenkey.journal.jetstream.address import Risk, is_log_address, log_address


def test_hosts_get_their_port_and_their_order_stays() -> None:
    address = log_address("nats://a,b:4333,[::1]:4222/")
    assert address.servers == ("nats://a:4222", "nats://b:4333", "nats://[::1]:4222")
    assert str(address) == "nats://a:4222,b:4333,[::1]:4222"
    assert (address.replicas, address.monitors, address.token_file, address.accepted) == (3, (), None, frozenset())
    assert address.names.prefix == "listenkey"


def test_all_options_are_read() -> None:
    address = log_address(
        "nats://a?prefix=east&replicas=1&monitor=http://a:8222,https://b:8222/&token_file=/run/t&accept=no-sync,fewer-replicas"
    )
    assert address.names.prefix == "east"
    assert address.replicas == 1
    assert address.monitors == ("http://a:8222", "https://b:8222")
    assert address.token_file == Path("/run/t")
    assert address.accepted == {Risk.NO_SYNC, Risk.FEWER_REPLICAS}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("nats://", "no host and port"),
        ("nats://a:0", "no host and port"),
        ("nats://a:70000", "no host and port"),
        ("nats://a b", "no host and port"),
        ("nats://a?replicas=0", "replicas is a number"),
        ("nats://a?replicas=many", "replicas is a number"),
        ("nats://a?shards=2", "no option 'shards'"),
        ("nats://a?prefix=b&prefix=c", "twice"),
        ("nats://a?prefix=B", "prefix"),
        ("nats://a?monitor=ftp://a", "monitor is"),
        ("nats://a?accept=anything", "accept is one or more of fewer-replicas, no-sync"),
    ],
)
def test_each_mistake_is_named(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        log_address(text)


def test_a_password_is_refused_and_not_repeated() -> None:
    with pytest.raises(UsageError, match="token_file") as error:
        log_address("nats://me:hunter2@a:4222")
    assert "hunter2" not in str(error.value)


def test_an_address_is_told_from_a_path() -> None:
    assert [is_log_address(one) for one in ("nats://a", "NATS://a", "a.db", Path("nats"), "sqlite:///a")] == [
        True,
        True,
        False,
        False,
        False,
    ]
