"""What is recommended, in which form, and how it is proved that it can run here."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.features import advise, discover
from workbench.features.calls import read_words
from workbench.model.errors import NotFound
from workbench.model.recommendation import Advice, Recommendation, Runnable
from workbench.model.verdict import Decision, Judgement, MatchedRule, RiskLevel, Verdict
from workbench.policy.judge import judge
from workbench.policy.load import load_policy
from workbench.sandbox.lookup import ProjectSurroundings

MakeRepo = Callable[..., Path]

SPEC = "# Feature Specification: Albums\n\n**Status**: In Progress\n"
PLAN = "# Implementation Plan: Albums\n"
TASKS = "# Tasks\n\n- [x] T001 Begin\n- [ ] T002 Write src/a.py\n"
SYSTEM = ("bash", "grep", "head", "sed", "make")


def judged(
    repo: Path, command: str, *, denied: Collection[str] = (), online: Collection[str] = ()
) -> Judgement:
    """What policy finds in a command, under a verdict of the test's own."""
    root = str(repo.resolve())
    around = ProjectSurroundings(workspace_root=root, toolchains=())
    found = judge(load_policy(), command, cwd=root, workspace_root=root, surroundings=around)
    rule = MatchedRule(rule_id="own-rule", text="Nobody runs this.")
    verdict = Verdict(
        verdict=Decision.DENY if command in denied else Decision.ALLOW,
        risk_level=RiskLevel.LOW,
        reason_codes=(),
        matched_rules=(rule,) if command in denied else (),
        policy_digest="",
    )
    calls = tuple(replace(call, network=command in online) for call in found.commands)
    return replace(found, verdict=verdict, commands=calls)


def ask(
    repo: Path,
    feature_id: str | None = None,
    *,
    installed: Collection[str] = SYSTEM,
    denied: Collection[str] = (),
    online: Collection[str] = (),
    connectors: Collection[str] = ("local",),
    measured: dict[str, tuple[int, int]] | None = None,
    has_network: bool = False,
) -> list[Advice]:
    return advise(
        discover(repo, cache_dir=None),
        feature_id,
        program_path=lambda name: f"/usr/bin/{name}" if name in installed else None,
        policy_preview=lambda command: judged(repo, command, denied=denied, online=online),
        connectors=connectors,
        measured=measured,
        has_network=has_network,
    )


def found(advice: Advice) -> Recommendation:
    assert advice.recommendation is not None, advice.reason
    return advice.recommendation


def best(repo: Path, **machine: Collection[str]) -> Recommendation:
    return found(ask(repo, **machine)[0])  # type: ignore[arg-type]


CLAUDE = {".claude/commands/speckit.implement.md": "x", ".claude/commands/speckit.plan.md": "x"}


def test_the_repositorys_slash_command_comes_first_when_agent_and_file_are_there(make_repo: MakeRepo) -> None:
    repo = make_repo({"specs/001-a/spec.md": SPEC, "specs/001-a/tasks.md": TASKS, **CLAUDE})
    answer = best(repo, installed=(*SYSTEM, "claude"))
    assert answer.command == "claude -p '/speckit.implement specs/001-a/tasks.md'"
    assert answer.runnable == Runnable(ok=True)
    assert answer.evidence[0].path == ".claude/commands/speckit.implement.md"
    assert answer.alternatives[0].command.startswith("claude -p 'Continue the feature Albums")


def test_the_agents_plain_prompt_comes_next_when_there_is_no_command_file(make_repo: MakeRepo) -> None:
    repo = make_repo({"specs/001-a/spec.md": SPEC, "specs/001-a/tasks.md": TASKS, "CLAUDE.md": "x"})
    answer = best(repo, installed=(*SYSTEM, "claude"))
    assert shlex.split(answer.command)[:2] == ["claude", "-p"]
    assert "do task T002: Write src/a.py" in answer.command


def test_without_the_agents_program_a_shell_command_is_recommended_and_the_rest_is_shown_as_not_runnable(
    make_repo: MakeRepo,
) -> None:
    repo = make_repo(
        {"specs/001-a/spec.md": SPEC, "specs/001-a/tasks.md": TASKS, "Makefile": "test:\n\ttrue\n", **CLAUDE}
    )
    answer = best(repo)
    assert (answer.command, answer.runnable.ok) == ("make test", True)
    assert [(a.command.split(" ")[0], a.runnable) for a in answer.alternatives] == [
        ("claude", Runnable(ok=False, reasons=("claude is not installed here",))),
        ("claude", Runnable(ok=False, reasons=("claude is not installed here",))),
    ]
    assert any("once it can run: claude is not installed here" in words for words in answer.would_change)


