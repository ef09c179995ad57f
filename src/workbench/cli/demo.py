"""workbench demo: the whole way once, on a bundled example. Nothing is played: every step happens."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

from workbench.app.home import Settings, find_server, load_config, read_token, wait_until_unlocked
from workbench.cli.audit import verify_audit
from workbench.cli.client import Client, start_in_background
from workbench.cli.control import list_approvals
from workbench.cli.features import show_features, show_next
from workbench.cli.output import print_line, status_word
from workbench.cli.place import find_project
from workbench.cli.run import HELD, follow, run
from workbench.model.errors import WorkbenchError

_RISKY = "rm -rf build"


class DemoFailed(WorkbenchError):
    """A step of the tour did not end as it must."""

    code = "demo_failed"


def tour(*, stay: bool) -> int:
    """Takes the tour; with `stay`, the page goes on being served until Ctrl-C. Returns 0.

    What it made is removed at its end, however it ends; records in a home that was there before stay.
    """
    # Ended from outside, it cleans up as after Ctrl-C.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _: sys.exit(128 + received))
    folder = Path(tempfile.mkdtemp(prefix="workbench-demo-"))
    try:
        # A home of its own, so that the demo neither shows nor touches the user's own projects.
        os.environ.setdefault("WORKBENCH_HOME", str(folder / "home"))
        repo = folder / "todo-cli"
        _make_repository(repo)
        print_line(f"# A fresh git repository with the example: {repo}")
        _tour(load_config(), repo, stay=stay)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def _tour(config: Settings, repo: Path, *, stay: bool) -> None:
    running = find_server(config)
    client = Client(running or start_in_background(config, port=None), read_token(config))
    try:
        _walk(client, repo)
        _say("The page, where all of this can be seen", "")
        print_line(f"  {client.post('/api/links', {})['url']}")
        print_line("  (the link signs one browser in, once; for another: workbench status --link)")
        if not stay and running is None:
            _say_how_to_see_it(config, repo)
        if stay:
            print_line("  Ctrl-C ends the demo and removes the example.")
            _wait_for_interrupt()
    finally:
        if running is None:
            client.post("/api/down", {})
            wait_until_unlocked(config.home)


def _say_how_to_see_it(config: Settings, repo: Path) -> None:
    """The server ends with the tour, so its address leads nowhere any more."""
    print_line("  The demo ends here, its server with it, and what it made is removed. To see the page, take")
    print_line("  the tour without --exit: make demo, or workbench demo")
    if not config.home.is_relative_to(repo.parent):
        print_line(f"  The record of these runs stays in {config.home}: workbench up")


def _walk(client: Client, repo: Path) -> None:
    project = find_project(client, str(repo))
    _say("What the repository's own documents say", "workbench features")
    show_features(str(repo), False)
    _say("The next command, and why", "workbench next")
    show_next(None, str(repo), False)
    advice = client.get("/api/recommendations", project_id=project["project_id"])[0]
    recommended = advice["recommendation"]
    _say("Run it: policy, sandbox, live output", f"workbench run -- {recommended['command']}")
    status = _run(repo, recommended["command"], advice["feature_id"], recommended["rule_id"])
    _expect(status == 0, f"{recommended['command']} ended with {status}")
    (repo / "build").mkdir(exist_ok=True)
    (repo / "build" / "todo.txt").write_text("made by an earlier build\n")
    _say("A risky one is held, and nothing has happened yet", f"workbench run -- {_RISKY}")
    status = _run(repo, _RISKY, "003-release", None)
    _expect(status == HELD and (repo / "build").exists(), f"{_RISKY} was not held ({status})")
    _say("Who is asked sees what, why and which rule", "workbench approvals")
    list_approvals(str(repo), False, pending_only=True)
    waiting = client.get("/api/approvals", project_id=project["project_id"], status="pending")[0]
    _say("Approved, with a reason, it runs", f"workbench approve {waiting['approval_id']} --reason …")
    client.post(
        f"/api/approvals/{waiting['approval_id']}/approve",
        {"reason": "the build folder can be made again", "subject_digest": waiting["subject_digest"]},
    )
    follow(client, waiting["run_id"])
    ended: dict[str, Any] = client.get(f"/api/runs/{waiting['run_id']}")
    print_line(f"  {status_word(ended['status'])}  {ended['why']}")
    _expect(
        ended["status"] == "succeeded" and not (repo / "build").exists(), "the approved run did not succeed"
    )
    _say("And the audit log proves it", "workbench audit verify")
    _expect(verify_audit(None, False) == 0, "the audit log does not verify")


def _run(repo: Path, command: str, feature: str, rule: str | None) -> int:
    return run(
        words=[command],
        repo=str(repo),
        feature=feature,
        connector="local",
        env_profile="default",
        mode=None,
        timeout=None,
        idle_timeout=None,
        allow_hosts=[],
        detach=False,
        as_json=False,
        rule=rule,
    )


def _make_repository(repo: Path) -> None:
    from dulwich import porcelain

    packaged = Path(__file__).parents[1] / "examples" / "todo-cli"
    source = packaged if packaged.is_dir() else Path(__file__).parents[3] / "examples" / "todo-cli"
    shutil.copytree(source, repo)
    made = porcelain.init(str(repo))
    porcelain.add(
        made, [str(path) for path in repo.rglob("*") if path.is_file() and ".git/" not in str(path)]
    )
    who = b"Workbench demo <demo@example.invalid>"
    porcelain.commit(made, message=b"The example, as it is shipped", author=who, committer=who)
    made.close()


def _say(what: str, command: str) -> None:
    print_line()
    print_line(f"# {what}")
    if command:
        print_line(f"$ {command}")


def _expect(holds: bool, problem: str) -> None:
    if not holds:
        raise DemoFailed(problem, remedy="look at server.log in WORKBENCH_HOME, and report it")


def _wait_for_interrupt() -> None:
    try:
        signal.pause()
    except KeyboardInterrupt:
        print_line()
