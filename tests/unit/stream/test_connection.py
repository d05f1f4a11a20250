"""One socket with a key on it, over a socket of thirty lines."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from listenkey.core.deduplicator import Unwrap
from listenkey.credentials import Secret
from listenkey.errors import Disconnected, ProtocolError, TimedOut, Unreachable
from listenkey.stream import connection as connections
from listenkey.stream.connection import BATCH_MAX, CROWD, Connection
from listenkey.stream.listen_key_manager import Attachment
from listenkey.transport.clock import SystemClock

KEY = Secret("k" * 64)
BY_REQUEST = Attachment("ws://127.0.0.1/private/stream", b'{"method":"SUBSCRIBE"}', 7)
BY_URL = Attachment("ws://127.0.0.1/private/ws/" + "k" * 64, None, 7)


class FakeSocket:
    """Answers a request as it is told to."""

    def __init__(self, answer: bytes | None = b'{"result":null,"id":7}') -> None:
        self.answer = answer
        self.did: list[Any] = []
        self.reads_less = False
        self.asked = asyncio.Event()
        self.on_message: Callable[[bytes], None]
        self.on_lost: Callable[[Disconnected], None]
        self.on_pong: Callable[[int], None]
        self.on_heard: Callable[[], None]

    async def connect(
        self, url: str, on_message: Any, on_heard: Any, on_pong: Any, on_lost: Any, *, timeout_s: float
    ) -> FakeSocket:
        del url, timeout_s
        self.on_message, self.on_heard, self.on_pong, self.on_lost = on_message, on_heard, on_pong, on_lost
        return self

    def send_text(self, text: bytes) -> None:
        self.did.append(text)
        self.asked.set()
        if self.answer is not None:
            asyncio.get_running_loop().call_soon(self.bring, self.answer)

    def bring(self, *messages: bytes) -> None:
        """Bring messages as one read of the socket does."""
        for message in messages:
            self.on_message(message)
        self.on_heard()

    def ping(self, number: int) -> None:
        self.did.append(number)

    def abort(self) -> None:
        self.did.append("abort")

    def close(self) -> None:
        self.did.append("close")

    def pause(self) -> None:
        self.did.append("pause")

    def resume(self) -> None:
        self.did.append("resume")

    def read_less(self) -> None:
        self.reads_less = True


class Owner:
    """Notes what comes."""

    def __init__(self) -> None:
        self.got: list[tuple[Any, ...]] = []
        self.turns: list[float | None] = []
        self.held_s: list[float] = []
        self.unwanted: list[bytes] = []
        self.unwrapped: list[list[bytes] | None] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *what: self.got.append((name, *what))

    def names(self) -> list[str]:
        return [got[0] for got in self.got if got[0] != "heard"]

    def frames_came(self, connection: int, frames: list[bytes], unwrap: Unwrap) -> list[bytes]:
        del connection
        self.unwrapped.append(unwrap(frames))
        return [frame for frame in frames if frame not in self.unwanted]

    def turn_after_s(self, connection: int, held_s: float) -> float | None:
        del connection
        self.held_s.append(held_s)
        return self.turns.pop(0) if self.turns else None


def connection() -> tuple[Connection, Owner]:
    owner = Owner()
    return Connection(3, KEY, owner, SystemClock()), owner


async def opened(attachment: Attachment = BY_REQUEST) -> tuple[Connection, Owner, FakeSocket]:
    made, owner = connection()
    socket = FakeSocket()
    await made.open(socket.connect, attachment, 5.0)
    return made, owner, socket


async def test_it_is_open_when_the_request_is_acknowledged() -> None:
    _, _, socket = await opened()
    assert socket.did == [BY_REQUEST.request]
    _, _, socket = await opened(BY_URL)
    assert socket.did == []


async def test_a_refused_request_is_an_error_and_leaves_nothing_open() -> None:
    made, _ = connection()
    socket = FakeSocket(b'{"error":{"code":2,"msg":"Invalid request: invalid stream"},"id":7}')
    with pytest.raises(ProtocolError, match="refused: code 2"):
        await made.open(socket.connect, BY_REQUEST, 5.0)
    assert socket.did[-1] == "abort"


@pytest.mark.parametrize("answer", [None, b'{"result":null,"id":8}', b"nonsense"])
async def test_no_answer_to_our_request_times_out(answer: bytes | None) -> None:
    made, _ = connection()
    socket = FakeSocket(answer)
    with pytest.raises(TimedOut):
        await made.open(socket.connect, BY_REQUEST, 0.05)
    assert socket.did[-1] == "abort"


async def test_a_socket_that_ends_before_the_answer_is_told_as_that() -> None:
    made, owner = connection()
    socket = FakeSocket(None)
    opening = asyncio.ensure_future(made.open(socket.connect, BY_REQUEST, 5.0))
    await asyncio.wait_for(socket.asked.wait(), 5)
    socket.on_lost(Disconnected(1008, "no"))
    with pytest.raises(Disconnected):
        await opening
    assert owner.names() == []


@pytest.mark.parametrize("attachment", [BY_REQUEST, BY_URL])
async def test_a_socket_that_ends_with_its_handshake_is_not_taken_for_an_open_one(attachment: Attachment) -> None:
    made, owner = connection()
    socket = FakeSocket(None)

    async def connect(*args: Any, **settings: Any) -> FakeSocket:
        await socket.connect(*args, **settings)
        socket.on_lost(Disconnected(1001, "going away"))
        return socket

    with pytest.raises(Disconnected):
        await made.open(connect, attachment, 5.0)
    assert socket.did[-1] == "abort"
    assert owner.names() == []


async def test_what_connecting_raises_is_passed_on() -> None:
    async def fails(*_: Any, **__: Any) -> FakeSocket:
        raise Unreachable("host", "refused")

    made, _ = connection()
    with pytest.raises(Unreachable):
        await made.open(fails, BY_URL, 5.0)


async def test_frames_become_events_without_the_key() -> None:
    _, owner, socket = await opened()
    payload = b'{"e":"GREEK_UPDATE","E":1,"T":1,"G":[]}'
    socket.bring(b'{"stream":"' + b"k" * 64 + b'","data":' + payload + b"}", b"not json", b'{"result":null,"id":99}')
    assert owner.names() == ["events_came", "unreadable_came"]
    _, number, [event], [raw] = owner.got[0]
    assert (number, event.event_ms, raw) == (3, 1, payload)
    assert b"k" * 64 not in repr(owner.got).encode()


async def test_a_pong_of_the_last_ping_gives_the_round_trip() -> None:
    made, owner, socket = await opened()
    made.ping(41)
    socket.on_pong(40)
    socket.on_pong(41)
    assert owner.names() == ["pong_came"]
    assert owner.got[0][2] == 41
    assert owner.got[0][3] >= 0


async def test_a_pong_that_comes_after_the_next_ping_counts() -> None:
    made, owner, socket = await opened()
    for ping in (1, 2, 3):
        made.ping(ping)
    for pong in (1, 3, 2, 3, 9):
        socket.on_pong(pong)
    assert [got[2] for got in owner.got] == [1, 3]


async def test_the_end_is_told_once_and_not_when_it_was_ours() -> None:
    _, owner, socket = await opened()
    socket.on_lost(Disconnected(None, "reset"))
    socket.on_lost(Disconnected(None, "reset"))
    assert owner.names() == ["lost"]
    for politely in (False, True):
        other, owner, socket = await opened()
        other.drop(politely=politely)
        socket.on_lost(Disconnected(None, "reset"))
        socket.on_heard()
        assert owner.names() == []


async def test_a_socket_that_ends_right_behind_the_answer_is_not_taken_for_an_open_one() -> None:
    made, owner = connection()
    socket = FakeSocket(None)
    opening = asyncio.ensure_future(made.open(socket.connect, BY_REQUEST, 5.0))
    await asyncio.wait_for(socket.asked.wait(), 5)
    socket.bring(b'{"result":null,"id":7}')
    socket.on_lost(Disconnected(None, "reset"))
    with pytest.raises(Disconnected):
        await opening
    assert owner.names() == []


async def test_a_socket_that_is_given_up_while_it_opens_is_not_left_behind() -> None:
    made, owner = connection()
    socket, may_connect = FakeSocket(), asyncio.Event()

    async def connect(*args: Any, **settings: Any) -> FakeSocket:
        await may_connect.wait()
        return await socket.connect(*args, **settings)

    opening = asyncio.ensure_future(made.open(connect, BY_REQUEST, 5.0))
    await asyncio.sleep(0)
    made.drop(politely=False)
    may_connect.set()
    with pytest.raises(Disconnected):
        await opening
    assert socket.did == ["abort"]
    assert owner.names() == []


def numbered(count: int) -> list[bytes]:
    payload = b'{"e":"GREEK_UPDATE","E":%d,"T":1,"G":[]}'
    return [b'{"stream":"' + b"k" * 64 + b'","data":' + payload % number + b"}" for number in range(count)]


def taken(owner: Owner) -> list[int]:
    """The numbers of the events that were brought, in order."""
    assert {got[0] for got in owner.got} <= {"events_came", "heard", "pong_came", "lost"}
    return [event.event_ms for got in owner.got if got[0] == "events_came" for event in got[2]]


async def test_what_comes_alone_takes_the_shortest_way_and_may_fill_the_journal_as_well() -> None:
    _, owner, socket = await opened(BY_URL)
    owner.turns = [0.0, 0.001, None]
    socket.bring(*numbered(1))
    assert [got[0] for got in owner.got] == ["events_came", "heard"]
    assert socket.did == [], "the reader has his turn anyway"
    socket.bring(*numbered(1))
    assert [got[0] for got in owner.got] == ["events_came", "heard", "events_came"]
    assert socket.did == ["pause"]
    while socket.did == ["pause"]:  # noqa: ASYNC110 - a timer of the loop ends it
        await asyncio.sleep(0)
    assert socket.did == ["pause", "resume"]
    assert owner.got[-1][0] == "heard"


async def test_who_gets_much_at_once_is_asked_to_read_less() -> None:
    _, _, socket = await opened(BY_URL)
    socket.bring(*numbered(CROWD))
    assert not socket.reads_less
    socket.bring(*numbered(CROWD + 1))
    assert socket.reads_less


async def test_what_one_read_brings_is_taken_together() -> None:
    _, owner, socket = await opened(BY_URL)
    socket.bring(*numbered(7))
    assert [got[0] for got in owner.got] == ["events_came", "heard"]
    assert taken(owner) == list(range(7))
    assert socket.did == []


async def test_what_its_owner_takes_out_of_a_read_is_not_read() -> None:
    _, owner, socket = await opened(BY_URL)
    frames = numbered(7)
    owner.unwanted = frames[:3]
    socket.bring(*frames)
    assert taken(owner) == [3, 4, 5, 6]
    assert owner.unwrapped == [[b'{"e":"GREEK_UPDATE","E":%d,"T":1,"G":[]}' % number for number in range(7)]]
    owner.got.clear()
    socket.bring(*frames[:3])
    assert [got[0] for got in owner.got] == ["heard"]


async def test_a_large_read_leaves_the_reader_his_turns_and_is_heard_of_when_all_was_taken() -> None:
    _, owner, socket = await opened(BY_URL)
    owner.turns = [0.0, None, 0.0, None, None]
    frames = numbered(2 * BATCH_MAX + 5)
    socket.bring(*frames)
    assert taken(owner) == list(range(BATCH_MAX))
    assert socket.did == ["pause"]
    while len(taken(owner)) < len(frames):
        assert "heard" not in [got[0] for got in owner.got]
        await asyncio.sleep(0)
    assert taken(owner) == list(range(len(frames)))
    assert owner.got[-1][0] == "heard"
    assert socket.did == ["pause", "resume"]


async def test_a_journal_that_fills_up_keeps_us_from_reading_for_a_while() -> None:
    _, owner, socket = await opened(BY_URL)
    owner.turns = [0.001, 0.001, 0.001, None, None]
    socket.bring(*numbered(BATCH_MAX))
    assert socket.did == ["pause"]
    while socket.did == ["pause"]:  # noqa: ASYNC110 - a timer of the loop ends it
        await asyncio.sleep(0)
    assert socket.did == ["pause", "resume"]
    assert len(owner.held_s) == 4
    assert owner.held_s[0] == 0.0
    assert 0.001 <= owner.held_s[2] < owner.held_s[3], "it is told for how long already"


@pytest.mark.parametrize("end", ["pong", "lost", "abort", "close"])
async def test_what_was_held_back_comes_before_what_came_behind_it(end: str) -> None:
    made, owner, socket = await opened(BY_URL)
    owner.turns = [0.0]
    made.ping(1)
    socket.bring(*numbered(BATCH_MAX + 3))
    assert len(taken(owner)) == BATCH_MAX
    {
        "pong": lambda: socket.on_pong(1),
        "lost": lambda: socket.on_lost(Disconnected(None, "reset")),
        "abort": lambda: made.drop(politely=False),
        "close": lambda: made.drop(politely=True),
    }[end]()
    assert taken(owner) == list(range(BATCH_MAX + 3))
    before = list(owner.got)
    assert before[-1][0] == {"pong": "pong_came", "lost": "lost"}.get(end, "events_came")
    await asyncio.sleep(0)
    assert owner.got == before, "and once"


async def test_frames_that_take_their_time_wait_for_the_next_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message from before 2026 may be a thousand events, and a read may bring hundreds of them."""
    made, owner, socket = await opened(BY_URL)
    times = itertools.count(0.0, 0.03)
    monkeypatch.setattr(made, "_clock", SimpleNamespace(now_s=lambda: next(times)))
    frames = [frame.replace(b'"G":[]', b'"G":[],"x":1') for frame in numbered(9)]
    socket.bring(*frames)
    assert 0 < len(taken(owner)) < 9, "the loop has its turn between"
    while len(taken(owner)) < 9:  # noqa: ASYNC110 - a call of the loop's goes on with them
        await asyncio.sleep(0)
    assert taken(owner) == list(range(9))
    made.drop(politely=False)


