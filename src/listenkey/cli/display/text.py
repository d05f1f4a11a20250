"""Items as lines of words, for a person without a full-screen terminal."""

from __future__ import annotations

from listenkey.cli.display.number_format import age, clock_time
from listenkey.cli.display.order_rows import OrderTableRow, rows_of
from listenkey.cli.display.summary import count
from listenkey.cli.redaction import printable
from listenkey.items import GapClosed, GapOpened, Item, Live


def line_of(item: Item) -> str:
    """The item's line; empty for items that are only counted."""
    match item:
        case Live():
            return f"{clock_time(item.since_ms)}  LIVE    from here on every event of {printable(item.account, 32)} is shown"
        case GapOpened():
            return f"{clock_time(item.from_ms)}  {gap_text(item)}"
        case GapClosed():  # at its end: what it brought stands above it, and is older
            return f"{clock_time(item.to_ms)}  {gap_text(item)}"
    rows = rows_of(item.event)
    return "\n".join(order_line(row) for row in rows)


def gap_text(item: GapOpened | GapClosed) -> str:
    """Put a gap's item into words, on one line."""
    if isinstance(item, GapOpened):
        return f"GAP     opened: {printable(item.why, 160)}"
    lasted = age((item.to_ms - item.from_ms) / 1000)
    lost = "; ".join(printable(text, 120) for text in item.unrecoverable)
    return f"GAP     closed after {lasted}: {recovered(item)}" + (f"; not recoverable: {lost}" if lost else "")


def recovered(gap: GapClosed) -> str:
    """Count what a gap brought back over REST, by kind: `3 fills, 4 states of orders recovered`."""
    if not gap.recovered_fills + gap.recovered_orders:  # Not kept by an earlier release, or there were none.
        return f"{count(gap.recovered, 'update')} recovered"
    others = gap.recovered - gap.recovered_fills - gap.recovered_orders
    counted = [count(gap.recovered_fills, "fill")]
    counted += [f"{gap.recovered_orders:,} state{'' if gap.recovered_orders == 1 else 's'} of orders"] * bool(
        gap.recovered_orders
    )
    counted += [count(others, "other update")] * (others > 0)
    return f"{', '.join(counted)} recovered"


def order_line(row: OrderTableRow) -> str:
    """One change of an order."""
    text = f"{clock_time(row.at_ms)}  {row.kind:6}  {row.side:4} {row.last}  {row.symbol}  {row.status} {row.filled}"
    return f"{text}  commission {row.commission}" if row.commission else text
