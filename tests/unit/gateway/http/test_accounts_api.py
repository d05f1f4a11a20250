"""The calls of the gateway that are not events."""

from __future__ import annotations

import asyncio

import pytest

from listenkey.gateway.http import accounts_api
from listenkey.gateway.http.accounts_api import BODY_BYTES_MAX
from tests.unit.gateway.http.making import AUTHORIZED, WITHIN_S, StandInAccount, serving, until


async def test_alive_needs_no_token_and_ready_names_who_is_not() -> None:
    one, other = StandInAccount("desk-1"), StandInAccount("desk-2")
    async with serving(one, other) as served:
        assert (await served.ask("GET", "/healthz", headers={}))[:2] == (200, {"status": "alive"})
        assert (await served.ask("GET", "/readyz"))[:2] == (200, {"ready": True, "accounts": 2})
        other.complete = False
        status, words, _ = await served.ask("GET", "/readyz")
        assert (status, words["incomplete"], words["incomplete_count"]) == (503, ["desk-2"], 1)


async def test_accounts_are_listed_and_shown_with_their_readers() -> None:
    async with serving(StandInAccount("desk-1", before=3), StandInAccount("desk-2")) as served:
        _, words, _ = await served.ask("GET", "/v1/accounts")
        assert [(one["name"], one["seq"], one["readers"]) for one in words["accounts"]] == [
            ("desk-1", 3, 0),
            ("desk-2", 0, 0),
        ]
        async with served.events(), served.events():
            await until(lambda: served.server.readers == 2)
            assert (await served.ask("GET", "/v1/accounts/desk-1"))[1]["readers"] == 2


async def test_a_head_is_answered_without_a_body() -> None:
    async with serving() as served:
        assert (await served.ask("HEAD", "/v1/accounts"))[:2] == (200, None)


async def test_an_unknown_account_is_404_wherever_it_is_named() -> None:
    async with serving() as served:
        for method, path in [
            ("GET", ""),
            ("GET", "/events"),
            ("GET", "/snapshot"),
            ("GET", "/consumers/book"),
            ("DELETE", ""),
        ]:
            status, words, _ = await served.ask(method, f"/v1/accounts/nobody{path}")
            assert (status, words["error"]) == (404, "unknown_account")


async def test_an_account_that_has_not_begun_is_503_where_its_newest_item_matters() -> None:
    account = StandInAccount()
    account.has_begun = False
    async with serving(account) as served:
        for method, path, body in [
            ("GET", "/events?after=500", None),
            ("GET", "/events", None),
            ("GET", "/snapshot", None),
            ("GET", "/consumers/book", None),
            ("PUT", "/consumers/book", {"seq": 1}),
        ]:
            status, words, headers = await served.ask(method, f"/v1/accounts/desk-1{path}", body)
            assert (status, words["error"], headers["Retry-After"]) == (503, "starting", "1")
        assert (await served.ask("GET", "/v1/accounts/desk-1"))[0] == 200


@pytest.mark.parametrize("has_begun", [True, False])
async def test_an_account_that_failed_before_its_journal_was_open_is_not_shown_as_empty(*, has_begun: bool) -> None:
    account = StandInAccount()
    account.has_begun, account.status = has_begun, "FAILED"
    async with serving(account) as served:
        for method, path, body in [
            ("GET", "/snapshot", None),
            ("GET", "/consumers/book", None),
            ("PUT", "/consumers/book", {"seq": 1}),
        ]:
            status, words, headers = await served.ask(method, f"/v1/accounts/desk-1{path}", body)
            assert (status, words["error"], headers["Retry-After"]) == (503, "journal", "10")
        account.has_begun = True
        account.happen(1)  # it failed later: what it has is there
        assert (await served.ask("GET", "/v1/accounts/desk-1/consumers/book"))[0] == 200


async def test_an_account_is_added_given_another_key_and_taken_out() -> None:
    async with serving() as served:
        status, words, _ = await served.ask("POST", "/v1/accounts", {"name": "new", "key": "env:NEW"})
        assert (status, words["name"]) == (201, "new")
        status, words, _ = await served.ask("POST", "/v1/accounts", {"name": "new", "key": "env:NEW"})
        assert (status, words["error"]) == (409, "account_exists")
        assert (await served.ask("PUT", "/v1/accounts/new", {"key": "keyring:new"}))[0] == 200
        assert served.accounts.by_name["new"].key == "keyring:new"
        assert (await served.ask("DELETE", "/v1/accounts/new"))[:2] == (200, {"account": "new", "taken_out": True})
        assert (await served.ask("GET", "/v1/accounts/new"))[0] == 404


