"""Builds the web application: the door around the routes, and the page that the build left in static/."""

from __future__ import annotations

import mimetypes
from pathlib import Path
from typing import Final

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from workbench.api import stream
from workbench.api.auth import AsgiApp, Door
from workbench.api.house import House
from workbench.api.openapi import complete
from workbench.api.problem import render_problem
from workbench.api.refusal import explain_http_error, explain_refusal
from workbench.api.routes import (
    approvals,
    features,
    operate,
    policy,
    program,
    runs,
    switches,
    transcripts,
)
from workbench.api.sign_in import sign_in
from workbench.engine.check_room import check_room
from workbench.model.errors import NotFound, TooBusy, WorkbenchError

log = structlog.get_logger()

STATIC: Final = Path(__file__).parent / "static"
_NO_PAGE: Final = (
    b"<!doctype html><title>Workbench</title><p>The page was not built. Run <code>make web</code>, or "
    b"install the wheel, which holds it. The API and the command line work without it."
)


def create_api() -> FastAPI:
    """Returns the routes without the door; the OpenAPI document is made from it."""
    api = FastAPI(
        title="Feature Execution Workbench",
        version="1",
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        description="Every request carries a token. Errors are RFC 9457 problems with code and remedy.",
    )
    # A request is tried on one path after the other: what a start waits for comes first.
    for router in (
        runs.router,
        stream.router,
        features.router,
        approvals.router,
        operate.router,
        switches.router,
        policy.router,
        program.router,
        transcripts.router,
    ):
        api.include_router(router)
    complete(api)

    @api.exception_handler(WorkbenchError)
    async def _expected(_request: Request, error: WorkbenchError) -> Response:
        return _problem(error)

    @api.exception_handler(RequestValidationError)
    async def _invalid(_request: Request, error: RequestValidationError) -> Response:
        return _problem(explain_refusal(error.errors()[0]))

    @api.exception_handler(HTTPException)
    async def _http(_request: Request, error: HTTPException) -> Response:
        answer = _problem(explain_http_error(error.status_code, str(error.detail)))
        answer.headers.update(error.headers or {})
        return answer

    @api.exception_handler(Exception)
    async def _unexpected(request: Request, error: Exception) -> Response:
        log.exception("request failed", path=request.url.path, error=type(error).__name__)
        problem = WorkbenchError(
            "the server met an error it did not expect",
            remedy="look at the server's log in WORKBENCH_HOME, and report it with the lines there",
            code="internal_error",
        )
        problem.http_status = 500
        return _problem(problem)

    @api.get("/healthz", include_in_schema=False)
    async def _health() -> JSONResponse:
        return JSONResponse({"status": "ok"})

    @api.get("/readyz", include_in_schema=False)
    async def _ready(request: Request) -> JSONResponse:
        await check_room(request.app.state.house.context)
        return JSONResponse({"status": "ready"})

    return api


def create_application(house: House, *, port: int) -> AsgiApp:
    """Returns the whole application behind the door."""
    api = create_api()
    api.state.house = house
    door = Door(api, access=house.access, port=port)

    @api.get("/auth/{code}", include_in_schema=False)
    async def _sign_in(code: str, request: Request) -> Response:
        return await sign_in(house.access, code, request, door.cookie_name)

    @api.get("/{path:path}", include_in_schema=False)
    async def _page(path: str) -> Response:
        return _static(path)

    return door


def _static(path: str) -> Response:
    """Serves a built file, or the page itself for any address of its own router."""
    try:
        target = (STATIC / path).resolve()
        is_built = bool(path) and target.is_relative_to(STATIC.resolve()) and target.is_file()
    except (OSError, ValueError):
        # Too long for a name, or no name at all: there is no such file.
        return _problem(NotFound("there is no such page", remedy="open the workbench's first page: /"))
    if is_built:
        kind = mimetypes.guess_type(target.name)[0] or "application/octet-stream"
        # Built files carry their digest in their name, so they never change under it.
        cache = "public, max-age=31536000, immutable" if path.startswith("assets/") else "no-cache"
        return Response(target.read_bytes(), media_type=kind, headers={"Cache-Control": cache})
    # Below p/ an address names a project's objects, and a feature may be called next.js.
    is_file = not path.startswith("p/") and mimetypes.guess_type(path)[0] is not None
    if is_file or path.startswith("assets/"):
        return _problem(NotFound(f"there is no file {path}", remedy="reload the page"))
    index = STATIC / "index.html"
    content = index.read_bytes() if index.is_file() else _NO_PAGE
    return Response(content, media_type="text/html; charset=utf-8", headers={"Cache-Control": "no-cache"})


def _problem(error: WorkbenchError) -> Response:
    return Response(
        render_problem(error),
        status_code=error.http_status,
        media_type="application/problem+json",
        headers={"Retry-After": str(error.retry_after_seconds)} if isinstance(error, TooBusy) else None,
    )
