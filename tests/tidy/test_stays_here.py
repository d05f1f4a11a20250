"""No test leaves this machine: the hook in tests/conftest.py works, whatever opens the socket."""

from __future__ import annotations

import asyncio
import socket

import pytest

ELSEWHERE = "192.0.2.1"
"""Reserved for documentation; nobody answers there, so a hole in the hook would show as a time-out."""


def test_a_plain_socket_is_stopped() -> None:
    with socket.socket() as plain:
        plain.settimeout(0.1)
        with pytest.raises(PermissionError, match="leave this machine"):
            plain.connect((ELSEWHERE, 443))


async def test_an_event_loop_is_stopped() -> None:
    with pytest.raises(PermissionError, match="leave this machine"):
        async with asyncio.timeout(0.5):
            await asyncio.open_connection(ELSEWHERE, 443)


def test_this_machine_is_reached() -> None:
    with socket.socket() as listening, socket.socket() as calling:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        calling.connect(listening.getsockname())
