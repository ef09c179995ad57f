"""Decides what a command may do: shell text to facts, facts to a verdict.

Pure: no IO, no clock, no randomness; the shipped data is read once by `load_policy`. Only gate asks it
(the CLI may, for `policy check`). It does not confine anything: the kernel sandbox is the boundary.
"""

from workbench.policy.judge import Policy, judge
from workbench.policy.load import load_policy
from workbench.policy.visible import render_visible

__all__ = ["Policy", "judge", "load_policy", "render_visible"]
