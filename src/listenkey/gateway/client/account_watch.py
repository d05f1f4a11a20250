"""Tell the program how its account is: what the gateway says, and that the gateway is not reached any more."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from listenkey.gateway.client.account_health import REACHED, UNKNOWN, health_of, not_reached

if TYPE_CHECKING:
    from listenkey.health import Health


class AccountWatch:
    """
    Knows how an account is, and says it when it changes.

    Args:
        on_state: The program's function, or None.
        unreached_after_s: A gateway that is not reached for so long is said.
        failed: Called with what `on_state` raises.

    Attributes:
        health: The state of the account as far as is known.
    """

    def __init__(
        self,
        on_state: Callable[[Health], object] | None,
        unreached_after_s: float,
        failed: Callable[[Exception], object],
    ) -> None:
        self.health = UNKNOWN
        self._on_state = on_state
        self._unreached_after_s = unreached_after_s
        self._failed = failed
        self._said: Health | None = None
        self._alarm: asyncio.TimerHandle | None = None

    def told(self, line: bytes) -> None:
        """Take what the gateway says. Raises ProtocolError where it says nothing that can be read."""
        self.health = health_of(line)
        self._say()

    def reached(self) -> None:
        """Note that the gateway is there; how the account is comes next."""
        self.quiet()
        self.health = REACHED

    def lost(self, why: str) -> None:
        """Note that the gateway is not there, which is said when it has lasted."""
        if self._alarm is None:
            self.health = not_reached(why, time.time_ns() // 1_000_000)
            self._alarm = asyncio.get_running_loop().call_later(self._unreached_after_s, self._say)
        else:
            self.health = not_reached(why, self.health.status_since_ms)

    def quiet(self) -> None:
        """Say nothing more about a gateway that is not there."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _say(self) -> None:
        """Tell the program, unless that is what it was told last."""
        if self._on_state is None or self._said == self.health:
            return
        self._said = self.health
        try:
            self._on_state(self.health)
        # The user's function: what it raises is raised where the program waits for items.
        except Exception as error:  # noqa: BLE001
            self._failed(error)
