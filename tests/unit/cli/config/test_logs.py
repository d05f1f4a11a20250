"""Log records and warnings reach stderr as one clean line, or not at all."""

from __future__ import annotations

import json
import logging
import re
import warnings

import pytest

from listenkey.cli.config import logs

KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"


TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


def test_warnings_are_shown_without_secrets_and_debug_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(debug=False)
    logging.getLogger("listenkey").warning("no listen key: %s\n\x1b[2J", KEY)
    logging.getLogger("listenkey").info("chatter")
    (line,) = capsys.readouterr().err.splitlines()
    assert re.fullmatch(rf"{TIME} WARNING listenkey: no listen key: \[hidden\] \[2J", line)


def test_debug_shows_other_libraries_too(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(debug=True)
    logging.getLogger("aiohttp").debug("GET /?listenKey=%s", KEY)
    told = capsys.readouterr().err
    assert "DEBUG aiohttp: GET /?listenKey=[hidden]" in told


def test_a_warning_is_its_sentence_alone(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(debug=False)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = logs.log_warning
        warnings.warn("the key goes to a stranger", UserWarning, stacklevel=1)
    assert capsys.readouterr().err.endswith(" WARNING listenkey: the key goes to a stranger\n")


def test_nothing_scribbles_over_a_full_screen_view(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(debug=False, quiet=True)
    logging.getLogger("listenkey").error("boo")
    assert capsys.readouterr().err == ""


def test_what_is_said_again_and_again_is_shown_once(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(debug=False)
    for text in ("not reachable", "not reachable", "back", "not reachable"):
        logging.getLogger("listenkey").warning(text)
    assert len(capsys.readouterr().err.splitlines()) == 3


def test_a_collector_of_logs_gets_a_json_object_a_record(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(debug=False, as_json=True)
    logging.getLogger("listenkey").warning("no listen key: %s", KEY, extra={"account": "desk-1"})
    try:
        raise ValueError(KEY)
    except ValueError:
        logging.getLogger("listenkey").exception("it\nbroke")
    first, second = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert re.fullmatch(TIME, first.pop("time"))
    assert first == {
        "level": "WARNING",
        "logger": "listenkey",
        "message": "no listen key: [hidden]",
        "account": "desk-1",
    }
    assert (second["level"], second["message"]) == ("ERROR", "it broke")
    assert "ValueError: [hidden]" in second["error"]
