"""
The calls to a gateway over HTTP, and its refusals as errors.

Nothing that leaves this module has the token in it, nor a context that does: aiohttp's own errors hold the headers.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import msgspec

from listenkey import errors
from listenkey.credentials import Secret
from listenkey.transport import address, tls
from listenkey.transport.apart import apart

if TYPE_CHECKING:
    import aiohttp

WITHIN_S: Final = 10.0
"""The time that one call has."""

SILENCE_MAX_S: Final = 45.0
"""Three heartbeats of a gateway: a connection that is silent for longer is dead."""

ANSWER_BYTES_MAX: Final = 64 * 1024
"""The bytes of an answer that is no stream; a refusal has a few hundred."""

AFTER_HEADER: Final = "Listenkey-After"
"""The number behind which the events of an answer begin."""

PASSING: Final = frozenset({408, 429, 500, 502, 503, 504})
"""Statuses after which the same request may be carried out."""


class PassingRefusal(errors.GatewayError):
    """The gateway, or a proxy before it, can't answer at the moment."""


class HeldElsewhere(PassingRefusal):
    """
    Another worker of the gateway holds the account.

    Attributes:
        url: Where it answers.
    """

    url = ""


class EventsAnswer:
    """
    The events of an account, as bytes.

    Attributes:
        after: The number behind which they begin.
    """

    def __init__(self, answer: aiohttp.ClientResponse, after: int) -> None:
        self.after = after
        self._answer = answer

    async def read(self) -> bytes:
        """Return what comes next; empty where the answer has ended, in whatever way."""
        import aiohttp  # noqa: PLC0415 - see the class

        try:
            return await self._answer.content.readany()
        except (aiohttp.ClientError, ConnectionError, TimeoutError):
            return b""

    def close(self) -> None:
        """End the connection."""
        self._answer.close()


