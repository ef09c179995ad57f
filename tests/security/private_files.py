"""Runs commands among private files, on an /etc, a /usr/local/etc and a toolchain of this process alone.

Started in a mount namespace of its own. Prints what each command said, as JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.append(sys.argv[1])

from local_steps import Ground, make_request, open_ground
from workbench.sandbox.host import open_host

SECRET = "secret-4411"


def cover(place: str) -> None:
    """Puts a copy of a folder that only this process sees over it."""
    copy = Path(sys.argv[2]) / place.strip("/").replace("/", "-")
    copy.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", str(copy)], check=True)
    with contextlib.suppress(shutil.Error):
        # Who is root in a namespace alone may not read everything.
        shutil.copytree(place, copy, symlinks=True, dirs_exist_ok=True)
    subprocess.run(["mount", "--bind", str(copy), place], check=True)


def hide(path: str, mode: int = 0o600) -> None:
    """Makes a file that only its owner may read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    os.write(descriptor, SECRET.encode())
    os.close(descriptor)


async def look(ground: Ground, script: str, **options: object) -> list[object]:
    """Returns how a command ended and what it said."""
    outcome = await ground.run(script, **options)
    return [outcome.ended.exit_code, outcome.ended.detail, outcome.text]


async def main(home: Path, mode: str) -> dict[str, object]:
    """Tries one thing after the other."""
    for place in ("/etc", "/usr/local/etc"):
        cover(place)
    if mode == "by-name":
        # What the kernel's own refusal is asked for with.
        subprocess.run(["mount", "--bind", "/dev/null", "/usr/bin/unshare"], check=True)
    hide("/etc/gone")
    hide("/etc/exchanged")
    os.mkdir("/etc/folder", 0o700)
    os.mkdir("/usr/local/etc/brk", 0o700)
    hide("/usr/local/etc/brk/key", 0o644)
    tool = home / "tool"
    tool.mkdir()
    hide(str(tool / "credentials"))
    (tool / "public").write_text("public")
    host = open_host()
    said: dict[str, object] = {"is_kernels": "/etc" in host.survey().ownerless}
    host.close()
    async with open_ground(home) as ground:
        said["doctor"] = [problem.code for problem in await ground.connector.doctor()]
        hide("/etc/late")
        os.remove("/etc/gone")
        os.remove("/etc/exchanged")
        os.mkdir("/etc/exchanged", 0o700)
        hide("/etc/exchanged/key", 0o644)
        os.rmdir("/etc/folder")
        hide("/etc/folder")
        places = "/etc/late /etc/exchanged/key /etc/folder /usr/local/etc/brk/key"
        said["late"] = await look(ground, f"cat {places} 2>/dev/null; ls /etc/exchanged 2>/dev/null; true")
        said["public"] = await look(ground, f"cat /etc/hostname {tool}/public", toolchains=(str(tool),))
        words = f"cat {tool}/credentials 2>/dev/null; echo mine > made; cat made"
        said["toolchain"] = await look(ground, words, toolchains=(str(tool),))
        (tool / "workspace").mkdir()
        within = Ground(home=ground.home, workspace=tool / "workspace", connector=ground.connector)
        said["around"] = await look(within, words, toolchains=(str(tool),))
        request = make_request(ground.workspace, "cat /etc/prepared 2>/dev/null; true")
        await ground.connector.prepare(request)
        hide("/etc/prepared")
        outcome = await ground.finish(await ground.connector.dispatch(request))
        said["prepared"] = [outcome.ended.exit_code, outcome.ended.detail, outcome.text]
        os.mkfifo(ground.workspace / "told")
        waiting = "read x < told; cat /etc/during /etc/late 2>/dev/null; true"
        ref = await ground.connector.dispatch(make_request(ground.workspace, waiting))
        # Opened once the command reads: the file is made while it runs.
        with await asyncio.to_thread(open, ground.workspace / "told", "w") as told:
            hide("/etc/during")
            hide("/etc/new")
            os.rename("/etc/new", "/etc/late")
            told.write("now\n")
        outcome = await ground.finish(ref)
        said["during"] = [outcome.ended.exit_code, outcome.ended.detail, outcome.text]
    return said


print(json.dumps(asyncio.run(main(Path(sys.argv[2]), sys.argv[3]))))
