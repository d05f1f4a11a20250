from __future__ import annotations

import asyncio
import base64
import dataclasses
import json
import re
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from listenkey.sandbox.faults.registry import KINDS
from listenkey.sandbox.server import Sandbox
from listenkey.sandbox.switches import Switches
from listenkey.sandbox.world import UnknownAccount
from tests.sandbox.rest_api.test_signatures import pem_of
from tests.sandbox.visitor import DEADLINE_S, Visitor, receive, receive_trades


async def test_the_ledger_equals_the_stream() -> None:
    async with Sandbox(market=False) as sandbox, Visitor(sandbox) as visitor:
        ws = await visitor.listen()
        status, answer = await visitor.owner("POST", "burst", {"account": "alice", "fills": 40})
        assert (status, answer) == (200, {"account": "alice", "fills": 40, "made": 40, "done": True})
        heard = await receive_trades(ws, 40)
        _, ledger = await visitor.owner("GET", "ledger?account=alice")
        assert [(fill["symbol"], fill["trade_id"]) for fill in ledger["fills"]] == heard
        assert set(ledger) == {"account", "fills", "orders", "keys", "transfers", "exercises"}
        assert [row["what"] for row in ledger["keys"]] == ["created"]


async def test_a_paced_burst_answers_at_once_or_waits() -> None:
    async with Sandbox(market=False) as sandbox, Visitor(sandbox) as visitor:
        ws = await visitor.listen()
        asked = {"account": "alice", "fills": 20, "per_second": 400}
        status, answer = await visitor.owner("POST", "burst", asked)
        assert (status, answer["done"]) == (202, False)
        await receive_trades(ws, 20)
        status, answer = await visitor.owner("POST", "burst", asked | {"wait": True})
        assert (status, answer["made"], answer["done"]) == (200, 20, True)


async def test_accounts_are_added_and_trade_by_themselves() -> None:
    async with Sandbox(market=False) as sandbox, Visitor(sandbox) as visitor:
        status, bob = await visitor.owner("POST", "accounts", {"name": "bob"})
        assert (status, set(bob)) == (200, {"name", "api_key", "api_secret"})
        assert (await visitor.owner("POST", "accounts", {"name": "bob"}))[0] == 409
        status, second = await visitor.owner("POST", "accounts", {"name": "bob", "another_key": True})
        assert second["api_key"] != bob["api_key"]
        await visitor.owner("POST", "burst", {"account": "bob", "fills": 2})
        assert len(sandbox.ledger("bob")["fills"]) == 2
        assert sandbox.ledger("alice")["fills"] == []
        _, listed = await visitor.owner("GET", "accounts")
        assert [each["name"] for each in listed] == ["alice", "bob", "bob"]


async def test_a_market_maker_is_told_of_its_risk_over_the_wire() -> None:
    async with Sandbox(market=False) as sandbox, Visitor(sandbox) as owner:
        asked = {"name": "mm", "market_maker": True, "deposit": "30000", "trade_group_id": 7}
        assert (await owner.owner("POST", "accounts", asked))[0] == 200
        status, refused = await owner.owner("POST", "accounts", asked | {"another_key": True})
        assert (status, "can't be changed" in refused["error"]) == (400, True)
        symbol = next(each for each in reversed(sandbox.world.exchange.symbols()) if each[-1] == "C" and "BTC" in each)
        market_maker = sandbox.world.api_keys.all()[-1]
        order = {"symbol": symbol, "type": "LIMIT", "quantity": "1", "price": "100"}
        async with Visitor(sandbox, market_maker) as maker:
            ws = await maker.listen()
            assert (await owner.signed("POST", "/eapi/v1/order", side="BUY", **order))[0] == 200
            assert (await maker.signed("POST", "/eapi/v1/order", side="SELL", **order))[0] == 200
            asked = {"underlying": "BTCUSDT", "price": "150000"}
            assert await owner.owner("POST", "index", asked) == (200, asked)
            await owner.owner("POST", "clock", {"advance_ms": 10_000})
            async with asyncio.timeout(DEADLINE_S):
                while (event := await receive(ws))["e"] != "RISK_LEVEL_CHANGE":
                    pass
            assert event["s"] == "REDUCE_ONLY"
            _, snapshot = await maker.signed("GET", "/eapi/v1/marginAccount")
            assert (snapshot["reduceOnly"], snapshot["tradeGroupId"]) == (True, 7)


