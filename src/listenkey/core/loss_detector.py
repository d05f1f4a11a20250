"""
Detect losses from contradictions: the stream has no sequence numbers, and three rules stand in for them.

1. Of an order: what it has filled so far is the sum of its fills.
2. Of a symbol: a position is the position before and the fills between.
3. While a position is open, account and greeks come every ten seconds; silence is a dead stream.

Messages of different types may change places, so a chain that does not add up gets a moment before a loss is
suspected. Totals are compared, not sequences, so reordering alone never breaks a chain for good.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal
from typing import Final, NamedTuple, TypeAlias

import msgspec

from listenkey.core.account_state import BEFORE_ALL, ENDED, POSITIONS_MAX, AccountState, OrderKey
from listenkey.core.beat import BEATING, Beat
from listenkey.core.expiry import has_expired
from listenkey.core.unsettled import Unsettled
from listenkey.events import (
    AccountUpdate,
    BalancePositionUpdate,
    Event,
    GreekUpdate,
    Order,
    OrderTradeUpdate,
    RecoveredExercise,
    RecoveredFill,
    RecoveredOrder,
)
from listenkey.events.base import AMOUNTS_REMEMBERED, amount_of
from listenkey.events.enums import TRADE
from listenkey.outcomes import GapCause, Reason

DIGITS: Final = 18
"""The digits behind the point. Further ones are cut off: no venue trades so little."""

EXACT: Final = Context(prec=128)
"""The context for moving the point: that of the program that uses us may round."""

UNITS: Final[dict[str, int]] = {}
"""The results of `units` for the texts it saw last."""

CHAINS_MAX: Final = 16_384
"""Orders and symbols watched at most; the one that rested longest is let go first."""

FILLS_MAX: Final = 4_096
"""Fills of one symbol that may wait for word of its position."""

WAITING_MAX: Final = 131_072
"""Fills of all symbols that may wait: 16 MiB. Beyond that the symbols with most of them begin anew."""

BARREN_MAX: Final = 3
"""
The false alarms in a row after which a rule is no longer checked: the venue then does not keep it as we understand it,
and asking for ever would cost weight and report gaps where there are none. The audit stays.
"""

FIRST_WITHIN_S: Final = 1.0
"""The most by which the times of a fill and of the position it made may differ."""

FIRST_FILLS_MAX: Final = 64
"""Fills of one symbol remembered until its first position message comes."""


def units(text: str) -> int:
    """
    An amount in the smallest unit that one may have, 10^-18: ints add up exactly, and in half the time.

    Zero where the text is none: what can't be read can't be reckoned with, and ends no stream.
    """
    known = UNITS.get(text)
    if known is None:
        if len(UNITS) >= AMOUNTS_REMEMBERED:
            UNITS.clear()
        found = amount_of(text)
        if found is None:
            return 0  # not kept: what is no amount may be of any length
        known = UNITS[text] = int(found.scaleb(DIGITS, EXACT))
    return known


ORDER_DIFFERS: Final = Reason(GapCause.ORDER_DIFFERS, "an order has filled more than the sum of its fills")
POSITION_DIFFERS: Final = Reason(GapCause.POSITION_DIFFERS, "a position differs from the sum of its fills")
POSITION_UNEXPLAINED: Final = Reason(
    GapCause.POSITION_UNEXPLAINED, "a position appeared without the fill that opened it"
)


class SuspectedLoss(NamedTuple):
    """
    A suspected loss.

    Attributes:
        from_ms: By the venue's clock: what was lost is not older.
        symbol: Where.
        reason: What does not add up.
    """

    from_ms: int
    symbol: str
    reason: Reason


class _Order(msgspec.Struct, gc=False):
    """`base` + `added` should be `reached`; more than that is a change of places, less is a loss."""

    key: OrderKey
    base: int
    since_ms: int
    reached: int
    added: int = 0
    due_s: float | None = None
    told: bool = False
    ended: bool = False

    @property
    def adds_up(self) -> bool:
        return self.base + self.added >= self.reached


@dataclass(slots=True)
class _Position:
    """
    `base` and the fills up to `at_ms` should be `now`. `base` is None until the first message of it is over.

    `held` is what it must be by its own last message and the fills since: REST tells of those without a message.
    """

    base: int | None
    since_ms: int
    now: int
    at_ms: int
    held: int
    added: int = 0  # by the fills since `since_ms` and up to `at_ms`
    later: list[tuple[int, int]] = field(default_factory=list)
    latest_ms: int = BEFORE_ALL  # of the fills, whichever came
    given_up: bool = False
    due_s: float | None = None
    told: bool = False

    @property
    def adds_up(self) -> bool:
        return self.base is None or self.base + self.added == self.now

    def tell(self, now: int, at_ms: int) -> int:
        """Take a position's next message, and return what is held now."""
        self.now, self.at_ms = now, at_ms
        fills, self.later = self.later, []
        for fill in fills:
            if fill[0] <= at_ms:
                self.added += fill[1]
            else:
                self.later.append(fill)
                now += fill[1]
        return now

    def accept(self) -> None:
        """Take the present position as the base to count from."""
        self.base, self.since_ms, self.added = self.now, self.at_ms, 0


