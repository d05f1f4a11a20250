"""
Keep the list of active faults, asked by everything else: each with its kind, time and length. Pure; chance is given.

Times are the exchange's milliseconds, so they pass faster on a scaled clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from listenkey.sandbox.faults import wrong_shapes
from listenkey.venue import LISTEN_KEY_PATH

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping

FAULTS_MAX: Final = 1_000
_COMMON: Final = frozenset({"account", "after_ms", "duration_ms", "count", "probability", "every_ms"})
_REQUEST: Final = frozenset({"path", "method", "symbol"})
_EVENT: Final = frozenset({"event", "execution_type", "status", "symbol"})


@dataclass(frozen=True, slots=True)
class Kind:
    """
    One kind of fault.

    Args:
        moment: `once`: something is done when it starts. `while`: it is asked for as long as it is active.
        takes: Its own parameters, beside the common ones.
        count: How often it strikes if nothing else bounds it; None is until it is taken out.
    """

    moment: Literal["once", "while"]
    takes: frozenset[str] = frozenset()
    count: int | None = None


KINDS: Final[dict[str, Kind]] = {
    # sockets
    "drop_sockets": Kind("once", frozenset({"close_code", "room"}), 1),
    "mute": Kind("while"),
    "half_open": Kind("while"),
    "ack_dead": Kind("while", count=1),
    "server_shutdown": Kind("once", count=1),
    "refuse_connections": Kind("while", frozenset({"scope"})),
    # events
    "drop_event": Kind("while", _EVENT, 1),
    "duplicate_event": Kind("while", _EVENT | {"copies"}, 1),
    "reorder": Kind("while", frozenset({"window", "hold_ms"})),
    "delay": Kind("while", _EVENT | {"ms"}),
    "malformed_frame": Kind("while", frozenset({"frames", "texts"}), 1),
    # keys
    "expire_key": Kind("once", count=1),
    "expire_key_silently": Kind("once", count=1),
    # requests
    "http_status": Kind("while", _REQUEST | {"status", "body", "html", "executed", "retry_after"}),
    "rate_limit": Kind("while", _REQUEST | {"retry_after"}),
    "ban": Kind("while", frozenset({"seconds"})),
    "slow_http": Kind("while", _REQUEST | {"ms", "bytes"}),
    "hang_http": Kind("while", _REQUEST | {"executed"}),
    "retire_endpoint": Kind("while", _REQUEST | {"status"}),
    "rest_lag": Kind("while", _REQUEST | {"ms"}),
    "wrong_shape": Kind("while", _REQUEST | _EVENT | {"field", "value", "remove"}),
    "stale_snapshot": Kind("while", frozenset({"ms"})),
    "clock_skew": Kind("while", frozenset({"ms"})),
    # the venue
    "generation": Kind("while", frozenset({"generation"})),
}

_NUMBERS: Final = frozenset(
    {"after_ms", "duration_ms", "count", "every_ms", "close_code", "window", "hold_ms", "copies", "bytes", "ms"}
    | {"seconds", "retry_after"}
)
_NUMBER_MAX: Final = 10**15
_MAY_BE_NEGATIVE: Final = frozenset({"ms"})
_TEXTS: Final = frozenset(
    {"account", "path", "method", "symbol", "field", "event", "execution_type", "room", "scope", "generation"}
)
_STATUS_KINDS: Final = frozenset({"http_status", "retire_endpoint"})
"""The kinds whose `status` is that of HTTP; elsewhere it is an order's."""

_REST_PATHS: Final = ("/eapi/", "/fapi/")
_DEFAULTS: Final[dict[str, dict[str, Any]]] = {
    "http_status": {"path": _REST_PATHS, "executed": False},
    "hang_http": {"path": _REST_PATHS, "executed": False},
    "slow_http": {"path": _REST_PATHS},
    "rate_limit": {"path": _REST_PATHS},
    "wrong_shape": {"remove": False},
    "retire_endpoint": {"path": (LISTEN_KEY_PATH, "/private", "/eoptions", "/ws", "/stream")},
    "refuse_connections": {"scope": "all"},
}
"""The targets of a fault that names none: sockets only when a path of theirs is named."""

_CHOICES: Final = {
    "room": ("private", "public", "market", "legacy"),
    "scope": ("all", "http", "ws"),
    "generation": ("current", "legacy"),
}
_NEEDS: Final = {
    "http_status": ("status",),
    "delay": ("ms",),
    "clock_skew": ("ms",),
    "rest_lag": ("ms",),
    "ban": ("seconds",),
    "generation": ("generation",),
}


