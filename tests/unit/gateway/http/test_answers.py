"""Answers are JSON with the headers that keep browsers out; what is refused says a word, a sentence, and what to do."""

from __future__ import annotations

import json

from listenkey.gateway.http.answers import STANDING_HEADERS, Problem, answer, refusal


def test_a_problem_is_a_word_a_sentence_what_helps_and_facts() -> None:
    made = refusal(Problem(410, "too_old", "It is gone.", "Begin later.", {"oldest_seq": 9}, {"Retry-After": "1"}))
    assert isinstance(made.body, bytes)
    assert json.loads(made.body) == {
        "error": "too_old",
        "message": "It is gone.",
        "what_to_do": "Begin later.",
        "oldest_seq": 9,
    }
    assert (made.status, made.headers["Retry-After"], made.content_type) == (410, "1", "application/json")


def test_every_answer_has_the_standing_headers_and_none_that_lets_pages_read() -> None:
    for made in (answer({}), refusal(Problem(404, "x", "y", "z"))):
        assert STANDING_HEADERS.items() <= dict(made.headers).items()
        assert not [name for name in made.headers if name.lower().startswith("access-control")]
    assert STANDING_HEADERS["Content-Security-Policy"].startswith("default-src 'none'")
    assert (STANDING_HEADERS["Cache-Control"], STANDING_HEADERS["X-Content-Type-Options"]) == ("no-store", "nosniff")
