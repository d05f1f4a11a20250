"""REST between one client process and the exchange: what `transport.http` is to real streams."""

from __future__ import annotations

import asyncio
import re
import time

from listenkey.errors import ListenKeyError, TimedOut, Unreachable
from listenkey.rest.rate_limiter import weight_of
from listenkey.sandbox.rest_api.api import ApiRequest, ApiResponse
from listenkey.wire.requests import Request
from listenkey.wire.responses import Response
from sim.environment.activity import Asked
from sim.environment.network import SEGMENT_BYTES, Network
from sim.kernel.loop import VirtualLoop

UNTIL = re.compile(rb"until (\d{13})")


class SimHttp:
    """Sends requests through the process's network, as `transport.base.Http` has it."""

    def __init__(self, network: Network, loop: VirtualLoop, rest_url: str) -> None:
        self._network = network
        self._process = network.process
        self._loop = loop
        self._rest_url = rest_url

    async def send(self, request: Request, base_url: str) -> Response:
        assert base_url == self._rest_url
        env = self._network.env
        asked = Asked(env.now_us, request.method, request.path, weight_of(request))
        self._process.evidence.asked.append(asked)
        env.note(f"{self._process.number} {request.method} {request.path}")
        answered: asyncio.Future[Response] = self._loop.create_future()
        self._send(request, asked, answered)
        end = self._loop.call_later(request.timeout_s, self._time_out, request, answered)
        try:
            return await answered
        finally:
            end.cancel()

    async def aclose(self) -> None:
        """Close nothing: nothing is open."""

    def _time_out(self, request: Request, answered: asyncio.Future[Response]) -> None:
        if not answered.done():
            answered.set_exception(TimedOut(request.what, request.timeout_s))

    def _send(self, request: Request, asked: Asked, answered: asyncio.Future[Response]) -> None:
        network, env = self._network, self._network.env
        if network.no_way_out:
            refused = network.no_way_out[-1]
            if refused is not None:
                self._fail(answered, refused)
        elif network.refusing:
            self._fail(answered, Unreachable("venue", "Connection refused"))
        elif not (network.losing_syn or network.partitioned["out"] or "out" in network.rest_cut):
            env.at(env.now_us + network.latency_us(), lambda: self._arrive(request, asked, answered))

    def _arrive(self, request: Request, asked: Asked, answered: asyncio.Future[Response]) -> None:
        env, network = self._network.env, self._network
        headers = {name.lower(): value for name, value in request.wire_headers().items()}
        api_request = ApiRequest(request.method, request.path, request.query, "", headers, self._process.ip)
        answer = self._process.answered(api_request)
        env.flush()
        if network.black_holes and len(answer.body) > SEGMENT_BYTES:
            return
        if "reset" in network.rest_cut or answer.manner == "abort":
            self._fail(answered, Unreachable("venue", "the connection was closed before an answer came"))
        elif answer.manner != "hang" and not network.partitioned["in"] and "in" not in network.rest_cut:
            self._answer(answer, asked, answered)

    def _answer(self, answer: ApiResponse, asked: Asked, answered: asyncio.Future[Response]) -> None:
        network, env = self._network, self._network.env
        delay_us = network.latency_us() + network.takes_us(len(answer.body))
        if answer.manner == "drip" and answer.fault is not None:
            delay_us += answer.fault.params.get("ms", 0) * 1000 * len(answer.body)
        # The sandbox's door adds it, as every server does.
        date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(env.now_ms // 1000))
        headers = (*answer.headers.items(), ("Content-Type", answer.content_type), ("Date", date))
        response = Response(answer.status, headers, answer.body)

        def arrive() -> None:
            if not answered.done():
                asked.answered_us, asked.status = env.now_us, answer.status
                asked.wait_until_us = _wait_until_us(answer, env.now_us, env.options.start_ms)
                answered.set_result(response)

        self._loop.deliver(env.now_us + delay_us, arrive)

    def _fail(self, answered: asyncio.Future[Response], error: ListenKeyError) -> None:
        network, env = self._network, self._network.env

        def arrive() -> None:
            if not answered.done():
                answered.set_exception(error)

        self._loop.deliver(env.now_us + 2 * network.latency_us(), arrive)


def _wait_until_us(answer: ApiResponse, now_us: int, start_ms: int) -> int:
    """Return the time until which the venue wants no request: by the answer's words, read without the client's help."""
    if answer.status not in (418, 429):
        return 0
    until = UNTIL.search(answer.body)
    if answer.status == 418 and until is not None:
        return (int(until[1]) - start_ms) * 1000
    wait_s = {name.lower(): value for name, value in answer.headers.items()}.get("retry-after")
    return now_us + int(float(wait_s) * 1e6) if wait_s else now_us + 60_000_000
