"""
Draws docs/picture.svg: one frame of the live view, from a recorded stream. The same picture every time.

    python docs/make_picture.py             draw it
    python docs/make_picture.py --record    record docs/picture.jsonl anew from a sandbox, then draw it
"""

# ruff: noqa: INP001 - a script beside pages, in no package
from __future__ import annotations

import asyncio
import io
import re
import sys
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console

from listenkey import Health, Item, UserStream, Venue
from listenkey.cli.display.dashboard import DashboardState
from listenkey.cli.display.dashboard_view import StreamLabel, frame
from listenkey.items import Update
from listenkey.sandbox.server import Sandbox
from listenkey.wire.json_lines import from_line, to_line

HERE: Final = Path(__file__).parent
RECORDED: Final = HERE / "picture.jsonl"
PICTURE: Final = HERE / "picture.svg"
SIZE: Final = (112, 36)
FILLS: Final = 40
MISSED: Final = 8
OUT_MS: Final = 1_000
WEB_FONT: Final = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


async def record() -> tuple[Health, list[Item]]:
    """A sandbox's account; on the way no socket gets through for a while, and trading goes on. Ends after some fills."""
    sandbox = Sandbox(seed=7)
    async with sandbox:
        account = sandbox.accounts[0]
        venue = Venue(sandbox.rest_url, sandbox.ws_url, "sandbox")
        stream = UserStream(api_key=account.api_key, api_secret=account.api_secret, venue=venue, account=account.name)
        async with stream:
            items = await take_fills(stream, FILLS - MISSED)
            sandbox.fault("refuse_connections", scope="ws", duration_ms=OUT_MS)
            sandbox.fault("drop_sockets", count=1)
            items += await take_fills(stream, MISSED)
            return stream.health(), items


async def take_fills(stream: UserStream, wanted: int) -> list[Item]:
    """Items up to so many fills, without the venue's own JSON."""
    items: list[Item] = []
    async for item in stream:
        items.append(msgspec.structs.replace(item, raw=b"{}") if isinstance(item, Update) else item)
        wanted -= isinstance(item, Update) and getattr(item.event, "is_fill", False)
        if wanted == 0:
            break
    return items


def draw(health: Health, items: list[Item]) -> str:
    """The last frame as SVG."""
    state = DashboardState()
    for item in items:
        state.add(item)
    now_ms = (state.last_received_ms or 0) + 100
    console = Console(width=SIZE[0], record=True, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    for line in frame(state, health, StreamLabel("sandbox", "fills.db"), SIZE, now_ms):
        console.print(line, no_wrap=True, overflow="crop", crop=True, highlight=False)
    # Without the web font: a picture must not ask another server, and any monospace font will do.
    return WEB_FONT.sub("", console.export_svg(title="listenkey demo", unique_id="listenkey"))


def main() -> None:
    """Record if asked, then draw."""
    if "--record" in sys.argv[1:]:
        health, items = asyncio.run(record())
        lines = [msgspec.json.encode(health), *(to_line(item) for item in items)]
        RECORDED.write_bytes(b"\n".join(lines) + b"\n")
    first, *rest = RECORDED.read_bytes().splitlines()
    picture = draw(msgspec.json.decode(first, type=Health), [from_line(line) for line in rest])
    PICTURE.write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
