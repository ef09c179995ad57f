"""A repository's own test commands and agents."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.features.machinery import BUILD_FILES, parse_agent_files, parse_test_commands
from workbench.model.feature import AgentFile


@pytest.mark.parametrize(
    ("path", "text", "command", "line"),
    [
        ("Makefile", "all:\n\ttrue\n\ntest: all\n\ttrue\n", "make test", 4),
        ("package.json", '{\n  "scripts": {\n    "test": "node --test"\n  }\n}\n', "npm test", 3),
        ("pyproject.toml", "[project]\n[tool.pytest.ini_options]\n", "pytest", 2),
        ("justfile", "test *args:\n  true\n", "just test", 1),
        ("Cargo.toml", "[package]\n", "cargo test", 1),
        ("go.mod", "module x\n", "go test ./...", 1),
        ("tests/run.sh", "#!/usr/bin/env bash\n", "bash tests/run.sh", 1),
    ],
)
def test_a_declared_test_command_is_found_with_its_line(
    path: str, text: str, command: str, line: int
) -> None:
    (found,) = parse_test_commands({path: text})
    assert (found.command, found.purpose, found.path, found.line) == (command, "test", path, line)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("Makefile", "tests:\n\nTEST := 1\ntest := x\n"),
        ("package.json", '{"scripts": {\n  "test": "echo \\"Error: no test specified\\" && exit 1"\n}}'),
        ("pyproject.toml", "[project]\n"),
        ("tests/run.sh", "echo no shell named\n"),
    ],
)
def test_what_declares_no_test_is_no_test_command(path: str, text: str) -> None:
    assert parse_test_commands({path: text}) == ()


def test_agents_are_known_by_their_files() -> None:
    paths = [
        ".claude/commands/dev/execute-phase.md",
        ".claude/commands/speckit.plan.md",
        ".claude/commands/bad name;rm.md",
        ".claude/commands/notes.txt",
        ".github/prompts/plan.prompt.md",
        "AGENTS.md",
    ]
    assert parse_agent_files(paths) == (
        AgentFile(
            agent="claude", path=".claude/commands/dev/execute-phase.md", slash_command="dev:execute-phase"
        ),
        AgentFile(agent="claude", path=".claude/commands/speckit.plan.md", slash_command="speckit.plan"),
        AgentFile(agent="copilot", path=".github/prompts/plan.prompt.md", slash_command="plan"),
        AgentFile(agent="codex", path="AGENTS.md"),
    )


@given(st.sampled_from(BUILD_FILES), st.text(max_size=300))
def test_no_build_file_makes_it_fail(path: str, text: str) -> None:
    for found in parse_test_commands({path: text}):
        assert 1 <= found.line <= text.count("\n") + 1
