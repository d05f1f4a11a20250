"""
One wrong field costs no fill, and is nobody else's exception.

From each documented message and answer, of both generations: each field of it absent, null, empty, of another type,
huge or oddly spelled (`documents.WRONG`), all the way through what the client does with it.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

import pytest

from listenkey import venue
from listenkey.cli.display.order_rows import rows_of
from listenkey.core import reconciliation, rest_history
from listenkey.core.account_state import AccountState, FillIndex
from listenkey.core.clock_sync import ClockSync
from listenkey.core.deduplicator import Deduplicator
from listenkey.core.loss_detector import LossDetector
from listenkey.core.reconciliation import Findings
from listenkey.credentials import Credentials, Secret
from listenkey.errors import ListenKeyError
from listenkey.events import Event, OrderTradeUpdate, RecoveredFill
from listenkey.items import Item, Update
from listenkey.journal.sqlite.hash_chain import BEGINNING, seal
from listenkey.journal.sqlite.row_codec import item_of, update_values
from listenkey.journal.sqlite.schema import COLUMNS, TABLES, VIEWS
from listenkey.rest.account_client import AccountClient
from listenkey.transport.base import Request, Response
from listenkey.transport.clock import SystemClock
from listenkey.wire import responses
from listenkey.wire.frames import Control, Received, Several, UnreadableFrame, Unwrapper, read
from listenkey.wire.json_lines import from_line, to_line
from listenkey.wire.rows import BillRow, TradeRow
from tests.fuzz import documents
from tests.fuzz.documents import INDEX, Mutant, compact, mutants
from tests.fuzz.frames import KEY, check_amounts, enveloped
from tests.unit.core.making import admit

UNWRAPPER: Final = Unwrapper(Secret(KEY))
EVENTS: Final = [entry["file"] for entry in INDEX if entry["kind"] in ("event", "ws_response")]
ANSWERS: Final = [entry["file"] for entry in INDEX if entry["kind"] == "response"]
ERRORS: Final = [(entry["file"], entry["http_status"]) for entry in INDEX if entry["kind"] == "error"]

FILL: Final = documents.document("thirdparty_order_trade_update_trade.json")["data"]
OLD_FILL: Final = documents.document("legacy_order_trade_update.json")
FILLS: Final[dict[str, Any]] = {
    "current": FILL,
    "current, under another word": FILL | {"o": FILL["o"] | {"x": "CALCULATED"}},
    "current, with keys nobody knows": FILL | {"new": {"deep": [1]}, "o": FILL["o"] | {"sp": "7103.04"}},
    "current, in another envelope": {"stream": "another" * 6, "data": FILL},
    "legacy": OLD_FILL,
}
IDENTITY: Final = {("e",), ("o",), *(("o", letter) for letter in "sSilLtT")}
OLD_IDENTITY: Final = {
    ("e",), ("o",), ("o", 0), ("o", 0, "fi"), ("o", 0, "fi", 0),
    *(("o", 0, name) for name in ("s", "oid", "q")),
    *(("o", 0, "fi", 0, letter) for letter in "tpqT"),
}  # fmt: skip
"""The fields that identify a fill. `q` of a legacy order is its side as well."""

ROW_IDENTITY: Final = {"symbol", "tradeId", "orderId", "side", "quantity", "price", "time"}


# --- Messages of the socket -------------------------------------------------------------------------------------------


def keys_of(event: Event) -> list[tuple[Any, ...]]:
    """Return the fills of an event, in full."""
    if isinstance(event, OrderTradeUpdate) and event.is_fill:
        return [
            (event.symbol, event.trade_id, event.order_id, event.side, event.last_quantity, event.last_price,
             event.trade_time_ms)
        ]  # fmt: skip
    return []


class Through:
    """All that the client does with a frame."""

    def __init__(self) -> None:
        self.database = sqlite3.connect(":memory:")
        self.database.execute(TABLES["items"])
        for view in VIEWS.values():
            self.database.execute(view)
        self.rows = 0
        self.fills = 0

    def take(self, payload: bytes) -> list[Event]:
        """The events of a payload, which went through everything; none where it is unreadable or has none."""
        frame = enveloped(payload)
        one = UNWRAPPER.read(frame)
        together = UNWRAPPER.read_all([frame, frame])
        other = read(payload)
        assert isinstance(other, Received | Several | Control | UnreadableFrame)
        if not isinstance(one, Received):
            assert together is None
            return (
                [self.took(part) for part in one.parts if isinstance(part, Received)]
                if isinstance(one, Several)
                else []
            )
        assert together is None or together[0] == [one.event] * 2, "a batch is its frames"
        if isinstance(other, Received):
            assert other.event == one.event, "raw or in an envelope"
        return [self.took(one)]

    def took(self, one: Received) -> Event:
        """Let an event go through everything."""
        self.know(one.event, one.raw)
        self.keep(one.event, one.raw)
        check_amounts(one.event)
        rows_of(one.event)
        return one.event

    def know(self, event: Event, raw: bytes) -> None:
        """The ways an event goes alone and in a batch: deduplication, the account, the loss detector."""
        alone, batched = Deduplicator(), Deduplicator()
        alone.follow(1)
        batched.follow(1)
        assert admit(alone, 1, event, raw, 5)
        events, raws = [event, event], [raw, raw]
        fills, late = batched.admit_all(events, raws)
        assert len(events) == 1, "the second is a duplicate"
        assert fills == len(keys_of(event))
        known, detector = AccountState(alone.fills), LossDetector(1.0)
        known.note(event)
        detector.note(event, 0.0)
        detector.note_all(events, AccountState(batched.fills), 0.0)
        assert alone.fills.lateness.note_event(event) is False
        assert late == []
        detector.take_doubts(100.0)

    def keep(self, event: Event, raw: bytes) -> None:
        """The ways an event is kept: a journal's row, a line of JSON."""
        self.rows += 1
        item: Item = Update(self.rows, "a", event, 5, raw)
        row = seal(update_values(self.rows, "a", event, raw, 5), BEGINNING)
        assert item_of(row) == item, "a journal gives it back"
        marks = ",".join("?" * len(COLUMNS))
        self.database.execute(f"INSERT INTO items VALUES({marks})", row)
        line = to_line(item)
        json.loads(line)
        assert from_line(line) == item, "and so does a line"
        self.fills += isinstance(event, OrderTradeUpdate) and event.is_fill

    def look(self) -> None:
        """Check the fills that SQL shows."""
        told = self.database.execute("SELECT symbol, trade_id, last_quantity, last_price, commission FROM fills")
        found = told.fetchall()
        assert len(found) == self.fills
        for symbol, trade_id, quantity, price, commission in found:
            assert (symbol, trade_id) == (FILL["o"]["s"], FILL["o"]["t"]) or "" not in (symbol, quantity, price)
            assert commission is None or abs(float(commission)) < 1e24, commission
        self.database.execute("SELECT * FROM orders").fetchall()
        self.database.close()


