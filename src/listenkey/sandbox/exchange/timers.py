"""Do what time alone brings: expiries, the ten-second beat, kill switches that run out, liquidations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from listenkey.sandbox.exchange import rejections, risk
from listenkey.sandbox.exchange.accounts import KillSwitch
from listenkey.sandbox.exchange.liquidation import liquidate
from listenkey.sandbox.exchange.matching import cancel_all
from listenkey.sandbox.exchange.rejections import rejected
from listenkey.sandbox.exchange.settlement import expire
from listenkey.venue import POSITION_BEAT_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from listenkey.sandbox.exchange.accounts import Account
    from listenkey.sandbox.exchange.state import ExchangeState

COUNTDOWN_MIN_MS: Final = 5_000
"""[O market-maker-endpoints/Set-Auto-Cancel-All-Open-Orders-Config]"""


def advance(state: ExchangeState, now_ms: int) -> None:
    """Does all that is due, each thing at its own time, and moves prices up to now. Time never goes back."""
    while (due := state.scheduler.take(now_ms)) is not None:
        due_ms, _, kind, key = due
        state.now_ms = max(state.now_ms, due_ms)
        state.prices.move_to(state.now_ms)
        if kind == "expiry":
            expire(state, due_ms, state.now_ms)
        elif kind == "beat":
            _beat(state, state.accounts[str(key[0])], due_ms)
        elif kind == "gathered":
            state.outbox.tell_gathered(state.accounts[str(key[0])], state.now_ms)
        elif kind == "liquidation":
            liquidate(state, state.accounts[str(key[0])], state.now_ms)
        else:
            _fire(state, state.accounts[str(key[0])], str(key[1]), due_ms)
    state.now_ms = max(state.now_ms, now_ms)
    state.prices.move_to(state.now_ms)


def _beat(state: ExchangeState, account: Account, due_ms: int) -> None:
    """Tells an account with a position of its totals, and again ten seconds later."""
    if not account.totals(state.prices).positions:
        account.next_beat_ms = None
        return
    state.outbox.beat(account, state.now_ms)
    account.next_beat_ms = due_ms + POSITION_BEAT_S * 1000
    state.scheduler.put(account.next_beat_ms, "beat", account.name)
    risk.review(state, account, state.now_ms, may_recover=False)


def _fire(state: ExchangeState, account: Account, underlying: str, due_ms: int) -> None:
    """Cancels an underlying's orders, unless the switch was refreshed or put off."""
    switch = account.kill_switches.get(underlying)
    if switch is not None and switch.due_ms == due_ms:
        del account.kill_switches[underlying]
        cancel_all(state, account, state.now_ms, underlying=underlying)


def set_kill_switch(
    state: ExchangeState, account: Account, underlying: str, countdown_ms: int, now_ms: int
) -> dict[str, Any]:
    """
    Starts a countdown, starts it anew, or with 0 puts it off.

    Raises:
        Rejected: -1128 unknown underlying, -6009 less than five seconds.
    """
    if underlying not in state.underlyings:
        raise rejected(rejections.BAD_CONTRACT)
    if countdown_ms != 0 and countdown_ms < COUNTDOWN_MIN_MS:
        raise rejected(rejections.COUNTDOWN)
    account.kill_switches.pop(underlying, None)
    if countdown_ms:
        account.kill_switches[underlying] = KillSwitch(countdown_ms, now_ms + countdown_ms)
        state.scheduler.put(now_ms + countdown_ms, "kill", account.name, underlying)
    return {"underlying": underlying, "countdownTime": countdown_ms}


def heartbeat(state: ExchangeState, account: Account, underlyings: Sequence[str], now_ms: int) -> dict[str, Any]:
    """Starts running countdowns anew; answers those that were running."""
    refreshed = [name for name in underlyings if name in account.kill_switches]
    for name in refreshed:
        set_kill_switch(state, account, name, account.kill_switches[name].countdown_ms, now_ms)
    return {"underlyings": refreshed}
