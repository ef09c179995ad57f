"""Decides alone whether something may start, and who may say so.

Pure: no IO, no clock, no randomness. Only this room asks policy, and only admit.py makes an Admission.
"""

from workbench.gate.admit import admit
from workbench.policy import (
    Policy,
    Proposal,
    build_first,
    describe_unrecorded,
    describe_untested,
    find_posture_note,
    find_untested,
    in_force,
    is_secret,
    judge,
    load_policy,
    propose,
    read_file_layer,
    read_organisation,
    read_project,
    refuse_all,
    render_visible,
    trial_digest,
    with_organisation,
    with_project,
    with_remembered,
)

__all__ = [
    "Policy",
    "Proposal",
    "admit",
    "build_first",
    "describe_unrecorded",
    "describe_untested",
    "find_posture_note",
    "find_untested",
    "in_force",
    "is_secret",
    "judge",
    "load_policy",
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
