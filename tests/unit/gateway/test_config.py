"""A configuration is read whole, or every mistake in it is told with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from listenkey.errors import UsageError
from listenkey.gateway.config import BYTES_MAX, GatewayConfig, read_config
from listenkey.gateway.mistakes import ConfigError
from listenkey.venue import PRODUCTION
from tests.unit.gateway.written import KEY, config_of, key_file, private


def mistakes_of(folder: Path, text: str, environment: dict[str, str] | None = None) -> dict[int, str]:
    path = folder / "gateway.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as told:
        read_config(path, environment or {})
    assert len({line for line, _ in told.value.mistakes}) == len(told.value.mistakes), "each line has one here"
    return dict(told.value.mistakes)


def test_the_smallest_configuration(tmp_path: Path) -> None:
    found = read_config(config_of(tmp_path, "one", "two"), {})
    assert (found.host, found.port, found.token_file, found.keep_days) == ("127.0.0.1", 8780, None, None)
    assert (found.journal, found.folder) == (str(tmp_path / "journals"), tmp_path / "journals")
    assert found.venue == PRODUCTION
    assert [(account.name, account.key, account.line) for account in found.accounts] == [
        ("one", "file:one.env", 4),
        ("two", "file:two.env", 8),
    ]
    assert found.warnings == ()
    assert found.idle_audit_every_s == 1800
    assert not found.is_on_nats
    assert not (tmp_path / "journals").exists(), "reading makes nothing"


def test_every_key(tmp_path: Path) -> None:
    private(tmp_path / "token", "a-token-that-is-long-enough")
    path = config_of(
        tmp_path,
        more='listen = "[::1]:0"\nfolder = "own"\ntoken_file = "token"\nkeep_days = 7\nkeys_per_socket = 25\n'
        "idle_audit_every_s = 600\n"
        'rest_url = "http://127.0.0.1:1"\nws_url = "ws://127.0.0.1:1"\n',
    )
    found = read_config(path, {})
    assert (found.host, found.port, found.folder, found.token_file) == ("::1", 0, tmp_path / "own", tmp_path / "token")
    assert (found.keep_days, found.venue.rest_url, found.accounts) == (7, "http://127.0.0.1:1", ())
    assert found.keys_per_socket == 25


def test_keys_share_a_socket_only_where_they_are_put_on_an_open_one(tmp_path: Path) -> None:
    assert read_config(config_of(tmp_path), {}).keys_per_socket == 1
    path = config_of(tmp_path, more='venue = "legacy"\nkeys_per_socket = 1\n')
    assert read_config(path, {}).keys_per_socket == 1
    path = config_of(tmp_path, more='venue = "legacy"\nkeys_per_socket = 2\n')
    with pytest.raises(ConfigError, match="line 4: keys_per_socket: at legacy the address of a socket names its one"):
        read_config(path, {})
    path = config_of(tmp_path, more="keys_per_socket = 201\n")
    with pytest.raises(ConfigError, match="line 3: keys_per_socket: this must be from 1 to 200"):
        read_config(path, {})


def test_accounts_may_be_a_list_of_tables(tmp_path: Path) -> None:
    key_file(tmp_path, "a")
    path = tmp_path / "gateway.toml"
    path.write_text('accounts = [\n  { name = "a", key = "file:a.env" },\n]\n[gateway]\njournal = "j"\n')
    assert read_config(path, {}).accounts[0].line == 2


TEN_MISTAKES = f"""\
[gateway]
listen = "0.0.0.0:8780"
jurnal = "/var/lib/listenkey"
journal = "kafka://somewhere"
token_file = 3
keep_days = "ninety"

[[accounts]]
name = "desk 1"
key = "{KEY}"

[[accounts]]
name = "desk-2"

[[accounts]]
name = "desk-3"
key = "vault:desk-3"

[[accounts]]
name = "desk-3"
key = "file:open.env"

[[accounts]]
name = "desk-4"
key = "env:DESK_FOUR"

[[accounts]]
name = "desk-5"
key = "file:five.env"

[[accounts]]
name = "desk-6"
key = "file:six.env"

