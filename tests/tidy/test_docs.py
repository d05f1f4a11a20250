"""The words: decisions are listed, links lead somewhere, and no command goes without a page."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import tomllib
from collections.abc import Collection, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Final

import pytest

from tests.tidy.source import ROOT, none_of, texts

LINK: Final = re.compile(r"(?<!!)\[[^\]\n]+\]\(([^)\s]+)\)|!\[[^\]\n]*\]\(([^)\s]+)\)")
DECISION: Final = re.compile(r"decisions/(\d{4})")
STALE: Final = re.compile(
    r"\b(?:in|of) this release\b|\bnot yet in this\b|\bthis release (?:does|has|can)", re.IGNORECASE
)
"""Sentences that are wrong as soon as the next release is out."""

FILE: Final = re.compile(
    r"`([\w.-]+(?:/[\w.@-]+)+\.(?:py|md|json|toml|sh|yaml|service))`|^  \S.*? ((?:\w+/)+\w+\.py)", re.MULTILINE
)
ROOMS: Final = ("", "src/listenkey/", "docs/", "tests/")
"""The folders in which a path of a page may begin."""

PAGE_ROOMS: Final = ("tutorial", "how-to", "reference", "explanation")
"""The folders of docs/, one kind of page each."""

HISTORY: Final = ("docs/decisions/", "tests/fixtures/")
"""Pages that say what was, or name files of their own source."""

FOLDER: Final = re.compile(r"`((?:[\w.-]+/)+)`")
MADE: Final = frozenset({"build/"})
"""Folders that a command makes."""

CODE: Final = re.compile(r"^ *```.*?^ *```|`[^`\n]+`", re.MULTILINE | re.DOTALL)
MAKE: Final = re.compile(r"(?:^|[`&;|] *)make (?:[A-Z]+=\S+ )*([a-z][a-z-]*)", re.MULTILINE)
MODULE: Final = re.compile(r"python -m ((?:benchmarks|docs|listenkey|sim|tests)[\w.]*)")
HEADING_QUESTION: Final = re.compile(
    r"^#{1,6} +(?:(?:what|whatever|whether|how|who|whom|whose|when|where|which|why|is|are|does|do|can)\b(?!-).*|.*\?)$",
    re.IGNORECASE | re.MULTILINE,
)

RETIRED: Final = re.compile(r"\b(?:the bill|the beat|governor|mending|reconcile[sd]?|a second look)\b", re.IGNORECASE)
"""Words that the glossary has replaced: REST history (`bill`), the 10-second ACCOUNT_UPDATE, rate limiter, recovery."""

FENCE: Final = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)


def pages() -> dict[str, str]:
    return dict(texts([".md"]))


def anchor(heading: str) -> str:
    """Return a forge's anchor of a heading: lower case, spaces to hyphens, punctuation gone."""
    plain = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading.strip()).lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


def anchors(text: str) -> set[str]:
    found = {anchor(line.lstrip("#")) for line in FENCE.sub("", text).splitlines() if re.match(r"#{1,6} ", line)}
    return found | set(re.findall(r"<a (?:id|name)=\"([^\"]+)\"", text))


def broken_links(pages: Mapping[str, str], exists: Collection[str]) -> Iterator[str]:
    """Links to files and headings of our own that aren't there."""
    for path, text in pages.items():
        for match in LINK.finditer(FENCE.sub("", text)):
            target = match[1] or match[2]
            if re.match(r"[a-z]+:", target):
                continue
            name, _, fragment = target.partition("#")
            file = normal(PurePosixPath(path).parent / name) if name else path
            if file not in exists:
                yield f"{path}: {target}"
            elif fragment and file in pages and fragment not in anchors(pages[file]):
                yield f"{path}: {target}: no such heading"


def normal(path: PurePosixPath) -> str:
    kept: list[str] = []
    for part in path.parts:
        if part == "..":
            kept = kept[:-1]
        elif part != ".":
            kept.append(part)
    return "/".join(kept)


def stale_sentences(pages: Mapping[str, str]) -> Iterator[str]:
    for path, text in pages.items():
        if path != "CHANGELOG.md":
            yield from (f"{path}: {match[0]}" for match in STALE.finditer(text))


def dead_paths(pages: Mapping[str, str], exists: Collection[str]) -> Iterator[str]:
    """Files of this repository that a page names and that are not there."""
    for path, text in pages.items():
        for match in FILE.finditer(text):
            name = match[1] or match[2]
            if not any(room + name in exists for room in ROOMS):
                yield f"{path}: {name}"


