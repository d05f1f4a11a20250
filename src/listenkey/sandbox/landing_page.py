"""
The page at `/`, for whoever opens the sandbox's address: what this is, where things are, no secret. Pure.

A browser gets HTML, a program that asks for JSON gets JSON, and `curl` a text.
"""

from __future__ import annotations

import html
from typing import Any, Final, NamedTuple

import msgspec

ROOT: Final = "/"
ICON: Final = "/favicon.ico"
PATHS: Final = frozenset((ROOT, ICON, "/robots.txt"))
"""The paths that browsers ask for by themselves. They cost no weight and are no call of the venue's."""

DOCS: Final = "https://github.com/listenkey/listenkey/blob/main/docs"
WHAT: Final = "A Binance Options exchange on this machine, for tests. It is not Binance, and no money is in it."
PLACES: Final[tuple[tuple[str, str], ...]] = (
    ("/eapi/v1/ping", "REST: the venue's own paths, for example this one"),
    ("/eapi/v1/exchangeInfo", "contracts, rules and limits"),
    ("/private/stream", "sockets: the user data stream; /public/stream and /market/stream: market data"),
    ("/sandbox/v1/", "the admin API: ledger, faults, clock, switches; they need the header X-Sandbox-Token"),
)
PAGES: Final[tuple[tuple[str, str], ...]] = (
    ("reference/sandbox.md", "the sandbox: what it serves, its switches and faults"),
    ("how-to/connect-ccxt.md", "ccxt against the sandbox"),
    ("how-to/connect-official-sdk.md", "Binance's own SDKs against the sandbox"),
    ("how-to/connect-python-binance.md", "python-binance against the sandbox"),
    ("how-to/testing.md", "tests of your own program"),
)
POLICY: Final = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
"""The page runs nothing, loads nothing and is shown in no other page."""


class Page(NamedTuple):
    """The answer to a browser; no status but 200 has a body."""

    status: int
    content_type: str
    text: str


def answer(path: str, accept: str, now_ms: int) -> Page:
    """Return what `/` answers, and nothing for the other paths that browsers ask for."""
    if path != ROOT:
        return Page(404, "text/plain", "")
    if "text/html" in accept:
        return Page(200, "text/html", _page(now_ms))
    if "application/json" in accept:
        return Page(200, "application/json", msgspec.json.encode(_facts(now_ms)).decode())
    return Page(200, "text/plain", _text(now_ms))


def _facts(now_ms: int) -> dict[str, Any]:
    return {
        "what": WHAT,
        "now_ms": now_ms,
        "paths": dict(PLACES),
        "docs": {f"{DOCS}/{page}": about for page, about in PAGES},
    }


def _text(now_ms: int) -> str:
    lines = ["listenkey sandbox", WHAT, f"Its time is {now_ms}.", ""]
    lines += [f"{path:24}{about}" for path, about in PLACES]
    lines += ["", *(f"{DOCS}/{page}  {about}" for page, about in PAGES)]
    return "\n".join(lines) + "\n"


def _page(now_ms: int) -> str:
    rows = "".join(f"<dt><code>{html.escape(path)}</code></dt><dd>{html.escape(about)}</dd>" for path, about in PLACES)
    links = "".join(f'<li><a href="{DOCS}/{page}">{html.escape(about)}</a></li>' for page, about in PAGES)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>listenkey sandbox</title></head><body>'
        f"<h1>listenkey sandbox</h1><p>{html.escape(WHAT)}</p><p>Its time is {now_ms}.</p>"
        f"<dl>{rows}</dl><h2>Pages</h2><ul>{links}</ul></body></html>\n"
    )
