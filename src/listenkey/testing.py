"""
A local exchange for your tests, as a pytest fixture.

    def test_my_bot(binance_options_sandbox):
        sandbox = binance_options_sandbox
        with UserStream.blocking(api_key=sandbox.api_key, venue=sandbox.venue) as stream:
            sandbox.burst(10)
            ...

Works in plain and in async tests: the exchange runs in a thread of its own. Installed with listenkey; nothing to
configure. Outside pytest, which need not be installed, use `LocalSandbox` as a context manager.
"""

from __future__ import annotations

import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, ParamSpec, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from listenkey.sandbox.server import Sandbox, SandboxAccount
    from listenkey.venue import Venue


POLL_S: Final = 0.005
"""Between two looks at a condition."""

P = ParamSpec("P")
T = TypeVar("T")


class LocalSandbox:
    """
    An exchange on this machine, in a background thread; a context manager.

    Args:
        **settings: What `listenkey.sandbox.server.Sandbox` takes: `accounts`, `market`, `time_scale`, `seed`,
            `switches`, `port`. Without `market=True` nothing happens by itself.
    """

    def __init__(self, **settings: Any) -> None:
        from listenkey.blocking.portal import Portal

        self._settings = {"market": False} | settings
        self._portal = Portal()
        self._sandbox: Sandbox | None = None

    def __enter__(self) -> Self:
        self._portal.call(self._start)
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if self._sandbox is not None:
                self._portal.call(self._sandbox.stop)
        finally:
            self._sandbox = None
            self._portal.close()

    async def _start(self) -> None:
        from listenkey.sandbox.server import Sandbox

        sandbox = Sandbox(**self._settings)
        await sandbox.start()
        self._sandbox = sandbox

    @property
    def sandbox(self) -> Sandbox:
        """The exchange itself; touch it from its own thread only."""
        assert self._sandbox is not None, "use it as a context manager"
        return self._sandbox

    @property
    def rest_url(self) -> str:
        """The address for REST, for example `http://127.0.0.1:40001`."""
        return self.sandbox.rest_url

    @property
    def ws_url(self) -> str:
        """The address for sockets, without `/private`."""
        return self.sandbox.ws_url

    @property
    def venue(self) -> Venue:
        """The venue to hand to `UserStream(venue=...)`."""
        from listenkey.venue import Venue

        return Venue(self.rest_url, self.ws_url, "sandbox", time_scale=self._settings.get("time_scale", 1.0))

    @property
    def accounts(self) -> list[SandboxAccount]:
        """Each with `name`, `api_key`, `api_secret`."""
        return self.sandbox.accounts

    @property
    def api_key(self) -> str:
        """The first account's."""
        return self.accounts[0].api_key

    @property
    def api_secret(self) -> str:
        """The first account's."""
        return self.accounts[0].api_secret or ""

    def burst(self, fills: int, *, account: str | None = None, per_second: float | None = None) -> int:
        """Make real fills of the account, through the matching engine; returns when they have been made."""
        return self._portal.call(self.sandbox.burst, account or self.accounts[0].name, fills, per_second)

    def fills(self, account: str | None = None) -> list[tuple[str, int, int]]:
        """The truth: `(symbol, trade_id, order_id)` of every fill of the account, in order."""
        ledger = self.ledger(account)
        return [(fill["symbol"], fill["trade_id"], fill["order_id"]) for fill in ledger["fills"]]

    def ledger(self, account: str | None = None) -> dict[str, Any]:
        """The truth: `fills`, `orders`, `keys`, `transfers`, in order."""
        return self._there(self.sandbox.ledger, account or self.accounts[0].name)

    def fault(self, kind: str, **parameters: Any) -> int:
        """Put a fault in, for example `fault("drop_sockets")`; docs/reference/sandbox.md lists them. Returns its number."""
        return self._there(self.sandbox.fault, kind, **parameters)

    def clear_faults(self, fault_id: int | None = None) -> int:
        """Take one fault out by its number, or all; how many."""
        return self._there(self.sandbox.clear_faults, fault_id)

    def advance(self, ms: int) -> int:
        """
        Move the exchange's time forward; all that lies between happens. Returns the new time, epoch milliseconds.

        Programs keep their own time. An hour is the life of a listen key, which nobody can have renewed meanwhile:
        every stream is told that its key has expired, and has to come back before it hears of anything. See `wait_for`.
        """
        return self._there(self.sandbox.advance, ms)

    def meters(self) -> dict[str, Any]:
        """Requests by method and path, weight, sockets, frames."""
        return self._there(self.sandbox.meters)

    def add_account(
        self, name: str, *, deposit: Decimal | None = None, trade_group_id: int = -1, market_maker: bool = False
    ) -> SandboxAccount:
        """Another account, or another API key of one that is there; `Sandbox.add_account` has the parameters."""
        return self._there(
            self.sandbox.add_account,
            name,
            deposit=deposit,
            trade_group_id=trade_group_id,
            market_maker=market_maker,
        )

    def revoke_key(self, api_key: str) -> bool:
        """End an API key: requests with it are refused with -2015. False if there is none such."""
        return self._there(self.sandbox.revoke_key, api_key)

    def transfer(self, amount: str, *, account: str | None = None) -> None:
        """Deposit, or with a negative amount withdraw, USDT. Raises ValueError when the exchange refuses."""
        self._there(self.sandbox.transfer, account or self.accounts[0].name, Decimal(amount))

    def wait_for(self, condition: Callable[[], object], *, timeout_s: float = 10.0) -> None:
        """
        Wait until a condition holds, in real time, while the exchange goes on.

            sandbox.wait_for(lambda: stream.health().status == "LIVE")

        For what other threads and programs bring about; a test in a coroutine awaits what it waits for instead.

        Raises:
            TimeoutError: It did not hold in time.
        """
        deadline_s = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"what was waited for did not happen within {timeout_s:g} s")
            time.sleep(POLL_S)

    def wait_for_listeners(self, sockets: int = 1, *, account: str | None = None, timeout_s: float = 10.0) -> None:
        """
        Wait until so many sockets bring an account's events; no client receives earlier ones.

        Raises:
            TimeoutError: They did not come in time.
        """
        name = account or self.accounts[0].name
        self.wait_for(
            lambda: sum(name in socket["accounts"] for socket in self.meters()["sockets"]) >= sockets,
            timeout_s=timeout_s,
        )

    def set_switches(self, **changes: Any) -> None:
        """Set the sandbox's switches: unknowns about the venue; see `listenkey.sandbox.switches`."""
        self._there(self.sandbox.set_switches, **changes)

    def _there(self, method: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a method of the exchange in the thread where it lives."""

        async def call() -> T:
            return method(*args, **kwargs)

        return self._portal.call(call)


try:
    import pytest
except ModuleNotFoundError:
    pass  # Scripts, and the tests of other frameworks, use `LocalSandbox` alone.
else:

    @pytest.fixture
    def binance_options_sandbox() -> Iterator[LocalSandbox]:
        """A Binance Options exchange on this machine, new for each test, with one account, `alice`."""
        with LocalSandbox() as sandbox:
            yield sandbox
