"""Proposes rules from a command that was asked about, so that the same program and form is asked no more.

A proposal speaks of the parsed form: program, subcommand, names of flags, facts and the hosts that are named;
never of another value or the text. It is made only where it would lift every question about the command; what
is denied, and what the shipped rules do not let a remembered rule lift, gets none. It remembers nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from workbench.model.command import Surroundings
from workbench.model.errors import WorkbenchError
from workbench.model.verdict import Decision
from workbench.policy.evaluate import decide_each
from workbench.policy.judge import Policy, understand
from workbench.policy.recall import CallForm, read_form

_UNTOLD = "the host that it reaches cannot be told"


class NotRememberable(WorkbenchError):
    """Some question about the command is one that no remembered rule lifts."""

    code = "not_rememberable"
    http_status = 422


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """One rule for one program and form; `cedar` is all of it."""

    program: str
    form: str
    flags: tuple[str, ...]
    facts: tuple[str, ...]
    cedar: str


def propose(
    policy: Policy,
    source_text: str,
    *,
    cwd: str,
    workspace_root: str,
    surroundings: Surroundings,
    connector: str = "local",
) -> tuple[Proposal, ...]:
    """Returns a rule for each call of the command that is asked about.

    Raises NotRememberable when nothing is asked about, when the command is denied, or when some question
    about it would stay.
    """
    plain = replace(policy, recall=None)
    found = understand(
        plain,
        source_text,
        cwd=cwd,
        workspace_root=workspace_root,
        surroundings=surroundings,
        connector=connector,
    )
    if found.script or not found.is_strict:
        raise _refused("its text is not understood strictly")
    outcomes = decide_each(policy.ruleset, [call.labels for call in found.calls])
    asked = [
        call
        for call, outcome in zip(found.calls, outcomes, strict=True)
        if outcome.decision != Decision.ALLOW
    ]
    if not asked:
        raise _refused("nothing about it is asked")
    if any(call.labels & {"inline_code", "stdin_code"} for call in asked):
        raise _refused("its code is given inline or on standard input, and a rule would cover any code")
    lifted = decide_each(policy.ruleset, [call.labels | {"remembered"} for call in asked])
    proposals: dict[str, Proposal] = {}
    for call, outcome in zip(asked, lifted, strict=True):
        form = read_form(policy.catalog, call)
        if outcome.decision is not Decision.ALLOW or form is None:
            staying = ", ".join(sorted({rule.reason for rule in outcome.matched if rule.effect == "forbid"}))
            raise _refused(f"no rule lifts what is asked about {call.facts.program}: {staying or _UNTOLD}")
        proposal = _render(form)
        proposals[proposal.cedar] = proposal
    return tuple(proposals.values())


def _refused(why: str) -> NotRememberable:
    return NotRememberable(
        f"this command cannot be remembered: {why}",
        remedy="approve it each time; workbench policy explain -- COMMAND shows what is asked and why",
    )


def _render(form: CallForm) -> Proposal:
    flags = f"{_listed(form.flags)}.containsAll(context.flags)" if form.flags else "context.flags.isEmpty()"
    condition = (
        f"  context.program == {_quoted(form.program)} && context.form == {_quoted(form.form)} &&\n"
        f"  {flags} &&\n"
        f"  {_listed(form.facts)}.containsAll(context.facts)"
    )
    name = " ".join(word for word in (form.program, form.form, *form.flags) if word)
    digest = hashlib.sha256(condition.encode()).hexdigest()[:12]
    cedar = (
        f'@id("remembered-{digest}")\n@risk("medium")\n@reason("remembered")\n@text({_quoted(name)})\n'
        'permit (principal, action == Action::"recall", resource)\n'
        f"when {{\n{condition}\n}};\n"
    )
    return Proposal(program=form.program, form=form.form, flags=form.flags, facts=form.facts, cedar=cedar)


def _listed(words: Sequence[str]) -> str:
    return "[" + ", ".join(_quoted(word) for word in words) + "]"


def _quoted(word: str) -> str:
    """Cedar's quotes; the words come from the catalogue and the schema, which are plain."""
    if not word.isascii() or not word.isprintable() or '"' in word or "\\" in word:
        raise _refused(f"{word!r} is no plain word")
    return json.dumps(word)
