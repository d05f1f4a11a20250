"""`/metrics` of a gateway: with the token alone, in the format that was asked for, and nothing but states and counts."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from tests.unit.gateway.http.making import AUTHORIZED, StandInAccount, serving


async def test_prometheus_gets_the_accounts_and_the_server() -> None:
    account = StandInAccount()
    account.complete = False
    async with serving(account) as served:
        async with served.session.get(f"{served.url}/metrics", headers=AUTHORIZED) as answer:
            assert (answer.status, answer.content_type) == (200, "text/plain")
            assert answer.headers["Cache-Control"] == "no-store"
            text = await answer.text()
        found = {
            (sample.name, *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }
        assert found["listenkey_stream_state", "desk-1", "LIVE"] == 1
        assert found["listenkey_fills_complete", "desk-1"] == 0
        assert found["listenkey_readers",] == 0
        assert found["listenkey_http_connections",] == 1
        assert "file:" not in text


async def test_another_format_is_given_where_it_is_asked_for() -> None:
    async with serving(StandInAccount()) as served:
        headers = {**AUTHORIZED, "Accept": "application/openmetrics-text; version=1.0.0"}
        async with served.session.get(f"{served.url}/metrics", headers=headers) as answer:
            assert answer.content_type == "application/openmetrics-text"
            assert (await answer.text()).endswith("# EOF\n")


async def test_without_the_token_nothing_is_said() -> None:
    async with serving(StandInAccount()) as served:
        status, words, _ = await served.ask("GET", "/metrics", headers={})
        assert (status, words["error"]) == (401, "missing_token")
