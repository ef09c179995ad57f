"""What only the long suite tries."""

from __future__ import annotations

from typing import Any

import pytest


def later(*values: Any) -> Any:
    """A case of `parametrize` that is left to `make test-long`."""
    return pytest.param(*values, marks=pytest.mark.long)
