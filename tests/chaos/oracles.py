"""Check every chaos run, beside the judge: gaps cover all that was not brought, limits hold, no secret is shown."""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

MAY_ASK: Final = {
    "POST /eapi/v1/listenKey", "PUT /eapi/v1/listenKey", "GET /eapi/v1/time", "GET /eapi/v1/exchangeInfo",
    "GET /eapi/v1/bill", "GET /eapi/v1/marginAccount", "GET /eapi/v1/position", "GET /eapi/v1/userTrades",
    "GET /eapi/v1/openOrders", "GET /eapi/v1/historyOrders", "GET /eapi/v1/order",
}  # fmt: skip
"""All that a client may send: three calls of the key without DELETE, and reading."""

SHARE_MAX: Final = 0.8
CLOCKS_DIFFER_MS: Final = 60
"""The most that a moment of the exchange may seem to differ from ours: it is asked for over HTTP on a busy machine."""

Span = tuple[float, float | None]


def uncovered(
    lost: Mapping[tuple[str, int, int], float], gaps: Collection[Span], slack_ms: float = CLOCKS_DIFFER_MS
) -> Iterator[str]:
    """
    Fills that no socket brought, and that lie in no gap that was told.

    Args:
        lost: Fills whose frames never reached the client, and when they happened, wall clock, ms.
        gaps: From and to of each gap; None is open.
        slack_ms: How far outside a fill may seem to lie.
    """
    for fill, at_ms in lost.items():
        inside = any(
            from_ms - slack_ms <= at_ms and (to_ms is None or at_ms <= to_ms + slack_ms) for from_ms, to_ms in gaps
        )
        if not inside:
            yield f"{fill} was not brought at {at_ms:.0f}, and no gap says so"


def beyond_limits(
    meters: Mapping[str, Any], limit: int, *, refusals: bool, deletes: int, sockets: int = 1
) -> Iterator[str]:
    """
    Yield the counts of the exchange that are beyond a limit.

    Args:
        meters: Its own.
        limit: Weight a minute.
        refusals: Whether the run itself made it refuse (429, 418).
        deletes: How many times somebody else deleted the key.
        sockets: How many may be open; more than one where the exchange can't have heard that one has ended.
    """
    asked = dict(meters["requests"])
    if asked.pop("DELETE /eapi/v1/listenKey", 0) != deletes:
        yield "the client deleted a listen key"
    yield from (f"{request} is none of its requests" for request in asked if request not in MAY_ASK)
    for minute, weight in meters["weight_by_minute"].items():
        if weight > limit * SHARE_MAX:
            yield f"weight {weight} of {limit} in the minute {minute}"
    if not refusals and (meters["refused_429"] or meters["refused_418"] or meters["bans"]):
        yield f"it was refused: {meters['refused_429']} 429s, {meters['refused_418']} 418s, {meters['bans']}"
    if len(meters["sockets"]) > sockets:
        yield f"{len(meters['sockets'])} sockets are open"


def shown(secrets: Iterable[bytes], files: Iterable[Path], texts: Iterable[bytes] = ()) -> Iterator[str]:
    """Secrets that stand somewhere, in any of the forms a program writes bytes in."""
    contents = [(str(path), path.read_bytes()) for path in files] + [("a command line", text) for text in texts]
    for secret in secrets:
        for name, form in forms(secret).items():
            yield from (f"a secret stands in {where} ({name})" for where, content in contents if form in content)


def forms(secret: bytes) -> dict[str, bytes]:
    """The ways in which a secret may be written."""
    return {
        "as it is": secret,
        "hex": secret.hex().encode(),
        "base64": base64.b64encode(secret).rstrip(b"=")[:-1],
        "in a URL": quote(secret, safe="").encode(),
        "backwards": secret[::-1],
    }
