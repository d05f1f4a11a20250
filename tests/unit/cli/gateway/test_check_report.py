"""The report names each mistake on a line of its own, and what would run in a few."""

from __future__ import annotations

from pathlib import Path

from listenkey.cli.gateway.check_report import config_object, config_text, mistakes_object, mistakes_text
from listenkey.gateway.config import read_config
from listenkey.gateway.mistakes import ConfigError, Mistake
from tests.unit.gateway.written import KEY, config_of, private


def test_mistakes_stand_on_lines_of_their_own_and_obey_no_terminal() -> None:
    error = ConfigError(Path("g.toml"), [Mistake(2, "a\x1b[2J"), Mistake(0, "b")])
    assert mistakes_text(error) == "g.toml: 2 mistakes\n  b\n  line 2: a[2J"
    assert mistakes_object(error)["mistakes"] == [{"line": 0, "text": "b"}, {"line": 2, "text": "a[2J"}]


def test_what_looks_like_a_key_is_not_shown() -> None:
    assert KEY not in mistakes_text(ConfigError(Path("g.toml"), [Mistake(2, f"it is {KEY}")]))


def test_where_the_token_is_and_what_is_not_meant(tmp_path: Path) -> None:
    private(tmp_path / "t", "short")
    found = read_config(config_of(tmp_path, more='token_file = "t"\n'), {})
    assert f"from {tmp_path / 't'}" in config_text(found)
    assert "warning, line 3: the token has fewer than" in config_text(found)
    assert config_object(found)["token_file"] == str(tmp_path / "t")


def test_a_long_start_is_told_in_minutes(tmp_path: Path) -> None:
    found = read_config(config_of(tmp_path, *(f"a{number}" for number in range(81))), {})
    assert "80 at once, then 80 per minute at 400 weight per minute; all live after about 1 min" in config_text(found)
    assert "all gaps closed after about 1 min, where every socket is lost at once" in config_text(found)
    assert config_object(found)["mass_return"] == {"weight": 81 * 8, "sockets_s": 0, "weight_s": (81 * 8 - 300) / 5}
    few = read_config(config_of(tmp_path, "a"), {})
    assert "all gaps closed within seconds" in config_text(few)


def test_listen_keys_that_share_sockets_shorten_a_start_and_a_return(tmp_path: Path) -> None:
    names = [f"a{number}" for number in range(300)]
    apart = read_config(config_of(tmp_path, *names), {})
    together = read_config(config_of(tmp_path, *names, more="keys_per_socket = 25\n"), {})
    assert "then 48 per minute" in config_text(apart)
    assert "then 80 per minute" in config_text(together)
    assert [config_object(found)["keys_per_socket"] for found in (apart, together)] == [1, 25]
    assert [config_object(found)["mass_return"]["sockets_s"] for found in (apart, together)] == [300.0, 0.0]
