"""The documents say what the tree says: tables are current, every word is explained, every link leads on."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from workbench.api.permissions import PERMISSIONS
from workbench.cli.commands import build
from workbench.config import Config
from workbench.gate import load_policy
from workbench.model.layer import POSTURES
from workbench.model.moves import ApprovalMove, RunMove, StepMove
from workbench.model.statuses import BlockedBy
from workbench.policy.evaluate import Refusal

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "workbench"
REFERENCE = ROOT / "docs" / "reference"
WRITTEN = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    ROOT / "SECURITY.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
# Made by the browser tests, and shown by the README.
PICTURES = "docs/images/"


def source_text() -> str:
    return "\n".join(path.read_text() for path in sorted(SOURCE.rglob("*.py")))


def test_generated_tables_are_what_the_code_says() -> None:
    done = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"run python docs/generate.py; it says: {done.stdout}{done.stderr}"


def commands(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    children = getattr(command, "commands", {})
    if not children:
        yield path, command
    for name, child in children.items():
        yield from commands(f"{path} {name}", child)


def test_every_command_and_option_is_documented() -> None:
    sections = re.split(r"^### ", (REFERENCE / "cli.md").read_text(), flags=re.MULTILINE)
    by_name = {section.splitlines()[0]: section for section in sections}
    for path, command in commands("workbench", build()):
        for parameter in command.params:
            for option in parameter.opts:
                word = option if option.startswith("-") else option.upper()
                assert word in by_name[path], f"{path} {word}"


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_that_is_shown_exists_with_its_options(page: Path) -> None:
    root = build()
    text = page.read_text()
    shown = re.findall(r"`workbench ([^`]+)`", text)
    for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
        shown += re.findall(r"(?:^|\| )\s*workbench (.+)$", block, re.MULTILINE)
    for line in shown:
        command: Any = root
        words = line.split(" #")[0].split(" -- ")[0].split()
        while words and words[0] in getattr(command, "commands", {}):
            command = command.commands[words.pop(0)]
        assert command is not root or words[0] in ("COMMAND", "--help"), line
        known = {
            name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)
        }
        options = [word.split("=")[0] for word in words if word.startswith("--") and word != "--"]
        assert set(options) <= known | {"--help"}, line


def test_every_setting_is_documented() -> None:
    text = (REFERENCE / "settings.md").read_text()
    for field in fields(Config):
        assert f"`WORKBENCH_{field.name.upper()}`" in text


def test_every_event_tag_is_documented() -> None:
    tags = set(re.findall(r'(?:[:=,({] |=|\(|else |^ +)"([a-z]+:[a-z_]+)"', source_text(), re.MULTILINE)) - {
        "about:blank"
    }
    assert len(tags) > 30
    text = (REFERENCE / "events.md").read_text()
    assert [tag for tag in sorted(tags) if f"`{tag}`" not in text] == []


def test_every_rule_and_reason_code_is_documented() -> None:
    reasons = (REFERENCE / "reason-codes.md").read_text()
    rules = (REFERENCE / "policy.md").read_text()
    for posture in POSTURES:
        for rule in load_policy(posture).ruleset.rules:
            assert rule.verdict is None or f"`{rule.reason}`" in reasons
            assert f"`{rule.rule_id}`" in rules
    for refusal in Refusal:
        assert f"`{refusal.value}`" in reasons
    for word in BlockedBy:
        assert f"`{word.value}`" in reasons


def test_every_reason_why_a_text_is_not_strict_is_documented() -> None:
    parse = (SOURCE / "policy" / "parse.py").read_text()
    raised = set(re.findall(r'_NotStrict\("([a-z_]+)"\)', parse))
    assert len(raised) > 8
    text = (REFERENCE / "reason-codes.md").read_text()
    assert [reason for reason in sorted(raised) if f"`{reason}`" not in text] == []


def test_every_error_code_is_documented() -> None:
    codes = set(re.findall(r'^\s+code(?: = |=)"([a-z_]+)"', source_text(), re.MULTILINE))
    assert len(codes) > 15
    text = (REFERENCE / "errors.md").read_text()
    assert [code for code in sorted(codes) if f"`{code}`" not in text] == []


def test_every_move_is_documented() -> None:
    text = (REFERENCE / "states.md").read_text()
    for move in (*RunMove, *StepMove, *ApprovalMove):
        assert f"`{move.value}`" in text


def test_every_route_is_documented_with_its_role() -> None:
    lines = (REFERENCE / "http.md").read_text().splitlines()
    for (method, path), role in PERMISSIONS.items():
        assert any(line.startswith(f"| {method} | `{path}` | {role.value} |") for line in lines), path


def test_every_direct_dependency_has_a_line() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    page = json.loads((ROOT / "web" / "package.json").read_text())
    asked = [
        *project["project"]["dependencies"],
        *project["dependency-groups"]["dev"],
        *project["dependency-groups"]["s3-server"],
        *project["build-system"]["requires"],
    ]
    python = {re.split(r"[\[=<>~! ]", name)[0] for name in asked}
    packages = python | set(page["dependencies"]) | set(page["devDependencies"])
    text = (ROOT / "docs" / "decisions" / "dependencies.md").read_text()
    described = re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)
    assert sorted(described) == sorted(packages)


def test_paths_in_the_table_of_where_to_look_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    table = text.split("## Where to look")[1].split("\n## ")[0]
    paths = [
        word
        for line in table.splitlines()
        if line.startswith("| ")
        for word in re.findall(r"`([^`]+)`", line)
    ]
    assert len(paths) > 20
    assert [path for path in paths if not any(ROOT.glob(path.rstrip("/")))] == []


# The roadmap names what is yet to come; its own tests read it.
PRESENT = [page for page in WRITTEN if "roadmap" not in page.parts]


@pytest.mark.parametrize("page", PRESENT, ids=lambda page: str(page.relative_to(ROOT)))
def test_source_files_that_are_named_exist(page: Path) -> None:
    for path in re.findall(r"`([\w/]+/[\w/]+\.(?:py|toml|ts))`", page.read_text()):
        assert any((folder / path).exists() for folder in (ROOT, SOURCE, SOURCE.parent)), path


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target) or target.startswith(PICTURES):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), f"{page.name}: {target}"
        if anchor:
            assert anchor in anchors(found), f"{page.name}: {target}"


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_numbered_decisions_have_the_three_parts() -> None:
    pages = sorted((ROOT / "docs" / "decisions").glob("0*.md"))
    assert [page.name[:4] for page in pages] == [f"{number:04d}" for number in range(1, len(pages) + 1)]
    for page in pages:
        headings = re.findall(r"^## (.+)$", page.read_text(), re.MULTILINE)
        assert headings == ["Context", "Decision", "Consequences"], page.name
