"""A run reaches the network names of its project and, for once, one more that somebody approved."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from support.server import Project, Workbench

CURL = "curl -s -m 20 --noproxy '' http://{name}/ || true"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as opened:
        opened.settimeout(20)
        yield opened


def connections(run: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [
        (event["tag"], event["payload"]["host"], event["payload"]["why"])
        for event in run["events"]
        if event["tag"].startswith("network:") and event["tag"] != "network:more"
    ]


def test_a_refused_name_is_shown_with_the_way_to_ask_and_an_approval_opens_it_for_one_run(
    project: Project, served: Workbench
) -> None:
    command = project.script("reach.sh", CURL.format(name="other.invalid"))
    served.add(project.repo, network_allowlist=["listed.invalid"])
    first = project.run(command)
    assert first["network"] == "only listed.invalid"
    assert connections(first) == [("network:refused", "other.invalid", "not_on_list")]
    shown = project.cli("show", first["run_id"])
    asking = f"workbench retry {first['run_id']} --acknowledge --allow-host other.invalid"
    assert asking in shown.text
    assert asking in served.cli("logs", first["run_id"]).text

    asked = project.cli(*asking.split()[1:], "--json").json
    assert (asked["status"], asked["blocked_by"]) == ("blocked", "approval")
    (approval,) = asked["approvals"]
    assert approval["network"] == "only listed.invalid; for this run alone: other.invalid"
    assert "network_beyond_project" in approval["reason_codes"]
    assert any("other.invalid" in rule["text"] for rule in approval["matched_rules"])
    assert asked["steps"][0]["subject_digest"] != first["steps"][0]["subject_digest"]

    assert project.cli("approve", approval["approval_id"], "--reason", "needed once").status == 0
    second = served.wait(asked["run_id"], lambda run: run["status"] == "succeeded")
    # Such a name has no address anywhere, so that it is looked up at all shows that it was let through.
    assert connections(second) == [("network:failed", "other.invalid", "unresolvable")]
    third = project.run(command)
    assert connections(third) == [("network:refused", "other.invalid", "not_on_list")]


def test_a_name_for_one_run_is_asked_about_even_where_policy_allows_the_command(project: Project) -> None:
    assert project.run("true")["status"] == "succeeded"
    held = project.cli("run", "--allow-host", "other.invalid:8443", "--json", "--", "true")
    assert held.status == 75
    assert held.json["approvals"][0]["network"].endswith("for this run alone: other.invalid:8443")
    assert held.json["risk_level"] == "medium"


def test_a_name_that_the_project_has_needs_no_approval(project: Project, served: Workbench) -> None:
    served.add(project.repo, network_allowlist=["listed.invalid"])
    said = project.cli("run", "--allow-host", "listed.invalid", "--json", "--", "true")
    assert (said.status, said.json["network"]) == (0, "only listed.invalid")


def test_a_denied_command_stays_denied_with_a_name(project: Project) -> None:
    said = project.cli("run", "--allow-host", "other.invalid", "--", "sudo true")
    assert said.status == 77


@pytest.mark.parametrize(
    "entry",
    [
        "*.org",
        "*",
        "[::1]:80",
        "https://example.org",
        "localhost:80",
        "127.0.0.1",
        "0x7f.1:80",
        "169.254.169.254:80",
    ],
)
def test_what_is_no_single_name_is_refused_at_once(project: Project, entry: str) -> None:
    said = project.cli("run", "--allow-host", entry, "--", "true")
    assert said.status == 2
    assert entry in said.err
    assert project.cli("project", "add", ".", "--allow-host", entry).status == 2


def test_names_that_many_add_and_remove_at_once_are_all_added_and_removed(
    project: Project, served: Workbench
) -> None:
    served.add(project.repo, network_allowlist=["old.example", "stays.example"])
    changes: list[dict[str, list[str]]] = [{"network_add": [f"n{each}.example"]} for each in range(12)]
    changes.append({"network_remove": ["old.example"]})
    with ThreadPoolExecutor(len(changes)) as pool:
        list(pool.map(lambda change: served.add(project.repo, **change), changes))
    (now,) = [p for p in served.get("/api/projects") if p["project_id"] == project.project_id]
    assert now["network_allowlist"] == sorted([*(f"n{each}.example" for each in range(12)), "stays.example"])


def test_a_pattern_opens_the_names_below_it_and_asks_only_where_the_project_has_none(
    project: Project, served: Workbench
) -> None:
    served.add(project.repo, network_allowlist=["*.listed.invalid"])
    command = project.script("below.sh", CURL.format(name="a.b.listed.invalid"))
    # Such a name has no address anywhere, so that it is looked up at all shows that it was let through.
    assert connections(project.run(command)) == [("network:failed", "a.b.listed.invalid", "unresolvable")]
    apex = project.run(project.script("apex.sh", CURL.format(name="listed.invalid")))
    assert connections(apex) == [("network:refused", "listed.invalid", "not_on_list")]
    below = project.cli("run", "--allow-host", "c.listed.invalid", "--json", "--", "true")
    assert below.status == 0
    held = project.cli("run", "--allow-host", "*.other.invalid", "--json", "--", "true")
    assert held.status == 75
    assert held.json["approvals"][0]["network"].endswith("for this run alone: *.other.invalid")


def test_a_refused_name_is_told_while_the_run_still_goes_on(project: Project, served: Workbench) -> None:
    served.add(project.repo, network_allowlist=["listed.invalid"])
    script = "\n".join(
        [CURL.format(name="other.invalid"), "echo asked", "until test -e go; do sleep 0.05; done"]
    )
    command = [sys.executable, "-m", "workbench", "run", "--", project.script("live.sh", script)]
    with subprocess.Popen(
        command, cwd=project.repo, env=served.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        assert running.stderr is not None
        try:
            said = running.stderr.readline().decode()
            run = served.run_of(said.split()[10])
        finally:
            (project.repo / "go").touch()
            out, left = running.communicate(timeout=60)
    assert said.startswith("the network refused other.invalid; to ask for it: workbench retry run_")
    assert run["status"] == "running"
    assert connections(run) == [("network:refused", "other.invalid", "not_on_list")]
    assert (running.returncode, left) == (0, b"")
    assert out.endswith(b"asked\n")
    assert connections(served.run_of(run["run_id"])) == connections(run)


def test_an_allowed_connection_is_an_event_while_it_is_open(
    project: Project, served: Workbench, listener: socket.socket
) -> None:
    port = listener.getsockname()[1]
    served.add(project.repo, network_allowlist=[f"127.0.0.1:{port}"])
    run = project.submit(project.script("open.sh", f"exec 3<>/dev/tcp/127.0.0.1/{port}\nhead -c 5 <&3"))
    reached, _ = listener.accept()
    with reached:
        seen = served.wait(run["run_id"], lambda run: connections(run) != [])
        assert (seen["status"], connections(seen)) == ("running", [("network:allowed", "127.0.0.1", "")])
        shown = project.cli("show", run["run_id"]).text
        assert f"network:allowed  engine  #1  127.0.0.1:{port}" in shown
        reached.sendall(b"alive")
    served.wait(run["run_id"], lambda run: run["status"] == "succeeded")
    assert "5 B in" in project.cli("show", run["run_id"]).text


def test_connections_are_events_once_each_however_often_the_server_is_killed_meanwhile(
    project: Project, served: Workbench
) -> None:
    served.add(project.repo, network_allowlist=["listed.invalid"])
    ask = "curl -s -m 20 --noproxy '' -o /dev/null http://n$n.invalid/"
    script = f"""
        n=0
        while test ! -e stop; do n=$((n+1)); {ask}; echo asked $n; sleep 0.02; done
        echo $n > total
    """
    run = project.submit(project.script("many.sh", script))
    for wanted in (b"asked 5\n", b"asked 12\n", b"asked 20\n"):
        served.wait_output(run["run_id"], wanted)
        served.kill()
        served.start()
    served.wait_output(run["run_id"], b"asked 30\n")
    (project.repo / "stop").touch()
    ended = served.wait(run["run_id"], lambda run: run["status"] == "succeeded")
    total = int((project.repo / "total").read_text())
    expected = [("network:refused", f"n{number}.invalid", "not_on_list") for number in range(1, total + 1)]
    assert connections(ended) == expected[:100]
    more = [event["payload"]["refused"] for event in ended["events"] if event["tag"] == "network:more"]
    assert more == ([total - 100] if total > 100 else [])
    assert served.cli("audit", "verify").status == 0


def test_the_list_of_a_project_is_set_and_emptied_by_its_admin(project: Project, served: Workbench) -> None:
    made = project.cli(
        "project", "add", ".", "--allow-host", "Example.org.", "--allow-host", "b.org:8443", "--json"
    )
    assert made.json["network_allowlist"] == ["b.org:8443", "example.org"]
    # What somebody changes about the project otherwise leaves the list alone.
    assert served.post("/api/projects", {"path": str(project.repo)})["network_allowlist"] != []
    assert project.cli("project", "add", ".", "--no-network", "--json").json["network_allowlist"] == []


def test_a_run_keeps_its_network_when_the_server_is_killed_and_its_connections_are_recorded_afterwards(
    project: Project, served: Workbench, listener: socket.socket
) -> None:
    port = listener.getsockname()[1]
    served.add(project.repo, network_allowlist=[f"127.0.0.1:{port}"])
    script = "\n".join(
        [
            "echo started",
            "until test -e go; do sleep 0.05; done",
            f"exec 3<>/dev/tcp/127.0.0.1/{port}",
            "head -c 5 <&3",
        ]
    )
    run = project.submit(project.script("late.sh", script))
    served.wait_output(run["run_id"], b"started")
    served.kill()
    (project.repo / "go").touch()
    reached, _ = listener.accept()
    with reached:
        reached.sendall(b"alive")
    served.start()
    ended = served.wait(run["run_id"], lambda run: run["status"] == "succeeded")
    assert connections(ended) == [("network:allowed", "127.0.0.1", ""), ("network:ended", "127.0.0.1", "")]
    begun, over = [each["payload"] for each in ended["events"] if each["tag"].startswith("network:")]
    # What the ledger says of itself has not taken the place of what the event says.
    assert (begun["connection"], begun["protocol"], begun["via"]) == (1, "forward", "engine")
    assert "sent_bytes" not in begun
    assert (over["connection"], over["received_bytes"]) == (1, 5)
    assert "alive" in served.cli("logs", run["run_id"]).text


def own_addresses() -> list[str]:
    """The address by which this machine would go elsewhere, where it has one; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect(("198.51.100.1", 9))
        except OSError:
            return []
        return [asking.getsockname()[0]]


