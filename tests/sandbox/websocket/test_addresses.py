from __future__ import annotations

from typing import Any

import pytest

from listenkey.sandbox.websocket.addresses import looks_like_socket, parse


@pytest.mark.parametrize(
    ("path", "query", "room", "combined", "attached"),
    [
        ("/private/stream", "", "private", True, []),
        ("/private/ws", "", "private", False, []),
        ("/private/ws/KEY", "", "private", False, [("KEY", "path", None)]),
        ("/private/ws", "listenKey=KEY", "private", False, [("KEY", "query", None)]),
        ("/private/ws", "listenKey=KEY&events=A/B", "private", False, [("KEY", "query", {"A", "B"})]),
        ("/private/ws", "events=A%2FB&listenKey=KEY", "private", False, [("KEY", "query", {"A", "B"})]),
        (
            "/private/stream",
            "listenKey=K1&events=A&listenKey=K2&events=B/C",
            "private",
            True,
            [("K1", "multi-query", {"A"}), ("K2", "multi-query", {"B", "C"})],
        ),
        ("/private/stream", "streams=K1/K2", "private", True, [("K1", "streams", None), ("K2", "streams", None)]),
        ("/eoptions/ws/KEY", "", "legacy", False, [("KEY", "legacy-path", None)]),
        ("/ws/KEY", "", "legacy", False, [("KEY", "legacy-path", None)]),
        ("/public/stream", "", "public", True, []),
        ("/market/stream", "", "market", True, []),
        ("/market/ws", "", "market", False, []),
    ],
)
def test_address_forms(path: Any, query: Any, room: Any, combined: Any, attached: Any) -> None:
    address = parse(path, query)
    assert address is not None
    assert (address.room, address.combined) == (room, combined)
    found = [(each.stream, each.form, each.events and set(each.events)) for each in address.attachments]
    assert found == attached
    assert looks_like_socket(path)


@pytest.mark.parametrize(
    "path", ["/private/ws/", "/private/stream/", "/private/stream/KEY", "/private/ws/KEY/x", "/x/ws/KEY", "/private"]
)
def test_addresses_that_ended_in_2023(path: Any) -> None:
    assert parse(path, "") is None


def test_a_key_is_not_shown() -> None:
    assert "SECRETKEY" not in repr(parse("/private/ws/SECRETKEY", ""))
