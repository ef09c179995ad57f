"""Somebody asks what to run next, here, on a machine without any agent, and runs it."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from support.ground import commit_all
from workbench.features import advise, discover
from workbench.model.recommendation import Advice
from workbench.model.verdict import Decision, Judgement, RiskLevel, Verdict
from workbench.policy.judge import judge
from workbench.policy.load import load_policy
from workbench.sandbox.lookup import ProjectSurroundings

ROOT = Path(__file__).resolve().parents[2]
PATH = "/usr/bin:/bin"


def copy(name: str, target: Path) -> Path:
    shutil.copytree(ROOT / "examples" / name, target)
    return target


def judged(decision: Decision) -> Judgement:
    verdict = Verdict(
        verdict=decision, risk_level=RiskLevel.LOW, reason_codes=(), matched_rules=(), policy_digest=""
    )
    return Judgement(verdict=verdict)


def ask(repo: Path, feature_id: str | None = None) -> list[Advice]:
    return advise(
        discover(repo, cache_dir=None),
        feature_id,
        program_path=lambda name: shutil.which(name, path=PATH),
        policy_preview=lambda command: judged(Decision.ALLOW),
    )


def run_confined(repo: Path, command: str) -> subprocess.CompletedProcess[str]:
    """Runs a command with only /usr visible, without network, as a run of the workbench would be."""
    roots = [["--symlink", f"usr/{name}", f"/{name}"] for name in ("bin", "lib", "lib64", "sbin")]
    words = ["bwrap", "--unshare-all", "--die-with-parent", "--clearenv", "--setenv", "PATH", PATH]
    words += ["--ro-bind", "/usr", "/usr", *(word for root in roots for word in root)]
    words += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--bind", str(repo), "/work"]
    words += ["--chdir", "/work", *shlex.split(command)]
    return subprocess.run(words, capture_output=True, text=True, env={"PATH": os.environ["PATH"]})


@pytest.mark.parametrize(
    ("example", "feature", "last_line"),
    [("todo-cli", "002-mark-done", "1..6"), ("ccdash-board", "board-columns-v1", "columns: 3 checks hold")],
)
def test_the_examples_next_command_is_a_shell_command_that_passes_in_a_sandbox(
    tmp_path: Path, example: str, feature: str, last_line: str
) -> None:
    repo = copy(example, tmp_path / "repo")
    best = ask(repo)[0].recommendation
    assert best is not None
    assert (best.feature_id, best.runnable.ok, best.command) == (feature, True, "make test")
    done = run_confined(repo, best.command)
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, [last_line]), done.stderr


def test_every_shell_command_that_is_said_to_run_here_does_run_here(tmp_path: Path) -> None:
    for example in ("todo-cli", "ccdash-board"):
        repo = copy(example, tmp_path / example)
        for advice in ask(repo):
            if advice.recommendation is not None:
                done = run_confined(repo, advice.recommendation.command)
                assert done.returncode == 0, (advice.recommendation.command, done.stderr)


def test_ticking_tasks_walks_through_the_example_to_its_end(tmp_path: Path) -> None:
    repo = copy("todo-cli", tmp_path / "repo")
    tasks = repo / "specs/002-mark-done/tasks.md"
    steps: list[tuple[str, str]] = []

    def step() -> None:
        (advice,) = ask(repo, "002-mark-done")
        found = advice.recommendation
        steps.append((found.rule_id, found.command) if found else ("nothing", advice.reason))

    step()
    tasks.write_text(tasks.read_text().replace("- [ ] T004", "- [x] T004"))
    step()
    tasks.write_text(tasks.read_text().replace("- [ ] T005", "- [X] T005"))
    step()
    assert run_confined(repo, steps[-1][1]).returncode == 0
    step()
    assert steps == [
        ("continue-phase", "make test"),
        ("continue-phase", "make test"),
        ("complete", "sed -i '5s/In Progress/Complete/' specs/002-mark-done/spec.md"),
        ("nothing", "All of its work is done and its documents say so: nothing is to be run for it."),
    ]
    best = ask(repo)[0].recommendation
    assert best is not None
    assert (best.feature_id, best.command) == ("003-release", "rm -rf build")


def test_a_command_that_needs_approval_is_recommended_and_one_that_is_denied_is_not(tmp_path: Path) -> None:
    repo = copy("todo-cli", tmp_path / "repo")
    spec = repo / "specs/003-release/spec.md"
    spec.write_text(spec.read_text().replace("**Depends on**: 002-mark-done\n", ""))

    def recommended(preview: Callable[[str], Judgement]) -> str:
        (advice,) = advise(
            discover(repo, cache_dir=None),
            "003-release",
            program_path=lambda name: shutil.which(name, path=PATH),
            policy_preview=preview,
        )
        assert advice.recommendation is not None
        assert advice.recommendation.runnable.ok
        return advice.recommendation.command

    assert recommended(lambda command: judged(Decision.REQUIRES_APPROVAL)) == "rm -rf build"
    denied = judged(Decision.DENY)
    assert recommended(lambda c: denied if c.startswith("rm") else judged(Decision.ALLOW)) == "make test"


def test_the_projects_own_roadmap_has_a_next_step() -> None:
    answers = {advice.feature_id: advice for advice in ask(ROOT)}
    roadmap = answers["feature-execution-workbench-roadmap-v1"]
    assert roadmap.recommendation is None or roadmap.reason.startswith("It waits for")


def test_under_the_shipped_policy_the_first_step_is_allowed_and_the_release_is_held(tmp_path: Path) -> None:
    repo = copy("todo-cli", tmp_path / "repo").resolve()
    policy = load_policy()
    surroundings = ProjectSurroundings(workspace_root=str(repo), toolchains=())

    def preview(command: str) -> Judgement:
        return judge(policy, command, cwd=str(repo), workspace_root=str(repo), surroundings=surroundings)

    def first() -> str:
        best = advise(
            discover(repo, cache_dir=None), program_path=surroundings.program_path, policy_preview=preview
        )[0].recommendation
        assert best is not None
        assert best.runnable.ok
        return best.command

    assert (first(), preview(first()).verdict.verdict) == ("make test", Decision.ALLOW)
    for path, old, new in (
        ("specs/002-mark-done/tasks.md", "- [ ]", "- [x]"),
        ("specs/002-mark-done/spec.md", "In Progress", "Complete"),
    ):
        (repo / path).write_text((repo / path).read_text().replace(old, new))
    assert (first(), preview(first()).verdict.verdict) == ("rm -rf build", Decision.REQUIRES_APPROVAL)


def test_what_the_sandbox_cannot_do_is_not_recommended_as_if_it_could(tmp_path: Path) -> None:
    repo = copy("todo-cli", tmp_path / "repo").resolve()
    commit_all(repo)
    policy = load_policy()
    surroundings = ProjectSurroundings(workspace_root=str(repo), toolchains=())
    tasks = repo / "specs/002-mark-done/tasks.md"
    text = tasks.read_text()

    def preview(command: str) -> Judgement:
        return judge(policy, command, cwd=str(repo), workspace_root=str(repo), surroundings=surroundings)

    for command, reason in (
        ("git push origin main", "needs the network, which the sandbox does not have"),
        ("curl http://example.org", "needs the network, which the sandbox does not have"),
        ("make deploy", "Makefile has no target deploy"),
        ("cargo test", "there is no Cargo.toml"),
    ):
        line = next(line for line in text.split("\n") if line.startswith("- [ ] T004"))
        tasks.write_text(text.replace(line, f"- [ ] T004 Run `{command}`"))
        (advice,) = advise(
            discover(repo, cache_dir=None),
            "002-mark-done",
            program_path=lambda name: f"/usr/bin/{name}",
            policy_preview=preview,
        )
        assert advice.recommendation is not None
        assert (advice.recommendation.command, advice.recommendation.runnable.ok) == ("make test", True)
        (proof,) = [o.runnable for o in advice.recommendation.alternatives if o.command == command]
        assert (proof.ok, proof.reasons) == (False, (reason,))
