"""
The kernel's own faults: a network namespace for the running test, and in it packets that vanish on the loopback.

Client, proxy and sandbox all live in the namespace. What is struck is the way between client and proxy, by the proxy's
port; the owner's calls go to the sandbox directly and are left alone. Needs root, and `nft`, `ss` or `tc`.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

CLONE_NEWNET: Final = 0x40000000
TABLE: Final = "chaos"
_libc: Final = ctypes.CDLL(None, use_errno=True)


@cache
def missing(*tools: str) -> str:
    """Return why such tests can't run here; empty when they can. On 2026-11-22 they want root and CAP_NET_ADMIN."""
    if os.geteuid() != 0:
        return "2026-11-22: a network namespace wants root"
    absent = [tool for tool in ("unshare", "ip", *tools) if shutil.which(tool) is None]
    if absent:
        return f"2026-11-22: not installed: {', '.join(absent)}"
    tried = subprocess.run(["unshare", "-n", "ip", "link", "set", "lo", "up"], capture_output=True, check=False)
    return "" if tried.returncode == 0 else "2026-11-22: this machine makes no network namespaces"


@contextmanager
def own_network() -> Iterator[None]:
    """This thread, and every thread and process it starts meanwhile, in a network of its own with nothing but loopback."""
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        _checked(_libc.unshare(CLONE_NEWNET))
        # As small as on a real network: the loopback's own 64 KiB packets would never fit into a slow queue.
        run("ip", "link", "set", "lo", "up", "mtu", "1500")
        yield
    finally:
        _checked(_libc.setns(before, CLONE_NEWNET))
        os.close(before)


def run(*command: str) -> str:
    """A command in the current network; what it printed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout


def strike(*rules: str) -> None:
    """Rules for packets that come in over loopback, for example `tcp dport 40001 drop`; those before are taken out."""
    mend()
    run("nft", "add", "table", "inet", TABLE)
    run("nft", "add chain inet " + TABLE + " incoming { type filter hook input priority 0; }")
    for rule in rules:
        run("nft", f"add rule inet {TABLE} incoming {rule}")


def mend() -> None:
    """Take every rule out."""
    if TABLE in run("nft", "list", "tables"):
        run("nft", "delete", "table", "inet", TABLE)


def slow_down(bits_per_s: str) -> None:
    """So many bits a second on loopback, for example `64kbit`; and none at all for what does not fit the queue."""
    run("tc", "qdisc", "replace", "dev", "lo", "root", "tbf", "rate", bits_per_s, "burst", "4kb", "latency", "400ms")


def full_speed() -> None:
    """The end of `slow_down`."""
    run("tc", "qdisc", "del", "dev", "lo", "root")


def kill_sockets(port: int) -> str:
    """Reset every connection to this port, as a NAT that restarts does."""
    return run("ss", "-K", "-t", "state", "established", f"( dport = :{port} or sport = :{port} )")


def _checked(code: int) -> None:
    if code != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), str(Path("/proc/thread-self/ns/net")))
