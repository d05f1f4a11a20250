"""The three listenKey calls by hand, for scripts and notebooks; see `rest/listen_key_api.py` for what each does."""

from __future__ import annotations

import os
import weakref
from types import TracebackType
from typing import Self

from listenkey.blocking.portal import Portal, keep_inherited
from listenkey.credentials import Credentials
from listenkey.errors import UsageError
from listenkey.rest.listen_key_api import AsyncUserDataStreamsApi
from listenkey.wire import requests
from listenkey.wire.responses import OptionsCreateListenKeyV1Resp
from listenkey.wire.strict_json import JsonValue


class UserDataStreamsApi:
    """
    The three calls of the options user data stream, for scripts and notebooks. Each waits for its answer.

        with UserDataStreamsApi(api_key=...) as api:
            answer = api.options_create_listen_key_v1()

    Works where an event loop is running already, from many threads, and in a child after a fork. All such objects of a
    process share one background thread. For arguments and errors see `AsyncUserDataStreamsApi`, whose twin it is.
    """

    def __init__(self, api_key: str, base_url: str | None = None, *, timeout_s: float = requests.WITHIN_S) -> None:
        try:
            key = Credentials.of(api_key).api_key
        finally:
            del api_key  # As in the twin.
        self._portal = Portal()
        self._closed = False
        self._settings = (key, base_url, timeout_s)
        self._open()

    @property
    def base_url(self) -> str:
        """Scheme and host of the venue."""
        return self._api.base_url

    @property
    def used_weight_1m(self) -> int | None:
        """The weight this IP has used in the minute of the latest answer, as the venue counts; None before. [O general-info]"""
        return self._api.used_weight_1m

    def options_create_listen_key_v1(self) -> OptionsCreateListenKeyV1Resp:
        """Start the user data stream: POST. See `AsyncUserDataStreamsApi.options_create_listen_key_v1`."""
        return self._portal.call(self._here().options_create_listen_key_v1)

    def options_update_listen_key_v1(self) -> JsonValue:
        """Keep it alive, every 20 to 30 minutes: PUT. See `AsyncUserDataStreamsApi.options_update_listen_key_v1`."""
        return self._portal.call(self._here().options_update_listen_key_v1)

    def options_delete_listen_key_v1(self) -> JsonValue:
        """Close it, for every program: DELETE. See `AsyncUserDataStreamsApi.options_delete_listen_key_v1`."""
        return self._portal.call(self._here().options_delete_listen_key_v1)

    def server_time(self) -> int:
        """The venue's time, epoch ms: GET. Public."""
        return self._portal.call(self._here().server_time)

    def close(self) -> None:
        """Close the connections; the listen key lives on. May be called twice."""
        self._closed = True
        # In a child, what came through the fork is left to the finalizer, which knows that it is the parent's.
        if self._pid == os.getpid() and self._finalizer.detach() is not None:
            self._portal.close(self._api.close)

    def _open(self) -> None:
        api_key, base_url, timeout_s = self._settings
        self._pid = os.getpid()
        self._api = AsyncUserDataStreamsApi(api_key.reveal(), base_url, timeout_s=timeout_s)
        # For those who forget to close: at collection, or at the latest when the interpreter ends.
        self._finalizer = weakref.finalize(self, _release, self._api, self._portal, self._pid)

    def _here(self) -> AsyncUserDataStreamsApi:
        """The async twin of this process: connections made before a fork belong to the parent."""
        if self._closed:
            raise UsageError("this client is closed")
        if self._pid != os.getpid():
            self._finalizer.detach()
            keep_inherited(self._api)
            self._open()
        return self._api

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._settings[0]!r}, {self._api.base_url!r})"


def _release(api: AsyncUserDataStreamsApi, portal: Portal, pid: int) -> None:
    """Close an API that was left open, without waiting: the collector may call from any thread, even the portal's."""
    if pid != os.getpid():
        keep_inherited(api)
        return
    portal.close(api.close, wait=False)
