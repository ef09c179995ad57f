"""Takes a Markdown document apart: front matter, bold keys, headings, task boxes, named checks.

Lines are counted as git and editors count them (by "\\n" only), so a cited line is the line one sees.
What stands in a fenced block or in an HTML comment is example or template text and is not read.
It knows no layout and reads no file.
"""

from __future__ import annotations

import re

from workbench.features.document import Box, Heading, Outline, Quote
from workbench.features.frontmatter import parse_front_matter
from workbench.model.feature import Diagnostic

MAX_BOXES = 10_000
MAX_LINE = 4_000
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.+?)[ \t]*#*[ \t]*$")
_BOX = re.compile(r"([ \t]*)(?:[-*+]|\d{1,4}[.)])[ \t]+\[(.?)\][ \t]+(\S.*)$")
_KEYED = re.compile(r"[ \t]*(?:>[ \t]*)?(?:[-*+][ \t]+)?\*\*[^*\s]")
_KEY = re.compile(r"\*\*([^*:|]{1,60}?)[ \t]*(?::[ \t]*\*\*|\*\*[ \t]*:)")
_CHECK = re.compile(
    r"[\s>*_+-]{0,12}(?:\d{1,3}[.)][ \t]+)?"
    r"(?:verify|verification|validate|validation(?: command)?|test command|check with)"
    r"[*_ \t]{0,4}:[*_ \t]{0,4}`([^`]{1,500})`",
    re.IGNORECASE,
)


def parse_outline(path: str, text: str) -> Outline:
    """Returns the document's outline; it never fails, problems are in `problems` with line and remedy.

    `text` may begin with a byte order mark and end its lines with CRLF.
    """
    lines = [line.rstrip("\r") for line in text.removeprefix("\ufeff").split("\n")]
    fields, skip, problems = parse_front_matter(path, lines)
    keys: dict[str, Quote] = {}
    headings: list[Heading] = []
    boxes: list[Box] = []
    checks: list[Quote] = []
    fence, in_comment = "", False
    for number, raw in enumerate(lines[skip:], skip + 1):
        line = raw[:MAX_LINE]
        if fence:
            if line.lstrip(" ").startswith(fence) and not line.strip(" \t" + fence[0]):
                fence = ""
            continue
        line, in_comment = _without_comments(line, in_comment)
        if not line or line.isspace():
            continue
        if match := _FENCE.match(line):
            fence = match.group(1)
        elif match := _HEADING.match(line):
            headings.append(Heading(level=len(match.group(1)), text=match.group(2), line=number))
        elif match := _BOX.match(line):
            boxes.append(
                Box(
                    mark=match.group(2) or " ",
                    text=match.group(3).rstrip(),
                    line=number,
                    indent=len(match.group(1).expandtabs(4)),
                    heading=len(headings) - 1,
                )
            )
        else:
            if _KEYED.match(line):
                for name, value in _keys_in(line):
                    keys.setdefault(name, Quote(text=value, line=number))
            if ":" in line and "`" in line and (match := _CHECK.match(line)):
                checks.append(Quote(text=match.group(1).strip(), line=number))
        if len(boxes) >= MAX_BOXES:
            problems.append(
                Diagnostic(
                    path=path,
                    line=number,
                    problem=f"the document holds more than {MAX_BOXES} task boxes; the rest is not read",
                    remedy="split the document",
                )
            )
            break
    return Outline(
        path=path,
        fields=fields,
        keys=keys,
        headings=tuple(headings),
        boxes=tuple(boxes),
        checks=tuple(checks),
        problems=tuple(problems),
    )


def _without_comments(line: str, in_comment: bool) -> tuple[str, bool]:
    """Returns the line without its HTML comments, and whether one is still open after it."""
    if not in_comment and "<!--" not in line:
        return line, False
    kept: list[str] = []
    position = 0
    while position < len(line):
        if in_comment:
            end = line.find("-->", position)
            if end < 0:
                return "".join(kept), True
            position, in_comment = end + 3, False
        else:
            start = line.find("<!--", position)
            if start < 0:
                kept.append(line[position:])
                break
            kept.append(line[position:start])
            position, in_comment = start + 4, True
    return "".join(kept), in_comment


def _keys_in(line: str) -> list[tuple[str, str]]:
    """Returns the `**Key**: value` pairs of a line; several may stand side by side between bars."""
    found = list(_KEY.finditer(line))
    pairs: list[tuple[str, str]] = []
    for index, match in enumerate(found):
        end = found[index + 1].start() if index + 1 < len(found) else len(line)
        value = line[match.end() : end].strip()
        if index + 1 < len(found):
            value = value.rstrip("|- \t·")
        pairs.append((match.group(1).strip().casefold(), value))
    return pairs
