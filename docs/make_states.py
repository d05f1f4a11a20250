"""
Draw the states of a stream from the transition table itself: `python docs/make_states.py`.

The table names for each pair of state and input a handler, and the states that may follow. The picture stands in
docs/explanation/lifecycle.md between two markers; a test compares.

Which state follows depends on what the handler finds. So `explore` plays every input that can occur to every situation
that can be reached, and writes down what happens; a test compares that with the table.
"""

# ruff: noqa: INP001 - a script beside pages, in no package
from __future__ import annotations

import copy
import functools
import sys
from collections import defaultdict, deque
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeAlias

from listenkey.core import inputs as on
from listenkey.core.lifecycle import TRANSITIONS, Lifecycle
from listenkey.core.retry_policy import Disposition, RetryDecision
from listenkey.core.states import State
from listenkey.credentials import Secret
from listenkey.errors import KeyUnknown, Refused, Retired, Unreachable
from listenkey.outcomes import GapCause, Reason

LOST: Final = Reason(GapCause.UNKNOWN, "lost")

PAGE: Final = Path(__file__).parent / "explanation" / "lifecycle.md"
BEGIN: Final = "<!-- states: made by docs/make_states.py -->"
END: Final = "<!-- end of states -->"

WORDS: Final[dict[type[on.Input], str]] = {
    on.Started: "you open it",
    on.StopAsked: "you close it",
    on.TimerDue: "a deadline comes",
    on.KeyReady: "POST gives a key",
    on.KeyNotReady: "POST fails",
    on.KeyRenewed: "PUT renews the key",
    on.KeyNotRenewed: "PUT fails",
    on.KeyEnded: "listenKeyExpired",
    on.SocketAttached: "a socket has the key",
    on.SocketNotOpened: "a socket does not open",
    on.SocketLost: "a socket is lost",
    on.PongCame: "a pong comes",
    on.EventCame: "the first event comes",
    on.VenueLeaving: "serverShutdown",
    on.FrameUnreadable: "an unreadable frame comes",
    on.Recovered: "REST gave what was missed",
    on.RecoveredPart: "REST gave a part of it",
    on.NotRecovered: "REST did not give it",
    on.HeldTooMuch: "too many events wait",
    on.CoverageEnded: "coverage ended earlier",
    on.Doubted: "a loss is suspected",
    on.StreamSilent: "the socket brings nothing",
    on.AccountWoke: "the first event of an idle account",
    on.Audited: "REST history agrees",
    on.NotAudited: "REST history can't be read",
}
IGNORED: Final = "–"
STAYS: Final = "stays"

Edges: TypeAlias = dict[tuple[State, type[on.Input]], set[State]]
Step: TypeAlias = tuple[on.Input, float, bool]  # what happens, when, and whether sockets were heard just before
PINGS_MAX: Final = 8


def inputs(life: Lifecycle, now_s: float) -> Iterator[Step]:
    """Everything that can happen to this life next."""
    later = RetryDecision(Disposition.WAIT, 0.0, Unreachable("venue", "down"))
    refused = RetryDecision(Disposition.STOP, 0.0, Refused(401, -2015))
    retired = RetryDecision(Disposition.WAIT, 60.0, Retired(410))
    key = life.listen_key.key or Secret("none yet")
    plain: list[on.Input] = [on.Started(), on.StopAsked(), on.KeyEnded(key), on.KeyEnded(Secret("an old one"))]
    plain += [on.KeyReady(Secret(f"key {round(now_s)}")), on.KeyReady(Secret("the same"))]
    plain += [on.KeyNotReady(verdict) for verdict in (later, refused, retired)]
    plain += [on.KeyRenewed(key, now_s), on.KeyRenewed(key, 0.0)]
    dead = RetryDecision(Disposition.NEW_KEY, 0.0, KeyUnknown(400, -1125))
    plain += [on.KeyNotRenewed(key, verdict) for verdict in (later, refused, dead)]
    for number, socket in life.connections.sockets.items():
        plain += [on.SocketLost(number, LOST), on.FrameUnreadable(number, "not JSON")]
        if not socket.attached:
            plain += [on.SocketAttached(number)]
            plain += [on.SocketNotOpened(number, verdict) for verdict in (later, retired)]
        if number == life.connections.followed:
            plain += [on.EventCame(number), on.VenueLeaving(number), on.PongCame(number, life.connections.pings)]
            if life.rotation.overlap_until_s is not None:
                yield on.PongCame(number, life.connections.pings), life.rotation.overlap_until_s, True
    plain += [on.SocketAttached(999), on.SocketNotOpened(999, later), on.SocketLost(999, LOST), on.PongCame(999, 0)]
    plain += [on.EventCame(999), on.VenueLeaving(999), on.HeldTooMuch(999)]
    plain += recovery(life, later)
    for happened in plain:
        yield happened, now_s + 0.01, False
    moments = [
        life.connections.open_at_s,
        life.listen_key.ask_at_s,
        life.listen_key.renew_at_s,
        life.rotation.overlap_until_s,
    ]
    moments += [life.listen_key.until_s if life.listen_key.key else None, life.wake_at_s()]
    moments += [life.recovery_policy.hold_until_s, life.recovery_policy.retry_at_s]
    moments += [socket.rotate_at_s for socket in life.connections.sockets.values() if socket.attached]
    for at_s in {at_s for at_s in moments if at_s is not None}:
        for heard in (True, False):
            yield on.TimerDue(), max(at_s, now_s), heard


