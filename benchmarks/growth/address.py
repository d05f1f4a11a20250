"""
One IP address with many accounts, in simulated time: what they ask for, and when the limits of the venue let it go.

The decisions are the client's own: `Budget`, `ConnectBudget`, `rank_of`, `backoff_s` and the weights of `venue`. Around them
there is no event loop and no venue, so an hour of a thousand accounts takes seconds. Two addresses share nothing.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final, NamedTuple

from listenkey import venue
from listenkey.core.audit_pace import IDLE_AUDIT_EVERY_S
from listenkey.core.audit_schedule import AUDIT_JITTER
from listenkey.core.backoff import backoff_s
from listenkey.core.budget import Budget, Priority
from listenkey.core.connect_budget import ConnectBudget
from listenkey.core.timing import Timing, renew_after_s
from listenkey.gateway.accounts import LEFT_BEHIND_AFTER_S, STARTING_MAX
from listenkey.rest.request_queue import rank_of

TIMING: Final = Timing()
ROUND_TRIP_S: Final = 0.2
SYMBOLS: Final = 2
"""Contracts in which an active account has orders, and trades while no socket brings anything."""

IDLE_AUDIT_S: Final = IDLE_AUDIT_EVERY_S

IDLE: Final = (0, 0)
EXACT_S: Final = 1e-6
"""Less apart is the same instant."""

WARM_UP_S: Final = 600.0
"""Audits that are due before count for nothing: the first ones all lie at random."""

Then = Callable[[], None]


class Case(NamedTuple):
    """
    One address.

    Attributes:
        accounts: How many it has.
        active: Those of them with positions or live orders.
        weight_limit: Per minute.
        keys_per_socket: Listen keys that share a socket; above 1 each active account has one of its own as well.
        idle_audit_s: Between two audits of an idle account.
    """

    accounts: int
    active: int
    weight_limit: int
    keys_per_socket: int = 1
    idle_audit_s: float = IDLE_AUDIT_S


class Time:
    """Simulated time: what is due, in order."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._due: list[tuple[float, int, Then]] = []
        self._count = itertools.count()

    def at(self, at_s: float, then: Then) -> None:
        """Call this at a time."""
        heapq.heappush(self._due, (max(at_s, self.now_s), next(self._count), then))

    def after(self, wait_s: float, then: Then) -> None:
        """Call this in so many seconds."""
        self.at(self.now_s + wait_s, then)

    def run(self, until_s: float, is_over: Callable[[], bool] = lambda: False) -> None:
        """Do what is due until then, or until it is over."""
        while self._due and self._due[0][0] <= until_s and not is_over():
            self.now_s, _, then = heapq.heappop(self._due)
            then()


class Waiting:
    """Requests that wait for room: `rest.request_queue.RequestQueue`, in simulated time."""

    def __init__(self, time: Time, budget: Budget) -> None:
        self._time = time
        self._budget = budget
        self._keys: list[tuple[tuple[int, ...], int, int, Priority, Then]] = []
        self._others: list[tuple[tuple[int, ...], int, int, Priority, Then]] = []
        self._count = itertools.count()
        self._wakes = 0
        self.sent: list[tuple[float, int]] = []

    def ask(self, weight: int, priority: Priority, risk: tuple[int, ...], then: Then) -> None:
        """Call `then` when this may leave."""
        heap = self._keys if priority is Priority.KEYS else self._others
        entry = (rank_of(priority, risk), next(self._count), weight, priority, then)
        heapq.heappush(heap, entry)
        if heap[0] is entry:  # else one waits before it, and for no shorter time than before
            self.let_go()

    def let_go(self) -> None:
        """Let requests go as far as there is room."""
        self._wakes += 1
        while heaps := sorted((heap for heap in (self._keys, self._others) if heap), key=lambda heap: heap[0][:2]):
            wait_s = self._let_first_go(heaps[0], passing=False)
            if wait_s > 0 and len(heaps) > 1 and heaps[1] is self._keys:
                wait_s = min(wait_s, self._let_first_go(self._keys, passing=True))
            if wait_s > 0:
                self._time.after(wait_s + 0.001, partial(self._wake, self._wakes))
                return

    def _wake(self, number: int) -> None:
        if number == self._wakes:
            self.let_go()

    def _let_first_go(self, heap: list[tuple[tuple[int, ...], int, int, Priority, Then]], *, passing: bool) -> float:
        _, _, weight, priority, then = heap[0]
        now_s = self._time.now_s
        wait_s = self._budget.wait_s(weight, priority, now_s, passing=passing)
        if wait_s > 0:
            return wait_s
        heapq.heappop(heap)
        self._budget.spend(weight, now_s, passing=passing)
        self.sent.append((now_s, weight))
        self._time.at(now_s, then)
        return 0.0


