"""Line 3: a command runs, by command line or API alike, is watched, ended, timed out, and remembered."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.ground import make_repository
from support.processes import find_marked
from support.server import Project, Workbench
from support.terminal import read_terminal, wait_said


def test_the_command_line_and_the_api_do_the_same(project: Project) -> None:
    said = project.cli(
        "run", "--feature", "001-small-thing", "--json", "--", "echo one; echo two >&2; exit 4"
    )
    assert said.status == 4
    by_cli = said.json
    by_api = project.run("echo one; echo two >&2; exit 4", feature_id="001-small-thing")
    names = {"run_id", "created_at", "started_at", "ended_at", "steps", "approvals", "artifacts", "events"}
    differing = {name for name in by_cli if name not in names and by_cli[name] != by_api[name]}
    assert differing == set()
    assert [event["tag"] for event in by_cli["events"]] == [event["tag"] for event in by_api["events"]]
    assert [a["digest"] for a in by_cli["artifacts"]] == [a["digest"] for a in by_api["artifacts"]]
    assert by_cli["steps"][0]["subject_digest"] != ""


def test_pipe_mode_keeps_stdout_and_stderr_apart_to_the_byte(project: Project) -> None:
    command = project.script(
        "bytes.sh",
        r"""
for i in {0..255}; do printf "\\x$(printf %x $i)"; done
printf 'no newline at the end \xff\xfe' >&2
printf '\0\r\n\x1b[31mred\r'
""",
    )
    said = project.cli("run", "--mode", "pipe", "--", command)
    assert said.status == 0
    assert said.out == bytes(range(256)) + b"\0\r\n\x1b[31mred\r"
    assert said.err_bytes == b"no newline at the end \xff\xfe"
    seen = project.bench.watch(project.run(command)["run_id"])
    assert seen.streams == {
        "stdout": bytes(range(256)) + b"\0\r\n\x1b[31mred\r",
        "stderr": b"no newline at the end \xff\xfe",
    }


def test_in_a_terminal_the_command_sees_a_terminal_of_the_size_that_was_asked_for(project: Project) -> None:
    command = project.script("size.sh", "test -t 0 && test -t 1 && test -t 2 && stty size")
    run = project.run(command, mode="pty", rows=33, columns=101)
    assert project.bench.watch(run["run_id"]).streams == {"terminal": b"33 101\r\n"}


@pytest.mark.parametrize(("command", "status"), [("exit 3", 3), ("exit 75", 75), ("true", 0)])
def test_the_command_line_ends_with_the_commands_own_status(
    project: Project, command: str, status: int
) -> None:
    assert project.cli("run", "--", command).status == status


def test_a_wall_time_limit_ends_the_run_with_124(project: Project) -> None:
    said = project.cli("run", "--timeout", "1", "--", "sleep 1000")
    assert said.status == 124
    (run,) = project.bench.get("/api/runs", project_id=project.project_id)
    assert (run["status"], run["why"]) == ("failed", "Failed: timed out: the time limit was reached.")


def test_an_idle_time_limit_ends_the_run_with_124_and_output_keeps_it_alive(project: Project) -> None:
    said = project.cli("run", "--idle-timeout", "1", "--", "echo begun; sleep 1000")
    assert (said.status, said.out) == (124, b"begun\n")
    (run,) = project.bench.get("/api/runs", project_id=project.project_id)
    assert run["why"] == "Failed: timed out: no output within the idle limit."
    busy = project.script("busy.sh", "for i in 1 2 3 4; do echo $i; read -t 0.4 <> <(:); done; exit 0")
    assert project.cli("run", "--idle-timeout", "1", "--", busy).status == 0


def test_a_canceled_run_ends_the_command_line_with_130(project: Project, served: Workbench) -> None:
    made = project.cli("run", "--detach", "--json", "--", "echo begun; sleep 1000").json
    served.wait_output(made["run_id"], b"begun\n")
    followed = project.cli("cancel", made["run_id"], "--reason", "enough")
    assert followed.status == 0
    run = served.wait(made["run_id"])
    canceled = f"Canceled by {run['requested_by']}: enough; no process is left."
    assert (run["status"], run["why"]) == ("canceled", canceled)
    other = project.submit("sleep 1000")
    with served.terminal(other["run_id"]):
        served.wait(other["run_id"], lambda run: run["status"] == "running")
        served.post(f"/api/runs/{other['run_id']}/cancel", {"reason": "enough"})
    ended = served.wait(other["run_id"])
    assert (ended["status"], ended["steps"][0]["provider_status_raw"]) == ("canceled", "canceled")


def test_cancel_proves_that_no_process_is_left_not_even_a_daemon_that_ignores_term(
    project: Project, served: Workbench
) -> None:
    mark = f"stubborn-{project.project_id}"
    command = project.script(
        "stubborn.sh",
        f"""
