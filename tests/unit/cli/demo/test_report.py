"""The demo's report is true and says what is wrong."""

from __future__ import annotations

import json
from dataclasses import replace

from listenkey.cli.demo.comparison import ComparedFill, ReceivedFill, compare
from listenkey.cli.demo.faults import FaultOutcome
from listenkey.cli.demo.report import DemoResult, comparison_text, demo_line, demo_sentence, outcome_text
from listenkey.cli.display.summary import Tally
from listenkey.journal.sqlite.verify import VerifyResult
from tests.unit.cli.samples import healthy

A, B = (ComparedFill(number, "S", number, 7, "0.1", "5") for number in (1, 2))
GOT_A, GOT_B = (ReceivedFill(fill, late=False) for fill in (A, B))
PLUG = FaultOutcome("plug", 3.0, 0.0, 0.5, 0.75, 4)
MESSAGE = FaultOutcome("message", 0.0, 1.02, 0.0, 1.12, 1)
SAME = compare([A, B], [GOT_A, GOT_B])
GOOD = DemoResult(
    stream=SAME, journal=SAME, verification=VerifyResult(9, 1, 9, "ab", None, ()), outcomes=[PLUG, MESSAGE]
)


def test_all_agree() -> None:
    text = demo_sentence(Tally(events=7, fills=2, gaps=2), healthy(), GOOD)
    assert text.splitlines() == [
        "7 events, 2 fills, 2 gaps, no duplicates removed",
        "plug out for 3.0 s: 4 fills brought back; socket in 0.5 s, whole 0.2 s later",
        "message lost: 1 fill brought back; noticed in 1.0 s, whole 0.1 s later",
        "ledger = stream: yes (2 fills, in order, each once)",
        "ledger = journal: yes (2 fills, in order, each once)",
        "journal on the disk: verified, 9 items",
    ]
    assert GOOD.equal
    assert demo_sentence(Tally(), healthy(), replace(GOOD, kept_in="x.db")).endswith(", x.db")


def test_any_of_the_three_makes_the_answer_no() -> None:
    other = compare([A, B], [GOT_A])
    damaged = VerifyResult(3, 1, 3, "ab", 4, ("item 4 was changed",))
    for bad in (replace(GOOD, stream=other), replace(GOOD, journal=other), replace(GOOD, verification=damaged)):
        assert not bad.equal
        told = json.loads(demo_line(Tally(), healthy(), bad))
        assert [told["ledger_equals_stream"], told["ledger_equals_journal"], told["journal_whole"]].count(False) == 1
    assert "NOT whole: item 4 was changed" in demo_sentence(Tally(), healthy(), replace(GOOD, verification=damaged))


def test_what_differs_is_named() -> None:
    assert comparison_text(compare([A, B], [GOT_A])) == (
        "no (the ledger holds 2 fills, 1 came; missing: 1, the first S number 2)"
    )
    assert "twice or changed: 1, the first S number 1" in comparison_text(compare([A], [GOT_A, GOT_A]))
    assert "out of order" in comparison_text(compare([A, B], [GOT_B, GOT_A]))


def test_late_ones_and_an_open_gap_are_told() -> None:
    late = compare([A, B], [GOT_B, ReceivedFill(A, late=True)])
    assert comparison_text(late) == "yes (2 fills, in order, each once; 1 late, and marked so)"
    assert (
        comparison_text(compare([A, B], [GOT_A], 2))
        == "yes (1 fill, in order, each once; 1 more in the gap that is open)"
    )


def test_what_is_not_recovered_is_not_called_recovered() -> None:
    assert outcome_text(PLUG._replace(whole_s=None)).endswith("not recovered yet at the end, and reported as a gap")
    assert "nothing was missed" in outcome_text(PLUG._replace(fills=0))
    assert outcome_text(PLUG._replace(whole_s=0.54)).endswith("whole 40 ms later")


def test_programs_get_figures() -> None:
    told = json.loads(demo_line(Tally(events=7, fills=2, gaps=2), healthy(recovered=5), GOOD))
    assert (told["kind"], told["fills"], told["ledger_fills"], told["recovered"]) == ("summary", 2, 2, 5)
    assert (told["ledger_equals_stream"], told["ledger_equals_journal"], told["journal_whole"]) == (True, True, True)
    assert told["broken"][0] == {
        "what": "plug", "out_s": 3.0, "noticed_after_s": 0.0, "socket_after_s": 0.5, "whole_after_s": 0.75, "fills": 4
    }  # fmt: skip
