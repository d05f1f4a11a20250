"""The parameters of one request, read as what they must be. Pure."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from listenkey.sandbox.exchange.orders import OrderRequest
from listenkey.sandbox.exchange.rejections import INVALID_LIMIT, rejected
from listenkey.sandbox.rest_api.refusals import malformed, missing

if TYPE_CHECKING:
    from collections.abc import Mapping

_DECIMAL: Final = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,18})?")
_INTEGER: Final = re.compile(r"[0-9]{1,19}")
_TRUE_FALSE: Final = {"true": True, "false": False}


class Parameters:
    """
    Names and values of one request, each read when asked for.

    A mandatory one that is absent, or an integer that is none, is -1102; anything else that makes no sense is -1130.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def text(self, name: str) -> str | None:
        """A text; None when absent or empty."""
        value = self._values.get(name)
        return None if value is None or value == "" else str(value)

    def needed(self, name: str) -> str:
        """A mandatory text."""
        value = self.text(name)
        if value is None:
            raise missing(name)
        return value

    def integer(self, name: str) -> int | None:
        """A whole number from 0 to 19 digits."""
        value = self.text(name)
        if value is None:
            return None
        if not _INTEGER.fullmatch(value):
            raise missing(name)
        return int(value)

    def needed_integer(self, name: str) -> int:
        """A mandatory whole number."""
        value = self.integer(name)
        if value is None:
            raise missing(name)
        return value

    def decimal(self, name: str) -> Decimal | None:
        """An amount, in plain digits."""
        value = self.text(name)
        if value is None:
            return None
        if not _DECIMAL.fullmatch(value):
            raise malformed(name)
        return Decimal(value)

    def needed_decimal(self, name: str) -> Decimal:
        """A mandatory amount."""
        value = self.decimal(name)
        if value is None:
            raise missing(name)
        return value

    def flag(self, name: str) -> bool:
        """True or false, in any case; false when absent."""
        value = self.text(name)
        if value is None:
            return False
        if value.lower() not in _TRUE_FALSE:
            raise malformed(name)
        return _TRUE_FALSE[value.lower()]

    def limit(self, default: int, most: int) -> int:
        """Return the number of rows: the default when absent, never more than the documented maximum; none is -6008."""
        value = self.integer("limit")
        if value is None:
            return default
        if value < 1:
            raise rejected(INVALID_LIMIT)
        return min(value, most)

    def json_list(self, name: str) -> list[Any] | None:
        """A list in JSON. Its decimals stay exact."""
        value = self.text(name)
        if value is None:
            return None
        try:
            found = json.loads(value, parse_float=Decimal, parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            raise malformed(name) from None
        if not isinstance(found, list):
            raise malformed(name)
        return found

    def order(self) -> OrderRequest:
        """The order of `POST /eapi/v1/order`, or of one entry of `batchOrders`. [O trade/New-Order]"""
        quantity = self.needed_decimal("quantity")
        kind = self.needed("type")
        price = self.decimal("price")
        if price is None and kind == "LIMIT":
            raise missing("price")
        return OrderRequest(
            symbol=self.needed("symbol"),
            side=self.needed("side"),
            quantity=quantity,
            price=price,
            type=kind,
            time_in_force=self.text("timeInForce") or "GTC",
            reduce_only=self.flag("reduceOnly"),
            post_only=self.flag("postOnly"),
            client_order_id=self.text("clientOrderId"),
            mmp=self.flag("isMmp"),
            stp=self.text("selfTradePreventionMode") or "EXPIRE_MAKER",
        )


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)
