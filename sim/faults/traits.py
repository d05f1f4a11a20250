"""The traits of kinds of fault: what each hits, what it hides, and what a client can do about it meanwhile."""

from __future__ import annotations

from typing import Final

KEY_KINDS: Final = frozenset({"key_dies_silently", "key_deleted", "key_replaced", "key_expires", "key_fight", "mute",
                              "key_storm", "key_dies_young", "no_expiration", "maintenance"})  # fmt: skip
"""The kinds after which a client may sit on a dead key until its next renewal."""

REST_KINDS: Final = frozenset({"rest_cut", "http_status", "rate_limit", "ban", "slow", "hang", "refuse", "partition",
                               "syn_loss", "surge", "suspend", "stall", "retired", "clock_skew", "loss", "narrow",
                               "black_hole", "no_name", "tls_refused", "no_descriptors", "maintenance", "renewals_fail",
                               "bad_answers", "key_revoked", "limit_lowered", "ban_all", "wrong_shape", "right_lost",
                               "wrong_secret", "held_while_hanging", "wrong_clock_limited", "latency"})  # fmt: skip
"""The kinds that keep a client from asking REST."""

LAG_KINDS: Final = frozenset({"rest_lag", "stale_snapshot", "trades_lag", "lag_and_drops"})
"""REST answers, with what was true a while ago: half a minute at most, a minute where events are lost as well."""

DISK_KINDS: Final = frozenset({"disk_slow", "disk_full", "disk_errors", "folder_gone", "slow_reader", "burst",
                               "no_output"})  # fmt: skip
"""While nothing can be written, nothing is shown; and nothing is read while the consumer does something else."""

NOBODY_READS: Final = frozenset({"slow_reader", "burst", "no_output"})
"""The journal is written meanwhile."""

ASKING: Final = frozenset({"retention", "lag_and_drops", "contract_refused", "held_while_hanging", "right_lost",
                           "wrong_secret", "order_step_lost", "expiry_unseen", "short_sockets", "traded_before",
                           "no_positions"})  # fmt: skip
"""The kinds that only matter to a client that can ask REST."""

LASTING: Final = frozenset({"ack_dead"})
"""A socket that is dead from the beginning stays so, until somebody finds out."""

OF_ALL: Final = frozenset({"all_lose", "ban_all", "limit_lowered", "paging", "expiry",
                           "generation", "retention", "no_positions", "ids_by_contract", "odd_fields"})  # fmt: skip
"""The kinds that hit every account, whichever process they were drawn for."""

OF_BYTES: Final = frozenset({"pieces", "bad_protocol"})
"""Worlds with these have connections down to their bytes."""

OF_ACCOUNT: Final = frozenset({"close", "freeze", "shutdown", "duplicate", "reorder", "delay", "malformed", "mute",
                               "drop_event", "ack_dead", "key_expires", "key_dies_silently", "key_deleted",
                               "key_replaced", "old_key_expires", "key_fight", "key_storm", "poison", "rest_lag",
                               "stale_snapshot", "trades_lag", "lag_and_drops", "order_step_lost"})  # fmt: skip
"""The kinds that hit one account, and nothing else of its process."""

OF_CO_TENANTS: Final = frozenset({"comes_and_goes"})
"""The kinds that hit the co-tenants of a process, and not its own account."""

WITH_CO_TENANTS: Final = frozenset({"poison", "comes_and_goes"})
"""The kinds that need a process with another account beside its own."""

UNSEEN: Final = frozenset({"mute", "drop_event", "ack_dead", "maintenance", "lag_and_drops", "contract_refused",
                           "no_positions", "expiry_unseen"})  # fmt: skip
"""The kinds that no connection shows; only REST does."""

STEPS_UNSEEN: Final = frozenset({"order_step_lost"})
"""The kinds that no connection shows either, and that lose no fills."""

NOT_OF_SOCKETS: Final = frozenset({"http_status", "rate_limit", "ban", "slow", "hang", "rest_cut", "duplicate", "reorder",
                                   "delay", "malformed", "mute", "drop_event", "refuse", "refuse_ws", "syn_loss",
                                   "old_key_expires", "rest_lag", "stale_snapshot", "clock_skew",
                                   "disk_slow", "disk_full", "disk_errors", "no_name", "tls_refused", "no_descriptors",
                                   "burst", "maintenance", "bad_answers", "key_revoked", "trades_lag", "paging",
                                   "limit_lowered", "ban_all", "drift", "expiry", "two_keys", "second_instance",
                                   "user_code", "slow_reader", "folder_gone", "generation", "no_output", "poison",
                                   "lag_and_drops", "no_positions", "order_step_lost", "wrong_shape", "traded_before",
                                   "ids_by_contract", "odd_fields"})  # fmt: skip
"""The kinds that leave an open socket as it is: its pings are answered."""
