"""Test what ends the wait for an answer."""

from __future__ import annotations

import asyncio

import pytest

from listenkey.errors import Disconnected, ProtocolError
from listenkey.stream.subscribe_request import SubscribeRequest
from listenkey.wire.frames import Control, ControlError


async def test_only_the_answer_to_its_own_request_is_taken_and_only_once() -> None:
    subscription = SubscribeRequest(7)
    assert not subscription.takes(Control(8))
    assert subscription.takes(Control(7))
    assert not subscription.takes(Control(7))
    await subscription.acknowledged()
    assert not subscription.lost(Disconnected(None, "later"))


async def test_a_refusal_and_the_end_of_the_socket_are_raised() -> None:
    refused, lost = SubscribeRequest(7), SubscribeRequest(7)
    waiting = asyncio.ensure_future(lost.acknowledged())
    await asyncio.sleep(0)
    assert refused.takes(Control(7, error=ControlError(3, "no")))
    assert lost.lost(Disconnected(1001, "away"))
    with pytest.raises(ProtocolError, match="code 3"):
        await refused.acknowledged()
    with pytest.raises(Disconnected):
        await waiting
