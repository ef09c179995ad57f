"""The solver z3, read when a proof is first asked for.

It takes 7 MB and a tenth of a second, and most servers prove nothing between two changes of a policy.
"""

from __future__ import annotations

import importlib
from typing import Any, Final


class _Later:
    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module("z3"), name)


z3: Final[Any] = _Later()
"""The module itself; the library has no types of its own to name."""
