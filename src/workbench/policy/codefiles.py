"""Reads build files that are programs, as far as they name commands literally: nox, rake, gradle, ninja.

Such a file is code of the project, like its tests. What is read here is what it plainly says it runs; any
sign that it may run, delete or load more makes the reading not whole. Pure; it judges nothing.
"""

from __future__ import annotations

import ast
import json
import re

from workbench.policy.makefiles import ScriptLine
from workbench.policy.parse import quote

Found = tuple[tuple[ScriptLine, ...], bool]
_MOST_TEXT = 64 * 1024
_MOST_LINES = 400
_LONGEST_LINE = 2_000
_NOX_RUNS = frozenset({"run", "run_always", "run_install"})
_NOX_CALLS = frozenset(
    [
        *("session.install", "session.conda_install", "session.log", "session.warn", "session.error"),
        *("session.skip", "session.notify", "session.debug", "nox.session", "nox.parametrize", "nox.param"),
        *("nox.needs_version", "nox.project.load_toml", "nox.project.dependency_groups"),
        *("nox.project.python_versions", "print", "str", "len", "list", "tuple", "sorted", "os.getenv"),
        *(
            "os.environ.get",
            "os.path.join",
            "os.path.dirname",
            "Path",
            "pathlib.Path",
            "session",
            "parametrize",
        ),
    ]
)
_RAKE_SH = re.compile(r"\bsh[ (]\s*(?:\"([^\"\\#\n]*)\"|'([^'\\\n]*)')\s*\)?\s*$")
_RAKE_RUNS = re.compile(
    r"`|%x|\brequire[ (]{1,4}[\"'][./]"
    r"|\b(sh|system|exec|spawn|popen\w*|Open3|\w*eval|\w*send|rm\w*|mv|cp\w*|FileUtils|IO|Process|Kernel|ruby"
    r"|LOAD_PATH|unshift|load|import|fork|Net|URI|open|Socket|require_relative|method|const_get|File\.(write|open|delete|unlink))\b"
)
_RAKE_TASK = re.compile(r"([ \t]*)(?:multi)?task[ (]\s*:?[\"']?([A-Za-z0-9_:]+)[\"']?")
_RAKE_TOOL = re.compile(
    r"[ \t]*(?:RSpec::Core::RakeTask|Rake::TestTask|RuboCop::RakeTask|Minitest::TestTask"
    r"|Cucumber::Rake::Task)"
    r"\.(?:new|create)(?:[ (]\s*:?[\"']?([A-Za-z0-9_:]+))?"
)
_RAKE_DEFAULTS = {"RSpec": "spec", "Rake:": "test", "RuboC": "rubocop", "Minit": "test", "Cucum": "cucumber"}
_RAKE_LOADS = re.compile(r"Rails\.application\.load_tasks|Bundler::GemTasks|bundler/gem_tasks")
_GRADLE_RUNS = re.compile(
    r"\b(exec|javaexec|commandLine|executable|ProcessBuilder|Runtime|execute|GroovyShell|evaluate|ant|Exec|deleteDir)\b"
    r"|apply\s{0,5}\(?\s{0,5}from"
)
_GRADLE_LIFECYCLE = re.compile(
    r"(build|test|check|clean|assemble|classes|testClasses|jar|bootJar|javadoc|compile\w*|dependencies|tasks|projects"
    r"|properties|help|assembleDebug|assembleRelease|bundle\w*|lint\w*|ktlint\w*|spotless\w*|detekt|checkstyle\w*|pmd\w*"
    r"|spotbugs\w*|jacoco\w*|test\w*|integrationTest|run|bootRun|connected\w*|processResources|buildNeeded|dokka\w*)"
)
_POM_RUNS = re.compile(
    r"exec-maven-plugin|maven-antrun|gmaven|groovy-maven|<goal>exec|wagon-maven|frontend-maven"
)
_ANT_RUNS = re.compile(
    r"<(exec|java|script|delete|apply|ftp|scp|sshexec|get|import|include|ant|taskdef|typedef|mail)\b"
)
_NINJA_COMMAND = re.compile(r"[ \t]+command[ \t]*=[ \t]*(.*)")
_CMAKE_STRING = re.compile(r"\"((?:[^\"\\\n]|\\.)*)\"")