[[accounts]]
name = desk-7
key = "file:missing.env"
"""


def test_all_mistakes_are_told_at_once_each_with_its_line(tmp_path: Path) -> None:
    private(tmp_path / "open.env", f"BINANCE_API_KEY={KEY}", 0o644)
    private(tmp_path / "five.env", "BINANCE_API_KEY=the-same")
    private(tmp_path / "six.env", "BINANCE_API_KEY=the-same")
    found = mistakes_of(tmp_path, TEN_MISTAKES)
    expected = {
        3: "did you mean 'journal'?",
        4: 'write a folder, journal = "/var/lib/listenkey"',
        5: "not a number",
        6: "as in keep_days = 90, not a text",
        9: "1 to 64 letters",
        10: "looks like a key itself",
        12: "this account has no key",
        17: '"file:PATH", "env:PREFIX" or "keyring:SERVICE"',
        20: 'the name "desk-3" is that of line 16 too',
        21: "chmod 600",
        25: "DESK_FOUR_API_KEY is not set",
        33: 'the same API key as "desk-5"',
        36: "a text stands in quotes",
        37: "can't be read",
    }
    assert list(found) == list(expected)
    for line, words in expected.items():
        assert words in found[line], line
    assert KEY not in str(found)


def test_a_mistake_in_the_port_hides_none_about_the_host(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text('[gateway]\nlisten = "0.0.0.0:99999"\njournal = "j"\n')
    with pytest.raises(ConfigError) as told:
        read_config(tmp_path / "gateway.toml", {})
    first, second = told.value.mistakes
    assert (first.line, second.line) == (2, 2)
    assert "from 0 to 65535" in str(told.value)
    assert "a token of your own is needed" in str(told.value)


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]", "10.0.0.1", "gateway.example"])
def test_beyond_this_machine_a_token_is_needed(tmp_path: Path, host: str) -> None:
    text = f'[gateway]\njournal = "j"\nlisten = "{host}:1"\n'
    assert "openssl rand -hex 32" in mistakes_of(tmp_path, text)[3]
    private(tmp_path / "token", "a-token-that-is-long-enough")
    (tmp_path / "gateway.toml").write_text(text + 'token_file = "token"\n')
    (warning,) = read_config(tmp_path / "gateway.toml", {}).warnings
    assert (warning.line, "nothing is encrypted" in warning.text) == (3, True)
    private(tmp_path / "token", "short")
    assert "can be guessed" in mistakes_of(tmp_path, text + 'token_file = "token"\n')[4]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "127.9.9.9"])
def test_on_this_machine_a_token_is_made_where_none_is_given(tmp_path: Path, host: str) -> None:
    assert read_config(config_of(tmp_path, more=f'listen = "{host}:1"\n'), {}).token_file is None
    private(tmp_path / "token", "short")
    found = read_config(config_of(tmp_path, more=f'listen = "{host}:1"\ntoken_file = "token"\n'), {})
    assert ["can be guessed" in warning.text for warning in found.warnings] == [True]


def test_a_folder_in_the_place_of_a_file_is_a_mistake_beside_the_others(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    text = '[gateway]\njournal = "j"\ntoken_file = "folder"\n[[accounts]]\nname = "a"\nkey = "file:folder"\nnam = "b"\n'
    found = mistakes_of(tmp_path, text)
    assert set(found) == {3, 6, 7}
    assert all("is a folder; give the path of a file" in found[line] for line in (3, 6))


def test_a_token_file_that_is_open_to_others_is_a_mistake(tmp_path: Path) -> None:
    private(tmp_path / "token", "a-token-that-is-long-enough", 0o644)
    assert "chmod 600" in mistakes_of(tmp_path, '[gateway]\njournal = "j"\ntoken_file = "token"\n')[3]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 1, "there is no table [gateway]"),
        ('[gatway]\njournal = "j"', 1, "did you mean 'gateway'?"),
        ("[gateway]\n", 1, 'journal = "/var/lib/listenkey"'),
        ('[[gateway]]\njournal = "j"', 1, "in single brackets"),
        ("gateway = 3", 1, "in single brackets"),
        ('[gateway]\njournal = "j"\n[accounts]\nname = "a"', 3, "in double brackets"),
        ('accounts = 3\n[gateway]\njournal = "j"', 1, "in double brackets"),
        ('accounts = ["a"]\n[gateway]\njournal = "j"', 1, "in double brackets"),
        ('listen = "x"\n[gateway]\njournal = "j"', 1, "belongs below [gateway]"),
        ('name = "x"\n[gateway]\njournal = "j"', 1, "belongs below [[accounts]]"),
        ('[gateway]\njournal = "j"\n[[account]]', 3, "did you mean 'accounts'?"),
        ('[gateway]\njournal = "j"\nport = 8780', 3, "did you mean 'listen'?"),
        ('[gateway]\njournal = "j"\nKeep-Days = 8', 3, "did you mean 'keep_days'?"),
        ('[gateway]\njournal = "j"\ncolour = 8', 3, "there are listen, journal"),
        ('[gateway]\njournal = "j"\nvenue = "mars"', 3, "no such venue"),
        ('[gateway]\njournal = "file/below"', 2, "is a file"),
        ('[gateway]\njournal = "j"\nfolder = "file"', 3, "is a file"),
        ("a = [", 1, "not closed"),
    ],
)
def test_each_is_told_where_it_stands(tmp_path: Path, text: str, line: int, words: str) -> None:
    private(tmp_path / "file", "")
    found = mistakes_of(tmp_path, text)
    assert list(found) == [line]
    assert words in found[line]


def test_a_key_that_is_no_reference_is_told_by_its_name(tmp_path: Path) -> None:
    text = f'[gateway]\njournal = "j"\n[[accounts]]\nname = "a"\nkey = "env:A"\napi_secret = "{KEY}"\n{KEY} = 1\n'
    found = mistakes_of(tmp_path, text, {"A_API_KEY": "x"})
    assert "keys never stand in this file" in found[6]
    assert "[hidden]" in found[7]
    assert KEY not in str(found)


def test_what_stands_on_a_line_that_cant_be_read_is_not_called_missing(tmp_path: Path) -> None:
    text = '[gateway]\njournal = /var/lib\n[[accounts]]\nname = "a"\nkey = file:a\n[[accounts]]\nname = "b"\n'
    found = mistakes_of(tmp_path, text)
    assert list(found) == [2, 5, 6]
    assert "has no key" in found[6]


def test_a_missing_table_is_told_beside_other_mistakes(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text('[[accounts]]\nname = "a"\nkey = "env:A"\n')
    with pytest.raises(ConfigError) as told:
        read_config(tmp_path / "gateway.toml", {})
    assert [mistake.line for mistake in told.value.mistakes] == [1, 3]


def test_the_environments_addresses_count_where_the_file_has_none(tmp_path: Path) -> None:
    path = config_of(tmp_path)
    place = {"LISTENKEY_REST_URL": "http://127.0.0.1:1", "LISTENKEY_WS_URL": "ws://127.0.0.1:1"}
    assert read_config(path, place).venue.rest_url == "http://127.0.0.1:1"
    with pytest.raises(ConfigError) as told:
        read_config(path, {"LISTENKEY_REST_URL": "http://127.0.0.1:1"})
    assert [mistake.line for mistake in told.value.mistakes] == [0]


def test_an_address_that_is_not_binances_is_a_warning(tmp_path: Path) -> None:
    path = config_of(tmp_path, more='rest_url = "https://x.example"\nws_url = "wss://x.example"\n')
    (warning,) = read_config(path, {}).warnings
    assert (warning.line, "not Binance's" in warning.text) == (3, True)


def test_an_account_without_a_secret_is_a_warning(tmp_path: Path) -> None:
    path = config_of(tmp_path, "a")
    key_file(tmp_path, "a", signs=False)
    found = read_config(path, {})
    assert not found.accounts[0].can_sign
    assert [warning.line for warning in found.warnings] == [6]


def test_another_key_in_the_same_file_has_another_fingerprint(tmp_path: Path) -> None:
    path = config_of(tmp_path, "a", "b")

    def prints() -> list[str]:
        return [account.fingerprint for account in read_config(path, {}).accounts]

    before = prints()
    assert len(set(before)) == 2
    assert prints() == before
    key_file(tmp_path, "a", signs=False)
    assert [one == other for one, other in zip(prints(), before, strict=True)] == [False, True]
    assert "key-of-b" not in repr(read_config(path, {}))


def test_nats_needs_a_folder_on_this_machine(tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text('[gateway]\njournal = "nats://a:4222,b:4222,c:4222"\n')
    found = read_config(path, {})
    assert found.is_on_nats
    assert (found.journal, found.folder) == ("nats://a:4222,b:4222,c:4222", tmp_path / "listenkey-gateway")
    private(tmp_path / "listenkey-gateway", "")
    with pytest.raises(ConfigError, match="give folder") as told:
        read_config(path, {})
    assert [mistake.line for mistake in told.value.mistakes] == [2]
    path.write_text('[gateway]\njournal = "nats://a"\nfolder = "own"\nkeep_days = 3\n')
    with pytest.raises(ConfigError, match="line 4: keep_days: NATS keeps items as long as its streams say"):
        read_config(path, {})
    path.write_text('[gateway]\njournal = "nats://a"\nfolder = "own"\n')
    assert read_config(path, {}).folder == tmp_path / "own"


def test_workers_are_of_nats_alone(tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    worker = 'worker = "w1"\nworker_url = "https://w1.example:8780"\nsession_s = 9\n'
    path.write_text(f'[gateway]\njournal = "nats://a"\nfolder = "own"\n{worker}')
    found = read_config(path, {})
    assert (found.worker, found.worker_url, found.session_s) == ("w1", "https://w1.example:8780", 9)
    path.write_text(f'[gateway]\njournal = "j"\n{worker}')
    with pytest.raises(ConfigError) as told:
        read_config(path, {})
    assert [mistake.line for mistake in told.value.mistakes] == [3, 4, 5]
    assert all("only gateways with a journal in NATS" in mistake.text for mistake in told.value.mistakes)
    path.write_text('[gateway]\njournal = "nats://a"\nworker = "a b"\nworker_url = "w1"\nsession_s = 1.5\n')
    with pytest.raises(ConfigError) as told:
        read_config(path, {})
    assert [mistake.line for mistake in told.value.mistakes] == [3, 4, 5]


def test_what_is_no_file_or_no_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="can't be read: No such file"):
        read_config(tmp_path / "missing", {})
    (tmp_path / "bytes").write_bytes(b"[gateway]\n# \xff\n")
    with pytest.raises(ConfigError, match="line 2: this is not text in UTF-8"):
        read_config(tmp_path / "bytes", {})
    (tmp_path / "big").write_bytes(b"#" * (BYTES_MAX + 1))
    with pytest.raises(UsageError, match="too big"):
        read_config(tmp_path / "big", {})
    path = config_of(tmp_path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert isinstance(read_config(path, {}), GatewayConfig)