def is_identity(path: tuple[str | int, ...], identity: Iterable[tuple[str | int, ...]]) -> bool:
    """Return True where a field identifies a fill, or holds one that does."""
    path = path[1:] if path[:1] == ("data",) else path
    return not path or path in identity


@pytest.mark.parametrize("name", FILLS)
def test_a_fill_survives_whatever_does_not_say_which_it_is(name: str, tried: Counter[str]) -> None:
    whole = FILLS[name]
    through = Through()
    expected = all_keys(through.take(compact(whole.get("data", whole))))
    assert len(expected) == 1
    lost = []
    for mutant in mutants(whole):
        tried["fills"] += 1
        found = all_keys(through.take(mutant.body) if "data" not in whole else taken(through, mutant))
        if is_identity(mutant.path, OLD_IDENTITY if name == "legacy" else IDENTITY):
            continue
        if "data" in whole and mutant.path in (("data",), ("stream",)):
            continue
        if found != expected:
            lost.append((mutant.path, mutant.kind))
    assert lost == []
    through.look()


def all_keys(events: Iterable[Event]) -> list[tuple[Any, ...]]:
    return [key for event in events for key in keys_of(event)]


def taken(through: Through, mutant: Mutant) -> list[Event]:
    """A frame that has its own envelope."""
    one = read(mutant.body, (Secret(KEY),))
    return [through.took(one)] if isinstance(one, Received) else []


