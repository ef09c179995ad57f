"""Line 10: bad input and a bad machine get a clear error with a remedy, and nothing is lost."""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import sqlite3
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.fixtures import Start
from support.ground import commit_all, make_repository, write_tree
from support.long import later
from support.namespaces import mend_bubblewrap, with_small_disk, without_bubblewrap, without_user_namespaces
from support.server import Project, StartFailed, Workbench, running
from workbench.ledger.schema import LATEST

EXAMPLES = Path(__file__).parents[2] / "examples"


def assert_is_problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The answer is an RFC 9457 document that says what happened and what to do."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert set(problem) == {"type", "title", "status", "detail", "code", "remedy"}
    assert (problem["code"], problem["status"]) == (code, status)
    assert problem["detail"]
    assert problem["remedy"]
    return problem


# -- documents ---------------------------------------------------------------------------------------


def test_a_repository_with_none_of_the_layouts_says_so_and_is_no_error(
    served: Workbench, tmp_path: Path
) -> None:
    repo = make_repository(tmp_path / "repo", {"main.c": "int main(void) { return 0; }\n"})
    features = served.cli("features", "--json", cwd=repo)
    assert (features.status, features.json) == (0, [])
    assert features.err.strip()
    following = served.cli("next", "--json", cwd=repo)
    assert (following.status, following.json["recommendation"]) == (0, None)
    assert following.json["reason"]
    project = served.add(repo)
    assert served.get("/api/features", project_id=project.project_id) == []
    assert served.get("/api/discovery", project_id=project.project_id)["reason"]
    assert served.get("/api/recommendations", project_id=project.project_id) == []


def test_broken_yaml_in_one_file_is_named_with_its_line_and_the_rest_is_read(
    served: Workbench, tmp_path: Path
) -> None:
    repo = tmp_path / "repo"
    shutil.copytree(EXAMPLES / "ccdash-board", repo)
    commit_all(repo)
    whole = served.cli("features", "--json", cwd=repo).json
    broken = "docs/project_plans/PRDs/enhancements/broken-v1.md"
    write_tree(repo, {broken: "---\ndoc_type: prd\ntitle: [unclosed\nstatus: draft\n---\n# Broken\n"})
    said = served.cli("features", "--json", cwd=repo)
    assert said.status == 0
    assert {f["feature_id"] for f in whole} <= {f["feature_id"] for f in said.json}
    assert re.search(rf"{re.escape(broken)}:\d+: ", said.err)


# -- workspaces --------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["/", "~", "holds the home", "inside the home", "missing", "a file"])
def test_a_folder_that_may_not_be_a_workspace_is_refused_with_the_reason(
    served: Workbench, tmp_path: Path, place: str
) -> None:
    (tmp_path / "file").touch()
    path = {
        "~": str(Path.home()),
        "holds the home": str(served.home.parent),
        "inside the home": str(served.home / "runs"),
        "missing": str(tmp_path / "missing"),
        "a file": str(tmp_path / "file"),
    }.get(place, place)
    before = served.get("/api/projects")
    said = served.cli("project", "add", path)
    assert said.status == 2
    assert "what to do: " in said.err
    assert served.get("/api/projects") == before
    answer = served.http.post("/api/projects", json={"path": path})
    assert answer.status_code == 422
    assert answer.json()["remedy"]


def test_a_workspace_that_became_another_folder_is_not_run_in(project: Project, tmp_path: Path) -> None:
    elsewhere = make_repository(tmp_path / "elsewhere", {"a": "a"})
    project.repo.rename(tmp_path / "moved")
    project.repo.symlink_to(elsewhere)
    run = project.run("touch planted")
    assert run["status"] in ("failed", "blocked")
    assert not (elsewhere / "planted").exists()


# -- the server's own start --------------------------------------------------------------------------


