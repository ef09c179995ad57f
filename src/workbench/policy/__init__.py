"""Decides what a command may do: shell text to facts, facts to a verdict.

Pure: no IO, no clock, no randomness; the shipped data is read once by `load_policy`. Only gate asks it
(the CLI may, for `policy check`). It does not confine anything: the kernel sandbox is the boundary.
"""

from workbench.policy.evaluate import may_approve
from workbench.policy.judge import Policy, judge, refuse_all
from workbench.policy.layers import (
    build_first,
    describe_unrecorded,
    describe_untested,
    find_posture_note,
    find_untested,
    in_force,
    with_organisation,
    with_project,
    with_remembered,
)
from workbench.policy.load import (
    load_policy,
    read_file_layer,
    read_organisation,
    read_project,
    trial_digest,
)
from workbench.policy.remember import Proposal, propose
from workbench.policy.sensitive import is_secret
from workbench.policy.visible import render_visible

__all__ = [
    "Policy",
    "Proposal",
    "build_first",
    "describe_unrecorded",
    "describe_untested",
    "find_posture_note",
    "find_untested",
    "in_force",
    "is_secret",
    "judge",
    "load_policy",
    "may_approve",
    "propose",
    "read_file_layer",
    "read_organisation",
    "read_project",
    "refuse_all",
    "render_visible",
    "trial_digest",
    "with_organisation",
    "with_project",
    "with_remembered",
]
