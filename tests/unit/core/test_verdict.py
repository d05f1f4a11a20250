from __future__ import annotations

import pytest

from listenkey import errors
from listenkey.core.verdict import (
    BAN_MAX_S,
    BAN_WAIT_S,
    DOWN_MAX_S,
    RATE_LIMIT_MAX_S,
    RATE_LIMIT_WAIT_S,
    RETIRED_WAIT_S,
    Do,
    ban_left_s,
    judge,
    says_no,
)

NOW_MS = 1_795_000_000_000


@pytest.mark.parametrize(
    ("error", "do", "wait_s"),
    [
        (errors.KeyUnknown(400, -1125), Do.NEW_KEY, 0),
        (errors.Refused(401, -2015), Do.STOP, 0),
        (errors.UsageError("wrong"), Do.STOP, 0),
        (errors.RateLimited(429, -1008), Do.WAIT, RATE_LIMIT_WAIT_S),
        (errors.RateLimited(429, -1003, retry_after_s=7), Do.WAIT, 7),
        (errors.Banned(418, -1008, until_ms=NOW_MS + 90_000), Do.WAIT, 90),
        (errors.Banned(418, -1008, until_ms=NOW_MS - 9_000), Do.WAIT, 1),
        (errors.Banned(418, -1008, until_ms=NOW_MS - 90_000), Do.WAIT, BAN_WAIT_S),
        (errors.Banned(418, -1008, until_ms=NOW_MS + round(BAN_MAX_S * 1000)), Do.WAIT, BAN_MAX_S),
        (errors.Banned(418, -1008, until_ms=9_999_999_999_999), Do.WAIT, BAN_WAIT_S),
        (errors.Banned(418, -1008, retry_after_s=BAN_MAX_S + 1), Do.WAIT, BAN_WAIT_S),
        (errors.Banned(418, -1008, retry_after_s=-5), Do.WAIT, BAN_WAIT_S),
        (errors.Banned(418, -1008, retry_after_s=float("nan")), Do.WAIT, BAN_WAIT_S),
        (errors.Banned(418, -1008, retry_after_s=BAN_MAX_S + 1, until_ms=NOW_MS + 90_000), Do.WAIT, 90),
        (errors.RateLimited(429, -1008, retry_after_s=RATE_LIMIT_MAX_S), Do.WAIT, RATE_LIMIT_MAX_S),
        (errors.RateLimited(429, -1008, retry_after_s=RATE_LIMIT_MAX_S + 1), Do.WAIT, RATE_LIMIT_WAIT_S),
        (errors.RateLimited(429, -1008, retry_after_s=-1), Do.WAIT, RATE_LIMIT_WAIT_S),
        (errors.RateLimited(429, -1008, retry_after_s=float("inf")), Do.WAIT, RATE_LIMIT_WAIT_S),
        (errors.VenueDown(503, retry_after_s=1e9), Do.WAIT, DOWN_MAX_S),
        (errors.Banned(418, -1008, retry_after_s=120, until_ms=NOW_MS + 5), Do.WAIT, 120),
        # Our clock is an hour behind: the answer's own words count.
        (errors.Banned(418, -1008, retry_after_s=120, until_ms=NOW_MS + 3_720_000), Do.WAIT, 120),
        (errors.Banned(418, -1008), Do.WAIT, BAN_WAIT_S),
        (errors.Banned(418, -1008, retry_after_s=300), Do.WAIT, 300),
        (errors.Retired(410), Do.WAIT, RETIRED_WAIT_S),
        (errors.VenueDown(503), Do.WAIT, 0),
        (errors.VenueDown(503, retry_after_s=5), Do.WAIT, 5),
        (errors.OutOfWindow(400, -1021), Do.WAIT, 0),
        (errors.Unreachable("host", "refused"), Do.WAIT, 0),
        (errors.TimedOut("POST", 10), Do.WAIT, 0),
        (errors.ProtocolError("no key in the answer"), Do.WAIT, 0),
    ],
)
def test_each_error_asks_for_one_thing(error: errors.ListenKeyError, do: Do, wait_s: float) -> None:
    verdict = judge(error, NOW_MS)
    assert (verdict.do, verdict.wait_s, verdict.error) == (do, wait_s, error)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (errors.Refused(401), True),
        (errors.ProtocolError("the subscription was refused: code 2"), True),
        (errors.Disconnected(1008, "policy"), True),
        (errors.Disconnected(None, "reset"), False),
        (errors.TimedOut("opening", 5), False),
        (errors.Unreachable("host", "refused"), False),
    ],
)
def test_who_turned_a_socket_down(error: errors.ListenKeyError, said: bool) -> None:
    assert says_no(error) is said


def test_a_ban_that_names_no_end_has_none_left() -> None:
    assert ban_left_s(errors.Banned(418), NOW_MS) is None