def test_a_port_that_somebody_named_and_another_program_holds_is_refused_with_a_way_out(
    tmp_path: Path,
) -> None:
    with contextlib.closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        bench = Workbench(home=tmp_path / "home")
        with pytest.raises(StartFailed) as caught:
            bench.start(port=port)
        assert caught.value.answer["code"] == "port_in_use"
        assert str(port) in caught.value.answer["message"]
        assert "--port" in caught.value.answer["remedy"]
        said = bench.cli("up", "--detach", "--no-browser", "--port", "99999")
        assert (said.status, "65535" in said.err) == (2, True)
        said = bench.cli("up", "--detach", "--no-browser", "--port", str(port))
        assert said.status == 1
        assert (str(port) in said.err, "what to do: " in said.err) == (True, True)


def test_the_default_port_is_only_a_habit_a_free_one_is_taken_when_it_is_in_use(tmp_path: Path) -> None:
    with contextlib.closing(socket.socket()) as taken:
        # If somebody else holds it already, that is the same situation.
        with contextlib.suppress(OSError):
            taken.bind(("127.0.0.1", 7717))
            taken.listen()
        bench = Workbench(home=tmp_path / "home")
        try:
            bench.start(port=None)
            assert not bench.url.endswith(":7717")
            assert bench.cli("status", "--json").json["url"] == bench.url
        finally:
            bench.close()


def test_a_second_server_for_the_same_home_is_refused_and_the_first_goes_on(bench: Workbench) -> None:
    second = Workbench(home=bench.home)
    with pytest.raises(StartFailed) as caught:
        second.start()
    assert caught.value.answer["code"] == "already_running"
    assert bench.get("/api/status")["ready"] is True


def test_a_database_of_a_newer_version_is_refused_and_left_as_it_is(own: Project, bench: Workbench) -> None:
    run = own.run("echo kept")
    bench.stop()
    with contextlib.closing(sqlite3.connect(bench.home / "ledger.db")) as ledger:
        ledger.execute("UPDATE alembic_version SET version_num = '9999'")
        ledger.commit()
    with pytest.raises(StartFailed) as caught:
        bench.start()
    assert caught.value.answer["code"] == "database_too_new"
    assert "9999" in caught.value.answer["message"]
    assert "newer" in caught.value.answer["remedy"]
    with contextlib.closing(sqlite3.connect(bench.home / "ledger.db")) as ledger:
        assert ledger.execute("SELECT version_num FROM alembic_version").fetchone() == ("9999",)
        ledger.execute("UPDATE alembic_version SET version_num = ?", (LATEST,))
        ledger.commit()
    bench.start()
    assert bench.run_of(run["run_id"])["status"] == "succeeded"


@pytest.mark.parametrize(
    ("setting", "value", "word"),
    [("PORT", "many", "port"), ("LOG_LEVEL", "loud", "log_level"), ("DATABASE_URL", "mysql://x/y", "mysql")],
)
def test_a_setting_that_cannot_be_is_named_with_what_it_takes(
    tmp_path: Path, setting: str, value: str, word: str
) -> None:
    bench = Workbench(home=tmp_path / "home", settings={f"WORKBENCH_{setting}": value})
    said = bench.cli("up", "--no-browser")
    assert said.status == 2
    assert word in said.err
    assert "what to do: " in said.err
    assert "Traceback" not in said.err


def test_a_damaged_database_is_refused_without_being_touched(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "ledger.db").write_bytes(b"this is no database, but somebody's bytes" * 200)
    with pytest.raises(StartFailed) as caught:
        Workbench(home=home).start()
    assert caught.value.answer["code"] == "ledger_unavailable"
    assert "back-up" in caught.value.answer["remedy"]
    assert (home / "ledger.db").read_bytes().startswith(b"this is no database")


# -- the machine -------------------------------------------------------------------------------------


