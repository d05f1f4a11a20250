"""Test the answers of `/` to a browser, a program and curl."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest

from listenkey.sandbox import landing_page
from listenkey.sandbox.server import Sandbox
from tests.sandbox.visitor import Visitor

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "kind"),
    [(BROWSER, "text/html"), ("application/json", "application/json"), ("*/*", "text/plain"), ("", "text/plain")],
)
async def test_everybody_is_told_in_their_own_way_and_nobody_a_secret(accept: str, kind: str) -> None:
    async with Sandbox(market=False) as sandbox, Visitor(sandbox) as visitor:
        async with visitor.session.get(f"{sandbox.rest_url}/", headers={"Accept": accept}) as answer:
            text = await answer.text()
            assert (answer.status, answer.content_type) == (200, kind)
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "It is not Binance" in text
        assert "/sandbox/v1/" in text
        for secret in (sandbox.control_token, sandbox.accounts[0].api_key, sandbox.accounts[0].api_secret):
            assert secret not in text


def test_the_html_is_whole_and_loads_nothing() -> None:
    body = landing_page.answer("/", "text/html", 0).text
    seen: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            seen.append(tag)

    Reader().feed(body)
    assert {"html", "title", "h1", "a"} <= set(seen)
    assert not {"script", "link", "img", "style", "iframe"} & set(seen)


def test_every_page_it_links_is_there() -> None:
    docs = Path(__file__).parents[2] / "docs"
    assert [page for page, _ in landing_page.PAGES if not (docs / page).is_file()] == []
