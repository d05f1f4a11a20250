from __future__ import annotations

from listenkey.journal.jetstream.address import log_address
from listenkey.journal.jetstream.link import Link, Unanswered
from listenkey.journal.jetstream.servers import LogServers


def test_what_was_not_answered_says_whether_it_may_have_been_done() -> None:
    error = Unanswered("no answer in time", was_sent=True)
    assert (str(error), error.was_sent) == ("no answer in time", True)


async def test_the_servers_are_a_link() -> None:
    link: Link = LogServers(log_address("nats://a"))
    assert link.where == "nats://a:4222"
