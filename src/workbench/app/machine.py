"""Looks at what else lies on this machine, for doctor: programs, the port, the keys, coding agents.

Most of it is told, not judged: the sandbox's own trials say whether runs can start. Only a missing
bubblewrap and a key that others can read are failures. Programs are asked for their version and nothing else
is started.
"""

from __future__ import annotations

import os
import shutil
import socket
import stat
from pathlib import Path
from typing import Final

from workbench.app.home import Settings, find_server
from workbench.connectors.machine import find_program

Check = dict[str, str | bool]

_PROGRAMS: Final = (
    ("bubblewrap", "bwrap", "install it: apt install bubblewrap"),
    ("git", "git", "install it: apt install git; without it a repository has no commits to cite"),
    ("node", "node", "only needed to build the page from source: install Node.js 20 or newer"),
)
_LEAST_BYTES: Final = 1 << 29
_AGENTS: Final = ("claude", "codex", "opencode", "gemini", "qwen")


def survey_machine(config: Settings) -> list[Check]:
    """Returns one check for each program, for the port and the keys, and one for all agents."""
    checks = [_look_at_program(*program) for program in _PROGRAMS]
    return [*checks, _look_at_port(config), _look_at_keys(config.home), _look_for_agents()]


def measure_disks(config: Settings) -> list[tuple[str, str, str]]:
    """Returns (name, detail, remedy or "") of each disk that the server writes to, the home's first.

    A folder on the disk of one before it is not told of again, and one that is not there yet will be on the
    disk of the home.
    """
    found = []
    seen = set()
    places = [
        ("disk", config.home, "WORKBENCH_HOME"),
        ("disk of runs", config.home / "runs", "the transcripts"),
    ]
    if config.ledger_url.startswith("sqlite:///"):
        path = Path(config.ledger_url.removeprefix("sqlite:///"))
        places.append(("disk of the ledger", path.parent, "the ledger"))
    for name, folder, what in places:
        try:
            device, free = os.stat(folder).st_dev, os.statvfs(folder)
        except FileNotFoundError:
            continue
        except OSError as error:
            found.append((name, f"{folder}: {error.strerror}", f"make {folder} readable for this user"))
            continue
        if device in seen:
            continue
        seen.add(device)
        free_bytes = free.f_bavail * free.f_frsize
        remedy = f"free at least {_LEAST_BYTES >> 20} MiB on the disk that holds {what}, {folder}"
        is_well = free_bytes > _LEAST_BYTES
        found.append((name, f"{free_bytes >> 20} MiB free for {what}", "" if is_well else remedy))
    return found


def _check(name: str, detail: str, remedy: str = "", *, ok: bool = True) -> Check:
    return {"name": name, "ok": ok, "detail": detail, "remedy": remedy}


def _look_at_program(name: str, program: str, remedy: str) -> Check:
    found = find_program(program)
    if found is None:
        # Without a sandbox nothing runs; without the others something is missing.
        return _check(name, "not found on PATH", remedy, ok=program != "bwrap")
    return _check(name, f"{found.version or 'version unknown'} at {found.path}")


def _look_at_port(config: Settings) -> Check:
    endpoint = find_server(config)
    if endpoint is not None:
        return _check("port", f"{endpoint.port} on 127.0.0.1, held by this home's server")
    if config.port == 0:
        return _check("port", "any free one is taken")
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", config.port))
        except OSError as error:
            return _check(
                "port",
                f"{config.port} on 127.0.0.1 cannot be had: {error.strerror}",
                "end what holds it, or choose another: workbench up --port N",
            )
    return _check("port", f"{config.port} on 127.0.0.1 is free")


def _look_at_keys(home: Path) -> Check:
    found = [*home.glob("master.key"), *home.glob("*/master.key")]
    if not found:
        return _check("keys", "no master key yet; the first secret makes one")
    path = found[0]
    try:
        state = os.lstat(path)
    except OSError as error:
        return _check("keys", f"{path}: {error.strerror}", "make it readable for this user alone", ok=False)
    mode = stat.S_IMODE(state.st_mode)
    is_private = not mode & 0o077 and state.st_uid == os.getuid()
    return _check(
        "keys",
        f"{path}, mode {mode:04o}",
        "" if is_private else f"make it yours alone: chown $USER {path} && chmod 600 {path}",
        ok=is_private,
    )


def _look_for_agents() -> Check:
    found = [f"{name} ({path})" for name in _AGENTS if (path := shutil.which(name))]
    return _check("agents", ", ".join(found) or f"none on PATH of {', '.join(_AGENTS)}")
