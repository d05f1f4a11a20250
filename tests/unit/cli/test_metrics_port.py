"""`tail --metrics-port`: this machine alone may ask, without a token, and a port that is taken is said in words."""

from __future__ import annotations

import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import aiohttp
import pytest

from listenkey.cli.metrics_port import metrics_served
from listenkey.errors import UsageError
from listenkey.stream.user_stream import UserStream
from tests.unit.cli.samples import FakeStream, healthy

STREAM = cast("UserStream", FakeStream(health=healthy(status="GAP")))


@asynccontextmanager
async def asked(path: str, capfd: pytest.CaptureFixture[str], **headers: str) -> AsyncIterator[aiohttp.ClientResponse]:
    async with metrics_served(STREAM, 0):
        url = re.findall(r"metrics: (http://127[.]0[.]0[.]1:[0-9]+)/metrics", capfd.readouterr().err)[0]
        async with aiohttp.ClientSession() as session, session.get(url + path, headers=headers) as answer:
            yield answer


async def test_the_state_of_the_stream_is_there(capfd: pytest.CaptureFixture[str]) -> None:
    async with asked("/metrics", capfd) as answer:
        assert answer.status == 200
        assert 'listenkey_stream_state{account="' in (text := await answer.text())
        assert 'state="GAP"} 1.0' in text


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [("/metrics", {"Host": "evil.test"}, 421), ("/metrics", {"Origin": "http://evil.test"}, 403), ("/else", {}, 404)],
)
async def test_pages_of_other_places_and_other_addresses_are_refused(
    path: str, headers: dict[str, str], status: int, capfd: pytest.CaptureFixture[str]
) -> None:
    async with asked(path, capfd, **headers) as answer:
        assert answer.status == status


async def test_a_port_that_is_taken_is_said_in_words() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(UsageError, match="another one: --metrics-port P"):
            async with metrics_served(STREAM, taken.getsockname()[1]):
                pass


async def test_without_a_port_nothing_is_served(capfd: pytest.CaptureFixture[str]) -> None:
    async with metrics_served(STREAM, None):
        pass
    assert capfd.readouterr().err == ""
