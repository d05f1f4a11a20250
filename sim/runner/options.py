"""Draw a run's options from its seed: the accounts, the venue's behaviour, the network's quality."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Final

from sim.environment.options import EPOCH_MS, Options

IDLE_AUDIT_S: Final = 1800.0
IDLE_EPISODE_S: Final = 1800.0


def draw_options(seed: int, mode: str = "safety", days: float = 0.25) -> Options:
    """The options of a seed. The same seed gives the same ones."""
    rng = random.Random(f"{seed}:options")
    processes, accounts = rng.choice(
        (((1, 1, 1, 1), (0, 1, 2, 3)), ((1, 1, 1, 1), (0, 1, 2, 2)), ((2, 1, 1), (0, 1, 2)), ((2, 1, 1), (0, 0, 1)))
    )
    switches = {
        "bad_key": rng.choice(("silent", "silent", "refuse", "close")),
        "after_key_end": rng.choice(("open", "close")),
        "expired_event_time": rng.choice(("string", "number")),
        "ping_every_s": (period := rng.choice((180, 300))),
        "pong_within_s": {180: 600, 300: 900}[period],
        "delete_pushes_expired": rng.random() < 0.8,
        "post_answers_expiration": rng.random() < 0.7,
        "put_answers_key": rng.random() < 0.2,
        "retry_after": rng.random() < 0.7,
        "weight_per_minute": rng.choice((400, 1200, 2400)),
        "rate_limit_code": rng.choice((-1008, -1003)),
        "envelope_on_ws": rng.random() < 0.2,
    }
    sparse = mode == "long"
    drawn = Options(
        seed=seed,
        mode=mode,
        days=days,
        processes=processes,
        accounts=accounts,
        start_ms=EPOCH_MS + rng.randrange(0, 86_400) * 1000,
        latency_ms=(latency_ms := rng.choice((0.2, 5.0, 40.0, 150.0))),
        jitter_ms=latency_ms * rng.choice((0.1, 1.0, 3.0)),
        episode_s=rng.choice((180.0, 400.0, 1200.0)) * (10 if sparse else 1),
        hold_s=rng.choice((1.0, 10.0, 30.0, 120.0)) / (5 if sparse else 1),
        level=rng.choice((0.5, 1.0, 3.0, 6.0)) * {"liveness": 3.0, "long": 0.05}.get(mode, 1.0),
        rotate_after_s=rng.choice((82_800.0, 7_200.0, 1_800.0, 600.0, 60.0)),
        every_ping=rng.random() < 0.03 and not sparse,
        recovers=rng.random() < 0.85,
        journal=rng.random() < 0.7,
        commit_every=rng.choice((0, 1, 10, 100)),
        attach=rng.choice(("subscribe", "subscribe", "path", "query", "streams")),
        switches=tuple(sorted(switches.items())),
    )
    return idle(drawn) if mode == "idle" else drawn


def idle(options: Options) -> Options:
    """The same where an account is idle for most of the time, and is audited less often then."""
    return replace(
        options, recovers=True, idle_audit_s=IDLE_AUDIT_S, episode_s=IDLE_EPISODE_S, hold_s=1.0, rotate_after_s=82_800.0
    )
