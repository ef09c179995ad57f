"""Line 8: what is cut is resumed, with nothing lost and nothing doubled."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from support.ground import make_repository
from support.server import Project, Workbench
from support.terminal import read_terminal

WAITING = "until [ -e go ]; do read -t 0.02 <> <(:); done"


def test_events_resume_after_the_last_one_seen_over_any_cut(project: Project, served: Workbench) -> None:
    run = project.run("echo hi")
    whole = [event["seq"] for event in run["events"]]
    for cut in range(len(whole)):
        seen: list[int] = []
        for event in served.events(run["run_id"]):
            if len(seen) == cut:
                break
            seen.append(event["seq"])
        after = seen[-1] if seen else 0
        for event in served.events(run["run_id"], after=after):
            seen.append(event["seq"])
            if len(seen) == len(whole):
                break
        assert seen == whole


def test_events_resume_over_a_restart_of_the_server(own: Project, bench: Workbench) -> None:
    command = own.script("gate.sh", f"echo one; {WAITING}; echo two")
    run = own.submit(command)
    seen: list[tuple[int, str]] = []
    for event in bench.events(run["run_id"]):
        seen.append((event["seq"], event["tag"]))
        if event["tag"] == "step:started":
            break
    bench.kill()
    bench.start()
    (own.repo / "go").touch()
    for event in bench.events(run["run_id"], after=seen[-1][0]):
        seen.append((event["seq"], event["tag"]))
        if event["tag"] in ("run:succeeded", "run:failed", "run:canceled"):
            break
    assert seen[-1][1] == "run:succeeded"
    assert seen == [(event["seq"], event["tag"]) for event in bench.run_of(run["run_id"])["events"]]


def test_a_whole_projects_events_come_once_each_in_order(project: Project, served: Workbench) -> None:
    for _ in range(3):
        project.run("true")
    wanted = sum(
        len(served.run_of(r["run_id"])["events"])
        for r in served.get("/api/runs", project_id=project.project_id)
    )
    seqs: list[int] = []
    with served.http.stream("GET", "/api/events", params={"project_id": project.project_id}) as answer:
        for line in answer.iter_lines():
            if line.startswith("id: "):
                seqs.append(int(line[4:]))
                if len(seqs) == wanted:
                    break
    assert seqs == list(range(1, wanted + 1))


def test_a_senseless_last_event_id_is_refused_with_a_remedy(project: Project, served: Workbench) -> None:
    run = project.run("true")
    answer = served.http.get(f"/api/runs/{run['run_id']}/events", headers={"Last-Event-ID": "yesterday"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")


def test_output_resumes_at_any_offset_with_the_same_bytes(project: Project, served: Workbench) -> None:
    run = project.run("seq 1 3000")
    whole = served.watch(run["run_id"]).data
    assert whole == b"".join(b"%d\n" % number for number in range(1, 3001))
    for offset in (0, 1, 7, len(whole) // 2, len(whole) - 1, len(whole)):
        assert served.watch(run["run_id"], offset=offset).data == whole[offset:]
    for beyond in (len(whole) + 5, 99_999_999_999):
        seen = served.watch(run["run_id"], offset=beyond)
        assert (seen.data, seen.said[-1]["type"], seen.said[-1]["offset"]) == (b"", "ended", len(whole))


def test_a_terminal_that_cannot_be_says_what_is_wrong_and_only_to_whoever_may_come_in(
    project: Project, served: Workbench, tmp_path: Path
) -> None:
    run_id = project.run("true")["run_id"]
    other = served.make_token(
        "viewer", project_id=served.add(make_repository(tmp_path / "other")).project_id
    )["token"]
    for run, offset, token, code, words in (
        (run_id, "-5", "", 4022, "offset '-5'"),
        (run_id, "abc", "", 4022, "offset 'abc'"),
        (run_id, "9" * 30, "", 4022, "no position"),
        ("run_nope", "0", "", 4004, "run_nope"),
        ("run_" + "ü" * 200, "0", "", 4004, "not_found"),
        (run_id, "0", other, 4003, "not_allowed"),
    ):
        with served.terminal(quote(run), offset=offset, token=token) as socket:
            with pytest.raises(ConnectionClosed) as closed:
                socket.recv(timeout=30)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == code
        assert words in closed.value.rcvd.reason
        with pytest.raises(InvalidStatus):
            served.terminal(quote(run), offset=offset, token="wb_made_up")


def test_output_resumes_over_a_cut_and_over_a_restart_of_the_server(own: Project, bench: Workbench) -> None:
    loop = "for i in {1..2000}; do echo WORD $i; done"
    text = f"{loop.replace('WORD', 'first')}; {WAITING}; {loop.replace('WORD', 'second')}"
    run = own.submit(own.script("gate.sh", text), mode="pty")
    with bench.terminal(run["run_id"]) as socket:
        seen = read_terminal(socket, until=b"first 900\r\n").data
    # One frame may bring more than was waited for; the cut is where it is meant to be.
    head = seen[: seen.index(b"first 900\r\n") + 4]
    more = bench.watch(run["run_id"], offset=len(head), until=b"first 2000\r\n")
    bench.kill()
    (own.repo / "go").touch()
    bench.start()
    rest = bench.watch(run["run_id"], offset=more.end)
    whole = head + more.data + rest.data
    lines = [f"{word} {i}" for word in ("first", "second") for i in range(1, 2001)]
    assert whole.decode().split("\r\n") == [*lines, ""]
    assert rest.said[-1]["type"] == "ended"
    assert (rest.said[-1]["exit_code"], rest.said[-1]["offset"]) == (0, len(whole))
    assert own.cli("logs", run["run_id"], "--raw").out == whole


def test_a_terminal_opened_before_the_start_waits_and_goes_live(project: Project, served: Workbench) -> None:
    run = project.run("rm -rf build && echo live")
    (approval,) = run["approvals"]
    with served.terminal(run["run_id"]) as socket:
        first = json.loads(socket.recv(timeout=30))
        assert (first["type"], first["status"], first["blocked_by"]) == ("waiting", "blocked", "approval")
        served.post(f"/api/approvals/{approval['approval_id']}/approve", {"reason": "fine"})
        seen = read_terminal(socket)
    assert seen.data == b"live\n"
    assert seen.said[-1]["exit_code"] == 0


def test_many_viewers_see_the_same_bytes(project: Project, served: Workbench) -> None:
    run = project.submit(project.script("gate.sh", f"echo one; {WAITING}; seq 1 5000"))
    sockets = [served.terminal(run["run_id"]) for _ in range(8)]
    served.wait_output(run["run_id"], b"one\n")
    (project.repo / "go").touch()
    views = []
    for socket in sockets:
        with socket:
            views.append(read_terminal(socket).data)
    assert len(set(views)) == 1
    assert views[0].endswith(b"5000\n")
