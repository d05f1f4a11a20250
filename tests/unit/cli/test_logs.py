"""Log records and warnings reach stderr as one clean line, or not at all."""

from __future__ import annotations

import logging
import warnings

import pytest

from listenkey.cli import logs

KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"


def test_warnings_are_shown_without_secrets_and_debug_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(debug=False)
    logging.getLogger("listenkey").warning("no listen key: %s\n\x1b[2J", KEY)
    logging.getLogger("listenkey").info("chatter")
    assert capsys.readouterr().err == "listenkey: no listen key: [hidden] [2J\n"


def test_debug_shows_other_libraries_too(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(debug=True)
    logging.getLogger("aiohttp").debug("GET /?listenKey=%s", KEY)
    told = capsys.readouterr().err
    assert "aiohttp DEBUG GET /?listenKey=[hidden]" in told


def test_a_warning_is_its_sentence_alone(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(debug=False)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = logs.log_warning
        warnings.warn("the key goes to a stranger", UserWarning, stacklevel=1)
    assert capsys.readouterr().err == "listenkey: the key goes to a stranger\n"


def test_nothing_scribbles_over_a_full_screen_view(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(debug=False, quiet=True)
    logging.getLogger("listenkey").error("boo")
    assert capsys.readouterr().err == ""


def test_what_is_said_again_and_again_is_shown_once(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(debug=False)
    for text in ("not reachable", "not reachable", "back", "not reachable"):
        logging.getLogger("listenkey").warning(text)
    assert len(capsys.readouterr().err.splitlines()) == 3
