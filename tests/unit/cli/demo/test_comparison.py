"""Test the demo's comparison of fills, one by one, to the digit."""

from __future__ import annotations

from listenkey.cli.demo.comparison import ComparedFill, ReceivedFill, compare, fill_in, ledger_fills, received_in
from tests.unit.cli.samples import AT_MS, live, order_event, recovered_event, resting_event, update

A, B, C = (ComparedFill(number, "S", number, 7, "0.1", "5") for number in (1, 2, 3))


def got(*fills: ComparedFill) -> list[ReceivedFill]:
    return [ReceivedFill(fill, late=False) for fill in fills]


def test_a_fill_is_the_same_from_a_socket_and_from_rest() -> None:
    here = order_event(T=AT_MS, i=7, l="0.10", L="1234.50")
    assert (
        fill_in(here)
        == fill_in(recovered_event())
        == ComparedFill(AT_MS, "BTC-261225-90000-C", 41, here.order_id, "0.10", "1234.50")
    )
    assert fill_in(resting_event()) is None
    assert received_in([live(), update(resting_event()), update(here)]) == got(ComparedFill(*fill_in(here) or ()))


def test_a_ledger_has_the_same_words() -> None:
    row = {"symbol": "S", "trade_id": 1, "order_id": 7, "quantity": "0.1", "price": "5", "time_ms": 1, "maker": True}
    assert ledger_fills({"fills": [row]}) == [A]


def test_equal_is_each_once_in_order_to_the_digit() -> None:
    assert compare([A, B], got(A, B)).equal
    assert compare([], []).equal
    assert compare([A, B], got(A)).missing == (B,)
    assert compare([A], got(A, A)).surplus == (A,)
    assert not compare([A, B], got(B, A)).equal
    changed = A._replace(price="5.0")
    result = compare([A], got(changed))
    assert (result.missing, result.surplus) == ((A,), (changed,))


def test_a_trade_of_the_account_with_itself_is_two_fills() -> None:
    both = [A, A._replace(order_id=8)]
    assert compare(both, got(*both)).equal
    assert compare(both, got(A)).missing == (both[1],)


def test_order_is_by_time_and_within_a_symbol_by_id() -> None:
    same_ms = [A._replace(symbol="T"), A]
    assert compare(same_ms, got(*reversed(same_ms))).equal
    same_symbol = [A, A._replace(trade_id=2)]
    assert compare([A._replace(trade_id=9), B], got(A._replace(trade_id=9), B)).equal, "ids of another range"
    assert not compare(same_symbol, got(*reversed(same_symbol))).equal


def test_late_ones_may_come_late() -> None:
    result = compare([A, B], [*got(B), ReceivedFill(A, late=True)])
    assert (result.equal, result.late) == (True, 1)


def test_an_open_gap_accounts_for_what_is_in_it() -> None:
    result = compare([A, B, C], got(A), open_from_ms=3)
    assert (result.equal, result.missing, result.awaited) == (False, (B,), (C,))
    assert compare([A, B, C], got(A, B), open_from_ms=3).equal