@pytest.mark.parametrize("machine", [later(without_bubblewrap), without_user_namespaces])
def test_without_a_sandbox_the_server_serves_holds_every_run_and_says_how_to_mend_it(
    start: Start, tmp_path: Path, machine: Any
) -> None:
    bench = start(prefix=machine())
    project = bench.add(make_repository(tmp_path / "repo"))
    assert bench.get("/api/features", project_id=project.project_id)
    said = project.cli("run", "--", "echo x >> effect")
    assert said.status == 69
    assert re.search(r"apt install bubblewrap|namespaces", said.err)
    (run,) = bench.get("/api/runs", project_id=project.project_id)
    assert (run["status"], run["blocked_by"]) == ("blocked", "connector_unavailable")
    assert not (project.repo / "effect").exists()
    (local,) = bench.get("/api/connectors")
    assert local["is_ready"] is False
    assert all(problem["remedy"] for problem in local["problems"])
    assert "local starts nothing: " in bench.cli("up", "--detach", "--no-browser").err
    told = bench.cli("status", "--json").json["connectors"]
    assert told == [{k: local[k] for k in ("connector_id", "is_ready", "problems")}]
    status = bench.cli("status").text
    assert f"local starts nothing: {local['problems'][0]['message']}" in status
    assert f"what to do: {local['problems'][0]['remedy']}" in status
    bench.stop()
    bench.prefix = ()
    bench.start()
    again = bench.post(f"/api/runs/{run['run_id']}/retry", {"acknowledge": True})
    assert bench.wait(again["run_id"])["status"] == "succeeded"
    assert (project.repo / "effect").read_text() == "x\n"


def test_a_sandbox_that_was_mended_starts_what_it_held_without_a_restart(
    start: Start, tmp_path: Path
) -> None:
    bench = start(prefix=without_bubblewrap())
    project = bench.add(make_repository(tmp_path / "repo"))
    assert project.cli("run", "--", "echo x >> effect").status == 69
    (run,) = bench.get("/api/runs", project_id=project.project_id)
    assert bench.process is not None
    mend_bubblewrap(bench.process.pid)
    again = bench.post(f"/api/runs/{run['run_id']}/retry", {"acknowledge": True})
    assert bench.wait(again["run_id"])["status"] == "succeeded"
    assert (project.repo / "effect").read_text() == "x\n"
    (local,) = bench.get("/api/connectors")
    assert (local["is_ready"], local["problems"]) == (True, [])
    assert "starts nothing" not in bench.cli("status").text


@pytest.mark.parametrize("machine", [without_bubblewrap, later(without_user_namespaces)])
def test_doctor_says_what_is_missing_and_how_to_mend_it(tmp_path: Path, machine: Any) -> None:
    said = Workbench(home=tmp_path / "home").cli("doctor", "--json", prefix=machine())
    assert said.status == 1
    failed = [check for check in said.json if not check["ok"]]
    assert failed
    assert all(check["remedy"] for check in failed)
    assert any("sandbox" in check["name"] for check in failed)


def test_doctor_finds_a_whole_machine_whole(tmp_path: Path) -> None:
    said = Workbench(home=tmp_path / "home").cli("doctor", "--json")
    sandbox = [check for check in said.json if check["name"].startswith("sandbox")]
    assert sandbox
    assert [check for check in sandbox if not check["ok"]] == []