def recovery(life: Lifecycle, later: RetryDecision) -> list[on.Input]:
    """Return the inputs from REST and from the loss detector, where there is something to sign with."""
    if not life.recovery_policy.active:
        return []
    attempt, number = life.recovery_policy.attempt, life.recovery_policy.audit_schedule.number
    told: list[on.Input] = [on.CoverageEnded(1), on.Doubted(1, LOST), on.StreamSilent(1, LOST)]
    told += [on.Recovered(attempt, (), complete=complete) for complete in (True, False)]
    told += [on.Recovered(attempt, (), orders_due=True), on.RecoveredPart(attempt, 0, 0)]
    told += [on.RecoveredPart(attempt, 2**60, 1)]
    much_later = RetryDecision(Disposition.WAIT, 3600.0, Unreachable("venue", "down"))
    told += [on.NotRecovered(attempt, later), on.NotRecovered(attempt, much_later)]
    told += [on.AccountWoke(), on.Audited(number), on.NotAudited(number, later)]
    return told + [on.HeldTooMuch(followed) for followed in [life.connections.followed] if followed is not None]


def situation(life: Lifecycle) -> object:
    """Return the facts that tell two situations apart: numbers and times are left out."""
    sockets = sorted(
        (
            socket.attached,
            number == life.connections.followed,
            number == life.rotation.successor,
            socket.key == life.listen_key.key,
        )
        for number, socket in life.connections.sockets.items()
    )
    listen_key, open_at_s, overlap_until_s = life.listen_key, life.connections.open_at_s, life.rotation.overlap_until_s
    flags = (
        open_at_s,
        listen_key.ask_at_s,
        listen_key.renew_at_s,
        overlap_until_s,
        life.gaps.open_from_ms,
        listen_key.key,
    )
    more = (life.rotation.pong_seen, life.gaps.ever_live, life._failures % 3)  # noqa: SLF001
    policy = life.recovery_policy
    audits = policy.audit_schedule
    recoveries = (policy.active, policy.running, policy.again, policy.blind)
    looks = (audits._is_under_way, audits.settling)  # noqa: SLF001
    held = (policy.hold_until_s is not None, policy.retry_at_s is not None)
    return (life.state, *sockets, *(flag is not None for flag in flags), *more, *recoveries, *looks, *held)


@functools.cache
def explore() -> Edges:
    """Every step that can be taken, from every situation that can be reached."""
    edges: Edges = defaultdict(set)
    lives = [Lifecycle(), Lifecycle(recovers=True)]
    seen = {situation(life) for life in lives}
    waiting: deque[tuple[Lifecycle, float]] = deque((life, 1000.0) for life in lives)
    while waiting:
        life, now_s = waiting.popleft()
        for happened, at_s, heard in inputs(life, now_s):
            after = copy.deepcopy(life)
            moment = on.Moment(at_s, round(at_s * 1000), 0.5)
            for number in list(after.connections.sockets) if heard else []:
                after.connections.heard(number, at_s)
            after.handle(happened, moment)
            edges[life.state, type(happened)].add(after.state)
            after_s = be_silent(after, at_s, edges) if isinstance(happened, on.TimerDue) and not heard else at_s
            after.take_actions(), after.take_items()
            if situation(after) not in seen:
                seen.add(situation(after))
                waiting.append((after, after_s))
    return edges


def be_silent(life: Lifecycle, now_s: float, edges: Edges) -> float:
    """Let deadline after deadline come and nothing else, until that leads somewhere; when that was."""
    before = life.state
    for _ in range(PINGS_MAX):
        wake_at_s = life.wake_at_s()
        if life.state is not before or wake_at_s is None:
            break
        now_s = max(now_s, wake_at_s)
        life.handle(on.TimerDue(), on.Moment(now_s, round(now_s * 1000), 0.5))
        edges[before, on.TimerDue].add(life.state)
    return now_s


def is_ignored(state: State, kind: type[on.Input]) -> bool:
    """Return True where the table says that nothing is done."""
    return TRANSITIONS[state, kind].handle is Lifecycle._ignore  # noqa: SLF001


def diagram(edges: Edges) -> list[str]:
    """A Mermaid picture: one arrow between two states, with all that leads along it."""
    arrows: dict[tuple[State, State], list[str]] = defaultdict(list)
    for (state, kind), reached in edges.items():
        for after in reached - {state}:
            if after is not State.ENDED or state is State.NEW:  # ENDED is reached from everywhere; the table says so
                arrows[state, after].append(WORDS[kind])
    order = list(WORDS.values())
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> new"]
    for (state, after), words in sorted(arrows.items(), key=lambda one: [list(State).index(s) for s in one[0]]):
        lines.append(f"    {state.value} --> {after.value}: {', '.join(sorted(words, key=order.index))}")
    return [*lines, "```"]


def table(edges: Edges) -> list[str]:
    """Every pair of input and state: where it leads."""
    states = [state for state in State if state not in (State.NEW, State.ENDED)]
    lines = ["| what happens | " + " | ".join(state.value for state in states) + " |", "|---" * (len(states) + 1) + "|"]
    for kind, words in WORDS.items():
        cells = [cell(edges, state, kind) for state in states]
        if any(one != IGNORED for one in cells):
            lines.append(f"| {words} | " + " | ".join(cells) + " |")
    return lines


def cell(edges: Edges, state: State, kind: type[on.Input]) -> str:
    """Return the states that one input leads to from one state."""
    if is_ignored(state, kind):
        return IGNORED
    reached = edges[state, kind]
    words = [after.value for after in State if after in reached and after is not state]
    return ", ".join([STAYS] * (state in reached) + words)


def render() -> str:
    """Return the text between the markers."""
    edges = {pair: set(transition.may_follow) for pair, transition in TRANSITIONS.items()}
    return "\n".join([BEGIN, *diagram(edges), "", *table(edges), END])


def main() -> int:
    """Write the page."""
    text = PAGE.read_text("utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(before + render() + after, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
