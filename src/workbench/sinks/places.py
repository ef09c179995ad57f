"""Keeps in a file of the home how far each outgoing stream has come in every chain, and what is wrong."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog

log = structlog.get_logger()


def read_places(file: Path) -> dict[str, dict[str, int]]:
    """Returns each stream's place in every chain; empty when there is no file that can be read."""
    return {key: entry["places"] for key, entry in _read(file).items()}


def read_problems(file: Path) -> dict[str, str]:
    """Returns, by stream, the problem that was last met with it; "" when there is none."""
    return {key: entry["problem"] for key, entry in _read(file).items()}


def write_places(file: Path, places: Mapping[str, Mapping[str, int]], problems: Mapping[str, str]) -> None:
    """Keeps all of it at once. What cannot be kept is at worst sent again after a restart, and is logged."""
    stored = {key: {"places": dict(each), "problem": problems.get(key, "")} for key, each in places.items()}
    try:
        _write_private(file, json.dumps(stored))
    except OSError as error:
        log.warning("places not kept", file=file.name, problem=error.strerror)


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text())
        return {
            str(key): {
                "places": {str(name): int(seq) for name, seq in entry["places"].items()},
                "problem": str(entry["problem"]),
            }
            for key, entry in found.items()
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def _write_private(path: Path, text: str) -> None:
    temporary = path.with_suffix(".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    temporary.replace(path)
