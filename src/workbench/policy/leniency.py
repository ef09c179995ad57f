"""Says what is no news in a project's own scripts, so that an ordinary test or build asks for nothing.

It only takes away what is merely not known there; what a line is surely seen to reach stays.
"""

from __future__ import annotations

import functools
import re

from workbench.model.verdict import Effect
from workbench.policy.calls import Call, with_labels
from workbench.policy.leavings import is_leaving
from workbench.policy.programs import Reader
from workbench.policy.projectfiles import Named
from workbench.policy.sensitive import is_secret

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
# With one of these, what cannot be told is no detail: which file goes, which secret shows, what starts.
_AT_STAKE = frozenset(
    {
        "deletes",
        "irreversible",
        "reads_secret",
        "reads_outside",
        "program_dynamic",
        "program_shadowed",
        "executes_outside",
    }
)
_STARTS = tuple(
    (name,)
    for name in (".", "source", "sh", "bash", "dash", "zsh", "ksh", "python", "python3", "node", "ruby")
)
# With arguments that nobody knows they still only end, move on or print.
_WORDS = tuple(
    (name,)
    for name in (
        "exit",
        "return",
        "shift",
        "break",
        "continue",
        "echo",
        "printf",
        "test",
        "[",
        "export",
        "local",
        "readonly",
    )
)
# A function of a shell file: its body is read like the rest of the file.
_FUNCTION = re.compile(r"(?m)^[ \t]*(?:function[ \t]+)?([A-Za-z_][A-Za-z0-9_-]*)[ \t]*(?:\([ \t]*\)|(?=\{))")
_EXPORTED = re.compile(r"(?m)^[ \t]*export(?:[ \t]+[A-Za-z_][A-Za-z0-9_]*)+[ \t]*(?=[;\n]|$)")
_PATH_WORD = re.compile(r"[\w./~@+-]+")
_BESIDE = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?/(?!.*\.\.)[\w./-]+")
_OWN_FOLDER = re.compile(
    r"[\"']?\$\((cd( --)? \"?\$\(dirname( --)? \"?\$(\{BASH_SOURCE(\[0\])?\}|BASH_SOURCE|0|\{0\})\"?\)\"?"
    r"(/\.\.)?\"?"
    r"( >/dev/null( 2>&1)?)? && pwd( -P)?|git rev-parse --show-toplevel|pwd)\)[\"']?[ \t]*$"
)
# One with a quote in it may be the end of a string, with more behind it that runs.
_REMARK = re.compile(r"(?m)^[ \t]*#[^\n\"'`\\]*$")
_LONGEST_LOOKED_THROUGH = 16_384
_VARIABLE = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?")
_MADE = r"(?!=[\"']?\$\(mktemp( +-[dtu]+)*( +[A-Za-z0-9_./-]*X{3,})?\)[\"']?(?=[\s;&|)]|$))"
_SAYS = (("echo",), ("printf",), ("test",), ("[",), ("true",), (":",), ("exit",), ("set",))


def in_project(reader: Reader, call: Call, named: Named) -> Call:
    """Takes away what is no news in a project's own script: it runs the project's code, in the sandbox.

    Not asked about are a build tool's argument that only the script knows, a build's own leavings deleted,
    and code given inline, but for that in npm scripts, which is like that in its files. What reaches
    beyond, deletes,
    publishes or runs unknown programs stays as it is. The facts' effects are those of what is left.
    """
    labels = set(call.labels)
    if call.facts.source and call.facts.source.rpartition(":")[0] not in named.files:
        labels = _in_shell_file(call, labels)
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
    stands_in = [call.facts.source.rpartition(":")[0]] if call.facts.source else named.files
    is_typed = any(path.endswith("/package.json") for path in stands_in)
    if not is_typed and not labels & {"stdin_code", "piped_network", "piped_decodes"}:
        # In an npm script it is what it would be on the command line.
        labels -= {"inline_code"}
    # Where a word is not known, neither is what is deleted besides.
    is_named = bool(call.facts.writes) and "writes_unknown" not in labels
    if is_named and all(is_leaving(reader, path) for path in call.facts.writes):
        labels -= {"deletes", "irreversible", "recursive"}
    if "env_steers" not in labels:
        labels -= {"env_refused"}
    return with_labels(call, labels)