class Socket:
    """A socket, and the accounts that wait for it."""

    def __init__(self, risk: tuple[int, ...]) -> None:
        self.risk = risk
        self.is_open = False
        self.is_tried = False
        self.failures = 0
        self.waiting: list[Then] = []


class Address:
    """
    All accounts of an address.

    Args:
        case: How many, and under which limits.
        seed: Of everything that is drawn.

    Attributes:
        time: The simulated time.
        live_s: When each account was live after a cold start.
        healed_s: When each account's gap was closed.
        late_s: By how much audits came late, of active and of idle accounts.
        refused_until_s: No socket comes up before.
    """

    def __init__(self, case: Case, seed: int) -> None:
        self.case = case
        self.time = Time()
        self.live_s: dict[int, float] = {}
        self.healed_s: dict[int, float] = {}
        self.late_s: dict[bool, list[float]] = {True: [], False: []}
        self.refused_until_s = 0.0
        self._rng = random.Random(seed)
        self._budget = Budget(case.weight_limit)
        self._connects = ConnectBudget()
        self.requests = Waiting(self.time, self._budget)
        self.sockets = Waiting(self.time, self._connects)
        self._risks = [(2, number + 1) if number < case.active else IDLE for number in range(case.accounts)]
        self._socket_of = self._make_sockets()
        self._left = iter(range(case.accounts))
        self._starting: set[int] = set()
        self._renewed_s: dict[int, float] = {}

    def _make_sockets(self) -> list[Socket]:
        """Return the socket that each account waits for: its own, or the one it shares."""
        each = self.case.keys_per_socket
        shared = [Socket(IDLE) for _ in range(-(-self.case.accounts // each))] if each > 1 else []
        return [
            shared[number // each] if each > 1 and risk == IDLE else Socket(risk)
            for number, risk in enumerate(self._risks)
        ]

    # --- requests ------------------------------------------------------------------------------------------------

    def _ask(self, number: int, weights: Iterable[int], priority: Priority, then: Then) -> None:
        """Send requests one after the other, and go on when the last was answered."""
        left = list(weights)

        def go_on() -> None:
            if not left:
                then()
                return
            weight = left.pop(0)
            self.requests.ask(weight, priority, self._risks[number], lambda: self.time.after(ROUND_TRIP_S, go_on))

        go_on()

    def _connect(self, number: int, then: Then) -> None:
        """Go on when the account's socket is open."""
        socket = self._socket_of[number]
        if socket.is_open:
            then()
            return
        socket.waiting.append(then)
        if not socket.is_tried:
            socket.is_tried = True
            self._try(socket)

    def _try(self, socket: Socket) -> None:
        priority = Priority.KEYS if socket.risk[0] else Priority.RECOVERY
        self.sockets.ask(
            1, priority, socket.risk, lambda: self.time.after(2 * ROUND_TRIP_S, lambda: self._tried(socket))
        )

    def _tried(self, socket: Socket) -> None:
        if self.time.now_s < self.refused_until_s:
            socket.failures += 1
            self.time.after(backoff_s(socket.failures, TIMING, self._rng.random()), lambda: self._try(socket))
            return
        socket.is_open = True
        self._connects.opened(self.time.now_s)
        self.sockets.let_go()
        for then in socket.waiting:
            then()
        socket.waiting.clear()

    # --- audits and renewals -------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Let all accounts be live, with their audits and renewals at random."""
        for number in range(self.case.accounts):
            self.time.at(self._rng.random() * self._audit_every_s(number), lambda n=number: self._audit(n))  # type: ignore[misc]
            self.time.at(self._rng.random() * TIMING.renew_after_s, lambda n=number: self._renew(n))  # type: ignore[misc]
        for socket in self._socket_of:
            socket.is_open = True

    def _audit_every_s(self, number: int) -> float:
        return TIMING.audit_every_s if self._risks[number] != IDLE else self.case.idle_audit_s

    def _audit(self, number: int) -> None:
        due_s, is_active = self.time.now_s, self._risks[number] != IDLE
        lists = [venue.WEIGHTS[venue.OPEN_ORDERS_PATH]] * SYMBOLS if is_active else []

        def done() -> None:
            if due_s >= WARM_UP_S:
                self.late_s[is_active].append(self.time.now_s - due_s - ROUND_TRIP_S * (1 + len(lists)))
            jitter = 1 + AUDIT_JITTER * (2 * self._rng.random() - 1)
            self.time.after(self._audit_every_s(number) * jitter, lambda: self._audit(number))

        self._ask(number, [venue.WEIGHTS[venue.BILL_PATH], *lists], Priority.STEADY, done)

    def _renew(self, number: int) -> None:
        if self.time.now_s < self._renewed_s.get(number, float("-inf")) + TIMING.renew_after_s * (
            1 - TIMING.renew_jitter
        ):
            self.time.after(renew_after_s(TIMING, self._rng.random()), lambda: self._renew(number))
            return  # it was renewed when its socket was proven

        def done() -> None:
            self._renewed_s[number] = self.time.now_s
            self.time.after(renew_after_s(TIMING, self._rng.random()), lambda: self._renew(number))

        self._ask(number, [venue.LISTEN_KEY_WEIGHT] * 2, Priority.KEYS, done)

    # --- a cold start --------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start all accounts, those with most at stake first."""
        while len(self._starting) < STARTING_MAX and (number := next(self._left, None)) is not None:
            self._starting.add(number)
            self.time.after(LEFT_BEHIND_AFTER_S, lambda n=number: self._came_through(n))  # type: ignore[misc]
            self._start(number)

    def _start(self, number: int) -> None:
        key, proof = venue.LISTEN_KEY_WEIGHT, venue.WEIGHTS[venue.BILL_PATH]

        def live() -> None:
            self.live_s[number] = self.time.now_s
            self._came_through(number)

        def prove() -> None:
            self._ask(number, [key, key], Priority.KEYS, live)

        self._ask(number, [key, proof], Priority.KEYS, lambda: self._connect(number, prove))

    def _came_through(self, number: int) -> None:
        if number in self._starting:
            self._starting.remove(number)
            self.start()

    # --- the loss of all sockets ---------------------------------------------------------------------------------

    def lose_all(self, outage_s: float) -> None:
        """Lose every socket now; none comes up for a while."""
        self.refused_until_s = self.time.now_s + outage_s
        for socket in self._socket_of:
            socket.is_open = socket.is_tried = False
            socket.failures = 0
        for number in range(self.case.accounts):
            wait_s = backoff_s(1, TIMING, self._rng.random())
            self.time.after(wait_s, lambda n=number: self._connect(n, lambda: self._heal(n)))  # type: ignore[misc]

    def _heal(self, number: int) -> None:
        """Prove the key, then ask for what was missed; orders come after fills."""
        key, risk = venue.LISTEN_KEY_WEIGHT, self._risks[number]
        lists = [venue.WEIGHTS[venue.BILL_PATH], venue.WEIGHTS[venue.POSITION_PATH]]
        if risk != IDLE:
            lists += [venue.WEIGHTS[venue.USER_TRADES_PATH]] * SYMBOLS
            lists += [venue.WEIGHTS[venue.OPEN_ORDERS_PATH], venue.WEIGHTS[venue.HISTORY_ORDERS_PATH]] * SYMBOLS

        def healed() -> None:
            self.healed_s[number] = self.time.now_s
            for after_s in TIMING.settle_after_s:
                self.time.after(after_s, look)

        def look() -> None:
            self._ask(number, [venue.WEIGHTS[venue.BILL_PATH]], Priority.SETTLE, lambda: None)

        def proven() -> None:
            self._renewed_s[number] = self.time.now_s
            self._ask(number, lists, Priority.RECOVERY, healed)

        self._ask(number, [key, key], Priority.KEYS, proven)


def most_within(sent: Iterable[tuple[float, int]], window_s: float) -> int:
    """Return the most that was sent within a window, wherever it lies."""
    most = total = first = 0
    kept = list(sent)
    for at_s, weight in kept:
        total += weight
        while kept[first][0] <= at_s - window_s + EXACT_S:
            total -= kept[first][1]
            first += 1
        most = max(most, total)
    return most
