"""Log records that name the account, and are few."""

from __future__ import annotations

import logging

import pytest

from listenkey.core.log_rate import AT_ONCE_MAX, EVERY_S
from listenkey.rest.account_log import AccountLog


def test_each_record_names_the_account(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    log = AccountLog("desk %s", lambda: 0.0)
    assert log.account == "desk %s"
    log.warning("lost %d of %s", 3, "all")
    log.debug("detail")
    assert [(record.getMessage(), record.account) for record in caplog.records] == [  # type: ignore[attr-defined]
        ("stream desk %s: lost 3 of all", "desk %s"),
        ("stream desk %s: detail", "desk %s"),
    ]


def test_a_flood_of_one_kind_is_few_lines_and_hides_no_other(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    now_s = [EVERY_S]
    log = AccountLog("a3f1", lambda: now_s[0])
    for number in range(1_000):
        log.warning("a frame can't be read: %s", number)
        log.debug("frame %d", number)
    log.warning("something else")
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == AT_ONCE_MAX + 1
    assert warnings[-1] == "stream a3f1: something else"
    now_s[0] = 2 * EVERY_S
    log.warning("a frame can't be read: %s", "again")
    assert caplog.messages[-1] == (
        f"stream a3f1: a frame can't be read: again (and {1_000 - AT_ONCE_MAX} more that were not logged)"
    )
    log.warning("a frame can't be read: %s", "once more")
    assert caplog.messages[-1] == "stream a3f1: a frame can't be read: once more"


def test_what_nobody_reads_costs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    AccountLog("a3f1", lambda: 0.0).warning("quiet")
    assert caplog.messages == []


def test_an_account_may_get_another_name(caplog: pytest.LogCaptureFixture) -> None:
    log = AccountLog("a3f1", lambda: 0.0)
    log.rename("desk")
    log.warning("lost")
    assert (log.account, caplog.messages) == ("desk", ["stream desk: lost"])