@pytest.mark.parametrize("name", EVENTS)
def test_no_message_with_a_wrong_field_is_an_exception(name: str, tried: Counter[str]) -> None:
    through = Through()
    whole = documents.document(name)
    for mutant in mutants(whole.get("data", whole)):
        tried["messages"] += 1
        through.take(mutant.body)
    through.look()


# --- Answers over REST ------------------------------------------------------------------------------------------------


class Lane:
    """Answers one path with the mutant, and the time with the truth."""

    def __init__(self) -> None:
        self.path = ""
        self.answer = Response(200)
        self.time = Response(200, (), compact(documents.document("server_time.json")))

    async def send(self, request: Request, base_url: str) -> Response:
        del base_url
        return self.answer if request.path == self.path else self.time

    async def send_made(self, weight: int, make: Callable[[], Request], base_url: str) -> Response:
        del weight
        return await self.send(make(), base_url)


CREDENTIALS: Final = Credentials.of("k" * 64, "s" * 64)
Reader = Callable[[AccountClient], Awaitable[Any]]


async def listed(snapshots: AccountClient) -> list[TradeRow]:
    pages: list[list[TradeRow]] = []

    def collect(page: list[TradeRow]) -> bool:
        pages.append(page)
        return True

    await snapshots.trades_since("S", 0, collect)
    return [row for page in pages for row in page]


async def billed(snapshots: AccountClient) -> list[BillRow]:
    return list(await snapshots.bill_since(0))


READERS: Final[dict[str, tuple[str, Reader]]] = {
    "user_trades": (venue.USER_TRADES_PATH, listed),
    "open_orders": (venue.OPEN_ORDERS_PATH, lambda snapshots: snapshots.open_orders(None)),
    "history_orders": (venue.HISTORY_ORDERS_PATH, lambda snapshots: snapshots.history_orders("S")),
    "order": (venue.ORDER_PATH, lambda snapshots: snapshots.order("S", 1)),
    "position": (venue.POSITION_PATH, lambda snapshots: snapshots.positions()),
    "bill": (venue.BILL_PATH, billed),
    "exchange_info": (venue.EXCHANGE_INFO_PATH, lambda snapshots: snapshots.weight_limit()),
    "server_time": (venue.TIME_PATH, lambda snapshots: snapshots.read_time()),
}


def reader_of(name: str) -> tuple[str, Reader] | None:
    """Return the reader of an answer, by the name of its document."""
    stem = name.removeprefix("legacy_").removesuffix(".json").removesuffix("_fee_charged")
    if stem in ("new_order", "new_order_sdk", "new_order_result", "cancel_order"):
        stem = "order"
    return READERS.get(stem)


async def read_rows(name: str, body: bytes) -> list[RecoveredFill]:
    """The fills of an answer that went through everything."""
    lane = Lane()
    reader = reader_of(name)
    assert reader is not None
    lane.path, ask = reader
    lane.answer = Response(200, (), body)
    snapshots = AccountClient(CREDENTIALS, "http://127.0.0.1:1", lane, SystemClock(), ClockSync())  # type: ignore[arg-type]
    found = await ask(snapshots)
    return reconciled(name, found if isinstance(found, list) else [found])


def reconciled(name: str, rows: list[Any]) -> list[RecoveredFill]:
    """Return the fills that a recovery makes of the rows."""
    known = AccountState(FillIndex())
    if "user_trades" in name:
        findings = Findings(fills=reconciliation.missing(rows, known, 2**62))
        delivered = reconciliation.combined(findings, [], known, 0)
        for one in delivered:
            keep_recovered(one.event, one.raw, known)
        return [one.event for one in delivered if isinstance(one.event, RecoveredFill)]
    if "order" in name:
        newest = reconciliation.newest_orders(rows)
        findings = Findings(orders=newest)
        for one in reconciliation.combined(findings, [], known, 0):
            keep_recovered(one.event, one.raw, known)
    elif "bill" in name:
        billed = reconciliation.contracts(rows, 0, 2**62)
        rest_history.compare(rows, {}, 0, 2**62)
        reconciliation.first_of(list(billed), rows, [], 0)
    elif "position" in name:
        reconciliation.moved(known, [], rows, trusted=False, recent_ms=0)
    return []


