"""Says what kind of machine was measured on: processor, memory, kernel, versions; no names and no paths."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import version


def describe_machine() -> list[tuple[str, str]]:
    """Returns the facts as (what, value)."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return [
        ("Processors", f"{os.cpu_count()} × {_processor()}"),
        ("Memory", f"{memory:.0f} GiB"),
        ("System", f"{platform.system()} {platform.release().split('-')[0]}, {platform.machine()}"),
        ("Python", platform.python_version()),
        ("bubblewrap", _first_word_after("bubblewrap", ["bwrap", "--version"])),
        ("script", _first_word_after("util-linux", ["script", "--version"])),
        ("DBOS, SQLAlchemy", f"{version('dbos')}, {version('sqlalchemy')}"),
        ("User", "root" if os.geteuid() == 0 else "unprivileged"),
    ]


def _processor() -> str:
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def _first_word_after(mark: str, line: list[str]) -> str:
    words = subprocess.run(line, capture_output=True, text=True, check=False).stdout.split()
    return words[words.index(mark) + 1] if mark in words[:-1] else "?"
