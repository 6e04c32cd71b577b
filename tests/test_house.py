"""Rules of the house that no linter knows.  Each guard first proves that it found something to guard."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
MACHINE_PATH = re.compile(r"(?<![\w.\-/])/(?:work|root|farm)/\w")
PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")
IMPURE_MODULES = {
    "asyncio",
    "concurrent",
    "getpass",
    "http",
    "io",
    "logging",
    "multiprocessing",
    "os",
    "pathlib",
    "platform",
    "random",
    "secrets",
    "shutil",
    "signal",
    "socket",
    "sqlite3",
    "ssl",
    "structlog",
    "subprocess",
    "sys",
    "tempfile",
    "threading",
    "time",
}
IMPURE_CALLS = {"open", "print", "input", "now", "utcnow", "today", "uuid1", "uuid4"}
SPEAKS_FOR_ITSELF = re.compile(r"^(assert|raises|fail|eventually)")
"""Calls that fail a test by themselves: pytest's own and the fixtures of conftest.py that wait for a condition."""


def our_files() -> Iterator[Path]:
    """Files that git keeps, or would keep."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    paths = (CHECKOUT / name for name in listed.stdout.split("\0") if name)
    return (path for path in paths if path.is_file())


def texts() -> Iterator[tuple[str, str]]:
    """(name, text) of each of our files that is text."""
    for path in our_files():
        content = path.read_bytes()
        if b"\0" not in content:
            yield str(path.relative_to(CHECKOUT)), content.decode(errors="replace")


def trees(*folders: str) -> Iterator[tuple[str, ast.Module]]:
    """(name, syntax tree) of each Python module under `folders`."""
    for folder in folders:
        for path in sorted((CHECKOUT / folder).rglob("*.py")):
            yield str(path.relative_to(CHECKOUT)), ast.parse(path.read_text(), str(path))


def impurities(tree: ast.Module) -> list[str]:
    """Names of imported modules and called functions that make a result depend on more than its arguments."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [name.name for name in node.names if name.name.partition(".")[0] in IMPURE_MODULES]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in IMPURE_MODULES:
            found.append(node.module or "")
        elif isinstance(node, ast.Call) and called(node) in IMPURE_CALLS:
            found.append(f"{called(node)}()")
    return found


def called(call: ast.Call) -> str:
    """The last name of what is called: `now` for `datetime.now()`."""
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(tree: ast.Module) -> dict[str, Function]:
    return {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def says_something(function: Function, known: dict[str, Function], seen: frozenset[str] = frozenset()) -> bool:
    """Whether it asserts, expects an error, or calls a function of its module that does."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call):
            name = called(node)
            if SPEAKS_FOR_ITSELF.match(name):
                return True
            if name in known and name not in seen and says_something(known[name], known, seen | {name}):
                return True
    return False


def silent_tests(tree: ast.Module) -> list[str]:
    known = functions(tree)
    return [
        name for name, function in known.items() if name.startswith("test_") and not says_something(function, known)
    ]


def test_no_file_names_a_path_of_somebodys_machine() -> None:
    found = dict(texts())
    assert {"README.md", "pyproject.toml", "streams/topics.py", "tests/test_house.py"} <= found.keys()
    assert [name for name, text in found.items() if MACHINE_PATH.search(text)] == []


@pytest.mark.parametrize("path", ["/wo" + "rk/x", "cd /ro" + "ot/y", "file:/fa" + "rm/z"])
def test_a_path_of_a_machine_would_be_found(path: str) -> None:
    assert MACHINE_PATH.search(path)


def test_no_file_holds_a_private_key_or_somebodys_settings() -> None:
    found = dict(texts())
    assert len(found) > 30
    assert [name for name, text in found.items() if PRIVATE_KEY.search(text)] == []
    assert not {name for name in found if Path(name).name in {".env", "write_keys", "id_rsa", "id_ed25519"}}
    assert PRIVATE_KEY.search("-----BEGIN EC " + "PRIVATE KEY-----")


def test_the_core_depends_on_nothing_but_its_arguments() -> None:
    core = dict(trees("streams"))
    assert len(core) > 5
    assert {name: found for name, tree in core.items() if (found := impurities(tree))} == {}


@pytest.mark.parametrize(
    ("code", "named"),
    [
        ("import os.path", ["os.path"]),
        ("from time import time", ["time"]),
        ("from datetime import datetime\nx = datetime.now()", ["now()"]),
        ("def f():\n    import logging", ["logging"]),
        ("open('x')", ["open()"]),
        ("from datetime import datetime, UTC\ndatetime.fromtimestamp(0, UTC)", []),
    ],
)
def test_an_impurity_would_be_found(code: str, named: list[str]) -> None:
    assert impurities(ast.parse(code)) == named


def test_every_test_says_something() -> None:
    modules = dict(trees("tests"))
    assert sum(name.startswith("test_") for tree in modules.values() for name in functions(tree)) > 30
    assert {name: silent for name, tree in modules.items() if (silent := silent_tests(tree))} == {}


@pytest.mark.parametrize(
    ("code", "silent"),
    [
        ("def test_x():\n    f()", ["test_x"]),
        ("def test_x():\n    assert f()", []),
        ("def test_x():\n    with pytest.raises(E):\n        f()", []),
        ("def same(a):\n    assert a\ndef test_x():\n    same(1)", []),
        ("def f():\n    f()\ndef test_x():\n    f()", ["test_x"]),
    ],
)
def test_a_test_that_says_nothing_would_be_found(code: str, silent: list[str]) -> None:
    assert silent_tests(ast.parse(code)) == silent