async def test_a_key_in_the_place_of_a_reference_is_refused_and_not_repeated() -> None:
    key = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
    async with serving() as served:
        for method, path, body in [
            ("POST", "/v1/accounts", {"name": "new", "key": key}),
            ("POST", "/v1/accounts", {"name": "new", "key": f"file:missing{key}"}),
            ("PUT", "/v1/accounts/desk-1", {"key": key}),
            ("PUT", "/v1/accounts/desk-1", {"key": f"file:missing{key}"}),
            ("POST", "/v1/accounts", {"name": "new", "key": "env:X", key: "x"}),
        ]:
            status, words, headers = await served.ask(method, path, body)
            assert status == 400
            assert key not in f"{words}{headers}"


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"[]", b'{"name":1,"key":"env:X"}', b"\xff", b"[" * 5_000, b'{"key":"env:X"}'),
        *(b'{"name":"a","key":"env:X","name":"b"}', b'{"name":"a","key":"env:X","\\u006eame":"b"}'),
    ],
)
async def test_a_body_that_is_none_is_refused_with_an_example(body: bytes) -> None:
    async with serving() as served:
        status, words, _ = await served.ask("POST", "/v1/accounts", body)
        assert (status, words["error"]) == (400, "bad_body")
        assert '"key"' in words["what_to_do"]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
async def test_what_a_form_of_a_page_could_send_is_refused(kind: str) -> None:
    async with serving() as served:
        headers = {**AUTHORIZED, "Content-Type": kind}
        for method, path in [("POST", "/v1/accounts"), ("PUT", "/v1/accounts/desk-1")]:
            status, words, _ = await served.ask(method, path, b'{"name":"new","key":"env:X"}', headers)
            assert (status, words["error"]) == (415, "not_json")
        assert list(served.accounts.by_name) == ["desk-1"]


async def test_a_body_is_bounded_in_bytes_and_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving() as served:
        status, words, _ = await served.ask("POST", "/v1/accounts", b"x" * (BODY_BYTES_MAX + 1))
        assert (status, words["error"]) == (413, "body_too_large")
        monkeypatch.setattr(accounts_api, "BODY_WITHIN_S", 0.1)
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        lines = [
            "POST /v1/accounts HTTP/1.1",
            f"Host: localhost:{served.port}",
            f"Authorization: {AUTHORIZED['Authorization']}",
            "Content-Type: application/json",
            "Content-Length: 10",
        ]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n{")
        async with asyncio.timeout(WITHIN_S):
            assert b" 408 " in await reader.readline()
            await reader.read()
        writer.close()


async def test_a_client_that_waits_to_be_told_to_go_on_is_told() -> None:
    async with serving() as served:
        headers = {**AUTHORIZED, "Expect": "100-continue"}
        assert (await served.ask("PUT", "/v1/accounts/desk-1", {"key": "env:X"}, headers))[0] == 200
        status, words, _ = await served.ask("GET", "/v1/accounts", headers={**AUTHORIZED, "Expect": "money"})
        assert (status, words["error"]) == (417, "bad_expectation")


async def test_a_consumer_s_cursor_is_kept_and_told_with_what_is_there() -> None:
    account = StandInAccount(before=7)
    async with serving(account) as served:
        path = "/v1/accounts/desk-1/consumers/book"
        _, words, _ = await served.ask("GET", path)
        assert (words["seq"], words["oldest_seq"], words["newest_seq"]) == (None, 1, 7)
        account.oldest_seq = 3  # Retention took two, and nobody told the feed.
        assert (await served.ask("GET", path))[1]["oldest_seq"] == 3
        assert (await served.ask("PUT", path, {"seq": 5}))[:2] == (
            200,
            {"account": "desk-1", "consumer": "book", "seq": 5},
        )
        assert (await served.ask("GET", path))[1]["seq"] == 5
        status, words, _ = await served.ask("PUT", path, {"seq": 8})
        assert (status, words["error"], words["newest_seq"]) == (409, "too_new", 7)
        status, words, _ = await served.ask("PUT", path, {"seq": -1})
        assert (status, words["error"]) == (400, "bad_body")
        assert account.cursors == {"book": 5}
        status, words, _ = await served.ask("PUT", "/v1/accounts/desk-1/consumers/one-too-many", {"seq": 5})
        assert (status, words["error"]) == (400, "refused")
        status, words, _ = await served.ask("GET", "/v1/accounts/desk-1/consumers/elsewhere")
        assert (status, words["message"]) == (400, "this journal keeps no cursors")


@pytest.mark.parametrize("name", ["a%20b", "x" * 65, "%2e%2e%2f", "%00"])
async def test_a_consumer_has_a_plain_name(name: str) -> None:
    async with serving() as served:
        status, words, _ = await served.ask("GET", f"/v1/accounts/desk-1/consumers/{name}")
        assert (status, words["error"]) == (400, "bad_consumer")


async def test_a_commit_that_the_disk_does_not_take_is_answered_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts_api, "COMMIT_WITHIN_S", 0.1)
    account = StandInAccount(before=3)
    full = asyncio.Event()

    async def waits(consumer: str, seq: int) -> None:
        await full.wait()
        account.cursors[consumer] = seq

    monkeypatch.setattr(account, "commit", waits)
    path = "/v1/accounts/desk-1/consumers/book"
    async with serving(account) as served:
        for most in (1024, 1):  # the second one is too many
            monkeypatch.setattr(accounts_api, "COMMITS_MAX", most)
            status, words, headers = await served.ask("PUT", path, {"seq": 2})
            assert (status, words["error"], headers["Retry-After"]) == (503, "journal", "1")
        full.set()
        await until(lambda: account.cursors == {"book": 2})
        assert (await served.ask("PUT", path, {"seq": 3}))[1]["seq"] == 3