def test_a_full_disk_under_the_transcript_stops_the_log_not_the_command_and_says_so(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with running(home, prefix=with_small_disk(home / "runs", size_bytes=2 << 20)) as bench:
        project = bench.add(make_repository(tmp_path / "repo"))
        filler = Path(f"{bench.root}{home}/runs/filler")
        filler.write_bytes(b"\0" * (1 << 20))
        small = project.run("echo kept")
        flood = project.run("seq 1 600000; echo done >> effect")
        assert (flood["status"], flood["exit_code"]) == ("succeeded", 0)
        assert (project.repo / "effect").read_text() == "done\n"
        (artifact,) = flood["artifacts"]
        assert artifact["truncated"] is True
        assert 0 < artifact["size_bytes"] < 1 << 20
        (end,) = [event for event in flood["events"] if event["tag"] == "step:succeeded"]
        whole = b"".join(b"%d\n" % number for number in range(1, 600001))
        assert end["payload"]["output_bytes"] + end["payload"]["dropped_bytes"] == len(whole)
        seen = bench.watch(flood["run_id"]).data
        assert whole.startswith(seen)
        assert bench.watch(small["run_id"]).data == b"kept\n"
        # Space is made: everything goes on.
        filler.unlink()
        assert bench.watch(project.run("echo again")["run_id"]).data == b"again\n"
        assert bench.get("/api/audit/verify", project_id=project.project_id)["ok"] is True


def test_a_disk_too_full_for_a_step_ends_the_run_at_once_and_every_reader_is_told(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with running(home, prefix=with_small_disk(home / "runs", size_bytes=2 << 20)) as bench:
        project = bench.add(make_repository(tmp_path / "repo"))
        cut = bench.cli("run", "--mode", "pipe", "--", "seq 1 600000", cwd=project.repo)
        whole = b"".join(b"%d\n" % number for number in range(1, 600001))
        assert cut.status == 0
        assert whole.startswith(cut.out)
        assert f"the output is not whole: {len(whole) - len(cut.out)} bytes of it were not kept" in cut.err
        filler = Path(f"{bench.root}{home}/runs/filler")
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"\0" * 512)
        said = bench.cli("run", "--", "echo x", cwd=project.repo)
        assert said.status == 1
        assert "No space left on device" in said.err
        (run, *_) = bench.get("/api/runs", project_id=project.project_id)
        followed = bench.cli("logs", run["run_id"], "--follow")
        assert b"Traceback" not in followed.err_bytes
        raw = bench.cli("logs", run["run_id"], "--raw")
        assert raw.status != 0
        assert "left no transcript" in raw.err


def test_a_full_disk_under_the_ledger_refuses_requests_and_keeps_what_was_written(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with running(home, prefix=with_small_disk(home, size_bytes=6 << 20)) as bench:
        project = bench.add(make_repository(tmp_path / "repo"))
        run = project.run("echo before")
        filler = Path(f"{bench.root}{home}/filler")
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"\0" * 4096)
        body = {"project_id": project.project_id, "command": "echo during", "mode": "pipe"}
        answers = [bench.http.post("/api/runs", json=body) for _ in range(40)]
        refused = [answer for answer in answers if answer.status_code != 201]
        assert refused
        problem = assert_is_problem(refused[-1], 503, "ledger_unavailable")
        assert "free space" in problem["remedy"]
        filler.unlink()
        assert bench.run_of(run["run_id"])["status"] == "succeeded"
        assert project.run("echo after")["status"] == "succeeded"
        for answer in answers:
            if answer.status_code == 201:
                assert bench.wait(answer.json()["run_id"])["status"] in ("succeeded", "failed")
        assert bench.get("/api/audit/verify", project_id=project.project_id)["ok"] is True


# -- requests ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words", [("show",), ("logs",), ("cancel",), ("retry", "--acknowledge"), ("refresh",)]
)
def test_an_unknown_run_is_named_and_the_way_to_find_one_is_told(
    served: Workbench, words: tuple[str, ...]
) -> None:
    said = served.cli(words[0], "run_unknown", *words[1:])
    assert said.status == 2
    assert "run_unknown" in said.err
    assert "workbench runs" in said.err


