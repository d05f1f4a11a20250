"""`listenkey tail --json` brings what the exchange's ledger holds, and `listenkey demo` says so truthfully."""

from __future__ import annotations

import json
import signal

from listenkey.testing import LocalSandbox
from tests.promises.command import ended_after_s, environment, finished, lines, running


def test_a_thousand_fills_each_once_in_order(binance_options_sandbox: LocalSandbox) -> None:
    exchange = binance_options_sandbox
    got: list[tuple[str, int, int]] = []
    with running("tail", "--json", env=environment(exchange)) as process:
        for item in lines(process.stdout):
            if item["kind"] == "live":
                exchange.burst(1000)
            event = item.get("event", {})
            if event.get("execution_type") == "TRADE":
                got.append((event["symbol"], event["trade_id"], event["order_id"]))
            if len(got) == 1000:
                break
        ended_after_s(process, signal.SIGTERM)
        assert process.returncode == 0
    assert got == exchange.fills()


def test_the_demo_without_a_terminal_ends_by_itself_with_the_truth() -> None:
    done = finished("demo", "--seconds", "3", env=environment())
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    *items, counts, plug, stream, journal, disk = done.stdout.splitlines()
    assert any("  fill  " in line for line in items)
    assert sum("  PLUG    " in line for line in items) == 2
    assert "1 gap," in counts
    assert plug.startswith("plug out for 0.")
    assert "whole" in plug
    assert stream.startswith("ledger = stream: yes")
    assert journal.startswith("ledger = journal: yes")
    assert disk.startswith("journal on the disk: verified")


def test_the_demo_numbers_its_items_without_holes() -> None:
    done = finished("demo", "--seconds", "2", "--json", env=environment())
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [item["seq"] for item in told[:-1]] == list(range(1, len(told)))
    assert told[-1]["ledger_equals_stream"] is True
    assert told[-1]["ledger_equals_journal"] is True
    assert done.stderr == ""
