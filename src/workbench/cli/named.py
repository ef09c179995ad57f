"""What is named on the command line by an id goes into an address, and leads nowhere else in it."""

from __future__ import annotations

import re
from typing import Final

from workbench.model.errors import NotFound

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,100}")


def check_id(given: str) -> str:
    """Returns the id as it was given; raises NotFound for what no id looks like."""
    if _ID.fullmatch(given):
        return given
    raise NotFound(
        f"there is no object with the id {given!r}", remedy="copy an id as a list shows it: workbench runs"
    )
