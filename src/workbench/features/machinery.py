"""Says how a repository tests itself and which coding agents it is set up for, from files already read.

A test command is one that a build file really declares (a make target, an npm script, …), with its line.
It reads no file and does not check that anything is installed: recommend asks that of the machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from workbench.model.feature import AgentFile, DeclaredCommand

BUILD_FILES = (
    *(
        "Makefile",
        "makefile",
        "GNUmakefile",
        "justfile",
        "package.json",
        "pyproject.toml",
        "pytest.ini",
        "tox.ini",
    ),
    *("setup.cfg", "Cargo.toml", "go.mod", "tests/run.sh", "test/run.sh", "test.sh", "run_tests.sh"),
)
COMMAND_FOLDERS = {
    ".claude/commands": "claude",
    ".opencode/command": "opencode",
    ".opencode/commands": "opencode",
    ".gemini/commands": "gemini",
    ".qwen/commands": "qwen",
    ".codex/prompts": "codex",
    ".cursor/commands": "cursor",
    ".github/prompts": "copilot",
}
INSTRUCTIONS = {
    "CLAUDE.md": "claude",
    ".claude/settings.json": "claude",
    "GEMINI.md": "gemini",
    "QWEN.md": "qwen",
    "opencode.json": "opencode",
    ".github/copilot-instructions.md": "copilot",
    ".cursorrules": "cursor",
    "AGENTS.md": "codex",
}
# A file, the words that must stand on one of its lines, and the command they stand for.
_TESTS: tuple[tuple[str, str, str], ...] = (
    (r"(?:GNU)?[Mm]akefile", r"test[ \t]*:(?!=)", "make test"),
    (r"justfile", r"test(?:[ \t][^:=]{0,80})?:(?!=)", "just test"),
    (r"package\.json", r'[ \t]*"test"[ \t]*:[ \t]*"(?!echo \\"Error: no test specified)', "npm test"),
    (r"pyproject\.toml", r"\[tool\.pytest(?:\.ini_options)?\]", "pytest"),
    (r"pytest\.ini", r"\[pytest\]", "pytest"),
    (r"setup\.cfg", r"\[tool:pytest\]", "pytest"),
    (r"tox\.ini", r"\[(?:tox|testenv)\]", "tox"),
    (r"Cargo\.toml", r"\[(?:package|workspace)\]", "cargo test"),
    (r"go\.mod", r"module[ \t]", "go test ./..."),
    (r"(?:[^/]+/)?[^/]+\.sh", r"#!.*\b(?:ba|da)?sh\b", "bash {path}"),
)


def parse_test_commands(files: Mapping[str, str]) -> tuple[DeclaredCommand, ...]:
    """Returns the repository's own test commands, each once, in the order of the table above."""
    found: dict[str, DeclaredCommand] = {}
    for name, line_pattern, command in _TESTS:
        for path in sorted(files):
            if not re.fullmatch(name, path):
                continue
            for number, line in enumerate(files[path].removeprefix("\ufeff").split("\n"), 1):
                if re.match(line_pattern, line[:400]):
                    text = command.replace("{path}", path)
                    found.setdefault(
                        text,
                        DeclaredCommand(
                            command=text,
                            purpose="test",
                            path=path,
                            line=number,
                            quote=line.strip()[:60].strip(),
                        ),
                    )
                    break
    return tuple(found.values())


def parse_agent_files(paths: Iterable[str]) -> tuple[AgentFile, ...]:
    """Returns the agents' command files and instruction files among these paths, sorted by path."""
    found: list[AgentFile] = []
    for path in sorted(paths):
        if path in INSTRUCTIONS:
            found.append(AgentFile(agent=INSTRUCTIONS[path], path=path))
            continue
        for folder, agent in COMMAND_FOLDERS.items():
            if path.startswith(folder + "/") and (
                match := re.fullmatch(r"(.+?)(?:\.prompt)?\.(?:md|toml)", path)
            ):
                name = match[1].removeprefix(folder + "/").replace("/", ":")
                if re.fullmatch(r"[\w.:-]{1,80}", name):
                    found.append(AgentFile(agent=agent, path=path, slash_command=name))
    return tuple(found)
