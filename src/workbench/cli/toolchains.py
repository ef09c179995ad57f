"""Finds the language toolchains of the person who adds a project, so that its commands can see them.

The sandbox shows /usr and what the project declares, nothing else. Only folders in the shape of a Python,
Node or Go installation are proposed, never a home or a folder of mixed things, and always said.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

_SHAPES: Final = {
    "python3": "lib/python3*/os.py",
    "node": "include/node/node_version.h",
    "go": "src/runtime/runtime.go",
}


def find_toolchains() -> list[str]:
    """Returns the installation folders outside /usr of the Python, Node and Go on PATH, sorted."""
    found = set()
    for program, shape in _SHAPES.items():
        path = shutil.which(program)
        if path is None:
            continue
        prefix = Path(os.path.realpath(path)).parent.parent
        is_shown_already = prefix == Path("/") or prefix.is_relative_to("/usr")
        is_mixed = prefix.name == ".local" or prefix == Path.home()
        if not is_shown_already and not is_mixed and any(prefix.glob(shape)):
            found.add(str(prefix))
    return sorted(found)
