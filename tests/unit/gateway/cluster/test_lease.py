from __future__ import annotations

from listenkey.gateway.cluster.lease import AccountLease, WorkerSession, encode, read_lease, read_session


def test_notes_are_read_as_they_were_written() -> None:
    session = WorkerSession("w1", "http://10.0.0.1:8780", is_leaving=True)
    lease = AccountLease("desk-1", "a1", "w1", "b2", (1, 2))
    assert (read_session(encode(session)), read_lease(encode(lease))) == (session, lease)


def test_notes_of_another_kind_are_none() -> None:
    for data in (b"", b"{}", b"[1]", b"\xff"):
        assert read_session(data) is None
        assert read_lease(data) is None
