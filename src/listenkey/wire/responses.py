"""
Read the venue's answer: a value, or the error that says what to do.

`read` looks at the HTTP status first and at the code after it. The same code means different things on different
products (-1008 is the rate limit on options, and an overload elsewhere); the status does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from listenkey import errors, venue
from listenkey.credentials import Secret, fingerprint
from listenkey.venue import Code
from listenkey.wire.redaction import clean, masked_body
from listenkey.wire.strict_json import INT_MAX, JsonValue, NotJson, parse

BODY_MAX: Final = 8 * 1024 * 1024
"""`exchangeInfo`, the largest answer, has about 1 MiB."""

LISTEN_KEY_MAX: Final = 1024
"""Listen keys are opaque and their length is not promised; documented ones have 40 and 64 characters."""

NAME_SHOWN_MAX: Final = 64
"""The characters that an error keeps of a name in an answer."""

FIREWALL_WAIT_S: Final = 60.0
"""The wait after a 403 of the firewall, which never states one. One minute is the window of the weight limit."""


BANNED_UNTIL: Final = re.compile(r"until\s{1,8}([0-9]{10}|[0-9]{13}|[0-9]{16})\b", re.ASCII)
"""`IP banned until 1660090423228.`: epoch ms. Seen on spot; the options page prints a placeholder. [O error-code]"""

EPOCH_UNITS: Final = {10: (1000, 1), 13: (1, 1), 16: (1, 1000)}
"""Digits of an epoch time in seconds, ms and µs, to the factor and the divisor that make ms of it."""

RATE_CODES: Final = frozenset({Code.TOO_MANY_REQUESTS, Code.TOO_MANY_REQUESTS_ELSEWHERE})

REFUSED_CODES: Final = frozenset(
    {
        Code.UNAUTHORIZED,
        Code.INVALID_SIGNATURE,
        Code.BAD_API_KEY_FMT,
        Code.INVALID_API_KEY,
        Code.USER_NOT_ACCESS,
    }
)

DOWN_CODES: Final = frozenset({Code.UNKNOWN, Code.DISCONNECTED, Code.TIMEOUT_ELSEWHERE, Code.SERVICE_SHUTTING_DOWN})
"""Codes that say the fault is the venue's, under whatever 4XX they may come."""


@dataclass(frozen=True, slots=True)
class Response:
    """
    The answer to a request.

    Attributes:
        status: The HTTP status.
        headers: Names and values in the order of arrival; look them up with `header`.
        body: The bytes, complete and inflated. Not shown by `repr`: the answer to POST holds a listen key.
    """

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = field(default=b"", repr=False)

    def header(self, name: str) -> str | None:
        """The first value of a header, whatever the case of its name, or None."""
        wanted = name.lower()
        for found, value in self.headers:
            if found.lower() == wanted:
                return value
        return None


@dataclass(frozen=True, slots=True, repr=False)
class OptionsCreateListenKeyV1Resp:
    """
    The answer of POST /eapi/v1/listenKey.

    Attributes:
        listen_key: Opaque. Whoever holds it can read the account's stream, so `repr` shows a fingerprint.
        expiration: When it ends unless renewed, epoch ms; None where the venue does not say (until January 2026).
        extra: What else the answer held, by the venue's names.

    Source: [O user-data-streams/Start-User-Data-Stream]; `expiration` since connector 5.0.0 [SDK].
    """

    listen_key: str
    expiration: int | None = None
    extra: dict[str, Any] = field(default_factory=dict, hash=False)

    def __repr__(self) -> str:
        extra = f", extra={sorted(self.extra)}" if self.extra else ""
        shown = f"listen_key=<{fingerprint(self.listen_key)}>, expiration={self.expiration}{extra}"
        return f"OptionsCreateListenKeyV1Resp({shown})"

    def to_dict(self) -> dict[str, Any]:
        """The answer by the venue's names, the listen key in plain text."""
        known: dict[str, Any] = {"listenKey": self.listen_key}
        if self.expiration is not None:
            known["expiration"] = self.expiration
        return known | self.extra


def read(response: Response, hide: Iterable[Secret] = (), *, keep_odd_numbers: bool = False) -> JsonValue:
    """
    The JSON value of an answer, or the error it means.

    Args:
        response: What came back.
        hide: Secrets to be taken out of the venue's words, should they repeat them: the API key of the request.
        keep_odd_numbers: See `strict_json.parse`.

    Raises:
        VenueError: Or the class under it that says what to do.
        ProtocolError: A success that is not JSON, a redirect, a status that HTTP does not have.
    """
    hide = tuple(hide)
    if not 200 <= response.status <= 299:
        raise refusal(response, hide)
    value = _json(response, hide, keep_odd_numbers=keep_odd_numbers)
    # A success with an error inside is not documented; if it ever comes, taking it for a success would be worse.
    if (_code_and_message(value)[0] or 0) < 0:
        del value  # It may repeat a key, and some handlers print the variables of every frame.
        raise refusal(response, hide)
    return value


