"""How the command line speaks: statuses as shape and word, errors with a remedy, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, Final

from workbench.model.errors import WorkbenchError
from workbench.model.verdict import MatchedRule

SHAPES: Final = {
    "queued": "○",
    "running": "◐",
    "succeeded": "●",
    "failed": "▲",
    "canceled": "■",
    "blocked": "❚❚",
    "skipped": "⤼",
}
RISK_BARS: Final = {"low": "▂", "medium": "▂▄", "high": "▂▄▆"}


def print_json(value: Any) -> None:
    """Prints one JSON document on stdout, and nothing else goes there."""
    # Made whole first: writing piece by piece takes the slow encoder.
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def print_line(text: str = "") -> None:
    """Prints one line of an answer, with everything that could steer the terminal taken out."""
    sys.stdout.write(clean(text) + "\n")


def print_row(text: str) -> None:
    """Prints exactly one line of an answer: a line break in a name or command is shown, not obeyed."""
    sys.stdout.write(one_line(text) + "\n")


def print_note(text: str) -> None:
    """Prints progress or advice for people, on stderr."""
    sys.stderr.write(clean(text) + "\n")
    sys.stderr.flush()


def print_error(error: WorkbenchError) -> None:
    print_note(f"workbench: {error.message}")
    print_note(f"  what to do: {error.remedy}")


def status_word(status: str) -> str:
    """Returns the status as its shape and word."""
    return f"{SHAPES.get(status, '?')} {status}"


def one_line(text: str) -> str:
    """Returns `text` as one line: line breaks, control and bidirectional characters are shown, not obeyed.

    For whatever comes from outside and is one value (a path, a name, a command): a file name may hold line
    breaks, and each would begin a line that looks like one of the workbench's own.
    """
    return "".join(character if character.isprintable() else f"\\x{ord(character):02x}" for character in text)


def clean(text: str) -> str:
    """Returns `text`, which may have several lines, with its other control characters shown, not obeyed."""
    return "".join(
        character if character == "\n" or character.isprintable() else f"\\x{ord(character):02x}"
        for character in text
    )


def print_table(rows: list[list[str]], headings: list[str]) -> None:
    """Prints aligned columns, a row a line; the last column may be as long as it likes."""
    table = [headings, *rows]
    widths = [max(len(one_line(row[i])) for row in table) for i in range(len(headings) - 1)]
    for row in table:
        cells = [one_line(cell).ljust(width) for cell, width in zip(row, widths, strict=False)]
        sys.stdout.write("  ".join([*cells, one_line(row[-1])]).rstrip() + "\n")


def describe_evidence(item: Mapping[str, Any]) -> str:
    """Returns one line that anybody can check: fact, path, line, commit."""
    commit = item["commit"][:12] if item["commit"] else "not committed"
    return f"{item['path']}:{item['line']} @ {commit}: {item['fact']}"


def describe_rules(rules: Iterable[MatchedRule | Mapping[str, Any]]) -> list[str]:
    """Returns the rules that decide, each in its own words, and those that only tell something.

    They come strictest first; one that a stricter one has outdone is left to `policy explain` and to JSON.
    """
    told = [asdict(rule) if isinstance(rule, MatchedRule) else rule for rule in rules]
    verdicts = [rule.get("verdict") for rule in told]
    strictest = next((verdict for verdict in verdicts if verdict), None)
    return [
        " ".join(word for word in (rule["source"], f"{rule['rule_id']}:", rule["text"]) if word)
        for rule, verdict in zip(told, verdicts, strict=True)
        if verdict in (None, strictest)
    ]