async def test_bad_frames_in_a_row_are_told_of_at_once_and_counted() -> None:
    made, owner, socket = await opened(BY_URL)
    good = numbered(2)
    socket.bring(b"{", b"{1", good[0], b"{2", b"{3", b"{4", good[1])
    told = [got for got in owner.got if got[0] in ("unreadable_came", "events_came")]
    assert [got[0] for got in told] == ["unreadable_came", "events_came", "unreadable_came", "events_came"]
    assert [got[2].count for got in told if got[0] == "unreadable_came"] == [2, 3]
    assert socket.reads_less
    made.drop(politely=False)


async def test_many_frames_are_taken_in_turns_and_a_pong_behind_them_comes_after_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connections, "TURN_MAX_S", -1.0)
    made, owner, socket = await opened(BY_URL)
    made.ping(1)
    for message in numbered(2 * BATCH_MAX + 3):
        socket.on_message(message)
    socket.on_pong(1)
    assert len(taken(owner)) == BATCH_MAX, "then everybody else has a turn"
    assert "pong_came" not in owner.names()
    for _ in range(4):
        await asyncio.sleep(0)
    assert len(taken(owner)) == 2 * BATCH_MAX + 3
    assert owner.names()[-1] == "pong_came"
    assert owner.names().count("pong_came") == 1
    made.drop(politely=False)


async def test_behind_frames_that_are_none_of_the_usual_smaller_batches_are_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connections, "TURN_MAX_S", 60.0)  # a busy machine must not end the first read before its end
    made, owner, socket = await opened(BY_URL)
    odd = [b'{"e":"NEW_TYPE","E":%d}' % number for number in range(BATCH_MAX)]
    socket.bring(*odd)
    owner.got.clear()
    owner.turns = [0.0, 0.0]
    socket.bring(*numbered(BATCH_MAX))
    assert len(taken(owner)) == connections.SLOW_BATCH_MAX
    made.drop(politely=False)