def dead_folders(pages: Mapping[str, str], exists: Collection[str]) -> Iterator[str]:
    """Folders of this repository that a page names and that are not there."""
    for path, text in pages.items():
        for folder in set(FOLDER.findall(text)) - MADE:
            if not any(room + folder.rstrip("/") in exists for room in (*ROOMS, "src/")):
                yield f"{path}: {folder}"


def dead_commands(pages: Mapping[str, str], exists: Collection[str], verbs: Collection[str]) -> Iterator[str]:
    """`make` verbs and `python -m` modules of ours that a page names and that are not there."""
    for path, text in pages.items():
        code = "\n".join(CODE.findall(text))
        yield from (f"{path}: make {verb}" for verb in MAKE.findall(code) if verb not in verbs)
        for name in MODULE.findall(code):
            file = name.rstrip(".").replace(".", "/")
            if not any(f"{root}{file}{end}" in exists for root in ("", "src/") for end in (".py", "/__main__.py")):
                yield f"{path}: python -m {name}"


def headings_that_ask(pages: Mapping[str, str]) -> Iterator[str]:
    """Headings that are a question or open like one. Contents are found by their subject."""
    for path, text in pages.items():
        yield from (f"{path}: {match[0]}" for match in HEADING_QUESTION.finditer(FENCE.sub("", text)))


def retired_words(pages: Mapping[str, str]) -> Iterator[str]:
    for path, text in pages.items():
        for match in RETIRED.finditer(CODE.sub("", text)):
            yield f"{path}: {match[0]!r} is a retired word; docs/glossary.md has the one for it"


def make_verbs() -> list[str]:
    return re.findall(r"^([a-z-]+):.*?## ", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)


def unlisted_decisions(index: str, names: Collection[str]) -> list[str]:
    return sorted(name for name in names if f"({name})" not in index)


def astray_pages(index: str, pages: Collection[str]) -> Iterator[str]:
    """Pages of docs/ that are in no room, or that the index doesn't list once."""
    for path in sorted(page.removeprefix("docs/") for page in pages if page.startswith("docs/")):
        room = path.partition("/")[0]
        if room == "decisions" or path == "README.md":
            continue
        if room not in PAGE_ROOMS and path != "glossary.md":
            yield f"docs/{path}: put it into one of {', '.join(PAGE_ROOMS)}"
        if index.count(f"({path})") != 1:
            yield f"docs/{path}: docs/README.md must list it once"


def undocumented_commands(commands: Collection[str], words: str) -> list[str]:
    """Commands that no page names, be it one by one or as `listenkey key start|close`."""

    def named(command: str) -> bool:
        *groups, last = command.split()
        siblings = r"(?:[a-z-]+\\?\|)*"
        return bool(re.search(rf"\blistenkey {' '.join([*groups, siblings])}{last}\b", words))

    return sorted(command for command in commands if not named(command))


def command_paths() -> list[str]:
    """Every command and subcommand, as typed."""
    click = importlib.import_module("click")
    cli = importlib.import_module("listenkey.cli.main")
    root = next(value for value in vars(cli).values() if isinstance(value, click.Group))

    def below(group: object, prefix: str) -> Iterator[str]:
        context = click.Context(group)
        for name in group.list_commands(context):  # type: ignore[attr-defined]
            command = group.get_command(context, name)  # type: ignore[attr-defined]
            if command.hidden:
                continue
            yield f"{prefix}{name}"
            if isinstance(command, click.Group):
                yield from below(command, f"{prefix}{name} ")

    return list(below(root, ""))


