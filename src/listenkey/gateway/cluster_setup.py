"""Make what a gateway needs on the servers of a cluster, before its first start."""

from __future__ import annotations

from typing import Final

from listenkey.errors import UsageError
from listenkey.gateway.config import GatewayConfig
from listenkey.journal.jetstream.address import log_address
from listenkey.journal.jetstream.connection import LogConnection
from listenkey.journal.jetstream.names import StreamNames
from listenkey.journal.jetstream.provisioning import make_streams
from listenkey.journal.jetstream.servers import server_token

GIB: Final = 1024**3


async def set_up(config: GatewayConfig, days: float, bytes_max: int) -> StreamNames:
    """
    Make the stream and the buckets that a configuration's journal needs, or give them these settings.

    Args:
        config: Names the servers.
        days: How long items are kept.
        bytes_max: How much they may take in all.

    Returns:
        The names of what was made.

    Raises:
        UsageError: The journal is a folder, or the servers may lose what they acknowledge.
        JournalError, TransportError: The servers refused, or did not answer.
    """
    if not config.is_on_nats:
        raise UsageError(f"the journal of {config.path} is a folder, which `gateway run` makes by itself")
    address = log_address(config.journal)
    connection = LogConnection(address.servers, server_token(address))
    await connection.open()
    try:
        await make_streams(connection, address, days, bytes_max)
    finally:
        await connection.aclose()
    return address.names
