"""Each message goes to the seat of the key that it names, and what names nobody to nobody by mistake."""

from __future__ import annotations

import pytest

from listenkey.gateway.shared_sockets.key_routes import KEYS_EVER_MAX, KeyRoutes
from listenkey.gateway.shared_sockets.stream_names import RequestAnswer


class Seat:
    """Notes what it gets."""

    def __init__(self, key: bytes) -> None:
        self.key = key
        self.got: list[bytes] = []

    def take(self, frame: bytes) -> None:
        self.got.append(frame)


class Scene:
    """Routes with so many seats."""

    def __init__(self, *keys: bytes) -> None:
        self.answers: list[RequestAnswer] = []
        self.misrouted: list[str] = []
        self.routes = KeyRoutes(self._answered, self.misrouted.append)
        self.seats = [Seat(key) for key in keys]
        for seat in self.seats:
            self.routes.note(seat.key)
            self.routes.put(seat)  # type: ignore[arg-type]

    def _answered(self, answer: RequestAnswer) -> bool:
        self.answers.append(answer)
        return answer.request_id == 1

    def bring(self, *frames: bytes) -> list[list[bytes]]:
        for frame in frames:
            self.routes.take(frame)
        got = [seat.got.copy() for seat in self.seats]
        for seat in self.seats:
            seat.got.clear()
        return got


def event(key: bytes, text: bytes = b"{}") -> bytes:
    return b'{"stream":"%b","data":%b}' % (key, text)


def test_an_event_goes_to_its_key_in_whatever_form_it_comes() -> None:
    scene = Scene(b"a", b"b")
    spaced = b'{"data": {}, "stream": "b"}'
    expired = b'{"e":"listenKeyExpired","E":"1","listenKey":"a"}'
    assert scene.bring(event(b"a"), event(b"b"), spaced, expired) == [[event(b"a"), expired], [event(b"b"), spaced]]
    assert [seat.key for seat in scene.routes.take_touched()] == [b"a", b"b"]
    assert not scene.routes.take_touched()


def test_what_is_no_event_of_a_key_is_told_as_that() -> None:
    scene = Scene(b"a", b"b")
    scene.bring(b"<html>")
    assert list(scene.routes.take_touched().values()) == [False, False], "garbage proves that no key delivers"
    scene.bring(event(b"a"))
    scene.routes.touch(scene.seats[0])  # type: ignore[arg-type]
    scene.routes.touch(scene.seats[1])  # type: ignore[arg-type]
    assert list(scene.routes.take_touched().values()) == [True, False]


def test_an_answer_goes_to_whoever_asked() -> None:
    scene = Scene(b"a", b"b")
    answer, other = b'{"result":null,"id":1}', b'{"error":{"code":3,"msg":""}}'
    assert scene.bring(answer) == [[], []]
    assert scene.answers == [RequestAnswer(1, None)]
    assert scene.bring(other) == [[other], [other]]


@pytest.mark.parametrize("frame", [event(b"else"), b'{"e":"ORDER_TRADE_UPDATE","E":1}'])
def test_an_event_that_names_no_key_shows_that_keys_cannot_share(frame: bytes) -> None:
    scene = Scene(b"a", b"b")
    assert scene.bring(frame) == [[], []]
    assert len(scene.misrouted) == 1
    assert "else" not in scene.misrouted[0], "it may be somebody's key"
    alone = Scene(b"a")
    assert alone.bring(frame) == [[frame]], "it can only be this one's"
    assert not alone.misrouted


def test_what_cannot_be_read_may_be_the_loss_of_any() -> None:
    scene = Scene(b"a", b"b")
    assert scene.bring(b"<html>") == [[b"<html>"], [b"<html>"]]
    assert not scene.misrouted


def test_a_key_that_was_taken_off_gets_nothing_and_gives_no_alarm() -> None:
    scene = Scene(b"a", b"b")
    assert scene.routes.take_off(scene.seats[0])  # type: ignore[arg-type]
    assert not scene.routes.take_off(scene.seats[0])  # type: ignore[arg-type]
    assert scene.bring(event(b"a")) == [[], []]
    assert not scene.misrouted
    assert not scene.routes.takes(b"a"), "what is under way to it would be taken for the new one's"
    assert scene.routes.takes(b"c")


def test_the_keys_that_are_remembered_are_bounded() -> None:
    routes = Scene().routes
    for number in range(KEYS_EVER_MAX):
        assert routes.takes(b"%d" % number)
        routes.note(b"%d" % number)
    assert not routes.takes(b"one more")


def test_two_keys_that_deliver_prove_it_once_and_only_while_both_are_there() -> None:
    scene = Scene(b"a", b"b")
    first, second = scene.seats
    assert not scene.routes.now_deliver({first: True})  # type: ignore[dict-item]
    late = Seat(b"c")
    scene.routes.put(late)  # type: ignore[arg-type]
    assert not scene.routes.now_deliver({second: True})  # type: ignore[dict-item]
    assert not scene.routes.now_deliver({second: True})  # type: ignore[dict-item]
    assert not scene.routes.now_deliver({late: False})  # type: ignore[dict-item]
    assert scene.routes.now_deliver({late: True})  # type: ignore[dict-item]
    assert not scene.routes.now_deliver({first: True})  # type: ignore[dict-item]
    assert scene.routes.were_shared
    assert scene.routes.shared_with(b"a")
    assert not scene.routes.shared_with(b"else")
    assert not Scene(b"a").routes.shared_with(b"a")
    assert not Scene(b"a").routes.were_shared
