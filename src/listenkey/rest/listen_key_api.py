"""
The three listenKey calls by hand, awaited. `blocking/listen_key_api.py` has the twin that waits for each answer.

For a stream that stays alive use `listenkey.UserStream`, which makes these calls by itself.
"""

from __future__ import annotations

from types import TracebackType
from typing import Final, Self

from listenkey import venue
from listenkey.credentials import Credentials, Secret
from listenkey.transport import address
from listenkey.transport.base import Http, Request, Response
from listenkey.transport.http import AiohttpClient
from listenkey.wire import requests, responses
from listenkey.wire.responses import OptionsCreateListenKeyV1Resp
from listenkey.wire.strict_json import JsonValue

BASE_URL: Final = venue.PRODUCTION.rest_url


class AsyncUserDataStreamsApi:
    """
    The three calls of the options user data stream, awaited.

        async with AsyncUserDataStreamsApi(api_key=...) as api:
            answer = await api.options_create_listen_key_v1()

    Every call raises `VenueError` (or the class under it that says what to do), `TransportError` where nobody answered,
    and `ProtocolError` where what came is no answer. Nothing is tried again by itself, except that a connection that
    was kept open and turns out to be closed is replaced once.

    One object belongs to one event loop. Close it, or use `async with`.

    Args:
        api_key: Sent in the header X-MBX-APIKEY. It alone opens the stream; `repr` never shows it.
        base_url: Scheme and host. Plain http is taken for this machine only, where a sandbox runs. Left out: the address in
            `LISTENKEY_REST_URL` where it is set, else production.
        timeout_s: The longest time one call may take in all.
        http: The HTTP client, for tests and for sharing connections; it is then the caller's to close.

    Raises:
        UsageError: An API key or an address that can't be right.
    """

    def __init__(
        self,
        api_key: str,
        base_url: str | None = None,
        *,
        timeout_s: float = requests.WITHIN_S,
        http: Http | None = None,
    ) -> None:
        try:
            credentials = Credentials.of(api_key)
        finally:
            del api_key  # A crash reporter keeps the locals of every frame of an error.
        base_url = address.default_rest_url() if base_url is None else base_url
        address.check(base_url)
        # A timeout that can't be right is told now, not at the first call.
        requests.server_time(timeout_s)
        self._credentials = credentials
        self._base_url = base_url.rstrip("/")
        self._timeout_s = timeout_s
        self._owns_http = http is None
        self._http: Http = AiohttpClient() if http is None else http
        self._used_weight_1m: int | None = None

    @property
    def base_url(self) -> str:
        """Scheme and host of the venue."""
        return self._base_url

    @property
    def used_weight_1m(self) -> int | None:
        """The weight this IP has used in the minute of the latest answer, as the venue counts; None before. [O general-info]"""
        return self._used_weight_1m

    async def options_create_listen_key_v1(self) -> OptionsCreateListenKeyV1Resp:
        """
        Start the user data stream: POST /eapi/v1/listenKey.

        The key is valid for 60 minutes. Where the account has an active one, the same key comes back, extended to
        60 minutes from now; so calling this twice does no harm.

        Returns:
            The listen key, and when it ends (epoch ms, or None where the venue does not say).

        Raises:
            Refused: The API key is unknown, lacks the permission, or this IP is not on its list.
            RateLimited, Banned: This IP sends too much.
            VenueDown: The outcome is unknown; calling again is safe.
            ProtocolError: A success without a listen key, or not JSON.

        Source: [O user-data-streams/Start-User-Data-Stream]. Weight 1. Neither signature nor parameters.
        """
        request = requests.create_listen_key(self._credentials, self._timeout_s)
        return responses.listen_key_answer(await self._send(request), self._secrets)

    async def options_update_listen_key_v1(self) -> JsonValue:
        """
        Keep the user data stream alive: PUT /eapi/v1/listenKey.

        The account's listen key is then valid for 60 minutes from now. Do it every 20 to 30 minutes. The page's
        "about every 60 minutes" loses the key, because 60 minutes is all the life it has.

        Returns:
            The JSON value of the answer, normally `{}`. Don't look for the key in it.

        Raises:
            KeyUnknown: The key has ended (-1125): create another, and open the stream with it.
            Refused, RateLimited, Banned, VenueDown, ProtocolError: As for create.

        Source: [O user-data-streams/Keepalive-User-Data-Stream]. Weight 1. It names no key: there is one an account.
        """
        request = requests.renew_listen_key(self._credentials, self._timeout_s)
        return responses.read(await self._send(request), self._secrets)

    async def options_delete_listen_key_v1(self) -> JsonValue:
        """
        Close the user data stream: DELETE /eapi/v1/listenKey.

        It ends the account's one listen key, and with it the stream of every program that uses it.

        Returns:
            The JSON value of the answer, normally `{}`.

        Raises:
            KeyUnknown: There was none to close (-1125); the aim is reached.
            Refused, RateLimited, Banned, VenueDown, ProtocolError: As for create.

        Source: [L user-data-streams/Close-User-Data-Stream]. Weight 1.
        """
        request = requests.close_listen_key(self._credentials, self._timeout_s)
        return responses.read(await self._send(request), self._secrets)

    async def server_time(self) -> int:
        """
        The venue's time: GET /eapi/v1/time, epoch ms. Public: the API key is not sent.

        Source: [O market-data/Check-Server-Time]. Weight 1.
        """
        return responses.server_time_answer(await self._send(requests.server_time(self._timeout_s)), self._secrets)

    async def close(self) -> None:
        """Close the connections; the listen key lives on. May be called twice."""
        if self._owns_http:
            await self._http.aclose()

    aclose = close

    @property
    def _secrets(self) -> tuple[Secret, ...]:
        return (self._credentials.api_key,)

    async def _send(self, request: Request) -> Response:
        response = await self._http.send(request, self._base_url)
        weight = responses.used_weight_1m(response)
        if weight is not None:
            self._used_weight_1m = weight
        return response

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._credentials.api_key!r}, {self._base_url!r})"
