"""Answer what is not events: the list of accounts, their snapshots and consumers, adding, re-keying and taking out."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
from aiohttp import web

from listenkey.errors import UsageError
from listenkey.gateway.http.answers import JSON, Problem, answer
from listenkey.gateway.http.refused_words import NAMED, words_of
from listenkey.gateway.http.routes import Route

if TYPE_CHECKING:
    from listenkey.gateway.http.events import EventStreams
    from listenkey.gateway.http.routes import Asked
    from listenkey.gateway.http.served import ServedAccount, ServedAccounts
    from listenkey.gateway.http.snapshots import AccountSnapshots

BODY_BYTES_MAX: Final = 64 * 1024
BODY_WITHIN_S: Final = 10.0

COMMIT_WITHIN_S: Final = 4.0
"""The time that a commit has to get to the disk before it is answered that it does not."""

COMMITS_MAX: Final = 1024
"""Commits that wait for the disk; it takes thousands in a second."""

SCHEMES: Final = ("env:", "file:", "keyring:")
"""The beginnings of a reference to a key. What has none of them could be the key itself."""

CONSUMER: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
"""The name of a consumer."""

NAMES_SHOWN_MAX: Final = 100
"""Accounts that `/readyz` names at most."""


class _Added(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    key: str


class _Rekeyed(msgspec.Struct, forbid_unknown_fields=True):
    key: str


class _Committed(msgspec.Struct, forbid_unknown_fields=True):
    seq: int


Body = TypeVar("Body", bound=msgspec.Struct)


class AccountsApi:
    """
    The calls of the gateway.

    Args:
        accounts: What it serves.
        events: Brings readers their events.
        snapshots: Makes the snapshots.
    """

    def __init__(self, accounts: ServedAccounts, events: EventStreams, snapshots: AccountSnapshots) -> None:
        self._accounts = accounts
        self._events = events
        self._snapshots = snapshots
        self._commits: set[asyncio.Future[None]] = set()

    def routes(self) -> list[Route]:
        """Return every address."""
        one = "/v1/accounts/{name}"
        return [
            Route("GET", "/healthz", self._alive, is_open=True),
            Route("GET", "/readyz", self._ready),
            Route("GET", "/v1/accounts", self._list),
            Route("POST", "/v1/accounts", self._add),
            Route("GET", one, self._one),
            Route("PUT", one, self._rekey),
            Route("DELETE", one, self._take_out),
            Route("GET", f"{one}/events", self._follow, parameters=frozenset({"after"})),
            Route("GET", f"{one}/snapshot", self._snapshot),
            Route("GET", f"{one}/consumers/{{consumer}}", self._cursor),
            Route("PUT", f"{one}/consumers/{{consumer}}", self._commit),
        ]

    # --- reading -------------------------------------------------------------------------------------------------

    async def _alive(self, _: Asked) -> web.StreamResponse:
        return answer({"status": "alive"})

    async def _ready(self, _: Asked) -> web.StreamResponse:
        if self._accounts.is_ready:
            return answer({"ready": True, "accounts": len(self._accounts)})
        rows = [account.describe() for account in self._accounts]
        waiting = [row["name"] for row in rows if not row.get("fills_complete") and not row.get("owner")]
        words = {"ready": False, "accounts": len(self._accounts), "incomplete": waiting[:NAMES_SHOWN_MAX]}
        return answer({**words, "incomplete_count": len(waiting)}, 503)

    async def _list(self, _: Asked) -> web.StreamResponse:
        return answer({"accounts": [self._described(account) for account in self._accounts]})

    async def _one(self, asked: Asked) -> web.StreamResponse:
        return answer(self._described(self._account(asked)))

    async def _follow(self, asked: Asked) -> web.StreamResponse:
        return await self._events.answer(asked.request, self._begun(asked), asked.query)

    async def _snapshot(self, asked: Asked) -> web.StreamResponse:
        return answer(await self._snapshots.of(self._with_journal(asked)))

    # --- consumers -----------------------------------------------------------------------------------------------

    async def _cursor(self, asked: Asked) -> web.StreamResponse:
        account, consumer = self._with_journal(asked), _consumer(asked)
        try:
            seq = await account.cursor(consumer)
        except UsageError as error:
            raise _refused(error, "") from None
        feed = account.feed
        places = {"oldest_seq": await feed.find_oldest(), "newest_seq": feed.last_seq}
        return answer({"account": account.name, "consumer": consumer, "seq": seq, **places})

    async def _commit(self, asked: Asked) -> web.StreamResponse:
        account, consumer = self._with_journal(asked), _consumer(asked)
        seq = (await _body(asked.request, _Committed, '{"seq": 17}')).seq
        if seq < 0:
            raise Problem(400, "bad_body", "A seq is never negative.", "Commit the seq of an item that was read.")
        if seq > account.feed.last_seq:
            raise Problem(
                409,
                "too_new",
                f"The newest item is {account.feed.last_seq}, so nobody can be done with one beyond it.",
                "Commit the seq of an item that was read.",
                {"newest_seq": account.feed.last_seq},
            )
        try:
            await self._committed(account, consumer, seq)
            kept = await account.cursor(consumer)
        except UsageError as error:
            raise _refused(error, "") from None
        return answer({"account": account.name, "consumer": consumer, "seq": kept})

    async def _committed(self, account: ServedAccount, consumer: str, seq: int) -> None:
        """Keep a cursor, or say in time that the disk does not take it; it may be kept later all the same."""
        if len(self._commits) < COMMITS_MAX:
            commit = asyncio.ensure_future(account.commit(consumer, seq))
            self._commits.add(commit)
            commit.add_done_callback(self._commit_ended)
            await asyncio.wait({commit}, timeout=COMMIT_WITHIN_S)
            if commit.done():
                return commit.result()
        raise Problem(
            503,
            "journal",
            "The journal could not be written in time; the cursor may be kept later.",
            "Look at the gateway's disk; the same commit may be sent again.",
            headers={"Retry-After": "1"},
        )

    def _commit_ended(self, commit: asyncio.Future[None]) -> None:
        self._commits.discard(commit)
        if not commit.cancelled():
            commit.exception()  # Somebody has looked: whoever asked may be gone.

    # --- changing ------------------------------------------------------------------------------------------------

    async def _add(self, asked: Asked) -> web.StreamResponse:
        added = await _body(asked.request, _Added, '{"name": "desk-1", "key": "file:/run/secrets/desk-1"}')
        _check_reference(added.key)
        if self._accounts.get(added.name) is not None:
            raise Problem(
                409,
                "account_exists",
                "There is an account of this name already.",
                "Use another name, or change its key with PUT.",
            )
        try:
            account = await self._accounts.add(added.name, added.key)
        except UsageError as error:
            raise _refused(error, added.key) from None
        return answer(self._described(account), 201)

    async def _rekey(self, asked: Asked) -> web.StreamResponse:
        account = self._account(asked)
        key = (await _body(asked.request, _Rekeyed, '{"key": "file:/run/secrets/desk-1"}')).key
        _check_reference(key)
        try:
            await self._accounts.rekey(account.name, key)
        except UsageError as error:
            raise _refused(error, key) from None
        return answer(self._described(self._account(asked)))

    async def _take_out(self, asked: Asked) -> web.StreamResponse:
        account = self._account(asked)
        try:
            await self._accounts.take_out(account.name)
        except UsageError as error:
            raise _refused(error, "") from None
        return answer({"account": account.name, "taken_out": True})

    def _begun(self, asked: Asked) -> ServedAccount:
        """Return the account of an address when its journal is known: what is asked of it needs the newest item."""
        account = self._account(asked)
        if not account.has_begun:
            _check_held(account)
            raise _unopened(account) if _has_failed(account) else _starting()
        return account

    def _with_journal(self, asked: Asked) -> ServedAccount:
        """Return the account of an address when something is known of it: one that failed at once would look empty."""
        account = self._begun(asked)
        if account.feed.last_seq == 0 and _has_failed(account):
            raise _unopened(account)
        return account

    def _described(self, account: ServedAccount) -> dict[str, Any]:
        return {**account.describe(), "readers": self._events.readers_of(account.feed)}

    def _account(self, asked: Asked) -> ServedAccount:
        account = self._accounts.get(asked.names["name"])
        if account is None:
            raise Problem(
                404,
                "unknown_account",
                "There is no account of this name.",
                "GET /v1/accounts lists the names.",
            )
        return account


def _check_held(account: ServedAccount) -> None:
    """Refuse what is asked of another worker's account, and say whose it is."""
    row = account.describe()
    owner, url = row.get("owner"), row.get("owner_url")
    if owner:
        raise Problem(
            421,
            "held_elsewhere",
            f"Another worker holds this account: {owner}.",
            f"Ask {url}, with the same token.",
            {"owner": owner, "owner_url": url},
        )


