"""
Put listen keys on a socket, and take them off, with few messages: the venue ends a socket that sends too many.

What is asked for at about the same time goes into one request. One that is refused is sent again for each key, so that
a bad key spoils nothing for its neighbours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec

from listenkey.gateway.shared_sockets.stream_names import RequestAnswer
from listenkey.transport.clock import Clock

APART_S: Final = 0.25
"""Between two requests: four a second of the ten messages that the venue takes; the others are for pings and pongs."""

KEYS_MAX: Final = 50
"""Listen keys in one request: 4 KiB."""

Answered = Callable[[int | None], None]
_encode: Final = msgspec.json.Encoder().encode


class SocketRequests:
    """
    The requests of one socket.

    Args:
        send: Sends one.
        clock: For their distance.
    """

    __slots__ = ("_clock", "_last_s", "_leaving", "_number", "_send", "_single", "_timer", "_waiting", "_wanted")

    def __init__(self, send: Callable[[bytes], None], clock: Clock) -> None:
        self._send = send
        self._clock = clock
        self._wanted: dict[bytes, Answered] = {}  # to be put on the socket
        self._single: dict[bytes, Answered] = {}  # the same, each in a request of its own
        self._leaving: dict[bytes, None] = {}
        self._waiting: dict[int, dict[bytes, Answered]] = {}  # sent, by the request's id
        self._number = 0
        self._last_s = float("-inf")
        self._timer: asyncio.Handle | None = None

    @property
    def is_waiting(self) -> bool:
        """True while the venue has not answered whether it takes a listen key."""
        return any(self._waiting.values())

    def put(self, key: bytes, answered: Answered) -> None:
        """Put a listen key on the socket; `answered` gets the code of a refusal, or None."""
        self._leaving.pop(key, None)
        self._wanted[key] = answered
        self._schedule()

    def take_off(self, key: bytes) -> None:
        """Take a listen key off the socket."""
        if self._wanted.pop(key, None) is None and self._single.pop(key, None) is None:
            self._leaving[key] = None
            self._schedule()

    def answered(self, answer: RequestAnswer) -> bool:
        """Take an answer, and return True; False where it is to nothing that was asked."""
        keys = self._waiting.pop(answer.request_id or 0, None)
        if keys is None:
            return False
        if answer.code is not None and len(keys) > 1:
            self._single.update(keys)
            self._schedule()
            return True
        for answered in keys.values():
            answered(answer.code)
        return True

    def stop(self) -> None:
        """Send nothing any more."""
        if self._timer is not None:
            self._timer.cancel()
        self._wanted.clear()
        self._single.clear()
        self._leaving.clear()

    def _schedule(self) -> None:
        if self._timer is None and (self._wanted or self._single or self._leaving):
            wait_s = max(0.0, self._last_s + APART_S - self._clock.now_s())
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._flush)

    def _flush(self) -> None:
        """Send one request: those who wait to listen go first."""
        self._timer = None
        self._number += 1
        self._last_s = self._clock.now_s()
        if self._wanted or self._single:
            asked = self._wanted or self._single
            keys = {key: asked.pop(key) for key in list(asked)[: KEYS_MAX if asked is self._wanted else 1]}
            self._waiting[self._number] = keys
            self._send(_request("SUBSCRIBE", keys, self._number))
        elif self._leaving:
            leaving = list(self._leaving)[:KEYS_MAX]
            for key in leaving:
                del self._leaving[key]
            self._waiting[self._number] = {}
            self._send(_request("UNSUBSCRIBE", leaving, self._number))
        self._schedule()


def _request(method: str, keys: list[bytes] | dict[bytes, Answered], number: int) -> bytes:
    return _encode({"method": method, "params": [key.decode() for key in keys], "id": number})
