"""A venue of forty lines and a clock that jumps: what a lifecycle meets, in virtual time."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from listenkey.core import actions as do
from listenkey.core import inputs as on
from listenkey.core.lifecycle import Lifecycle
from listenkey.core.retry_policy import Disposition, RetryDecision, classify
from listenkey.core.states import State
from listenkey.core.timing import Timing
from listenkey.credentials import Secret
from listenkey.errors import KeyUnknown, ListenKeyError, Unreachable
from listenkey.outcomes import GapCause, Loss, Lost, Reason

WALL_MS = 1_795_000_000_000
KEY_S = 3600.0
SOCKET_S = 86_400.0


def reason(text: str, cause: GapCause = GapCause.UNKNOWN) -> Reason:
    return Reason(cause, text)


def lost(text: str, loss: Loss = Loss.TOTALS) -> Lost:
    return Lost(loss, text)


class World:
    """
    Carries out a lifecycle's actions by the venue's rules, and jumps from deadline to deadline.

    Attributes:
        down: Addresses that do not answer: "rest", "ws".
        deaf: Sockets that swallow pings and deliver nothing.
        valid_for_s: What an answer to POST promises, by our own clock.
    """

    def __init__(
        self, timing: Timing | None = None, seed: int = 1, latency_s: float = 0.02, *, recovers: bool = False
    ) -> None:
        self.life = Lifecycle(timing, recovers=recovers)
        self.recoveries: list[on.Recovered | RetryDecision] = []
        self.rest_hangs = False
        self.audits: list[on.Doubted | on.StreamSilent | RetryDecision] = []
        self.random = random.Random(seed)
        self.latency_s = latency_s
        self.now_s = 1000.0
        self.key: Secret | None = None
        self.key_until_s = 0.0
        self.keys = 0
        self.valid_for_s = KEY_S
        self.sockets: dict[int, Secret] = {}
        self.cut_at_s: dict[int, float] = {}
        self.deaf: set[int] = set()
        self.down: set[str] = set()
        self.post_answers: list[ListenKeyError] = []
        self.items: list[Any] = []
        self.log: list[tuple[float, do.Action]] = []
        self.missed_pings = 0
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count()

    # --- running -------------------------------------------------------------------------------------------------

    def start(self) -> World:
        self.feed(on.Started())
        return self

    def at(self, delay_s: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._queue, (self.now_s + delay_s, next(self._count), what))

    def run(self, for_s: float) -> None:
        """Jump from deadline to deadline for so long."""
        end_s = self.now_s + for_s
        while True:
            wake_s = self.life.wake_at_s()
            next_s = min(self._queue[0][0] if self._queue else end_s, wake_s if wake_s is not None else end_s)
            if next_s >= end_s:
                self.now_s = end_s
                return
            self.now_s = max(self.now_s, next_s)
            if self._queue and self._queue[0][0] <= self.now_s:
                heapq.heappop(self._queue)[2]()
            else:
                self.feed(on.TimerDue())
                after_s = self.life.wake_at_s()
                assert after_s is None or after_s > self.now_s, "a timer that is due must move, or the driver spins"

    def run_until_live(self, within_s: float = 60.0) -> float:
        """Run until LIVE; returns how long it took."""
        began_s = self.now_s
        while self.life.state not in (State.LIVE, State.ENDED):
            assert self.now_s - began_s < within_s, f"not live after {within_s} s: {self.life.why}"
            self.run(0.01)
        return self.now_s - began_s

    def moment(self) -> on.Moment:
        return on.Moment(self.now_s, WALL_MS + round(self.now_s * 1000), self.random.random())

    def feed(self, happened: on.Input) -> None:
        self.life.handle(happened, self.moment())
        for action in self.life.take_actions():
            self.log.append((self.now_s, action))
            if isinstance(action, do.Report):
                self.items.extend(action.items)
            self._perform(action)
        self.items.extend(self.life.take_items())

    def actions(self, kind: type[Any]) -> list[float]:
        """Return when actions of this kind were asked for."""
        return [at_s for at_s, action in self.log if isinstance(action, kind)]

    # --- the venue -----------------------------------------------------------------------------------------------

    def key_alive(self) -> bool:
        return self.key is not None and self.now_s < self.key_until_s

    def expire_key(self, *, told: bool) -> None:
        """End the key; with the event or silently."""
        key, self.key = self.key, None
        if told and key is not None:
            self.at(self.latency_s, lambda: self.feed(on.KeyEnded(key)))

    def drop(self, number: int, why: str = "dropped") -> None:
        if self.sockets.pop(number, None) is not None:
            self.feed(on.SocketLost(number, reason(why, GapCause.DISCONNECTED)))

    def event(self) -> None:
        """An event on every socket whose key is alive."""
        for number, key in list(self.sockets.items()):
            if key == self.key and number not in self.deaf:
                self.life.connections.heard(number, self.moment().s)
                self.life.brought(number)
                if number == self.life.connections.followed:
                    self.life.event_came()
                    if self.life.needs_proof:
                        self.feed(on.EventCame(number))

    def _perform(self, action: do.Action) -> None:
        match action:
            case do.CreateKey():
                self.at(self.latency_s, self._post)
            case do.RenewKey(key, since_s):
                del since_s
                self.at(self.latency_s, lambda: self._put(key))
            case do.OpenSocket(number, key):
                self.at(self.latency_s, lambda: self._open(number, key))
            case do.SendPing(number, ping):
                self.at(self.latency_s, lambda: self._pong(number, ping))
            case do.AbortSocket(number) | do.CloseSocket(number):
                self.sockets.pop(number, None)
            case do.Recover(attempt) | do.RecoverOrders(attempt) | do.Poll(attempt):
                self.at(self.latency_s, lambda: self._recover(attempt))
            case do.Audit(number):
                self.at(self.latency_s, lambda: self._audit(number))

    def _recover(self, attempt: int) -> None:
        """The next answer that was prepared, or nothing missing."""
        if self.rest_hangs:
            return
        answer = self.recoveries.pop(0) if self.recoveries else on.Recovered(attempt, ())
        if isinstance(answer, RetryDecision):
            self.feed(on.NotRecovered(attempt, answer))
        else:
            self.feed(replace(answer, attempt=attempt))

    def _audit(self, number: int) -> None:
        answer = self.audits.pop(0) if self.audits else None
        if isinstance(answer, RetryDecision):
            self.feed(on.NotAudited(number, answer))
            return
        self.feed(on.Audited(number))
        if answer is not None:
            self.feed(answer)

    def _post(self) -> None:
        if self.post_answers:
            self.feed(on.KeyNotReady(classify(self.post_answers.pop(0), self.moment().wall_ms)))
        elif "rest" in self.down:
            self.feed(on.KeyNotReady(RetryDecision(Disposition.WAIT, 0.0, Unreachable("venue", "down"))))
        else:
            if not self.key_alive():
                self.keys += 1
                self.key = Secret(f"key {self.keys}")
            assert self.key is not None
            self.key_until_s = self.now_s + KEY_S
            self.feed(on.KeyReady(self.key, self.valid_for_s))

    def _put(self, key: Secret) -> None:
        if "rest" in self.down:
            self.feed(on.KeyNotRenewed(key, RetryDecision(Disposition.WAIT, 0.0, Unreachable("venue", "down"))))
        elif self.key_alive():
            self.key_until_s = self.now_s + KEY_S
            self.feed(on.KeyRenewed(key, self.now_s - self.latency_s))
        else:
            self.feed(on.KeyNotRenewed(key, classify(KeyUnknown(400, -1125), 0)))

    def _open(self, number: int, key: Secret) -> None:
        if "ws" in self.down:
            self.feed(on.SocketNotOpened(number, RetryDecision(Disposition.WAIT, 0.0, Unreachable("venue", "down"))))
            return
        self.sockets[number] = key
        self.at(SOCKET_S, lambda: self.drop(number, "24 hours are over"))
        self.feed(on.SocketAttached(number))

    def _pong(self, number: int, ping: int) -> None:
        if number in self.sockets and number not in self.deaf:
            self.life.connections.heard(number, self.moment().s)
            self.feed(on.PongCame(number, ping))
        else:
            self.missed_pings += 1
