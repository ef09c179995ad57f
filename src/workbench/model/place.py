"""Where a run waits for its turn: in which pool of workers, and before or after which others."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from workbench.model.errors import InvalidInput

DEFAULT_POOL: Final = "default"
_POOL: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


class RunPriority(StrEnum):
    """What is of a higher one goes first; within one, projects take turns."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    pool: str = DEFAULT_POOL
    priority: RunPriority = RunPriority.NORMAL


USUAL: Final = Place()
"""The place of who asks for none."""


def check_pool(name: str) -> str:
    """Returns the name of a pool; raises InvalidInput for one that cannot be."""
    if not _POOL.fullmatch(name):
        raise InvalidInput(
            f"{name!r} is no name for a pool",
            remedy="use up to 63 small letters, digits, - and _, beginning with a letter or digit",
        )
    return name
