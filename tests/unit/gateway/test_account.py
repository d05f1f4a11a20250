"""One account's stream is begun anew after an error that may pass, and its readers hear of every state."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from listenkey.credentials import Secret
from listenkey.errors import Corrupt, Fenced, Full, JournalError, ListenKeyError, Refused, TimedOut, UsageError
from listenkey.gateway import account as module
from listenkey.gateway.account import again_after_s, state_line
from listenkey.health import Health
from listenkey.items import GapOpened
from listenkey.journal.shared.shared_journals import SharedJournals
from listenkey.outcomes import GapCause
from listenkey.testing import LocalSandbox
from tests.unit.gateway.gateway_of import accounts_of, keys_of, until


@pytest.mark.parametrize(
    ("error", "wait_s"),
    [
        (JournalError("x"), 30.0),
        (Full("x"), 30.0),
        (Refused(401, -2015, "x"), 300.0),
        (TimedOut("the journal's servers", 30.0), 30.0),
        (Corrupt("x"), None),
        (Fenced("x"), 3.0),
        (UsageError("x"), None),
        (ListenKeyError("x"), None),
    ],
)
def test_what_may_pass_is_tried_again(error: ListenKeyError, wait_s: float | None) -> None:
    assert again_after_s(error) == wait_s


def test_a_state_is_one_line_of_json() -> None:
    line = json.loads(state_line("desk", Health(status="GAP", why="the socket ended", open_gap_from_ms=7)))
    assert line == {
        "kind": "state",
        "account": "desk",
        "status": "GAP",
        "why": "the socket ended",
        "status_since_ms": 0,
        "open_gap_from_ms": 7,
        "fills_complete": False,
    }


async def test_readers_hear_of_a_gap_and_of_its_end(binance_options_sandbox: LocalSandbox, tmp_path: Path) -> None:
    async with accounts_of(binance_options_sandbox, tmp_path, keys_of(binance_options_sandbox, 1)) as accounts:
        accounts.start([("desk-0", "desk-0")])
        (account,) = accounts
        await until(lambda: account.is_complete)
        reader = account.feed.reader(None)
        binance_options_sandbox.fault("drop_sockets")
        kinds: list[str] = []
        while "gap_closed" not in kinds:
            for line in (await reader.next()).lines:
                told = json.loads(line.json)
                kinds.append(told["kind"])
        assert kinds.index("gap_opened") < kinds.index("gap_closed")
        assert "state" in kinds[: kinds.index("gap_closed")], "a program learns that the account is stale"
        reader.close()
        await accounts.aclose()


async def test_a_journal_that_another_stream_holds_is_taken_when_it_lets_go(
    binance_options_sandbox: LocalSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(module.AGAIN_AFTER_S, JournalError, 0.05)
    async with accounts_of(binance_options_sandbox, tmp_path, keys_of(binance_options_sandbox, 1)) as accounts:
        other = accounts.around.journals.journal("desk-0", on_items=list)
        await other.open()
        accounts.start([("desk-0", "desk-0")])
        (account,) = accounts
        await until(lambda: account.error)
        assert account.health().status == "FAILED"
        assert "writes to the journal" in account.health().why
        await other.aclose()
        await until(lambda: account.is_complete)
        assert account.error is None
        await accounts.aclose()


async def test_a_bug_in_one_stream_is_told_and_does_not_end_the_others(
    binance_options_sandbox: LocalSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = keys_of(binance_options_sandbox, 2)
    async with accounts_of(binance_options_sandbox, tmp_path, keys) as accounts:

        async def kept(name: str) -> tuple[int, int]:
            if name == "desk-0":
                raise ZeroDivisionError("a bug of ours")
            return 1, 0

        monkeypatch.setattr(SharedJournals, "kept", staticmethod(kept))
        accounts.start((name, name) for name in keys)
        first, second = accounts
        await until(lambda: first.error and second.is_complete)
        assert first.error == "a bug ended the stream (ZeroDivisionError); the log has more"
        await accounts.aclose()


async def test_a_loss_is_told_to_the_pool_and_the_end_of_a_socket_is_not(
    binance_options_sandbox: LocalSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = keys_of(binance_options_sandbox, 2)
    async with accounts_of(binance_options_sandbox, tmp_path, keys, keys_per_socket=2) as accounts:
        pool = accounts.around.pool
        assert pool is not None
        doubts: list[Secret] = []
        monkeypatch.setattr(pool.__class__, "doubt", lambda _, key: doubts.append(key))
        accounts.start((name, name) for name in keys)
        account, _ = accounts
        assert account.keys_on_socket == 0
        await until(lambda: accounts.is_ready)
        assert account.keys_on_socket == account.describe()["keys_on_socket"] == 2
        key = account.listen_key
        for cause in GapCause:
            account._take([GapOpened(1, "desk-0", 0, "", cause)])
        assert doubts == [key] * len(module.LOSSES)
        await accounts.aclose()


async def test_an_account_with_a_socket_of_its_own_has_one_key_on_it(
    binance_options_sandbox: LocalSandbox, tmp_path: Path
) -> None:
    keys = keys_of(binance_options_sandbox, 1)
    async with accounts_of(binance_options_sandbox, tmp_path, keys) as accounts:
        accounts.start((name, name) for name in keys)
        (account,) = accounts
        assert account.keys_on_socket == 0
        await until(lambda: account.is_complete)
        assert account.keys_on_socket == 1
        await accounts.aclose()
