"""What policy says about a command in a folder that is really there."""

from __future__ import annotations

from pathlib import Path

from workbench.model.verdict import Decision, Judgement
from workbench.policy import Policy, judge, load_policy
from workbench.sandbox.lookup import ProjectSurroundings

POLICY = load_policy(is_tried=False)


def judged(folder: Path | str, text: str, policy: Policy = POLICY) -> Judgement:
    """Judges the command as given in the folder, which is its whole workspace."""
    root = str(Path(folder).resolve())
    surroundings = ProjectSurroundings(workspace_root=root, toolchains=())
    return judge(policy, text, cwd=root, workspace_root=root, surroundings=surroundings)


def decide(folder: Path | str, text: str, policy: Policy = POLICY) -> Decision:
    """Returns the decision of `judged` alone."""
    return judged(folder, text, policy).verdict.verdict
