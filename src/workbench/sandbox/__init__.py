"""The kernel sandbox and the processes in it: what confines a command, supervises it and keeps its output.

profile.py builds the boundary, shim.py supervises one step, zygote.py starts shims. Only connectors import
this room, and there is no way to run anything without the sandbox.
"""
