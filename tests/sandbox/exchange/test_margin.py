from __future__ import annotations

from decimal import Decimal

import pytest

from listenkey.sandbox.exchange.margin import fee_of, order_lock


@pytest.mark.parametrize(
    ("quantity", "price", "fee"),
    [("1", "1000", "21.60000000"), ("0.5", "1000", "10.80000000"), ("1", "100", "10.00000000"), ("1", "0", "0E-8")],
)
def test_a_fee_is_of_the_index_but_no_more_than_a_tenth_of_the_price(quantity: str, price: str, fee: str) -> None:
    assert fee_of(Decimal(quantity), Decimal(price), Decimal(90_000)) == Decimal(fee)


@pytest.mark.parametrize(
    ("position", "bids", "bid_cost", "asks", "lock"),
    [
        (0, 0, 0, 0, 0),
        (0, 2, 100, 0, 110),  # the premium and the highest fee
        (0, 0, 0, 2, 1_000),  # margin for each sold
        (2, 0, 0, 2, 0),  # what is owned needs none
        (1, 0, 0, 3, 1_000),
        (-2, 0, 0, 1, 500),
        (-2, 1, 1_000, 0, 600),  # closing frees the margin of what it closes
        (-2, 3, 300, 0, 0),
        (-1, 2, 1_000, 1, 1_100),
    ],
)
def test_what_open_orders_lock(position: int, bids: int, bid_cost: int, asks: int, lock: int) -> None:
    found = order_lock(
        position=Decimal(position),
        bids=Decimal(bids),
        bid_cost=Decimal(bid_cost),
        asks=Decimal(asks),
        initial_margin=Decimal(500),
    )
    assert found == lock
