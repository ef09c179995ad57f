"""The door: who may come in, and to what. Pure ASGI, before any routing, for HTTP and WebSocket alike.

Every request needs an exact Host; every /api request, and /metrics, a token (bearer) or the session cookie
that the one-time link sets; unsafe methods and WebSockets by cookie need our exact Origin. What is not in
the table of permissions is refused. Tokens are kept as SHA-256 only; nothing secret is read from a query
string.
"""

from __future__ import annotations

import functools
import hashlib
import http.cookies
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from workbench.api.permissions import is_guarded, methods_for, permission_for
from workbench.api.problem import MethodNotAllowed, render_problem
from workbench.ledger.ledger import HOUSE, Ledger
from workbench.ledger.move import PutToken, RevokeToken
from workbench.ledger.reads import AccessToken
from workbench.model.actor import Actor, Role
from workbench.model.clock import Clock, NewId, render_time
from workbench.model.errors import InvalidInput, NotAllowed, NotAuthenticated, NotFound, WorkbenchError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Identify = Callable[[], Awaitable[Actor]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

_SAFE: Final = frozenset({"GET", "HEAD"})
_VIA: Final = {b"workbench-cli": "cli", b"workbench-mcp": "mcp"}
"""By which way a bearer says it came. It is recorded, and allows nothing: by the agents' door one may less.

An agent has no token in its hands: `workbench mcp` holds it, and says which door its requests come by.
"""
_MAX_BODY_BYTES: Final = 1 << 20
_TOKEN_SECONDS_TRUSTED: Final = 2.0
_LINK_SECONDS: Final = 3600.0
_SESSION_DAYS: Final = 30
_HEADERS: Final = (
    (
        b"content-security-policy",
        b"default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        b"connect-src 'self'; font-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
        b"frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


def hash_token(token: str) -> str:
    """Returns the form in which a token is stored and looked up."""
    return hashlib.sha256(token.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class NewToken:
    """A token as it is shown once, and never again."""

    token_id: str
    token: str
    role: Role
    person: str


class Access:
    """Tokens, sessions and one-time links, over the ledger."""

    def __init__(self, ledger: Ledger, clock: Clock, new_id: NewId) -> None:
        self._ledger, self._clock, self._new_id = ledger, clock, new_id
        self._links: dict[str, tuple[float, Actor]] = {}
        self._seen: dict[str, tuple[float, AccessToken]] = {}

    async def create_token(
        self,
        *,
        actor: str,
        role: Role,
        by: Actor,
        kind: str = "token",
        project_id: str | None = None,
        expires_at: str | None = None,
        token: str | None = None,
        person: str | None = None,
    ) -> NewToken:
        """Makes a token of 256 random bits and stores its hash; the token itself is returned only here.

        `person` is who holds it: by default whoever the actor's name is known to be, else that name itself.
        Raises Conflict where the name is known to be somebody else.
        """
        text = token or "wb_" + secrets.token_urlsafe(32)
        token_id = self._new_id("tok_")
        move = PutToken(
            token_id=token_id,
            token_sha256=hash_token(text),
            kind=kind,
            token_actor=actor,
            role=role.value,
            token_project_id=project_id,
            expires_at=expires_at,
            person=person,
            made_with=by.token_id if kind == "session" else None,
        )
        (event,) = await self._ledger.append(HOUSE, [move], actor=by.name, via=by.via)
        return NewToken(token_id=token_id, token=text, role=role, person=event.payload["person"])

    async def revoke(self, token_id: str, *, by: Actor) -> None:
        """Ends a token or session at once, and the sessions that its links made.

        With an actor's last token end all of the actor's sessions.
        """
        known = await self._ledger.access_tokens()
        named = [record for record in known if record.token_id == token_id and record.kind == "token"]
        rest = [record for record in known if record.token_id != token_id and record.revoked_at is None]
        ended = [token_id]
        for made_by in ended:
            # A session makes links too; the list grows while it is walked.
            ended += [r.token_id for r in rest if r.made_with == made_by and r.token_id not in ended]
        for actor in {record.actor for record in named}:
            if not any(record.kind == "token" and record.actor == actor for record in rest):
                ended += [
                    r.token_id
                    for r in rest
                    if r.kind == "session" and r.actor == actor and r.token_id not in ended
                ]
        moves = [RevokeToken(token_id=each) for each in ended]
        await self._ledger.append(HOUSE, moves, actor=by.name, via=by.via)
        self._seen.clear()

    def create_link(self, actor: Actor) -> str:
        """Returns a code that signs one browser in, once, within an hour."""
        now = self._clock.monotonic()
        self._links = {code: entry for code, entry in self._links.items() if entry[0] > now}
        code = secrets.token_urlsafe(32)
        self._links[hash_token(code)] = (now + _LINK_SECONDS, actor)
        return code

    async def exchange_link(self, code: str) -> str:
        """Spends a one-time code and returns a new session's token; raises NotAuthenticated."""
        entry = self._links.pop(hash_token(code), None)
        if entry is None or entry[0] <= self._clock.monotonic():
            raise NotAuthenticated(
                "this link was used before or is too old", remedy="get a new one: workbench status --link"
            )
        expires_at = render_time(self._clock.now() + timedelta(days=_SESSION_DAYS))
        made = await self.create_token(
            actor=entry[1].name,
            role=entry[1].role,
            by=entry[1],
            kind="session",
            project_id=entry[1].project_id,
            expires_at=min(expires_at, await self._end_of(entry[1]) or expires_at),
        )
        return made.token

    async def _end_of(self, actor: Actor) -> str | None:
        """Returns when the last token of an actor ends, which no session outlives; None without an end."""
        known = await self._ledger.access_tokens()
        made_with = next((record for record in known if record.token_id == actor.token_id), None)
        if made_with is not None and made_with.revoked_at is not None:
            raise NotAuthenticated("the token that made this link was revoked", remedy=_SIGN_IN)
        own = [record for record in known if record.kind == "token" and record.actor == actor.name]
        live = [record.expires_at for record in own if record.revoked_at is None]
        if own and not live:
            raise NotAuthenticated("the token that made this link was revoked", remedy=_SIGN_IN)
        ends = [end for end in live if end is not None]
        return max(ends) if ends and len(ends) == len(live) else None

    async def identify(self, token: str, *, via: str) -> Actor:
        """Returns who holds this token; raises NotAuthenticated for an unknown, ended or revoked one."""
        digest = hash_token(token)
        now = self._clock.monotonic()
        seen = self._seen.get(digest)
        if seen is None or seen[0] < now:
            found = await self._ledger.find_token(digest)
            if found is None:
                raise NotAuthenticated("the token is not known here", remedy=_SIGN_IN)
            if len(self._seen) > 10_000:
                self._seen.clear()
            seen = self._seen[digest] = (now + _TOKEN_SECONDS_TRUSTED, found)
        record = seen[1]
        if record.revoked_at is not None:
            raise NotAuthenticated("the token was revoked", remedy=_SIGN_IN)
        if record.expires_at is not None and record.expires_at <= render_time(self._clock.now()):
            raise NotAuthenticated("the token has expired", remedy=_SIGN_IN)
        return Actor(
            name=record.actor,
            role=Role(record.role),
            via=via,
            project_id=record.project_id,
            person=record.person,
            token_id=record.token_id,
        )


_SIGN_IN: Final = "open the link that `workbench status --link` prints, or send a token as a bearer"


class Door:
    """Wraps the application; what it lets through carries the actor in scope["state"]["actor"]."""

    def __init__(self, app: AsgiApp, *, access: Access, port: int) -> None:
        self._app, self._access = app, access
        self._hosts = {f"127.0.0.1:{port}".encode(), f"localhost:{port}".encode()}
        self._origins = {b"http://" + host for host in self._hosts}
        self.cookie_name = f"workbench_{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        try:
            await self._admit(scope)
        except WorkbenchError as error:
            await _refuse(scope, receive, send, error)
            return
        if scope["type"] == "http":
            receive = _limited(scope, receive)
            send = _with_headers(send)
        await self._app(scope, receive, send)

    async def _admit(self, scope: Scope) -> None:
        headers: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            if name in (b"host", b"origin", b"authorization") and name in headers:
                raise InvalidInput(f"the header {name.decode()} came twice", remedy="send it once")
            headers[name] = value
        if headers.get(b"host") not in self._hosts:
            raise NotAllowed(
                "this address is not the workbench's own",
                remedy="open it at 127.0.0.1 or localhost with its port, not through another name",
                code="host_refused",
            )
        method = scope.get("method", "WEBSOCKET")
        path = scope["path"]
        origin = headers.get(b"origin")
        if origin is not None and origin not in self._origins:
            raise NotAllowed(
                "the request comes from another page",
                remedy="use the workbench's own page",
                code="origin_refused",
            )
        if not is_guarded(path):
            if method not in _SAFE:
                raise NotAllowed(f"{method} is not for {path}", remedy="use the paths under /api")
            return
        if headers.get(b"sec-fetch-site", b"none") not in (b"same-origin", b"none"):
            raise NotAllowed(
                "the request comes from another site",
                remedy="use the workbench's own page",
                code="origin_refused",
            )
        identify = self._identify(headers, method, origin)
        actor = await identify()
        role = permission_for(method, path)
        if role is None and method != "WEBSOCKET" and (allowed := methods_for(path)):
            raise MethodNotAllowed(method, path, allowed)
        if role is None:
            raise NotFound(f"there is nothing at {method} {path}", remedy="see /api/openapi.json")
        if not actor.has(role):
            raise NotAllowed(
                f"{actor.name} is {actor.role}; this needs {role}",
                remedy="ask an admin for a token with that role: workbench token create --role " + role,
            )
        self._check_body(method, headers)
        # A stream outlives this moment, so it asks again: a revoked token must not go on reading or typing.
        scope.setdefault("state", {}).update(actor=actor, identify=identify)

    def _identify(self, headers: dict[bytes, bytes], method: str, origin: bytes | None) -> Identify:
        """Returns the question who sent this, which can be asked again; raises when no token came at all."""
        authorization = headers.get(b"authorization", b"").decode("latin-1")
        if authorization:
            kind, _, token = authorization.partition(" ")
            if kind.lower() != "bearer" or not token:
                raise NotAuthenticated("the authorization header holds no bearer token", remedy=_SIGN_IN)
            via = _VIA.get(headers.get(b"user-agent", b"").partition(b"/")[0], "api")
            return functools.partial(self._access.identify, token.strip(), via=via)
        cookie = _read_cookie(headers.get(b"cookie", b""), self.cookie_name)
        if cookie is None:
            raise NotAuthenticated("no token came with the request", remedy=_SIGN_IN)
        if method not in _SAFE and origin not in self._origins:
            raise NotAllowed(
                "a request by cookie needs this page's origin",
                remedy="use the workbench's own page, or a bearer token",
                code="origin_refused",
            )
        return functools.partial(self._access.identify, cookie, via="page")

    def _check_body(self, method: str, headers: dict[bytes, bytes]) -> None:
        if method in _SAFE or method == "WEBSOCKET":
            return
        length = headers.get(b"content-length", b"0")
        has_body = length != b"0" or b"transfer-encoding" in headers
        kind = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
        if has_body and kind != b"application/json":
            raise InvalidInput(
                "the body is not sent as application/json", remedy="set Content-Type: application/json"
            )
        if length.isdigit() and int(length) > _MAX_BODY_BYTES:
            raise InvalidInput(
                f"the body has {int(length)} bytes; at most {_MAX_BODY_BYTES} are taken", remedy="send less"
            )


def _read_cookie(header: bytes, name: str) -> str | None:
    jar: http.cookies.SimpleCookie = http.cookies.SimpleCookie()
    try:
        jar.load(header.decode("latin-1"))
    except http.cookies.CookieError:
        return None
    return jar[name].value if name in jar else None


def _limited(scope: Scope, receive: Receive) -> Receive:
    taken = 0

    async def limited() -> MutableMapping[str, Any]:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > _MAX_BODY_BYTES:
            return {"type": "http.disconnect"}
        return message

    return limited


def _with_headers(send: Send) -> Send:
    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", []), *_HEADERS]
        await send(message)

    return sending


async def _refuse(scope: Scope, receive: Receive, send: Send, error: WorkbenchError) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 4000 + error.http_status - 400, "reason": error.code})
        return
    body = render_problem(error)
    allow = [(b"allow", ", ".join(error.allowed).encode())] if isinstance(error, MethodNotAllowed) else []
    await send(
        {
            "type": "http.response.start",
            "status": error.http_status,
            "headers": [
                (b"content-type", b"application/problem+json"),
                (b"content-length", str(len(body)).encode()),
                (b"cache-control", b"no-store"),
                *allow,
                *_HEADERS,
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})
