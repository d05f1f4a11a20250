"""
Items into Redis Streams: one stream an account, the item's number as the id, and the group's cursor in the same step.

Redis refuses an id that is not above the newest one: that is a repeat, which was written already.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import msgspec

from listenkey.errors import JournalError, UsageError
from listenkey.gateway.consumers.bridges.patience import Patience
from listenkey.gateway.consumers.group_cursor import NOTHING_READ, GroupCursor, Portion
from listenkey.gateway.consumers.group_names import GroupPartition
from listenkey.journal.jetstream.fact_cell import Overtaken
from listenkey.wire.json_lines import to_line

if TYPE_CHECKING:
    from redis.asyncio import Redis

MISSING: Final = "items into Redis need the package redis: pip install 'listenkey[redis]'"
PREFIX: Final = "listenkey:"
OPTIONS: Final = ("password_file", "prefix", "items_max")
PASSWORD_BYTES_MAX: Final = 4096
ANSWER_WITHIN_S: Final = 10.0
SCRIPT: Final = """
local now = redis.call('GET', KEYS[1]) or ''
if now == ARGV[2] then return 1 end
if now ~= ARGV[1] then return 0 end
for i = 2, #KEYS do
    local id, item, added = ARGV[2 * i], ARGV[2 * i + 1], nil
    if ARGV[3] == '' then
        added = redis.pcall('XADD', KEYS[i], id, 'item', item)
    else
        added = redis.pcall('XADD', KEYS[i], 'MAXLEN', '~', ARGV[3], id, 'item', item)
    end
    if type(added) == 'table' and added.err and not string.find(added.err, 'equal or smaller', 1, true) then
        return redis.error_reply(added.err)
    end
end
redis.call('SET', KEYS[1], ARGV[2])
return 1
"""
"""
Keys: of the cursor, and of the stream of each item. Arguments: the cursor before and behind, the limit of a stream, then the id and
the text of each item. Answers 1 where the cursor stands behind the items, 0 where it was another one.

A transaction would store the cursor although an item before it was refused, for example because its key is no stream.
"""


class RedisStore:
    """
    A `CursorStore` in Redis or Valkey, on one primary. Use it as `async with`.

    Args:
        address: `redis://HOST:PORT/DATABASE`, or `rediss://` with TLS. Options behind a question mark: `prefix=` of all keys,
            `listenkey:` where it is left out; `password_file=PATH`; `items_max=N`, about how many items of each account are kept,
            all where it is left out.

    Raises:
        UsageError: An option is wrong.
    """

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        if strange := sorted(options.keys() - set(OPTIONS)):
            raise UsageError(f"an address of Redis has no option {strange[0]!r}: there are {', '.join(OPTIONS)}")
        items_max = options.get("items_max")
        if items_max is not None and not (items_max.isascii() and items_max.isdigit() and int(items_max)):
            raise UsageError(f"items_max is a number of items, and not {items_max!r}")
        self._items_max = None if items_max is None else int(items_max)
        self._prefix = options.get("prefix", PREFIX)
        self._password_file = options.get("password_file")
        self._address = urlunsplit(parts._replace(query=""))
        self._client: Redis | None = None
        self._lost: tuple[type[Exception], ...] = ()
        self._refused: tuple[type[Exception], ...] = ()

    async def __aenter__(self) -> Self:
        """
        Connect.

        Raises:
            UsageError: The package is missing, or the password can't be read.
            JournalError: The server is not there, or refused.
        """
        try:
            from redis import exceptions  # noqa: PLC0415 - only who uses it needs the package
            from redis.asyncio import Redis  # noqa: PLC0415
        except ImportError:
            raise UsageError(MISSING) from None
        self._lost = (
            exceptions.ConnectionError,
            exceptions.TimeoutError,
            exceptions.BusyLoadingError,
            exceptions.ReadOnlyError,
            exceptions.OutOfMemoryError,
            OSError,
        )
        self._refused = (exceptions.RedisError,)
        password = await asyncio.to_thread(self._password)
        self._client = Redis.from_url(self._address, password=password, socket_timeout=ANSWER_WITHIN_S)
        try:
            await self._client.ping()
        except (exceptions.RedisError, OSError) as error:
            await self._client.aclose()
            raise JournalError(f"Redis can't be used: {error}") from None
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Disconnect."""
        if self._client is not None:
            await self._client.aclose()

    async def load(self, partition: GroupPartition) -> GroupCursor:
        """Return the stored cursor. Goes on until the server answers. Raises JournalError where it refuses."""
        assert self._client is not None
        patience = Patience("Redis")
        while True:
            try:
                return _cursor(await self._client.get(self._key(partition)))
            except self._lost as error:
                await patience.wait(str(error))
            except self._refused as error:
                raise JournalError(f"Redis refused: {error}") from None

    async def store(self, portion: Portion) -> None:
        """
        Add the items to their streams, and store their cursor, all or nothing. Goes on until the server answers.

        Raises:
            Overtaken: Another member has stored a cursor.
            JournalError: The server refused.
        """
        assert self._client is not None
        keys = [self._key(portion.partition)]
        words: list[str | bytes] = [
            b"" if portion.before.writes == 0 else msgspec.json.encode(portion.before),
            msgspec.json.encode(portion.behind),
            "" if self._items_max is None else str(self._items_max),
        ]
        for stored in portion.items:
            keys.append(f"{self._prefix}{stored.item.account}")
            words += [f"{stored.item.seq}-0", to_line(stored.item)]
        patience = Patience("Redis")
        while True:
            try:
                is_ours: Any = await self._client.eval(SCRIPT, len(keys), *keys, *words)
            except self._lost as error:
                await patience.wait(str(error))
            except self._refused as error:
                raise JournalError(f"Redis refused: {error}") from None
            else:
                break
        if not is_ours:
            raise Overtaken

    def _key(self, partition: GroupPartition) -> str:
        return f"{self._prefix}cursor:{partition.group}:{partition.key}"

    def _password(self) -> str | None:
        if self._password_file is None:
            return None
        try:
            with Path(self._password_file).open("rb") as file:
                return file.read(PASSWORD_BYTES_MAX).decode().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(
                f"the password of Redis can't be read from {self._password_file}: {type(error).__name__}"
            ) from None


def _cursor(found: bytes | str | None) -> GroupCursor:
    return NOTHING_READ if found is None else msgspec.json.decode(found, type=GroupCursor)
