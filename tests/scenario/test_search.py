"""A text is found in all transcripts of a project, by command and over HTTP, and in no other project's."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from support.ground import make_repository
from support.long import later
from support.server import running


@pytest.mark.parametrize("database_url", ["sqlite", later("postgresql")], indirect=True)
def test_a_text_is_found_over_all_ended_runs_of_the_project_and_again_after_the_index_is_lost(
    tmp_path: Path, database_url: str
) -> None:
    home = tmp_path / "state"
    with running(home, WORKBENCH_DATABASE_URL=database_url) as bench:
        own = bench.add(make_repository(tmp_path / "repo"))
        other = bench.add(make_repository(tmp_path / "other"))
        first = own.run("echo the first Needle of all")
        second = own.run("printf 'x\\nthe second needle\\n'")
        other.run("echo a needle of others")

        def found(project: str = own.project_id) -> list[str]:
            lines = bench.get("/api/transcripts/search", q="NEEDLE", project_id=project)
            return [f"{line['run_id']}:{line['line']}: {line['text']}" for line in lines]

        expected = [
            f"{second['run_id']}:2: the second needle",
            f"{first['run_id']}:1: the first Needle of all",
        ]
        bench.wait_until(lambda: len(found()) == 2)
        assert found() == expected
        bench.wait_until(lambda: found(other.project_id))
        assert own.cli("search", "needle").text.splitlines() == expected
        assert [line["line"] for line in own.cli("search", "needle", "--limit", "1", "--json").json] == [2]
        assert own.cli("search", "nothing of the kind").text == "no transcript of this project holds that\n"
        only = bench.cli("search", "needle", "--project", other.project_id).text
        assert only.count("\n") == 1
        page = bench.http.get(
            "/api/transcripts/search", params={"q": "needle", "project_id": own.project_id, "limit": 1}
        )
        following = bench.get(
            "/api/transcripts/search",
            q="needle",
            project_id=own.project_id,
            cursor=page.headers["X-Next-Cursor"],
        )
        assert [line["run_id"] for line in following] == [first["run_id"]]
        assert bench.http.get("/api/transcripts/search", params={"q": ""}).status_code == 422
        # A token for one project sees no other's.
        token = bench.cli("token", "create", "--role", "viewer", "--project", other.project_id, "--json").json
        headers = {"Authorization": f"Bearer {token['token']}"}
        stranger = bench.http.get(
            "/api/transcripts/search", params={"q": "needle", "project_id": own.project_id}, headers=headers
        )
        assert stranger.status_code == 403
        bench.stop()
        # Only beside SQLite are there files; an index in PostgreSQL is lost with its tables alone.
        shutil.rmtree(home / "search", ignore_errors=True)
        bench.start()
        bench.wait_until(lambda: len(found()) == 2)
        own.cli("project", "retention", "--bytes", "25")
        bench.wait_until(lambda: found() == expected[:1])
