"""Reads a document's YAML front matter into values that keep their own text and line.

Scalars are never converted: `id: 001`, `status: yes` and `due: 2026-02-30` stay as they were written,
so no tag, date or number in a hostile file can do anything. Depth, values and alias expansion are bounded.
It works on YAML's event stream (PyYAML, libyaml where present) and never builds a Python object from a tag.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from workbench.features.document import Value
from workbench.model.feature import Diagnostic

MAX_DEPTH = 40
MAX_VALUES = 20_000
MAX_BYTES = 1 << 20
_TOO_DEEP = f"it is nested deeper than {MAX_DEPTH} levels"
_ODD_BREAK = re.compile("[\r\x85\u2028\u2029]")
_NOT_PLAIN = re.compile(r"[\[\]{},&*!|>%@`#]|[:?-](?:\s|$)")
_LENIENT = re.compile(r"([A-Za-z_][\w-]{0,60}):[ \t]+(.{1,2000})$")


@dataclass(slots=True)
class _Open:
    """A list or map whose end has not been seen yet."""

    line: int
    anchor: str | None
    is_map: bool
    key: Value | None = None
    size: int = 1
    height: int = 1
    items: list[Value] = field(default_factory=list)
    entries: dict[str, Value] = field(default_factory=dict)


class _Refused(Exception):
    def __init__(self, problem: str, line: int) -> None:
        super().__init__(problem)
        self.problem, self.line = problem, line


def parse_front_matter(path: str, lines: list[str]) -> tuple[dict[str, Value], int, list[Diagnostic]]:
    """Returns the fields, the number of lines the front matter takes (0 for none), and what was wrong.

    Invalid YAML gives a diagnostic with its line, and the plain `key: value` lines are kept all the same,
    so that one broken line does not hide a feature.
    """
    if not lines or lines[0].rstrip() != "---":
        return {}, 0, []
    end = next((i for i, line in enumerate(lines[1:5000], 1) if line.rstrip() in ("---", "...")), 0)
    if end == 0:
        return {}, 0, []
    # YAML also breaks lines at these characters, which git and editors do not: its line numbers would shift.
    source = _ODD_BREAK.sub(" ", "\n".join(lines[1:end]))
    try:
        fields, problems = parse_yaml(path, source, first_line=2)
    except _Refused as refusal:
        problem = Diagnostic(
            path=path,
            line=refusal.line,
            problem=f"the front matter is not valid YAML: {refusal.problem}",
            remedy=f"mend line {refusal.line} (a text with a colon, a # or a leading quote needs quotes); "
            "until then only its plain `key: value` lines are read",
        )
        return _parse_lenient(lines[1:end]), end + 1, [problem]
    return fields, end + 1, problems


def parse_yaml(path: str, source: str, *, first_line: int) -> tuple[dict[str, Value], list[Diagnostic]]:
    """Returns the entries of a YAML map; a repeated key keeps its last value and is reported."""
    import yaml  # The import costs 10 ms; an unchanged repository never needs it.

    if len(source.encode("utf-8", "replace")) > MAX_BYTES:
        raise _Refused(f"it is longer than {MAX_BYTES} bytes", first_line)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    problems: list[Diagnostic] = []
    try:
        root = _build(path, yaml.parse(source, Loader=loader), first_line, problems)
    except yaml.YAMLError as error:
        raise _refusal_of(error, source, first_line) from error
    except (RecursionError, ValueError, UnicodeError) as error:
        raise _Refused(str(error) or type(error).__name__, first_line) from error
    if root is not None and not root.entries and (root.text or root.items):
        raise _Refused("it is no map of keys to values", root.line)
    return (root.entries if root else {}), problems


def _refusal_of(error: Exception, source: str, first_line: int) -> _Refused:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    position = getattr(error, "position", None)
    line = first_line
    if mark is not None:
        line = first_line + int(mark.line)
    elif isinstance(position, int):
        line = first_line + source[:position].count("\n")
    last = first_line + source.count("\n")
    words = str(getattr(error, "problem", None) or getattr(error, "reason", None) or error).split("\n")[0]
    return _Refused(words, min(line, last))


def _build(path: str, events: object, first_line: int, problems: list[Diagnostic]) -> Value | None:
    """Builds the first document's value from YAML events, without recursion."""
    import yaml

    stack: list[_Open] = []
    anchors: dict[str, tuple[Value, int, int]] = {}
    total = 0
    for event in events:  # type: ignore[attr-defined]
        line = first_line + event.start_mark.line if event.start_mark else first_line
        match event:
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                if len(stack) >= MAX_DEPTH:
                    raise _Refused(_TOO_DEEP, line)
                stack.append(
                    _Open(line=line, anchor=event.anchor, is_map=isinstance(event, yaml.MappingStartEvent))
                )
                continue
            case yaml.ScalarEvent():
                text = (
                    "" if event.implicit[0] and event.value in ("~", "null", "Null", "NULL") else event.value
                )
                # A block text begins on the line below its "|" or ">".
                line += 1 if event.style in ("|", ">") else 0
                done, size, height, anchor = Value(line=line, text=text), 1, 0, event.anchor
            case yaml.AliasEvent():
                if event.anchor not in anchors:
                    raise _Refused(f"alias *{event.anchor} has no anchor", line)
                (done, size, height), anchor = anchors[event.anchor], None
                # What a reference stands for is as deep here as where it was written out.
                if len(stack) + height > MAX_DEPTH:
                    raise _Refused(_TOO_DEEP, line)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                closed = stack.pop()
                done = Value(line=closed.line, items=tuple(closed.items), entries=closed.entries)
                size, height, anchor = closed.size, closed.height, closed.anchor
            case yaml.DocumentEndEvent():
                return None
            case _:
                continue
        if not isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            total += size
        if total > MAX_VALUES:
            raise _Refused(f"it holds more than {MAX_VALUES} values once aliases are expanded", line)
        if anchor:
            anchors[anchor] = (done, size, height)
        if not stack:
            return done
        stack[-1].height = max(stack[-1].height, height + 1)
        _attach(path, stack[-1], done, size, problems)
    return None


def _attach(path: str, parent: _Open, done: Value, size: int, problems: list[Diagnostic]) -> None:
    parent.size += size
    if not parent.is_map:
        parent.items.append(done)
    elif parent.key is None:
        parent.key = done
    else:
        name = parent.key.text.strip()
        if name in parent.entries:
            problems.append(
                Diagnostic(
                    path=path,
                    line=parent.key.line,
                    problem=f"the key `{name[:60]}` stands here a second time",
                    remedy="remove one of the two; the last one is used",
                )
            )
        # A scalar's line is its value's line, which is also the line a reader looks for.
        parent.entries[name] = done
        parent.key = None


def _plain_scalar(written: str) -> str:
    """Returns a value that can only be meant as text, or "": an unclosed list or a stray mark is no title."""
    text = written.split(" #", 1)[0].strip()
    if text[:1] in ('"', "'"):
        if len(text) < 2 or text[-1] != text[0]:
            return ""
        text = text[1:-1].strip()
    elif _NOT_PLAIN.match(text):
        return ""
    return text if any(character.isalnum() for character in text) else ""


def _parse_lenient(lines: list[str]) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for number, line in enumerate(lines, 2):
        if (match := _LENIENT.match(line)) and (text := _plain_scalar(match.group(2))):
            found.setdefault(match.group(1), Value(line=number, text=text))
    return found