def test_a_repository_without_a_sign_of_an_agent_gets_shell_commands_and_no_foreign_agent(
    make_repo: MakeRepo,
) -> None:
    repo = make_repo({"specs/001-a/spec.md": SPEC, "specs/001-a/tasks.md": TASKS})
    answer = best(repo)
    assert answer.command == r"grep -nE -e '^[[:space:]]*[-*+] \[[^xX-]\]' -- specs/001-a/tasks.md"
    assert answer.alternatives == ()
    offered = best(repo, installed=(*SYSTEM, "claude"))
    assert offered.command == answer.command
    assert [a.command.split(" ")[0] for a in offered.alternatives] == ["claude"]


def test_a_tasks_own_command_comes_before_every_other_form(make_repo: MakeRepo) -> None:
    tasks = TASKS + "- [ ] T003 x\n"
    tasks = tasks.replace("Write src/a.py", "Run `bash tests/run.sh`")
    repo = make_repo(
        {"specs/001-a/tasks.md": tasks, "tests/run.sh": "#!/bin/bash\n", "Makefile": "test:\n", **CLAUDE}
    )
    answer = best(repo, installed=(*SYSTEM, "claude"))
    assert answer.command == "bash tests/run.sh"
    assert (answer.evidence[0].path, answer.evidence[0].line) == ("specs/001-a/tasks.md", 4)
    assert len(answer.alternatives) == 2


def test_a_command_whose_script_is_missing_is_not_recommended_as_if_it_could_run(make_repo: MakeRepo) -> None:
    tasks = TASKS.replace("Write src/a.py", "Run `bash tests/run.sh`")
    answer = best(make_repo({"specs/001-a/tasks.md": tasks, "Makefile": "test:\n"}))
    assert answer.command == "make test"
    assert (answer.alternatives[-1].command, answer.alternatives[-1].runnable.reasons) == (
        "bash tests/run.sh",
        ("tests/run.sh is no file of the repository",),
    )


def test_a_script_behind_a_link_is_no_file_of_the_repository(make_repo: MakeRepo, tmp_path: Path) -> None:
    (tmp_path / "evil.sh").write_text("#!/bin/bash\n")
    repo = make_repo({"specs/001-a/tasks.md": TASKS.replace("Write src/a.py", "Run `bash x.sh`")})
    (repo / "x.sh").symlink_to(tmp_path / "evil.sh")
    assert best(repo).command.startswith("grep")


def test_what_policy_would_deny_gives_way_to_what_it_would_not(make_repo: MakeRepo) -> None:
    repo = make_repo({"specs/001-a/tasks.md": TASKS, "Makefile": "test:\n"})
    answer = best(repo, denied=("make test",))
    assert answer.command.startswith("grep")
    assert answer.alternatives[0].runnable == Runnable(
        ok=False, reasons=("policy would deny it: Nobody runs this.",)
    )


def test_what_needs_the_network_gives_way_to_what_does_not(make_repo: MakeRepo) -> None:
    repo = make_repo({"specs/001-a/tasks.md": TASKS, "Makefile": "test:\n"})
    answer = best(repo, online=("make test",))
    assert answer.command.startswith("grep")
    reason = "needs the network, which the sandbox does not have"
    assert answer.alternatives[0].runnable == Runnable(ok=False, reasons=(reason,))


def test_what_needs_the_network_is_recommended_where_the_project_lists_names(make_repo: MakeRepo) -> None:
    repo = make_repo({"specs/001-a/tasks.md": TASKS, "Makefile": "test:\n"})
    answer = found(ask(repo, online=("make test",), has_network=True)[0])
    assert (answer.command, answer.runnable.ok) == ("make test", True)


def test_a_target_that_no_build_file_has_gives_way_and_says_so(make_repo: MakeRepo) -> None:
    tasks = TASKS.replace("Write src/a.py", "Run `make check`")
    answer = best(make_repo({"specs/001-a/tasks.md": tasks, "Makefile": "test:\n\ttrue\n"}))
    assert answer.command == "make test"
    assert [(a.command, a.runnable.reasons) for a in answer.alternatives if a.command == "make check"] == [
        ("make check", ("Makefile has no target check",))
    ]


def test_when_nothing_can_run_the_first_form_is_shown_with_every_reason(make_repo: MakeRepo) -> None:
    repo = make_repo({"specs/001-a/tasks.md": TASKS, "Makefile": "test:\n"})
    answer = best(repo, installed=(), connectors=())
    assert answer.command == "make test"
    assert answer.runnable == Runnable(
        ok=False, reasons=("make is not installed here", "the connector local is not configured")
    )