def test_every_decision_is_in_the_index() -> None:
    folder = ROOT / "docs" / "decisions"
    names = [path.name for path in folder.glob("*.md") if path.name != "README.md"]
    assert names
    assert all(re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", name) for name in names)
    assert len({name[:4] for name in names}) == len(names)
    assert unlisted_decisions((folder / "README.md").read_text("utf-8"), names) == []


def test_every_decision_that_is_cited_exists() -> None:
    known = {path.name[:4] for path in (ROOT / "docs" / "decisions").glob("[0-9]*.md")}
    cited = {
        (path, number)
        for path, text in texts([".py", ".toml", ".md"])
        if not path.startswith("tests/tidy/")
        for number in DECISION.findall(text)
    }
    assert sorted((path, number) for path, number in cited if number not in known) == []


def test_every_dependency_has_a_decision() -> None:
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    for dependency in tomllib.loads(text)["project"]["dependencies"]:
        line = next(line for line in text.splitlines() if f'"{dependency}"' in line)
        assert DECISION.search(line), f"{dependency} does not name its page"


def test_every_link_leads_somewhere() -> None:
    exists = {str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if ".venv" not in path.parts}
    none_of(broken_links(pages(), exists))


def test_every_page_is_in_a_room_and_in_the_index() -> None:
    found = pages()
    none_of(astray_pages(found["docs/README.md"], found))


def test_a_page_that_is_astray_is_found() -> None:
    planted = [
        "docs/a.md",
        "docs/how-to/b.md",
        "docs/how-to/c.md",
        "docs/README.md",
        "README.md",
        "docs/decisions/x.md",
    ]
    assert [problem.split(": ")[0] for problem in astray_pages("[a](a.md) [b](how-to/b.md)", planted)] == [
        "docs/a.md",
        "docs/how-to/c.md",
    ]


def test_no_sentence_goes_stale_with_the_next_release() -> None:
    none_of(stale_sentences(pages()))


def test_every_file_that_a_page_names_is_there() -> None:
    exists = {str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if ".venv" not in path.parts}
    none_of(dead_paths(current_pages(), exists))


def current_pages() -> dict[str, str]:
    return {path: text for path, text in pages().items() if not path.startswith(HISTORY)}


def test_every_folder_and_command_that_a_page_names_is_there() -> None:
    exists = {str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if ".venv" not in path.parts}
    none_of(dead_folders(current_pages(), exists))
    none_of(dead_commands(current_pages(), exists, make_verbs()))


def test_no_heading_asks() -> None:
    none_of(headings_that_ask(current_pages()))


def test_no_page_says_a_retired_word() -> None:
    none_of(retired_words({path: text for path, text in current_pages().items() if path != "docs/glossary.md"}))


def test_a_retired_word_is_found() -> None:
    planted = {"a.md": "The bill agrees with `the bill`.\n```\ngovernor\n```\nBillions of reconciliations."}
    assert [problem.split(" is")[0] for problem in retired_words(planted)] == ["a.md: 'The bill'"]


def test_a_dead_folder_a_dead_command_and_a_heading_that_asks_are_found() -> None:
    planted = {
        "a.md": "`tests/no/` `tests/sim/`, make sure of it. `make demo`, `make no`, `make ARGS=1 not`\n"
        "```sh\nmake test && make never  # x\npython -m sim 1\n.venv/bin/python -m sim.no\npython -m pip\n```\n",
        "b.md": "# What it does\n## How-to\n## Is it whole?\n## Whole?\n## Parts\n```\n# what a comment\n```\n",
    }
    exists = {"tests/sim", "sim/__main__.py"}
    assert list(dead_folders(planted, exists)) == ["a.md: tests/no/"]
    assert [problem[6:] for problem in dead_commands(planted, exists, ["demo", "test"])] == [
        "make no",
        "make not",
        "make never",
        "python -m sim.no",
    ]
    assert [problem[6:] for problem in headings_that_ask(planted)] == ["# What it does", "## Is it whole?", "## Whole?"]


def test_a_stale_sentence_and_a_dead_path_are_found() -> None:
    planted = {
        "a.md": "Not in this release. See `core/no.py` and `core/lifecycle.py`.",
        "CHANGELOG.md": "in this release",
    }
    assert list(stale_sentences(planted)) == ["a.md: in this release"]
    assert list(dead_paths(planted, {"src/listenkey/core/lifecycle.py"})) == ["a.md: core/no.py"]


def test_every_command_has_a_page() -> None:
    if importlib.util.find_spec("listenkey.cli") is None:
        pytest.skip("there is no command yet")
    none_of(undocumented_commands(command_paths(), "\n".join(pages().values())))


def test_a_broken_link_is_found() -> None:
    planted = {
        "README.md": "[a](docs/a.md#the-heading) [b](docs/no.md) [w](https://x.example) ![p](p.svg)\n```\n[c](no)\n```",
        "docs/a.md": "# The `heading`!\n[up](../README.md) [here](#the-heading) [no](#nowhere)",
    }
    assert list(broken_links(planted, {*planted, "docs"})) == [
        "README.md: docs/no.md",
        "README.md: p.svg",
        "docs/a.md: #nowhere: no such heading",
    ]


def test_a_decision_or_command_left_out_is_found() -> None:
    assert unlisted_decisions("[x](0001-x.md)", ["0001-x.md", "0002-y.md"]) == ["0002-y.md"]
    assert undocumented_commands(["tail", "key start"], "run `listenkey tail`; listenkey keyboard") == ["key start"]
    assert undocumented_commands(["key a", "key c", "key d"], r"listenkey key a\|b\|c") == ["key d"]


@pytest.mark.skipif(shutil.which("make") is None, reason="2026-11-30: there is no make here")
def test_make_finds_nothing_odd_and_knows_every_verb() -> None:
    text = (ROOT / "Makefile").read_text("utf-8")
    verbs = make_verbs()
    (phony,) = re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    assert set(verbs) == set(phony.split())
    done = subprocess.run(["make", "-n", *verbs], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
