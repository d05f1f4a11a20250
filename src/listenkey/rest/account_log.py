"""Log records that name the account, and are few where something happens again and again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from listenkey.core.log_rate import LogRate


class AccountLog(logging.LoggerAdapter[logging.Logger]):
    """
    The library's log, for one account.

    Each record has the attribute `account`, and the account at the beginning of its message. Of one kind of record,
    which is one format text, a few come per minute (`LogRate`); the next says how many were left out. Debug records are
    not limited.

    Args:
        account: The account's name.
        now_s: By a clock that is never set.
    """

    def __init__(self, account: str, now_s: Callable[[], float]) -> None:
        super().__init__(logging.getLogger("listenkey"), {"account": account})
        self._now_s = now_s
        self._kinds: dict[str, LogRate] = {}  # as many as there are texts in the source

    @property
    def account(self) -> str:
        """The account's name."""
        return str((self.extra or {})["account"])

    def rename(self, account: str) -> None:
        """Name the account otherwise from now on: a journal knows it by another name."""
        self.extra = {"account": account}

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Log as a logger does, with the account; of too many records of one kind only a few."""
        if not self.isEnabledFor(level):
            return
        text = str(msg)
        if level > logging.DEBUG:
            rate = self._kinds.setdefault(text, LogRate())
            if not rate.is_due(self._now_s()):
                return
            if left_out := rate.take_left_out():
                text += f" (and {left_out} more that were not logged)"
        values: Mapping[str, object] = self.extra or {}
        form = f"stream %s: {text}"
        self.logger.log(level, form, values["account"], *args, extra=values, **kwargs)
