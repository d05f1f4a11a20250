from __future__ import annotations

import json

import pytest

from listenkey.sandbox.faults.malformed_frames import PRESETS, frames

NOT_EVENTS = ("not_json", "array", "null", "number", "string", "invalid_utf8", "truncated")


def is_object(data: bytes) -> bool:
    try:
        return isinstance(json.loads(data), dict)
    except ValueError:
        return False


def test_presets_are_as_bad_as_they_are_called() -> None:
    for name in NOT_EVENTS:
        assert not is_object(PRESETS[name].data), name
    assert json.loads(PRESETS["long_id"].data)["o"]["i"] > 2**63
    assert len(PRESETS["big"].data) > 2 * 1024 * 1024
    assert {name for name, bad in PRESETS.items() if bad.is_payload} == set(PRESETS) - set(NOT_EVENTS)


def test_frames_are_chosen_by_name_or_given() -> None:
    assert len(frames(None, None)) == len(PRESETS)
    assert [bad.data for bad in frames(["null"], ["{}"])] == [b"null", b"{}"]
    assert [bad.data for bad in frames(None, ["{}"])] == [b"{}"]
    with pytest.raises(ValueError, match="truncated"):
        frames(["nope"], None)