def _has_failed(account: ServedAccount) -> bool:
    return account.describe().get("status") == "FAILED"


def _starting() -> Problem:
    return Problem(
        503,
        "starting",
        "The account waits for its turn to start.",
        "Ask again in a moment.",
        headers={"Retry-After": "1"},
    )


def _unopened(account: ServedAccount) -> Problem:
    why = words_of(str(account.describe().get("why") or "the log has more"), "")
    return Problem(
        503,
        "journal",
        f"The account has failed, so nothing is known of its journal: {why}",
        "Mend what it says; GET /v1/accounts shows when it is back.",
        headers={"Retry-After": "10"},
    )


def _consumer(asked: Asked) -> str:
    name = asked.names["consumer"]
    if CONSUMER.fullmatch(name) is None:
        raise Problem(
            400,
            "bad_consumer",
            "This is no name of a consumer.",
            "Use at most 64 letters, digits, dots, hyphens and underscores.",
        )
    return name


def _check_reference(key: str) -> None:
    """Refuse what could be a key itself, without quoting it."""
    if not key.startswith(SCHEMES):
        raise Problem(
            400,
            "not_a_reference",
            "The key has to be a reference, and never the key itself. If a key was sent, make a new one at the venue.",
            "Use file:PATH, env:PREFIX or keyring:SERVICE.",
        )