@dataclass(slots=True)
class Fault:
    """One fault, put in."""

    id: int
    kind: str
    account: str | None
    params: dict[str, Any]
    from_ms: int
    until_ms: int | None
    left: int | None
    probability: float
    every_ms: int
    struck: int = 0
    started: bool = False
    taken_out: bool = False
    scratch: dict[str, Any] = field(default_factory=dict)

    def active(self, now_ms: int) -> bool:
        """Return True where it strikes now."""
        return self.from_ms <= now_ms and (self.until_ms is None or now_ms < self.until_ms) and self.left != 0

    def over(self, now_ms: int) -> bool:
        """Return True where it can't strike any more."""
        return self.left == 0 or (self.until_ms is not None and now_ms >= self.until_ms)

    def describe(self) -> dict[str, Any]:
        """Describe the fault as the admin API lists it."""
        return {
            "id": self.id,
            "kind": self.kind,
            "account": self.account,
            **self.params,
            "from_ms": self.from_ms,
            "until_ms": self.until_ms,
            "left": self.left,
            "probability": self.probability,
            "struck": self.struck,
        }


class Faults:
    """All faults that are in."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._by_kind: dict[str, list[Fault]] = {}
        self._next_id = 1
        self._ended: list[Fault] = []

    def put(self, kind: str, params: Mapping[str, Any], now_ms: int) -> Fault:
        """Puts a fault in. Raises ValueError saying what is wrong with it."""
        _check(kind, params)
        if sum(map(len, self._by_kind.values())) >= FAULTS_MAX:
            raise ValueError(f"there are {FAULTS_MAX} faults already")
        own = _DEFAULTS.get(kind, {}) | {name: value for name, value in params.items() if name not in _COMMON}
        duration_ms = params.get("duration_ms")
        if kind == "ban":
            duration_ms = min(duration_ms or own["seconds"] * 1000, own["seconds"] * 1000)
        from_ms = now_ms + params.get("after_ms", 0)
        bounded = duration_ms is not None or "probability" in params
        fault = Fault(
            id=self._next_id,
            kind=kind,
            account=params.get("account"),
            params=own,
            from_ms=from_ms,
            until_ms=None if duration_ms is None else from_ms + duration_ms,
            left=params.get("count", None if bounded and KINDS[kind].moment == "while" else KINDS[kind].count),
            probability=params.get("probability", 1.0),
            every_ms=params.get("every_ms", 0),
        )
        self._next_id += 1
        self._by_kind.setdefault(kind, []).append(fault)
        return fault

    def take_out(self, fault_id: int | None = None, kind: str | None = None) -> int:
        """Ends one, all of a kind, or all. How many."""
        out = [
            fault
            for faults in self._by_kind.values()
            for fault in faults
            if (fault_id is None or fault.id == fault_id) and (kind is None or fault.kind == kind)
        ]
        for fault in out:
            fault.taken_out = True
            self._finish(fault)
        return len(out)

    def are_in(self) -> bool:
        """True where any fault is in at all."""
        return bool(self._by_kind)

    def any_of(self, kind: str) -> bool:
        """A cheap first question: whether any fault of this kind is in the list at all."""
        return kind in self._by_kind

    def peek(self, kind: str, now_ms: int, account: str | None = None) -> Fault | None:
        """An active fault of this kind, without using it up."""
        for fault in self._by_kind.get(kind, ()):
            if fault.active(now_ms) and fault.account in (None, account):
                return fault
        return None

    def strike(
        self,
        kind: str,
        now_ms: int,
        account: str | None = None,
        **facts: str | bool,
    ) -> Fault | None:
        """
        The active fault of this kind that applies, used up by one; None when nothing fails.

        Args:
            kind: One of `KINDS`.
            now_ms: The exchange's time.
            account: Whom it would hit; a fault for another account does not apply.
            facts: What is at hand: `event`, `execution_type`, `status`, `symbol`, `method`, `path`, `scope`,
                `executed`. A fault that names one of them applies only to it; a path is a prefix.
        """
        return self.strike_where(kind, now_ms, account, facts, lambda _: True) if kind in self._by_kind else None

    def strike_where(
        self,
        kind: str,
        now_ms: int,
        account: str | None,
        facts: Mapping[str, str | bool],
        would: Callable[[Fault], bool],
    ) -> Fault | None:
        """Strike as `strike` does, of a kind that may find no target: `would` is asked last, and strikes."""
        for fault in self._by_kind.get(kind, ()):
            if not fault.active(now_ms) or fault.account not in (None, account) or not _applies(fault, facts):
                continue
            if fault.probability < 1 and self._rng.random() >= fault.probability:
                continue
            if not would(fault):
                continue
            fault.struck += 1
            if fault.left is not None:
                fault.left -= 1
                if fault.left == 0:
                    self._finish(fault)
            return fault
        return None

    def take_started(self, now_ms: int) -> list[Fault]:
        """Faults that start now and ask for something to be done, in order of their time."""
        started: list[Fault] = []
        for faults in list(self._by_kind.values()):
            for fault in [fault for fault in faults if fault.from_ms <= now_ms]:
                if KINDS[fault.kind].moment == "while":
                    if not fault.started:
                        fault.started = True
                        started.append(fault)
                elif fault.probability >= 1 or self._rng.random() < fault.probability:
                    started.append(fault)
                    self._struck_once(fault, now_ms)
                else:
                    self._struck_once(fault, now_ms)
        return sorted(started, key=lambda fault: (fault.from_ms, fault.id))

    def take_ended(self, now_ms: int) -> list[Fault]:
        """Faults that ended since the last call."""
        for faults in list(self._by_kind.values()):
            for fault in [fault for fault in faults if fault.over(now_ms)]:
                self._finish(fault)
        ended, self._ended = self._ended, []
        return ended

    def due_ms(self) -> int | None:
        """Return when the next one starts or ends; None where none does."""
        if not self._by_kind:
            return None
        times: list[int] = []
        for faults in self._by_kind.values():
            for fault in faults:
                if not fault.started:
                    times.append(fault.from_ms)
                elif fault.until_ms is not None:
                    times.append(fault.until_ms)
        return min(times, default=None)

    def listing(self) -> list[dict[str, Any]]:
        """List all faults that are in, by id."""
        every = [fault for faults in self._by_kind.values() for fault in faults]
        return [fault.describe() for fault in sorted(every, key=lambda fault: fault.id)]

    def _struck_once(self, fault: Fault, now_ms: int) -> None:
        fault.struck += 1
        if fault.left is not None:
            fault.left -= 1
        if fault.left == 0 or not fault.every_ms:
            self._finish(fault)
        else:
            fault.from_ms = max(fault.from_ms + fault.every_ms, now_ms + 1)

    def _finish(self, fault: Fault) -> None:
        faults = self._by_kind[fault.kind]
        faults.remove(fault)
        if not faults:
            del self._by_kind[fault.kind]
        self._ended.append(fault)


def _applies(fault: Fault, facts: Mapping[str, str | bool]) -> bool:
    return all(_matches(name, fault.params.get(name), value) for name, value in facts.items())


def _matches(name: str, wanted: Any, value: str | bool) -> bool:
    if wanted is None:
        return True
    if isinstance(value, bool):
        return bool(wanted == value)
    if name == "path":
        return value.startswith(wanted)
    if name == "scope":
        return wanted in ("all", value)
    return bool(wanted.upper() == value.upper())


def _check(kind: str, params: Mapping[str, Any]) -> None:
    if kind not in KINDS:
        raise ValueError(f"no fault is called {kind!r}; there are {', '.join(sorted(KINDS))}")
    for name in params:
        if name not in _COMMON and name not in KINDS[kind].takes:
            takes = ", ".join(sorted(KINDS[kind].takes | _COMMON))
            raise ValueError(f"{kind} takes no {name!r}; it takes {takes}")
    for name in _NEEDS.get(kind, ()):
        if name not in params:
            raise ValueError(f"{kind} needs {name!r}")
    for name, value in params.items():
        _check_value(kind, name, value)
    if kind == "wrong_shape":
        wrong_shapes.check(params)
    try:
        msgspec.json.encode(dict(params))
    except (TypeError, ValueError, OverflowError, RecursionError):
        raise ValueError(f"{kind}: a parameter can't be sent as JSON") from None


def _check_status(kind: str, value: Any) -> None:
    if kind not in _STATUS_KINDS:
        if not isinstance(value, str):
            raise ValueError(f"{kind}: 'status' is that of an order, like CANCELED")
    elif isinstance(value, bool) or not isinstance(value, int) or not 200 <= value <= 599:
        raise ValueError(f"{kind}: 'status' is a whole number from 200 to 599")


def _check_value(kind: str, name: str, value: Any) -> None:
    if name in _NUMBERS:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError(f"{kind}: {name!r} is a whole number")
        if value < 0 and name not in _MAY_BE_NEGATIVE:
            raise ValueError(f"{kind}: {name!r} is not negative")
        if abs(value) > _NUMBER_MAX:
            raise ValueError(f"{kind}: {name!r} is at most {_NUMBER_MAX}")
        if name == "close_code" and not 1000 <= value <= 4999:
            raise ValueError(f"{kind}: 'close_code' is from 1000 to 4999")
    elif name == "status":
        _check_status(kind, value)
    elif name in _TEXTS:
        if not isinstance(value, str):
            raise ValueError(f"{kind}: {name!r} is a text")
        if name in _CHOICES and value not in _CHOICES[name]:
            raise ValueError(f"{kind}: {name!r} is one of {', '.join(_CHOICES[name])}")
    elif name == "probability" and (
        isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1
    ):
        raise ValueError(f"{kind}: 'probability' is from 0 to 1")
    elif name in ("html", "executed", "remove") and not isinstance(value, bool):
        raise ValueError(f"{kind}: {name!r} is true or false")
    elif name in ("frames", "texts") and not (isinstance(value, list) and all(isinstance(item, str) for item in value)):
        raise ValueError(f"{kind}: {name!r} is a list of texts")
