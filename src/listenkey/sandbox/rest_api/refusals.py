"""The refusals of the REST API and of sockets, beside those of the matching engine."""

from __future__ import annotations

from listenkey.sandbox.exchange.rejections import Rejected


class Refusal(Rejected):
    """
    A request that never reached the matching engine.

    Args:
        code: Binance's negative number. [O error-code]
        message: Its text; the venue may vary it, the number not.
        http_status: Of the answer.
        headers: To be added to the answer.
    """

    def __init__(self, code: int, message: str, http_status: int = 400, headers: dict[str, str] | None = None) -> None:
        super().__init__(code, message, http_status)
        self.headers = headers or {}


def missing(name: str) -> Refusal:
    """-1102: a mandatory parameter that is absent or can't be read. [O error-code]"""
    return Refusal(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def both_missing(first: str, second: str) -> Refusal:
    """-1102: one of two parameters is needed. [O error-code]"""
    return Refusal(-1102, f"Param '{first}' or '{second}' must be sent, but both were empty/null!")


def malformed(name: str) -> Refusal:
    """-1130: a parameter is there and can't be what it says. [O error-code]"""
    return Refusal(-1130, f"Data sent for paramter '{name}' is not valid.")
