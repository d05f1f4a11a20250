"""Decide whether servers keep what they acknowledge, from what they say of themselves; and say what is given up else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from listenkey.journal.jetstream.address import LogAddress, Risk

API_LEVEL_MIN: Final = 5
"""Of server 2.15. Below 2.11 a server ignores the fence, and below 2.12 it knows no batch: no option gives that up."""

VERSION_MIN: Final = "2.15"

DAYS_KEPT: Final = 30
DUPLICATE_WINDOW_S: Final = 600
SESSION_TTL_S: Final = 15
STREAM_BYTES_MAX: Final = 16 * 1024**3
NS: Final = 1_000_000_000


class Lacking(msgspec.Struct, frozen=True):
    """
    Something that the servers lack.

    Attributes:
        what: In words, with what to do.
        risk: The name by which it may be given up; None where it may not.
    """

    what: str
    risk: Risk | None = None


def lacking_in_level(account: Mapping[str, Any]) -> Iterator[Lacking]:
    """Yield the lack that shows in the answer of `$JS.API.INFO`."""
    level = account.get("api", {}).get("level", 0)
    if not isinstance(level, int) or level < API_LEVEL_MIN:
        yield Lacking(
            f"the server is older than {VERSION_MIN} (its API level is {level}, not {API_LEVEL_MIN}): renew it"
        )


def lacking_in_stream(config: Mapping[str, Any], address: LogAddress) -> Iterator[Lacking]:
    """Yield each lack in the settings of the stream."""
    name = address.names.stream
    replicas = config.get("num_replicas", 0)
    if replicas < address.replicas:
        yield Lacking(
            f"the stream {name} is kept by {replicas} of {address.replicas} servers: an item is lost with them",
            Risk.FEWER_REPLICAS,
        )
    if missing := sorted(set(address.names.subjects) - set(config.get("subjects") or ())):
        yield Lacking(f"the stream {name} does not keep the subjects {', '.join(missing)}")
    for option, wanted in NEEDED.items():
        if config.get(option) != wanted:
            yield Lacking(f"the stream {name} has {option} {config.get(option)!r}, and needs {wanted!r}")
    if config.get("persist_mode", "default") not in {"", "default"}:
        yield Lacking(f"the stream {name} is written asynchronously", Risk.NO_SYNC)


NEEDED: Final[Mapping[str, Any]] = {
    "retention": "limits",
    "storage": "file",
    "discard": "new",
    "allow_atomic": True,
    "allow_direct": True,
    "allow_msg_ttl": True,
    "deny_delete": True,
}
"""Settings of the stream without which an item can be lost, doubled, or not be read."""


def lacking_in_sync(servers: Sequence[tuple[str, Mapping[str, Any] | None]]) -> Iterator[Lacking]:
    """
    Yield each lack in the way the servers write.

    Args:
        servers: The address of each one's monitor, and its answer to `/jsz`; None where none came.
    """
    if not servers:
        yield Lacking(
            "whether the servers write each item to the disk before they acknowledge it is only told by their monitors: "
            "name them (nats://...?monitor=http://a:8222,http://b:8222,http://c:8222)",
            Risk.NO_SYNC,
        )
    for where, answer in servers:
        if answer is None:
            yield Lacking(f"the monitor {where} does not answer, so how its server writes is not known", Risk.NO_SYNC)
        elif answer.get("config", {}).get("sync_always") is not True:
            yield Lacking(
                f"the server of {where} acknowledges items that are not on the disk: set jetstream {{ sync_interval: always }}",
                Risk.NO_SYNC,
            )


def refusal(lacking: Sequence[Lacking], accepted: frozenset[Risk]) -> str | None:
    """Return why the servers are refused, in words that say what to do; None where all that is lacking is given up."""
    left = [one for one in lacking if one.risk is None or one.risk not in accepted]
    if not left:
        return None
    risks = sorted({one.risk for one in left if one.risk is not None})
    text = "; ".join(one.what for one in left)
    if risks:
        text += f". To do without: accept={','.join(risks)}, which gives up that acknowledged items are kept"
    return f"the servers of NATS may lose items: {text}"


def stream_settings(address: LogAddress, days: float = DAYS_KEPT, bytes_max: int = STREAM_BYTES_MAX) -> dict[str, Any]:
    """The settings of the stream."""
    return {
        "name": address.names.stream,
        "subjects": list(address.names.subjects),
        "num_replicas": address.replicas,
        "max_bytes": bytes_max,
        "max_age": int(days * 86_400) * NS,
        "duplicate_window": DUPLICATE_WINDOW_S * NS,
        **NEEDED,
    }


def bucket_settings(address: LogAddress, bucket: str) -> dict[str, Any]:
    """The settings of the stream behind a bucket: those of a key-value store with one value a key."""
    return {
        "name": f"KV_{bucket}",
        "subjects": [f"$KV.{bucket}.>"],
        "num_replicas": address.replicas,
        "max_msgs_per_subject": 1,
        "max_msgs": -1,
        "max_bytes": -1,
        "retention": "limits",
        "storage": "file",
        "discard": "new",
        "deny_delete": True,
        "allow_rollup_hdrs": True,
        "allow_direct": True,
        "allow_msg_ttl": True,
        "subject_delete_marker_ttl": SESSION_TTL_S * NS,
        "duplicate_window": DUPLICATE_WINDOW_S * NS,
    }
