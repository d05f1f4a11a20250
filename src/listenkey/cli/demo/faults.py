"""Break the demo's connection on purpose, and keep when, for how long, and with what result."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

from listenkey.cli.display.annotation import Annotation

if TYPE_CHECKING:
    from listenkey.cli.demo.recorder import RecordedGap
    from listenkey.sandbox.server import Sandbox

FaultKind: TypeAlias = Literal["plug", "message"]

ROUND_S: Final = 20.0
"""The length of a round where the demo has no end of its own."""

MESSAGE_FROM_S: Final = 8.0
"""A shorter demo loses no message: finding it takes a second, and then it is asked for."""

LOOK_EVERY_S: Final = 0.01


class FaultPlan(NamedTuple):
    """
    One round.

    Attributes:
        plug_s: When the plug is pulled, from the round's beginning.
        out_s: For how long.
        message_s: When a message is lost, or None.
        round_s: When the next round begins.
    """

    plug_s: float
    out_s: float
    message_s: float | None
    round_s: float


def plan_for(seconds: float | None) -> FaultPlan:
    """The rounds of a demo of so many seconds, or of one without an end: one round, or one in twenty seconds."""
    round_s = ROUND_S if seconds is None else min(seconds, ROUND_S)
    message_s = 0.65 * round_s if round_s >= MESSAGE_FROM_S else None
    return FaultPlan(0.2 * round_s, 0.15 * round_s, message_s, round_s)


@dataclass(slots=True)
class InjectedFault:
    """
    One thing that was broken.

    Attributes:
        kind: `plug`: no socket for a while. `message`: one message of a fill, on a socket that lives.
        began_s: When.
        over_s: When the plug was back in, or the message was lost; None until then.
        over_ms: The same by the wall clock.
    """

    kind: FaultKind
    began_s: float
    over_s: float | None = None
    over_ms: int = 0


class FaultOutcome(NamedTuple):
    """
    The result of one fault.

    Attributes:
        kind: As in `InjectedFault`.
        out_s: How long the plug was out; 0 for a message.
        noticed_s: From the beginning of the fault until a gap was reported to the reader, or None.
        socket_s: From its end until events came again: what the wait between two attempts took; 0 for a message.
        whole_s: From its end until the end of the gap was reported, or None where that is still to come.
        fills: How many fills REST brought for it.
    """

    kind: FaultKind
    out_s: float
    noticed_s: float | None
    socket_s: float
    whole_s: float | None
    fills: int


def outcomes_of(injected: Sequence[InjectedFault], gaps: Sequence[RecordedGap]) -> list[FaultOutcome]:
    """Each fault that has happened, with the gap that it made."""
    outcomes: list[FaultOutcome] = []
    for fault in injected:
        if fault.over_s is None:
            continue
        # A lost message is lost at the end of its fault: until then the next fill was waited for.
        since_s = fault.over_s if fault.kind == "message" else fault.began_s
        gap = next((one for one in gaps if one.closed_s is None or one.closed_s >= fault.over_s), None)
        noticed_s = None if gap is None else max(0.0, gap.opened_s - since_s)
        whole_s, socket_s = None, 0.0
        if gap is not None and gap.closed_s is not None:
            whole_s = max(0.0, gap.closed_s - fault.over_s)
            socket_s = max(0.0, (gap.to_ms - fault.over_ms) / 1000) if fault.kind == "plug" else 0.0
        fills = 0 if gap is None else gap.fills
        outcomes.append(FaultOutcome(fault.kind, fault.over_s - since_s, noticed_s, socket_s, whole_s, fills))
    return outcomes


class FaultInjector:
    """
    Pulls the plug, puts it back, and loses a message, round after round.

    Args:
        exchange: Whose sockets.
        plan: When.
        tell: Gets a line for people.

    Attributes:
        injected: What was done.
    """

    def __init__(self, exchange: Sandbox, plan: FaultPlan, tell: Callable[[Annotation], None]) -> None:
        self.injected: list[InjectedFault] = []
        self._exchange = exchange
        self._plan = plan
        self._tell = tell

    async def run(self) -> None:
        """Break the connection, round after round, until cancelled."""
        plan = self._plan
        while True:
            began_s = self._now_s()
            await self._until(began_s + plan.plug_s)
            await self._pull_the_plug(plan.out_s)
            if plan.message_s is not None:
                await self._until(began_s + plan.message_s)
                await self._lose_a_message()
            await self._until(began_s + plan.round_s)

    def clear(self) -> None:
        """Take back what is broken; nothing else is broken from now on."""
        self._exchange.clear_faults()
        last = self.injected[-1] if self.injected else None
        if last is not None and last.over_s is None and last.kind == "plug":
            self._over(last)

    async def _pull_the_plug(self, out_s: float) -> None:
        fault = self._begin("plug", "PLUG    pulled on purpose, and the account goes on trading")
        self._exchange.fault("refuse_connections", scope="ws")
        self._exchange.fault("drop_sockets")
        await asyncio.sleep(out_s)
        self._exchange.clear_faults()
        self._over(fault)
        self._tell(Annotation(self._exchange.now_ms, "PLUG    back in"))

    async def _lose_a_message(self) -> None:
        fault = self._begin(
            "message", "LOSS    on purpose: the next fill's message will not come, and the socket lives"
        )
        number = self._exchange.fault("drop_event", event="ORDER_TRADE_UPDATE", execution_type="TRADE")
        while any(each["id"] == number for each in self._exchange.faults()):  # noqa: ASYNC110 - no event tells it
            await asyncio.sleep(LOOK_EVERY_S)
        self._over(fault)

    def _over(self, fault: InjectedFault) -> None:
        fault.over_s, fault.over_ms = self._now_s(), self._exchange.now_ms

    def _begin(self, kind: FaultKind, text: str) -> InjectedFault:
        fault = InjectedFault(kind, self._now_s())
        self.injected.append(fault)
        self._tell(Annotation(self._exchange.now_ms, text))
        return fault

    async def _until(self, at_s: float) -> None:
        await asyncio.sleep(max(0.0, at_s - self._now_s()))

    @staticmethod
    def _now_s() -> float:
        return asyncio.get_running_loop().time()
