"""The attacks on local web tools, tried at a real server's door, judged by the effect."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.routing import APIWebSocketRoute
from starlette.routing import Route
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from support.ground import make_repository
from support.server import Project, Workbench
from workbench.api.application import create_api
from workbench.api.auth import hash_token
from workbench.api.permissions import PERMISSIONS, is_guarded, permission_for
from workbench.model.actor import Actor, Role

ORDER = list(Role)
ROUTES = sorted(PERMISSIONS)
HTTP_ROUTES = [(method, path) for method, path in ROUTES if method != "WEBSOCKET"]
FILLED = {
    "{run_id}": "run_none",
    "{approval_id}": "apr_none",
    "{artifact_id}": "art_none",
    "{feature_id}": "none",
    "{token_id}": "tok_none",
}
HEADERS = {
    "content-security-policy",
    "x-content-type-options",
    "x-frame-options",
    "referrer-policy",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
}


def fill(path: str) -> str:
    for name, value in FILLED.items():
        path = path.replace(name, value)
    return path


@pytest.fixture
def stranger(served: Workbench) -> Iterator[httpx.Client]:
    """A client without any token."""
    with httpx.Client(base_url=served.url, trust_env=False, verify=False, timeout=30) as client:
        yield client


@pytest.fixture
def session(served: Workbench, stranger: httpx.Client) -> httpx.Client:
    """A browser that came by the one-time link; it sends its cookie with each request."""
    link = served.post("/api/links", {})["url"]
    answer = stranger.get(link)
    assert answer.status_code == 303
    return stranger


# -- who may come in ---------------------------------------------------------------------------------


def walk(routes: list[Any]) -> Iterator[Any]:
    """All routes, those of included routers too; a kind that is not known fails the test."""
    for route in routes:
        if (included := getattr(route, "original_router", None)) is not None:
            yield from walk(included.routes)
        else:
            assert isinstance(route, Route | APIWebSocketRoute), route
            yield route


def test_table_and_application_know_the_same_routes() -> None:
    known = set()
    for route in walk(create_api().routes):
        if isinstance(route, APIWebSocketRoute):
            known.add(("WEBSOCKET", route.path))
        elif isinstance(route, Route):
            methods = set(route.methods or ()) - {"HEAD"}
            known |= {(method, route.path.replace(":path", "")) for method in methods}
    assert {route for route in known if is_guarded(route[1])} == set(PERMISSIONS)
    assert {path for _, path in known if not is_guarded(path)} == {"/healthz", "/readyz"}


@pytest.mark.parametrize(("method", "path"), HTTP_ROUTES)
def test_no_route_answers_without_a_token(stranger: httpx.Client, method: str, path: str) -> None:
    for headers in ({}, {"Authorization": "Bearer wb_guess"}, {"Authorization": "Basic d2I6d2I="}):
        answer = stranger.request(method, fill(path), headers=headers, json={})
        assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


def test_no_terminal_opens_without_a_token(served: Workbench, project: Project) -> None:
    run = project.run("echo secret output")
    address = f"{served.url.replace('http', 'ws')}/api/runs/{run['run_id']}/terminal"
    for headers in ({}, {"Authorization": "Bearer wb_guess"}, {"Cookie": "workbench=x"}):
        assert not opens(address, headers)


def opens(address: str, headers: dict[str, str]) -> bool:
    """Whether a WebSocket says anything to a caller with these headers."""
    origin = headers.pop("Origin", None)
    try:
        with connect(address, additional_headers=headers, origin=origin, proxy=None) as socket_:  # type: ignore[arg-type]
            socket_.recv(timeout=30)
            return True
    except (InvalidStatus, ConnectionClosed):
        return False


def test_a_token_in_the_address_counts_for_nothing(served: Workbench, stranger: httpx.Client) -> None:
    for name in ("token", "access_token", "api_key", "auth"):
        assert stranger.get("/api/projects", params={name: served.token}).status_code == 401


def test_what_is_not_in_the_table_is_refused_even_with_the_owners_token(served: Workbench) -> None:
    for method, path in (
        ("GET", "/api/"),
        ("GET", "/api/unknown"),
        ("DELETE", "/api/runs/run_1"),
        ("PATCH", "/api/projects"),
        ("GET", "/api/runs/a/b/c"),
        ("GET", "/api//projects"),
        ("GET", "/api/projects/"),
        ("POST", "/api/runs/%2e%2e/tokens"),
        ("TRACE", "/api/projects"),
    ):
        assert served.http.request(method, path).status_code in (404, 405), (method, path)
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert served.http.request(method, "/").status_code == 403


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1",
        "localhost",
        "127.0.0.1:1",
        "127.0.0.1.evil.example:{port}",
        "[::1]:{port}",
        "",
    ],
)
def test_another_host_name_is_refused_whoever_asks(served: Workbench, host: str) -> None:
    port = served.url.rpartition(":")[2]
    for path in ("/api/projects", "/", "/healthz", "/auth/x"):
        answer = served.http.get(path, headers={"Host": host.format(port=port)})
        assert answer.status_code in (400, 403), (host, path)


def test_two_host_headers_or_none_are_refused(served: Workbench) -> None:
    port = int(served.url.rpartition(":")[2])
    for heads in (b"", b"Host: 127.0.0.1:%d\r\nHost: evil.example\r\n" % port):
        with socket.create_connection(("127.0.0.1", port)) as raw:
            token = served.token.encode()
            raw.sendall(
                b"GET /api/projects HTTP/1.1\r\n" + heads + b"Authorization: Bearer " + token + b"\r\n\r\n"
            )
            status = raw.recv(65536).split(b" ")[1]
        assert status in (b"400", b"403", b"422")


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:1", "https://127.0.0.1:{port}"]
)
def test_another_pages_origin_is_refused_with_the_cookie_and_with_a_token(
    served: Workbench, session: httpx.Client, origin: str
) -> None:
    port = served.url.rpartition(":")[2]
    named = {"Origin": origin.format(port=port)}
    before = len(served.get("/api/projects"))
    for client in (session, served.http):
        for method, path in (("GET", "/api/projects"), ("POST", "/api/projects"), ("POST", "/api/down")):
            body = {"path": "/tmp"} if method == "POST" else None
            answer = client.request(method, path, headers=named, json=body)
            assert (answer.status_code, answer.json()["code"]) == (403, "origin_refused")
    assert len(served.get("/api/projects")) == before


def test_by_cookie_an_unsafe_method_needs_our_own_origin(served: Workbench, session: httpx.Client) -> None:
    assert session.get("/api/projects").status_code == 200
    without = session.post("/api/links", json={})
    assert (without.status_code, without.json()["code"]) == (403, "origin_refused")
    assert session.post("/api/links", json={}, headers={"Origin": served.url}).status_code == 201


@pytest.mark.parametrize("site", ["same-site", "cross-site", "anything"])
def test_a_request_that_the_browser_marks_as_from_elsewhere_is_refused(
    session: httpx.Client, site: str
) -> None:
    assert session.get("/api/projects", headers={"Sec-Fetch-Site": site}).status_code == 403
    assert session.get("/api/projects", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200


def test_a_form_or_plain_text_from_another_page_changes_nothing(
    served: Workbench, session: httpx.Client, project: Project
) -> None:
    body = f'{{"project_id": "{project.project_id}", "command": "touch planted"}}'
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        for headers in ({}, {"Origin": served.url}, {"Origin": "null"}):
            answer = session.post("/api/runs", content=body, headers={"Content-Type": kind, **headers})
            assert answer.status_code in (403, 422)
    assert served.get("/api/runs", project_id=project.project_id) == []


def test_a_terminal_opens_by_cookie_only_for_our_own_origin(
    served: Workbench, session: httpx.Client, project: Project
) -> None:
    run = project.run("echo hi")
    address = f"{served.url.replace('http', 'ws')}/api/runs/{run['run_id']}/terminal"
    cookie = "; ".join(f"{name}={value}" for name, value in session.cookies.items())
    port = served.url.rpartition(":")[2]
    assert opens(address, {"Cookie": cookie, "Origin": served.url})
    assert not opens(address, {"Cookie": cookie})
    for origin in ("http://evil.example", "null", "http://127.0.0.1:1", f"https://127.0.0.1:{port}"):
        assert not opens(address, {"Cookie": cookie, "Origin": origin})
    assert not opens(address, {"Cookie": cookie, "Origin": served.url, "Sec-Fetch-Site": "cross-site"})


# -- links, cookies, tokens --------------------------------------------------------------------------


def test_the_link_signs_one_browser_in_once_and_its_cookie_is_no_scripts_business(
    served: Workbench, stranger: httpx.Client
) -> None:
    link = served.post("/api/links", {})["url"]
    first = stranger.get(link)
    assert (first.status_code, first.headers["location"]) == (303, "/")
    cookie = first.headers["set-cookie"]
    assert cookie.startswith(f"workbench_{served.url.rpartition(':')[2]}=")
    for flag in ("HttpOnly", "SameSite=strict", "Path=/"):
        assert flag.lower() in cookie.lower()
    assert "domain" not in cookie.lower()
    with httpx.Client(base_url=served.url, trust_env=False, verify=False) as second:
        again = second.get(link)
        assert (again.status_code, "set-cookie" in again.headers) == (401, False)
        assert second.get("/auth/guess").status_code == 401


def test_a_link_opened_again_leads_on_or_says_in_words_how_to_get_another(served: Workbench) -> None:
    link = served.post("/api/links", {})["url"]
    html = {"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}
    with httpx.Client(base_url=served.url, trust_env=False, verify=False, headers=html) as browser:
        assert browser.get(link).status_code == 303
        again = browser.get(link)
        assert (again.status_code, again.headers["location"]) == (303, "/")
        assert "set-cookie" not in again.headers
        made_up = {"Cookie": f"workbench_{served.url.rpartition(':')[2]}=wb_made_up"}
        for headers in ({}, made_up):
            with httpx.Client(
                base_url=served.url, trust_env=False, verify=False, headers=html | headers
            ) as other:
                page = other.get(link)
            assert (page.status_code, "set-cookie" in page.headers) == (401, False)
            assert page.headers["content-type"].startswith("text/html")
            assert page.headers["cache-control"] == "no-store"
            assert page.headers["content-security-policy"] == again.headers["content-security-policy"]
            assert "workbench status --link" in page.text
            assert "<script" not in page.text
            assert link.rpartition("/")[2] not in page.text
    with httpx.Client(base_url=served.url, trust_env=False, verify=False) as program:
        said = program.get(link)
    assert (said.status_code, said.headers["content-type"]) == (401, "application/problem+json")
    assert said.json()["code"] == "not_authenticated"


def test_many_browsers_racing_for_one_link_get_one_session(served: Workbench) -> None:
    from concurrent.futures import ThreadPoolExecutor

    link = served.post("/api/links", {})["url"]
    with ThreadPoolExecutor(10) as pool:
        statuses = list(
            pool.map(lambda _: httpx.get(link, trust_env=False, verify=False).status_code, range(10))
        )
    assert sorted(statuses) == [303, *[401] * 9]


def test_a_session_outlives_neither_the_end_nor_the_revocation_of_the_token_that_made_it(
    served: Workbench,
) -> None:
    end = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() + 3600))
    asked = {"name": "short-lived", "role": "operator", "expires_at": end}
    made = served.post("/api/tokens", asked)
    with served.as_token(made["token"]) as client:
        first, late = (client.post("/api/links", json={}).json()["url"] for _ in range(2))
    with httpx.Client(base_url=served.url, trust_env=False, verify=False) as browser:
        browser.get(first)
        assert browser.get("/api/me").status_code == 200
        sessions = [t for t in served.get("/api/tokens") if t["actor"] == "token:short-lived"]
        assert [t["expires_at"] for t in sessions] == [end, end]
        assert served.http.delete(f"/api/tokens/{made['token_id']}").status_code < 300
        assert browser.get("/api/me").status_code == 401
    assert httpx.get(late, trust_env=False, verify=False).status_code == 401


def test_a_revoked_token_and_a_revoked_session_are_refused_at_once(served: Workbench) -> None:
    made = served.make_token("admin")
    with served.as_token(made["token"]) as client:
        assert client.get("/api/me").json()["role"] == "admin"
        link = client.post("/api/links", json={}).json()["url"]
        with httpx.Client(base_url=served.url, trust_env=False, verify=False) as browser:
            browser.get(link)
            assert browser.get("/api/me").status_code == 200
            sessions = [
                t for t in served.get("/api/tokens") if t["kind"] == "session" and not t["revoked_at"]
            ]
            mine = next(t for t in sessions if t["actor"] == "token:somebody")
            served.http.delete(f"/api/tokens/{mine['token_id']}")
            assert browser.get("/api/me").status_code == 401
        served.http.delete(f"/api/tokens/{made['token_id']}")
        assert client.get("/api/me").status_code == 401


@pytest.mark.parametrize(
    "when", ["2020-01-01T00:00:00.000Z", "tomorrow", "2999-01-01T00:00:00", "2999-01-01", "", "7d"]
)
def test_a_token_that_would_never_expire_or_has_expired_is_not_made(served: Workbench, when: str) -> None:
    before = len(served.get("/api/tokens"))
    body = {"name": "odd", "role": "admin", "expires_at": when}
    answer = served.http.post("/api/tokens", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
    assert len(served.get("/api/tokens")) == before


def test_a_tokens_end_is_kept_in_utc_whatever_zone_it_was_given_in(served: Workbench) -> None:
    body = {"name": "zoned", "role": "viewer", "expires_at": "2999-01-01T05:00:00+05:00"}
    made = served.post("/api/tokens", body)
    kept = next(t for t in served.get("/api/tokens") if t["token_id"] == made["token_id"])
    assert kept["expires_at"] == "2999-01-01T00:00:00.000Z"


def test_a_token_for_a_project_that_is_not_there_is_not_made(served: Workbench) -> None:
    answer = served.http.post("/api/tokens", json={"name": "a", "role": "viewer", "project_id": "nosuch"})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_known_path_says_which_methods_it_takes_to_those_who_may_ask(
    served: Workbench, stranger: httpx.Client
) -> None:
    for method, path, allowed in (
        ("PUT", "/api/projects", {"GET", "POST"}),
        ("DELETE", "/api/runs", {"GET", "POST"}),
        ("PATCH", "/api/switches", {"GET", "PUT"}),
        ("POST", "/metrics", {"GET"}),
    ):
        answer = served.http.request(method, path)
        assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed"), path
        assert set(answer.headers["allow"].split(", ")) == allowed
        assert answer.headers["content-type"] == "application/problem+json"
        assert stranger.request(method, path).status_code == 401


def test_the_metrics_are_for_token_holders_and_a_projects_token_sees_that_project(
    served: Workbench, stranger: httpx.Client, project: Project
) -> None:
    project.run("true")
    assert stranger.get("/metrics").status_code == 401
    whole = served.http.get("/metrics")
    assert (whole.status_code, whole.headers["content-type"][:10]) == (200, "text/plain")
    assert "workbench_build_info{" in whole.text
    own = served.make_token("viewer", project_id=project.project_id)["token"]
    with served.as_token(own) as client:
        assert 'workbench_runs_total{status="succeeded"} 1\n' in client.get("/metrics").text


def test_lists_over_all_projects_show_a_projects_token_that_project_alone(
    served: Workbench, project: Project, tmp_path: Path
) -> None:
    other = served.add(make_repository(tmp_path / "other"))
    runs = {project.run("rm -rf build")["run_id"], other.run("rm -rf build")["run_id"]}
    own = served.make_token("viewer", project_id=project.project_id)["token"]
    with served.as_token(own) as client:
        for path in ("/api/runs", "/api/approvals"):
            assert runs <= {item["run_id"] for item in served.get(path, limit=500)}
            assert {item["project_id"] for item in client.get(path).json()} == {project.project_id}
            assert client.get(path, params={"project_id": other.project_id}).status_code == 403
    for run_id in runs:
        served.post(f"/api/runs/{run_id}/cancel", {"reason": "the test is over"})


def test_tokens_lie_on_disk_as_hashes_only(served: Workbench) -> None:
    token = served.make_token("viewer")["token"]
    raw = b"".join(path.read_bytes() for path in served.home.glob("ledger.db*"))
    assert token.encode() not in raw
    assert hash_token(token).encode() in raw
    assert served.token.encode() not in raw


# -- who may do what ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def clients(served: Workbench) -> Iterator[dict[Role, httpx.Client]]:
    made = {role: served.as_token(served.make_token(role.value)["token"]) for role in Role}
    yield made
    for client in made.values():
        client.close()


@pytest.mark.parametrize(("method", "path"), HTTP_ROUTES)
def test_each_role_reaches_exactly_the_routes_of_the_table(
    clients: dict[Role, httpx.Client], method: str, path: str
) -> None:
    needed = PERMISSIONS[method, path]
    for role, client in clients.items():
        is_enough = ORDER.index(role) >= ORDER.index(needed)
        if (is_enough and path in ("/api/down", "/api/links")) or (is_enough and path.endswith("/events")):
            continue
        # An empty body is refused by every route that takes one, so nothing is changed by asking.
        answer = client.request(method, fill(path), json={} if method in ("POST", "PUT") else None)
        if is_enough:
            assert answer.status_code not in (401, 403), (role, answer.text)
        else:
            assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed"), role


def test_the_roles_are_ordered_and_every_route_of_the_table_is_found_by_its_pattern() -> None:
    for (method, path), role in PERMISSIONS.items():
        assert permission_for(method, fill(path)) is role
        assert permission_for(method, fill(path) + "/more") in (
            None,
            PERMISSIONS.get((method, "/api/features/{feature_id}")),
        )
    actor = Actor(name="a", role=Role.APPROVER, via="api")
    assert [actor.has(role) for role in Role] == [True, True, True, False]


@pytest.fixture
def bound(
    served: Workbench, project: Project, tmp_path: Path
) -> Iterator[tuple[httpx.Client, Project, Project]]:
    """An admin's token that is bound to one project, that project, and another one."""
    other = served.add(make_repository(tmp_path / "other"))
    token = served.make_token("admin", project_id=project.project_id)["token"]
    with served.as_token(token) as client:
        yield client, project, other


