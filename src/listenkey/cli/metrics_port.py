"""`/metrics` beside a stream of one account, for a Prometheus on the same machine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from listenkey.cli import exit_codes
from listenkey.errors import UsageError

if TYPE_CHECKING:
    from listenkey.stream.user_stream import UserStream

HOST: Final = "127.0.0.1"
"""No token is asked for, so that nobody but this machine may ask."""


@asynccontextmanager
async def metrics_served(stream: UserStream, port: int | None) -> AsyncIterator[None]:
    """
    Answer Prometheus for as long as the `with` lasts; not at all without a port.

    Args:
        stream: The account's stream, open.
        port: Of this machine; 0 takes a free one. It is said on stderr.

    Raises:
        UsageError: The port can't be had.
    """
    if port is None:
        yield
        return
    from listenkey.gateway.http.metrics_api import MetricsApi
    from listenkey.gateway.http.route_server import RouteServer

    metrics = MetricsApi(lambda: [(stream.account, stream.health())], is_open=True)
    server = RouteServer(metrics.routes(), HOST, port, token=None)
    try:
        url = await server.start()
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(
            f"port {port} can't be taken for the metrics: {reason}; another one: --metrics-port P"
        ) from None
    exit_codes.print_error(f"listenkey: metrics: {url}/metrics")
    try:
        yield
    finally:
        await server.aclose()
