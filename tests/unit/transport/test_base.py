"""The seam is thin enough for a fake that is shorter than its test."""

from __future__ import annotations

from listenkey.rest.listen_key_api import AsyncUserDataStreamsApi
from listenkey.transport.base import Http, Request, Response
from listenkey.transport.http import AiohttpClient


class Fake:
    async def send(self, request: Request, base_url: str) -> Response:
        return Response(200, (), b'{"serverTime": 1795330000123}')

    async def aclose(self) -> None: ...


async def test_a_fake_of_two_methods_is_enough() -> None:
    fake: Http = Fake()
    assert await AsyncUserDataStreamsApi("key", http=fake).server_time() == 1795330000123


def test_the_real_one_is_no_more() -> None:
    real: Http = AiohttpClient()
    assert {name for name in dir(real) if not name.startswith("_")} == {"send", "aclose"}
