"""A picture is what the items make of an account: each replaces what it names, and what ended is not in it."""

from __future__ import annotations

from typing import Any

import msgspec

from listenkey.events import Event, RecoveredExercise, RecoveredOrder
from listenkey.gateway.http.account_picture import BALANCES_MAX, AccountPicture
from listenkey.items import GapClosed, GapOpened, Live, Update
from listenkey.outcomes import GapCause
from tests.unit.journal.making import AT_MS, ORDER_ID, SYMBOL, fill, read, resting

CHANGE = (
    b'{"e":"BALANCE_POSITION_UPDATE","E":%d,"T":1,"m":"ORDER","B":[{"a":"%b","b":"%b","bc":"0"}],'
    b'"P":[{"s":"%b","c":"%b","p":"36.60","a":"366.0"}]}'
)
GREEKS = b'{"e":"GREEK_UPDATE","E":%d,"T":1,"G":[{"u":"%b","d":"0.10","g":"0","t":"-1.50","v":"2"}]}'
TOTALS = b'{"e":"ACCOUNT_UPDATE","E":%d,"T":1,"eq":"100.50","aeq":"1","b":"%b","m":"0","u":"0","i":"0","M":"0"}'
RISK = b'{"e":"RISK_LEVEL_CHANGE","E":5,"s":"REDUCE_ONLY","mb":"1.0","mm":"2.0"}'


def decoded(picture: AccountPicture) -> dict[str, Any]:
    words: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(picture.to_dict()))
    return words


class Told:
    """A picture, and the number of the next item."""

    def __init__(self) -> None:
        self.picture = AccountPicture()
        self.seq = 0

    def tell(self, *events: Event | bytes) -> dict[str, Any]:
        for event in events:
            self.seq += 1
            known = read(event) if isinstance(event, bytes) else event
            self.picture.add(Update(self.seq, "a", known, AT_MS, b""))
        return decoded(self.picture)


def order(status: str, at_ms: int, filled: str = "0.1") -> RecoveredOrder:
    return RecoveredOrder(
        symbol=SYMBOL,
        order_id=ORDER_ID + 1,
        client_order_id="c",
        side="BUY",
        order_type="LIMIT",
        time_in_force="GTC",
        quantity_text="0.3000",
        price_text="3660.000",
        average_price_text="0",
        status=status,
        filled_quantity_text=filled,
        reduce_only=False,
        created_ms=1,
        updated_ms=at_ms,
    )


def test_nothing_is_an_empty_picture() -> None:
    words = AccountPicture().to_dict()
    assert (words["seq"], words["from_seq"], words["orders"], words["totals"], words["risk"]) == (0, 0, [], None, None)


def test_an_order_is_in_it_while_it_lives() -> None:
    told = Told()
    words = told.tell(resting(1), resting(2))
    assert [one["order_id"] for one in words["orders"]] == [ORDER_ID + 1, ORDER_ID + 2]
    assert words["orders"][0]["price"] == "3660.000", "amounts are the venue's own texts"
    words = told.tell(fill(1, AT_MS + 1))  # it is FILLED by this
    assert [one["order_id"] for one in words["orders"]] == [ORDER_ID + 2]
    words = told.tell(resting(1, AT_MS))  # a stale answer
    assert [one["order_id"] for one in words["orders"]] == [ORDER_ID + 2]


def test_the_newest_state_of_an_order_counts_whoever_told_it() -> None:
    told = Told()
    words = told.tell(resting(1), order("PARTIALLY_FILLED", AT_MS + 5, "0.3"))
    assert [(one["status"], one["filled_quantity"]) for one in words["orders"]] == [("PARTIALLY_FILLED", "0.3")]
    words = told.tell(order("NEW", AT_MS, "0.0"))
    assert words["orders"][0]["status"] == "PARTIALLY_FILLED", "less was filled, so it is older"
    assert told.tell(order("CANCELED", AT_MS + 9, "0.3"))["orders"] == []


def test_positions_and_balances_are_replaced_one_by_one() -> None:
    told = Told()
    words = told.tell(
        CHANGE % (1, b"USDT", b"10.50", b"A", b"1.0"),
        CHANGE % (2, b"USDT", b"9.50", b"B", b"-2.0"),
        CHANGE % (3, b"BTC", b"1", b"A", b"0.0"),
    )
    assert [(one["symbol"], one["quantity"], one["event_ms"]) for one in words["positions"]] == [("B", "-2.0", 2)]
    assert [(one["asset"], one["balance"], one["event_ms"]) for one in words["balances"]] == [
        ("USDT", "9.50", 2),
        ("BTC", "1", 3),
    ]


def test_an_exercise_ends_a_position() -> None:
    told = Told()
    told.tell(CHANGE % (1, b"USDT", b"10.50", SYMBOL.encode(), b"1.0"))
    exercise = RecoveredExercise("1", SYMBOL, "LONG", "1.0", "90000", "5", "0", "USDT", 7)
    assert told.tell(exercise)["positions"] == []


def test_totals_greeks_and_risk_are_the_newest() -> None:
    told = Told()
    words = told.tell(
        TOTALS % (1, b"1"), TOTALS % (2, b"2.00"), GREEKS % (3, b"BTCUSDT"), GREEKS % (4, b"ETHUSDT"), RISK
    )
    assert (words["totals"]["wallet_balance"], words["totals"]["event_ms"]) == ("2.00", 2)
    assert [(one["underlying"], one["theta"], one["event_ms"]) for one in words["greeks"]] == [("ETHUSDT", "-1.50", 4)]
    assert words["risk"]["risk_level"] == "REDUCE_ONLY"


def test_an_open_gap_is_said_until_it_closes() -> None:
    picture = AccountPicture()
    picture.add(Live(7, "a", 1))
    picture.add(GapOpened(8, "a", 5, "why", GapCause.UNKNOWN))
    assert (picture.to_dict()["open_gap_from_ms"], picture.seq, picture.from_seq) == (5, 8, 7)
    picture.add(GapClosed(9, "a", 5, 6, 0))
    assert picture.to_dict()["open_gap_from_ms"] is None


def test_its_bytes_are_known() -> None:
    told = Told()
    told.tell(resting(1), resting(2), CHANGE % (1, b"USDT", b"1", b"A", b"1"))
    size = told.picture.size_bytes
    assert size > 4 * 1024
    told.tell(resting(1, AT_MS + 1))
    assert abs(told.picture.size_bytes - size) < 100
    told.tell(fill(1, AT_MS + 2), fill(2, AT_MS + 2), CHANGE % (2, b"USDT", b"1", b"A", b"0"))
    assert told.picture.size_bytes < 2 * 1024


def test_everything_in_it_is_bounded() -> None:
    told = Told()
    for n in range(BALANCES_MAX + 5):
        told.tell(CHANGE % (n, b"X%d" % n, b"1", b"S%d" % n, b"1"))
    words = decoded(told.picture)
    assert (len(words["balances"]), words["balances"][-1]["asset"]) == (BALANCES_MAX, f"X{BALANCES_MAX + 4}")
    told.picture._state.orders.clear()
    told.picture._state.positions.clear()
    words = told.tell(resting(1), CHANGE % (9, b"X", b"1", b"S", b"1"))
    assert (len(words["orders"]), len(words["positions"])) == (1, 1), "what the account state let go of is gone"
