"""The registry of kinds of fault: how long each lasts, how often it comes, what is drawn for it, and what it does."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Final

from listenkey.venue import (
    BILL_PATH,
    EXCHANGE_INFO_PATH,
    HISTORY_ORDERS_PATH,
    LISTEN_KEY_PATH,
    OPEN_ORDERS_PATH,
    POSITION_PATH,
    TIME_PATH,
    USER_TRADES_PATH,
)
from sim.faults import (
    api_keys,
    cancellation,
    clocks,
    co_tenants,
    consumers,
    disk,
    events,
    exchange,
    journal_files,
    listen_keys,
    network,
    processes,
    rest,
    sockets,
)
from sim.faults.injector import Effect
from sim.faults.model import Kind, Params


def _way(rng: random.Random) -> Params:
    return {"way": rng.choice(("in", "out", "both"))}


def _when(rng: random.Random) -> Params:
    return {"in_write": rng.random() < 0.7}


def _place(rng: random.Random) -> Params:
    """Listen keys alone, or all of REST."""
    return {"path": rng.choice((LISTEN_KEY_PATH, "/eapi/"))}


def _status(rng: random.Random) -> Params:
    status = rng.choice((500, 502, 503, 503, 504, 408, 403))
    # A 403 in JSON says that the API key is refused, and ends a stream; a firewall says it in HTML.
    return _place(rng) | {"status": status, "executed": rng.random() < 0.5, "html": status == 403 or rng.random() < 0.4}


def _close_code(rng: random.Random) -> Params:
    return {"close_code": rng.choice((1000, 1001, 1008, 1011, 1012, 1013, 4001, None))}


def _bad_frame(rng: random.Random) -> Params:
    names = ("not_json", "array", "null", "number", "string", "unknown_event", "wrong_types", "long_id",
             "invalid_utf8", "truncated")  # fmt: skip
    return {"frames": [rng.choice(names)]}


def _damage(rng: random.Random) -> Params:
    """Draw a damage, and if somebody verifies the journal before the program is started on it, or only later."""
    return {"what": rng.choice(("flip", "flip", "flip", "swap", "remove")), "verified": rng.random() < 0.4}


def _moved(rng: random.Random) -> Params:
    """Draw the end of a journal that is moved, and if the files beside it come with it."""
    return _when(rng) | {"how": rng.choice(("kill", "power")), "beside": rng.random() < 0.5}


def _wrong_by(rng: random.Random) -> Params:
    """Draw the error of a wall clock, in the process before a restart or in the one after it."""
    return {"ms": rng.choice((-1, 1)) * rng.choice((3_600_000, 86_400_000)), "before": rng.random() < 0.7}


def _lagging(rng: random.Random) -> Params:
    """Draw the lists of REST that lag, by how much, and if fills of one contract follow closely upon each other."""
    path = rng.choice((BILL_PATH, USER_TRADES_PATH, "/eapi/"))
    return {"ms": rng.randint(1000, 60_000), "path": path, "busy": rng.random() < 0.3}


def _refusal(rng: random.Random) -> Params:
    """Draw the answer that refuses contracts, the half that is refused, and if their fills are missing from a gap."""
    return {
        "answer": rng.choice((400, 400, 403, 500)),
        "half": rng.randrange(2),
        "gap": rng.random() < 0.5,
    }


def _late_positions(rng: random.Random) -> Params:
    """Positions are pushed late, or not at all; and whether fills are lost meanwhile."""
    return {"late_ms": rng.choice((None, None, 5000, 20_000)), "drops": rng.random() < 0.6}


def _step(rng: random.Random) -> Params:
    return {"execution_type": rng.choice(("NEW", "CANCELED", "CANCELED", "EXPIRED"))}


def _unseen_how(rng: random.Random) -> Params:
    return {"how": rng.choice(("down", "mute", "cut", "lost"))}


def _fields(rng: random.Random) -> Params:
    """Draw the form of fields that do not apply, and of amounts."""
    return {
        "empty_fields": rng.choice(("absent", "null", "empty")),
        "amount_format": rng.choice(("plain", "exponent")),
        "maker_fee": rng.random() < 0.3,
        "position_events": rng.choice(("each", "gathered")),
    }


def _constant_or_growing(rng: random.Random) -> Params:
    return {"ms": rng.randint(200, 3000), "grows": rng.random() < 0.5, "kills": rng.random() < 0.5}


def _shape(rng: random.Random) -> Params:
    """
    Draw what has a wrong shape.

    Every answer, or one in three, has one field that is, another one each time. Or the same rows of each list have lost
    what says which they are, for as long as it lasts.
    """
    return {
        "share": rng.choice((0.3, 1.0)),
        "restart": rng.random() < 0.5,
        "path": rng.choice(("/eapi/", "/eapi/", *SHAPED_PATHS)),
        "rows": rng.random() < 0.4,
    }


def _cancelled(rng: random.Random) -> Params:
    """Draw the phase of a cancellation, its steps of the event loop, and its repetitions during the closing."""
    return {
        "where": rng.choice(("opening", "reading", "committing", "closing")),
        "steps": rng.choice((0, 1, 2, 3, 5, 8, 13, 30)),
        "again": rng.choice((0, 0, 1, 3)),
    }


SHAPED_PATHS: Final = (BILL_PATH, USER_TRADES_PATH, POSITION_PATH, OPEN_ORDERS_PATH, HISTORY_ORDERS_PATH,
                       EXCHANGE_INFO_PATH, TIME_PATH, LISTEN_KEY_PATH)  # fmt: skip

SELDOM: Final = 0.15
RARE: Final = 0.05
"""The rate of kinds that make much happen, or whose row other kinds show as well."""

KINDS: Final[dict[str, Kind]] = {
    # The network. `way` is seen from the client.
    "reset": Kind(0, 0, 8),
    "late_close": Kind(1, 30, 4),
    "nat_loss": Kind(0, 0, 6, _way),
    "partition": Kind(1, 120, 6, _way),
    "surge": Kind(5, 180, 4),
    "refuse": Kind(1, 300, 4),
    "syn_loss": Kind(1, 180, 4),
    "rest_cut": Kind(5, 900, 4, lambda rng: {"way": rng.choice(("in", "out", "reset"))}),
    "flapping": Kind(30, 300, 0.7),
    # The client's machine.
    "suspend": Kind(5, 7200, 1.5),
    "stall": Kind(0.5, 60, 4),
    "crash": Kind(1, 300, 12, _when),
    "power_cut": Kind(5, 300, 9, _when),
    "disk_slow": Kind(5, 120, 3, lambda rng: {"ms": rng.randint(500, 5000)}),
    "disk_full": Kind(5, 300, 2),
    "disk_errors": Kind(0.5, 60, 4, lambda rng: {"name": rng.choice(("SQLITE_IOERR_FSYNC", "SQLITE_IOERR_WRITE"))}),
    "clock_step": Kind(0, 0, 2, lambda rng: {"ms": rng.choice((-1, 1)) * rng.choice((50, 1000, 60_000, 3_600_000))}),
    # The venue's sockets and events.
    "close": Kind(0, 0, 6, _close_code),
    "freeze": Kind(0, 0, 4),  # for good: what is thawed would have lost events as no connection does
    "refuse_ws": Kind(1, 120, 3),
    "shutdown": Kind(0, 0, 3),
    "ack_dead": Kind(30, 600, 2),
    "duplicate": Kind(5, 600, 4, lambda rng: {"copies": rng.randint(1, 3)}),
    "reorder": Kind(5, 300, 2),
    "delay": Kind(5, 120, 2, lambda rng: {"ms": rng.randint(100, 20_000)}),
    "malformed": Kind(5, 60, 4, _bad_frame),
    "mute": Kind(10, 300, 4),
    "drop_event": Kind(10, 120, 4),
    # Listen keys.
    "key_expires": Kind(0, 0, 4),
    "key_dies_silently": Kind(0, 0, 3),
    "key_deleted": Kind(0, 0, 3),
    "key_replaced": Kind(0, 0, 2),
    "old_key_expires": Kind(0, 0, 4),
    "key_fight": Kind(30, 600, 0.5),
    # REST.
    "http_status": Kind(5, 1500, 4, _status),
    "rate_limit": Kind(5, 300, 3, lambda rng: _place(rng) | {"retry_after": rng.choice((1, 10, 60, 120))}),
    "ban": Kind(60, 1200, 1.5),
    "slow": Kind(5, 300, 2, lambda rng: _place(rng) | {"ms": rng.randint(20, 400)}),
    "hang": Kind(5, 300, 3, lambda rng: _place(rng) | {"executed": rng.random() < 0.5}),
    "retired": Kind(5, 120, 1, lambda rng: {"status": rng.choice((404, 410))}),
    "rest_lag": Kind(10, 900, 10, lambda rng: {"ms": rng.randint(500, 30_000)}),
    "stale_snapshot": Kind(10, 600, 8, lambda rng: {"ms": rng.randint(0, 30_000)}),
    "clock_skew": Kind(10, 900, 2, lambda rng: {"ms": rng.choice((-1, 1)) * rng.randint(500, 6000)}),
    # What fewer worlds have. The network:
    "loss": Kind(10, 300, 6, share=SELDOM),
    "narrow": Kind(10, 120, 6, share=SELDOM),
    "black_hole": Kind(10, 120, 6, share=SELDOM),
    "no_name": Kind(5, 180, 6, lambda rng: {"hangs": rng.random() < 0.5}, SELDOM),
    "tls_refused": Kind(5, 180, 6, share=SELDOM),
    "all_lose": Kind(0, 0, 6, share=SELDOM),
    # Sockets.
    "bad_protocol": Kind(0, 0, 8, lambda rng: {"close_code": rng.choice((1002, 1007, 1009))}, SELDOM),
    "day_limit": Kind(20, 300, 6, share=SELDOM),
    "pongs_lost": Kind(10, 120, 6, share=SELDOM),
    "burst": Kind(1, 30, 4, lambda rng: {"fills": rng.randint(100, 400)}, SELDOM),
    "maintenance": Kind(10, 600, 4, share=SELDOM),
    # Keys.
    "renewals_fail": Kind(30, 1500, 4, share=SELDOM),
    "key_storm": Kind(60, 300, 3, share=SELDOM),
    "key_dies_young": Kind(5, 60, 6, share=SELDOM),
    "no_expiration": Kind(5, 120, 6, lambda rng: {"ahead_ms": rng.choice((None, -1, -3_600_000, 1 << 40))}, SELDOM),
    # REST.
    "bad_answers": Kind(5, 300, 6, lambda rng: {"form": rng.choice(("half", "empty", "null", "text", "html"))}, SELDOM),
    "key_revoked": Kind(5, 300, 4, share=SELDOM),
    "trades_lag": Kind(10, 600, 8, lambda rng: {"ms": rng.randint(500, 30_000)}, SELDOM),
    "paging": Kind(30, 900, 6, share=SELDOM),
    "limit_lowered": Kind(30, 600, 4, share=SELDOM),
    "ban_all": Kind(60, 600, 2, share=SELDOM),
    # The machine and its programs.
    "drift": Kind(60, 900, 4, lambda rng: {"ms": rng.choice((-50, 50))}, SELDOM),
    "expiry": Kind(0, 0, 4, share=SELDOM),
    "two_keys": Kind(0, 0, 4, share=SELDOM),
    "sigterm": Kind(5, 120, 8, share=SELDOM),
    "second_instance": Kind(0, 0, 8, share=SELDOM),
    "user_code": Kind(1, 60, 6, share=SELDOM),
    "slow_reader": Kind(5, 120, 6, share=SELDOM),
    "no_descriptors": Kind(5, 120, 6, share=SELDOM),
    "crash_loop": Kind(10, 60, 4, share=SELDOM),
    "torn_tail": Kind(1, 60, 8, share=SELDOM),
    "folder_gone": Kind(5, 120, 6, share=SELDOM),
    # The venue's manners, who reads, and what is read in pieces.
    "generation": Kind(10, 600, 6, share=SELDOM),
    "retention": Kind(170, 500, 6, lambda rng: {"keeps_s": rng.randint(120, 150)}, SELDOM),
    "poison": Kind(5, 60, 4, lambda rng: {"fills": rng.randint(3, 12)}, SELDOM),
    "comes_and_goes": Kind(1, 300, 6, lambda rng: {"new_key": rng.random() < 0.5}, SELDOM),
    "no_output": Kind(5, 120, 6, lambda rng: {"hangs": rng.random() < 0.5}, SELDOM),
    "pieces": Kind(10, 300, 6, share=SELDOM),
    # What becomes of a journal's files between two lives of a process.
    "bit_flipped": Kind(20, 90, 6, _damage, SELDOM),
    "older_copy": Kind(20, 600, 6, lambda rng: {"way": rng.choice(("files", "vacuum"))}, SELDOM),
    "takeover": Kind(1, 120, 6, _moved, SELDOM),
    "other_version": Kind(10, 120, 6, share=SELDOM),
    # What trials found that share nothing with all this. Clocks that are wrong across a restart:
    "wrong_clock": Kind(200, 500, 6, _wrong_by, RARE),
    "wrong_clock_limited": Kind(10, 60, 6, _wrong_by, RARE),
    # REST that is behind while single fills are lost, that refuses one contract, that answers in a wrong shape:
    "lag_and_drops": Kind(30, 600, 6, _lagging, RARE),
    "contract_refused": Kind(60, 600, 6, _refusal, RARE),
    "wrong_shape": Kind(10, 300, 6, _shape, RARE),
    "held_while_hanging": Kind(15, 60, 6, share=RARE),
    # A venue that pushes no positions, loses single steps of orders, and takes its time:
    "no_positions": Kind(30, 600, 6, _late_positions, RARE),
    "ids_by_contract": Kind(0, 0, 4, share=RARE),
    "odd_fields": Kind(0, 0, 4, _fields, RARE),
    "order_step_lost": Kind(10, 120, 6, _step, RARE),
    "latency": Kind(60, 600, 6, _constant_or_growing, RARE),
    "expiry_unseen": Kind(20, 120, 4, _unseen_how, RARE),
    "short_sockets": Kind(30, 150, 4, share=RARE),
    "traded_before": Kind(0, 0, 4, lambda rng: {"fills": rng.randint(5, 40), "lives_ms": rng.randint(500, 4000)}, RARE),
    # API keys that are replaced, lose a right, or never had a secret that fits:
    "key_rotated": Kind(1, 60, 6, share=RARE),
    "right_lost": Kind(30, 300, 4, share=RARE),
    "wrong_secret": Kind(40, 150, 4, share=RARE),
    # The user's own task is cancelled:
    "cancelled": Kind(0, 0, 8, _cancelled, RARE),
}

BEGIN: Final[Mapping[str, Effect]] = {
    **network.BEGIN,
    **sockets.BEGIN,
    **events.BEGIN,
    **exchange.BEGIN,
    **listen_keys.BEGIN,
    **api_keys.BEGIN,
    **rest.BEGIN,
    **processes.BEGIN,
    **clocks.BEGIN,
    **disk.BEGIN,
    **journal_files.BEGIN,
    **consumers.BEGIN,
    **co_tenants.BEGIN,
    **cancellation.BEGIN,
}
"""The effect of each kind when it begins."""

END: Final[Mapping[str, Effect]] = {
    **network.END,
    **sockets.END,
    **events.END,
    **listen_keys.END,
    **api_keys.END,
    **rest.END,
    **processes.END,
    **clocks.END,
    **disk.END,
    **journal_files.END,
    **consumers.END,
    **co_tenants.END,
}
"""The effect of its end, where it has one."""