class GatewayApi:
    """
    The calls about one account, for one event loop. aiohttp is imported at the first of them.

    Args:
        url: The gateway's address: http on this machine alone, else https.
        token: Its token.
        account: The account's name.

    Raises:
        UsageError: The address or the token can't be right.
    """

    def __init__(self, url: str, token: Secret, account: str) -> None:
        text = token.reveal()
        if not text or any(not "!" <= letter <= "~" for letter in text):
            raise errors.UsageError("the gateway's token is empty, or holds a space or a letter outside ASCII")
        if not account:
            raise errors.UsageError("name the account: connect(url, token=..., account='desk-1')")
        self._token = token
        self._account = account
        self._url = url
        self._go_to(url)
        self._session: aiohttp.ClientSession | None = None

    def _go_to(self, url: str) -> None:
        self.host = address.check_http(url)
        self._base = f"{url.rstrip('/')}/v1/accounts/{quote(self._account, safe='')}"
        self._is_secure = url.startswith("https:")

    async def follow(self, url: str) -> None:
        """
        Ask another worker of the gateway from now on.

        Raises:
            UsageError: The token must not go there: it is no address, or one beyond this machine without TLS.
        """
        self._go_to(url)
        await self.aclose()

    async def go_home(self) -> None:
        """Ask again where the program said; nothing where that is so already."""
        if not self._base.startswith(f"{self._url.rstrip('/')}/v1/"):
            await self.follow(self._url)

    async def aclose(self) -> None:
        """Close the connections. May be called again."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def events(self, after: int | None) -> EventsAnswer:
        """
        Begin to read events.

        Raises:
            TooOld: What comes behind the number is no longer kept.
            GatewayError: The gateway says no; `PassingRefusal` where it may say yes soon.
            TransportError: It does not answer.
        """
        path = "/events" if after is None else f"/events?after={after}"
        outcome = await apart(self._asked("GET", path, None, after))
        if isinstance(outcome, errors.ListenKeyError):
            raise outcome
        number = outcome.headers.get(AFTER_HEADER, "")
        if not (number.isascii() and number.isdigit() and len(number) <= len(str(2**63))):
            outcome.close()
            raise errors.ProtocolError(f"what answers at {self.host} is no gateway of this release")
        return EventsAnswer(outcome, int(number))

    async def cursor(self, consumer: str) -> int:
        """
        Return the number behind which a consumer goes on; one that is new begins with the oldest item.

        Raises:
            GatewayError, TransportError: As `events`.
        """
        words = await self._call("GET", consumer, None)
        seq = words.get("seq")
        begin = seq if seq is not None else words.get("oldest_seq", 0) - 1
        return max(0, int(begin))

    async def commit(self, consumer: str, seq: int) -> None:
        """
        Have the gateway keep how far a consumer has come.

        Raises:
            GatewayError, TransportError: As `events`.
        """
        await self._call("PUT", consumer, msgspec.json.encode({"seq": seq}))

    async def _call(self, method: str, consumer: str, body: bytes | None) -> dict[str, Any]:
        outcome = await apart(self._words(method, f"/consumers/{quote(consumer, safe='')}", body))
        if isinstance(outcome, errors.ListenKeyError):
            raise outcome
        return outcome

    async def _words(self, method: str, path: str, body: bytes | None) -> dict[str, Any] | errors.ListenKeyError:
        outcome = await self._asked(method, path, body, None)
        if isinstance(outcome, errors.ListenKeyError):
            return outcome
        words = await _json_of(outcome)
        return words or errors.ProtocolError(f"what answers at {self.host} is no gateway of this release")

    async def _asked(
        self, method: str, path: str, body: bytes | None, after: int | None
    ) -> aiohttp.ClientResponse | errors.ListenKeyError:
        """Send a request; return the answer that has begun, or why there is none."""
        import aiohttp  # noqa: PLC0415 - see the class

        headers = {"Authorization": f"Bearer {self._token.reveal()}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            async with asyncio.timeout(WITHIN_S):
                answer = await self._session_here().request(
                    method, self._base + path, headers=headers, data=body, allow_redirects=False
                )
                if answer.status == 200:
                    return answer
                return _refusal(answer.status, await _json_of(answer), self._account, after)
        except TimeoutError:
            return errors.TimedOut(f"asking the gateway at {self.host}", WITHIN_S)
        except (aiohttp.ClientError, ConnectionError) as problem:
            return errors.Unreachable(self.host, _reason(problem))

    def _session_here(self) -> aiohttp.ClientSession:
        import aiohttp  # noqa: PLC0415 - see the class

        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=8, ssl=tls.context() if self._is_secure else True),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=WITHIN_S, sock_read=SILENCE_MAX_S),
                headers={"Accept-Encoding": "identity", "User-Agent": "listenkey"},
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,  # No proxy and no .netrc by environment: the token goes where the address says.
            )
        return self._session


async def _json_of(answer: aiohttp.ClientResponse) -> dict[str, Any]:
    """Return an answer's object, within its bound; empty where it is none."""
    text = b""
    async for part in answer.content.iter_any():
        text += part
        if len(text) > ANSWER_BYTES_MAX:
            answer.close()
            return {}
    try:
        words = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return words if isinstance(words, dict) else {}


def _refusal(status: int, words: dict[str, Any], account: str, after: int | None) -> errors.ListenKeyError:
    """Return the error for an answer that is no yes, by its word where there is one."""
    error, message, what_to_do = (str(words.get(name, ""))[:500] for name in ("error", "message", "what_to_do"))
    oldest_seq = words.get("oldest_seq")
    if error == "too_old" and isinstance(oldest_seq, int):
        return errors.TooOld(after or 0, oldest_seq)
    if error == "held_elsewhere":
        held = HeldElsewhere(status, error, message, what_to_do)
        held.url = str(words.get("owner_url", ""))[:500]
        return held
    facts = (status, error or "no_gateway", message or f"HTTP {status}, which no gateway sends", what_to_do)
    if status in PASSING and error != "too_many_wrong_tokens":
        return PassingRefusal(*facts)
    if error in ("missing_token", "wrong_token", "too_many_wrong_tokens"):
        return errors.TokenRefused(*facts)
    if error == "unknown_account":
        return errors.AccountUnknown(status, error, f"The gateway has no account {account!r}.", what_to_do)
    return errors.GatewayError(*facts)


def _reason(problem: Exception) -> str:
    """Return why nobody answered, in words that hold nothing of the request."""
    import aiohttp  # noqa: PLC0415

    match problem:
        case aiohttp.ClientConnectorCertificateError():
            return "its certificate is refused"
        case aiohttp.ClientConnectorSSLError():
            return "no TLS 1.2 or newer"
        case aiohttp.ClientConnectorDNSError():
            return "the name is not known"
        case aiohttp.ClientConnectorError():
            return problem.os_error.strerror or "no connection"
        case aiohttp.ClientResponseError():
            return "what answers is not HTTP"
        case _:
            return "the connection was lost"
