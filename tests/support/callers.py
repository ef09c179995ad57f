"""The HTTP API in this process, over an engine house, and the people and agents who call it."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from typing import Any

import httpx

from support.engine import House, Notebook
from workbench.api.application import create_application
from workbench.api.auth import Access
from workbench.api.house import House as ApiHouse
from workbench.connectors.contract import DispatchRequest, PreviewFound, PreviewTerms
from workbench.engine.context import ENGINE
from workbench.model.actor import Role

_PORT = 8000
_USER_AGENTS = {"cli": "workbench-cli/1", "mcp": "workbench-mcp/1", "api": "curl/8"}


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Somebody with a token of their own, who comes by one way."""

    name: str
    role: Role
    via: str
    person: str


class Trying(Notebook):
    """A notebook that takes previews too, and notes what was to be tried."""

    def __init__(self) -> None:
        super().__init__()
        self.tried: list[DispatchRequest] = []
        self._reports: dict[str, bytes] = {}

    async def preview(self, request: DispatchRequest, *, name: str, terms: PreviewTerms) -> PreviewFound:
        self.tried.append(request)
        lists = ("process_names", "created", "changed", "deleted", "binary", "unshown", "emptied")
        numbers = (
            *("output_bytes", "processes_started", "git_files", "duration_ms", "exit_code", "emptied_files"),
        )
        texts = ("detail", "output_tail", "diff", "end_reason")
        report = {
            **{key: [] for key in lists},
            **dict.fromkeys(numbers, 0),
            **dict.fromkeys(texts, ""),
            **dict.fromkeys(("is_every_process_named", "is_count_exact", "is_cut"), False),
            "preview_id": name,
            "run_id": request.run_id,
            "step_id": request.step_id,
            "subject_digest": request.admission.subject_digest,
            "reason_codes": list(request.admission.judgement.verdict.reason_codes),
            "counts": {},
        }
        stored = self._reports[name] = json.dumps(report).encode()
        digest = "sha256:" + hashlib.sha256(stored).hexdigest()
        return PreviewFound(name=name, report=report, digest=digest, size_bytes=len(stored))

    def preview_report(self, name: str) -> bytes:
        return self._reports[name]


class Api:
    """Requests through the door and the routes. Every answer is one that the API means to give."""

    def __init__(self, house: House) -> None:
        context = house.context
        self._access = Access(context.ledger, context.clock, context.new_id)
        served = ApiHouse(
            context=context,
            access=self._access,
            url=f"http://127.0.0.1:{_PORT}",
            version="0",
            home=str(context.home),
            pid=os.getpid(),
            stop=lambda: None,
        )
        door = create_application(served, port=_PORT)
        self._client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=door), base_url=f"http://127.0.0.1:{_PORT}"
        )
        self._tokens: dict[str, tuple[str, str]] = {}

    async def let_in(self, caller: Caller) -> None:
        """Gives them a new token; the one that they had is revoked."""
        if caller.name in self._tokens:
            await self._access.revoke(self._tokens[caller.name][0], by=ENGINE)
        made = await self._access.create_token(
            actor=caller.name, role=caller.role, by=ENGINE, person=caller.person
        )
        self._tokens[caller.name] = (made.token_id, made.token)

    async def call(self, caller: Caller, method: str, path: str, /, **body: Any) -> httpx.Response:
        """Returns the answer, a refusal too; fails at one that the server did not mean to give."""
        headers = {
            "authorization": f"Bearer {self._tokens[caller.name][1]}",
            "user-agent": _USER_AGENTS[caller.via],
        }
        answer = await self._client.request(method, path, headers=headers, json=body or None)
        assert answer.status_code < 500, answer.text
        return answer

    async def close(self) -> None:
        await self._client.aclose()
