"""Follows the variables that a command line sets for a call, which a make in it takes for its own.

It judges no name or value: those that steer programs are asked about elsewhere.
"""

from __future__ import annotations

from workbench.policy.makevalues import UNKNOWN
from workbench.policy.options import Reading
from workbench.policy.programs import Reader
from workbench.policy.walk import is_dynamic, plain

_SETS = frozenset({"export", "unset"})
_Outer = tuple[dict[str, list[str]], dict[str, str]]


def read_environment(assignments: tuple[tuple[str, str], ...]) -> dict[str, list[str]]:
    """Returns assignments as variables with their readings."""
    return {plain(name): [UNKNOWN if is_dynamic(value) else value] for name, value in assignments}


def enter_environment(reader: Reader, program: str, reading: Reading) -> _Outer:
    """Gives the reader the variables that this call sets for what it runs; returns those it had before.

    What a call sets for later ones, as `export` does, is kept as names of which nothing is sure.
    """
    outer = (reader.environment, reader.given)
    words = [value.text for value in reading.values if value.kind in ("assign", "variable")]
    if program in _SETS:
        reader.loose |= {word.partition("=")[0] for word in words}
        return outer
    if reading.given & {"-i", "--ignore-environment"} and program == "env":
        reader.environment, reader.given = {}, {}
    assigned = tuple((name, value) for name, sign, value in (word.partition("=") for word in words) if sign)
    reader.environment = {**reader.environment, **read_environment(assigned)}
    for name in (word for word in words if "=" not in word):
        reader.environment = {key: value for key, value in reader.environment.items() if key != name}
    return outer