def test_hidden_characters_in_a_declared_command_make_it_not_runnable(make_repo: MakeRepo) -> None:
    tasks = TASKS.replace("Write src/a.py", "Run `bash x.sh \u202e#good`")
    answer = best(make_repo({"specs/001-a/tasks.md": tasks, "x.sh": "#!/bin/sh\n"}))
    assert answer.command.startswith("grep")
    assert "invisible" in answer.alternatives[0].runnable.reasons[0]


def test_hostile_titles_and_paths_stay_one_quoted_word(make_repo: MakeRepo) -> None:
    spec = "# Feature Specification: $(touch pwned) `x` '; rm -rf / #\u202e\n"
    repo = make_repo({"specs/001-a'; rm -rf ~ #/spec.md": spec, "CLAUDE.md": "x"})
    answer = best(repo, installed=(*SYSTEM, "claude"))
    words = shlex.split(answer.command)
    assert words[:2] == ["claude", "-p"]
    assert len(words) == 3
    assert answer.command.isprintable()
    assert shlex.split(answer.alternatives[0].command)[-1] == "specs/001-a'; rm -rf ~ #/spec.md"


def test_a_finished_feature_has_nothing_to_run_and_says_why(make_repo: MakeRepo) -> None:
    repo = make_repo(
        {
            "specs/001-a/spec.md": SPEC.replace("In Progress", "Complete"),
            "specs/001-a/tasks.md": "- [x] T001 a\n",
        }
    )
    (advice,) = ask(repo)
    assert advice.recommendation is None
    assert "nothing is to be run" in advice.reason
    assert advice.evidence


def test_done_but_still_called_draft_is_completed_not_implemented(make_repo: MakeRepo) -> None:
    repo = make_repo(
        {
            "specs/001-a/spec.md": SPEC.replace("In Progress", "Draft"),
            "specs/001-a/tasks.md": "- [x] T001 a\n",
        }
    )
    answer = best(repo)
    assert (answer.rule_id, answer.command) == ("complete", "sed -i 3s/Draft/Complete/ specs/001-a/spec.md")
    assert answer.evidence[0].fact == "says “Draft”"


def test_each_line_is_cited_once_for_what_stands_there(make_repo: MakeRepo) -> None:
    repo = make_repo(
        {
            "specs/001-a/spec.md": SPEC.replace("In Progress", "Draft"),
            "specs/001-a/tasks.md": "- [x] T001 a\n- [ ] T002 b\n- [ ] T003 c\n",
        }
    )
    told = [(e.path.rpartition("/")[2], e.line, e.fact) for e in best(repo).evidence]
    assert sorted(told) == [
        ("spec.md", 3, "says “Draft”"),
        ("tasks.md", 1, "T001 is done; 1 of 3 tasks ticked"),
        ("tasks.md", 2, "the next task is T002: b (open)"),
    ]


def test_called_done_with_open_tasks_is_proved_first(make_repo: MakeRepo) -> None:
    repo = make_repo(
        {
            "specs/001-a/spec.md": SPEC.replace("In Progress", "Done") + "\n**Verify**: `bash check.sh`\n",
            "specs/001-a/tasks.md": TASKS,
            "check.sh": "#!/bin/sh\n",
        }
    )
    answer = best(repo)
    assert (answer.rule_id, answer.command) == ("done-in-words-only", "bash check.sh")


def test_a_waiting_feature_is_answered_with_the_other_ones_step_and_a_circle_with_a_reason(
    make_repo: MakeRepo,
) -> None:
    repo = make_repo(
        {
            "specs/001-a/tasks.md": TASKS,
            "specs/002-b/spec.md": "**Depends on**: 001-a\n",
            "specs/003-c/spec.md": "**Depends on**: 004-d\n",
            "specs/004-d/spec.md": "**Depends on**: 003-c\n",
            "Makefile": "test:\n",
        }
    )
    advice = {advice.feature_id: advice for advice in ask(repo)}
    waiting = found(advice["002-b"])
    assert (waiting.feature_id, waiting.rule_id, waiting.command) == (
        "001-a",
        "waits-for-feature",
        "make test",
    )
    assert advice["002-b"].reason.startswith("It waits for 001-a.")
    assert advice["003-c"].recommendation is None
    assert "003-c -> 004-d -> 003-c" in advice["003-c"].reason


