"""N12: whoever can't prove to be the venue gets no byte of a request, and is asked more and more seldom."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.chaos.processes import ClientProcess, until
from tests.unit.transport.certificates import Pair, self_signed

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(120)]

ACCOUNT = {"api_key": "k" * 64, "api_secret": "s" * 64}
HERE = "127.0.0.1"
LOOKED_AT_S = 12.0


class Impostor:
    """Takes connections on loopback, says TLS or nothing, and keeps what it is told."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self.heard = b""
        self.connections = 0
        self.plain = b""
        self._context = context
        self._listening = socket.create_server((HERE, 0))
        self.port = self._listening.getsockname()[1]
        self._kept: list[socket.socket] = []
        threading.Thread(target=self._run, daemon=True).start()

    def close(self) -> None:
        self._listening.close()
        for each in self._kept:
            each.close()

    def _run(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                self.connections += 1
                self._kept.append(connection)
                if self._context is None:
                    continue  # It stands still in the middle of the handshake.
                with suppress(OSError):
                    self.plain += connection.recv(5, socket.MSG_PEEK)
                    connection.settimeout(5)
                    wrapped = self._context.wrap_socket(connection, server_side=True)
                    self._kept.append(wrapped)
                    self.heard += wrapped.recv(65_536)


@contextmanager
def impostor(pair: Pair | None, *, oldest: bool = False) -> Iterator[Impostor]:
    context = None
    if pair is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair.certificate, pair.key)
        if oldest:
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.options |= ssl.OP_NO_TLSv1_2 | ssl.OP_NO_TLSv1_3
    one = Impostor(context)
    try:
        yield one
    finally:
        one.close()


@pytest.mark.parametrize("wrong", ["self-signed", "ended", "another name", "TLS 1.1", "stands still"])
@pytest.mark.filterwarnings("ignore:ssl.OP_NO_SSL.*:DeprecationWarning")
def test_n12_nobody_who_is_not_the_venue_hears_anything(tmp_path: Path, wrong: str) -> None:
    trusted: dict[str, str] = {}
    pair: Pair | None = None
    if wrong != "stands still":
        name = "127.0.0.2" if wrong == "another name" else HERE
        pair = self_signed(tmp_path, name, ended_days_ago=1 if wrong == "ended" else -1)
        if wrong != "self-signed":  # The authority is believed, so that it is the other thing that is wrong.
            trusted = {"SSL_CERT_FILE": str(pair.certificate)}
    with (
        impostor(pair, oldest=wrong == "TLS 1.1") as other,
        ClientProcess(tmp_path / "client", other.port, ACCOUNT, encrypted=True, more=trusted) as client,
    ):
        until(lambda: other.connections >= 1, 20, "it tries")
        ends_s = time.monotonic() + LOOKED_AT_S
        until(lambda: time.monotonic() >= ends_s, LOOKED_AT_S + 5, "time passes")
        assert client.process.poll() is None, "it goes on trying"
        assert other.heard == b""
        assert other.plain[:1] in (b"", b"\x16"), "never in plain text"
        assert other.connections <= 15, "less and less often"
        assert client.count("live") == 0
        said = client.stderr.read_bytes()
        assert b"k" * 64 not in said
        assert b"s" * 64 not in said
        assert said, "and it says so"


def test_a_certificate_that_is_right_is_spoken_to(tmp_path: Path) -> None:
    """The control: without it, a client that never connects would pass the test above."""
    pair = self_signed(tmp_path, HERE)
    with (
        impostor(pair) as other,
        ClientProcess(
            tmp_path / "client", other.port, ACCOUNT, encrypted=True, more={"SSL_CERT_FILE": str(pair.certificate)}
        ),
    ):
        until(lambda: b"/eapi/v1/" in other.heard, 20, "it asks")
