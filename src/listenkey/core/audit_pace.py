"""
Choose how often one account is audited: each minute while something is at stake for it, and less and less often after.

A request for REST history weighs the same whether anything can have happened or not, and all accounts behind one IP
address share its weight. An account without positions, live orders and events has nothing that a loss could concern
but what begins with it. So each audit that finds it idle doubles the time to the next one, and its first event ends that.
"""

from __future__ import annotations

from typing import Final

from listenkey.core.timing import Timing

STRETCH: Final = 2
"""
The factor by which the time to the next audit grows. With two, it is never longer than the account had been idle by
then: so a loss is found within the time that nothing was heard of the account before.
"""


IDLE_AUDIT_EVERY_S: Final = 1800.0
"""The longest time between two audits of an idle account of a gateway, where its configuration names no other."""


class AuditPace:
    """
    The time between two audits of one account.

    Args:
        timing: `audit_every_s`, and `idle_audit_every_s`, the longest; None where idle accounts are audited as others.

    Attributes:
        every_s: The time until the next audit.
        was_heard: True where an event came since the last one.
    """

    __slots__ = ("_active_s", "_idle_s", "every_s", "was_heard")

    def __init__(self, timing: Timing) -> None:
        self.every_s = self._active_s = timing.audit_every_s
        self._idle_s = max(self._active_s, timing.idle_audit_every_s or 0.0)
        self.was_heard = False

    @property
    def is_slow(self) -> bool:
        """True while the account is taken to be idle."""
        return self.every_s > self._active_s

    def woke(self) -> None:
        """An event came, so that there may be more of them: losses are to be found soon."""
        self.was_heard, self.every_s = True, self._active_s

    def audited(self, *, is_idle: bool) -> None:
        """Choose the time to the next audit. `is_idle`: this one found nothing at stake, and nothing lost."""
        if is_idle and not self.was_heard:
            self.every_s = min(self.every_s * STRETCH, self._idle_s)
        else:
            self.every_s = self._active_s
        self.was_heard = False
