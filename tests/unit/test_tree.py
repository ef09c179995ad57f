"""The house rules that are read from the tree itself: names, size, docstrings, and who may do what."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "workbench"
FORBIDDEN = {
    "utils",
    "util",
    "helper",
    "helpers",
    "manager",
    "service",
    "handler",
    "common",
    "misc",
    "base",
    "core",
}
STARTERS = re.compile(
    r"\bos\.(fork|forkpty|posix_spawnp?|system|exec[lv]\w*|popen|spawn\w+)\b|\bforkpty\b|create_subprocess_\w+"
)
MAY_START = {"cli/client.py": "posix_spawn"}
"""The command line starts our own server, and nothing else."""
LONGEST = 650


def modules(*folders: str) -> Iterator[tuple[str, str]]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if not {"node_modules", ".venv", "build"} & set(path.parts):
                yield str(path.relative_to(ROOT)), path.read_text()


def words_of(name: str) -> set[str]:
    """The words of a snake_case or CamelCase name, lower-case."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name)}


@cache
def parsed(text: str) -> ast.Module:
    """The syntax tree of a module; several rules look at each."""
    return ast.parse(text)


def test_no_file_function_or_class_has_a_name_that_says_nothing() -> None:
    found = []
    for path, text in modules("src", "tests"):
        if words_of(Path(path).stem) & FORBIDDEN:
            found.append(path)
        for node in ast.walk(parsed(text)):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                continue
            # A test's name is a sentence and may speak of anything.
            if not node.name.startswith("test_") and words_of(node.name) & FORBIDDEN:
                found.append(f"{path}:{node.lineno} {node.name}")
    assert found == []


def test_every_module_says_what_it_does_first() -> None:
    silent = [
        path
        for path, text in modules("src", "tests")
        if text.strip() and ast.get_docstring(parsed(text)) is None
    ]
    assert silent == []


def test_no_file_is_longer_than_can_be_read_at_one_sitting() -> None:
    long = {path: count for path, text in modules("src") if (count := text.count("\n")) > LONGEST}
    assert long == {}


def test_processes_are_started_only_in_the_sandbox_room() -> None:
    found = []
    for path, text in modules("src"):
        room = path.removeprefix("src/workbench/")
        if room.startswith("sandbox/"):
            continue
        names = {match.group(0) for match in STARTERS.finditer(text)}
        if room in MAY_START:
            names = {name for name in names if not name.endswith(MAY_START[room])}
        found += [f"{room}: {name}" for name in sorted(names)]
    assert found == []


def calls(text: str) -> set[str]:
    """The last word of each thing that a module calls."""
    found = set()
    for node in ast.walk(parsed(text)):
        if isinstance(node, ast.Call):
            called = node.func
            found.add(called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", ""))
    return found


def test_only_the_gate_makes_an_admission() -> None:
    makers = {path for path, text in modules("src") if "Admission" in calls(text)}
    assert makers == {"src/workbench/gate/admit.py"}


def test_only_the_ledger_calls_the_one_writer_and_nothing_else_writes_its_tables() -> None:
    importers = {
        path
        for path, text in modules("src")
        if re.search(r"workbench\.ledger\.append import|ledger import append\b", text)
    }
    assert {path for path in importers if not path.startswith("src/workbench/ledger/")} == set()
    writers = {
        path
        for path, text in modules("src")
        if re.search(r"\b(INSERT INTO|UPDATE \w+ SET|DELETE FROM)\b", text)
        or re.search(r"tables\.\w+\.(insert|update|delete)\(|\b(insert|update|delete)\(tables\.", text)
    }
    assert {path for path in writers if not path.startswith("src/workbench/ledger/")} == set()


def test_time_and_chance_come_from_outside_the_pure_rooms() -> None:
    impure = re.compile(
        r"^\s*(import|from) (time|random|secrets|uuid|socket|subprocess|asyncio|threading)\b", re.MULTILINE
    )
    pure = [f"src/workbench/{room}" for room in ("model", "gate", "audit", "policy")]
    assert [path for path, text in modules(*pure) if impure.search(text)] == []


def test_no_test_sleeps_skips_or_expects_to_fail() -> None:
    sleeping = re.compile(
        r"\btime\.sleep\(|asyncio\.sleep\((?!0\))|pytest\.(skip|xfail|importorskip)|mark\.(skip|xfail)"
    )
    found = [
        f"{path}: {match.group(0)}"
        for path, text in modules("tests")
        if path != "tests/unit/test_tree.py" and any(word in text for word in ("sleep", "skip", "xfail"))
        for match in sleeping.finditer(text)
    ]
    assert found == []
