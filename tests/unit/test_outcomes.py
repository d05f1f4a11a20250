from __future__ import annotations

import json

import msgspec
import pytest

from listenkey.outcomes import OF_FILLS, GapCause, Loss, Lost, have_all_fills


@pytest.mark.parametrize("kind", [GapCause, Loss])
def test_a_value_of_a_newer_release_reads_as_unknown(kind: type[GapCause | Loss]) -> None:
    assert kind("unheard_of") is kind.UNKNOWN
    assert msgspec.json.decode(b'"unheard_of"', type=kind) is kind.UNKNOWN
    for value in kind:
        assert msgspec.json.decode(json.dumps(value), type=kind) is value


@pytest.mark.parametrize("kind", [GapCause, Loss])
def test_what_is_no_text_is_no_value(kind: type[GapCause | Loss]) -> None:
    with pytest.raises(ValueError, match="5"):
        kind(5)  # type: ignore[arg-type]
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b"5", type=kind)


@pytest.mark.parametrize("kind", [GapCause, Loss])
def test_a_value_is_its_name_in_small_letters(kind: type[GapCause | Loss]) -> None:
    assert [value.value for value in kind] == [value.name.lower() for value in kind]


def test_fills_are_all_there_where_no_loss_is_of_fills() -> None:
    assert have_all_fills([])
    for loss in Loss:
        assert have_all_fills([Lost(Loss.TOTALS, "totals"), Lost(loss, "this")]) == (loss not in OF_FILLS)