def listen_key_answer(response: Response, hide: Iterable[Secret] = ()) -> OptionsCreateListenKeyV1Resp:
    """
    The answer of POST /eapi/v1/listenKey.

    Raises:
        VenueError, ProtocolError: As `read`; also ProtocolError for an answer without a usable key.
    """
    outcome = _listen_key(read(response, hide))
    # Raised here, where no variable holds the answer: some handlers print the variables of every frame.
    if isinstance(outcome, errors.ProtocolError):
        raise outcome
    return outcome


def _listen_key(value: JsonValue) -> OptionsCreateListenKeyV1Resp | errors.ProtocolError:
    if not isinstance(value, dict):
        return errors.ProtocolError(f"the answer to POST is {_kind(value)}, not an object", _shape(value))
    key = value.get("listenKey")
    if not isinstance(key, str) or not key:
        return errors.ProtocolError("the answer to POST holds no listenKey", _shape(value))
    # It goes into URLs and frames, so what could break out of them is no key.
    if len(key) > LISTEN_KEY_MAX or any(not "!" <= letter <= "~" for letter in key):
        return errors.ProtocolError("the answer to POST holds a listenKey of impossible characters", _shape(value))
    expiration = _epoch_ms(value.get("expiration"))
    used = {"listenKey"} if expiration is None and value.get("expiration") is not None else {"listenKey", "expiration"}
    return OptionsCreateListenKeyV1Resp(
        key, expiration, {name: member for name, member in value.items() if name not in used}
    )


def server_time_answer(response: Response, hide: Iterable[Secret] = ()) -> int:
    """The venue's time of GET /eapi/v1/time, epoch ms. Source: [O market-data/Check-Server-Time]."""
    value = read(response, hide)
    time_ms = _epoch_ms(value.get("serverTime")) if isinstance(value, dict) else None
    if time_ms is None:
        raise errors.ProtocolError("the answer holds no serverTime", _shape(value))
    return time_ms


def used_weight_1m(response: Response) -> int | None:
    """The weight this IP has used in the running minute, by the answer's header, or None. [O general-info]"""
    text = (response.header(venue.USED_WEIGHT_HEADER) or "").strip()
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text, re.ASCII) else None


def refusal(response: Response, hide: Iterable[Secret] = ()) -> errors.VenueError | errors.ProtocolError:
    """The error that an answer means, to be raised. Decided on the status first, then on the code."""
    hide = tuple(hide)
    status = response.status
    code, message = _said(response, hide)
    wait_s = _retry_after_s(response)
    if status == 418:
        until_ms = _banned_until_ms(response, wait_s)
        return errors.Banned(status, code, message, _ban_s(response, wait_s, until_ms), until_ms)
    if status == 429:
        return errors.RateLimited(status, code, message, wait_s)
    if status == 408 or 500 <= status <= 599:
        return errors.VenueDown(status, code, message, wait_s)
    if 300 <= status <= 399:
        return errors.ProtocolError(f"HTTP {status}: a redirect, and redirects are not followed")
    if not (200 <= status <= 299 or 400 <= status <= 499):
        return errors.ProtocolError(f"HTTP {status} is not a status of an answer", masked_body(response.body, hide))
    return _by_code(status, code, message, wait_s) or _by_status(status, code, message, wait_s)


def _by_code(status: int, code: int | None, message: str, wait_s: float | None) -> errors.VenueError | None:
    """Return the error that the code stands for, where the status left it open; None where it stands for none."""
    if code == Code.INVALID_LISTEN_KEY:
        return errors.KeyUnknown(status, code, message, wait_s)
    if code == Code.INVALID_TIMESTAMP:
        return errors.OutOfWindow(status, code, message, wait_s)
    if code in REFUSED_CODES:
        refused = errors.Refused(status, code, message, wait_s)
        if code == Code.INVALID_SIGNATURE:
            refused.advice = "the API secret or private key is not the one of this API key; check both"
        return refused
    if code in RATE_CODES:
        return errors.RateLimited(status, code, message, wait_s)
    if code in DOWN_CODES and status not in (401, 403, 404, 410):
        return errors.VenueDown(status, code, message, wait_s)
    if code == Code.NO_SUCH_ORDER:
        return errors.VenueError(status, code, message, wait_s)
    return None


def _by_status(status: int, code: int | None, message: str, wait_s: float | None) -> errors.VenueError:
    """Return the error for a 4XX status whose code says nothing."""
    if status == 403:
        # "WAF limit (Web Application Firewall)" [O general-info]: too much, too odd, or from the wrong place.
        walled = errors.RateLimited(status, code, message, max(wait_s or 0.0, FIREWALL_WAIT_S))
        walled.advice = "the venue's firewall stands in the way: wait, send less, and check where this machine is"
        return walled
    if status == 401:
        return errors.Refused(status, code, message, wait_s)
    if status == 451:
        barred = errors.Refused(status, code, message, wait_s)
        barred.advice = "the venue does not serve the place this machine connects from"
        return barred
    if status in (404, 410):
        return errors.Retired(status, code, message, wait_s)
    return errors.VenueError(status, code, message, wait_s)