@dataclass(slots=True)
class _First:
    """The first position message of a symbol has no sum to be held against; but a fill that made it there must be."""

    since_ms: int
    until_ms: int
    seen: bool = False
    due_s: float | None = None
    told: bool = False

    @property
    def adds_up(self) -> bool:
        return self.seen


Chain: TypeAlias = _Order | _Position | _First
Key: TypeAlias = tuple[type[Chain], OrderKey | str]


class LossDetector:
    """
    Detects losses: sees every delivered event, and reports chains that don't add up.

    Args:
        grace_s: How long a chain may be broken before it is doubted.
        time_scale: Of the venue's clock, for the beat.

    Attributes:
        beat: The messages that come while a position is open.
        unsettled: The contracts whose position was let go without a word of its end.
    """

    def __init__(self, grace_s: float, time_scale: float = 1.0) -> None:
        self._grace_s = grace_s
        self.beat = Beat(time_scale)
        self.unsettled = Unsettled()
        self._orders: OrderedDict[OrderKey, _Order] = OrderedDict()
        self._positions: dict[str, _Position] = {}
        self._first_ms = round(FIRST_WITHIN_S * 1000 * time_scale)
        # Times and signed quantities of the last fills of symbols without a position.
        self._unplaced: OrderedDict[str, deque[tuple[int, int]]] = OrderedDict()
        self._broken: dict[Key, Chain] = {}
        self._barren: dict[type[Chain], int] = {_Order: 0, _Position: 0, _First: 0}

    # --- in ------------------------------------------------------------------------------------------------------

    def note_all(self, events: list[Event], known: AccountState, now_s: float) -> bool:
        """
        Note each event that a socket brought, here and in `known`; True where the next deadline may have come nearer.

        The ordinary events of a busy account are told apart in one loop: a call for each would cost as much again.
        """
        orders, beat, live, ended, near = self._orders, self.beat, known.orders, known.ended.append, False
        last_ms, read = known.last_event_ms, UNITS.get
        for event in events:
            if type(event) is not OrderTradeUpdate:
                if type(event) is AccountUpdate or type(event) is GreekUpdate:
                    last_ms = max(last_ms, event.event_ms)
                    beat.count, beat.last_s = beat.count + 1, now_s
                else:
                    known.note(event)
                    near |= self.note(event, now_s)
                continue
            order, event_ms = event.order, event.event_ms
            if event_ms > last_ms:  # noqa: PLR1730 - a call takes ten times as long
                last_ms = event_ms
            key, text = (order.symbol, order.order_id), order.last_quantity_text
            is_fill = order.execution_type == TRADE or (order.trade_id > 0 and order.is_fill)
            filled = (read(text) or units(text)) if is_fill else 0
            if filled < 0:
                filled = -filled
            if order.status not in ENDED or key in orders or key in live:
                known.note_order(order, event_ms)
                near |= self._order(order, filled, event_ms, now_s)
            else:
                ended(key)
            if filled:
                near |= self._fill(order.symbol, order.trade_time_ms, order.side, filled, now_s)
        known.last_event_ms = max(last_ms, known.last_event_ms)
        known.forget()
        return near

    def note(self, event: Event, now_s: float) -> bool:
        """An event is being delivered; True where the next deadline may have come nearer."""
        if isinstance(event, BalancePositionUpdate):
            return self._positions_changed(event, now_s)
        if isinstance(event, OrderTradeUpdate):
            order = event.order
            filled = abs(units(order.last_quantity_text)) if order.is_fill else 0
            near = self._order(order, filled, event.event_ms, now_s)
            if filled:
                near |= self._fill(order.symbol, order.trade_time_ms, order.side, filled, now_s)
            return near
        if isinstance(event, BEATING):
            self.beat.came(now_s)
        elif isinstance(event, RecoveredFill):
            filled = abs(units(event.last_quantity_text))
            key = (event.symbol, event.order_id)
            known = self._orders.get(key)
            if known is not None:
                known.added += filled
                # Its row does not say how far the order had come; as far as its fills, at least.
                known.reached = max(known.reached, known.base + known.added)
                self._look((_Order, key), known, now_s)
            self._recovered_fill(event, filled, now_s)
        elif isinstance(event, RecoveredExercise):
            self.let_go([event.symbol], now_s)
        elif isinstance(event, RecoveredOrder):
            self._order(event, 0, event.event_ms, now_s)
        return False

    def settle(self, now_ms: int, now_s: float) -> list[str]:
        """Let go of positions in contracts that are over, and return their symbols; they are unsettled from then on."""
        over = [symbol for symbol, one in self._positions.items() if one.held and has_expired(symbol, now_ms)]
        self.let_go(over, now_s)
        self.unsettled.note(over, now_ms)
        return over

    def over(self, at_ms: int) -> list[str]:
        """Return the contracts that had expired by then with an open position, and of whose end nothing was heard."""
        held = [symbol for symbol, one in self._positions.items() if one.held and has_expired(symbol, at_ms)]
        return [*held, *self.unsettled.expired_by(at_ms)]

    def adopt(self, held: Mapping[str, Decimal], until_ms: int, now_s: float) -> list[str]:
        """
        Take over what REST says is held, where nothing was heard of a position since: the message of a fill was lost.

        Args:
            held: Quantities by symbol; what is not in it holds nothing.
            until_ms: When REST was asked, by the venue's clock.
            now_s: By the clock that is never set.

        Returns:
            The symbols that hold nothing.
        """
        flat = []
        for symbol, position in self._positions.items():
            stated = units(str(held.get(symbol, 0)))
            if max(position.at_ms, position.latest_ms) >= until_ms or stated == position.held:
                continue
            if stated:
                self._give_up(symbol, position, now_s)
                self._holds(position, stated, now_s)
            else:
                flat.append(symbol)
        self.let_go(flat, now_s)
        self.unsettled.note(flat, until_ms)
        return flat

    def let_go(self, symbols: Iterable[str], now_s: float) -> None:
        """Forget symbols of which nothing is held any more."""
        for symbol in symbols:
            self.unsettled.drop(symbol)
            if symbol in self._positions:
                self._holds(self._positions.pop(symbol), 0, now_s)
                self._broken.pop((_Position, symbol), None)
                self._broken.pop((_First, symbol), None)

    def recovered(self) -> None:
        """Accept the chains that still don't add up after REST was asked about every reported one."""
        for key, chain in list(self._broken.items()):
            if chain.told:
                self._barren[type(chain)] += 1
                del self._broken[key]
                self._accept(chain)

    # --- out -----------------------------------------------------------------------------------------------------

    def due_at_s(self) -> float | None:
        """Return when `take_doubts` has something to report, if nothing comes before; None where nothing is due."""
        return min((c.due_s for c in self._broken.values() if c.due_s is not None and not c.told), default=None)

    def take_doubts(self, now_s: float) -> list[SuspectedLoss]:
        """Take the chains that have been broken for too long, each reported once."""
        self._bound_waiting(now_s)
        doubts = []
        for key, chain in self._broken.items():
            if chain.told or chain.due_s is None or chain.due_s > now_s:
                continue
            chain.told = True
            if isinstance(chain, _Order):
                doubts.append(SuspectedLoss(chain.since_ms, chain.key[0], ORDER_DIFFERS))
            elif isinstance(chain, _Position):
                doubts.append(SuspectedLoss(chain.since_ms, str(key[1]), POSITION_DIFFERS))
            else:
                doubts.append(SuspectedLoss(chain.since_ms, str(key[1]), POSITION_UNEXPLAINED))
        return doubts

    def _bound_waiting(self, now_s: float) -> None:
        """Give up the symbols with the most fills where too many fills wait for a message of their positions."""
        waiting = sum(len(position.later) for position in self._positions.values())
        if waiting <= WAITING_MAX:
            return
        heaviest_last = sorted(self._positions.items(), key=lambda one: len(one[1].later))
        while waiting > WAITING_MAX // 2:
            symbol, position = heaviest_last.pop()
            waiting -= len(position.later)
            self._give_up(symbol, position, now_s)

    # --- orders --------------------------------------------------------------------------------------------------

    def _order(self, order: Order | RecoveredOrder, filled: int, at_ms: int, now_s: float) -> bool:
        key, ended, text = (order.symbol, order.order_id), order.status in ENDED, order.filled_quantity_text
        chain, reached = self._orders.get(key), abs(UNITS.get(text) or units(text))
        if chain is None:
            # The first we hear of it: what it has filled by now is where we begin.
            if not ended:
                self._orders[key] = _Order(key, reached, at_ms, reached)
                if len(self._orders) > CHAINS_MAX:
                    self._broken.pop((_Order, self._orders.popitem(last=False)[0]), None)
            return False
        ended |= chain.ended
        added = chain.added + filled
        if reached < chain.reached:  # noqa: PLR1730 - a call takes ten times as long
            reached = chain.reached
        if chain.due_s is None and chain.base + added >= reached:
            if ended:
                del self._orders[key]
                return False
            chain.base, chain.added, chain.reached, chain.since_ms = reached, 0, reached, at_ms
            self._orders.move_to_end(key)
            return False
        chain.ended, chain.added, chain.reached = ended, added, reached
        self._orders.move_to_end(key)
        near = self._look((_Order, key), chain, now_s)
        if chain.adds_up:
            chain.since_ms = at_ms
        return near

    # --- positions -----------------------------------------------------------------------------------------------

    def _fill(self, symbol: str, at_ms: int, side: str, quantity: int, now_s: float) -> bool:
        position = self._positions.get(symbol)
        signed = quantity if side == "BUY" else -quantity
        if position is None:
            fills = self._unplaced.get(symbol)
            if fills is None:
                fills = self._unplaced[symbol] = deque(maxlen=FIRST_FILLS_MAX)
                if len(self._unplaced) > POSITIONS_MAX:
                    self._unplaced.popitem(last=False)
            fills.append((at_ms, signed))
            return False
        if self._broken and isinstance(first := self._broken.get((_First, symbol)), _First):
            first.seen |= first.since_ms <= at_ms <= first.until_ms
            self._look((_First, symbol), first, now_s)
        if at_ms < position.since_ms:
            return False  # Counted already, in what the position was when it was first heard of.
        if len(position.later) >= FILLS_MAX:
            self._give_up(symbol, position, now_s)
        if position.given_up:
            self._holds(position, 0, now_s)  # nobody knows, and no beat is expected for what may be closed
            return False
        if at_ms > position.at_ms:
            position.later.append((at_ms, signed))
            if at_ms > position.latest_ms:  # noqa: PLR1730 - a call takes ten times as long
                position.latest_ms = at_ms
            held = position.held + signed
            if held and position.held:  # It stays open, as nearly always.
                position.held = held
            else:
                self._holds(position, held, now_s)
            return False  # Its own message is still to come.
        position.added += signed
        return self._look((_Position, symbol), position, now_s)

    def _recovered_fill(self, event: RecoveredFill, filled: int, now_s: float) -> None:
        """
        Note a fill that REST listed, of whose position no message may have come.

        Of one millisecond may be the last message of a position and fills before and after it. Where that message adds
        up without this fill, it is in it or came after it, and nobody can say which: nothing is computed until the next
        message, and no beat is expected for what may be closed.
        """
        symbol, at_ms = event.symbol, event.trade_time_ms
        position, is_doubted = self._positions.get(symbol), (_First, symbol) in self._broken
        if position is None or at_ms != position.at_ms or is_doubted or not position.adds_up:
            self._fill(symbol, at_ms, event.side, filled, now_s)
        else:
            self._give_up(symbol, position, now_s)
            self._holds(position, 0, now_s)

    def _give_up(self, symbol: str, position: _Position, now_s: float) -> None:
        """Give up a position that can't be computed any more, until its next message."""
        position.base, position.given_up = None, True
        position.later.clear()
        self._holds(position, position.now, now_s)
        self._broken.pop((_Position, symbol), None)

    def _holds(self, position: _Position, held: int, now_s: float) -> None:
        if not position.held and held:
            self.beat.opened(now_s)
        elif position.held and not held:
            self.beat.closed()
        position.held = held

    def _positions_changed(self, event: BalancePositionUpdate, now_s: float) -> bool:
        near = False
        for told in event.positions:
            now, at_ms = units(told.quantity_text), event.transaction_ms
            position = self._positions.get(told.symbol)
            if position is None:
                self.unsettled.drop(told.symbol)
                near |= self._begin(told.symbol, now, at_ms, event.reason, now_s)
                continue
            if at_ms < position.at_ms:
                continue  # It changed places with a newer one.
            whole = position.held == now and position.base == position.now and not position.added
            if whole and position.latest_ms <= at_ms:
                # As nearly always: what the fills made of it.
                position.base, position.now, position.since_ms, position.at_ms = now, now, at_ms, at_ms
                position.later.clear()
                continue
            if position.given_up:
                self._holds(position, now, now_s)
                self._positions[told.symbol] = _Position(None, at_ms, now, at_ms, now)
                continue
            if position.base is None and at_ms > position.at_ms:
                position.accept()
            self._holds(position, position.tell(now, at_ms), now_s)
            if event.reason != "ORDER":
                # Exercise, a deposit of the venue's: no fill stands behind it.
                position.accept()
            near |= self._look((_Position, told.symbol), position, now_s)
        return near

    def _begin(self, symbol: str, now: int, at_ms: int, reason: str, now_s: float) -> bool:
        """The first message of a position."""
        if len(self._positions) >= POSITIONS_MAX:
            positions = self._positions.items()
            oldest = next((one for one, position in positions if not position.held), next(iter(self._positions)))
            self._holds(self._positions.pop(oldest), 0, now_s)
            self._broken.pop((_Position, oldest), None)
            self._broken.pop((_First, oldest), None)
        fills = self._unplaced.pop(symbol, ())
        later = [fill for fill in fills if fill[0] > at_ms]  # of this position's next messages, which may be lost
        newest_ms = max((one for one, _ in later), default=BEFORE_ALL)
        position = self._positions[symbol] = _Position(None, at_ms, now, at_ms, 0, later=later, latest_ms=newest_ms)
        self._holds(position, now + sum(signed for _, signed in later), now_s)
        if reason != "ORDER":
            return False
        first = _First(at_ms - self._first_ms, at_ms + self._first_ms)
        first.seen = any(first.since_ms <= one <= first.until_ms for one, _ in fills)
        return self._look((_First, symbol), first, now_s)

    # --- both ----------------------------------------------------------------------------------------------------

    def _look(self, key: Key, chain: Chain, now_s: float) -> bool:
        """Check whether a chain adds up; return True where a new deadline was set."""
        if chain.adds_up:
            if chain.told:
                self._barren[type(chain)] = 0
            self._broken.pop(key, None)
            self._accept(chain)
            return False
        if key in self._broken or self._barren[type(chain)] >= BARREN_MAX:
            return False
        chain.due_s = now_s + self._grace_s
        self._broken[key] = chain
        return True

    def _accept(self, chain: Chain) -> None:
        chain.due_s, chain.told = None, False
        if isinstance(chain, _Position):
            if chain.base is not None:
                chain.accept()
        elif isinstance(chain, _Order):
            if chain.ended:
                self._orders.pop(chain.key, None)
            else:
                chain.base, chain.added = chain.reached, 0