def _in_shell_file(call: Call, labels: set[str]) -> set[str]:
    """Forgives what a shell file that a recipe runs leaves open, as the project's Python would leave it.

    That is the output folder of a build, the flags of a compiler or a program of the project. A call that
    deletes, shows a secret or starts what a variable names keeps all that is not known of it.
    """
    if is_own_temporary(call):
        labels -= {"deletes", "irreversible", "recursive", "writes_unknown"}
    if any("$" in path for path in call.facts.reads) and call.facts.argv[:1] not in _STARTS:
        # The tests or files that a tool is given by the script's own arguments.
        labels -= {"executes_outside"}
    if labels & _AT_STAKE:
        return labels
    is_word_of_shell = call.facts.argv[:1] in _WORDS
    if "form_unknown" in labels and not (labels & {"executes", "own_function"} or is_word_of_shell):
        return labels
    return forgive(labels)


def forgive(labels: set[str]) -> set[str]:
    """Returns the labels without all that is merely not known."""
    known = {label for label in labels - _UNSURE if not label.startswith("syntax_")}
    return known | {"understood", "executes"}


def is_own_temporary(call: Call) -> bool:
    """Returns whether all that the call writes or deletes is what the shell file made with mktemp."""
    return "own_temporary" in call.labels and all(path[:1] == "$" for path in call.facts.writes)


def in_shell_text(call: Call, text: str = "") -> Call:
    """A script's own variables and redirections are no programs; names that steer others stay refused.

    `text` is the shell file's. What it defines as a function, and what it made with mktemp, are marked.
    """
    labels = call.labels
    argv = call.facts.argv
    if "program_unknown" in labels and argv and argv[0] in functions_of(text):
        return with_labels(call, labels | {"own_function"})
    if "reads_unknown" in labels and _names_secret(text):
        # Which of the names in the file it is cannot be told, and one of them is a secret's.
        return with_labels(call, labels | {"reads_secret"})
    if "executes_outside" in labels and argv[:1] in _STARTS and _is_beside(argv, text):
        # Whether it can be read is another question, and stays one.
        return with_labels(call, labels - {"executes_outside"})
    if "deletes" in labels and "writes_unknown" in labels and text and _are_made(argv, text):
        return with_labels(call, labels - {"writes_unknown"} | {"own_temporary", "writes_temporary"})
    if "no_program" not in labels or argv:
        return call
    labels = labels - {"no_program", Effect.UNKNOWN} | {"understood"}
    return with_labels(call, labels if "env_steers" in labels else labels - {"env_refused"})


@functools.lru_cache(maxsize=16)
def functions_of(text: str) -> frozenset[str]:
    """Returns the names of the functions that a shell text defines."""
    return frozenset(_FUNCTION.findall(text))


def without_remarks(text: str) -> str:
    """Returns shell text without the lines that surely are remarks."""
    return _REMARK.sub("", text)


@functools.lru_cache(maxsize=16)
def _names_secret(text: str) -> bool:
    return any(is_secret(f"/{word.lstrip('/')}") for word in set(_PATH_WORD.findall(_REMARK.sub("", text))))


def _is_beside(argv: tuple[str, ...], text: str) -> bool:
    """Returns whether what is started lies below the folder that the shell file found itself in."""
    words = [word for word in argv[1:] if word[:1] != "-"]
    found = _BESIDE.fullmatch(words[0]) if words else None
    if found is None or len(text) > _LONGEST_LOOKED_THROUGH:
        return False
    text = _REMARK.sub("", text)
    named = [match.end() for match in re.finditer(rf"(?<![\w$-])(?<!\$\{{){found[1]}\b", text)]
    lines = [text[end:].split("\n", 1)[0] for end in named]
    return bool(lines) and all(line[:1] == "=" and _OWN_FOLDER.match(line[1:]) for line in lines)


def _are_made(argv: tuple[str, ...], text: str) -> bool:
    """Returns whether all that `rm` is given are variables that get a value from mktemp and no other."""
    if len(text) > _LONGEST_LOOKED_THROUGH:
        return False
    # What a remark says of the name gives it no value.
    text = _EXPORTED.sub("", _REMARK.sub("", text))
    words = [word for word in argv[1:] if word[:1] != "-"]
    names = {match[1] for word in words if (match := _VARIABLE.fullmatch(word))}
    return (
        bool(words)
        and argv[0] == "rm"
        and len(names) == len(set(words))
        and not any(re.search(rf"(?<![\w$-])(?<!\$\{{){name}\b{_MADE}", text) for name in names)
    )