def _json(response: Response, hide: tuple[Secret, ...], *, keep_odd_numbers: bool) -> JsonValue:
    try:
        return parse(response.body, BODY_MAX, keep_odd_numbers=keep_odd_numbers)
    except NotJson as error:
        reason = str(error)
    what = f"HTTP {response.status} with {_description(response)} instead of JSON"
    raise errors.ProtocolError(f"{what} ({reason})", masked_body(response.body, hide))


def _said(response: Response, hide: tuple[Secret, ...]) -> tuple[int | None, str]:
    """The code and the message of an error's body, or None and a description of the body."""
    try:
        code, message = _code_and_message(parse(response.body, BODY_MAX))
    except NotJson:
        return None, _description(response)
    return code, clean(message, hide)


def _code_and_message(value: JsonValue) -> tuple[int | None, str]:
    if not isinstance(value, dict):
        return None, ""
    code, message = value.get("code"), value.get("msg", "")
    # `allOpenOrders` answers its code as a string since March 2026 [SDK 6.0.0]; errors might follow.
    if isinstance(code, str) and re.fullmatch(r"-?[0-9]{1,6}", code, re.ASCII):
        code = int(code)
    known = isinstance(code, int) and not isinstance(code, bool)
    return (code if known else None), (message if isinstance(message, str) else "")


def _description(response: Response) -> str:
    """Describe a body that is no JSON, without quoting it."""
    start = response.body[:512].lstrip().lower()
    if not start:
        return "an empty body"
    if start.startswith((b"<!doctype html", b"<html")) or "html" in (response.header("Content-Type") or "").lower():
        return "a page in HTML"
    return f"{len(response.body)} bytes of something"


def _retry_after_s(response: Response) -> float | None:
    """Seconds by Retry-After: a number, or a date that is compared with the answer's own Date. None if unreadable."""
    text = (response.header(venue.RETRY_AFTER_HEADER) or "").strip()
    if re.fullmatch(r"[0-9]{1,12}", text, re.ASCII):
        return _credible_s(float(text))
    then, now = _date(text), _date(response.header("Date"))
    if then is None or now is None:
        return None
    return _credible_s(max((then - now).total_seconds(), 0.0))


def _credible_s(wait_s: float) -> float | None:
    return wait_s if wait_s <= venue.BAN_MAX_S else None


def _banned_until_ms(response: Response, wait_s: float | None) -> int | None:
    """Return the end of a ban, epoch ms: as the message says, else the answer's own Date plus Retry-After."""
    _, message = _said(response, ())
    if said := BANNED_UNTIL.search(message):
        factor, divisor = EPOCH_UNITS[len(said[1])]
        return int(said[1]) * factor // divisor
    now = _date(response.header("Date"))
    if wait_s is None or now is None:
        return None
    return int(now.timestamp() + wait_s) * 1000


def _ban_s(response: Response, wait_s: float | None, until_ms: int | None) -> float | None:
    """
    Return the length of a ban, seconds: the longest of what the answer says.

    Its end is a time of day. Where the answer has its own Date, that is what it is compared with: our clock may be an
    hour off, and then we would go on asking in the ban, or be silent long after it.
    """
    now = _date(response.header("Date"))
    if until_ms is None or now is None:
        return wait_s
    until_s = _credible_s(max(until_ms / 1000 - now.timestamp(), 0.0))
    return max((said_s for said_s in (wait_s, until_s) if said_s is not None), default=None)


def _date(text: str | None) -> datetime | None:
    try:
        date = parsedate_to_datetime(text or "")
    except (ValueError, TypeError, OverflowError):
        return None
    # Without a zone it would be compared with dates that have one, and read as local time.
    return date if date.tzinfo is not None else None


def _epoch_ms(value: JsonValue) -> int | None:
    """A time, given as an integer or as digits; None where it is anything else."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,18}", value, re.ASCII):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 < value <= INT_MAX else None


def _kind(value: JsonValue) -> str:
    kinds: tuple[tuple[type, str], ...] = (
        (dict, "an object"),
        (list, "an array"),
        (str, "a text"),
        (bool, "a Boolean"),
    )
    return next((word for kind, word in kinds if isinstance(value, kind)), "null" if value is None else "a number")


def _shape(value: JsonValue) -> bytes:
    """Return names and kinds without any value: an error may keep them of an answer that may hold a key."""
    if not isinstance(value, dict):
        return _kind(value).encode()
    names = [f"{clean(name, longest=NAME_SHOWN_MAX)}: {_kind(member)}" for name, member in list(value.items())[:50]]
    return ("{" + ", ".join(names) + "}").encode("utf-8", "replace")
