"""
The address of a journal in NATS: `nats://a:4222,b:4222,c:4222`, and what is asked of the servers.

Options follow a question mark, each once: `prefix=NAME`, `replicas=N`, `monitor=http://a:8222,http://b:8222,...`,
`token_file=PATH`, `accept=fewer-replicas,no-sync`. A password never stands in an address: it would be shown in logs.
"""

from __future__ import annotations

import enum
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl

from listenkey.errors import UsageError
from listenkey.journal.jetstream.names import StreamNames

SCHEME: Final = "nats://"
PORT: Final = 4222
REPLICAS: Final = 3
REPLICAS_MAX: Final = 5

_HOST: Final = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9_.-]+)(?::([0-9]{1,5}))?")
_MONITOR: Final = re.compile(r"https?://(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9_.-]+)(:[0-9]{1,5})?")
OPTIONS: Final = ("prefix", "replicas", "monitor", "token_file", "accept")


class Risk(enum.StrEnum):
    """A safety that is given up by name."""

    FEWER_REPLICAS = "fewer-replicas"
    """A server that is lost takes acknowledged items with it, and while it is away nothing is stored."""

    NO_SYNC = "no-sync"
    """A power cut, or the crash of one machine's system, may take acknowledged items with it."""


@dataclass(frozen=True, slots=True)
class LogAddress:
    """
    The servers of a journal, and what is asked of them.

    Attributes:
        servers: Their addresses.
        names: The names of streams and subjects there.
        replicas: How many servers must keep each item.
        monitors: Where the servers' settings are read, as clients can't.
        token_file: A file with the token that the servers ask for.
        accepted: What is given up.
    """

    servers: tuple[str, ...]
    names: StreamNames = field(default_factory=StreamNames, compare=False)
    replicas: int = REPLICAS
    monitors: tuple[str, ...] = ()
    token_file: Path | None = None
    accepted: frozenset[Risk] = frozenset()

    def __str__(self) -> str:
        return SCHEME + ",".join(server.removeprefix(SCHEME) for server in self.servers)


def is_log_address(journal: str | os.PathLike[str]) -> bool:
    """Return True where a journal's name is an address in NATS."""
    return os.fspath(journal).lower().startswith(SCHEME)


def log_address(text: str) -> LogAddress:
    """
    Read an address.

    Raises:
        UsageError: It is none; the words say what is wrong, and don't repeat what may be a password.
    """
    hosts, _, query = text[len(SCHEME) :].partition("?")
    if "@" in hosts:
        raise UsageError("a password in the address of NATS would be shown in logs; use ?token_file=PATH")
    options = _options(query)
    try:
        replicas = int(options.get("replicas", REPLICAS))
    except ValueError:
        replicas = 0
    if replicas not in range(1, REPLICAS_MAX + 1):
        raise UsageError(f"replicas is a number from 1 to {REPLICAS_MAX}, and not {options['replicas']!r}")
    token_file = options.get("token_file")
    return LogAddress(
        tuple(_server(host) for host in hosts.rstrip("/").split(",")),
        StreamNames(options["prefix"]) if "prefix" in options else StreamNames(),
        replicas,
        tuple(_monitor(one) for one in options["monitor"].split(",")) if "monitor" in options else (),
        None if token_file is None else Path(token_file),
        _accepted(options.get("accept", "")),
    )


def _options(query: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in OPTIONS:
            raise UsageError(f"an address of NATS has no option {name!r}: there are {', '.join(OPTIONS)}")
        if name in options:
            raise UsageError(f"the option {name} stands twice in the address of NATS")
        options[name] = value
    return options


def _server(text: str) -> str:
    match = _HOST.fullmatch(text.strip())
    if match is None or not 0 < int(match[2] or PORT) < 65_536:
        raise UsageError(f"an address of NATS is nats://HOST:PORT,HOST:PORT, and {text!r} is no host and port")
    return f"{SCHEME}{match[1]}:{match[2] or PORT}"


def _monitor(text: str) -> str:
    if not _MONITOR.fullmatch(text.rstrip("/")):
        raise UsageError(f"monitor is http://HOST:8222 for each server, and not {text!r}")
    return text.rstrip("/")


def _accepted(text: str) -> frozenset[Risk]:
    try:
        return frozenset(Risk(name) for name in text.split(",") if name)
    except ValueError:
        raise UsageError(f"accept is one or more of {', '.join(Risk)}, and not {text!r}") from None
