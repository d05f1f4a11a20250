"""Leave out pings and audits that nothing can happen to: no fault is near, and every answer is known before."""

from __future__ import annotations

from typing import Final

from listenkey.stream.delivery import StreamDelivery
from sim.environment.environment import Environment
from sim.environment.network import Connection, Host, Network
from sim.faults.injector import Injector
from sim.kernel.scheduler import NEVER_US

ELIDED_MOST_US: Final = 600_000_000
MARGIN_US: Final = 3_000_000
"""The time before a fault in which a real ping is answered, so that it is known until when all is well."""


class Shortcuts:
    """The shortcuts of a run, as `network.Shortcuts` has them."""

    def __init__(self, env: Environment, injector: Injector) -> None:
        self._env = env
        self._injector = injector

    def ping_horizon_us(self, network: Network, connection: Connection | None) -> int:
        """
        Return for how long pings of this connection would surely be answered; 0 where that can't be known.

        A stream that is idle for a day pings 34,560 times. Where no fault is near, that is not worth simulating; a
        few of the seeds do it all the same.
        """
        env, exchange = self._env, self._env.exchange
        if env.options.every_ping or connection is None or connection.session is None:
            return 0
        if connection.lost_in or connection.lost_out or not network.untroubled():
            return 0
        session = exchange.hub.session(connection.session)
        if (
            session is None
            or session.frozen
            or session.closing
            or any(sub.dead for sub in session.streams.values())
            or not network.process.is_live()
        ):
            return 0
        if not all(exchange.keys.account_of(key) for key in session.streams):
            return 0  # the news of its key's end may be on its way
        account = env.options.accounts[network.process.number]
        key_ends_ms = exchange.keys.due_ms()
        key_ends_us = NEVER_US if key_ends_ms is None else (key_ends_ms - env.now_ms) * 1000
        horizon_us = min(self._injector.quiet_us(account) - MARGIN_US, key_ends_us - MARGIN_US, ELIDED_MOST_US)
        return horizon_us if horizon_us > 5_000_000 else 0

    def skip_audits(self, host: Host, delivery: StreamDelivery, for_us: int) -> None:
        """Skip the audits that would find nothing: the last one has seen everything, and no fault is near."""
        if self._env.options.idle_audit_s is not None:
            return  # They are rare then, and how rare is what is to be seen.
        for_us = min(for_us, self._injector.calm_us(self._env.options.accounts[host.number]) - MARGIN_US)
        if for_us >= self._env.rest_limits.trades_kept_s * 1e6:
            return  # It has to look before REST forgets.
        until_s = host.clock.now_s() + for_us / 1e6
        recovery, schedule = delivery.recovery, delivery.life.recovery_policy.audit_schedule
        trades = self._env.exchange.exchange.state.accounts[delivery.journal.account].trades
        newest_ms = trades[-1].time_ms if trades else 0
        if recovery is None or recovery.audits.audited_to_ms is None or recovery.audits.audited_to_ms <= newest_ms:
            return
        if recovery.losses.detector.over(self._env.now_ms):
            return  # A position has outlived its contract, and a look finds that.
        if (due_s := schedule.deadline()) is not None and not schedule.settling:
            schedule.audit_at_s = max(due_s, until_s)
            recovery.audits.audited_s = until_s
