from __future__ import annotations

import msgspec
import pytest

from listenkey.events import BalancePositionUpdate, OrderTradeUpdate, RiskLevelChange
from listenkey.wire.lenient_decoder import loose_decoder
from tests.unit.journal.making import fill, read

decode = loose_decoder(BalancePositionUpdate, OrderTradeUpdate)

POSITIONS = (
    b'{"e":"BALANCE_POSITION_UPDATE","E":1,"T":2,"m":"ORDER","B":[{"a":"USDT","b":"1.5","bc":"0"}],'
    b'"P":[{"s":"BTC-261225-90000-C","c":"-0.1","p":"-366","a":"3660"}]}'
)


@pytest.mark.parametrize("raw", [fill(7), POSITIONS])
def test_what_has_only_documented_keys_is_the_same_event(raw: bytes) -> None:
    event = decode(raw)
    assert event == read(raw)
    assert type(event) is type(read(raw))


@pytest.mark.parametrize("raw", [fill(7), POSITIONS])
def test_unknown_keys_are_skipped_wherever_they_stand(raw: bytes) -> None:
    more = raw.replace(b'{"', b'{"unknown":[1,{"deep":null}],"')
    assert more != raw
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(more, type=type(read(raw)))
    assert decode(more) == read(raw)


@pytest.mark.parametrize(
    ("listed", "word", "field"),
    [
        (b'"o":"LIMIT"', b'"o":"MARKET"', "order_type"),
        (b'"X":"FILLED"', b'"X":"PENDING_NEW"', "status"),
        (b'"N":"USDT"', b'"N":"BNB"', "commission_asset"),
        (b'"V":"EXPIRE_MAKER"', b'"V":"DECREMENT"', "self_trade_prevention"),
    ],
)
def test_a_word_that_is_in_no_list_is_taken_as_it_is(listed: bytes, word: bytes, field: str) -> None:
    raw = fill(7).replace(listed, word)
    assert word in raw
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(raw, type=OrderTradeUpdate)
    event = decode(raw)
    assert isinstance(event, OrderTradeUpdate)
    assert getattr(event.order, field) == word.split(b'"')[3].decode()
    assert read(raw) == event


def test_a_field_that_may_be_left_out_has_its_default() -> None:
    event = decode(fill(7).replace(b',"V":"EXPIRE_MAKER"', b""))
    assert isinstance(event, OrderTradeUpdate)
    assert event.self_trade_prevention is None


def test_what_is_wrong_or_not_asked_for_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        decode(fill(7).replace(b'"m":true', b'"m":"yes"'))
    with pytest.raises(msgspec.ValidationError):
        decode(b'{"e":"%s","E":1,"s":"NORMAL","mb":"1","mm":"1"}' % RiskLevelChange.type.encode())
