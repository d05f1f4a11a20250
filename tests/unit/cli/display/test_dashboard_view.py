"""One frame: exactly the terminal's size, and the truth in it."""

from __future__ import annotations

from typing import Any

import pytest
from rich.cells import cell_len

from listenkey.cli.display.annotation import Annotation
from listenkey.cli.display.controls import HELP, Controls
from listenkey.cli.display.dashboard import DashboardState
from listenkey.cli.display.dashboard_view import STATUS_STYLE, WHY, StreamLabel, columns_for, frame
from listenkey.items import GapClosed, GapOpened, Item
from tests.unit.cli.samples import (
    AT_MS,
    account_event,
    greek_event,
    healthy,
    live,
    order_event,
    position_event,
    resting_event,
    update,
)


def drawn(items: list[Item], size: tuple[int, int] = (120, 30), **health: Any) -> str:
    state = DashboardState()
    for item in items:
        state.add(item)
    return "\n".join(line.plain for line in frame(state, healthy(**health), StreamLabel("sandbox"), size, AT_MS + 400))


EVERYTHING: list[Item] = [
    live(),
    update(order_event(rp="12.5")),
    update(resting_event(s="ETH-261225-3000-P")),
    GapOpened(4, "alice", AT_MS, "the socket ended"),
    GapClosed(5, "alice", AT_MS, AT_MS + 400, 0, ("events in between",)),
    update(greek_event()),
    update(account_event()),
    update(position_event()),
]


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60), (40, 10), (20, 4), (109, 24), (110, 24)])
@pytest.mark.parametrize("items", [[], EVERYTHING * 40])
def test_a_frame_fits_every_terminal(size: tuple[int, int], items: list[Item]) -> None:
    state = DashboardState()
    for item in items:
        state.add(item)
    lines = frame(state, healthy(gaps=3, unreadable=2), StreamLabel("sandbox"), size, AT_MS)
    assert len(lines) == size[1]
    assert max(cell_len(line.plain) for line in lines) <= size[0]


def test_the_header_tells_how_the_stream_is() -> None:
    text = drawn(EVERYTHING, duplicates_removed=2, gaps=1, gap_s=0.4, backlog=7)
    for told in ("● LIVE", "alice @ sandbox", "key 1a2b3c4d", "age 12m03s", "47m57s left", "renewals 1 ✓"):
        assert told in text
    for told in ("ping 12.3 ms", "last event 0.4s ago", "events 1,203", "fills 401", "gaps 1 (0.4s)", "backlog 7"):
        assert told in text
    assert "duplicates removed 2" in text


def test_each_status_has_its_colour_and_says_why() -> None:
    for status, style in STATUS_STYLE.items():
        line = frame(
            DashboardState(), healthy(status=status, why="no answer yet"), StreamLabel("sandbox"), (80, 24), AT_MS
        )[0]
        assert f"● {status}" in line.plain
        assert any(span.style == style for span in line.spans)
        assert (WHY.get(status, "no answer yet")[:20] in line.plain) == (status != "LIVE")


def test_a_note_is_a_line_across_the_table_and_what_came_back_is_counted() -> None:
    state = DashboardState()
    state.add(live())
    state.annotate(Annotation(AT_MS, "PLUG    back in"))
    lines = [
        line.plain
        for line in frame(state, healthy(gaps=1, gap_s=3.2, recovered=9), StreamLabel("sandbox"), (80, 24), AT_MS)
    ]
    assert any(line.startswith(" 06:46:40 ── PLUG    back in ──") for line in lines)
    assert state.version == 2
    assert any("gaps 1 (3.2s, 9 updates back)" in line for line in lines)


def test_rows_gaps_greeks_and_positions_are_all_there() -> None:
    text = drawn(EVERYTHING)
    assert "0.1 @ 1,234.5       0.3/0.3    -0.0287        12.5 taker" in text
    assert "ETH-261225-3000-P" in text
    assert "── GAP     opened: the socket ended ──" in text
    assert "closed, fills may be missing: no updates recovered" in text
    assert "BTCUSDT" in text
    assert "-0.1" in text
    assert "equity 10,000,371.61" in text
    assert text.index("ETH-261225-3000-P") < text.index("BTC-261225-90000-C"), "the newest comes first"


@pytest.mark.parametrize(
    ("width", "titles"),
    [
        (110, ["time", "symbol", "side", "status", "last qty @ price", "filled", "commission", "realised", "role"]),
        (80, ["time", "symbol", "side", "status", "last qty @ price", "filled", "comm."]),
        (60, ["time", "symbol", "side", "kind", "last qty @ price"]),
        (44, ["symbol", "side", "last qty @ price"]),
        (20, ["last qty @ price"]),
    ],
)
def test_columns_go_as_the_terminal_narrows_and_prices_stay_whole(width: int, titles: list[str]) -> None:
    assert [column.title for column in columns_for(width)] == titles
    text = drawn([update(order_event(L="12345.5", l="0.25"))], (width, 24))
    assert "0.25 @ 12,345.5" in text