async def test_accounts_of_a_group_do_not_trade_with_each_other() -> None:
    async with Sandbox(market=False) as sandbox, Visitor(sandbox) as owner:
        for name in ("one", "two"):
            await owner.owner("POST", "accounts", {"name": name, "trade_group_id": 7})
        order = {"symbol": sandbox.world.exchange.symbols()[-1], "type": "LIMIT", "quantity": "1", "price": "100"}
        one, two = sandbox.world.api_keys.all()[-2:]
        async with Visitor(sandbox, one) as first, Visitor(sandbox, two) as second:
            await first.signed("POST", "/eapi/v1/order", side="BUY", **order)
            _, placed = await second.signed("POST", "/eapi/v1/order", side="SELL", **order)
        assert placed["status"] == "NEW"
        assert [row["status"] for row in sandbox.ledger("one")["orders"]] == ["NEW", "EXPIRED_IN_MATCH"]


@pytest.mark.parametrize(
    ("call", "asked"),
    [
        ("accounts", {"name": "x", "deposit": "much"}),
        ("accounts", {"name": "x", "deposit": "-1"}),
        ("accounts", {"name": "x", "trade_group_id": "7"}),
        ("accounts", {"name": "x", "market_maker": 1}),
        ("index", {"underlying": "BTCUSDT", "price": "0"}),
        ("index", {"underlying": "BTCUSDT", "price": "NaN"}),
        ("index", {"underlying": "DOGEUSDT", "price": "5"}),
        ("index", {"price": "5"}),
    ],
)
async def test_what_makes_no_sense_is_refused(call: str, asked: dict[str, Any]) -> None:
    async with Sandbox(market=False) as sandbox, Visitor(sandbox) as owner:
        assert (await owner.owner("POST", call, asked))[0] == 400
        assert len(sandbox.world.api_keys.all()) == 1


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
async def test_an_api_key_may_sign_with_a_private_key(kind: Any) -> None:
    ed = ed25519.Ed25519PrivateKey.generate()
    private = ed if kind == "ed25519" else rsa.generate_private_key(65537, 2048)
    async with Sandbox(market=False) as sandbox, Visitor(sandbox) as visitor:
        asked = {"name": "alice", "public_key": pem_of(private)}
        status, made = await visitor.owner("POST", "accounts", asked)
        assert (status, made["api_secret"]) == (200, "")
        text = f"timestamp={sandbox.now_ms}"
        if isinstance(private, rsa.RSAPrivateKey):
            from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
            from cryptography.hazmat.primitives.hashes import SHA256

            raw = private.sign(text.encode(), PKCS1v15(), SHA256())
        else:
            raw = private.sign(text.encode())
        signature = quote(base64.b64encode(raw).decode(), safe="")
        headers = {"X-MBX-APIKEY": made["api_key"]}
        path = f"/eapi/v1/marginAccount?{text}&signature="
        assert (await visitor.call("GET", path + signature, headers=headers))[0] == 200
        status, answer = await visitor.call("GET", path + "AAAA", headers=headers)
        assert (status, answer["code"]) == (400, -1022)
        with pytest.raises(ValueError, match="PEM"):
            sandbox.register_public_key("alice", "no key")


async def test_the_clock_is_moved() -> None:
    async with Sandbox(market=False) as sandbox, Visitor(sandbox) as visitor:
        _, before = await visitor.owner("GET", "clock")
        status, after = await visitor.owner("POST", "clock", {"advance_ms": 3_600_000})
        assert status == 200
        assert 3_600_000 <= after["now_ms"] - before["now_ms"] < 3_700_000
        _, told = await visitor.call("GET", "/eapi/v1/time")
        assert told["serverTime"] >= after["now_ms"]
        assert (await visitor.owner("POST", "clock", {"advance_ms": -1}))[0] == 400


async def test_faults_are_put_in_listed_and_taken_out() -> None:
    async with Sandbox(market=False) as sandbox, Visitor(sandbox) as visitor:
        status, fault = await visitor.owner("POST", "faults", {"kind": "http_status", "status": 503, "count": 2})
        assert (status, fault["left"], fault["struck"]) == (200, 2, 0)
        assert (await visitor.call("GET", "/eapi/v1/time"))[0] == 503
        _, listed = await visitor.owner("GET", "faults")
        assert [(each["id"], each["left"], each["struck"]) for each in listed] == [(fault["id"], 1, 1)]
        assert await visitor.owner("DELETE", f"faults?id={fault['id']}") == (200, {"taken_out": 1})
        assert (await visitor.call("GET", "/eapi/v1/time"))[0] == 200
        status, wrong = await visitor.owner("POST", "faults", {"kind": "nope"})
        assert status == 400
        assert "drop_sockets" in wrong["error"]