def _refused(error: UsageError, key: str) -> Problem:
    """Return the answer to what the accounts refuse."""
    named = f" {word} is what the reference names." if (word := NAMED.get(key.partition(":")[0])) else ""
    return Problem(400, "refused", words_of(error, key), f"Mend what it says, and send it again.{named}")


async def _body(request: web.BaseRequest, kind: type[Body], example: str) -> Body:
    """Read a body of JSON within its bounds."""
    if request.content_type != JSON:
        raise Problem(
            415, "not_json", "The body is not said to be JSON.", "Send the header Content-Type: application/json."
        )
    raw = await _bytes(request)
    try:
        found = msgspec.json.decode(raw, type=kind)
        # Of a name that comes twice every reader of JSON takes another value. It is flat here, so the second look is safe.
        names = [name for name, _ in json.loads(raw, object_pairs_hook=list)]
        if len(set(names)) == len(names):
            return found
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    raise Problem(400, "bad_body", "The body is not what this address takes.", f"Send {example}.")


async def _bytes(request: web.BaseRequest) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            async for part in request.content.iter_any():
                body += part
                if len(body) > BODY_BYTES_MAX:
                    raise Problem(
                        413, "body_too_large", f"The body has more than {BODY_BYTES_MAX} bytes.", "Send less."
                    )
    except TimeoutError:
        raise Problem(
            408, "body_too_slow", f"The body did not come within {BODY_WITHIN_S:g} s.", "Send it at once."
        ) from None
    except web.RequestPayloadError:
        raise Problem(400, "bad_body", "The body is not framed as its headers say.", "Mend the request.") from None
    return bytes(body)
