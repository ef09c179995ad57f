"""A preview shows nobody what the approval it comes before guards, and no other subject than that one."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from support.ground import GIT, write_tree
from support.server import Project, Workbench

SECRET = "SECRET=abc-9917-abc"


@pytest.fixture
def guarded(project: Project) -> Project:
    """A project whose secrets lie in its tree, and in what git keeps of it."""
    write_tree(
        project.repo,
        {
            ".env": f"{SECRET}\n",
            "keys/id_rsa": "KEY-9917\n",
            "Makefile": "leak:\n\tcat .env\nmk:\n\trm -rf src d5\n",
            "src/a.txt": "a\n",
        },
    )
    subprocess.run([*GIT, "add", "-A"], cwd=project.repo, check=True)
    subprocess.run([*GIT, "commit", "-qm", "more"], cwd=project.repo, check=True)
    return project


def ask(bench: Workbench, role: str, run: dict[str, Any]) -> dict[str, Any]:
    """Has somebody of this role preview the run, and returns what they are answered."""
    with bench.as_token(bench.make_token(role)["token"]) as client:
        answer = client.post(f"/api/runs/{run['run_id']}/preview")
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found


def fetch(bench: Workbench, role: str, artifact_id: str) -> list[str]:
    """Returns what somebody of this role is answered wherever a preview can be read later."""
    with bench.as_token(bench.make_token(role)["token"]) as client:
        answers = [client.get(f"/api/{kind}/{artifact_id}") for kind in ("artifacts", "previews")]
        assert [answer.status_code for answer in answers] == [200, 200]
        return [answer.text for answer in answers]


@pytest.mark.parametrize(
    "command",
    [
        *("cat .env", "base64 .env", "cat keys/id_rsa", "cat .env > out.txt", "make leak"),
        *("cp .env plain; cat plain", "tar c . | base64", "python3 -c 'print(open(chr(46)+\"env\").read())'"),
    ],
)
def test_no_preview_shows_what_a_file_of_secrets_holds(
    guarded: Project, served: Workbench, command: str
) -> None:
    run = guarded.run(command)
    assert run["blocked_by"] == "approval"
    found = served.post(f"/api/runs/{run['run_id']}/preview", {})
    told = json.dumps(found) + "".join(fetch(served, "admin", found["artifact_id"]))
    for secret in ("-9917", "OTkxN", "Fiyy05OTE3", "ktOTkxNy"):
        assert secret not in told
    assert found["emptied"] == [".env", "keys/id_rsa"]
    assert ".env" not in [*found["changed"], *found["deleted"]]
    assert (guarded.repo / ".env").read_text() == f"{SECRET}\n"


SPOKEN = "git show HEAD:.env"


@pytest.mark.parametrize(
    "command",
    [
        *(SPOKEN, f"{SPOKEN} > out.txt", f'touch "$({SPOKEN})"', f'/bin/echo "$({SPOKEN})"'),
        f"rm -rf src; {SPOKEN} | xargs mkdir",
    ],
)
def test_what_a_command_reads_out_of_git_is_for_who_may_approve_it(
    guarded: Project, served: Workbench, command: str
) -> None:
    run = guarded.run(command)
    assert "reads_secret" in run["approvals"][0]["reason_codes"]
    found = ask(served, "operator", run)
    assert "-9917" not in json.dumps(found)
    assert "shown to who may approve it, anybody who is approver" in found["withheld"]
    # What happened is told in numbers all the same.
    assert (found["end_reason"], found["is_current"]) == ("exited", True)
    assert found["processes_started"] >= 1
    whole = served.get(f"/api/previews/{found['artifact_id']}")
    assert "9917" in json.dumps(whole)
    assert (whole["withheld"], whole["counts"]) == ("", found["counts"])
    for role in ("viewer", "operator"):
        assert not any("-9917" in text for text in fetch(served, role, found["artifact_id"]))
    for role in ("approver", "admin"):
        assert all("9917" in text for text in fetch(served, role, found["artifact_id"]))
    guarded.cli("cancel", run["run_id"], "--reason", "seen enough")
    assert not any("-9917" in text for text in fetch(served, "viewer", found["artifact_id"]))
    assert all("9917" in text for text in fetch(served, "approver", found["artifact_id"]))


@pytest.fixture
def removed(guarded: Project) -> Project:
    """The same, where nothing but history holds the secrets any more."""
    subprocess.run([*GIT, "rm", "-q", ".env", "keys/id_rsa"], cwd=guarded.repo, check=True)
    subprocess.run([*GIT, "commit", "-qm", "fewer"], cwd=guarded.repo, check=True)
    return guarded


@pytest.mark.parametrize(
    "command",
    [
        "git cat-file --batch-all-objects --batch --buffer",
        "for r in $(git rev-list --all); do git show $r; done",
        "rm -rf src; find .git/objects -type f -exec python3 -c "
        "'import sys,zlib;print(zlib.decompress(open(sys.argv[1],\"rb\").read()))' {} ';'",
    ],
)
def test_what_is_not_understood_finds_no_earlier_version_of_a_secret_in_its_copy(
    removed: Project, served: Workbench, command: str
) -> None:
    run = removed.run(command)
    assert "reads_secret" not in run["approvals"][0]["reason_codes"]
    found = ask(served, "operator", run)
    told = json.dumps(found) + "".join(fetch(served, "admin", found["artifact_id"]))
    assert "-9917" not in told
    assert (found["is_history_omitted"], found["withheld"]) == (True, "")
    said = removed.cli("preview", run["run_id"]).text
    assert "without git's history, as the command is not understood" in said


def test_a_secret_that_a_command_takes_out_of_history_is_shown_to_nobody(
    removed: Project, served: Workbench
) -> None:
    found = ask(served, "operator", removed.run("git restore --source=HEAD~1 .env"))
    assert found["counts"]["created"] == 1
    assert (found["diff"], found["created"]) == ("", [])
    assert "anybody who is approver" in found["withheld"]
    told = "".join(fetch(served, "admin", found["artifact_id"]))
    assert ".env" in told
    assert "-9917" not in json.dumps(found) + told


def test_what_is_understood_has_git_at_hand_in_its_copy(removed: Project, served: Workbench) -> None:
    (removed.repo / "src" / "a.txt").write_text("b\n")
    found = ask(
        served, "operator", removed.run("git diff; git log --oneline; git status --short; rm -rf src")
    )
    assert (found["is_history_omitted"], found["deleted"]) == (False, ["src/", "src/a.txt"])
    for line in ("-a", "+b", " M src/a.txt"):
        assert line in found["output_tail"].splitlines()
    assert " fewer" in found["output_tail"]


def test_who_may_not_approve_by_the_projects_rules_sees_no_contents_either(
    guarded: Project, served: Workbench
) -> None:
    served.add(guarded.repo, approvers=[{"risk_level": "high", "role": "admin", "people": []}])
    run = guarded.run(SPOKEN)
    found = ask(served, "approver", run)
    assert "-9917" not in json.dumps(found)
    assert "anybody who is admin" in found["withheld"]
    assert all("9917" in text for text in fetch(served, "admin", found["artifact_id"]))


def test_where_a_second_person_is_asked_for_nobody_sees_the_contents_of_their_own_request(
    guarded: Project, served: Workbench
) -> None:
    served.add(guarded.repo, forbid_self_approval=True)
    run = guarded.run(SPOKEN)
    found = served.post(f"/api/runs/{run['run_id']}/preview", {})
    assert "-9917" not in json.dumps(found)
    assert "second person" in found["withheld"]
    assert all("9917" in text for text in fetch(served, "approver", found["artifact_id"]))


def test_a_report_that_does_not_say_why_it_was_held_is_for_who_may_approve(
    guarded: Project, served: Workbench
) -> None:
    found = served.post(f"/api/runs/{guarded.run('rm -rf src')['run_id']}/preview", {})
    (report,) = served.home.joinpath("previews").glob(f"{found['preview_id']}/report.json")
    older = json.loads(report.read_text())
    for name in ("reason_codes", "emptied", "emptied_files"):
        del older[name]
    report.write_text(json.dumps(older))
    assert not any("src/a.txt" in text for text in fetch(served, "viewer", found["artifact_id"]))
    assert all("src/a.txt" in text for text in fetch(served, "approver", found["artifact_id"]))


def test_what_reads_no_secret_is_shown_to_everybody(guarded: Project, served: Workbench) -> None:
    found = ask(served, "operator", guarded.run("rm -rf src"))
    assert (found["withheld"], found["deleted"]) == ("", ["src/", "src/a.txt"])
    assert all("src/a.txt" in text for text in fetch(served, "viewer", found["artifact_id"]))


def test_a_secret_of_the_vault_is_covered_wherever_a_preview_tells_of_it(
    project: Project, served: Workbench
) -> None:
    words = ("secret", "set", "--project", str(project.repo), "DBPASS")
    assert served.cli(*words, stdin=b"hunter2-hunter2\n").status == 0
    project.cli("project", "env", "default", "--secret", "DBPASS")
    settings = {"settings.txt": "password = hunter2-hunter2\n", "red": "hunter2\033[31m-hunter2\n"}
    write_tree(project.repo, {**settings, "build/a": "a\n"})
    command = (
        "rm -rf build; cat settings.txt red; base64 settings.txt; "
        "echo more >> settings.txt; touch hunter2-hunter2; /bin/true --with=hunter2-hunter2"
    )
    found = ask(served, "operator", project.run(command))
    told = json.dumps(found) + "".join(fetch(served, "viewer", found["artifact_id"]))
    assert "hunter2" not in told
    assert "aHVudGVyMi1odW50ZXIy" not in told
    assert found["output_tail"].startswith("password = ***\n***\n")
    assert " password = ***\n+more\n" in found["diff"]
    assert "***" in found["created"]
    assert any(line.endswith("--with=***") for line in found["process_names"])


def test_another_subject_is_not_previewed_for_this_approval(guarded: Project, served: Workbench) -> None:
    makefile = guarded.repo / "Makefile"
    before = makefile.read_text()
    run = guarded.run("make mk")
    (approval,) = run["approvals"]
    makefile.write_text("mk:\n\trm -f nothing\n")
    answer = served.http.post(f"/api/runs/{run['run_id']}/preview")
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert approval["approval_id"] in answer.json()["detail"]
    assert "put back what was changed" in answer.json()["remedy"]
    after = served.run_of(run["run_id"])
    assert (after["status"], after["artifacts"]) == ("blocked", [])
    assert "preview:started" not in [event["tag"] for event in after["events"]]
    makefile.write_text(before)
    found = served.post(f"/api/runs/{run['run_id']}/preview", {})
    assert found["deleted"] == ["src/", "src/a.txt"]
    assert found["subject_digest"] == approval["subject_digest"]
