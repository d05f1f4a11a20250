"""The refusals of the matching engine. Codes and texts are the options list's. [O error-code]"""

from __future__ import annotations

from typing import Final

ILLEGAL_CHARS: Final = -1100
MANDATORY_PARAM: Final = -1102
BAD_COMBINATION: Final = -1014
INVALID_TIF: Final = -1115
INVALID_ORDER_TYPE: Final = -1116
INVALID_SIDE: Final = -1117
BAD_INTERVAL: Final = -1120
BAD_SYMBOL: Final = -1121
SPAN_TOO_LONG: Final = -1127
BAD_CONTRACT: Final = -1128
BAD_CURRENCY: Final = -1129
INVALID_PARAMETER: Final = -1130
NO_SUCH_ORDER: Final = -2013
BALANCE: Final = -2018
MARGIN: Final = -2027
PRICE_BELOW_ZERO: Final = -4001
PRICE_ABOVE_MAX: Final = -4002
QUANTITY_BELOW_ZERO: Final = -4003
QUANTITY_BELOW_MIN: Final = -4004
QUANTITY_ABOVE_MAX: Final = -4005
PRICE_BELOW_MIN: Final = -4013
TICK_SIZE: Final = -4029
STEP_SIZE: Final = -4030
INVALID_AMOUNT: Final = -4056
NO_ACCESS: Final = -5002
MMP_WINDOW: Final = -6001
MMP_FROZEN: Final = -6002
INVALID_UNDERLYING: Final = -6003
NO_MARKET_MAKER: Final = -6005
MMP_NO_RULES: Final = -6006
INVALID_LIMIT: Final = -6008
COUNTDOWN: Final = -6009
ORDER_IS_FINAL: Final = -6028
INVALID_INTERVAL: Final = -6030
START_AFTER_END: Final = -6031
DUPLICATE_CLIENT_ID: Final = -6044
REDUCE_ONLY: Final = -6045
FOK: Final = -6046
GTX: Final = -6047
NOT_TRADING: Final = -6049
ORDERS_ON_SYMBOL: Final = -6050
ORDERS_ON_UNDERLYING: Final = -6051
SHORT_ON_SYMBOL: Final = -6052
SHORT_ON_UNDERLYING: Final = -6053
LIQUIDATING: Final = -6055
REDUCE_ONLY_MARGIN: Final = -6056
NO_WRITING: Final = -6057
MMP_TRIGGERED: Final = -6058
IN_LIQUIDATION: Final = -6059
CANCEL_REJECTED: Final = -6063
SEARCH_WINDOW: Final = -6073

MESSAGES: Final = {
    ILLEGAL_CHARS: "Illegal characters found in a parameter.",
    MANDATORY_PARAM: "A mandatory parameter was not sent, was empty/null, or malformed.",
    BAD_COMBINATION: "Unsupported order combination.",
    INVALID_TIF: "Invalid timeInForce.",
    INVALID_ORDER_TYPE: "Invalid orderType.",
    INVALID_SIDE: "Invalid side.",
    BAD_INTERVAL: "Invalid interval.",
    BAD_SYMBOL: "Invalid symbol.",
    SPAN_TOO_LONG: "Lookup interval is too big.",
    INVALID_INTERVAL: "Invalid time interval.",
    BAD_CONTRACT: "Invalid underlying",
    BAD_CURRENCY: "Invalid asset。",
    INVALID_PARAMETER: "Invalid data sent for a parameter.",
    NO_SUCH_ORDER: "Order does not exist",
    BALANCE: "Balance is insufficient.",
    MARGIN: "Option margin is insufficient.",
    PRICE_BELOW_ZERO: "Price less than 0.",
    PRICE_ABOVE_MAX: "Price greater than max price.",
    QUANTITY_BELOW_ZERO: "Quantity less than zero.",
    QUANTITY_BELOW_MIN: "Quantity less than min quantity.",
    QUANTITY_ABOVE_MAX: "Quantity greater than max quantity.",
    PRICE_BELOW_MIN: "Price less than min price.",
    TICK_SIZE: "Tick size precision is invalid.",
    STEP_SIZE: "Step size precision is invalid.",
    INVALID_AMOUNT: "Amount is invalid.",
    NO_ACCESS: "Option user not access",
    MMP_WINDOW: "Invalid mmp window time limit",
    MMP_FROZEN: "Invalid mmp frozen time limit",
    INVALID_UNDERLYING: "Invalid underlying",
    NO_MARKET_MAKER: "It is not market maker",
    MMP_NO_RULES: "Mmp rules are not existing",
    INVALID_LIMIT: "parameter 'limit' is invalid.",
    COUNTDOWN: "countdownTime must be no less than 5000 or equal to 0",
    ORDER_IS_FINAL: "Order is in final state",
    START_AFTER_END: "Start time is greater than end time.",
    DUPLICATE_CLIENT_ID: "clientOrderId is duplicated",
    REDUCE_ONLY: "Reduce-only order rejected. The new reduce-only order conflicts with existing open orders. "
    "Please cancel the conflicting orders and resubmit.",
    FOK: "Due to the order could not be filled immediately, the FOK order has been rejected.",
    GTX: "Due to the order could not be executed as maker, the Post Only order will be rejected.",
    NOT_TRADING: "this symbol is not in trading status",
    ORDERS_ON_SYMBOL: "Maximum open orders reached for this symbol. Please cancel existing orders and try again.",
    ORDERS_ON_UNDERLYING: "Maximum open orders reached for this underlying. "
    "Please cancel existing orders and try again.",
    SHORT_ON_SYMBOL: "Maximum short position size reached for this symbol",
    SHORT_ON_UNDERLYING: "Maximum short position size reached for this underlying",
    LIQUIDATING: "User is in liquidation process",
    REDUCE_ONLY_MARGIN: "Reduce-only order failed. Your new reduce-only order, when combined with existing same-side open "
    "orders, would flip your position and cause insufficient margin. Please cancel those open orders and try again.",
    NO_WRITING: "The current symbol is not eligible for option writing.",
    IN_LIQUIDATION: "User is in liquidation process",
    CANCEL_REJECTED: "Cancel rejected by system",
    MMP_TRIGGERED: "MMP triggered. Please reset MMP config",
    # The list names this code without a text.
    SEARCH_WINDOW: "The search window is restricted to the last 3 months.",
}


class Rejected(Exception):
    """
    The venue's refusal of a request that reached it.

    Args:
        code: Binance's negative number.
        message: Its text.
        http_status: Of the answer.
    """

    def __init__(self, code: int, message: str, http_status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.http_status = http_status


def rejected(code: int) -> Rejected:
    """The refusal with the text that belongs to its code."""
    return Rejected(code, MESSAGES[code])