def test_every_path_of_an_unknown_run_answers_404_as_a_problem(served: Workbench) -> None:
    for path in ("", "/events", "/transcript"):
        assert_is_problem(served.http.get(f"/api/runs/run_unknown{path}"), 404, "not_found")
    for path, body in (("cancel", {"reason": "x"}), ("retry", {"acknowledge": True}), ("refresh", {})):
        assert_is_problem(served.http.post(f"/api/runs/run_unknown/{path}", json=body), 404, "not_found")
    assert_is_problem(served.http.get("/api/approvals/apr_unknown"), 404, "not_found")
    assert_is_problem(served.http.get("/api/artifacts/art_unknown"), 404, "not_found")
    assert_is_problem(served.http.get("/api/nothing"), 404, "not_found")
    assert_is_problem(served.http.get("/api/runs", params={"project_id": "prj_unknown"}), 404, "not_found")


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'"text"', b"\xff\xfe", b'{"command": 1}', b"[" * 50_000, b'{"a": NaN}'],
    ids=repr,
)
def test_a_body_that_is_no_request_is_refused_with_the_field_named(served: Workbench, content: bytes) -> None:
    content_id = content[:20]
    answer = served.http.post("/api/runs", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422), (content_id, answer.text)
    assert answer.json()["remedy"]


def test_bodies_of_another_kind_or_too_large_are_refused(project: Project, served: Workbench) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        answer = served.http.post("/api/runs", content=b'{"command":"ls"}', headers={"Content-Type": kind})
        assert_is_problem(answer, 422, "invalid_input")
    large = b'{"command": "' + b"x" * (2 << 20) + b'"}'
    answer = served.http.post("/api/runs", content=large, headers={"Content-Type": "application/json"})
    assert_is_problem(answer, 422, "invalid_input")
    assert served.get("/api/runs", project_id=project.project_id) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"command": ""},
        {"command": "   "},
        {"command": "ls \0"},
        {"command": "x" * 70_000},
        {"command": "ls", "cwd": "../.."},
        {"command": "ls", "cwd": "no/such/folder"},
        {"command": "ls", "env_profile": "nope"},
        {"command": "ls", "connector": "nope"},
        {"command": "ls", "mode": "telepathy"},
        {"command": "ls", "timeout_seconds": 0},
        {"command": "ls", "timeout_seconds": -1},
        {"command": "ls", "rows": 0},
        {"command": "ls", "unknown_field": 1},
    ],
    ids=lambda fields: str(fields)[:40],
)
def test_a_request_that_cannot_be_never_starts_and_says_what_is_wrong(
    project: Project, served: Workbench, fields: dict[str, Any]
) -> None:
    answer = served.http.post("/api/runs", json={"project_id": project.project_id, "mode": "pipe", **fields})
    if answer.status_code == 201:
        ended = served.wait(answer.json()["run_id"])
        assert ended["status"] in ("blocked", "failed")
        assert (ended["blocked_by"] in ("boundary", "policy", None), bool(ended["why"])) == (True, True)
    else:
        assert answer.status_code in (404, 422)
        assert answer.json()["remedy"]


@pytest.mark.parametrize("body", [b"[" * 100_000, b"{", b'{"a": "\xff"}', b""])
def test_a_body_that_cannot_be_read_is_bad_input_whatever_is_wrong_with_it(
    served: Workbench, body: bytes
) -> None:
    kind = {"Content-Type": "application/json"}
    answer = served.http.post("/api/runs", content=body, headers=kind)
    assert_is_problem(answer, 422, "invalid_input")


def test_a_method_that_a_page_does_not_take_is_refused_as_such(served: Workbench) -> None:
    answer = served.http.head("/runs")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")


def test_the_command_line_without_a_server_to_stop_says_so(tmp_path: Path) -> None:
    bench = Workbench(home=tmp_path / "home")
    said = bench.cli("down")
    assert said.status == 74
    assert "workbench up" in said.err
    assert bench.cli("status", "--json").json["ready"] is False


def test_what_fails_inside_never_shows_a_traceback_to_the_caller(served: Workbench) -> None:
    for words in (("run",), ("approve", "apr_x", "--reason", "y"), ("token", "create", "--role", "king")):
        said = served.cli(*words)
        assert said.status != 0
        assert "Traceback" not in said.err
        assert said.err.strip()
