"""Says what is no news in a project's own scripts, so that an ordinary test or build asks for nothing.

It only takes away what is merely not known there; what a line is surely seen to reach stays.
"""

from __future__ import annotations

import re
from dataclasses import replace

from workbench.model.verdict import Effect
from workbench.policy.calls import Call
from workbench.policy.named import Named

_UNSURE = frozenset(
    [
        "program_unknown",
        "program_missing",
        "program_dynamic",
        "program_shadowed",
        "form_unknown",
        "dynamic_word",
        "cwd_unknown",
        "writes_unknown",
        "reads_unknown",
        "writes_temporary",
        "changes_shell",
        "wrapper_unsure",
        "hidden",
        "not_strict",
        "stdin_paths",
        "no_program",
        "script_unreadable",
        "nothing_found",
        "unknown",
    ]
)
_LEAVINGS = re.compile(
    r"build|dist|out|target|coverage|htmlcov|\.(pytest|mypy|ruff)_cache|__pycache__|\.next|\.nuxt|\.turbo|\.cache|tmp"
    r"|\.coverage|[^/]+\.(o|a|so|d|pyc|tmp|log|egg-info|tsbuildinfo|prof)",
)
_SAYS = (("echo",), ("printf",), ("test",), ("[",), ("true",), (":",), ("exit",), ("set",))


def in_project(call: Call, named: Named, workspace_root: str) -> Call:
    """Takes away what is no news in a project's own script: it runs the project's code, in the sandbox.

    Not asked about are a build tool's argument that only the script knows, a build's own leavings deleted,
    and code given inline, which is the project's like that in its files. What reaches beyond, deletes,
    publishes or runs unknown programs stays as it is.
    """
    labels = set(call.labels)
    if call.facts.source and call.facts.source.rpartition(":")[0] not in named.files:
        # Inside a shell file that the recipe runs, functions and variables are as unknown as in the
        # project's Python; what it is surely seen to reach is all that can be told.
        if "writes_unknown" in labels:
            labels -= {"deletes", "irreversible", "recursive", "changes_many"}
        if any("$" in path for path in call.facts.reads):
            labels -= {"executes_outside"}
        known = {label for label in labels - _UNSURE if not label.startswith("syntax_")}
        labels = known | {"understood", "executes"}
    if (
        named.has_tools
        and "program_unknown" in labels
        and not labels & {"program_dynamic", "program_shadowed"}
    ):
        # A tool that nobody knows may be a generator, which writes what it likes.
        labels = labels - {"program_unknown", "program_missing", Effect.UNKNOWN}
        labels |= {"understood", "executes", "runs_code"}
    if "executes" in labels or call.facts.argv[:1] in _SAYS:
        labels -= {"dynamic_word", "reads_unknown", Effect.UNKNOWN}
        labels |= {"understood"}
    if "privilege" in labels:
        # It gains none in the sandbox, and often stands in a branch not taken: a person may say yes.
        labels = labels - {"privilege"} | {"privileged_script"}
    if not labels & {"stdin_code", "piped_network", "piped_decodes"}:
        labels -= {"inline_code"}
    if call.facts.writes and all(_is_leaving(path, workspace_root) for path in call.facts.writes):
        labels -= {"deletes", "irreversible", "recursive", "writes_unknown"}
    if "env_steers" not in labels:
        labels -= {"env_refused"}
    return replace(call, labels=frozenset(labels))


def _is_leaving(path: str, workspace_root: str) -> bool:
    # Only the names below the workspace count: a project that lies in /tmp or in ~/build is no leaving.
    inside = workspace_root.rstrip("/") + "/"
    if f"{path}/" == inside or inside.startswith(f"{path}/"):
        return False
    parts = path.removeprefix(inside).split("/")
    return (
        ".git" not in parts and not path.endswith("/..") and any(_LEAVINGS.fullmatch(part) for part in parts)
    )


def in_script(call: Call) -> Call:
    """A script's own variables and redirections are no programs; names that steer others stay refused."""
    if "no_program" not in call.labels or call.facts.argv:
        return call
    labels = call.labels - {"no_program", Effect.UNKNOWN} | {"understood"}
    return replace(call, labels=labels if "env_steers" in labels else labels - {"env_refused"})
