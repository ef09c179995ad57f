"""Measures what the workbench promises, beside the plain tools it is compared with, on this machine.

Only this folder takes times; tests never do. It changes nothing outside temporary folders, but for
docs/performance.md, which a full run writes.
"""
