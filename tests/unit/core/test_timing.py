from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from listenkey import venue
from listenkey.core.timing import Timing, renew_after_s, rotate_after_s


@given(st.floats(0, 1))
def test_a_key_is_renewed_with_room_for_many_more_tries(draw: float) -> None:
    wait_s = renew_after_s(Timing(), draw)
    assert 18 * 60 <= wait_s <= 22 * 60
    assert (venue.KEY_VALID_S - wait_s) / Timing().renew_retry_s >= 4


@given(st.floats(0, 1))
def test_a_socket_is_replaced_before_the_venue_cuts_it(draw: float) -> None:
    wait_s = rotate_after_s(Timing(), draw)
    assert 22.5 * 3600 <= wait_s <= 23.5 * 3600
    assert wait_s < venue.SOCKET_LIFE_S


@given(st.sampled_from([1, 2, 60, 600]), st.floats(0, 1))
def test_a_scaled_sandbox_is_served_in_time(scale: float, draw: float) -> None:
    timing = Timing().scaled(scale)
    assert renew_after_s(timing, draw) < timing.key_valid_s / 2
    assert timing.ping_after_s == Timing().ping_after_s, "the network is no faster there"