def test_a_token_bound_to_one_project_reaches_nothing_of_another(
    served: Workbench, bound: tuple[httpx.Client, Project, Project]
) -> None:
    client, mine, other = bound
    others = served.make_token("viewer", project_id=other.project_id)
    theirs = other.run("rm -rf build")
    done = other.run("echo secret")
    approval = theirs["approvals"][0]["approval_id"]
    artifact = done["artifacts"][0]["artifact_id"]
    asked: list[tuple[str, str, dict[str, Any] | None]] = [
        ("GET", f"/api/features?project_id={other.project_id}", None),
        ("GET", f"/api/features/001-small-thing?project_id={other.project_id}", None),
        ("GET", f"/api/discovery?project_id={other.project_id}", None),
        ("GET", f"/api/documents?project_id={other.project_id}&path=specs/001-small-thing/spec.md", None),
        ("GET", f"/api/recommendations?project_id={other.project_id}", None),
        ("POST", "/api/policy/check", {"project_id": other.project_id, "command": "ls"}),
        ("POST", "/api/review", {"project_id": other.project_id, "command": "ls"}),
        ("GET", f"/api/policy?project_id={other.project_id}", None),
        ("POST", "/api/policy/explain", {"project_id": other.project_id, "command": "ls"}),
        ("POST", "/api/policy/preview", {"project_id": other.project_id}),
        ("POST", "/api/policy/accept", {"project_id": other.project_id}),
        ("POST", "/api/policy/organisation/preview", {}),
        ("POST", "/api/policy/organisation/accept", {}),
        ("POST", "/api/policy/proposals", {"run_id": theirs["run_id"]}),
        ("POST", "/api/policy/remembered", {"run_id": theirs["run_id"]}),
        ("GET", f"/api/policy/remembered?project_id={other.project_id}", None),
        ("DELETE", f"/api/policy/remembered/rem_none?project_id={other.project_id}", None),
        ("POST", f"/api/approvals/{approval}/edit-check", {"command": "ls"}),
        (
            "POST",
            f"/api/approvals/{approval}/approve-edited",
            {"command": "ls", "reason": "x", "edited_digest": "x"},
        ),
        ("GET", f"/api/runs?project_id={other.project_id}", None),
        ("POST", "/api/runs", {"project_id": other.project_id, "command": "touch planted"}),
        ("GET", f"/api/runs/{done['run_id']}", None),
        ("POST", f"/api/runs/{theirs['run_id']}/cancel", {"reason": "x"}),
        ("POST", f"/api/runs/{done['run_id']}/retry", {"acknowledge": True}),
        ("POST", f"/api/runs/{done['run_id']}/refresh", None),
        ("GET", f"/api/runs/{done['run_id']}/events", None),
        ("GET", f"/api/runs/{done['run_id']}/transcript", None),
        ("GET", f"/api/approvals?project_id={other.project_id}", None),
        ("GET", f"/api/approvals/{approval}", None),
        ("POST", f"/api/approvals/{approval}/approve", {"reason": "x"}),
        ("POST", f"/api/approvals/{approval}/deny", {"reason": "x"}),
        ("GET", f"/api/artifacts/{artifact}", None),
        (
            "PUT",
            "/api/switches",
            {"name": "execution.local", "state": "off", "reason": "x", "project_id": other.project_id},
        ),
        ("PUT", "/api/switches", {"name": "execution.local", "state": "off", "reason": "x"}),
        ("POST", "/api/kill", {"engaged": True, "reason": "x", "project_id": other.project_id}),
        ("POST", "/api/kill", {"engaged": True, "reason": "x"}),
        ("GET", f"/api/secrets?project_id={other.project_id}", None),
        ("POST", "/api/secrets", {"project_id": other.project_id, "name": "A", "value": "long-enough"}),
        ("DELETE", f"/api/secrets?project_id={other.project_id}&name=A", None),
        ("GET", f"/api/gates?project_id={other.project_id}", None),
        ("GET", f"/api/metrics?project_id={other.project_id}", None),
        ("GET", f"/api/audit/verify?project_id={other.project_id}", None),
        ("GET", f"/api/events?project_id={other.project_id}", None),
        ("POST", "/api/tokens", {"name": "wider", "role": "admin"}),
        ("POST", "/api/tokens", {"name": "wider", "role": "admin", "project_id": other.project_id}),
        ("DELETE", f"/api/tokens/{others['token_id']}", None),
        ("POST", "/api/down", {}),
        ("POST", "/api/projects", {"path": str(other.repo), "name": "taken over"}),
    ]
    reached = [
        (method, path)
        for method, path, body in asked
        if client.request(method, path, json=body).status_code not in (403, 404)
    ]
    assert reached == []
    assert {t["project_id"] for t in client.get("/api/tokens").json()} == {mine.project_id}
    assert [p["project_id"] for p in client.get("/api/projects").json()] == [mine.project_id]
    address = f"{served.url.replace('http', 'ws')}/api/runs/{done['run_id']}/terminal"
    assert not opens(address, {"Authorization": client.headers["Authorization"]})
    assert served.run_of(theirs["run_id"])["status"] == "blocked"
    assert [p["name"] for p in served.get("/api/projects") if p["project_id"] == other.project_id] == [
        "other"
    ]
    assert served.get("/api/kill")["engaged"] is False


