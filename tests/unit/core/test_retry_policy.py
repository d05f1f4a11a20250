from __future__ import annotations

import pytest

from listenkey import errors
from listenkey.core.retry_policy import (
    BAN_WAIT_S,
    DOWN_MAX_S,
    RATE_LIMIT_MAX_S,
    RATE_LIMIT_WAIT_S,
    RETIRED_WAIT_S,
    Disposition,
    ban_left_s,
    classify,
    says_no,
)
from listenkey.venue import BAN_MAX_S

NOW_MS = 1_795_000_000_000


@pytest.mark.parametrize(
    ("error", "do", "wait_s"),
    [
        (errors.KeyUnknown(400, -1125), Disposition.NEW_KEY, 0),
        (errors.Refused(401, -2015), Disposition.STOP, 0),
        (errors.UsageError("wrong"), Disposition.STOP, 0),
        (errors.RateLimited(429, -1008), Disposition.WAIT, RATE_LIMIT_WAIT_S),
        (errors.RateLimited(429, -1003, retry_after_s=7), Disposition.WAIT, 7),
        (errors.Banned(418, -1008, until_ms=NOW_MS + 90_000), Disposition.WAIT, 90),
        (errors.Banned(418, -1008, until_ms=NOW_MS - 9_000), Disposition.WAIT, 1),
        (errors.Banned(418, -1008, until_ms=NOW_MS - 90_000), Disposition.WAIT, BAN_WAIT_S),
        (errors.Banned(418, -1008, until_ms=NOW_MS + round(BAN_MAX_S * 1000)), Disposition.WAIT, BAN_MAX_S),
        (errors.Banned(418, -1008, until_ms=9_999_999_999_999), Disposition.WAIT, BAN_WAIT_S),
        (errors.Banned(418, -1008, retry_after_s=BAN_MAX_S + 1), Disposition.WAIT, BAN_WAIT_S),
        (errors.Banned(418, -1008, retry_after_s=-5), Disposition.WAIT, BAN_WAIT_S),
        (errors.Banned(418, -1008, retry_after_s=float("nan")), Disposition.WAIT, BAN_WAIT_S),
        (errors.Banned(418, -1008, retry_after_s=BAN_MAX_S + 1, until_ms=NOW_MS + 90_000), Disposition.WAIT, 90),
        (errors.RateLimited(429, -1008, retry_after_s=RATE_LIMIT_MAX_S), Disposition.WAIT, RATE_LIMIT_MAX_S),
        (errors.RateLimited(429, -1008, retry_after_s=RATE_LIMIT_MAX_S + 1), Disposition.WAIT, RATE_LIMIT_WAIT_S),
        (errors.RateLimited(429, -1008, retry_after_s=-1), Disposition.WAIT, RATE_LIMIT_WAIT_S),
        (errors.RateLimited(429, -1008, retry_after_s=float("inf")), Disposition.WAIT, RATE_LIMIT_WAIT_S),
        (errors.VenueDown(503, retry_after_s=1e9), Disposition.WAIT, DOWN_MAX_S),
        (errors.Banned(418, -1008, retry_after_s=120, until_ms=NOW_MS + 5), Disposition.WAIT, 120),
        # Our clock is an hour behind: the answer's own words count.
        (errors.Banned(418, -1008, retry_after_s=120, until_ms=NOW_MS + 3_720_000), Disposition.WAIT, 120),
        (errors.Banned(418, -1008), Disposition.WAIT, BAN_WAIT_S),
        (errors.Banned(418, -1008, retry_after_s=300), Disposition.WAIT, 300),
        (errors.Retired(410), Disposition.WAIT, RETIRED_WAIT_S),
        (errors.VenueDown(503), Disposition.WAIT, 0),
        (errors.VenueDown(503, retry_after_s=5), Disposition.WAIT, 5),
        (errors.OutOfWindow(400, -1021), Disposition.WAIT, 0),
        (errors.Unreachable("host", "refused"), Disposition.WAIT, 0),
        (errors.TimedOut("POST", 10), Disposition.WAIT, 0),
        (errors.ProtocolError("no key in the answer"), Disposition.WAIT, 0),
    ],
)
def test_each_error_asks_for_one_thing(error: errors.ListenKeyError, do: Disposition, wait_s: float) -> None:
    result = classify(error, NOW_MS)
    assert (result.do, result.wait_s, result.error) == (do, wait_s, error)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (errors.Refused(401), True),
        (errors.ProtocolError("the subscription was refused: code 2"), True),
        (errors.Disconnected(1008, "policy"), True),
        (errors.Disconnected(None, "reset"), False),
        (errors.RateLimited(429), False),
        (errors.Banned(418), False),
        (errors.TimedOut("opening", 5), False),
        (errors.Unreachable("host", "refused"), False),
    ],
)
def test_who_turned_a_socket_down(error: errors.ListenKeyError, said: bool) -> None:
    assert says_no(error) is said


def test_a_ban_that_names_no_end_has_none_left() -> None:
    assert ban_left_s(errors.Banned(418), NOW_MS) is None
