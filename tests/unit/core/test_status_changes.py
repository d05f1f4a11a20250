"""Test the time since which a status holds, and the reports of its changes."""

from __future__ import annotations

from listenkey.core.status_changes import StatusChanges


def test_each_change_has_its_moment_and_its_words() -> None:
    changes = StatusChanges(100.0, 5_000)
    assert changes.since_ms(103.0, 8_000) == 5_000
    assert changes.note("CONNECTING", "opening a socket", 0, 103.0, 8_000) is None
    first = changes.note("LIVE", "live", 0, 104.0, 9_000)
    assert first is not None
    assert (first.text, first.is_warning) == ("LIVE (was CONNECTING)", False)
    assert changes.since_ms(110.0, 15_000) == 9_000
    lost = changes.note("GAP", "the connection was lost", 2, 120.0, 25_000)
    assert lost is not None
    assert (lost.text, lost.is_warning) == ("GAP: the connection was lost (was LIVE)", True)
    asking = changes.note("RECOVERING", "asking REST", 2, 121.0, 26_000)
    assert asking is not None
    assert not asking.is_warning
    healed = changes.note("SETTLING", "live", 7, 122.5, 27_500)
    assert healed is not None
    assert healed.is_warning
    assert healed.form % healed.text == (
        "live again after 2.5 s, 5 fills recovered; REST is asked again, in case it lags"
    )
    settled = changes.note("LIVE", "live", 7, 150.0, 55_000)
    assert settled is not None
    assert (settled.text, settled.is_warning) == ("LIVE (was SETTLING)", False)
    failed = changes.note("FAILED", "HTTP 401", 7, 151.0, 56_000)
    assert failed is not None
    assert failed.is_warning


def test_the_age_is_right_after_the_wall_clock_was_set() -> None:
    changes = StatusChanges(100.0, 1_000_000)
    assert changes.since_ms(110.0, 1_010_400) == 1_000_000, "slewed: the moment stays as it was told"
    assert changes.since_ms(120.0, 4_620_000) == 4_600_000, "set an hour ahead: 20 s ago, by the clock of now"
    assert changes.since_ms(121.0, 4_621_000) == 4_600_000
