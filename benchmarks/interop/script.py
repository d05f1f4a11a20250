"""
Common code of the peers' scripts. Only the standard library: each runs in its peer's own environment.

A script prints JSON lines on stdout: `{"ready": true}` when its client streams or is about to,
`{"fill": [symbol, trade id, order id]}` for each fill, and other figures under other names. The end of its stdin tells
it to stop.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import os
import sys
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Place:
    """The address of the sandbox, and our account there."""

    rest_url: str
    ws_url: str
    api_key: str = field(repr=False)
    api_secret: str = field(repr=False)


def place() -> Place:
    """Read from the environment; from here on this process reaches nothing but this machine."""
    stay_here()
    return Place(*(os.environ[name] for name in ("REST_URL", "WS_URL", "API_KEY", "API_SECRET")))


def say(**what: Any) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


async def told_to_stop() -> None:
    await asyncio.to_thread(sys.stdin.read)


def stay_here() -> None:
    """Clients like to ask the real venue for its time or its markets; from here on that is an error of the script."""

    def look(event: str, args: tuple[Any, ...]) -> None:
        if event != "socket.connect" or not isinstance(args[1], tuple):
            return
        host = str(args[1][0])
        if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
            raise PermissionError(f"a peer tried to leave this machine: connect to {host}")

    sys.addaudithook(look)
