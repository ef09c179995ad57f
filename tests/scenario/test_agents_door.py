"""An agent on the real stdio of `workbench mcp`: the same door, the same answers, and no right of its own."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import mcp
import pytest
from mcp import StdioServerParameters

from support.ground import commit_all, make_repository
from support.long import later
from support.server import Project, Workbench

RISKY = "rm -rf build"


@asynccontextmanager
async def agent(project: Project, *options: str) -> AsyncIterator[mcp.Client]:
    """An MCP client on a process of its own, inside the repository."""
    words = StdioServerParameters(
        command=sys.executable,
        args=["-m", "workbench", "mcp", *options],
        env=project.bench.environment,
        cwd=project.repo,
    )
    async with mcp.Client(words) as client:
        yield client


async def use(client: mcp.Client, tool: str, **arguments: Any) -> Any:
    """Calls a tool and returns what it answers; an error fails the test with its words."""
    answer = await client.call_tool(tool, arguments)
    assert not answer.is_error, answer.content
    assert answer.structured_content is not None
    return answer.structured_content.get("result", answer.structured_content)


async def refusal(client: mcp.Client, tool: str, **arguments: Any) -> str:
    answer = await client.call_tool(tool, arguments)
    assert answer.is_error
    return str(answer.content[0].text)  # type: ignore[union-attr]


async def test_an_agent_goes_the_whole_way_and_the_log_says_that_it_was_one(project: Project) -> None:
    async with agent(project) as client:
        tools = {tool.name for tool in (await client.list_tools()).tools}
        assert tools == {
            "list_features",
            "next_command",
            "check_policy",
            "run",
            "run_status",
            "run_logs",
            "cancel_run",
            "list_approvals",
            "preview",
            "approve",
            "deny",
        }
        features = await use(client, "list_features")
        assert [feature["feature_id"] for feature in features] == ["001-small-thing"]
        advice = await use(client, "next_command", feature_id="001-small-thing")
        assert advice[0]["recommendation"]["command"] == "make test"
        assert (await use(client, "check_policy", command=RISKY))["verdict"] == "requires_approval"
        run = await use(client, "run", command="make test", feature_id="001-small-thing")
        assert (run["status"], run["exit_code"]) == ("succeeded", 0)
        assert "tested" in await use(client, "run_logs", run_id=run["run_id"])
        slow = await use(client, "run", command=project.script("slow", "sleep 600\n"), wait_seconds=0)
        await use(client, "cancel_run", run_id=slow["run_id"], reason="seen enough")
        ended = await use(client, "run_status", run_id=slow["run_id"], wait_seconds=30)
        assert ended["status"] == "canceled"
    recorded = project.bench.run_of(run["run_id"])
    assert recorded["requested_by"] == "token:agent"
    assert recorded["events"][0]["payload"]["via"] == "mcp"


async def test_what_an_agent_asks_for_is_held_for_a_person_whatever_the_agent_tries(
    project: Project,
) -> None:
    (project.repo / "build").mkdir()
    async with agent(project) as client:
        held = await use(client, "run", command=RISKY)
        assert (held["status"], held["blocked_by"]) == ("blocked", "approval")
        (asked,) = await use(client, "list_approvals")
        assert (asked["approval_id"], asked["command"]) == (held["approval_id"], RISKY)
        decision = {
            "approval_id": asked["approval_id"],
            "subject_digest": asked["subject_digest"],
            "reason": "me",
        }
        for tool in ("approve", "deny"):
            said = await refusal(client, tool, **decision)
            assert said.endswith("workbench token create --role approver")
            assert "not_allowed" in said
        assert (project.repo / "build").is_dir()
        project.cli("approve", held["approval_id"], "--reason", "a person looked")
        ended = await use(client, "run_status", run_id=held["run_id"], wait_seconds=30)
    assert ended["status"] == "succeeded", ended
    assert not (project.repo / "build").exists()


async def test_an_agent_sees_what_a_held_command_does_on_a_copy_before_it_is_decided(
    project: Project,
) -> None:
    (project.repo / "build").mkdir()
    async with agent(project) as client:
        held = await use(client, "run", command=RISKY)
        tried = await use(client, "preview", run_id=held["run_id"])
        assert (tried["deleted"], tried["is_current"]) == (["build/"], True)
        assert await use(client, "preview", run_id=held["run_id"]) == tried
        (asked,) = await use(client, "list_approvals")
        assert [(each["by"], each["counts"]["deleted"]) for each in asked["previews"]] == [("token:agent", 1)]
        again = await use(client, "preview", run_id=held["run_id"], again=True)
        assert again["artifact_id"] != tried["artifact_id"]
    assert (project.repo / "build").is_dir()


async def test_an_agent_sees_nothing_of_the_secrets_that_a_command_of_its_own_reads(
    project: Project,
) -> None:
    (project.repo / "secret.txt").write_text("KEY=abc-9917\n")
    commit_all(project.repo)
    async with agent(project, "--role", "approver") as client:
        held = await use(client, "run", command="git show HEAD:secret.txt")
        tried = await use(client, "preview", run_id=held["run_id"])
        assert "an agent approves nothing that it" in tried["withheld"]
        assert "9917" not in str(tried)
    shown = project.cli("preview", held["run_id"], "--json").json
    assert (shown["artifact_id"], shown["output_tail"]) == (tried["artifact_id"], "KEY=abc-9917")


async def test_what_an_approver_voted_counts_when_the_agent_has_left_before_the_next_one_votes(
    bench: Workbench, tmp_path: Path
) -> None:
    project = bench.add(make_repository(tmp_path / "repo"), approval_quorum=2)
    (project.repo / "build").mkdir()
    async with agent(project) as client:
        held = await use(client, "run", command=RISKY)
        (asked,) = await use(client, "list_approvals")
    decision = {key: asked[key] for key in ("approval_id", "subject_digest")}
    for person, status in (("ann", "pending"), ("bea", "approved")):
        async with agent(project, "--role", "approver", "--name", person, "--person", person) as client:
            voted = await use(client, "approve", **decision, reason="looked at it")
            assert voted["status"] == status
    ended = bench.wait(held["run_id"])
    assert ended["status"] == "succeeded", ended
    names = {f"token:{person}" for person in ("ann", "bea")}
    left = [token for token in bench.get("/api/tokens") if token["actor"] in names]
    assert [token["revoked_at"] for token in left] == [None, None]
    assert all(token["expires_at"] for token in left)


async def test_an_agent_that_may_approve_never_approves_its_own_where_a_second_person_is_asked_for(
    bench: Workbench, tmp_path: Path
) -> None:
    project = bench.add(make_repository(tmp_path / "repo"), forbid_self_approval=True)
    (project.repo / "build").mkdir()
    async with agent(project, "--role", "approver") as client:
        held = await use(client, "run", command=RISKY)
        (asked,) = await use(client, "list_approvals")
        decision = {
            "approval_id": asked["approval_id"],
            "subject_digest": asked["subject_digest"],
            "reason": "mine",
        }
        assert "second person" in await refusal(client, "approve", **decision)
        async with agent(project, "--role", "approver") as same_name:
            assert "second person" in await refusal(same_name, "approve", **decision)
        # Two agents that one person let in are that person twice, and so is the person.
        async with agent(project, "--role", "approver", "--name", "second") as second:
            assert "one person" in await refusal(second, "approve", **decision)
        said = project.cli("approve", asked["approval_id"], "--reason", "mine as well")
        assert "one person" in said.err
        bea = ("--role", "approver", "--name", "reviewer", "--person", "bea")
        async with agent(project, *bea) as other:
            approved = await use(other, "approve", **{**decision, "reason": "looked at it"})
        assert approved["status"] == "approved"
        ended = await use(client, "run_status", run_id=held["run_id"], wait_seconds=30)
    assert ended["status"] == "succeeded", ended
    decided = bench.run_of(held["run_id"])["approvals"][0]["decisions"]
    assert [(each["actor"], each["person"]) for each in decided] == [("token:reviewer", "bea")]


@pytest.mark.long
async def test_an_agent_that_may_approve_never_approves_its_own_whatever_the_project_says(
    project: Project,
) -> None:
    (project.repo / "build").mkdir()
    asks = ("--role", "approver")
    async with agent(project, *asks) as client, agent(project, *asks, "--name", "second") as second:
        held = await use(client, "run", command=RISKY)
        (asked,) = await use(client, "list_approvals")
        assert "an agent approves nothing that it" in asked["notice"]
        decision = {"approval_id": asked["approval_id"], "subject_digest": asked["subject_digest"]}
        for tried in (client, second):
            said = await refusal(tried, "approve", **decision, reason="mine")
            assert f"workbench approve {asked['approval_id']} --reason WHY" in said
        # Nor what the person who let it in asked for; they themselves may.
        mine = project.run("rm -rf build && echo mine")
        waits = [each for each in await use(client, "list_approvals") if each["run_id"] == mine["run_id"]]
        of_mine = {key: waits[0][key] for key in ("approval_id", "subject_digest")}
        assert "not_allowed" in await refusal(client, "approve", **of_mine, reason="for them")
        assert (await use(client, "deny", **of_mine, reason="not now"))["status"] == "denied"
        assert (project.repo / "build").is_dir()
        assert project.cli("approve", asked["approval_id"], "--reason", "a person looked").status == 0
        ended = await use(client, "run_status", run_id=held["run_id"], wait_seconds=30)
    assert ended["status"] == "succeeded", ended


async def test_a_viewer_starts_nothing_and_the_token_ends_with_the_session(project: Project) -> None:
    async with agent(project, "--role", "viewer") as client:
        assert "not_allowed" in await refusal(client, "run", command="ls")
        assert (await use(client, "check_policy", command="ls"))["verdict"] == "allow"
    made = [t for t in project.bench.get("/api/tokens") if t["project_id"] == project.project_id]
    assert [(t["actor"], t["role"], t["revoked_at"] is not None) for t in made] == [
        ("token:agent", "viewer", True)
    ]


async def test_an_agent_is_no_admin_and_outlives_a_restart_of_the_server(own: Project) -> None:
    said = own.cli("mcp", "--role", "admin")
    assert (said.status, said.out) == (2, b"")
    async with agent(own) as client:
        await use(client, "list_features")
        await asyncio.to_thread(own.bench.restart)
        assert len(await use(client, "list_features")) == 1


async def test_arguments_that_do_not_fit_are_refused_in_plain_words(project: Project) -> None:
    async with agent(project) as client:
        said = await refusal(client, "check_policy")
        assert "command is missing" in said
        assert "What to do:" in said
        wrong = await refusal(client, "run", command="ls", wait_seconds="soon")
        assert "wait_seconds:" in wrong
        for text in (said, wrong):
            assert "pydantic" not in text
            assert "validation error" not in text


@pytest.mark.parametrize("word", ["events", later("transcript"), later("terminal")])
async def test_an_id_leads_nowhere_but_to_its_run(project: Project, word: str) -> None:
    async with agent(project) as client:
        run = await use(client, "run", command="true")
        for run_id in (f"{run['run_id']}/{word}", f"../tokens/{word}", f"{run['run_id']}/../../tokens"):
            async with asyncio.timeout(20):
                said = await refusal(client, "run_status", run_id=run_id)
            assert said.startswith("Error executing tool run_status: invalid_input: ")
            await refusal(client, "run_logs", run_id=run_id)
            await refusal(client, "cancel_run", run_id=run_id, reason="x")
            await refusal(client, "approve", approval_id=run_id, subject_digest="x", reason="x")


async def test_another_projects_runs_and_questions_are_not_there_for_an_agent(
    bench: Workbench, tmp_path: Path
) -> None:
    mine = bench.add(make_repository(tmp_path / "mine"))
    other = bench.add(make_repository(tmp_path / "other"))
    (other.repo / "build").mkdir()
    done, held = other.run("true"), other.run(RISKY)
    (approval,) = held["approvals"]
    async with agent(mine, "--role", "approver") as client:
        for tool, arguments in (
            ("run_status", {"run_id": done["run_id"]}),
            ("run_logs", {"run_id": done["run_id"]}),
            ("cancel_run", {"run_id": held["run_id"], "reason": "x"}),
            (
                "approve",
                {
                    "approval_id": approval["approval_id"],
                    "subject_digest": approval["subject_digest"],
                    "reason": "x",
                },
            ),
        ):
            assert "not_allowed: this token is for project" in await refusal(client, tool, **arguments)
        # No argument names a project; one that is made up changes nothing.
        answer = await client.call_tool("list_approvals", {"project_id": other.project_id})
        assert approval["approval_id"] not in str(answer)
        answer = await client.call_tool("run", {"command": "true", "project_id": other.project_id})
        assert len(bench.get("/api/runs", project_id=other.project_id)) == 2
    assert bench.run_of(held["run_id"])["status"] == "blocked"


async def test_hostile_arguments_are_refused_in_words_and_the_door_stays_open(project: Project) -> None:
    async with agent(project) as client:
        for arguments in (
            {"command": "a" * 3_000_000},
            {"command": "true\0"},
            {"command": "true", "cwd": "../../etc"},
            {"command": "true", "cwd": "\0"},
            {"command": "true", "feature_id": "x" * 100_000},
            {"command": "true", "wait_seconds": "soon"},
            {"command": ["true"]},
            {},
        ):
            answer = await client.call_tool("run", arguments)
            text = str(answer)
            assert "Traceback" not in text
            assert 'File "' not in text
            assert len(text) < 20_000
        for seconds in (-1, 10**30):
            run = await use(client, "run", command="true", wait_seconds=seconds)
            await use(client, "run_status", run_id=run["run_id"], wait_seconds=seconds)
            await use(client, "run_logs", run_id=run["run_id"], last_characters=seconds)
        assert len(await use(client, "list_features")) == 1


def test_what_is_no_json_rpc_is_answered_or_passed_over_and_never_with_a_traceback(project: Project) -> None:
    hello = (
        b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18",'
        b'"capabilities":{},"clientInfo":{"name":"x","version":"1"}}}\n'
        b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n'
    )
    hostile = b"\n".join(
        [
            *(b"", b"{", b"null", b"[]", b"1", b'"x"', b"\xff\xfe\x00", b"{}", b"[" * 100_000),
            *(b'{"jsonrpc":"1.0","id":2,"method":"tools/list"}', b'{"jsonrpc":"2.0","id":2}'),
            b'{"jsonrpc":"2.0","id":{"a":1},"method":"tools/list"}',
            b'{"jsonrpc":"2.0","id":2,"method":"no/such"}',
            b'{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"no_such","arguments":{}}}',
            b'{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"run","arguments":[]}}',
            b'{"jsonrpc":"2.0","id":6,"method":"tools/call","params":'
            b'{"name":"check_policy","arguments":{"command":"\\ud800"}}}',
            b'{"jsonrpc":"2.0","id":5,"method":"tools/call","params":"' + b"x" * 5_000_000 + b'"}',
            b'{"jsonrpc":"2.0","id":"last","method":"ping"}\n',
        ]
    )
    said = project.cli("mcp", stdin=hello + hostile)
    assert b'"id":"last"' in said.out
    for text in (said.out, said.err_bytes):
        assert b"Traceback" not in text
        assert b'File "' not in text
