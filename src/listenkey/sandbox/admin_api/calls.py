"""
The admin API: the sandbox's own calls, under `/sandbox/v1`: the ledger, the metrics, the faults, the clock.

Every one needs the header `X-Sandbox-Token`; `http_server.py` asks for it before it comes here. Errors are
`{"error": "<what is wrong and what would be right>"}`.
"""

from __future__ import annotations

import dataclasses
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import parse_qs

import msgspec

from listenkey.sandbox.exchange.rejections import Rejected
from listenkey.sandbox.world import Opening, UnknownAccount

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from listenkey.sandbox.clock import SandboxClock
    from listenkey.sandbox.rest_api.api_keys import SandboxAccount
    from listenkey.sandbox.world import World

Answer: TypeAlias = tuple[int, Any]
PREFIX: Final = "/sandbox/v1"
SLOW_CALLS: Final = (("POST", "burst"), ("POST", "clock"))
FILLS_MAX: Final = 1_000_000
RATE_MAX: Final = 1_000_000
INDEX_MAX: Final = 10_000_000
DEPOSIT_BELOW: Final = 10**12
ADVANCE_MAX_MS: Final = 100 * 24 * 3_600_000


class AdminApi:
    """
    The calls.

    Args:
        world: What they act on.
        clock: Its time.
        burst: Makes fills, paced when a rate is given; ends when they are made.
        in_background: Runs one of those without waiting for its end.
        pass_time: Moves the clock forward by so many milliseconds, step by step.
    """

    def __init__(
        self,
        world: World,
        clock: SandboxClock,
        burst: Callable[[str, int, float | None], Awaitable[int]],
        in_background: Callable[[Awaitable[int]], None],
        pass_time: Callable[[int], Awaitable[None]],
    ) -> None:
        self._world = world
        self._clock = clock
        self._burst = burst
        self._in_background = in_background
        self._pass_time = pass_time
        self._calls: dict[tuple[str, str], Callable[[dict[str, Any]], Answer]] = {
            ("GET", "ledger"): self._ledger,
            ("GET", "meters"): lambda _: (200, world.metrics(clock.now_ms())),
            ("GET", "accounts"): self._list_accounts,
            ("POST", "accounts"): self._add_account,
            ("DELETE", "accounts"): self._revoke_key,
            ("GET", "faults"): self._list_faults,
            ("POST", "faults"): self._put_fault,
            ("DELETE", "faults"): self._take_out_faults,
            ("GET", "clock"): lambda _: self._time(),
            ("GET", "switches"): lambda _: (200, dataclasses.asdict(world.switches)),
            ("POST", "switches"): self._set_switches,
            ("POST", "transfer"): self._transfer,
            ("POST", "index"): self._set_index,
            ("POST", "market"): self._market,
        }

    async def handle(self, method: str, path: str, query: str, body: bytes) -> Answer:
        """Answers one call: a status and a JSON value."""
        name = path.removeprefix(PREFIX).strip("/")
        try:
            asked = _read(query, body)
            if (method, name) == ("POST", "burst"):
                return await self._make_fills(asked)
            if (method, name) == ("POST", "clock"):
                await self._pass_time(_whole(asked, "advance_ms", ADVANCE_MAX_MS))
                return self._time()
            call = self._calls.get((method, name))
            if call is None:
                known = sorted(f"{each[0]} {PREFIX}/{each[1]}" for each in {*self._calls, *SLOW_CALLS})
                return 404, {"error": f"there is no such call; there are {', '.join(known)}"}
            return call(asked)
        except UnknownAccount as error:
            return 404, {"error": str(error)}
        except (ValueError, TypeError) as error:
            return 400, {"error": str(error)}
        except Rejected as rejected:
            return 400, {"error": f"the exchange refused: {rejected.code} {rejected.message}"}

    async def _make_fills(self, asked: dict[str, Any]) -> Answer:
        account, fills = self._account(asked), _whole(asked, "fills", FILLS_MAX)
        per_second = asked.get("per_second")
        if per_second is not None and not (_is_number(per_second) and 0 < per_second <= RATE_MAX):
            raise ValueError(f"'per_second' is a number above 0, of {RATE_MAX} at most")
        work = self._burst(account, fills, per_second)
        if per_second is not None and not asked.get("wait", False):
            self._in_background(work)
            return 202, {"account": account, "fills": fills, "made": 0, "done": False}
        return 200, {"account": account, "fills": fills, "made": await work, "done": True}

    def _ledger(self, asked: dict[str, Any]) -> Answer:
        self._world.advance(self._clock.now_ms())
        return 200, self._world.ledger(self._account(asked))

    def _list_accounts(self, _: dict[str, Any]) -> Answer:
        return 200, [show(account) for account in self._world.api_keys.all()]

    def _add_account(self, asked: dict[str, Any]) -> Answer:
        name, public_key = asked.get("name"), asked.get("public_key")
        if not isinstance(name, str):
            raise ValueError("'name' is a text")  # noqa: TRY004  it becomes a 400
        if public_key is not None and not isinstance(public_key, str):
            raise ValueError("'public_key' is the PEM text of an RSA or Ed25519 key")
        if self._world.has_account(name) and public_key is None and not asked.get("another_key", False):
            return 409, {"error": f'account {name!r} is there; "another_key": true gives it one more API key'}
        return 200, show(self._world.add_account(name, self._clock.now_ms(), public_key, _opening(asked)))

    def _revoke_key(self, asked: dict[str, Any]) -> Answer:
        api_key = asked.get("api_key")
        if not isinstance(api_key, str):
            raise ValueError("'api_key' is the API key to end")  # noqa: TRY004  it becomes a 400
        if not self._world.api_keys.revoke(api_key):
            return 404, {"error": "there is no such API key"}
        return 200, {"revoked": True}

    def _list_faults(self, _: dict[str, Any]) -> Answer:
        self._world.advance(self._clock.now_ms())
        return 200, self._world.faults.listing()

    def _put_fault(self, asked: dict[str, Any]) -> Answer:
        kind = asked.pop("kind", None)
        if not isinstance(kind, str):
            raise ValueError("'kind' is a text")  # noqa: TRY004  it becomes a 400
        return 200, self._world.put_fault(kind, asked, self._clock.now_ms()).describe()

    def _take_out_faults(self, asked: dict[str, Any]) -> Answer:
        fault_id = asked.get("id")
        kind = asked.get("kind")
        number = None if fault_id is None else _fault_id(fault_id)
        return 200, {"taken_out": self._world.take_out_faults(self._clock.now_ms(), number, kind)}

    def _time(self) -> Answer:
        return 200, {"now_ms": self._clock.now_ms(), "time_scale": self._clock.time_scale}

    def _set_switches(self, asked: dict[str, Any]) -> Answer:
        self._world.set_switches(asked, self._clock.now_ms())
        return 200, dataclasses.asdict(self._world.switches)

    def _transfer(self, asked: dict[str, Any]) -> Answer:
        account = self._account(asked)
        amount = _amount(asked.get("amount"), "'amount' is a decimal in quotes; negative withdraws")
        self._world.transfer(account, amount, self._clock.now_ms())
        return 200, {"account": account, "amount": f"{amount:f}"}

    def _set_index(self, asked: dict[str, Any]) -> Answer:
        underlying, told = asked.get("underlying"), f"'price' is a decimal in quotes, from 1 to {INDEX_MAX}"
        if not isinstance(underlying, str):
            raise ValueError("'underlying' is a text like BTCUSDT")  # noqa: TRY004  it becomes a 400
        price = _amount(asked.get("price"), told)
        if not 1 <= price <= INDEX_MAX:
            raise ValueError(told)
        self._world.set_index(underlying, float(price), self._clock.now_ms())
        return 200, {"underlying": underlying, "price": f"{price:f}"}

    def _market(self, asked: dict[str, Any]) -> Answer:
        running = asked.get("running")
        if not isinstance(running, bool):
            raise ValueError("'running' is true or false")  # noqa: TRY004  it becomes a 400
        self._world.market_running = running
        return 200, {"running": self._world.market_running}

    def _account(self, asked: dict[str, Any]) -> str:
        account = asked.get("account")
        if not isinstance(account, str):
            raise ValueError("'account' is the name of an account")  # noqa: TRY004  it becomes a 400
        self._world.needed_account(account)
        return account