trap '' TERM HUP INT
setsid bash -c "trap '' TERM HUP INT; (exec -a {mark} sleep 1000) & wait" < /dev/null > /dev/null 2>&1 &
(exec -a {mark} sleep 1000) &
until [ "$(grep -l -a {mark} /proc/[0-9]*/cmdline 2> /dev/null | wc -l)" -ge 2 ]; do :; done
echo ready
while :; do wait; done
""",
    )
    run = project.submit(command)
    served.wait_output(run["run_id"], b"ready\n")
    assert len(find_marked(mark)) >= 2
    served.post(f"/api/runs/{run['run_id']}/cancel", {"reason": "stop it"})
    ended = served.wait(run["run_id"])
    assert ended["status"] == "canceled"
    assert find_marked(mark) == []
    proof = next(event for event in ended["events"] if event["tag"] == "step:canceled")
    assert proof["payload"]["processes_left"] == 0


def test_what_a_run_leaves_in_the_background_ends_with_it(project: Project) -> None:
    mark = f"leftover-{project.project_id}"
    command = project.script("leave.sh", f"setsid bash -c 'exec -a {mark} sleep 1000' & echo left")
    run = project.run(command)
    assert run["status"] == "succeeded"
    assert find_marked(mark) == []


def test_a_run_that_has_ended_cannot_be_canceled_and_the_error_says_what_can_be_done(
    project: Project, served: Workbench
) -> None:
    run = project.run("true")
    answer = served.http.post(f"/api/runs/{run['run_id']}/cancel", json={"reason": "late"})
    assert (answer.status_code, answer.json()["code"]) == (409, "illegal_move")
    assert "succeeded" in answer.json()["detail"]
    assert run["moves"] == ["retry"]
    said = project.cli("cancel", run["run_id"], "--reason", "late")
    assert said.status != 0
    assert "what to do" in said.err


def test_history_is_linked_to_feature_and_rule_and_can_be_filtered(project: Project) -> None:
    linked = project.run("echo a", feature_id="001-small-thing")
    plain = project.run("exit 5")
    assert [r["run_id"] for r in project.cli("runs", "--json").json] == [plain["run_id"], linked["run_id"]]
    of_feature = project.cli("runs", "--feature", "001-small-thing", "--json").json
    assert [(r["run_id"], r["recommendation_rule_id"]) for r in of_feature] == [(linked["run_id"], None)]
    assert [r["run_id"] for r in project.cli("runs", "--status", "failed", "--json").json] == [
        plain["run_id"]
    ]
    shown = project.cli("show", linked["run_id"])
    assert "for 001-small-thing (rule none)" in shown.text
    assert "run:succeeded" in shown.text


def test_a_rule_is_recorded_only_for_what_it_recommends_now(project: Project, served: Workbench) -> None:
    (advice,) = served.get("/api/recommendations", project_id=project.project_id)
    found = advice["recommendation"]
    link = {"feature_id": found["feature_id"], "recommendation_rule_id": found["rule_id"]}
    made = project.run(found["command"], **link)
    assert made["recommendation_rule_id"] == found["rule_id"]
    for other in found["alternatives"]:
        run = project.run(other["command"], **link)
        assert run["recommendation_rule_id"] == found["rule_id"]
    before = len(served.get("/api/runs", project_id=project.project_id))
    for command, wrong in (
        ("echo other", link),
        (found["command"], {**link, "recommendation_rule_id": "no-such-rule"}),
        (found["command"], {"recommendation_rule_id": found["rule_id"]}),
    ):
        body = {"project_id": project.project_id, "command": command, **wrong}
        answer = served.http.post("/api/runs", json=body)
        assert (answer.status_code, bool(answer.json()["remedy"])) == (422, True), wrong
    assert len(served.get("/api/runs", project_id=project.project_id)) == before


def test_a_run_for_a_feature_that_is_not_there_is_refused_with_those_that_are(
    project: Project, served: Workbench
) -> None:
    body = {"project_id": project.project_id, "command": "true", "feature_id": "nosuch"}
    answer = served.http.post("/api/runs", json=body)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert "001-small-thing" in answer.json()["remedy"]
    said = project.cli("run", "--feature", "nosuch", "--", "true")
    assert (said.status, "001-small-thing" in said.err) == (2, True)
    assert served.get("/api/runs", project_id=project.project_id) == []


def test_cancel_says_the_end_once_nothing_is_left(project: Project) -> None:
    run = project.submit("sleep 1000")
    said = project.cli("cancel", run["run_id"], "--reason", "enough")
    assert said.status == 0
    assert "canceled" in said.text


def test_a_list_pages_by_cursor_without_losing_or_doubling_a_run(project: Project, served: Workbench) -> None:
    made = [project.run("true")["run_id"] for _ in range(5)]
    seen: list[str] = []
    cursor = None
    while True:
        params: dict[str, str | int] = {
            "project_id": project.project_id,
            "limit": 2,
            **({"cursor": cursor} if cursor else {}),
        }
        answer = served.http.get("/api/runs", params=params)
        seen += [run["run_id"] for run in answer.json()]
        cursor = answer.headers.get("X-Next-Cursor")
        if cursor is None:
            break
    assert seen == made[::-1]


def test_retry_needs_the_word_and_makes_a_new_run_that_names_the_old(
    project: Project, served: Workbench
) -> None:
    first = project.run("exit 1", feature_id="001-small-thing")
    refused = served.http.post(f"/api/runs/{first['run_id']}/retry", json={"acknowledge": False})
    assert refused.status_code == 422
    assert "--acknowledge" in refused.json()["remedy"]
    assert project.cli("retry", first["run_id"]).status == 2
    again = project.cli("retry", first["run_id"], "--acknowledge", "--json").json
    assert (again["retry_of_run_id"], again["feature_id"]) == (first["run_id"], "001-small-thing")
    assert served.wait(again["run_id"])["exit_code"] == 1
    assert served.run_of(first["run_id"])["status"] == "failed"


def test_an_idempotency_key_makes_one_run_however_often_it_comes(project: Project, served: Workbench) -> None:
    made = {project.submit("echo x >> effect", key="k1")["run_id"] for _ in range(5)}
    assert len(made) == 1
    served.wait(made.pop())
    assert (project.repo / "effect").read_text() == "x\n"
    other = served.http.post(
        "/api/runs",
        json={"project_id": project.project_id, "command": "echo y", "mode": "pipe"},
        headers={"Idempotency-Key": "k1"},
    )
    assert (other.status_code, other.json()["code"]) == (409, "conflict")


def test_detach_prints_the_run_at_once_as_one_json_document(project: Project, served: Workbench) -> None:
    said = project.cli("run", "--detach", "--json", "--", "sleep 1000")
    assert said.status == 0
    assert said.json["status"] in ("queued", "running")
    assert len(said.text.strip().splitlines()) == 1
    served.post(f"/api/runs/{said.json['run_id']}/cancel", {"reason": "seen"})
    assert served.wait(said.json["run_id"])["status"] == "canceled"


def test_logs_give_raw_bytes_plain_text_a_recording_and_found_lines(project: Project) -> None:
    command = project.script("colour.sh", r"printf '\033[31mred\033[0m one\r\nplain two\nThree\n'")
    run = project.run(command, mode="pty")
    raw = project.cli("logs", run["run_id"], "--raw").out
    assert raw == b"\x1b[31mred\x1b[0m one\r\r\nplain two\r\nThree\r\n"
    assert project.cli("logs", run["run_id"], "--text").text == "red one\nplain two\nThree\n"
    assert project.cli("logs", run["run_id"], "--search", "THREE").text == "3: Three\n"
    assert project.cli("logs", run["run_id"], "--search", "nowhere").text == ""
    head, *events = [
        json.loads(line) for line in project.cli("logs", run["run_id"], "--asciicast").text.splitlines()
    ]
    assert (head["version"], head["width"], head["height"]) == (2, 80, 24)
    assert "".join(event[2] for event in events if event[1] == "o").encode() == raw


def test_a_recording_is_played_by_asciinema_itself_byte_for_byte(project: Project, tmp_path: Path) -> None:
    command = project.script("colour.sh", r"printf '\033[31mred\033[0m one\r\n'; printf 'two\n'; exit 3")
    run = project.run(command, mode="pty")
    raw = project.cli("logs", run["run_id"], "--raw").out
    recording = tmp_path / "run.cast"
    recording.write_bytes(project.cli("logs", run["run_id"], "--asciicast").out)
    played = subprocess.run(
        [sys.executable, "-m", "asciinema", "cat", str(recording)], capture_output=True, check=True
    )
    assert played.stdout == raw
    head, *events = [
        json.loads(line) for line in project.cli("logs", run["run_id"], "--asciicast-v3").text.splitlines()
    ]
    assert (head["version"], head["term"]) == (3, {"cols": 80, "rows": 24})
    assert "".join(event[2] for event in events if event[1] == "o").encode() == raw
    assert events[-1][1:] == ["x", "3"]
    second = [json.loads(line) for line in recording.read_text().splitlines()[1:]]
    assert sum(event[0] for event in events) == pytest.approx(second[-1][0])


def test_logs_follow_a_run_to_its_end(project: Project) -> None:
    command = project.script("gate.sh", "echo one; until [ -e go ]; do read -t 0.02 <> <(:); done; echo two")
    run = project.submit(command)
    project.bench.wait_output(run["run_id"], b"one\n")
    (project.repo / "go").touch()
    assert project.cli("logs", run["run_id"], "--follow").out == b"one\ntwo\n"


def test_a_command_inside_a_git_repository_that_is_no_project_adds_it_and_says_so(
    served: Workbench, tmp_path: Path
) -> None:
    repo = make_repository(tmp_path / "fresh", {"a.txt": "a\n"})
    said = served.cli("run", "--", "cat a.txt", cwd=repo)
    assert (said.status, said.out) == (0, b"a\n")
    assert re.search(rf"Added {re.escape(str(repo))} as project fresh \(prj_\w+\)", said.err)
    outside = tmp_path / "outside"
    outside.mkdir()
    refused = served.cli("run", "--", "true", cwd=outside)
    assert refused.status == 2
    assert "workbench project add" in refused.err


def test_typing_reaches_the_command_only_from_the_holder_of_the_lease(
    project: Project, served: Workbench
) -> None:
    command = project.script("ask.sh", "echo ready; read -r line; echo got:$line")
    run = project.submit(command, mode="pty")
    with served.terminal(run["run_id"]) as first, served.terminal(run["run_id"]) as second:
        seen = read_terminal(first, until=b"ready\r\n")
        other = read_terminal(second, until=b"ready\r\n")
        first.send(json.dumps({"type": "lease"}))
        assert wait_said(first, seen, "lease")["held"] is True
        second.send(json.dumps({"type": "lease"}))
        assert wait_said(second, other, "lease")["held"] is False
        second.send(b"from the second\n")
        # An answer to a message that was sent later proves that the input before it was dealt with.
        second.send(json.dumps({"type": "lease"}))
        wait_said(second, other, "lease")
        first.send(b"from the first\n")
        while not (seen.said and seen.said[-1]["type"] == "ended"):
            seen.take(first.recv(timeout=30))
    assert seen.data == b"ready\r\nfrom the first\r\ngot:from the first\r\n"
    tags = [event["tag"] for event in served.run_of(run["run_id"])["events"]]
    assert tags.count("terminal:lease_taken") == 1


def test_toolchains_are_seen_read_only_and_nothing_else_of_the_machine_is(
    served: Workbench, tmp_path: Path
) -> None:
    tool = tmp_path.resolve() / "toolchain"
    (tool / "bin").mkdir(parents=True)
    program = tool / "bin" / "mytool"
    program.write_text("#!/bin/sh\necho from the toolchain\n")
    program.chmod(0o755)
    hidden = tmp_path.resolve() / "hidden"
    hidden.mkdir()
    (hidden / "secret.txt").write_text("secret\n")
    repo = make_repository(tmp_path / "repo", {"a": "a"})
    project = served.add(repo, toolchains=[str(tool)])
    command = project.script(
        "look.sh",
        f"mytool; test -w {tool}/bin || echo read-only; echo x > {tool}/bin/mytool || echo refused; "
        f"ls {hidden} 2> /dev/null || echo hidden",
    )
    run = project.run(command)
    assert served.watch(run["run_id"]).streams["stdout"].splitlines() == [
        b"from the toolchain",
        b"read-only",
        b"refused",
        b"hidden",
    ]
    assert program.read_text().startswith("#!/bin/sh")


def test_a_run_for_a_feature_keeps_the_rule_that_recommended_it(project: Project) -> None:
    advice = project.cli("next", "--json").json
    feature, found = advice["feature_id"], advice["recommendation"]
    words = ("run", "--feature", feature, "--rule", found["rule_id"])
    assert project.cli(*words, "--", "true").status == 2, "another command than the rule's"
    assert f"workbench run --feature {feature} --rule {found['rule_id']} -- " in project.cli("next").text
    project.cli(*words, "--detach", "--", found["command"])
    (run,) = project.bench.get("/api/runs", project_id=project.project_id)
    assert (run["feature_id"], run["recommendation_rule_id"]) == (feature, found["rule_id"])
