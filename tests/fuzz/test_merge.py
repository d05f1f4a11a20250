"""Test that each fill of an account is delivered once, by whatever way and however often it comes."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from hypothesis import given
from hypothesis import strategies as st

from listenkey.core import reconciliation
from listenkey.core.account_state import AccountState, FillKey
from listenkey.core.deduplicator import Deduplicator, Held
from listenkey.core.reconciliation import Findings
from listenkey.events import Event, OrderTradeUpdate, RecoveredFill
from tests.unit.core.making import OTHER, SYMBOL, admit, fill, trade_row

NEVER_MS = 10**9


class Traded(NamedTuple):
    """A fill of the venue's ledger."""

    symbol: str
    trade_id: int
    order_id: int
    at_ms: int
    price: str


def ledger() -> list[Traded]:
    """Two symbols, three orders, several fills a millisecond, and once the account meets itself."""
    fills = [
        Traded(symbol, number, 1 + number % 3, 1000 + number // 3, f"{number}.50")
        for symbol in (SYMBOL, OTHER)
        for number in range(1, 4)
    ]
    return [*fills, fills[1]._replace(order_id=9)]


LEDGER = ledger()
ANY = st.integers(0, len(LEDGER) - 1)


class Brought(NamedTuple):
    """A socket brings a fill: in any order, late, again, or never."""

    socket: int
    number: int


class Asked(NamedTuple):
    """REST answers with some of the rows: it may lag, and any row may come again."""

    numbers: frozenset[int]


class Followed(NamedTuple):
    """From here on this socket is delivered, with what it brought before and what REST has found."""

    socket: int


class Released(NamedTuple):
    """A step: the fills that REST has found are delivered, and the socket stays."""


Step: TypeAlias = Brought | Asked | Followed | Released
STEPS = st.lists(
    st.one_of(
        st.builds(Brought, st.integers(1, 3), ANY),
        st.builds(Brought, st.integers(1, 2), ANY),
        st.builds(Asked, st.frozensets(ANY, min_size=1)),
        st.builds(Followed, st.integers(1, 3)),
        st.just(Released()),
    ),
    min_size=8,
    max_size=60,
)


class Client:
    """A stream's handling of fills, without its sockets and its clock."""

    def __init__(self) -> None:
        self.deduplicator = Deduplicator()
        self.account_state = AccountState(self.deduplicator.fills)
        self.findings: Findings | None = None
        self.followed = 0
        self.delivered: list[Event] = []
        # The oracle: a set that knows nothing of order, of duplicates, or of who brought what.
        self.due: set[FillKey] = set()
        self.waiting: dict[int, set[FillKey]] = {}

    def expect(self, step: Step) -> None:
        """Update the fills that must have been delivered after this step, and no others."""
        match step:
            case Brought(socket, number) if socket == self.followed:
                self.due.add(key_of(number))
            case Brought(socket, number) if socket > self.followed:
                self.waiting.setdefault(socket, set()).add(key_of(number))
            case Asked(numbers):
                self.waiting[0] = set(map(key_of, numbers))  # 0 is REST; an answer takes the place of the one before.
            case Followed(socket) if socket > self.followed:
                self.due |= self.waiting.pop(socket, set()) | self.waiting.pop(0, set())
            case Released():
                self.due |= self.waiting.pop(0, set())
            case _:
                pass

    def step(self, step: Step) -> None:
        match step:
            case Brought(socket, number):
                one = LEDGER[number]
                event = fill(one.trade_id, "0", one.at_ms, one.order_id, symbol=one.symbol, last_price_text=one.price)
                if admit(self.deduplicator, socket, event, b"{}", 0):
                    self.deliver(event)
            case Asked(numbers):
                rows = [
                    trade_row(one.trade_id, one.at_ms, one.order_id, symbol=one.symbol, price=one.price)
                    for one in map(LEDGER.__getitem__, sorted(numbers))
                ]
                found = reconciliation.missing(rows, self.account_state, NEVER_MS)
                self.findings = Findings(fills=found, over_rest={reconciliation.key_of(row) for row in rows})
            case Followed(socket):
                if socket > self.followed:
                    self.followed = socket
                    self.release(self.deduplicator.follow(socket))
            case Released():
                self.release([])

    def release(self, held: list[Held]) -> None:
        findings, self.findings = self.findings or Findings(), None
        for one in reconciliation.combined(findings, held, self.account_state, 7):
            self.deliver(one.event)

    def deliver(self, event: Event) -> None:
        self.account_state.note(event)
        self.delivered.append(event)


def key_of(number: int) -> FillKey:
    one = LEDGER[number]
    return (one.symbol, one.trade_id, one.order_id)


def key(event: Event) -> FillKey:
    assert isinstance(event, OrderTradeUpdate | RecoveredFill)
    return (event.symbol, event.trade_id, event.order_id)


@given(STEPS)
def test_each_fill_once_whatever_comes_which_way_and_how_often(steps: list[Step]) -> None:
    client = Client()
    for step in steps:
        client.expect(step)
        client.step(step)
        keys = [key(event) for event in client.delivered]
        assert len(keys) == len(set(keys)), "never twice"
        assert set(keys) == client.due, "and nothing is left out, or made up"
    client.step(Followed(4))
    client.step(Asked(frozenset(range(len(LEDGER)))))
    client.step(Released())
    assert sorted(map(key, client.delivered)) == sorted(map(key_of, range(len(LEDGER))))
    prices = {(one.symbol, one.trade_id, one.order_id): one.price for one in LEDGER}
    for event in client.delivered:
        price = event.order.last_price_text if isinstance(event, OrderTradeUpdate) else event.last_price_text  # type: ignore[union-attr]
        assert price == prices[key(event)], "nothing is invented"


@given(STEPS, st.permutations(range(len(LEDGER))))
def test_the_same_fills_over_the_socket_alone_make_the_same_set(steps: list[Step], places: list[int]) -> None:
    one, other = Client(), Client()
    for step in (*steps, Followed(4), Asked(frozenset(places)), Released()):
        one.step(step)
    other.step(Followed(1))
    for number in places:
        other.step(Brought(1, number))
    assert set(map(key, one.delivered)) == set(map(key, other.delivered))
