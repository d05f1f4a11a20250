"""Check a client's cost to the venue and to its own machine: requests, connections, callbacks."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final

from sim.checkers.violation import Violation
from sim.environment.activity import Client
from sim.world.evidence import Evidence

FIVE_MINUTES_US: Final = 300_000_000
MINUTE_US: Final = 60_000_000
SHARE_MAX: Final = 0.8
"""The share of the weight limit a client may use."""

CONNECTIONS_MAX: Final = 300
REQUESTS_MAX: Final = 120
"""The requests of each method in five minutes: a tenth of the smallest weight limit known, 400 per minute."""

CREATES_MAX: Final = 20
"""The listen keys asked for per minute, as promised of a crash loop."""

ROUNDED_US: Final = 2000
"""The error of times that are written down by the millisecond."""

OPEN_MAX: Final = 3
"""Connections of one stream at once: the one in use, its successor, and one that is being hung up."""

HANDLES_MAX: Final = 50_000


def weight(evidence: Evidence) -> Iterator[Violation]:
    """Every process, with its co-tenants."""
    options = evidence.options
    for number, own in enumerate(options.processes):
        who, client = f"process {number}", evidence.clients[number]
        streams = own + sum(host == number for host, _ in options.co_tenants)
        yield from _requests(client, who, streams - own + 1)
        if not client.starts_us:
            yield from _creates(client, who, streams - own + 1 + _rotated(evidence, number))
        yield from _share(evidence, number, who)
        yield from _rate(who, "connections", client.connects_us, CONNECTIONS_MAX)
        if client.open_most > OPEN_MAX * streams:
            yield Violation("weight.open", who, 0.0, f"{client.open_most} connections open at once")
        if client.open_at_end:
            yield Violation("weight.left", who, evidence.end_us / 1e6, f"{client.open_at_end} connections left open")
        if client.handles_in_a_second_most > HANDLES_MAX:
            yield Violation("weight.spin", who, 0.0, f"{client.handles_in_a_second_most} callbacks in a second")


def _requests(client: Client, who: str, accounts: int) -> Iterator[Violation]:
    for method in ("POST", "PUT"):
        # Each account has a key of its own to ask for; what all of it weighs is looked at by itself.
        times_us = [asked.at_us for asked in client.asked if asked.method == method]
        yield from _rate(who, method, times_us, REQUESTS_MAX * accounts)
    starts = sorted(client.starts_us, reverse=True)
    forbidden: tuple[int, int, int] | None = None  # since when, until when, after which status
    answers = sorted(
        ((asked.answered_us, asked.wait_until_us, asked.status or 0) for asked in client.asked if asked.answered_us),
        reverse=True,
    )
    for asked in client.asked:
        while answers and answers[-1][0] < asked.at_us:
            answered_us, until_us, status = answers.pop()
            if until_us and (forbidden is None or until_us > forbidden[1]):
                forbidden = (answered_us, until_us, status)
        while starts and starts[-1] <= asked.at_us:
            started_us = starts.pop()
            forbidden = None if forbidden is not None and forbidden[0] < started_us else forbidden
        if asked.method == "DELETE":
            yield Violation("weight.delete", who, asked.at_us / 1e6, "a DELETE was sent")
        if forbidden is not None and asked.at_us < forbidden[1]:
            left_s = (forbidden[1] - asked.at_us) / 1e6
            what = f"{asked.method} although a {forbidden[2]} asks for {left_s:.1f} s more of silence"
            yield Violation("weight.banned", who, asked.at_us / 1e6, what)


def _rotated(evidence: Evidence, number: int) -> int:
    """The API keys that an account got; what is asked with each is counted by itself."""
    return len(evidence.of_client(number, frozenset({"key_rotated"})))


def _creates(client: Client, who: str, accounts: int) -> Iterator[Violation]:
    """
    A crash loop asks for keys no more often than it is allowed to, all its processes together, for each account.

    One process that asks alone is bound by its own patience, and by `REQUESTS_MAX`.
    """
    times_us = [asked.at_us for asked in client.asked if asked.method == "POST"]
    most = CREATES_MAX * accounts
    for first, last in zip(times_us, times_us[most:], strict=False):
        if last - first < MINUTE_US - ROUNDED_US and any(first < began_us <= last for began_us in client.lives_us):
            yield Violation("weight.creates", who, last / 1e6, f"more than {most} keys asked for in a minute")
            return


def _share(evidence: Evidence, number: int, who: str) -> Iterator[Violation]:
    """Check the share of the weight limit that all lives of a process use, where each knows of the one before."""
    if evidence.clients[number].starts_us:
        return
    limit = evidence.options.venue_switches().weight_per_minute * SHARE_MAX
    window: deque[tuple[int, int]] = deque()
    spent = 0
    for asked in evidence.clients[number].asked:
        window.append((asked.at_us, asked.weight))
        spent += asked.weight
        while window[0][0] <= asked.at_us - MINUTE_US:
            spent -= window.popleft()[1]
        if spent > limit:
            yield Violation("weight.share", who, asked.at_us / 1e6, f"a weight of {spent} within a minute")
            return


def _rate(who: str, what: str, times_us: Sequence[int], most: int) -> Iterator[Violation]:
    for first, last in zip(times_us, times_us[most:], strict=False):
        if last - first < FIVE_MINUTES_US:
            yield Violation("weight.rate", who, last / 1e6, f"more than {most} {what} in five minutes")
            return
