"""The nouns of the workbench and the legal moves between their states.

Only plain data lives here: no IO, no clock, no randomness. Every other room may import this one.
"""