def keep_recovered(event: Event, raw: bytes, known: AccountState) -> None:
    known.note(event)
    LossDetector(1.0).note(event, 0.0)
    item: Item = Update(1, "a", event, 5, raw, "rest")
    assert item_of(seal(update_values(1, "a", event, raw, 5, "rest"), BEGINNING)) == item
    assert from_line(to_line(item)) == item
    check_amounts(event)
    rows_of(event)


def test_no_answer_with_a_wrong_field_is_a_foreign_exception(tried: Counter[str]) -> None:
    async def read_all() -> None:
        for name in ANSWERS:
            for mutant in mutants(documents.document(name)):
                tried["answers"] += 1
                assert len(await error_of(name, mutant.body)) < 1000, "no error carries the answer with it"

    asyncio.run(read_all())


async def error_of(name: str, body: bytes) -> str:
    """Return the text of our error about an answer; empty where there is none."""
    try:
        if reader_of(name) is not None:
            await read_rows(name, body)
        elif "listen_key_post" in name:
            responses.listen_key_answer(Response(200, (), body))
        else:
            responses.read(Response(200, (), body))
    except ListenKeyError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", ["user_trades.json", "user_trades_fee_charged.json", "legacy_user_trades.json"])
def test_a_fill_over_rest_survives_whatever_does_not_say_which_it_is(name: str, tried: Counter[str]) -> None:
    async def try_all() -> list[tuple[tuple[str | int, ...], str]]:
        whole = documents.document(name)
        expected = [key_of(fill) for fill in await read_rows(name, compact(whole))]
        assert expected
        lost = []
        for mutant in mutants(whole):
            if len(mutant.path) < 2 or mutant.path[-1] in ROW_IDENTITY:
                continue
            tried["rows"] += 1
            found = [key_of(fill) for fill in await read_rows(name, mutant.body)]
            if found != expected:
                lost.append((mutant.path, mutant.kind))
        return lost

    assert asyncio.run(try_all()) == []


def key_of(fill: RecoveredFill) -> tuple[Any, ...]:
    return (fill.symbol, fill.trade_id, fill.order_id, fill.side, fill.last_quantity, fill.last_price, fill.event_ms)


def test_no_refusal_with_a_wrong_field_or_header_is_a_foreign_exception(tried: Counter[str]) -> None:
    junk = [text.decode("utf-8", "replace") for text in documents.WRONG.values()]
    dates = ["Thu, 01 Jan 1970 00:00:00 GMT", "Thu, 01 Jan 99999 00:00:00 GMT", "Thu, 31 Feb 2026 25:61:61 +9999"]
    for name, status in ERRORS:
        for mutant in mutants(documents.document(name)):
            tried["refusals"] += 1
            with pytest.raises(ListenKeyError):
                responses.read(Response(int(status), (), mutant.body))
        for text in [*junk, *dates, "-1", "1e5", "9" * 400, "0x10"]:
            for headers in (
                (("Retry-After", text), ("Date", "Mon, 30 Nov 2026 07:00:00 GMT")),
                (("Retry-After", "5"), ("Date", text)),
                (("Retry-After", text), ("Date", text), ("X-MBX-USED-WEIGHT-1M", text), ("Content-Type", text)),
            ):
                tried["headers"] += 1
                response = Response(int(status), headers, b"{}")
                assert isinstance(responses.refusal(response), ListenKeyError)
                responses.used_weight_1m(response)


@pytest.mark.parametrize(
    "status", [-1, 0, 99, 100, 101, 199, 204, 205, 206, 299, 300, 304, 399, 499, 599, 600, 999, 10**9]
)
@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"code":-1125,"msg":"x"}', b"\xff", b"null"])
def test_no_status_is_a_foreign_exception(status: int, body: bytes, tried: Counter[str]) -> None:
    tried["statuses"] += 1
    try:
        responses.listen_key_answer(Response(status, (), body))
    except ListenKeyError:
        return
    pytest.fail("no listen key was in it")


def test_there_are_twenty_thousand() -> None:
    """Count the documents of the tests above; how many of them were tried is printed at the end of a run."""
    assert sum(1 for name in (*EVENTS, *ANSWERS) for _ in mutants(documents.document(name))) >= 20_000
