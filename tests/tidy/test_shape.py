"""Length, depth, and what is caught: a function fits on a screen, and nothing swallows what it doesn't know."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final, TypeAlias

from tests.tidy.source import Module, none_of, python_modules

FUNCTION_LINES_MAX: Final = 50
FILE_LINES_MAX: Final = 600
NESTING_MAX: Final = 4

MAY_CATCH_ALL: Final[dict[tuple[str, str], str]] = {
    ("src/listenkey/cli/main.py", "run"): "the top of the process; whatever is not told there is a traceback",
    (
        "src/listenkey/gateway/client/account_watch.py",
        "_say",
    ): "the user's function; what it raises is raised where he waits",
    (
        "src/listenkey/gateway/http/route_server.py",
        "_answer",
    ): "the top of a request's task; no traceback may reach a client or a log",
    (
        "src/listenkey/sandbox/http_server.py",
        "answer",
    ): "the top of a request's task; no traceback may reach a client or a log",
    (
        "src/listenkey/sandbox/websocket_server.py",
        "feed_data",
    ): "the top of what a socket brings; it ends that socket with 1011, and is told without what was sent",
    (
        "src/listenkey/cli/gateway/serving.py",
        "_survived",
    ): "the top of a reload; a bug must be told, and must not end what follows the next SIGHUP",
    (
        "src/listenkey/gateway/shared_sockets/shared_socket.py",
        "_safely",
    ): "the top of what a socket brings to one of its accounts; a bug must be told, and must not end the neighbours",
    ("src/listenkey/cli/interruptible.py", "_run"): "the top of the thread; it is raised where the work was asked for",
    (
        "src/listenkey/gateway/account.py",
        "_ended",
    ): "the top of an account's task; a bug must be told, and must not end the neighbours",
    (
        "src/listenkey/gateway/cluster/session_keeper.py",
        "_renewed",
    ): "the top of a session's task; a bug must be told, and must not end the renewals that follow",
    (
        "src/listenkey/journal/jetstream/connection.py",
        "_opened",
    ): "the top of a reconnect's task; a bug must be told, and must not end the attempts that follow",
    (
        "src/listenkey/gateway/cluster/cluster_worker.py",
        "_placed",
    ): "the top of a look at the leases; a bug must be told, and must not end the looks that follow",
    (
        "src/listenkey/journal/sqlite/writer_thread.py",
        "_run",
    ): "the top of the thread; the reader must see it, and not a log alone",
    (
        "sim/kernel/loop.py",
        "_run_handle",
    ): "the top of every callback, as in asyncio's own loops; the world looks at it",
    ("sim/kernel/loop.py", "run_in_executor"): "what asyncio's own pool does: the error belongs to whoever waits",
    ("sim/runner/run.py", "_run_in"): "the top of a simulated run; whatever it dies of is its outcome, and is told",
    ("sim/kernel/threads.py", "_run"): "the top of a simulated thread; the simulation looks at it",
    (
        "src/listenkey/journal/shared/account_journal.py",
        "_hand_over",
    ): "the user's function; what it raises is raised where he waits, and not into the event loop",
    (
        "src/listenkey/journal/memory.py",
        "_hand_over",
    ): "the user's function; what it raises is raised where he waits, and not into a socket",
    ("src/listenkey/stream/driver.py", "feed"): "the top of the driver; a bug must reach the reader, and end in no log",
}
"""(path, function) -> why its task may catch whatever comes. Beyond these, the count is 0."""

BROAD: Final = {"Exception", "BaseException"}
METHODS_MAX: Final = 20
ATTRIBUTES_MAX: Final = 15

MAY_BE_WIDE: Final[dict[tuple[str, str], str]] = {
    ("src/listenkey/core/lifecycle.py", "Lifecycle"): "a method for each input of the table that no part answers alone",
    ("src/listenkey/events/current.py", "OrderTradeUpdate"): "a property for each field of the order, for its readers",
    (
        "src/listenkey/journal/memory.py",
        "MemoryJournal",
    ): "the twenty methods of a journal, and what a full buffer needs",
    (
        "src/listenkey/journal/shared/shared_journals.py",
        "SharedJournals",
    ): "what a gateway asks of its journals, and what these ask of their file; six parts do the work",
    ("src/listenkey/testing.py", "LocalSandbox"): "what a test may do with the sandbox, from any thread",
}
"""(path, class) -> why it has more methods or attributes than others. The sandbox is not counted."""

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
DEEPER: Final = (
    ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.TryStar, ast.Match,
    ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef,
)  # fmt: skip


def functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def is_elif(parent: ast.AST, child: ast.AST) -> bool:
    """`elif` is an `if` in an `else` to the syntax tree, and one more rung of the same ladder to a reader."""
    return isinstance(parent, ast.If) and isinstance(child, ast.If) and parent.orelse == [child]


def depth(node: ast.AST) -> int:
    """Return the number of blocks inside each other below this node; functions in functions count as blocks too."""
    return max(
        (
            depth(child) + (isinstance(child, DEEPER) and not is_elif(node, child))
            for child in ast.iter_child_nodes(node)
        ),
        default=0,
    )


def shapeless(module: Module) -> Iterator[str]:
    """Functions that are too long or too deep, and files that are too long."""
    if len(module.lines) > FILE_LINES_MAX:
        yield f"{module.path}: {len(module.lines)} lines, more than {FILE_LINES_MAX}"
    for function in functions(module.tree):
        where = f"{module.path}:{function.lineno}: {function.name}"
        length = (function.end_lineno or function.lineno) - function.lineno + 1
        if length > FUNCTION_LINES_MAX:
            yield f"{where} has {length} lines, more than {FUNCTION_LINES_MAX}"
        if (deep := depth(function)) > NESTING_MAX:
            yield f"{where} is nested {deep} deep, more than {NESTING_MAX}"


def wide(module: Module) -> Iterator[tuple[str, int, int]]:
    """(name, methods, attributes) of classes with too many; a record, whose fields are declared, may have any number."""
    for node in (node for node in ast.walk(module.tree) if isinstance(node, ast.ClassDef)):
        methods = [method for method in node.body if isinstance(method, Function)]
        stores = (inner for method in methods for inner in ast.walk(method) if isinstance(inner, ast.Attribute))
        attributes = {
            inner.attr for inner in stores if isinstance(inner.ctx, ast.Store) and ast.unparse(inner.value) == "self"
        }
        names = {method.name for method in methods}  # a property and its setter are one
        if len(names) > METHODS_MAX or len(attributes) > ATTRIBUTES_MAX:
            yield node.name, len(names), len(attributes)


def is_broad(kind: ast.expr | None) -> bool:
    if kind is None:
        return True
    kinds = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any(isinstance(one, ast.Name) and one.id in BROAD for one in kinds)


def cleans_up(handler: ast.ExceptHandler) -> bool:
    """`except BaseException: ...; raise` swallows nothing: it puts things away and lets the error go on."""
    last = handler.body[-1]
    named = isinstance(handler.type, ast.Name) and handler.type.id == "BaseException"
    return named and isinstance(last, ast.Raise) and last.exc is None


def suppresses_all(call: ast.Call) -> bool:
    return ast.unparse(call.func).endswith("suppress") and any(is_broad(argument) for argument in call.args)


def catches_all(module: Module) -> Iterator[tuple[str, int, bool]]:
    """(function, line, whether it stands at the top of the function with a comment), of each broad `except`."""
    for function in functions(module.tree):
        top = [statement for statement in function.body if isinstance(statement, ast.Try)]
        for node in ast.walk(function):
            if isinstance(node, ast.ExceptHandler) and is_broad(node.type) and not cleans_up(node):
                beside = module.lines[max(0, node.lineno - 2) : node.lineno]
                explained = any("#" in line for line in beside)
                yield function.name, node.lineno, explained and any(node in one.handlers for one in top)
            elif isinstance(node, ast.Call) and suppresses_all(node):
                yield function.name, node.lineno, False


def swallowed(module: Module, allowed: dict[tuple[str, str], str]) -> Iterator[str]:
    for function, line, in_place in catches_all(module):
        if (module.path, function) not in allowed:
            yield f"{module.path}:{line}: {function} catches everything; name what can happen"
        elif not in_place:
            yield f"{module.path}:{line}: {function} may catch everything only at its top, with a comment that says why"


def test_functions_fit_on_a_screen() -> None:
    none_of(problem for module in python_modules() for problem in shapeless(module))


def test_a_class_has_one_job_or_a_reason() -> None:
    counted = [one for one in python_modules() if one.path.startswith("src/") and "/sandbox/" not in one.path]
    found = {(one.path, name) for one in counted for name, _, _ in wide(one)}
    assert found == set(MAY_BE_WIDE)


def test_methods_and_attributes_are_counted() -> None:
    many = "class C:\n" + "".join(f"    def m{number}(self): self.x{number % 3} = 1\n" for number in range(21))
    fields = "class D:\n    def __init__(self):\n" + "".join(f"        self.a{number} = 1\n" for number in range(16))
    fits = "class E:\n" + "".join(f"    a{number}: int = 0\n" for number in range(30))
    assert list(wide(Module("m", many + fields + fits))) == [("C", 21, 3), ("D", 1, 16)]


def test_nothing_swallows_what_it_does_not_know() -> None:
    none_of(problem for module in python_modules() for problem in swallowed(module, MAY_CATCH_ALL))


def test_every_exception_to_the_rule_is_still_one() -> None:
    found = {(module.path, function) for module in python_modules() for function, _, _ in catches_all(module)}
    assert set(MAY_CATCH_ALL) <= found


def test_a_long_function_and_file_are_found() -> None:
    fits = "def f():\n" + "    x = 1\n" * 49
    long = "def g():\n" + "    x = 1\n" * 50
    assert list(shapeless(Module("m", fits))) == []
    assert list(shapeless(Module("m", long))) == ["<planted>:1: g has 51 lines, more than 50"]
    assert list(shapeless(Module("m", "x = 1\n" * 601))) == ["<planted>: 601 lines, more than 600"]


def test_depth_is_counted_as_a_reader_does() -> None:
    four = "def f():\n for a in b:\n  if a:\n   with a:\n    try:\n     pass\n    finally:\n     pass"
    ladder = "def f():\n if a: pass\n elif b: pass\n elif c: pass\n elif d: pass\n elif e: pass\n else: pass"
    five = four.replace("     pass", "     while a: pass", 1)
    inner = "def f():\n def g():\n  for a in b:\n   if a:\n    match a:\n     case 1:\n      if b: pass"
    assert [list(shapeless(Module("m", text))) for text in (four, ladder)] == [[], []]
    assert list(shapeless(Module("m", five))) == ["<planted>:1: f is nested 5 deep, more than 4"]
    assert list(shapeless(Module("m", inner))) == ["<planted>:1: f is nested 5 deep, more than 4"]


def test_swallowing_is_found_in_every_form() -> None:
    text = """
def bare():
    try: pass
    except: pass
def broad():
    try: pass
    except (OSError, Exception): pass
def hidden():
    with contextlib.suppress(BaseException): pass
def task():
    try: pass
    except Exception:  # The last resort of a task.
        pass
def silent():
    try: pass

    except Exception: pass
def narrow():
    try: pass
    except OSError: pass
def tidied():
    try: pass
    except BaseException:
        close()
        raise
"""
    allowed = {("<planted>", "task"): "a task's top", ("<planted>", "silent"): "no comment"}
    found = {problem.split(": ")[1].split()[0] for problem in swallowed(Module("m", text), allowed)}
    assert found == {"bare", "broad", "hidden", "silent"}
