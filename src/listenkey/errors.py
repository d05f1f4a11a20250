"""
Everything this library raises, in one tree, by what the caller should do.

    ListenKeyError
      UsageError            the caller's mistake, found before any I/O (also a ValueError)
      VenueError            they said no: http_status, code, message, retry_after_s
        Refused               key, permission or signature: stop and fix it
        KeyUnknown            the listen key is dead: create another
        OutOfWindow           timestamp: synchronise the clock, once
        RateLimited           wait, until when
          Banned                the IP is banned: send nothing until then
        Retired               the endpoint is gone: look for a newer release
        VenueDown             5xx: the outcome is unknown
      TransportError        nobody answered
        Unreachable           no connection
        TimedOut              no answer in time
        Disconnected          the socket ended: close_code, reason
      ProtocolError         they said what no document allows; the bytes are kept
      JournalError          not written
        Full                  no room
        Corrupt               what was written can't be read back
        Fenced                another process writes
        TooOld                what was asked for is no longer kept: oldest_seq
      GatewayError          a gateway said no: http_status, error, message, what_to_do
        TokenRefused          its token is another one
        AccountUnknown        it has no account of this name, or no more
      LeaseLost             somebody else holds this account now

Facts are attributes and the sentence is made in `__str__`. No message ever holds an API key, a secret or a listen key:
texts of the venue are cleaned by `wire.responses` before they come here.
"""

from __future__ import annotations

from typing import Final

BODY_SHOWN_MAX: Final = 200


class ListenKeyError(Exception):
    """Base class of every error of this library."""


class UsageError(ListenKeyError, ValueError):
    """The caller's mistake, found before any I/O."""


class VenueError(ListenKeyError):
    """
    The venue said no.

    Attributes:
        http_status: The status of the answer.
        code: Binance's code, negative, or None where the body held none (a firewall's page, a gateway's).
        message: Binance's message, or a short description of the body.
        retry_after_s: Seconds to wait as the answer says, or None.
    """

    advice = "see the code's meaning in docs/reference/errors.md"

    def __init__(
        self, http_status: int, code: int | None = None, message: str = "", retry_after_s: float | None = None
    ) -> None:
        super().__init__(http_status, code, message, retry_after_s)
        self.http_status = http_status
        self.code = code
        self.message = message
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        code = "" if self.code is None else f", code {self.code}"
        text = f": {self.message.rstrip('.')}" if self.message else ""
        wait = "" if self.retry_after_s is None else f" (wait {self.retry_after_s:.0f} s)"
        return f"HTTP {self.http_status}{code}{text}{wait}; {self.advice}"


class Refused(VenueError):
    """The key, its permissions or the signature are not accepted. Asking again won't help."""

    advice = "check the API key, its permissions and its IP list"


class KeyUnknown(VenueError):
    """The listen key is dead (-1125): create another."""

    advice = "the listen key has ended; create another"


class OutOfWindow(VenueError):
    """The timestamp is outside the window (-1021): synchronise the clock, once."""

    advice = "synchronise this machine's clock"


class RateLimited(VenueError):
    """Too many requests of this IP: wait. `retry_after_s` says how long, where the answer did."""

    advice = "wait, and send less"

    def with_wait(self, wait_s: float) -> RateLimited:
        """Return the same error with the time that is left to wait."""
        return type(self)(self.http_status, self.code, self.message, wait_s)


class Banned(RateLimited):
    """
    The IP is banned (418): send nothing until the ban has ended.

    Attributes:
        until_ms: Its end, epoch milliseconds, or None where the answer did not say.
    """

    advice = "send nothing until the ban ends"

    def __init__(
        self,
        http_status: int,
        code: int | None = None,
        message: str = "",
        retry_after_s: float | None = None,
        until_ms: int | None = None,
    ) -> None:
        super().__init__(http_status, code, message, retry_after_s)
        self.until_ms = until_ms


class Retired(VenueError):
    """404 or 410 on a path we know: the venue has retired it. Look for a newer release of this library."""

    advice = "the venue seems to have retired this address; look for a newer listenkey"


class VenueDown(VenueError):
    """5xx or 408: something broke on their side, and whether the request was carried out is unknown."""

    advice = "the outcome is unknown; asking again is safe for the listenKey calls"


class TransportError(ListenKeyError):
    """No answer: no connection, no reply in time, or a socket that ended."""


class Unreachable(TransportError):
    """No connection. `host` is what was tried, `reason` is what the system said."""

    def __init__(self, host: str, reason: str) -> None:
        super().__init__(host, reason)
        self.host = host
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.host} is not reachable: {self.reason}"


class TimedOut(TransportError):
    """No answer within the time given. `what` was being done; `after_s` is how long was waited."""

    def __init__(self, what: str, after_s: float) -> None:
        super().__init__(what, after_s)
        self.what = what
        self.after_s = after_s

    def __str__(self) -> str:
        return f"{self.what}: no answer within {self.after_s:g} s"


class Disconnected(TransportError):
    """The socket ended. `close_code` is None where no close frame came; `reason` is the other side's words or ours."""

    def __init__(self, close_code: int | None, reason: str) -> None:
        super().__init__(close_code, reason)
        self.close_code = close_code
        self.reason = reason

    def __str__(self) -> str:
        code = "" if self.close_code is None else f" (close code {self.close_code})"
        return f"disconnected{code}: {self.reason}"


class ProtocolError(ListenKeyError):
    """
    The venue said what no document allows.

    Attributes:
        what: The error, in words.
        body: The bytes, with secrets taken out; kept for a report, not shown by `str`.
        is_of_row: Whether the answer can be read, and a row of it lacks what says which thing it is.
    """

    def __init__(self, what: str, body: bytes = b"", *, is_of_row: bool = False) -> None:
        super().__init__(what)
        self.what = what
        self.body = body
        self.is_of_row = is_of_row

    def __str__(self) -> str:
        return self.what


class JournalError(ListenKeyError):
    """A record was not written, or not read back."""


class Full(JournalError):
    """There is no room."""


class Corrupt(JournalError):
    """The journal holds data that can't be read back."""


class Fenced(JournalError):
    """Another process writes to this journal."""


class TooOld(JournalError):
    """
    The items behind a number are no longer kept.

    Attributes:
        after: The number that was given.
        oldest_seq: The oldest item that is kept; `oldest_seq - 1` is the earliest number that can be given.
    """

    def __init__(self, after: int, oldest_seq: int) -> None:
        super().__init__(after, oldest_seq)
        self.after = after
        self.oldest_seq = oldest_seq

    def __str__(self) -> str:
        return f"the items behind {self.after} are no longer kept; the oldest is {self.oldest_seq}"


class GatewayError(ListenKeyError):
    """
    A gateway said no.

    Attributes:
        http_status: The status of the answer.
        error: Its word for programs, such as `too_new`; `docs/reference/gateway.md` lists them.
        message: What happened, for people.
        what_to_do: What helps, for people; may be empty.
    """

    def __init__(self, http_status: int, error: str, message: str, what_to_do: str = "") -> None:
        super().__init__(http_status, error, message, what_to_do)
        self.http_status = http_status
        self.error = error
        self.message = message
        self.what_to_do = what_to_do

    def __str__(self) -> str:
        return f"{self.message} {self.what_to_do}".rstrip()


class TokenRefused(GatewayError):
    """The gateway has another token. Asking again won't help."""


class AccountUnknown(GatewayError):
    """The gateway has no account of this name, or does not have it any more."""


class LeaseLost(ListenKeyError):
    """Another process holds this account now."""