@pytest.mark.parametrize(
    ("files", "rule_id"),
    [
        ({"specs/001-a/spec.md": SPEC}, "requirements-without-plan"),
        ({"specs/001-a/spec.md": SPEC, "specs/001-a/plan.md": PLAN}, "plan-without-tasks"),
        ({"specs/001-a/tasks.md": "- [ ] T001 a\n"}, "first-task"),
        ({"specs/001-a/tasks.md": TASKS}, "continue-phase"),
        ({"specs/001-a/tasks.md": "- [~] T001 a\n"}, "continue-task"),
        (
            {"specs/001-a/tasks.md": "## Phase 1: A\n- [x] T001 a\n## Phase 2: B\n- [ ] T002 b\n"},
            "next-phase",
        ),
        ({"specs/001-a/tasks.md": "- [!] T001 a\n"}, "blocked"),
        (
            {"specs/001-a/tasks.md": "- [ ] T001 a (depends on T002)\n- [ ] T002 b (depends on T001)\n"},
            "tasks-wait-for-each-other",
        ),
        ({"docs/a.md": "---\ndoc_type: report\nfeature_slug: a\n---\n"}, "report-without-plan"),
        ({"docs/a.md": "---\ndoc_type: adr\nfeature_slug: a\n---\n"}, "unclear"),
        ({"docs/a.md": "---\ndoc_type: prd\nfeature_slug: a\nstatus: in review\n---\n"}, "review"),
        (
            {
                "docs/a.md": "---\ndoc_type: implementation_plan\nfeature_slug: a\n---\n## Phase 1: A\n",
                "docs/b.md": "---\ndoc_type: progress\nfeature_slug: a\nphase: 1\nstatus: completed\n"
                "tasks: [{id: A, status: done}]\n---\n",
                "docs/c.md": "---\ndoc_type: progress\nfeature_slug: a\nphase: 2\nstatus: pending\n---\n",
            },
            "phase-without-tasks",
        ),
    ],
)
def test_each_state_of_the_documents_has_its_rule(
    make_repo: MakeRepo, files: dict[str, str], rule_id: str
) -> None:
    answer = best(make_repo(files))
    assert answer.rule_id == rule_id
    assert answer.runnable.ok
    assert answer.evidence
    assert answer.would_change


def test_the_best_that_can_run_comes_first_and_what_is_finished_last(make_repo: MakeRepo) -> None:
    repo = make_repo(
        {
            "specs/001-done/tasks.md": "- [x] T001 a\n",
            "specs/002-draft/spec.md": SPEC.replace("In Progress", "Draft"),
            "specs/003-begun/tasks.md": TASKS,
            "specs/004-new/tasks.md": "- [ ] T001 a\n",
            "specs/005-also-new/tasks.md": "- [ ] T001 a\n",
            "specs/006-waits/spec.md": "**Depends on**: 005-also-new\n",
        }
    )
    order = [advice.feature_id for advice in ask(repo)]
    assert order == ["003-begun", "005-also-new", "004-new", "002-draft", "006-waits", "001-done"]
    assert ask(repo) == ask(repo)


def test_confidence_comes_from_what_was_measured_and_says_from_how_much(make_repo: MakeRepo) -> None:
    repo = make_repo({"specs/001-a/tasks.md": TASKS})
    for tried, succeeded, expected in ((0, 0, None), (40, 30, 0.75), (19, 19, 1.0), (3, 0, 0.0)):
        measured = {"continue-phase": (tried, succeeded), "first-task": (9, 9)} if tried else None
        (advice,) = ask(repo, "001-a", measured=measured)
        assert (found(advice).confidence, found(advice).measured_runs) == (expected, tried)


def test_an_unknown_feature_is_refused_with_the_known_ones(make_repo: MakeRepo) -> None:
    with pytest.raises(NotFound, match="no feature has the id 'x'") as refused:
        ask(make_repo({"specs/001-a/tasks.md": TASKS}), "x")
    assert "001-a" in refused.value.remedy


@pytest.mark.parametrize(
    ("command", "programs"),
    [
        ("make test", ["make"]),
        ("A=1 B='x y' make test && ./run.sh; echo done | tee log", ["make", "./run.sh", "tee"]),
        ("bash tests/run.sh -v", ["bash"]),
        ("cd sub && bash run.sh && ./x", ["bash", "./x"]),
    ],
)
def test_the_programs_of_a_command_are_named(command: str, programs: list[str]) -> None:
    assert read_words(command) == (programs, "")


@pytest.mark.parametrize("command", ["", "  ", "echo 'open", 'say "x'])
def test_a_command_that_is_empty_or_unclosed_is_named_as_such(command: str) -> None:
    assert read_words(command)[1]


@given(st.text(max_size=100))
def test_no_command_makes_it_fail(command: str) -> None:
    read_words(command)
