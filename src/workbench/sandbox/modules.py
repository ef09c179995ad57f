"""Looks for a Python module where an interpreter of the sandbox would, without starting it.

It reads names of files, `pyvenv.cfg` and `.pth` files, a bounded number of each, and imports nothing: a
project's environment is the project's code. What it cannot follow (an import hook, a folder that the sandbox
does not show, an interpreter without its version in its name) it does not claim to be missing.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterator
from typing import Final

_VERSION: Final = re.compile(r"python(3\.\d{1,2})")
_HARMLESS: Final = frozenset({"distutils-precedence.pth", "_virtualenv.pth", "a1_coverage.pth"})
_IMPORTED: Final = re.compile(r"\b(?:import|from)[ \t]+(\w+)")
_REACHES: Final = re.compile(
    r"\bsys\b|\bsite\b|importlib|__import__|_path\b|__path__|path_hooks|runpy|finder"
)
# These add certificates to those that Python trusts, and no modules.
_TRUSTED: Final = sys.stdlib_module_names | {"certifi", "truststore", "pip_system_certs"}
_LARGEST_FILE: Final = 64 << 10
_MOST_NAMES: Final = 20_000
_MOST_PATHS: Final = 200
_SITES: Final = ("site-packages", "dist-packages")


class _NotKnown(Exception):
    """Where this interpreter looks cannot be told from its files."""


def missing_module(interpreter: str, module: str, folder: str) -> str:
    """Returns why `INTERPRETER -m MODULE` cannot start in this folder, or "" when it may.

    `interpreter` and `folder` are absolute paths. "" is also the answer where it cannot be known.
    """
    parts = module.split(".")
    if not all(part.isidentifier() for part in parts) or parts[0] in sys.stdlib_module_names:
        return ""
    try:
        places = [folder, *_search_path(interpreter)]
        found = [kind for place in places if (kind := _look(place, parts[0]))]
    except (_NotKnown, OSError, ValueError):
        return ""
    name = os.path.basename(interpreter)
    if not found:
        return f"{name} has no module {module}"
    return f"the module {module} of {name} cannot be run" if {*found} == {"bare"} and len(parts) == 1 else ""


def _look(place: str, name: str) -> str:
    """Returns "bare" for a package that has no `__main__`, "there" for anything else of that name, or ""."""
    path = os.path.join(place, name)
    if os.path.isfile(path + ".py") or os.path.isfile(path + ".pyc"):
        return "there"
    if os.path.isdir(path):
        names = _names(path)
        is_package = "__init__.py" in names
        return "bare" if is_package and not any(n.startswith("__main__.") for n in names) else "there"
    if any(other.startswith(name + ".") and other.endswith(".so") for other in _names(place)):
        return "there"
    return ""


def _search_path(interpreter: str) -> list[str]:
    prefix = os.path.dirname(os.path.dirname(interpreter))
    settings = _read(os.path.join(prefix, "pyvenv.cfg"))
    if settings is None:
        return _own_path(os.path.realpath(interpreter))
    values = dict(
        (key.strip().lower(), value.strip())
        for key, _, value in (line.partition("=") for line in settings.splitlines())
    )
    own = [path for path in _versions(prefix) if path.endswith(_SITES)]
    base = _own_path(os.path.realpath(interpreter))
    if not own:
        raise _NotKnown
    has_all = values.get("include-system-site-packages", "").lower() == "true"
    kept = base if has_all else [path for path in base if not path.endswith(_SITES)]
    return [*_with_added(own), *kept]


def _own_path(real: str) -> list[str]:
    """Returns where an interpreter outside any environment looks, by the version in its name."""
    version = _VERSION.fullmatch(os.path.basename(real))
    if version is None:
        raise _NotKnown
    prefix = os.path.dirname(os.path.dirname(real))
    if not os.path.isfile(os.path.join(prefix, "lib", version[0], "os.py")):
        raise _NotKnown
    roots = [os.path.join(prefix, lib) for lib in ("lib", "lib64")]
    if prefix == "/usr":
        roots += ["/usr/local/lib", "/usr/local/lib64"]
    sites = [
        os.path.join(root, name, site)
        for root in roots
        for name in (version[0], "python3")
        for site in _SITES
    ]
    own = [os.path.join(root, version[0]) for root in roots]
    return [*own, *(os.path.join(path, "lib-dynload") for path in own), *_with_added(sites)]


def _versions(prefix: str) -> Iterator[str]:
    for lib in ("lib", "lib64"):
        for name in _names(os.path.join(prefix, lib)):
            if _VERSION.fullmatch(name):
                yield os.path.join(prefix, lib, name, _SITES[0])


def _with_added(sites: list[str]) -> list[str]:
    """Adds what the `.pth` files of these folders add."""
    found = [*sites]
    for site in sites:
        names = _names(site)
        if {"sitecustomize.py", "usercustomize.py"} & {*names}:
            raise _NotKnown
        for name in sorted(name for name in names if name.endswith(".pth")):
            text = _read(os.path.join(site, name))
            if text is None or len(found) > _MOST_PATHS:
                raise _NotKnown
            for line in text.splitlines():
                if line.startswith(("import ", "import\t")):
                    if name not in _HARMLESS and not _adds_no_module(line):
                        raise _NotKnown
                elif line.strip() and not line.startswith("#"):
                    path = os.path.normpath(os.path.join(site, line.strip()))
                    if os.path.exists(path) and not os.path.isdir(path):
                        raise _NotKnown
                    found.append(path)
    return found


def _adds_no_module(line: str) -> bool:
    """Says of a line that Python runs at its start whether it leaves alone where modules are looked for."""
    return not _REACHES.search(line) and {*_IMPORTED.findall(line)} <= _TRUSTED


def _names(folder: str) -> list[str]:
    names = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                names.append(entry.name)
                if len(names) > _MOST_NAMES:
                    raise _NotKnown
    except (FileNotFoundError, NotADirectoryError):
        return []
    return names


def _read(path: str) -> str | None:
    """Returns a small regular file's text, None for what is none; never waits on a pipe."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    with open(handle, "rb") as file:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST_FILE:
            return None
        return file.read(_LARGEST_FILE).decode("utf-8", "replace")