async def test_switches_transfers_market_and_meters() -> None:
    async with Sandbox(market=True) as sandbox, Visitor(sandbox) as visitor:
        assert (await visitor.owner("POST", "market", {"running": False})) == (200, {"running": False})
        status, switches = await visitor.owner("POST", "switches", {"weight_per_minute": 400})
        assert (status, switches["weight_per_minute"]) == (200, 400)
        assert (await visitor.owner("GET", "switches"))[1] == switches
        assert (await visitor.owner("POST", "switches", {"weight_per_minute": "x"}))[0] == 400
        before = len(sandbox.ledger("alice")["transfers"])
        assert (await visitor.owner("POST", "transfer", {"account": "alice", "amount": "12.5"}))[0] == 200
        assert len(sandbox.ledger("alice")["transfers"]) == before + 1
        for amount in ("x", "NaN", None, "-99999999999"):
            assert (await visitor.owner("POST", "transfer", {"account": "alice", "amount": amount}))[0] == 400
        await visitor.key()
        _, meters = await visitor.owner("GET", "meters")
        assert meters["requests"] == {"POST /eapi/v1/listenKey": 1}
        assert sum(meters["weight_by_minute"].values()) == 1


@pytest.mark.parametrize(
    ("method", "name", "body", "status"),
    [
        ("GET", "nope", None, 404),
        ("PUT", "faults", None, 404),
        ("GET", "ledger", None, 400),
        ("GET", "ledger?account=nobody", None, 404),
        ("POST", "burst", {"account": "nobody", "fills": 1}, 404),
        ("POST", "burst", {"account": "alice", "fills": -1}, 400),
        ("POST", "burst", {"account": "alice", "fills": 1, "per_second": 0}, 400),
        ("POST", "accounts", {"name": "a b"}, 400),
        ("POST", "accounts", {}, 400),
        ("POST", "faults", {}, 400),
        ("POST", "faults", {"kind": "mute", "account": "nobody"}, 404),
        ("POST", "faults", {"kind": "http_status", "status": 0}, 400),
        ("POST", "faults", {"kind": "http_status", "status": 1000}, 400),
        ("POST", "burst", {"account": "alice", "fills": 1, "per_second": 1e300}, 400),
        ("POST", "burst", {"account": "alice", "fills": 1, "per_second": True}, 400),
        ("DELETE", "faults?id=-1", None, 400),
        ("DELETE", "faults?id=%D9%A1", None, 400),
        ("POST", "market", {}, 400),
        ("POST", "clock", [], 400),
        ("DELETE", "faults?id=x", None, 400),
    ],
)
async def test_wrong_calls_are_told_what_would_be_right(method: Any, name: Any, body: Any, status: Any) -> None:
    async with Sandbox(market=False) as sandbox, Visitor(sandbox) as visitor:
        answered, answer = await visitor.owner(method, name, body)
        assert answered == status
        assert len(answer["error"]) > 10


async def test_bursts_of_two_accounts_at_once() -> None:
    async with Sandbox(market=False, accounts=("alice", "bob")) as sandbox, Visitor(sandbox) as visitor:
        other = Visitor(sandbox, sandbox.accounts[1])
        async with other, asyncio.timeout(DEADLINE_S):
            ours, theirs = await visitor.listen(), await other.listen()
            await asyncio.gather(sandbox.burst("alice", 100), sandbox.burst("bob", 100))
            for ws, name in ((ours, "alice"), (theirs, "bob")):
                told = [(fill["symbol"], fill["trade_id"]) for fill in sandbox.ledger(name)["fills"]]
                assert await receive_trades(ws, 100) == told


PAGE = Path(__file__).parents[3] / "docs" / "reference" / "sandbox.md"


async def test_every_fault_of_the_page_can_be_put_in_and_every_kind_is_on_it() -> None:
    bodies = [
        json.loads(found)
        for found in re.findall(r"^curl \S+ \S+ \S+/faults -d '(.*?)'", PAGE.read_text(), re.MULTILINE)
    ]
    assert {body["kind"] for body in bodies} == set(KINDS)
    async with Sandbox(market=False) as sandbox, Visitor(sandbox) as visitor:
        for body in bodies:
            status, answer = await visitor.owner("POST", "faults", body)
            assert status == 200, (body, answer)


