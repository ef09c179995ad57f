"""Decisions race over every way there is, and one of them has an effect, once.

HTTP, the command line's own code, the agents' tools, and the engine on a connection of its own to the same
database: whoever comes first decides, everybody else is told that it was decided.
"""

from __future__ import annotations

import asyncio
import functools
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import mcp
import pytest

from support.engine import Waiting
from support.fixtures import Start
from support.ground import make_repository
from support.server import Project
from workbench.api.mcp import create_mcp
from workbench.app.clock import SystemClock, new_sortable_id
from workbench.app.home import Endpoint
from workbench.cli.client import Client
from workbench.cli.decide import approve_edited as approve_edited_by_cli
from workbench.cli.decide import decide as decide_by_cli
from workbench.cli.mcp import AgentSession
from workbench.connectors.local import surroundings_of
from workbench.engine.context import Context, Limits
from workbench.engine.decide import approve, deny
from workbench.gate import admit, load_policy
from workbench.ledger.ledger import Ledger
from workbench.model.actor import Actor, Role
from workbench.model.command import Surroundings
from workbench.model.errors import WorkbenchError
from workbench.model.project import Project as ModelProject
from workbench.secrets.vault import Vault

Vote = Callable[[int], str]
EACH_WAY = 16
"""How many decide at the same moment, a way; they go on until all have been had."""


def word_for(number: int) -> str:
    return "deny" if number % 5 == 4 else "approve"


def vote_by_http(project: Project, approval: dict[str, Any]) -> Vote:
    def vote(number: int) -> str:
        answer = project.bench.http.post(
            f"/api/approvals/{approval['approval_id']}/{word_for(number)}", json={"reason": f"vote {number}"}
        )
        return word_for(number) if answer.status_code == 200 else str(answer.json()["code"])

    return vote


def vote_by_cli(project: Project, approval: dict[str, Any]) -> Vote:
    def vote(number: int) -> str:
        try:
            decide_by_cli(approval["approval_id"], word_for(number), f"vote {number}", True)
        except WorkbenchError as error:
            return error.code
        return word_for(number)

    return vote


def vote_by_mcp(session: AgentSession, project: Project, approval: dict[str, Any]) -> Vote:
    door = create_mcp(session, project_id=project.project_id, version="0")

    async def call(number: int) -> str:
        async with mcp.Client(door) as client:
            answer = await client.call_tool(
                word_for(number),
                {
                    "approval_id": approval["approval_id"],
                    "subject_digest": approval["subject_digest"],
                    "reason": f"vote {number}",
                },
            )
        words = str(answer.content[0].text)  # type: ignore[union-attr]
        if not answer.is_error:
            return word_for(number)
        return next(code for code in ("illegal_move", "conflict", words) if code in words)

    return lambda number: asyncio.run(call(number))


def vote_by_engine(context: Context, project: Project, approval: dict[str, Any], bob: Actor) -> Vote:
    async def call(number: int) -> str:
        verb = approve if word_for(number) == "approve" else deny
        try:
            await verb(
                context,
                project_id=project.project_id,
                approval_id=approval["approval_id"],
                actor=bob,
                reason=f"vote {number}",
            )
        except WorkbenchError as error:
            return error.code
        return word_for(number)

    return lambda number: asyncio.run(call(number))


def engine_beside(project: Project, url: str, folder: Path) -> Context:
    """The engine in this process, on the database of the server's."""
    clock = SystemClock()

    def surroundings(project: ModelProject) -> Surroundings:
        # The server's own eyes: who sees another machine would find that what is held has changed.
        return surroundings_of(project.workspace_root, project.toolchains)

    policy = load_policy()
    ledger = Ledger(url, clock)
    return Context(
        ledger=ledger,
        search=ledger.transcript_search(folder / "search"),
        connectors={},
        admit=functools.partial(admit, policy=policy),
        policy=policy,
        surroundings=surroundings,
        check_workspace=str,
        check_names=lambda _: None,
        sandbox_profile="hardened",
        vault=Vault(folder / "vault", clock),
        clock=clock,
        new_id=new_sortable_id,
        home=folder,
        kill_file=folder / "KILL",
        feature_cache=folder / "cache",
        limits=Limits(),
        starter=Waiting(),
    )