def test_the_servers_own_address_is_out_of_reach_even_when_it_is_listed(
    own: Project, bench: Workbench
) -> None:
    port = bench.url.rpartition(":")[2]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        free = taken.getsockname()[1]
    bench.add(own.repo, network_allowlist=[f"127.0.0.1:{free}"])
    # It was listed when nobody answered there; now the workbench does.
    bench.stop()
    bench.start(port=free)
    assert bench.url.rpartition(":")[2] != port
    ended = own.run(own.script("own.sh", f"curl -s --noproxy '' http://127.0.0.1:{free}/healthz; true"))
    assert connections(ended) == [("network:refused", "127.0.0.1", "own_address")]


def test_the_servers_own_address_is_refused_where_it_is_listed(project: Project, served: Workbench) -> None:
    port = served.url.rpartition(":")[2]
    name = socket.gethostname().lower()
    places = [f"127.0.0.1:{port}", "localhost", f"localhost:{port}", f"[::1]:{port}", name, f"{name}:{port}"]
    places += [f"{address}:{port}" for address in own_addresses()]
    held = project.run("rm -rf build")["approvals"][0]["approval_id"]
    for place in places:
        for words in (
            ("project", "add", str(project.repo), "--allow-host", place),
            ("run", "--allow-host", place, "--", "ls"),
            ("approve", held, "--allow-host", place, "--reason", "r"),
        ):
            said = project.cli(*words)
            assert said.status == 2, (words, said.err)
            assert place in said.err or place.upper() in said.err
            assert "what to do" in said.err
        body = {"path": str(project.repo), "network_allowlist": [place]}
        assert served.http.post("/api/projects", json=body).status_code == 422
    assert served.run_of(project.pending()[0]["run_id"])["status"] == "blocked"
    (mine,) = [p for p in served.get("/api/projects") if p["project_id"] == project.project_id]
    assert mine["network_allowlist"] == []
    # Another service of this machine is named by its address, as before.
    other = int(port) - 1 if int(port) > 2000 else int(port) + 1
    assert project.cli("project", "add", str(project.repo), "--allow-host", f"127.0.0.1:{other}").status == 0


def test_metadata_services_are_refused_by_name_when_they_are_asked_for(project: Project) -> None:
    for name in ("metadata.google.internal", "*.google.internal"):
        for said in (
            project.cli("run", "--allow-host", name, "--", "ls"),
            project.cli("project", "add", str(project.repo), "--allow-host", name),
        ):
            assert said.status == 2, said.err
            assert name in said.err