# -- what leaves -------------------------------------------------------------------------------------


def test_every_answer_carries_the_security_headers(served: Workbench, stranger: httpx.Client) -> None:
    answers = [
        stranger.get("/"),
        stranger.get("/healthz"),
        stranger.get("/p/x/features"),
        stranger.get("/api/projects"),
        stranger.get("/", headers={"Host": "evil.example"}),
        stranger.get("/auth/guess"),
        stranger.get("/assets/none.js"),
        served.http.get("/api/projects"),
        served.http.get("/api/openapi.json"),
        served.http.get("/api/runs/run_none"),
        served.http.post("/api/runs", content=b"{", headers={"Content-Type": "application/json"}),
    ]
    for answer in answers:
        assert set(answer.headers) >= HEADERS, answer.url
        policy = answer.headers["content-security-policy"]
        assert "script-src 'self';" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe-eval" not in policy
        assert "access-control-allow-origin" not in answer.headers
        assert "server" not in answer.headers


@pytest.mark.parametrize(
    "path",
    [
        "/../../../../etc/passwd",
        "/..%2f..%2f..%2f..%2fetc%2fpasswd",
        "/assets/../../auth.py",
        "/assets/%2e%2e/%2e%2e/auth.py",
        "//etc/passwd",
        "/%2fetc%2fpasswd",
        "/assets/..%5c..%5cauth.py",
        "/%00",
        "/assets/" + "a" * 5000,
    ],
)
def test_no_path_leads_out_of_the_page_that_was_built(served: Workbench, path: str) -> None:
    port = int(served.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as raw:
        raw.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while piece := raw.recv(65536):
            answer += piece
    assert b"root:" not in answer
    assert b"class Door" not in answer
    assert b"Traceback" not in answer
    assert answer.split(b" ")[1] in (b"200", b"400", b"404"), answer[:200]


def test_no_document_outside_the_project_can_be_read_not_even_through_a_link(
    served: Workbench, project: Project, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.md"
    secret.write_text("# the secret\n")
    (project.repo / "specs/001-small-thing/research.md").symlink_to(secret)
    for path in (
        "specs/001-small-thing/research.md",
        "../secret.md",
        str(secret),
        "specs/../../secret.md",
        "specs/001-small-thing/../../../secret.md",
    ):
        answer = served.http.get("/api/documents", params={"project_id": project.project_id, "path": path})
        assert "the secret" not in answer.text, path
        assert answer.status_code in (404, 422), path


def test_a_transcript_is_a_download_that_no_browser_renders(served: Workbench, project: Project) -> None:
    run = project.run("echo '<script>alert(1)</script>'")
    for form in ("raw", "text", "asciicast"):
        answer = served.http.get(f"/api/runs/{run['run_id']}/transcript", params={"format": form})
        assert answer.headers["content-disposition"].startswith("attachment")
        assert "html" not in answer.headers["content-type"]
        assert answer.headers["x-content-type-options"] == "nosniff"


# -- from inside -------------------------------------------------------------------------------------


def test_a_run_cannot_reach_the_api_nor_read_the_home(served: Workbench, project: Project) -> None:
    port = served.url.rpartition(":")[2]
    dial = f"import socket\nsocket.create_connection(('127.0.0.1', {port}), 2)\nprint('reached by python')\n"
    (project.repo / "dial.py").write_text(dial)
    command = project.script(
        "attack.sh",
        f"""
for host in 127.0.0.1 localhost ::1 0.0.0.0; do
  (exec 3<> /dev/tcp/$host/{port}) 2> /dev/null && echo "reached $host"
done
python3 dial.py 2> /dev/null
cat {served.home}/token {served.home}/ledger.db 2> /dev/null && echo "read the token"
ls {served.home} 2> /dev/null && echo "saw the home"
grep -a -l WORKBENCH_HOME /proc/[0-9]*/environ 2> /dev/null
touch {served.home}/KILL 2> /dev/null && echo "wrote the home"
echo "tried it all"
""",
    )
    run = project.run(command)
    assert served.watch(run["run_id"]).streams["stdout"] == b"tried it all\n"
    assert not (served.home / "KILL").exists()


def test_a_run_can_plant_no_file_that_changes_policy_or_what_the_server_executes(
    served: Workbench, project: Project
) -> None:
    command = project.script(
        "plant.sh",
        "mkdir -p .workbench; echo x > .workbench/policy.cedar; echo '[core]' >> .git/config; "
        "mkdir -p .git/hooks; echo x > .git/hooks/post-checkout; mv .git .git2; echo tried",
    )
    config = (project.repo / ".git/config").read_text()
    run = project.run(command)
    assert b"tried\n" in served.watch(run["run_id"]).data
    assert (project.repo / ".git/config").read_text() == config
    assert not (project.repo / ".git/hooks/post-checkout").exists()
    assert not (project.repo / ".workbench/policy.cedar").exists()


def test_everything_in_the_home_is_private_to_its_user(served: Workbench, project: Project) -> None:
    project.run("echo hi")
    served.post("/api/secrets", {"project_id": project.project_id, "name": "TOKEN", "value": "long-enough-1"})
    served.cli("features", cwd=project.repo)
    open_ones = [
        f"{path.relative_to(served.home)} {path.lstat().st_mode & 0o777:o}"
        for path in (served.home, *served.home.rglob("*"))
        if not path.is_symlink() and path.lstat().st_mode & 0o077
    ]
    # Nothing in these is a secret, and the home around them is closed.
    harmless = r"(cache|sandbox/empty|sandbox/placeholders|sandbox/zygote\.log)\b"
    assert [path for path in open_ones if not re.match(harmless, path)] == []
    assert served.home.stat().st_mode & 0o777 == 0o700
