"""Adapters to the places where a step can run. Only this room imports sandbox.

contract.py says what every connector must do; registry.py finds them; local.py runs on this machine.
"""
