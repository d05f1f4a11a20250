"""The options of a stream are the arguments of `UserStream`, by name and by type."""

from __future__ import annotations

import inspect

import pytest

from listenkey import BlockingUserStream, UserStream
from listenkey.stream.options import StreamOptions


def test_the_options_are_the_arguments_of_a_stream() -> None:
    arguments = inspect.signature(UserStream).parameters
    assert list(StreamOptions.__annotations__) == list(arguments)
    for name, argument in arguments.items():
        text = StreamOptions.__annotations__[name].__forward_arg__
        if argument.default is inspect.Parameter.empty:
            assert text == f"Required[{argument.annotation}]"
        else:
            assert text == argument.annotation, name


def test_the_blocking_twin_takes_them_and_nothing_else() -> None:
    options: StreamOptions = {"api_key": "k", "account": "mine", "auto_commit": False}
    assert isinstance(UserStream.blocking(**options), BlockingUserStream)
    with pytest.raises(TypeError, match="api_kee"):
        UserStream.blocking(api_kee="k")  # type: ignore[call-arg]
