"""workbench policy check: the verdict about a command, without running it and without a server."""

from __future__ import annotations

import json
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

import msgspec

from workbench.app.offline import check_asked, check_folder, judge_offline
from workbench.app.verdicts import find_unaccepted, find_unrecorded
from workbench.cli.output import RISK_BARS, describe_rules, print_json, print_line, print_note
from workbench.cli.place import find_repository
from workbench.cli.plain import to_plain
from workbench.cli.run import join_command
from workbench.cli.side_by_side import answer_each, read_lines
from workbench.model.counted import render_count
from workbench.model.errors import InvalidInput, WorkbenchError
from workbench.model.verdict import Decision, Judgement, Verdict

# How an answer begins that is no verdict.
_UNREAD: Final = b'{"error":'
_ENCODER: Final = msgspec.json.Encoder()
_EXIT: Final = {Decision.ALLOW: 0, Decision.REQUIRES_APPROVAL: 10, Decision.DENY: 11}


def check_one(
    words: list[str],
    repo: str | None,
    cwd: str | None,
    env_profile: str,
    connector: str,
    *,
    as_json: bool,
) -> int:
    """Prints one verdict and returns its exit status.

    A policy of the project or organisation that cannot be used denies, as it does when something is to run.
    """
    if not words:
        raise InvalidInput("no command was given", remedy="put it after --: workbench policy check -- ls")
    root = find_repository(repo)
    check_asked(root, cwd, env_profile, connector)
    judge = judge_offline(root)
    judgement = judge(join_command(words), cwd, env_profile, connector)
    for note in filter(None, (find_unaccepted(root), find_unrecorded())):
        print_note(note)
    if as_json:
        print_json(render(judgement))
    else:
        verdict = judgement.verdict
        print_line(
            f"{verdict.verdict.value}  risk {RISK_BARS[verdict.risk_level]} {verdict.risk_level.value}"
        )
        for told in describe_rules(verdict.matched_rules):
            print_line(f"  {told}")
    return _EXIT[judgement.verdict.verdict]


def check_many(repo: str | None, cwd: str | None, env_profile: str, connector: str) -> int:
    """Answers each line of stdin with one line, in order, and returns 0 once all are answered.

    One it cannot read gets an error line; how many those were is said to people at the end.
    """
    root = find_repository(repo)
    check_asked(root, cwd, env_profile, connector)
    judge = judge_offline(root)

    def answer(line: bytes) -> bytes:
        if not line.strip():
            return b""
        return _to_line(_answer(line, judge, root, cwd, env_profile, connector))

    unread = 0
    for said in answer_each(read_lines(sys.stdin.fileno()), answer):
        unread += said.startswith(_UNREAD)
        sys.stdout.buffer.write(said)
        # Whoever asks one line at a time waits for its answer.
        sys.stdout.flush()
    if unread:
        print_note(f"{render_count(unread, 'line')} could not be judged: see each one's error")
    return 0


def _to_line(answer: Judgement | dict[str, Any]) -> bytes:
    """Returns an answer as one line of JSON, as `render` has it, in a fifth of the time."""
    value = answer
    if isinstance(answer, Judgement):
        verdict = {field.name: getattr(answer.verdict, field.name) for field in fields(Verdict)}
        value = {**verdict, "commands": answer.commands, "parsed_strictly": answer.parsed_strictly}
    try:
        return _ENCODER.encode(value) + b"\n"
    except UnicodeEncodeError:
        # Half of a surrogate pair in what was asked: the standard library hands it on as it came.
        plain = render(answer) if isinstance(answer, Judgement) else answer
        return json.dumps(plain).encode() + b"\n"


def _answer(
    line: bytes, judge: Any, root: Path, cwd: str | None, env_profile: str, connector: str
) -> Judgement | dict[str, Any]:
    try:
        asked = json.loads(line)
        command = asked["command"]
        if not isinstance(command, str):
            raise TypeError
    except (ValueError, KeyError, TypeError, RecursionError):
        return {"error": 'the line is no JSON object with a text "command"'}
    given = asked.get("cwd", cwd)
    if given is not None and not isinstance(given, str):
        return {"error": '"cwd" is not text'}
    try:
        if given != cwd:
            # Profile and connector are the same for all lines, and were looked up once.
            check_folder(root, given)
        judgement: Judgement = judge(command, given, env_profile, connector)
        return judgement
    except (WorkbenchError, ValueError) as error:
        return {"error": str(error)}


def render(judgement: Judgement) -> dict[str, Any]:
    """Returns a judgement as the interface fixes it."""
    plain = to_plain(judgement)
    return {**plain["verdict"], "commands": plain["commands"], "parsed_strictly": plain["parsed_strictly"]}
