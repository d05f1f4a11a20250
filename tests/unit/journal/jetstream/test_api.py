from __future__ import annotations

import pytest

from listenkey.errors import JournalError
from listenkey.journal.jetstream.api import ask, headers_of, newest
from listenkey.journal.jetstream.link import Reply
from tests.nats_server import Cluster
from tests.unit.journal.jetstream.making import linked, refused


async def test_the_newest_message_of_a_subject_is_found_with_its_headers(nats_node: Cluster) -> None:
    async with linked(nats_node) as (link, names):
        stream = names.names.stream
        assert await newest(link, stream, names.events) is None
        await link.request(names.events, b"one", {"A": "1"})
        await link.request(names.events, b"two", {"A": "2", "B": "x: y"})
        found = await newest(link, stream, names.events)
        assert found is not None
        assert (found.seq, found.data, dict(found.headers)) == (2, b"two", {"A": "2", "B": "x: y"})
        assert (await ask(link, f"STREAM.INFO.{stream}"))["state"]["messages"] == 2


async def test_a_stream_that_is_not_there_is_told_with_what_to_do(nats_node: Cluster) -> None:
    async with linked(nats_node) as (link, _):
        with pytest.raises(JournalError, match=r"gateway init`.*`make_streams"):
            await ask(link, "STREAM.INFO.NONE")
        with pytest.raises(JournalError, match=r"gateway init`.*`make_streams"):
            await newest(link, "NONE", "a")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (refused(10099).data, r"refused: no \(10099\)"),
        (b"{}", "no message"),
        (b'{"message": 5}', "can't be read"),
        (b'{"message": {"seq": 1, "hdrs": "%"}}', "can't be read"),
    ],
)
async def test_an_answer_that_is_none_is_an_error(nats_node: Cluster, data: bytes, why: str) -> None:
    async with linked(nats_node) as (link, names):
        link.fail("MSG.GET", Reply("", {}, data))
        with pytest.raises(JournalError, match=why):
            await newest(link, names.names.stream, names.events)


def test_headers_are_read_line_by_line() -> None:
    assert headers_of(b"") == {}
    assert headers_of(b"NATS/1.0\r\nA: 1\r\nno colon\r\nB:2:3\r\n\r\n") == {"A": "1", "B": "2:3"}