def show(account: SandboxAccount) -> dict[str, str]:
    """An API key with its secret, for its owner."""
    return {"name": account.name, "api_key": account.api_key, "api_secret": account.api_secret}


def _read(query: str, body: bytes) -> dict[str, Any]:
    asked: dict[str, Any] = {name: values[-1] for name, values in parse_qs(query).items()}
    if body:
        try:
            # Strict: no NaN, no Infinity, no half of a surrogate pair.
            value = msgspec.json.decode(body)
        except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
            raise ValueError("the body is not JSON") from None
        if not isinstance(value, dict):
            raise ValueError("the body is a JSON object")
        asked.update(value)
    return asked


def _amount(value: Any, told: str) -> Decimal:
    """A decimal. Raises ValueError with what should have been told."""
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        raise ValueError(told) from None
    if not amount.is_finite():
        raise ValueError(told)
    return amount


def _opening(asked: dict[str, Any]) -> Opening | None:
    """Read the properties of a new account; None where nothing is said about it."""
    if not asked.keys() & {"deposit", "trade_group_id", "market_maker"}:
        return None
    deposit = _amount(asked.get("deposit", "1000000"), "'deposit' is a decimal in quotes")
    group, market_maker = asked.get("trade_group_id", -1), asked.get("market_maker", False)
    if not 0 <= deposit < DEPOSIT_BELOW or round(deposit, 8) != deposit:
        raise ValueError(f"'deposit' is from 0 to below {DEPOSIT_BELOW}, with eight decimals at most")
    if isinstance(group, bool) or not isinstance(group, int) or group < -1:
        raise ValueError("'trade_group_id' is a whole number; -1 is none")
    if not isinstance(market_maker, bool):
        raise ValueError("'market_maker' is true or false")  # noqa: TRY004  it becomes a 400
    return Opening(deposit=deposit, trade_group_id=group, market_maker=market_maker)


def _whole(asked: dict[str, Any], name: str, most: int) -> int:
    value = asked.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise ValueError(f"{name!r} is a whole number from 0 to {most}")
    return value


def _fault_id(value: Any) -> int:
    """The number of a fault, also as the text of a query."""
    text = str(value)
    if isinstance(value, bool) or not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise ValueError("'id' is the number of a fault, as its answer told it")
    return int(text)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
