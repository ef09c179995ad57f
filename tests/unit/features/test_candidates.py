"""Text from documents becomes part of a command only in a harmless form."""

from __future__ import annotations

import shlex

from hypothesis import given
from hypothesis import strategies as st

from workbench.features.candidates import candidates_for, plain_text
from workbench.features.rules import load_rules
from workbench.features.situation import situation_of
from workbench.model.feature import (
    AgentFile,
    Discovery,
    Document,
    DocumentRole,
    Feature,
    FeatureStatus,
    Task,
    TaskStatus,
)


def test_plain_text_is_one_short_line_without_hidden_characters() -> None:
    assert plain_text(" a\n\tb\x1b[31m\u202ec\u200b ") == "a b [31m c"
    assert len(plain_text("x" * 500)) == 200


@given(st.text(max_size=80), st.text(max_size=80), st.text(max_size=40))
def test_titles_tasks_and_paths_never_leave_their_quotes(title: str, task: str, path: str) -> None:
    feature = Feature(
        feature_id="a",
        slug="a",
        title=title,
        format="spec-kit",
        declared_status="",
        inferred_status=FeatureStatus.PLANNED,
        tasks=(Task(task_id="T1", title=task, status=TaskStatus.OPEN, path="p" + path, line=1),),
        documents=(Document(path="p" + path, role=DocumentRole.TASKS),),
    )
    discovery = Discovery(
        repo="/r",
        commit=None,
        features=(feature,),
        diagnostics=(),
        agent_files=(
            AgentFile(agent="claude", path=".claude/commands/implement.md", slash_command="implement"),
            AgentFile(agent="opencode", path=".opencode/command/implement.md", slash_command="implement"),
        ),
    )
    table = load_rules()
    found = [
        candidate
        for name in sorted(table.intents)
        for candidate in candidates_for(
            table.intents[name], table, discovery, feature, situation_of(feature, {})
        )
    ]
    lengths = {"claude": 3, "opencode": 5, "grep": 6, "head": 5}
    for candidate in found:
        words = shlex.split(candidate.command)
        assert words[0] == candidate.program
        assert len(words) <= lengths[words[0]]
