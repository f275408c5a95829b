"""The rules of the house that no linter knows (CONTRIBUTING.md)."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import ambient

HOME: Final = Path(ambient.__file__).parent
BROWSER_TESTS: Final = Path(__file__).parents[1] / "browser"
FUNCTION_LINES: Final = 60
MODULE_LINES: Final = 600

BROAD_EXCEPTS: Final[frozenset[str]] = frozenset(
    {
        "core/reconcile/loop.py:_try",
        "engines/local/child.py:become_runner",  # the outermost line of a process
        "relay/tailer.py:_keep_following",
        "runner/desired.py:work",  # one bad clone must not end the runner
        "runner/app.py:__call__",  # a bug in one route is that request's 500
        "runner/runs.py:_consume",  # an agent is foreign code: whatever it raises ends its run
    }
)
"""The loops that may catch everything on their outermost line, log it and try again:
`path:function`. Whoever adds one says in its review why nothing narrower will do."""


def trees() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(HOME.rglob("*.py")):
        yield path.relative_to(HOME).as_posix(), ast.parse(path.read_bytes())


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def is_broad(handler: ast.ExceptHandler) -> bool:
    caught = [] if handler.type is None else list(ast.walk(handler.type))
    names = {node.id for node in caught if isinstance(node, ast.Name)}
    return handler.type is None or bool(names & {"Exception", "BaseException"})


def test_a_function_fits_on_a_screen() -> None:
    long = [
        f"{name}:{one.lineno} {one.name}: {one.end_lineno - one.lineno + 1} lines"
        for name, tree in trees()
        for one in functions(tree)
        if one.end_lineno and one.end_lineno - one.lineno >= FUNCTION_LINES
    ]
    assert long == []


def test_a_module_can_be_read_in_one_go() -> None:
    sizes = {path: len(path.read_bytes().splitlines()) for path in HOME.rglob("*.py")}
    assert {path: lines for path, lines in sizes.items() if lines > MODULE_LINES} == {}


def test_a_broad_except_stands_only_in_the_listed_loops() -> None:
    found = {
        f"{name}:{one.name}"
        for name, tree in trees()
        for one in functions(tree)
        for node in ast.walk(one)
        if isinstance(node, ast.ExceptHandler) and is_broad(node)
    }
    assert found == BROAD_EXCEPTS


def test_nobody_asks_an_object_what_it_can_do() -> None:
    found = [
        f"{name}:{node.lineno}"
        for name, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node.id == "hasattr"
    ]
    assert found == [], "an optional ability is a feature name or a port"


def test_no_result_is_thrown_away() -> None:
    found = [
        f"{name}:{node.lineno}"
        for name, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and any(isinstance(target, ast.Name) and target.id == "_" for target in node.targets)
    ]
    assert found == [], "a result is used, or the function returns none"


def test_no_two_files_of_browser_tests_name_a_session_alike() -> None:
    """Files share a platform: which of them share one, and in which order, is another each time."""
    named: dict[str, set[str]] = {}
    for path in BROWSER_TESTS.glob("test_*.py"):
        for name in re.findall(r'\b(?:create|session)\(\s*"([a-z0-9-]+)"', path.read_text()):
            named.setdefault(name, set()).add(path.name)
    assert len(named) > 50
    assert {name: files for name, files in named.items() if len(files) > 1} == {}
