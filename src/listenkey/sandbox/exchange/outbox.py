"""
Queue the events that the exchange sends its customers, in order, until they are taken.

Which events one cause produces is not documented as a sequence; the order here is what the event pages allow, and
`switches.fill_events` changes it for fills. Nothing is rendered for the house's own accounts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from listenkey.sandbox.exchange import legacy_payloads, payloads
from listenkey.venue import ACCOUNT_UPDATE, BALANCE_POSITION_UPDATE, GREEK_UPDATE, ORDER_TRADE_UPDATE

if TYPE_CHECKING:
    from decimal import Decimal

    from listenkey.sandbox.exchange.accounts import Account
    from listenkey.sandbox.exchange.orders import ExchangeOrder
    from listenkey.sandbox.exchange.positions import AccountPosition
    from listenkey.sandbox.exchange.pricing import Prices
    from listenkey.sandbox.exchange.records import Trade
    from listenkey.sandbox.exchange.scheduler import Scheduler
    from listenkey.sandbox.switches import Switches

GATHER_MS: Final = 50
"""The time over which fills share one BALANCE_POSITION_UPDATE, by the switch; the pages say "update speed 50ms"."""


@dataclass(frozen=True, slots=True)
class Emission:
    """
    One event of one account.

    Args:
        payload: The JSON object, without an envelope.
        at_ms: The exchange's time at which it was made; also its `E`.
        trade_id: Of the fill that an `ORDER_TRADE_UPDATE` tells of; None on every other event.
    """

    account: str
    payload: dict[str, Any]
    at_ms: int
    trade_id: int | None


@dataclass(slots=True)
class _Gathered:
    """Positions that fills have changed and no event has told of yet."""

    positions: dict[str, AccountPosition] = field(default_factory=dict)
    reason: str = ""
    last_ms: int = 0


class Outbox:
    """Events made and not yet taken."""

    def __init__(self, switches: Switches, prices: Prices, scheduler: Scheduler) -> None:
        self.switches = switches
        self._prices = prices
        self._agenda = scheduler
        self._emissions: list[Emission] = []
        self._gathered: dict[str, _Gathered] = {}

    def take(self) -> list[Emission]:
        """Take all events since the last call, oldest first."""
        taken, self._emissions = self._emissions, []
        return taken

    def order(
        self,
        account: Account,
        order: ExchangeOrder,
        execution_type: str,
        trade: Trade | None,
        position: AccountPosition,
        now_ms: int,
    ) -> None:
        """An order changed; `trade` is the fill that changed it, if one did."""
        if self.switches.generation == "legacy":
            payload = legacy_payloads.order_trade_update(order, trade, now_ms)
        else:
            payload = payloads.order_trade_update(order, execution_type, trade, position, now_ms)
        trade_id = None if trade is None else trade.trade_id
        self._emissions.append(Emission(account.name, payload, now_ms, trade_id))

    def fill(
        self, account: Account, order: ExchangeOrder, trade: Trade, position: AccountPosition, now_ms: int
    ) -> None:
        """A fill, with what it pushes in the order that the switches give."""
        switches = self.switches
        reason = switches.liquidation_reason if order.forced else "ORDER"
        for name in switches.fill_events:
            if name == ORDER_TRADE_UPDATE:
                execution_type = switches.liquidation_execution if order.forced else "TRADE"
                self.order(account, order, execution_type, trade, position, now_ms)
            elif name == BALANCE_POSITION_UPDATE and switches.position_events == "gathered":
                self._gather(account, reason, position, now_ms)
            else:
                self._account_event(name, account, reason, None, [position], now_ms)

    def changed(
        self, account: Account, reason: str, change: Decimal | None, positions: list[AccountPosition], now_ms: int
    ) -> None:
        """A balance, or positions, changed by something else than an order."""
        self._account_event(BALANCE_POSITION_UPDATE, account, reason, change, positions, now_ms)
        self._account_event(ACCOUNT_UPDATE, account, reason, change, positions, now_ms)
        if positions:
            self._account_event(GREEK_UPDATE, account, reason, change, positions, now_ms)

    def tell_gathered(self, account: Account, now_ms: int) -> None:
        """Push one BALANCE_POSITION_UPDATE for the fills since the first of them."""
        gathered = self._gathered.pop(account.name, None)
        if gathered is not None:
            payload = payloads.balance_position_update(
                gathered.reason, account.balance, None, gathered.positions.values(), now_ms, gathered.last_ms
            )
            self._emissions.append(Emission(account.name, payload, now_ms, None))

    def _gather(self, account: Account, reason: str, position: AccountPosition, now_ms: int) -> None:
        if self.switches.generation == "legacy":
            return
        gathered = self._gathered.get(account.name)
        if gathered is None:
            gathered = self._gathered[account.name] = _Gathered()
            self._agenda.put(now_ms + GATHER_MS, "gathered", account.name)
        gathered.positions[position.contract.symbol] = position
        gathered.reason, gathered.last_ms = reason, now_ms

    def beat(self, account: Account, now_ms: int) -> None:
        """Queue the events that an account with a position gets every ten seconds. [O Event-Account-data]"""
        self._account_event(ACCOUNT_UPDATE, account, "", None, [], now_ms)
        self._account_event(GREEK_UPDATE, account, "", None, [], now_ms)

    def risk(
        self, account: Account, level: str, margin_balance: Decimal, maintenance_margin: Decimal, now_ms: int
    ) -> None:
        """A market maker's risk level changed."""
        payload = payloads.risk_level_change(level, margin_balance, maintenance_margin, now_ms)
        self._emissions.append(Emission(account.name, payload, now_ms, None))

    def _account_event(
        self,
        name: str,
        account: Account,
        reason: str,
        change: Decimal | None,
        positions: list[AccountPosition],
        now_ms: int,
    ) -> None:
        totals = account.totals(self._prices)
        if self.switches.generation == "legacy":
            # One event said what three say today.
            if name != ACCOUNT_UPDATE:
                return
            payload = legacy_payloads.account_update(account, totals, self._prices, positions, now_ms)
        elif name == ACCOUNT_UPDATE:
            payload = payloads.account_update(account.balance, totals, now_ms)
        elif name == BALANCE_POSITION_UPDATE:
            if self.switches.position_events == "none":
                return
            payload = payloads.balance_position_update(reason, account.balance, change, positions, now_ms)
        elif name == GREEK_UPDATE:
            payload = payloads.greek_update(totals, now_ms)
        else:
            # A name in `switches.fill_events` that is no event pushes nothing.
            return
        self._emissions.append(Emission(account.name, payload, now_ms, None))
