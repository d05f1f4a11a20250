"""The oracles are tried, too: each finds what was planted, and nothing where all is well."""

from __future__ import annotations

from pathlib import Path

from tests.chaos.oracles import beyond_limits, forms, shown, uncovered

FILL = ("BTC-261225-90000-C", 41, 7)
METERS = {
    "requests": {"POST /eapi/v1/listenKey": 1, "GET /eapi/v1/bill": 3},
    "weight_by_minute": {"60000": 320},
    "refused_429": 0, "refused_418": 0, "bans": [], "sockets": [{}],
}  # fmt: skip


def test_what_was_not_brought_lies_in_a_gap_or_is_told() -> None:
    assert list(uncovered({FILL: 5_000}, [(4_000, 6_000)])) == []
    assert list(uncovered({FILL: 5_000}, [(4_900, None)])) == []
    assert len(list(uncovered({FILL: 5_000}, [(1_000, 4_900), (5_100, 6_000)]))) == 1


def test_limits() -> None:
    def found(**more: object) -> list[str]:
        return list(beyond_limits({**METERS, **more}, 400, refusals=False, deletes=0))

    assert found() == []
    assert found(weight_by_minute={"0": 321}) == ["weight 321 of 400 in the minute 0"]
    assert found(requests={"DELETE /eapi/v1/listenKey": 1}) == ["the client deleted a listen key"]
    assert found(requests={"POST /eapi/v1/order": 1}) == ["POST /eapi/v1/order is none of its requests"]
    assert found(refused_429=1) == ["it was refused: 1 429s, 0 418s, []"]
    assert found(sockets=[{}, {}]) == ["2 sockets are open"]


def test_a_secret_is_found_in_every_form(tmp_path: Path) -> None:
    secret = b"kZ3+/s9PqLw7yXt2"
    for name, form in forms(secret).items():
        path = tmp_path / "log"
        path.write_bytes(b"some words " + form + b" and more")
        assert any(name in one for one in shown([secret], [path])), name
    path.write_bytes(b"nothing")
    assert list(shown([secret], [path], [b"python -m x"])) == []
    assert list(shown([secret], [], [b"x --key " + secret])) != []