def read_noxfile(text: str, path: str, names: tuple[str, ...], arguments: tuple[str, ...]) -> Found:
    """Returns what the sessions of a noxfile.py run (all without names); what is not literal is unsure."""
    if len(text) > _MOST_TEXT:
        return (), False
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return (), False
    lines: list[ScriptLine] = []
    is_whole = True
    for item in tree.body:
        is_session = isinstance(item, ast.FunctionDef) and bool(item.decorator_list)
        if is_session and names and isinstance(item, ast.FunctionDef) and not _is_asked(item, names):
            continue
        for node in ast.walk(item):
            if isinstance(node, ast.Import | ast.ImportFrom):
                # Under another name, a function may pass for a harmless one.
                is_whole = is_whole and all(alias.asname is None for alias in node.names)
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func) if isinstance(node.func, ast.Name | ast.Attribute) else ""
            if called.startswith("session.") and called.removeprefix("session.") in _NOX_RUNS:
                text_run, sure = _nox_words(node, arguments)
                is_whole = is_whole and sure
                lines.append(ScriptLine(text=text_run, path=path, line=node.lineno))
            elif called not in _NOX_CALLS:
                is_whole = False
    sessions = [item for item in tree.body if isinstance(item, ast.FunctionDef)]
    known = {item.name for item in sessions}
    marks = [ast.unparse(mark) for item in sessions for mark in item.decorator_list]
    has_names = any("name" in mark for mark in marks)
    if has_names or any(name.split("-")[0].split("(")[0] not in known for name in names):
        is_whole = False
    return tuple(lines[:_MOST_LINES]), is_whole and len(lines) <= _MOST_LINES


def _is_asked(item: ast.FunctionDef, names: tuple[str, ...]) -> bool:
    return item.name in {name.split("-")[0].split("(")[0] for name in names}


def _nox_words(node: ast.Call, arguments: tuple[str, ...]) -> tuple[str, bool]:
    words: list[str] = []
    sure = all(keyword.arg in ("external", "silent", "success_codes", "log") for keyword in node.keywords)
    for argument in node.args:
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
            words.append(argument.value)
        elif isinstance(argument, ast.Starred) and ast.unparse(argument.value) == "session.posargs":
            words.extend(arguments)
        else:
            sure = False
    return " ".join(map(quote, words)) or "true", sure


def read_rakefile(text: str, path: str, names: tuple[str, ...]) -> Found:
    """Returns the literal `sh` lines of the asked tasks and what they need; other ways to run are unsure."""
    if len(text) > _MOST_TEXT:
        return (), False
    tasks: dict[str, list[tuple[int, str]]] = {}
    needs: dict[str, set[str]] = {}
    tools: set[str] = set()
    outside: list[tuple[int, str]] = []
    open_at: tuple[str, str] | None = None
    loads = False
    for number, line in enumerate(text.split("\n"), start=1):
        bare = line.split(" #")[0].rstrip()
        if len(line) > _LONGEST_LINE:
            return (), False
        if not bare.strip() or bare.lstrip().startswith("#"):
            continue
        if open_at is not None and bare == open_at[0] + "end":
            open_at = None
        elif open_at is not None:
            tasks[open_at[1]].append((number, bare))
        elif match := _RAKE_TASK.match(bare):
            name = match[2].rstrip(":").rpartition(":")[2]
            found = set(re.findall(r"[A-Za-z0-9_]+", bare[match.end() :].split(" do")[0]))
            needs.setdefault(name, set()).update(found)
            tasks.setdefault(name, [])
            if bare.endswith((" do", "|")):
                open_at = (match[1], name)
            elif "{" in bare or " do" in bare:
                outside.append((number, bare))
        elif match := _RAKE_TOOL.match(bare):
            tools.add(match[1] or _RAKE_DEFAULTS.get(bare.strip()[:5], ""))
        elif _RAKE_LOADS.search(bare):
            loads = True
        elif not re.match(r"\s*require_relative\s+['\"]config/(application|environment)['\"]$", bare):
            outside.append((number, bare))
    is_whole = open_at is None and not any(_RAKE_RUNS.search(line) for _, line in outside)
    lines: list[ScriptLine] = []
    waiting, seen = [name.rpartition(":")[2] for name in names or ("default",)], set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        if name not in tasks and name not in tools and not loads:
            is_whole = is_whole and name in ("environment",)
        waiting.extend(need for need in needs.get(name, ()) if need in tasks or need in tools)
        for number, line in tasks.get(name, ()):
            if match := _RAKE_SH.search(line):
                lines.append(ScriptLine(text=match[1] or match[2] or "", path=path, line=number))
                line = line[: match.start()]
            is_whole = is_whole and not _RAKE_RUNS.search(line)
    return tuple(lines[:_MOST_LINES]), is_whole and len(lines) <= _MOST_LINES