@pytest.mark.parametrize(
    "count", [pytest.param(320, id="some"), pytest.param(10_000, id="ten-thousand", marks=pytest.mark.long)]
)
def test_of_all_decisions_at_once_one_has_an_effect_and_has_it_once(
    count: int,
    database_url: str,
    start: Start,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = start(database_url=database_url)
    project = bench.add(make_repository(tmp_path / "repo"))
    (project.repo / "build").mkdir()
    held = project.run("rm -rf build && echo once >> effect")
    (approval,) = held["approvals"]
    # What the command line reads to find its server.
    monkeypatch.setenv("WORKBENCH_HOME", str(bench.home))
    assert bench.process is not None
    owner = Client(
        Endpoint(pid=bench.process.pid, port=int(bench.url.rpartition(":")[2]), version=""), bench.token
    )
    session = AgentSession(
        owner, project_id=project.project_id, name="agent", role="approver", person="owner"
    )
    context = engine_beside(project, database_url, tmp_path)
    # Who decides beside the server is somebody there, too: without a token nobody's vote counts.
    made = bench.post("/api/tokens", {"name": "bob", "role": "approver"})
    bob = Actor(name="token:bob", role=Role.APPROVER, via="engine", token_id=made["token_id"])
    ways: dict[str, Vote] = {
        "http": vote_by_http(project, approval),
        "cli": vote_by_cli(project, approval),
        "mcp": vote_by_mcp(session, project, approval),
        "engine": vote_by_engine(context, project, approval, bob),
    }
    names = sorted(ways)
    barrier = threading.Barrier(EACH_WAY * len(ways))

    def vote(number: int) -> tuple[str, str]:
        if number < barrier.parties:
            barrier.wait()
        way = names[number % len(names)]
        return way, ways[way](number)

    with ThreadPoolExecutor(barrier.parties) as pool:
        answers = Counter(pool.map(vote, range(count)))
    asyncio.run(context.ledger.close())

    winners = [(way, said) for way, said in answers if said in ("approve", "deny")]
    assert len(winners) == 1, answers
    assert answers[winners[0]] == 1
    assert {said for _, said in answers} <= {"approve", "deny", "illegal_move", "conflict"}, answers
    assert sum(answers.values()) == count
    # A server that comes new to it finds nothing more to do than was decided.
    bench.restart()
    is_approved = winners[0][1] == "approve"
    ended = bench.wait(held["run_id"], lambda run: run["status"] in ("succeeded", "canceled"))
    (decided,) = ended["approvals"]
    assert (ended["status"], decided["status"], decided["is_used"]) == (
        ("succeeded", "approved", True) if is_approved else ("canceled", "denied", False)
    )
    assert len(decided["decisions"]) == 1
    tags = Counter(event["tag"] for event in ended["events"])
    assert tags["approval:approved"] + tags["approval:denied"] == 1
    assert tags["run:started"] == tags["step:started"] == tags["approval:used"] == int(is_approved)
    effect = project.repo / "effect"
    assert (effect.read_text() if effect.exists() else "") == ("once\n" if is_approved else "")


def edit_by_http(project: Project, approval: dict[str, Any]) -> Vote:
    path = f"/api/approvals/{approval['approval_id']}"
    edit = {"command": "echo http >> effect"}
    shown = project.bench.post(f"{path}/edit-check", edit)["subject_digest"]

    def vote(number: int) -> str:
        answer = project.bench.http.post(
            f"{path}/approve-edited", json={**edit, "reason": f"edit {number}", "edited_digest": shown}
        )
        return "approve" if answer.status_code == 200 else str(answer.json()["code"])

    return vote


def edit_by_cli(project: Project, approval: dict[str, Any]) -> Vote:
    def vote(number: int) -> str:
        try:
            approve_edited_by_cli(
                approval["approval_id"], {"command": "echo cli >> effect"}, [], f"edit {number}", True
            )
        except WorkbenchError as error:
            return error.code
        return "approve"

    return vote


def test_of_decisions_and_edits_at_once_one_has_an_effect_and_it_is_what_that_one_saw(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = start()
    project = bench.add(make_repository(tmp_path / "repo"))
    monkeypatch.setenv("WORKBENCH_HOME", str(bench.home))
    assert bench.process is not None
    owner = Client(
        Endpoint(pid=bench.process.pid, port=int(bench.url.rpartition(":")[2]), version=""), bench.token
    )
    session = AgentSession(
        owner, project_id=project.project_id, name="agent", role="approver", person="owner"
    )
    for turn in range(4):
        (project.repo / "effect").write_text("")
        held = project.run("rm -rf build && echo asked >> effect")
        (approval,) = held["approvals"]
        ways: dict[str, Vote] = {
            "asked": vote_by_mcp(session, project, approval),
            "cli": edit_by_cli(project, approval),
            "http": edit_by_http(project, approval),
        }
        names = sorted(ways)
        barrier = threading.Barrier(4 * len(ways))

        def vote(
            number: int,
            ways: dict[str, Vote] = ways,
            names: list[str] = names,
            barrier: threading.Barrier = barrier,
        ) -> tuple[str, str]:
            barrier.wait()
            way = names[number % len(names)]
            return way, ways[way](number)

        # Whoever comes first differs from turn to turn; of the agent, one in five denies.
        with ThreadPoolExecutor(barrier.parties) as pool:
            answers = list(pool.map(vote, range(turn, turn + barrier.parties)))
        winners = [(way, said) for way, said in answers if said in ("approve", "deny")]
        assert len(winners) == 1, answers
        ended = bench.wait(held["run_id"], lambda run: run["status"] in ("succeeded", "canceled"))
        is_approved = winners[0][1] == "approve"
        assert ended["status"] == ("succeeded" if is_approved else "canceled")
        assert (project.repo / "effect").read_text() == (f"{winners[0][0]}\n" if is_approved else "")
        used = [each for each in ended["approvals"] if each["is_used"]]
        assert len(used) == int(is_approved)
        # What was given for one command starts no other, and not twice.
        for each in ended["approvals"]:
            again = bench.http.post(f"/api/approvals/{each['approval_id']}/approve", json={"reason": "again"})
            assert (again.status_code, again.json()["code"]) == (409, "illegal_move")
        tags = Counter(event["tag"] for event in ended["events"])
        assert tags["step:started"] == tags["approval:used"] == int(is_approved)
    assert bench.cli("audit", "verify").status == 0
