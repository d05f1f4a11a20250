"""Set up every test: no internet, and the same examples on every run."""

from __future__ import annotations

import ipaddress
import os
import signal
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.data_servers import DataServer, postgres, valkey
from tests.nats_server import Cluster

# Deterministic, so that a red run can be run again; `HYPOTHESIS_PROFILE=explore` looks for new examples. No deadline,
# because a busy machine is not a bug.
settings.register_profile(
    "house", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("explore", deadline=None, max_examples=5_000)
# `make fuzz`: other examples on every run, and what is needed to see a finding again.
settings.register_profile(
    "fuzz",
    deadline=None,
    max_examples=20_000,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "house"))


# What most users have; tests/promises/test_a_stream_runs_on_uvloop.py has the other.
os.environ["LISTENKEY_LOOP"] = "asyncio"

# Started in the background by a shell we would ignore Ctrl-C, and so would every command that a test starts.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def is_local(address: object) -> bool:
    """Return True where a socket address stays on this machine: loopback, or a Unix socket's path."""
    if not isinstance(address, tuple):
        return True
    host = str(address[0]).partition("%")[0]
    if host in {"", "localhost"}:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def refuse_internet(event: str, args: tuple[object, ...]) -> None:
    """No test needs the internet; one that reaches for it fails here, at the socket, whatever library it used."""
    if event == "socket.connect" and not is_local(args[1]):
        raise PermissionError(f"a test tried to leave this machine: connect to {args[1]!r}")


sys.addaudithook(refuse_internet)


@pytest.fixture(scope="session")
def nats_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One real server of NATS for all tests of this process; each takes a prefix of its own."""
    node = Cluster(tmp_path_factory.mktemp("nats"))
    try:
        node.start()
        yield node
    finally:
        node.stop()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[DataServer]:
    """One real server of PostgreSQL for all tests of this process; each takes a schema of its own."""
    with postgres() as server:
        yield server


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataServer]:
    """One real server of Valkey for all tests of this process; each takes a prefix of its own."""
    with valkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server
