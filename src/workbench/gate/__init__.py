"""Decides alone whether something may start, and who may say so.

Pure: no IO, no clock, no randomness. Only this room asks policy, and only admit.py makes an Admission.
"""

from workbench.gate.admit import admit

__all__ = ["admit"]
