"""Ask a gateway that runs for its accounts: one request, for a command that then ends."""

from __future__ import annotations

import http.client
import socket
import ssl
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from listenkey.credentials import Secret
from listenkey.errors import ListenKeyError, ProtocolError, TimedOut, Unreachable, UsageError, VenueDown
from listenkey.transport import address, tls

WITHIN_S: Final = 10.0
BODY_MAX: Final = 64 * 1024 * 1024
"""Bytes of an answer: room for 50,000 accounts."""

WHAT: Final = "asking the gateway"


def accounts_at(url: str, token: Secret) -> list[dict[str, Any]]:
    """
    Return the rows of `GET /v1/accounts`. No proxy is asked, and no redirect followed: the token goes to this address.

    Args:
        url: Where the gateway listens; `http://` on this machine only.
        token: What it asks for.

    Raises:
        UsageError: The address is none, or the token is refused.
        Unreachable, TimedOut: Nobody answers there.
        VenueDown: The gateway failed to answer.
        ProtocolError: What answers is no gateway.
    """
    host = address.check_http(url)
    outcome = _outcome(url, host, token)
    # Raised outside of the handlers, whose errors may hold the headers.
    if isinstance(outcome, ListenKeyError):
        raise outcome
    try:
        answer = msgspec.json.decode(outcome)
        rows = answer["accounts"]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError, TypeError):
        rows = None
    if not isinstance(rows, list) or not all(
        isinstance(row, dict) and isinstance(row.get("name"), str) for row in rows
    ):
        raise ProtocolError(f"what answers at {url} is no gateway of listenkey")
    return rows


def _outcome(url: str, host: str, token: Secret) -> bytes | ListenKeyError:
    connection = _connection(url, host)
    path = f"{urlsplit(url).path.rstrip('/')}/v1/accounts"
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token.reveal()}"})
        answer = connection.getresponse()
        body = answer.read(BODY_MAX + 1)
    except TimeoutError:
        return TimedOut(WHAT, WITHIN_S)
    except socket.gaierror:
        return Unreachable(host, "the name is not known")
    except ssl.SSLError as error:
        return Unreachable(host, f"TLS failed: {error.reason}")
    except OSError as error:
        return Unreachable(host, error.strerror or "no connection")
    except http.client.HTTPException:
        return ProtocolError(f"what answers at {url} does not speak HTTP")
    finally:
        connection.close()
    if len(body) > BODY_MAX:
        return ProtocolError(f"the answer has more than {BODY_MAX} bytes")
    return _judged(answer.status, body, url)


def _connection(url: str, host: str) -> http.client.HTTPConnection:
    port = urlsplit(url).port
    if url.startswith("https:"):
        return http.client.HTTPSConnection(host, port, timeout=WITHIN_S, context=tls.context())
    return http.client.HTTPConnection(host, port, timeout=WITHIN_S)


def _judged(status: int, body: bytes, url: str) -> bytes | ListenKeyError:
    if status == 200:
        return body
    if status == 401:
        return UsageError("the gateway refuses this token; --token-file F names the file with the right one")
    if status == 429:
        return UsageError("the gateway lets nobody try another token for a minute: too many wrong ones came from here")
    if status == 421:
        return UsageError(f"the gateway does not answer under the name in {url}; use the address that it printed")
    if status >= 500:
        return VenueDown(status, None, "the gateway failed to answer; its log says why")
    return ProtocolError(f"what answers at {url} is no gateway of listenkey (HTTP {status})")
