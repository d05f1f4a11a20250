"""It is judged by what only one of two worlds shows whether the venue delivers to keys that share a socket."""

from __future__ import annotations

from listenkey.credentials import Secret
from listenkey.gateway.shared_sockets.sharing_evidence import (
    ALONE_MAX,
    DOUBT_WINDOW_S,
    DOUBTS_MAX,
    ENDED,
    ENDS_MAX,
    MISSING,
    REFUSED,
    UNPROVEN,
    SharingEvidence,
)

KEY, OTHER = Secret("k" * 64), Secret("o" * 64)


def test_a_key_that_is_refused_beside_others_and_taken_alone_says_it() -> None:
    seen = SharingEvidence()
    seen.refused(KEY, beside_others=True)
    assert seen.is_alone(KEY)
    assert not seen.is_alone(OTHER)
    assert seen.took(OTHER, beside_others=False) == ""
    assert seen.took(OTHER, beside_others=True) == ""
    assert seen.took(KEY, beside_others=False) == REFUSED


def test_a_key_that_is_refused_alone_as_well_is_dead_and_says_nothing() -> None:
    seen = SharingEvidence()
    seen.refused(KEY, beside_others=False)
    assert not seen.is_alone(KEY)
    assert seen.took(KEY, beside_others=False) == ""


def test_the_first_loss_counts_until_two_keys_of_a_socket_deliver() -> None:
    seen = SharingEvidence()
    assert seen.doubt(KEY, 0.0) == UNPROVEN
    seen.delivers()
    assert seen.doubt(KEY, 1.0) == ""
    assert seen.is_alone(KEY)


def test_many_losses_in_a_short_time_count_all_the_same() -> None:
    seen = SharingEvidence()
    seen.delivers()
    far = DOUBT_WINDOW_S / (DOUBTS_MAX - 1)
    assert [seen.doubt(KEY, number * far) for number in range(2 * DOUBTS_MAX)] == [""] * 2 * DOUBTS_MAX
    seen = SharingEvidence()
    seen.delivers()
    near = far - 1
    assert [seen.doubt(KEY, number * near) for number in range(DOUBTS_MAX)] == [""] * (DOUBTS_MAX - 1) + [MISSING]


def test_sockets_that_end_when_a_key_is_put_on_them_count_in_a_row() -> None:
    seen = SharingEvidence()
    for _ in range(ENDS_MAX - 1):
        assert seen.ended_while_asked() == ""
    seen.took(KEY, beside_others=True)
    for _ in range(ENDS_MAX - 1):
        assert seen.ended_while_asked() == ""
    seen.took(KEY, beside_others=False)
    assert seen.ended_while_asked() == ENDED


def test_the_keys_that_are_remembered_are_bounded() -> None:
    seen = SharingEvidence()
    seen.refused(KEY, beside_others=True)
    for number in range(ALONE_MAX):
        seen.set_alone(Secret(str(number)))
    assert not seen.is_alone(KEY)
    assert seen.took(KEY, beside_others=False) == "", "what is forgotten says nothing"
