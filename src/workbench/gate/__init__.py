"""Decides alone whether something may start, and who may say so.

Pure: no IO, no clock, no randomness. Only this room asks policy, and only admit.py makes an Admission.
"""

from workbench.gate.admit import admit
from workbench.policy import judge, load_policy, render_visible

__all__ = ["admit", "judge", "load_policy", "render_visible"]
