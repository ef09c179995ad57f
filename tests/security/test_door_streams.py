"""A token that is revoked ends what it had open: nothing more is read, and nothing more is typed."""

from __future__ import annotations

import json

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from support.server import Project


def type_for_ever(socket: ClientConnection) -> None:
    """Goes on typing and reading; only the other side can end it."""
    while True:
        socket.send(b"typed after the end\n")
        socket.recv(20)


def test_a_revoked_token_neither_reads_on_nor_types_on(project: Project) -> None:
    bench = project.bench
    (project.repo / "Makefile").write_text("talk:\n\t@echo ready; cat > heard.txt\n")
    made = bench.post("/api/runs", {"project_id": project.project_id, "command": "make talk"})
    bench.wait_output(made["run_id"], b"ready")
    token = bench.make_token("operator")
    with (
        bench.terminal(made["run_id"], token=token["token"]) as socket,
        bench.as_token(token["token"]) as client,
        client.stream("GET", "/api/events", params={"project_id": project.project_id}) as events,
    ):
        socket.send(json.dumps({"type": "lease"}))
        while True:
            said = socket.recv(20)
            if isinstance(said, str) and json.loads(said)["type"] == "lease":
                assert json.loads(said)["held"]
                break
        lines = events.iter_lines()
        assert next(lines) == ": connected"
        assert bench.http.delete(f"/api/tokens/{token['token_id']}").status_code == 204
        with pytest.raises(ConnectionClosed):
            type_for_ever(socket)
        after = [line for line in lines if line.startswith("data:")]
        assert all(json.loads(line[6:])["tag"] != "run:canceled" for line in after)
    bench.post(f"/api/runs/{made['run_id']}/cancel", {"reason": "seen enough"})
    bench.wait(made["run_id"], lambda run: run["status"] == "canceled")
    assert "typed after" not in (project.repo / "heard.txt").read_text()


@pytest.mark.parametrize("after", ["9223372036854775808", "-1", "x"])
def test_a_position_that_cannot_be_is_refused_before_the_stream_begins(project: Project, after: str) -> None:
    answer = project.bench.http.get("/api/events", params={"project_id": project.project_id, "after": after})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
