"""The JSON shapes of deciding: what a decider sends, what an edit would come to, what a preview found.

The shape of an approval itself is in wire.py, as runs hold it; the rules there hold here too.
"""

from __future__ import annotations

from pydantic import Field

from workbench.api.wire import ChangeOut, VerdictOut, Wire


class DecisionIn(Wire):
    """`subject_digest` is what the decider saw; a decision for another subject is refused."""

    reason: str = Field(max_length=4000)
    subject_digest: str | None = None


class EditIn(Wire):
    """What an approver wants instead of what is held; what is null stays as it was asked for.

    `allow_hosts` takes the place of the names that this run alone may reach.
    """

    command: str | None = Field(default=None, max_length=65536)
    cwd: str | None = Field(default=None, max_length=4096)
    timeout_seconds: int | None = Field(default=None, ge=1, le=604800)
    allow_hosts: list[str] | None = Field(default=None, max_length=8)


class EditDecisionIn(EditIn):
    """`edited_digest` is the subject that the edit was shown to come to (`edit-check`). It has to be given:
    what nobody has looked at is approved by nobody, and what has changed since is refused."""

    reason: str = Field(max_length=4000)
    subject_digest: str | None = None
    edited_digest: str


class EditOut(VerdictOut):
    """What an edit would come to, judged anew. `refusal` says why it could not be approved, or is empty.

    With a refusal `verdict` is deny, whoever refuses: the policy, the project's boundary or a switch. Where
    it is not the policy, `matched_rules` is empty: no rule is the reason. `reason_codes` then names what is,
    as a run's `blocked_by` does: `boundary`, `switch`, `kill_switch`.
    """

    command_visible: str
    cwd: str
    changes: list[ChangeOut]
    subject_digest: str
    risk_before: str
    refusal: str


class PreviewOut(Wire):
    """What a held command did to a copy of its workspace. What does not print is spelled out in every text.

    `withheld` says who may see what is left out here, or is empty. It is left out where the command reads
    secrets (`reads_secret` in `reason_codes`) and this actor may not approve it: then the texts and all
    names are empty, and the numbers stay. `emptied` are the first of the `emptied_files` that the copy
    holds empty, because of their names keys and passwords lie there. With `is_history_omitted` the copy was
    without what version control keeps of earlier versions, as the command was not understood. `by` asked for
    it `at`; `is_current`: what was tried is what the approval is about. `outdated` says that this has changed
    since, and what to do, or is empty.

    Lists hold the first of each kind, `counts` all; the artifact holds all of this, under `digest`.
    `process_names` are the different command lines of its processes, in the order in which they came, with
    the program's file before one that calls itself otherwise: with `is_every_process_named` all of them,
    else the first 200, or those of processes that were there when somebody looked, every 20 ms.
    `processes_started` counts processes and threads, all of them with `is_count_exact`.
    """

    artifact_id: str
    digest: str
    by: str
    at: str
    is_current: bool
    withheld: str
    outdated: str
    preview_id: str
    run_id: str
    step_id: str
    subject_digest: str
    reason_codes: list[str]
    end_reason: str
    exit_code: int | None
    detail: str
    output_bytes: int
    output_tail: str
    process_names: list[str]
    is_every_process_named: bool
    processes_started: int
    is_count_exact: bool
    created: list[str]
    changed: list[str]
    deleted: list[str]
    binary: list[str]
    unshown: list[str]
    counts: dict[str, int]
    git_files: int
    emptied: list[str]
    emptied_files: int
    is_history_omitted: bool
    diff: str
    is_cut: bool
    duration_ms: int
