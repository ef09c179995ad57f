"""The one tree of errors: each says what happened, and what to do next.

The message holds the value and the limit, `remedy` the next action, `code` a stable word that
docs/reference/errors.md explains. Nothing else is raised across a room's border on purpose.
"""

from __future__ import annotations


class WorkbenchError(Exception):
    """An expected failure with a stable code and a remedy a person can act on."""

    code = "workbench_error"
    http_status = 400

    def __init__(self, message: str, *, remedy: str, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        if code is not None:
            self.code = code


class InvalidInput(WorkbenchError):
    """A value from outside cannot be used as it is."""

    code = "invalid_input"
    http_status = 422


class NotFound(WorkbenchError):
    """No object has this id, in this project."""

    code = "not_found"
    http_status = 404


class Conflict(WorkbenchError):
    """The object has moved on since the caller looked."""

    code = "conflict"
    http_status = 409


class IllegalMove(Conflict):
    """The state tables do not allow this move from this state.

    Carries what was tried, so that a log line alone explains it.
    """

    code = "illegal_move"

    def __init__(self, *, noun: str, object_id: str, state: str, move: str, actor: str) -> None:
        super().__init__(
            f"{actor} asked to {move} {noun} {object_id}, which is {state}",
            remedy=f"look at the {noun} again; the moves it allows now are listed with it",
        )
        self.noun, self.object_id, self.state, self.move, self.actor = noun, object_id, state, move, actor


class StartRefused(Conflict):
    """A start lacks its admission, or the approval that it rests on is not good for it, or not any more."""

    code = "start_refused"


class AskedAnew(Conflict):
    """What was to be approved has changed since it was asked about; `approval_id` asks about it anew."""

    code = "asked_anew"

    def __init__(self, message: str, *, remedy: str, approval_id: str) -> None:
        super().__init__(message, remedy=remedy)
        self.approval_id = approval_id


class TooBusy(WorkbenchError):
    """So much of this work goes on or waits already that no more is taken.

    `retry_after_seconds` is when it is worth another try.
    """

    code = "too_busy"
    http_status = 429
    retry_after_seconds = 5


class NotAllowed(WorkbenchError):
    """The actor's role, or a project's rule, does not permit this."""

    code = "not_allowed"
    http_status = 403


class NotAuthenticated(WorkbenchError):
    """No valid token came with the request."""

    code = "not_authenticated"
    http_status = 401


class BoundaryViolation(WorkbenchError):
    """A path lies outside what the project may touch."""

    code = "boundary_violation"
    http_status = 422


class SandboxUnavailable(WorkbenchError):
    """The kernel sandbox cannot be built here; nothing is ever run without it."""

    code = "sandbox_unavailable"
    http_status = 503


class LedgerUnavailable(WorkbenchError):
    """The ledger cannot be read or written; nothing starts until it can."""

    code = "ledger_unavailable"
    http_status = 503


class LeaseLost(LedgerUnavailable):
    """The others take this process for gone, so it may write nothing more under its name."""

    code = "lease_lost"


class Elsewhere(WorkbenchError):
    """A step runs on another machine, and what was asked for is only there."""

    code = "elsewhere"
    http_status = 409


class ArchiveUnavailable(WorkbenchError):
    """The object store cannot be used now; what is not stored yet stays on this machine."""

    code = "archive_unavailable"
    http_status = 503


class Removed(WorkbenchError):
    """What was asked for was there, and was removed on purpose; the record of it stays."""

    code = "removed"
    http_status = 410


class ServerUnavailable(WorkbenchError):
    """No server answers for this WORKBENCH_HOME."""

    code = "server_unavailable"
    http_status = 503