def test_an_order_and_its_fill_differ_where_the_status_has_no_room() -> None:
    lines = drawn([update(resting_event()), update(order_event())], (60, 24)).splitlines()
    rows = [line for line in lines if "BTC-2" in line]
    assert len(rows) == 2
    assert " fill " in rows[0]
    assert " order " in rows[1]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_lines_above_and_below_the_table_are_not_cut(width: int) -> None:
    health: dict[str, Any] = {"gaps": 3, "gap_s": 7.5, "recovered": 12, "renewals": 4, "reconnects": 3}
    closed = GapClosed(5, "alice", AT_MS, AT_MS + 400, 3, (), 2, 1, True)
    text = " ".join(drawn([closed, update(account_event()), update(order_event())], (width, 30), **health).split())
    assert "…" not in text
    assert "closed after 0.4s: 2 fills, 1 state of orders recovered" in text
    assert "closed, all fills are here: 2 fills back" in text
    assert "reconnects 3" in text


def test_a_line_that_is_too_long_goes_on_below() -> None:
    why = "the venue closed the socket and no new one could be opened for a while"
    lines = drawn([GapOpened(4, "alice", AT_MS, why)], (60, 24)).splitlines()
    for place in ("gap open since", "── GAP     opened:"):
        first = next(number for number, line in enumerate(lines) if place in line)
        assert " ".join(" ".join(lines[first : first + 2]).split()).endswith(why)


def test_a_gap_stays_in_sight_however_much_comes_after_it() -> None:
    opened = GapOpened(4, "alice", AT_MS, "the socket ended")
    many = [update(order_event()) for _ in range(300)]
    assert "gap open since 06:46:40: the socket ended" in drawn([opened, *many])
    closed = GapClosed(5, "alice", AT_MS, AT_MS + 400, 3, ())
    text = drawn([opened, *many, closed, *many])
    assert "gap open" not in text
    assert "last gap 06:46:40 to 06:46:40: closed after 0.4s: 3 updates recovered" in text


def test_no_number_of_a_position_is_cut_on_a_narrow_terminal() -> None:
    text = drawn([update(position_event("BTC-261204-90000-C", "-1234.5678")), update(greek_event())], (60, 24))
    assert "-1,234.5678" in text
    assert text.index("greeks") < text.index("moved since start")


def test_the_journal_and_a_missing_secret_are_told() -> None:
    def shown(label: StreamLabel, **health: Any) -> str:
        return "\n".join(line.plain for line in frame(DashboardState(), healthy(**health), label, (120, 30), AT_MS))

    assert "journal none, items are kept in memory" in shown(StreamLabel("sandbox"))
    assert "no secret" not in shown(StreamLabel("sandbox"))
    assert "no secret: gaps will not be refilled" in shown(StreamLabel("sandbox", refills=False))
    assert "journal fills.db  no room" in shown(StreamLabel("sandbox", "fills.db"), journal_problem="no room")


def test_the_table_shows_what_was_asked_for_and_says_so() -> None:
    state = DashboardState()
    for item in EVERYTHING:
        state.add(item)
    controls = Controls()

    def shown() -> str:
        lines = frame(state, healthy(), StreamLabel("sandbox"), (120, 30), AT_MS, controls)
        return "\n".join(line.plain for line in lines)

    controls.press(b"f")
    assert "FILLS ONLY" in shown()
    assert "ETH-261225-3000-P" not in shown()
    assert "BTC-261225-90000-C" in shown()
    controls.press(b"f")
    assert "GAPS ONLY" in shown()
    assert "0.0287" not in shown()
    controls.press(b"f")
    controls.press(b"p")
    state.hold(held=True)
    state.add(update(order_event(s="SOL-261225-300-C")))
    assert "PAUSED" in shown()
    assert "SOL-261225-300-C" not in shown()
    state.hold(held=False)
    controls.press(b"p")
    assert "SOL-261225-300-C" in shown()
    controls.press(b"j")
    assert "1 NEWER" in shown()
    controls.press(b"?")
    assert all(meaning in shown() for _, meaning in HELP)


def test_every_part_is_there_at_80_columns() -> None:
    lines = drawn(EVERYTHING, (80, 24), events=1_203_456, fills=401_222, gaps=2, gap_s=3.0).splitlines()
    assert not any(line.endswith("…") for line in lines[:4]), "the header is cut"
    assert any("0.0287" in line for line in lines)


def test_what_is_not_known_yet_is_not_made_up() -> None:
    text = drawn([], status="CONNECTING", why="", key_fingerprint=None, key_age_s=None, key_left_s=None)
    assert "none yet" in text
    assert "waiting for the first order" in text
    assert "no balance seen yet" in text


def test_the_wires_texts_can_not_move_the_cursor() -> None:
    evil = "\x1b[2J\x9b1m\u202e\r\n"
    items: list[Item] = [
        update(order_event(s=evil, c=evil, X=evil, q=evil, N=evil)),
        update(greek_event(u=evil, d=evil)),
        update(position_event(evil, "1")),
        GapOpened(1, evil, 0, evil),
        GapClosed(1, evil, 0, 1, 0, (evil,)),
    ]
    text = drawn(items, status="GAP", why=evil)
    assert not set(text.replace("\n", "")) & set("\x1b\x9b\u202e\r")
    assert len(text.splitlines()) == 30


def test_a_risk_level_that_is_not_normal_stands_in_the_first_line() -> None:
    state = DashboardState()
    state.risk_level = "REDUCE_ONLY"
    assert "REDUCE_ONLY" in frame(state, healthy(), StreamLabel("sandbox"), (80, 24), AT_MS)[0].plain


def test_what_has_no_room_is_counted() -> None:
    many: list[Item] = [update(position_event(f"BTC-261225-{90_000 + number}-C", "1")) for number in range(1_500)]
    text = drawn(many, (80, 24))
    assert "BTC-261225-90000-C" in text
    assert "… 1,497 more" in text
