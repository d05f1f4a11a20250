from __future__ import annotations

import copy
import dataclasses
import json
import pickle
import traceback
from collections.abc import Callable

import pytest

from listenkey import AsyncUserDataStreamsApi, UserDataStreamsApi, UserStream
from listenkey.credentials import Credentials, Secret, fingerprint, is_fingerprint
from listenkey.errors import UsageError

TEXT = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"


def test_no_way_of_printing_shows_a_secret() -> None:
    secret = Secret(TEXT)
    credentials = Credentials.of(TEXT, TEXT)
    shown = [repr(secret), str(secret), f"{secret}", f"{secret:>80}", repr(credentials)]
    shown += [repr([secret]), repr({"key": secret}), str(dataclasses.asdict(credentials)), repr(copy.deepcopy(secret))]
    for text in shown:
        assert TEXT not in text
        assert secret.fingerprint() in text
    assert secret.reveal() == TEXT


def test_a_traceback_with_locals_does_not_show_it() -> None:
    def fails(secret: Secret) -> None:
        raise ValueError(secret)

    try:
        fails(Secret(TEXT))
    except ValueError as error:
        shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert "fails" in shown
    assert TEXT not in shown


BAD_PEM = f"-----BEGIN PRIVATE KEY-----\n{TEXT}\n-----END PRIVATE KEY-----"
CALLS: dict[str, Callable[[], object]] = {
    "a line break": lambda: UserStream(api_key=TEXT, api_secret=f"{TEXT}\n"),
    "two secrets": lambda: UserStream(api_key=TEXT, api_secret=TEXT, private_key=BAD_PEM),
    "no private key": lambda: UserStream(api_key=TEXT, private_key=BAD_PEM),
    "no venue": lambda: UserStream(api_key=TEXT, api_secret=TEXT, venue="moon"),
    "no journal": lambda: UserStream(api_key=TEXT, api_secret=TEXT, consumer="book"),
    "blocking": lambda: UserStream.blocking(api_key=TEXT, api_secret=TEXT, venue="moon"),
    "blocking, a space": lambda: UserStream.blocking(api_key=TEXT, api_secret=f" {TEXT}"),
    "three calls": lambda: UserDataStreamsApi(TEXT, "ftp://x"),
    "three calls, a space": lambda: UserDataStreamsApi(f"{TEXT} "),
    "three calls, awaited": lambda: AsyncUserDataStreamsApi(TEXT, "ftp://x"),
    "three calls, no time": lambda: AsyncUserDataStreamsApi(TEXT, timeout_s=-1),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_an_error_of_a_constructor_keeps_no_secret_in_its_frames(call: Callable[[], object]) -> None:
    with pytest.raises(UsageError) as caught:
        call()
    ours = [
        frame.frame for frame in caught.traceback if "/listenkey/" in str(frame.path) and "tests" not in str(frame.path)
    ]
    assert ours
    kept = [
        (frame.code.name, name)
        for frame in ours
        for name, one in frame.f_locals.items()
        if name != "self" and TEXT in repr(one)
    ]
    assert kept == []


def test_it_is_not_pickled_or_written_as_json() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(Secret(TEXT))
    with pytest.raises(TypeError):
        json.dumps(Secret(TEXT))


def test_equal_texts_are_equal_secrets() -> None:
    assert Secret(TEXT) == Secret(TEXT) != Secret("other")
    assert Secret(TEXT) != TEXT
    assert hash(Secret(TEXT)) == hash(Secret(TEXT))
    assert not Secret("")
    assert fingerprint(TEXT) == Secret(TEXT).fingerprint()
    assert len(fingerprint(TEXT)) == 8


@pytest.mark.parametrize("api_key", ["", "with space", "line\nbreak", "kéy"])
def test_an_api_key_that_cant_be_right_is_refused_without_showing_it(api_key: str) -> None:
    with pytest.raises(UsageError) as caught:
        Credentials.of(api_key)
    assert not api_key or api_key not in str(caught.value)


def test_what_can_sign() -> None:
    assert not Credentials.of("k").can_sign
    assert Credentials.of("k", api_secret="s").can_sign
    assert Credentials.of("k", private_key="pem").can_sign
    with pytest.raises(UsageError):
        Credentials.of("k", "s", "pem")


def test_a_fingerprint_is_known_by_its_form() -> None:
    assert is_fingerprint(fingerprint("key"))
    assert not any(map(is_fingerprint, ("", "desk-001", "0123abc", "0123abcde", "0123ABCD")))