def test_every_switch_is_on_the_page() -> None:
    told = set(re.findall(r"`(\w+)`", PAGE.read_text()))
    assert set(dataclasses.asdict(Switches())) <= told


@pytest.mark.parametrize(
    "body",
    [
        b'{"account": "alice", "fills": 1, "per_second": Infinity}',
        b'{"account": "alice", "fills": 1, "per_second": NaN}',
        b'{"account": "\\ud800", "fills": 1}',
        b'{"account": "alice", "fills": 1e999}',
        b"{",
        b"[" * 100_000,
        b"\xff",
    ],
)
async def test_what_is_no_json_is_refused_in_words(body: bytes) -> None:
    async with Sandbox(market=False) as sandbox, Visitor(sandbox) as visitor:
        headers = {"X-Sandbox-Token": sandbox.control_token}
        url = f"{sandbox.control_url}/burst"
        async with visitor.session.post(url, data=body, headers=headers) as answer:
            assert (answer.status, (await answer.json())["error"]) == (400, "the body is not JSON")


async def test_what_can_not_be_done_is_told_in_python_too() -> None:
    async with Sandbox(market=False) as sandbox:
        with pytest.raises(UnknownAccount, match="no account 'nobody'; there are alice"):
            await sandbox.burst("nobody", 1)
        with pytest.raises(UnknownAccount, match="nobody"):
            sandbox.ledger("nobody")
        for rate in (float("inf"), float("nan"), 0, -1):
            with pytest.raises(ValueError, match="no rate"):
                await sandbox.burst("alice", 1, rate)
        with pytest.raises(ValueError, match="JSON"):
            sandbox.fault("http_status", status=200, body="\ud800")


async def test_ids_come_as_texts_too() -> None:
    async with Sandbox(market=False) as sandbox, Visitor(sandbox) as visitor:
        await sandbox.burst("alice", 3)
        _, ledger = await visitor.owner("GET", "ledger?account=alice")
        for row in ledger["fills"]:
            assert row["order_id"] > 2**53
            assert (row["order_id_text"], row["id_text"]) == (str(row["order_id"]), str(row["id"]))
        assert all(row["order_id_text"] == str(row["order_id"]) for row in ledger["orders"])


@pytest.mark.skipif(shutil.which("curl") is None, reason="these lines are for people who have curl")
async def test_every_curl_line_of_the_page_works_as_it_is() -> None:
    lines = re.findall(r"^curl .*", PAGE.read_text(), re.MULTILINE)
    assert len(lines) > 40
    async with Sandbox(market=False) as sandbox:
        script = "\n".join(
            [
                "set -e",
                'curl() { command curl --silent --show-error --fail --output /dev/null "$@"; }',
                f"CONTROL={sandbox.control_url}",
                f"TOKEN='X-Sandbox-Token: {sandbox.control_token}'",
                *lines,
            ]
        )
        process = await asyncio.create_subprocess_exec("bash", "-c", script, stderr=asyncio.subprocess.PIPE)
        _, told = await asyncio.wait_for(process.communicate(), 60)
        assert (process.returncode, told) == (0, b"")


async def test_an_api_key_that_is_revoked_is_unknown_and_its_account_lives_on() -> None:
    async with Sandbox(market=False) as sandbox, Visitor(sandbox) as visitor:
        ws = await visitor.listen()
        old, new = sandbox.accounts[0], sandbox.add_account("alice")
        status, answer = await visitor.owner("DELETE", "accounts", {"api_key": old.api_key})
        assert (status, answer) == (200, {"revoked": True})
        assert (await visitor.owner("DELETE", "accounts", {"api_key": old.api_key}))[0] == 404
        assert (await visitor.owner("DELETE", "accounts", {}))[0] == 400
        status, answer = await visitor.signed("GET", "/eapi/v1/marginAccount")
        assert (status, answer["code"]) == (401, -2015)
        visitor.account = new
        assert (await visitor.signed("GET", "/eapi/v1/marginAccount"))[0] == 200
        await sandbox.burst("alice", 1)
        assert await receive_trades(ws, 1)
        assert sandbox.revoke_key(new.api_key)
        assert not sandbox.revoke_key(new.api_key)
        assert len(sandbox.ledger("alice")["fills"]) == 1
