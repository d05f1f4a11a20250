"""Two sockets in, one order out: nothing twice, nothing missing, never out of order."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listenkey.core import deduplicator as deduplication
from listenkey.core.deduplicator import Deduplicator, Recent
from listenkey.core.lateness import NEAR, Lateness
from listenkey.events import Event
from listenkey.wire.frames import UnreadableFrame, read_payload
from tests.unit.core import making
from tests.unit.core.making import OTHER, SYMBOL, admit, order


def fill(number: int, symbol: str = "BTC-261225-90000-C") -> tuple[Event, bytes]:
    raw = (
        f'{{"e":"ORDER_TRADE_UPDATE","E":{number},"T":{number},"o":{{"s":"{symbol}","c":"","S":"BUY","o":"LIMIT",'
        f'"f":"GTC","q":"1","p":"1","ap":"1","x":"TRADE","X":"PARTIALLY_FILLED","i":7,"l":"0.1","z":"0.1","L":"1",'
        f'"N":"USDT","n":"-0.1","T":{number},"t":{number or 10**6},"b":"0","a":"0","m":true,"R":false,"ot":"LIMIT","rp":"0"}}}}'
    ).encode()
    event = read_payload(raw)
    assert not isinstance(event, UnreadableFrame)
    return event, raw


def admit_fill(deduplicator: Deduplicator, socket: int, number: int) -> bool:
    return admit(deduplicator, socket, *fill(number), received_ms=number)


def test_the_followed_socket_delivers_and_the_same_fill_twice_does_not() -> None:
    deduplicator = Deduplicator()
    deduplicator.follow(1)
    assert [admit_fill(deduplicator, 1, number) for number in (1, 2, 2, 1, 3)] == [True, True, False, False, True]
    assert deduplicator.duplicates == 2


def snapshot(number: int, total: str) -> tuple[Event, bytes]:
    raw = f'{{"e":"GREEK_UPDATE","E":{number},"T":{number},"G":[{{"u":"{total}","d":"0","g":"0","t":"0","v":"0"}}]}}'
    event = read_payload(raw.encode())
    assert not isinstance(event, UnreadableFrame)
    return event, raw.encode()


def test_totals_that_come_back_within_a_millisecond_are_news() -> None:
    deduplicator = Deduplicator()
    deduplicator.follow(1)
    there_and_back = [snapshot(7, "A"), snapshot(7, "B"), snapshot(7, "A")]
    assert all(admit(deduplicator, 1, *one, received_ms=7) for one in there_and_back)
    assert not admit(deduplicator, 1, *snapshot(7, "A"), received_ms=7), "twice in a row is not"


def test_a_successors_copies_of_snapshots_are_taken_out_also_when_they_come_late() -> None:
    deduplicator = Deduplicator()
    deduplicator.follow(1)
    there_and_back = [snapshot(7, "A"), snapshot(7, "B"), snapshot(7, "A")]
    for one in there_and_back:
        admit(deduplicator, 1, *one, received_ms=7)
    admit(deduplicator, 2, *there_and_back[0], received_ms=7)
    assert deduplicator.follow(2) == []
    assert not any(admit(deduplicator, 2, *one, received_ms=8) for one in there_and_back[1:])
    assert admit(deduplicator, 2, *snapshot(8, "A"), received_ms=8)


def test_an_account_that_trades_with_itself_gets_both_fills() -> None:
    deduplicator = Deduplicator()
    deduplicator.follow(1)
    buy, raw = fill(5)
    sell_raw = raw.replace(b'"S":"BUY"', b'"S":"SELL"').replace(b'"i":7', b'"i":8')
    sell = read_payload(sell_raw)
    assert not isinstance(sell, UnreadableFrame)
    assert admit(deduplicator, 1, buy, raw, received_ms=0)
    assert admit(deduplicator, 1, sell, sell_raw, received_ms=0)


def test_one_trade_id_in_two_symbols_is_two_fills() -> None:
    deduplicator = Deduplicator()
    deduplicator.follow(1)
    assert admit(deduplicator, 1, *fill(5, "A-261225-1-C"), received_ms=0)
    assert admit(deduplicator, 1, *fill(5, "B-261225-1-C"), received_ms=0)


def test_a_socket_that_is_not_followed_yet_is_held() -> None:
    deduplicator = Deduplicator()
    deduplicator.follow(1)
    assert not admit_fill(deduplicator, 2, 1)
    assert admit_fill(deduplicator, 1, 1)
    assert not admit_fill(deduplicator, 2, 2)
    assert [held.received_ms for held in deduplicator.follow(2)] == [2]
    assert deduplicator.duplicates == 1


def test_what_an_abandoned_socket_still_brings_is_left_to_its_successor() -> None:
    deduplicator = Deduplicator()
    deduplicator.follow(1)
    deduplicator.follow(2)
    assert not admit_fill(deduplicator, 1, 9)
    assert admit_fill(deduplicator, 2, 9)


def test_what_was_held_for_a_socket_that_died_is_gone() -> None:
    deduplicator = Deduplicator()
    deduplicator.follow(1)
    admit_fill(deduplicator, 2, 1)
    deduplicator.forget(2)
    assert deduplicator.follow(2) == []


def test_a_batch_is_held_as_its_events_one_by_one() -> None:
    alone, together = Deduplicator(), Deduplicator()
    came = [snapshot(number, "A") for number in range(3)]
    events, raws = [event for event, _ in came], [raw for _, raw in came]
    for deduplicator in (alone, together):
        deduplicator.follow(2)
    for event, raw in came:
        assert not admit(alone, 3, event, raw, 5)
    together.hold_all(3, events, raws, 5)
    together.hold_all(1, events, raws, 5)
    assert together.held(3) == alone.held(3)
    assert together.held(1) == [], "an older socket's are its successor's as well"


def test_holding_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deduplication, "HELD_MAX", 3)
    deduplicator = Deduplicator()
    deduplicator.follow(1)
    for number in range(4):
        admit_fill(deduplicator, 2, number)
    assert deduplicator.fullness(2) > 1
    assert deduplicator.fullness(3) <= 1


def test_the_newest_half_is_always_remembered() -> None:
    recent = Recent(10)
    for number in range(1000):
        assert recent.add(number)
        for back in range(min(5, number)):
            assert not recent.add(number - back)
    assert recent.add(0), "and the oldest are forgotten"


@given(
    cut=st.integers(0, 30),
    behind=st.integers(0, 5),
    overlap=st.integers(0, 20),
    data=st.data(),
)
def test_a_rotation_delivers_every_fill_once_and_in_order(
    cut: int, behind: int, overlap: int, data: st.DataObject
) -> None:
    """
    Socket 1 has everything up to some fill, socket 2 everything from one that is no later; they arrive interleaved
    at random, and 2 is followed after 1 has delivered what it has.
    """
    last_of_1 = cut + overlap
    first_of_2 = max(0, cut - behind)
    one = list(range(last_of_1 + 1))
    two = list(range(first_of_2, last_of_1 + 10))
    deduplicator = Deduplicator()
    deduplicator.follow(1)
    got: list[int] = []
    early = data.draw(st.integers(0, len(two)))
    waiting_two = two[:early]
    while one or waiting_two:
        if one and (not waiting_two or data.draw(st.booleans())):
            number = one.pop(0)
            if admit_fill(deduplicator, 1, number):
                got.append(number)
        else:
            assert not admit_fill(deduplicator, 2, waiting_two.pop(0))
    got.extend(held.received_ms for held in deduplicator.follow(2))
    got.extend(number for number in two[early:] if admit_fill(deduplicator, 2, number))
    assert got == list(range(last_of_1 + 10))


def test_an_orders_step_is_itself_by_status_filled_quantity_and_time() -> None:
    deduplicator = Deduplicator()
    deduplicator.follow(1)
    steps = [
        order(1, "NEW"),
        order(1, "CANCELED", at_ms=2000),
        order(2, "NEW"),
        order(1, "NEW", at_ms=1001),
        order(1, "NEW", filled="1"),
    ]
    assert all(admit(deduplicator, 1, step, b"{}", received_ms=0) for step in steps)
    assert not any(admit(deduplicator, 1, step, b"{}", received_ms=0) for step in steps)
    assert deduplicator.duplicates == len(steps)


def test_what_is_held_may_be_looked_at_without_taking_it() -> None:
    deduplicator = Deduplicator()
    deduplicator.follow(1)
    admit_fill(deduplicator, 2, 7)
    assert [one.received_ms for one in deduplicator.held(2)] == [7]
    assert deduplicator.held(3) == []
    assert [one.received_ms for one in deduplicator.follow(2)] == [7]


def test_a_socket_is_due_to_be_followed_when_half_of_the_room_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deduplication, "HELD_MAX", 4)
    deduplicator = Deduplicator()
    deduplicator.follow(1)
    for number, half in ((1, False), (2, False), (3, True)):
        admit_fill(deduplicator, 2, number)
        assert (deduplicator.fullness(2) > 0.5) is half
    assert deduplicator.fullness(3) <= 0.5


def test_of_snapshots_the_newest_half_is_taken_out_of_what_a_successor_brings() -> None:
    kept = deduplication.Snapshots(size_max=10)
    for number in range(100):
        assert kept.add("GREEK_UPDATE", number)
    kept.hand_over()
    assert not any(kept.add("GREEK_UPDATE", number) for number in range(95, 100))
    assert kept.add("GREEK_UPDATE", 0), "and the oldest are forgotten"


@given(st.lists(st.tuples(st.sampled_from("FCRS"), st.integers(1, 7), st.sampled_from("AB")), max_size=60), st.data())
def test_a_batch_is_admitted_as_its_events_one_by_one(drawn: list[tuple[str, int, str]], data: st.DataObject) -> None:
    """Fills, orders that rest and snapshots, many of them twice, cut into batches anywhere, on both sides of a change of sockets."""
    came = [made(*one) for one in drawn]
    alone, together = Deduplicator(), Deduplicator()
    change = data.draw(st.integers(0, len(came)))
    got_alone: list[bytes] = []
    got_together: list[bytes] = []
    fills = 0
    for socket, part in ((1, came[:change]), (2, came[change:])):
        for deduplicator in (alone, together):
            deduplicator.follow(socket)
            assert deduplicator.follows(socket)
        got_alone += [raw for event, raw in part if admit(alone, socket, event, raw, received_ms=0)]
        left = part
        while left:
            size = data.draw(st.integers(1, len(left)))
            batch, left = left[:size], left[size:]
            events, raws = [event for event, _ in batch], [raw for _, raw in batch]
            fills += together.admit_all(events, raws).fills
            assert [read_payload(raw) for raw in raws] == events
            got_together += raws
    assert got_together == got_alone
    assert together.duplicates == alone.duplicates
    assert fills == sum(b'"TRADE"' in raw or b'"CALCULATED"' in raw for raw in got_alone)
    assert together.fills.times(0, 99) == alone.fills.times(0, 99)


@given(
    st.lists(st.tuples(st.sampled_from("AB"), st.sampled_from((1, 2, 3, 2 * NEAR)), st.integers(1, 3)), max_size=20),
    st.integers(1, 20),
)
def test_a_batch_has_the_late_fills_that_its_events_have_one_by_one(
    drawn: list[tuple[str, int, int]], size: int
) -> None:
    came: list[Event] = [
        order(place, trade_id=trade_id, at_ms=at_ms, symbol=which)
        for place, (which, trade_id, at_ms) in enumerate(drawn)
    ]
    alone, deduplicator = Lateness(), Deduplicator()
    late: list[int] = []
    for start in range(0, len(came), size):
        batch = came[start : start + size]
        admitted = deduplicator.admit_all(batch, [b""] * len(batch))
        late += [start + place for place in admitted.late]
    assert late == [place for place, event in enumerate(came) if alone.note_event(event)]
    assert deduplicator.fills.lateness.newest == alone.newest


def made(kind: str, number: int, which: str) -> tuple[Event, bytes]:
    if kind == "S":
        return snapshot(number, which)
    event, raw = fill(number, f"{which}-261225-1-C")
    if kind == "R":
        raw = re.sub(rb'"l":"[^"]*"', b'"l":"0"', raw)
        raw = raw.replace(b'"x":"TRADE","X":"PARTIALLY_FILLED"', b'"x":"NEW","X":"NEW"')
    if kind == "C":
        raw = raw.replace(b'"x":"TRADE"', b'"x":"CALCULATED"')
    if kind in "RC":
        again = read_payload(raw)
        assert not isinstance(again, UnreadableFrame)
        return again, raw
    return event, raw


def unwrap(frames: list[bytes]) -> list[bytes] | None:
    """An envelope of one letter at each end."""
    return [one[1:-1] for one in frames] if all(one.startswith(b"<") for one in frames) else None


def bring(deduplicator: Deduplicator, socket: int, raws: list[bytes], *, by_bytes: bool) -> list[bytes]:
    """Bring one read while two sockets are open, as a link and a stream do; return what is delivered of it."""
    frames = [b"<" + raw + b">" for raw in raws]
    left = deduplicator.sift(socket, frames, unwrap, 7) if by_bytes else frames
    delivered = []
    for frame in left:
        event = read_payload(frame[1:-1])
        assert not isinstance(event, UnreadableFrame)
        if admit(deduplicator, socket, event, frame[1:-1], 7):
            delivered.append(frame[1:-1])
    return delivered


@given(
    st.lists(st.tuples(st.sampled_from("fffsg"), st.integers(1, 4)), max_size=24),
    st.lists(st.tuples(st.sampled_from((1, 2)), st.integers(1, 5)), max_size=20),
    st.integers(0, 6),
    st.data(),
)
def test_what_waits_unread_is_delivered_as_what_was_read(
    drawn: list[tuple[str, int]], reads: list[tuple[int, int]], first_of_second: int, data: st.DataObject
) -> None:
    """The second socket begins somewhere, each is read in pieces, the first may end anywhere."""
    sent = [
        fill(number)[1]
        if kind == "f"
        else snapshot(7, "AB"[number % 2])[1]
        if kind == "s"
        else made("m", number, "x")[1]
        for kind, number in drawn
    ]
    told: list[list[bytes]] = []
    counted: list[int] = []
    looks = data.draw(st.booleans())
    for by_bytes in (False, True):
        deduplicator = Deduplicator()
        deduplicator.follow(1)
        at = {1: 0, 2: min(first_of_second, len(sent))}
        delivered: list[bytes] = []
        for socket, count in reads:
            piece, at[socket] = sent[at[socket] : at[socket] + count], at[socket] + count
            delivered += bring(deduplicator, socket, piece, by_bytes=by_bytes)
        if looks:
            assert len(deduplicator.held(2)) <= len(sent)
        delivered += [held.raw for held in deduplicator.follow(2)]
        delivered += bring(deduplicator, 2, sent[at[2] :], by_bytes=by_bytes)
        assert not deduplicator.unreadable_frames
        told.append(delivered)
        counted.append(deduplicator.duplicates)
    assert told[0] == told[1]
    assert counted[0] == counted[1]


def enveloped(*events: tuple[Event, bytes]) -> list[bytes]:
    return [b"<" + raw + b">" for _, raw in events]


def test_a_successors_copy_of_an_order_is_known_by_its_bytes_and_never_read() -> None:
    deduplicator = Deduplicator()
    deduplicator.follow(1)
    frames = enveloped(fill(1), fill(2), snapshot(7, "A"))
    assert deduplicator.sift(1, frames, unwrap, 7) == frames, "all of the followed one is read"
    assert deduplicator.sift(2, frames, unwrap, 7) == []
    assert deduplicator.duplicates == 2, "of a snapshot the first may have brought fewer"
    assert [held.raw for held in deduplicator.held(2)] == [snapshot(7, "A")[1]]


def test_what_came_on_the_successor_first_is_taken_out_when_it_is_followed() -> None:
    deduplicator = Deduplicator()
    deduplicator.follow(1)
    frames = enveloped(fill(1), fill(2))
    assert deduplicator.sift(2, [*frames, *enveloped(fill(3))], unwrap, 7) == []
    deduplicator.sift(1, frames, unwrap, 8)
    assert [held.raw for held in deduplicator.follow(2)] == [fill(3)[1]]
    assert deduplicator.duplicates == 2


def test_what_can_not_wait_is_read_at_once_with_all_that_came_with_it() -> None:
    deduplicator = Deduplicator()
    deduplicator.follow(1)
    deduplicator.sift(1, [*enveloped(fill(1)), b"no envelope"], unwrap, 7)
    for odd in (b"no envelope", b'<{"e":"listenKeyExpired"}>'):
        frames = [*enveloped(fill(2)), odd]
        assert deduplicator.sift(2, frames, unwrap, 7) == frames
    assert deduplicator.held(2) == []
    assert deduplicator.sift(2, enveloped(fill(3)), unwrap, 7) == []
    assert [held.raw for held in deduplicator.follow(2)] == [fill(3)[1]]
    assert deduplicator.sift(1, enveloped(fill(4)), unwrap, 7) == enveloped(fill(4)), (
        "an older socket is its owner's business"
    )


def test_bytes_are_remembered_for_as_long_as_two_are_open_and_not_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deduplication, "HELD_MAX", 2)
    deduplicator = Deduplicator()
    deduplicator.follow(1)
    for number in range(4):
        deduplicator.sift(1, enveloped(fill(number)), unwrap, 7)
    assert deduplicator.sift(2, enveloped(*(fill(number) for number in range(4))), unwrap, 7) == []
    assert (deduplicator.duplicates, len(deduplicator.held(2))) == (2, 2)
    deduplicator.forget(2)
    deduplicator.sift(1, enveloped(fill(9)), unwrap, 7)
    deduplicator.forget(3)
    deduplicator.sift(4, enveloped(fill(9)), unwrap, 7)
    assert deduplicator.duplicates == 2
    assert len(deduplicator.held(4)) == 1


def test_what_turns_out_to_be_unreadable_is_left_to_be_told() -> None:
    deduplicator = Deduplicator()
    deduplicator.follow(1)
    assert deduplicator.sift(2, [b'<{"e":"GREEK_UPDATE","E":"x"}>', *enveloped(fill(1))], unwrap, 7) == []
    assert [held.raw for held in deduplicator.follow(2)] == [fill(1)[1]]
    assert [one.size for one in deduplicator.unreadable_frames] == [28]


@pytest.mark.parametrize("at_once", [True, False])
def test_one_order_id_in_two_symbols_is_two_orders(at_once: bool) -> None:
    deduplicator = Deduplicator()
    deduplicator.follow(1)
    steps: list[Event] = [order(7, "NEW"), order(7, "NEW", symbol=OTHER)]
    raws = [b"{}"] * len(steps)
    if at_once:
        deduplicator.admit_all(kept := list(steps), raws)
    else:
        kept = [event for event in steps if admit(deduplicator, 1, event, b"{}", 7)]
    assert (kept, deduplicator.duplicates) == (steps, 0)
    assert [admit(deduplicator, 1, event, b"{}", 7) for event in steps] == [False] * len(steps)


def test_what_is_held_is_bounded_in_bytes_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deduplication, "HELD_BYTES_MAX", 8 * (1000 + deduplication.HELD_OVERHEAD_BYTES))
    deduplicator = Deduplicator()
    deduplicator.follow(1)
    event, _ = fill(1)
    for number in range(1, 10):
        deduplicator.hold_all(2, [event], [b"x" * 1000], 0)
        assert (deduplicator.fullness(2) > 0.5) is (number > 4)
        assert (deduplicator.fullness(2) > 1) is (number > 8)
    deduplicator.forget(2)
    assert deduplicator.fullness(2) <= 0.5
    deduplicator.hold_all(3, [event] * 9, [b"x" * 1000] * 9, 0)
    deduplicator.follow(2)
    assert deduplicator.fullness(3) > 1, "of a later socket it still waits"
    deduplicator.follow(3)
    assert deduplicator.fullness(3) <= 0.5


def test_the_last_snapshots_are_bounded_by_their_types(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deduplication, "KINDS_MAX", 2)
    kept = deduplication.Snapshots()
    for number in range(10):
        assert kept.add(f"kind {number}", number)
        assert len(kept._last) <= 2


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1000, 1004), st.sampled_from([SYMBOL, OTHER]))))
def test_a_batch_finds_late_what_is_late_one_by_one(drawn: list[tuple[int, int, str]]) -> None:
    events: list[Event] = [
        making.fill(trade_id + 2**62 * (trade_id == 9), "1", at_ms, symbol=symbol) for trade_id, at_ms, symbol in drawn
    ]
    alone, together = Deduplicator(), Deduplicator()
    alone.follow(1)
    together.follow(1)
    kept: list[Event] = []
    late: list[int] = []
    for event in events:
        found = alone.admit_all(own := [event], [b"{}"])
        late += [len(kept) + place for place in found.late]
        kept += own
    assert together.admit_all(events, [b"{}"] * len(events)).late == late
    assert events == kept
    assert together.fills.lateness.newest == alone.fills.lateness.newest
    assert together.fills.lateness.newest_ms == alone.fills.lateness.newest_ms


def test_a_held_step_of_an_order_is_delivered_where_its_predecessor_did_not_bring_it() -> None:
    deduplicator = Deduplicator()
    deduplicator.follow(1)
    admit(deduplicator, 1, order(7, "NEW"), b"{}", 7)
    for step in (order(7, "NEW"), order(7, "CANCELED")):
        admit(deduplicator, 2, step, b"{}", 7)
    assert [held.event for held in deduplicator.follow(2)] == [order(7, "CANCELED")]
    assert deduplicator.duplicates == 1
