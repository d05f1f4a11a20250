"""
A gateway as its configuration says: accounts, their journals, and the HTTP server in front of them.

    async with GatewayService(config) as service:
        print(service.url)
        ...
        await service.reload()
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from listenkey.credentials import Credentials, Secret
from listenkey.errors import UsageError
from listenkey.gateway import access_token
from listenkey.gateway.access_token import kept_token, read_token
from listenkey.gateway.accounts import Accounts
from listenkey.gateway.added import AddedAccounts
from listenkey.gateway.cluster.cluster_worker import ClusterWorker
from listenkey.gateway.cluster.lease import WorkerSession
from listenkey.gateway.config import GatewayConfig, read_config
from listenkey.gateway.config_changes import ConfigChanges, changes
from listenkey.gateway.descriptors import allow_files
from listenkey.gateway.held_folder import HeldFolder
from listenkey.gateway.http.server import GatewayServer
from listenkey.gateway.journals import Journals
from listenkey.gateway.kept_accounts import KeptAccounts
from listenkey.gateway.process import Gateway
from listenkey.journal.jetstream.account_journals import JetStreamJournals
from listenkey.journal.jetstream.address import log_address
from listenkey.journal.jetstream.servers import LogServers
from listenkey.journal.shared.accounts_schema import FILE_NAME
from listenkey.journal.shared.shared_journals import SharedJournals
from listenkey.key_sources.references import credentials_at
from listenkey.transport.runtime import Runtime


class GatewayService:
    """
    A gateway that runs from `async with` to its end.

    Args:
        config: What it runs.
        port: Another port than the configuration's; 0 takes a free one.
        environment: The process's, for `env:` references.

    Attributes:
        config: What it runs; after `reload` the newer one.
        url: Where it listens.
        token: What readers show.
        token_file: The file that holds it.
        token_is_new: Whether it was made at this start.
        accounts: Its accounts.
    """

    def __init__(
        self, config: GatewayConfig, *, port: int | None = None, environment: Mapping[str, str] = os.environ
    ) -> None:
        self.config = config
        self.url = ""
        self.token = Secret("")
        self.token_file = config.folder
        self.token_is_new = False
        self.accounts: KeptAccounts
        self._gateway: Gateway
        self._port = config.port if port is None else port
        self._environment = environment
        self._opened = AsyncExitStack()
        self._reloading = asyncio.Lock()

    async def __aenter__(self) -> Self:
        """
        Start it. Accounts go live one after the other from then on.

        Raises:
            UsageError: The port is taken, or the token or the accounts that were added can't be read.
            JournalError, Fenced: The folder or the journals can't be written, or another gateway holds them.
        """
        try:
            await self._start()
        except BaseException:
            await self._opened.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it: no more readers, then the accounts; what waits is written."""
        await self._opened.aclose()

    async def _start(self) -> None:
        config, runtime = self.config, Runtime()
        allow_files(len(config.accounts))
        journals = journals_of(config, runtime)
        gateway = self._gateway = Gateway(
            config.venue,
            journals,
            config.folder,
            self._credentials,
            runtime,
            config.keys_per_socket,
            config.idle_audit_every_s,
            are_shared=config.is_on_nats,
        )
        # First of all the lock: a second gateway must not make a token or read the first one's accounts.
        self._opened.callback((await asyncio.to_thread(HeldFolder, config.folder)).release)
        await self._opened.enter_async_context(gateway)
        await asyncio.to_thread(self._take_token)
        added = AddedAccounts(config.folder)
        await asyncio.to_thread(added.read)
        self.accounts = KeptAccounts(gateway.accounts, added)
        self._opened.push_async_callback(self.accounts.aclose)
        sharing = await self._opened.enter_async_context(
            AsyncExitStack()
        )  # It ends behind the server, before the accounts.
        server = GatewayServer(self.accounts, self.token, config.host, self._port)
        self._opened.push_async_callback(server.aclose)
        try:
            self.url = await server.start()
        except OSError as error:
            reason = error.strerror or str(error)
        else:
            self.accounts.start(config.accounts)
            if isinstance(journals, JetStreamJournals):
                await self._share(gateway.accounts, journals.servers, sharing)
            return
        raise UsageError(f"{config.host}, port {self._port}, can't be taken: {reason}; another port: --port P")

    async def _share(self, accounts: Accounts, servers: LogServers, sharing: AsyncExitStack) -> None:
        """Hold those of the accounts that fall to this worker."""
        config = self.config
        name = config.worker or f"{socket.gethostname()}:{urlsplit(self.url).port}"
        servers.worker = name
        session = WorkerSession(name, config.worker_url or self.url)
        worker = ClusterWorker(accounts, servers, session, config.session_s)
        sharing.push_async_callback(worker.aclose)
        await worker.start()

    async def ended(self) -> BaseException:
        """Return what has ended all accounts at once, when that has happened: nothing can be written any more."""
        return await self._gateway.ended()

    def _take_token(self) -> None:
        if self.config.token_file is not None:
            self.token_file = self.config.token_file
            self.token = read_token(self.token_file)
        else:
            self.token_file = self.config.folder / access_token.FILE
            self.token, self.token_is_new = kept_token(self.config.folder)

    def _credentials(self, reference: str) -> Credentials:
        return credentials_at(reference, self._environment, self.config.key_folder)

    async def reload(self) -> tuple[ConfigChanges, list[str]]:
        """
        Read the configuration again, and follow it: accounts come, go, or get other keys; the others go on undisturbed.

        Returns:
            What was different, and what of it could not be done.

        Raises:
            ConfigError, UsageError: It has mistakes, or can't be read; nothing was changed.
        """
        async with self._reloading:
            newer = await asyncio.to_thread(read_config, self.config.path, self._environment)
            found = changes(self.config, newer)
            failures = await self.accounts.follow(found)
            # The failed ones are taken for new the next time, so that another SIGHUP tries them again.
            self.config = replace(newer, accounts=tuple(each for each in newer.accounts if each.name not in failures))
            return found, [f"{name}: {why}" for name, why in failures.items()]


def journals_of(config: GatewayConfig, runtime: Runtime) -> Journals:
    """Return the journals that a configuration names."""
    if config.is_on_nats:
        servers = LogServers(log_address(config.journal))
        return JetStreamJournals(servers, runtime.clock.wall_ms, beside=config.folder / FILE_NAME)
    return SharedJournals(
        Path(config.journal).resolve(),  # a link to a folder on another disk is as good as the folder
        runtime.clock.wall_ms,
        threads=runtime.threads,
        keep_days=config.keep_days,
    )
