"""Says whether a piece of text has the harmless form its kind asks for: numbers, modes, sed and awk programs.

Each check is an allow-list: what it does not know for sure is refused, and the command is asked about.
"""

from __future__ import annotations

import re

from workbench.policy.values import fits_value

_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?[A-Za-z%]{0,3}")
# No setuid, setgid or sticky digit and nothing writable by everybody.
_MODE = re.compile(r"0?[0-7][0-7][0145]|[ugoa]*[+=-][rwxX]*(,[ugoa]*[+=-][rwxX]*)*")
_OPEN_TO_ALL = re.compile(r"[ugoa]*[oa][ugoa]*[+=][rxX]*w|(?:^|,)=[rxX]*w")
_DIGITS = re.compile(r"[0-9]{1,9}")
_PLUGIN = re.compile(r"no:[A-Za-z0-9_.]+")
_COVERAGE_REPORT = re.compile(
    r"(term|term-missing|html|xml|json|lcov)?(:skip-covered)?"
    r"|(annotate|html|xml|json|lcov|markdown):[A-Za-z0-9_./~][A-Za-z0-9_@%+,./~-]*"
)
_HARNESS = re.compile(
    r"--(nocapture|show-output|ignored|include-ignored|exact|quiet|list|test-threads=\d+)|-q|[A-Za-z0-9_:]+"
)
_LINT = re.compile(r"-[DWAF]([a-z_:-]+)?|[a-z_:][a-z_:-]*")
_DELIMITERS = frozenset({"\\n", "\\0", "\n"})
_JQ_REFUSED = re.compile(r"\b(import|include|modulemeta|get_search_list|env|input_filename)\b|\$ENV")
_NAME = re.compile(r"[A-Za-z0-9_@%+:,./^~-]+")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")

_FILE_KINDS = frozenset({"read", "write", "infile", "outfile", "code", "recipe", "move", "link", "emptied"})

_SED_ADDRESS = r"(?:\d+|\$|/(?:[^/\\\n]|\\.)*/)"
_SED_COMMAND = re.compile(
    rf"\s*(?:{_SED_ADDRESS}(?:,\s*\+?{_SED_ADDRESS})?)?\s*!?\s*"
    r"(?:[pdqDPnNgGhHx=]|"
    r"[sy]/(?:[^/\\\n]|\\[^\n])*/(?:[^/\\\n]|\\[^\n])*/[gpiI0-9]*|"
    r"[sy]\|(?:[^|\\\n]|\\[^\n])*\|(?:[^|\\\n]|\\[^\n])*\|[gpiI0-9]*|"
    r"[sy]#(?:[^#\\\n]|\\[^\n])*#(?:[^#\\\n]|\\[^\n])*#[gpiI0-9]*|"
    r"[sy],(?:[^,\\\n]|\\[^\n])*,(?:[^,\\\n]|\\[^\n])*,[gpiI0-9]*)\s*"
)

_AWK_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_AWK_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_AWK_CALL = re.compile(r"(?<![A-Za-z0-9_])([A-Za-z_][A-Za-z0-9_]*)\s*\(")
_AWK_FUNCTIONS = frozenset(
    [
        "length",
        "substr",
        "tolower",
        "toupper",
        "split",
        "sprintf",
        "int",
        "index",
        "match",
        "sub",
        "gsub",
        "sqrt",
        "log",
        "exp",
        "sin",
        "cos",
        "if",
        "for",
        "while",
        "print",
        "printf",
        "in",
    ]
)
_AWK_REFUSED = frozenset(
    {
        "system",
        "getline",
        "close",
        "fflush",
        "function",
        "func",
        "ENVIRON",
        "ARGV",
        "ARGC",
        "SYMTAB",
        "FUNCTAB",
        "PROCINFO",
    }
)
_AWK_CHARACTERS = re.compile(r"[A-Za-z0-9_\s$(){}\[\]+\-*/%=!<,;.:?&~^]*")


def fits(kind: str, text: str) -> bool:
    """Returns whether `text` is a harmless value of `kind`; kinds without a check take anything."""
    if kind in _FILE_KINDS and (text.startswith("|") or text.endswith("|")):
        # ImageMagick and old perl programs take such a name for a command to start.
        return False
    match kind:
        case "number":
            return _NUMBER.fullmatch(text) is not None
        case "mode":
            return _MODE.fullmatch(text) is not None and not _OPEN_TO_ALL.search(text)
        case "digits":
            return _DIGITS.fullmatch(text) is not None
        case "plugin":
            return _PLUGIN.fullmatch(text) is not None
        case "report":
            return bool(text) and _COVERAGE_REPORT.fullmatch(text) is not None
        case "harness":
            return _HARNESS.fullmatch(text) is not None
        case "lint":
            return _LINT.fullmatch(text) is not None
        case "delimiter":
            return text in _DELIMITERS
        case "jq":
            return not _JQ_REFUSED.search(text)
        case "read" | "write" | "code" | "recipe" | "emptied":
            # pytest, ruff, mypy, tsc and others read more arguments from a file named with "@".
            # sqlite3 and others take "file:" for an address, whose path and options nobody has looked at.
            return not text.startswith(("@", "file:")) and "://" not in text
        case "name":
            return _NAME.fullmatch(text) is not None
        case "module":
            return _IDENTIFIER.fullmatch(text) is not None
        case "host":
            return bool(text) and not text.startswith("-")
        case "infile" | "outfile":
            # tar reads "host:path" as a file on another machine; "@" is a list of files to ImageMagick.
            return ":" not in text and not text.startswith("@")
        case "none":
            return False
        case "assign":
            return "=" in text and _IDENTIFIER.fullmatch(text.split("=", 1)[0]) is not None
        case "sed":
            return _is_harmless_sed(text)
        case "awk":
            return _is_harmless_awk(text)
        case _:
            return fits_value(kind, text)


def _is_harmless_sed(text: str) -> bool:
    """True for addresses with print, delete and substitute alone: nothing runs, reads or writes."""
    position = 0
    while True:
        match = _SED_COMMAND.match(text, position)
        if match is None:
            return False
        position = match.end()
        if position == len(text):
            return True
        if text[position] not in ";\n":
            return False
        position += 1
        if not text[position:].strip():
            return True


def _is_harmless_awk(text: str) -> bool:
    """True for programs that print and compute: no pipe, redirection, system, getline or include.

    A quote may stand in a regular expression and a slash in a string, so which is which cannot be told
    here. What could run, read or write is therefore refused wherever it stands in the raw text.
    """
    if _AWK_REFUSED & set(_AWK_WORD.findall(text)):
        return False
    if "|" in text.replace("||", "") or "@" in text or "\\\n" in text:
        return False
    if ">" in text and "/" in text:
        return False
    bare = _AWK_STRING.sub(" ", text)
    # A lone comparison "$3 > 100" outside braces is a pattern; inside braces ">" may be a redirection.
    outside_braces = re.sub(r"\{[^{}]*\}", "{}", bare)
    if ">" in bare and (
        ">" in "".join(re.findall(r"\{[^{}]*\}", bare)) or "{" in outside_braces.replace("{}", "")
    ):
        return False
    bare = bare.replace("||", "&&").replace(">", "<")
    if '"' in bare or not _AWK_CHARACTERS.fullmatch(bare):
        return False
    return all(name in _AWK_FUNCTIONS for name in _AWK_CALL.findall(bare))
