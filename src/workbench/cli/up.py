"""workbench up, down and status."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import webbrowser
from pathlib import Path

import uvloop

from workbench.app.home import find_server, load_config, read_token, wait_until_unlocked
from workbench.cli import UNWRITABLE
from workbench.cli.client import Client, connect, start_in_background
from workbench.cli.output import print_json, print_line, print_note
from workbench.cli.place import add, find_repository
from workbench.model.counted import render_count
from workbench.model.errors import LedgerUnavailable, WorkbenchError


def up(*, repos: list[str], port: int | None, detach: bool, browser: bool) -> None:
    """Starts the server here, or in the background with `detach`."""
    config = load_config()
    ready = os.environ.pop("WORKBENCH_READY_FD", None)
    if detach:
        endpoint = find_server(config) or start_in_background(config, port=port)
        client = Client(endpoint, read_token(config))
        _add_repositories(client, repos)
        print_line(client.post("/api/links", {})["url"])
        _say_what_cannot_run(client)
        return
    report = _Report(int(ready) if ready is not None else None, repos, browser)
    # Nothing that a start makes is garbage; looking through it again and again takes a tenth of its time.
    gc.disable()
    from workbench.app.serve import serve

    try:
        uvloop.run(serve(config, port=port, on_ready=report.ready))
    except WorkbenchError as error:
        report.failed(error)
        raise
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        told = LedgerUnavailable(
            f"the home {config.home} cannot be written: {error.strerror}",
            remedy="free space on the disk that holds WORKBENCH_HOME; what was written before is kept",
        )
        report.failed(told)
        raise told from error
    except KeyboardInterrupt:
        return


def down() -> None:
    """Stops the server of this home and returns once it has gone."""
    config = load_config(for_stopping=True)
    client = connect(start=False)
    client.post("/api/down", {})
    wait_until_unlocked(config.home)
    print_note("The server has stopped. What ran in the sandbox goes on; the next server adopts it.")


def status(*, as_json: bool, link: bool) -> int:
    """Prints where the server is; 1 when none runs."""
    config = load_config()
    endpoint = find_server(config)
    if endpoint is None:
        answer = {"ready": False, "pid": None, "url": None, "home": str(config.home)}
        if as_json:
            print_json(answer)
        else:
            print_line(f"no server runs for {config.home}; start one: workbench up")
        return 1
    client = connect(start=False)
    if link:
        print_line(client.post("/api/links", {})["url"])
        return 0
    found = client.get("/api/status")
    if as_json:
        print_json(found)
    else:
        print_line(f"{found['url']}  version {found['version']}  pid {found['pid']}")
        if not found["ready"]:
            print_line(f"NOT READY: {found['problem']}")
        print_line(
            f"{render_count(found['projects'], 'project')}, {render_count(found['open_runs'], 'open run')}"
        )
        for worker in found["worker_list"]:
            print_line(
                f"{worker['worker_id']}  {worker['state']}  pool {worker['pool']}, "
                f"{render_count(worker['concurrency'], 'place')}, version {worker['version']} on "
                f"{worker['host']}, seen {worker['silent_seconds']:.0f} s ago"
            )
        for connector in found["connectors"]:
            for problem in connector["problems"]:
                print_line(
                    f"NOT READY: {connector['connector_id']} starts nothing: {problem['message']}\n"
                    f"  what to do: {problem['remedy']}"
                )
        for note in found["policy_notes"]:
            print_line(f"policy of {note}")
        storing = found["storing"]
        if storing["problem"]:
            waiting = render_count(storing["waiting"], "transcript waits", "transcripts wait")
            print_line(f"{waiting} to be stored: {storing['problem']}; {storing['remedy']}")
        elif storing["url"]:
            print_line(f"transcripts go to {storing['url']}; {storing['waiting']} on the way")
        for target in found["notices"]:
            print_line(f"notices to {target['name']}: {target['problem'] or 'delivered'}")
        for kill in found["kills"]:
            by = f" (by {kill['by']}, {kill['at']})" if kill["by"] else ""
            print_line(f"KILL SWITCH ON for {kill['scope']}: {kill['reason']}{by}")
    return 0


class _Report:
    """Tells whoever started the server that it is ready, or why it is not."""

    def __init__(self, descriptor: int | None, repos: list[str], browser: bool) -> None:
        self._descriptor, self._repos, self._browser = descriptor, repos, browser

    def ready(self, url: str, link: str) -> None:
        gc.freeze()
        gc.enable()
        if self._descriptor is not None:
            self._write({"url": url})
            return
        print_line(f"The workbench is at {link}")
        print_note("(the link signs one browser in, once; for another: workbench status --link)")
        sys.stdout.flush()
        asyncio.get_running_loop().create_task(self._after_ready(link))

    async def _after_ready(self, link: str) -> None:
        """Adds repositories and opens the page, once the server answers."""
        try:
            client = await asyncio.to_thread(connect)
            await asyncio.to_thread(_add_repositories, client, self._repos)
            await asyncio.to_thread(_say_what_cannot_run, client)
        except WorkbenchError as error:
            print_note(f"workbench: {error.message}\n  what to do: {error.remedy}")
        if self._browser and (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            await asyncio.to_thread(webbrowser.open, link)

    def failed(self, error: WorkbenchError) -> None:
        if self._descriptor is not None:
            self._write({"code": error.code, "message": error.message, "remedy": error.remedy})

    def _write(self, answer: dict[str, str]) -> None:
        assert self._descriptor is not None
        os.write(self._descriptor, json.dumps(answer).encode() + b"\n")
        os.close(self._descriptor)
        self._descriptor = None


def _say_what_cannot_run(client: Client) -> None:
    """A server without a sandbox serves, and whoever starts it learns that nothing will run."""
    for connector in client.get("/api/connectors"):
        for problem in connector["problems"]:
            print_note(
                f"{connector['connector_id']} starts nothing: {problem['message']}\n"
                f"  what to do: {problem['remedy']}"
            )


def _add_repositories(client: Client, repos: list[str]) -> None:
    """Adds the named repositories, or the one around here when it is a git repository and none is known."""
    paths = [find_repository(repo) for repo in repos]
    if not paths and (found := find_repository(None)) and (Path(found) / ".git").exists():
        paths = [found]
    known = {project["workspace_root"] for project in client.get("/api/projects")}
    for path in paths:
        if str(path) not in known:
            add(client, path)
