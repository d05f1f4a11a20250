"""
What can't be true unless something was lost: the stream has no sequence numbers, and these stand in for them.

1. Of an order: what it has filled so far is the sum of its fills.
2. Of a symbol: a position is the position before and the fills between.
3. While a position is open, account and greeks come every ten seconds; silence is a dead stream.

Messages of different types may change places, so a chain that does not add up gets a moment to mend itself before it
is doubted. What adds up is the sum, not the sequence, so a change of places alone never breaks one for good.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, NamedTuple, TypeAlias

from listenkey import venue
from listenkey.core.known import ENDED, ZERO, amount
from listenkey.events import (
    AccountUpdate,
    BalancePositionUpdate,
    Event,
    GreekUpdate,
    OrderTradeUpdate,
    RecoveredFill,
    RecoveredOrder,
)

CHAINS_MAX: Final = 16_384
"""Orders and symbols watched at most; the one that rested longest is let go first."""

FILLS_MAX: Final = 4_096
"""Fills of one symbol that may wait for word of its position."""

BARREN_MAX: Final = 3
"""
So many doubts of one kind in a row that came to nothing, and that kind is given up: then the venue does not keep the
rule as we read it, and asking for ever would cost weight and tell gaps where there are none. The audit stays.
"""

FIRST_WITHIN_S: Final = 1.0
"""How far apart the times of a fill and of the position it made may be."""

FIRST_FILLS_MAX: Final = 64
"""Fills of one symbol remembered until its first position message comes."""

BEATS_MISSED: Final = 2.5
"""Ten-second beats that may be missing: 25 s, so that one late beat is no alarm."""


class Doubt(NamedTuple):
    """
    Something was lost.

    Attributes:
        from_ms: By the venue's clock: what was lost is not older.
        symbol: Where.
        why: For people.
    """

    from_ms: int
    symbol: str
    why: str


@dataclass(slots=True)
class _Order:
    """`base` + `added` should be `reached`; more than that is a change of places, less is a loss."""

    symbol: str
    base: Decimal
    since_ms: int
    added: Decimal = ZERO
    reached: Decimal = ZERO
    due_s: float | None = None
    told: bool = False
    ended: bool = False

    @property
    def adds_up(self) -> bool:
        return self.base + self.added >= self.reached


@dataclass(slots=True)
class _Position:
    """`base` and the fills up to `at_ms` should be `now`. `base` is None until the first message of it is over."""

    base: Decimal | None
    since_ms: int
    now: Decimal
    at_ms: int
    fills: list[tuple[int, Decimal]] = field(default_factory=list)
    given_up: bool = False
    due_s: float | None = None
    told: bool = False

    @property
    def adds_up(self) -> bool:
        if self.base is None:
            return True
        return self.base + sum((q for at_ms, q in self.fills if at_ms <= self.at_ms), ZERO) == self.now

    @property
    def is_open(self) -> bool:
        """Whether anything is held, by its own last message and the fills since: REST tells of those without a message."""
        return bool(self.now + sum((q for at_ms, q in self.fills if at_ms > self.at_ms), ZERO))

    def accept(self) -> None:
        """What it is now is where to count from."""
        self.base, self.since_ms = self.now, self.at_ms
        self.fills = [fill for fill in self.fills if fill[0] > self.at_ms]


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
Key: TypeAlias = tuple[type[Chain], int | str]


class Watch:
    """
    Told of every event that is delivered; doubts what does not add up.

    Args:
        grace_s: How long a chain may be broken before it is doubted.
        time_scale: Of the venue's clock, for the beat.
    """

    def __init__(self, grace_s: float, time_scale: float = 1.0) -> None:
        self._grace_s = grace_s
        self._silence_s = BEATS_MISSED * venue.POSITION_BEAT_S / time_scale
        self._orders: OrderedDict[int, _Order] = OrderedDict()
        self._positions: dict[str, _Position] = {}
        self._first_ms = round(FIRST_WITHIN_S * 1000 * time_scale)
        self._unplaced: OrderedDict[str, deque[int]] = OrderedDict()  # times of fills of symbols without a position
        self._broken: dict[Key, Chain] = {}
        self._barren: dict[type[Chain], int] = {_Order: 0, _Position: 0, _First: 0}
        self._beats = 0
        self._beat_s = 0.0

    # --- in ------------------------------------------------------------------------------------------------------

    def note(self, event: Event, now_s: float) -> bool:
        """An event is being delivered; True where the next deadline may have come nearer."""
        moves = isinstance(event, BalancePositionUpdate | RecoveredFill | OrderTradeUpdate)
        was_open = not moves or self._any_open()
        near = self._note(event, now_s)
        if not was_open and self._any_open():
            self._beat_s = now_s  # Nobody beats for an account that holds nothing, so the silence begins now.
        return near

    def _note(self, event: Event, now_s: float) -> bool:
        if isinstance(event, OrderTradeUpdate):
            order = event.order
            filled = amount(order.last_quantity_text) if event.is_fill else ZERO
            reached = amount(order.filled_quantity_text)
            near = self._order(order.order_id, event.symbol, filled, reached, order.status, event.event_ms, now_s)
            if filled:
                near |= self._fill(event.symbol, event.trade_time_ms, order.side, filled, now_s)
            return near
        if isinstance(event, BalancePositionUpdate):
            return self._positions_changed(event, now_s)
        if isinstance(event, AccountUpdate | GreekUpdate):
            self._beats += 1
            self._beat_s = now_s
        elif isinstance(event, RecoveredFill):
            filled = amount(event.last_quantity_text)
            known = self._orders.get(event.order_id)
            if known is not None:
                known.added += filled
                # Its row does not say how far the order had come; as far as its fills, at least.
                known.reached = max(known.reached, known.base + known.added)
                self._look((_Order, event.order_id), known, now_s)
            self._fill(event.symbol, event.trade_time_ms, event.side, filled, now_s)
        elif isinstance(event, RecoveredOrder):
            reached = amount(event.filled_quantity_text)
            self._order(event.order_id, event.symbol, ZERO, reached, event.status, event.event_ms, now_s)
        return False

    def reconnected(self, now_s: float) -> None:
        """Another socket: whether the beat comes is to be seen anew."""
        self._beats = 0
        self._beat_s = now_s

    def mended(self) -> None:
        """REST was asked after every doubt told: what still does not add up is taken as it is."""
        for key, chain in list(self._broken.items()):
            if chain.told:
                self._barren[type(chain)] += 1
                del self._broken[key]
                self._accept(key, chain)

    # --- out -----------------------------------------------------------------------------------------------------

    def due_at_s(self) -> float | None:
        """When `take_doubts` has something to say, if nothing comes before."""
        return min((c.due_s for c in self._broken.values() if c.due_s is not None and not c.told), default=None)

    def take_doubts(self, now_s: float) -> list[Doubt]:
        """Chains that have been broken for too long, each told once."""
        doubts = []
        for key, chain in self._broken.items():
            if chain.told or chain.due_s is None or chain.due_s > now_s:
                continue
            chain.told = True
            if isinstance(chain, _Order):
                what = "an order has filled more than its fills say"
                doubts.append(Doubt(chain.since_ms, chain.symbol, what))
            elif isinstance(chain, _Position):
                doubts.append(Doubt(chain.since_ms, str(key[1]), "a position is not what its fills make of it"))
            else:
                doubts.append(Doubt(chain.since_ms, str(key[1]), "a position came without a fill that made it"))
        return doubts

    def silent_at_s(self) -> float | None:
        """When the beat is overdue: only where it came on this socket and a position is open."""
        beating = self._beats >= 2 and self._any_open()
        return self._beat_s + self._silence_s if beating else None

    def _any_open(self) -> bool:
        return any(position.is_open for position in self._positions.values())

    # --- orders --------------------------------------------------------------------------------------------------

    def _order(
        self, order_id: int, symbol: str, filled: Decimal, reached: Decimal, status: str, at_ms: int, now_s: float
    ) -> bool:
        chain = self._orders.get(order_id)
        if chain is None:
            # The first we hear of it: what it had filled before is where we begin.
            chain = self._orders[order_id] = _Order(symbol, reached - filled, at_ms, filled, reached)
            if len(self._orders) > CHAINS_MAX:
                self._broken.pop((_Order, self._orders.popitem(last=False)[0]), None)
        else:
            self._orders.move_to_end(order_id)
            chain.added += filled
            chain.reached = max(chain.reached, reached)
        chain.ended |= status in ENDED
        near = self._look((_Order, order_id), chain, now_s)
        if chain.adds_up:
            chain.since_ms = at_ms
        return near

    # --- positions -----------------------------------------------------------------------------------------------

    def _fill(self, symbol: str, at_ms: int, side: str, quantity: Decimal, now_s: float) -> bool:
        position = self._positions.get(symbol)
        if position is None:
            self._remember(symbol, at_ms)
            return False
        first = self._broken.get((_First, symbol))
        if isinstance(first, _First) and first.since_ms <= at_ms <= first.until_ms:
            first.seen = True
            self._look((_First, symbol), first, now_s)
        if at_ms < position.since_ms:
            return False  # Counted already, in what the position was when it was first heard of.
        if len(position.fills) >= FILLS_MAX:
            # It can't be reckoned any more: begin anew when something is told of it.
            position.base, position.given_up = None, True
            position.fills.clear()
            self._broken.pop((_Position, symbol), None)
        if position.given_up:
            return False
        position.fills.append((at_ms, quantity if side == "BUY" else -quantity))
        if at_ms > position.at_ms:
            return False  # Its own message is still to come.
        return self._look((_Position, symbol), position, now_s)

    def _remember(self, symbol: str, at_ms: int) -> None:
        self._unplaced.setdefault(symbol, deque(maxlen=FIRST_FILLS_MAX)).append(at_ms)
        if len(self._unplaced) > CHAINS_MAX:
            self._unplaced.popitem(last=False)

    def _first(self, symbol: str, at_ms: int, now_s: float) -> bool:
        first = _First(at_ms - self._first_ms, at_ms + self._first_ms)
        first.seen = any(first.since_ms <= one <= first.until_ms for one in self._unplaced.pop(symbol, ()))
        return self._look((_First, symbol), first, now_s)

    def _positions_changed(self, event: BalancePositionUpdate, now_s: float) -> bool:
        near = False
        for told in event.positions:
            now, at_ms = amount(told.quantity_text), event.transaction_ms
            position = self._positions.get(told.symbol)
            if position is not None and at_ms < position.at_ms:
                continue  # It changed places with a newer one.
            if position is None or position.given_up:
                self._positions[told.symbol] = _Position(None, at_ms, now, at_ms)
                if position is None and event.reason == "ORDER":
                    near |= self._first(told.symbol, at_ms, now_s)
                continue
            if position.base is None and at_ms > position.at_ms:
                position.accept()
            position.now, position.at_ms = now, at_ms
            if event.reason != "ORDER":
                # Exercise, a deposit of the venue's: no fill stands behind it.
                position.accept()
            near |= self._look((_Position, told.symbol), position, now_s)
        return near

    # --- both ----------------------------------------------------------------------------------------------------

    def _look(self, key: Key, chain: Chain, now_s: float) -> bool:
        """Whether it adds up; True where a new deadline was set."""
        if chain.adds_up:
            if chain.told:
                self._barren[type(chain)] = 0
            self._broken.pop(key, None)
            self._accept(key, chain)
            return False
        if key in self._broken or self._barren[type(chain)] >= BARREN_MAX:
            return False
        chain.due_s = now_s + self._grace_s
        self._broken[key] = chain
        return True

    def _accept(self, key: Key, chain: Chain) -> None:
        chain.due_s, chain.told = None, False
        if isinstance(chain, _Position):
            if chain.base is not None:
                chain.accept()
        elif isinstance(chain, _Order):
            if chain.ended:
                self._orders.pop(int(key[1]), None)
            else:
                chain.base, chain.added = chain.reached, ZERO