def is_plain_gradle(text: str, names: tuple[str, ...]) -> bool:
    """Returns whether these are ordinary tasks of a build file that starts no program by itself."""
    known = all(_GRADLE_LIFECYCLE.fullmatch(name.rpartition(":")[2]) for name in names)
    return known and not _GRADLE_RUNS.search(text)


def is_plain_build(text: str, program: str) -> bool:
    """Returns whether a pom.xml or build.xml starts no program and brings no code of its own."""
    return (_POM_RUNS if program == "mvn" else _ANT_RUNS).search(text) is None


def read_ninja(text: str, path: str) -> Found:
    """Returns the commands of a build.ninja's rules, with its variables as what is not known."""
    lines: dict[str, int] = {}
    is_whole = not re.search(r"^(include|subninja)\b", text, re.MULTILINE)
    for number, line in enumerate(text.replace("$\n", "").split("\n"), start=1):
        if len(line) < 8_000 and (match := _NINJA_COMMAND.match(line)):
            lines.setdefault(re.sub(r"\$\{?([A-Za-z0-9_.-]+)\}?", "${MADE_BY_NINJA}", match[1]), number)
        elif len(line) >= 8_000 and line.lstrip().startswith("command"):
            is_whole = False
    found = [ScriptLine(text=text, path=path, line=number) for text, number in lines.items()]
    return tuple(found[:_MOST_LINES]), is_whole and len(found) <= _MOST_LINES


def read_ctest(text: str, path: str) -> Found:
    """Returns the commands of the tests in a CTestTestfile.cmake; the folders below it are not followed."""
    lines: list[ScriptLine] = []
    is_whole = "subdirs(" not in text and "include(" not in text
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.startswith("add_test("):
            continue
        rest = line[len("add_test(") :].rstrip().removesuffix(")") if len(line) < _LONGEST_LINE else ""
        name = _CMAKE_STRING.match(rest)
        rest = rest[name.end() :] if name else rest.partition(" ")[2]
        words = _CMAKE_STRING.findall(rest)
        # A word without quotes is not followed.
        is_whole = is_whole and bool(words) and not _CMAKE_STRING.sub("", rest).strip()
        lines.append(ScriptLine(text=" ".join(map(quote, words)) or "true", path=path, line=number))
    return tuple(lines[:_MOST_LINES]), is_whole and len(lines) <= _MOST_LINES


def read_meson_tests(text: str, path: str) -> Found:
    """Returns the commands of the tests in meson's own list of them, meson-info/intro-tests.json."""
    try:
        tests = json.loads(text)
    except (ValueError, RecursionError):
        return (), False
    lines = [
        ScriptLine(text=" ".join(quote(str(word)) for word in test["cmd"]), path=path, line=1)
        for test in (tests if isinstance(tests, list) else [])
        if isinstance(test, dict) and isinstance(test.get("cmd"), list)
    ]
    return tuple(lines[:_MOST_LINES]), isinstance(tests, list) and len(lines) == len(tests) <= _MOST_LINES
