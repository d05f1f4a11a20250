"""
The notes of all workers, in two buckets of NATS: read again and again, and written by the revision that is replaced.

A read may come from a replica that is behind. That is harmless: whoever acts on an old note is refused when it writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from listenkey.gateway.cluster.lease import AccountLease, WorkerSession, encode, read_lease, read_session
from listenkey.journal.jetstream.answers import WRONG_LAST_SEQUENCE, Answer, answer_of
from listenkey.journal.jetstream.fact_cell import EXPECTED, MARKER, OPERATION
from listenkey.journal.jetstream.link import Link, Unanswered
from listenkey.journal.jetstream.log_reader import STREAM_SEQ, SUBJECT
from listenkey.journal.jetstream.names import StreamNames, bucket_stream, bucket_subject
from listenkey.journal.jetstream.ownership import TIME_TO_LIVE

CHUNK: Final = 512
"""Leases that one request asks for."""

CHUNK_BYTES: Final = 1024 * 1024

ASK_WITHIN_S: Final = 1.0

WORKER: Final = "worker."
"""The beginning of a session's key; a nonce follows."""

_encode: Final = msgspec.json.Encoder().encode


class LeaseBoard:
    """
    The sessions and leases as they were read last.

    Args:
        link: To the servers.
        names: Of the installation.
        own: This worker's nonce.

    Attributes:
        own: As given.
        sessions: The workers that are alive, by their nonce.
        leases: By account.
        changes: Counts what has changed in `leases`.
    """

    def __init__(self, link: Link, names: StreamNames, own: str) -> None:
        self.own = own
        self.sessions: Mapping[str, WorkerSession] = {}
        self.leases: dict[str, AccountLease] = {}
        self.changes = 0
        self._link = link
        self._names = names
        self._revisions: dict[str, int] = {}
        self._read_to = 0

    # --- sessions ------------------------------------------------------------------------------------------------

    async def renew(self, session: WorkerSession, session_s: int) -> None:
        """Say that this worker is alive. Raises Unanswered, also where the servers refuse."""
        await self._note_session(encode(session), {TIME_TO_LIVE: f"{session_s}s"})

    async def leave(self, session_s: int) -> None:
        """Say that this worker is gone. Raises Unanswered."""
        await self._note_session(b"", {OPERATION: "DEL", TIME_TO_LIVE: f"{session_s}s"})

    async def _note_session(self, body: bytes, headers: dict[str, str]) -> None:
        answer = await self._written(bucket_subject(self._names.sessions, WORKER + self.own), body, headers)
        if answer.error is not None:
            raise Unanswered(answer.text, was_sent=True)

    async def refresh(self) -> None:
        """Read what has changed. Raises Unanswered."""
        await self._read_sessions()
        while await self._read_leases() == CHUNK:
            pass

    async def _read_sessions(self) -> None:
        bucket = self._names.sessions
        request = _encode({"multi_last": [bucket_subject(bucket, f"{WORKER}*")]})
        found: dict[str, WorkerSession] = {}
        for reply in await self._link.request_many(_direct(bucket), request, ASK_WITHIN_S):
            if reply.status or MARKER in reply.headers or OPERATION in reply.headers:
                continue
            session = read_session(reply.data)
            if session is not None:
                found[reply.headers[SUBJECT].rpartition(".")[2]] = session
        if found != self.sessions:
            self.changes += 1
        self.sessions = found

    # --- leases --------------------------------------------------------------------------------------------------

    async def _read_leases(self) -> int:
        """Read the next leases that have changed, and return how many messages came."""
        bucket = self._names.registry
        subject = bucket_subject(bucket, "lease.>")
        request = {"seq": self._read_to + 1, "next_by_subj": subject, "batch": CHUNK, "max_bytes": CHUNK_BYTES}
        count = 0
        for reply in await self._link.request_many(_direct(bucket), _encode(request), ASK_WITHIN_S):
            if reply.status:
                continue
            count += 1
            revision = int(reply.headers[STREAM_SEQ])
            self._read_to = max(self._read_to, revision)
            lease = read_lease(reply.data)
            if lease is not None:
                self._know(lease, revision)
        return count

    def _know(self, lease: AccountLease, revision: int) -> None:
        if revision > self._revisions.get(lease.account, 0):
            self._revisions[lease.account] = revision
            self.leases[lease.account] = lease
            self.changes += 1

    async def put(self, lease: AccountLease) -> bool:
        """
        Replace an account's lease; return False where another worker was faster, or the servers did not answer.

        Where an answer is lost the next `refresh` shows whose lease it is.
        """
        headers = {EXPECTED: str(self._revisions.get(lease.account, 0))}
        subject = bucket_subject(self._names.registry, self._names.of(lease.account).lease)
        try:
            answer = await self._written(subject, encode(lease), headers)
        except Unanswered:
            return False
        if answer.error is None:
            self._know(lease, answer.seq)
        elif answer.code == WRONG_LAST_SEQUENCE:
            # All of them are read again: also where somebody has made the bucket anew, whose revisions begin with 1.
            self._revisions.pop(lease.account, None)
            self._read_to = 0
        return answer.error is None

    async def _written(self, subject: str, body: bytes, headers: dict[str, str]) -> Answer:
        return answer_of((await self._link.request(subject, body, headers, ASK_WITHIN_S)).data)


def _direct(bucket: str) -> str:
    return f"$JS.API.DIRECT.GET.{bucket_stream(bucket)}"
