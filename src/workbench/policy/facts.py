"""Turns a script into facts: for each program call its paths, effects and labels, wrappers unwrapped.

Everything policy may speak about is a label computed here; rules never see text. It decides nothing.
What cannot be known surely becomes a label of its own, never a guess.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field, replace

from workbench.model.verdict import CommandFacts, Effect
from workbench.policy.catalog import Program
from workbench.policy.globs import GLOB, expand_glob
from workbench.policy.named import Named, find_alias, find_named, is_entry_point
from workbench.policy.options import Reading, Value
from workbench.policy.parse import Script, parse_script, render_commands
from workbench.policy.paths import labels_for, locate
from workbench.policy.programs import Reader, resolve_program
from workbench.policy.unwrap import Inner, split_find, unwrap
from workbench.policy.values import task_labels
from workbench.policy.walk import DYNAMIC, SimpleCommand, is_dynamic, plain

_DEEPEST = 8
_MOST_FOLDERS = 4
_MOST_EXPANDED = 500
# After one of these, files may be others than the ones that were there when the command was judged.
_CHANGES = frozenset({"writes", "deletes", "executes", "unknown", "irreversible", "network", "changes_shell"})
_PATH_KINDS = frozenset(
    {
        "read",
        "write",
        "delete",
        "move",
        "code",
        "scriptfile",
        "gofile",
        "phpfile",
        "recipe",
        "shellfile",
        "chdir",
        "link",
    }
)
_TASK_KINDS = frozenset({"task", "npmscript", "binary", "target"})
_CODE_KINDS = frozenset({"code", "scriptfile", "gofile", "phpfile", "recipe", "shellfile"})
# Variables that name programs, libraries, start-up files or where they are looked for.
_STEERS = re.compile(
    r"(PATH|IFS|ENV|BASH_ENV|SHELL|HOME|CDPATH|PS\d|PROMPT_COMMAND|SHELLOPTS|BASHOPTS|GLOBIGNORE|MAKEFLAGS|CC|CXX"
    r"|LD_.*|DYLD_.*|GIT_.*|PYTHON.*|NODE_.*|PERL.*|RUBY.*|RUSTC.*|CARGO.*|GO.*|JAVA.*|XDG_.*|SSH_.*|LESS.*"
    r"|npm_.*|NPM_.*|PIP_.*|.*PAGER|.*EDITOR|VISUAL|BROWSER|RIPGREP_.*|.*_proxy|.*_PROXY)$"
)
# What a later test or build takes up by itself.
_RUN_LATER = re.compile(
    r"\.(py|pyi|pth|[cm]?[jt]sx?|sh|bash|rb|rs|go|mk|cmake|toml|cfg|ini|gradle|kts|php|exs?|pl|lua)$"
    r"|/(GNU|BSD)?makefile$|/(package|deno|composer|tsconfig[^/]*)\.json$|/(Rake|Gem|just|Task|Docker|Vagrant)file[^/]*$",
    re.IGNORECASE,
)
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
_EFFECT_ORDER = tuple(Effect)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One program call and everything that is true of it, as labels."""

    facts: CommandFacts
    labels: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that a verdict may rest on. `rendered` is the re-serialised form, inner scripts included."""

    calls: tuple[Call, ...]
    labels: frozenset[str]
    strict: bool
    rendered: str
    words: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class _Paths:
    reads: set[str] = field(default_factory=set)
    writes: set[str] = field(default_factory=set)
    labels: set[str] = field(default_factory=set)


def gather_facts(
    reader: Reader, script: Script, cwd: str, *, depth: int = 0, file: str = "", first_line: int = 1
) -> Facts:
    """Returns the facts of every command in the script, following `cd` where its end is known.

    `file` and `first_line` tell where the script stands, when it stands in a file.
    """
    calls: list[Call] = []
    rendered: list[SimpleCommand] = []
    strict = script.strict
    labels = set(script.labels) | {f"syntax_{reason}" for reason in script.reasons}
    here: list[str] = [cwd]
    left_behind: list[str] = []
    pushed: list[list[str]] = []
    piped: frozenset[str] = frozenset()
    piped_text = ""
    if depth > _DEEPEST:
        return Facts(calls=(), labels=frozenset({"too_deep"}), strict=False, rendered="")
    followers = (*(command.joined_by for command in script.commands[1:]), "")
    for command, follower in zip(script.commands, followers, strict=False):
        is_piped = command.joined_by == "|"
        if not is_piped:
            piped, piped_text = frozenset(), ""
        if command.joined_by not in ("&&", "|"):
            # An earlier `cd` may have failed by now, so both folders are possible.
            here = list(dict.fromkeys([*here, *left_behind]))
            left_behind = []
        extra = {"piped_" + label for label in piped}
        if len(here) > _MOST_FOLDERS:
            extra.add("cwd_unknown")
        stdin_text = command.stdin_text or piped_text
        merged: list[Call] = []
        expanded = _expand_words(reader, command, here)
        if expanded is None:
            strict = False
            expanded = tuple(_unsure(word) for word in command.words)
        command = replace(command, words=expanded)
        words = command.words
        for place in here[:_MOST_FOLDERS]:
            found, words, inner_strict = _read_command(reader, command, place, stdin_text, extra, depth)
            strict = strict and inner_strict
            merged = _merge(merged, found)
        if file:
            merged = [_stands_in(call, f"{file}:{first_line + command.line - 1}") for call in merged]
        reader.has_changed = reader.has_changed or any(
            not _CHANGES.isdisjoint(call.labels) for call in merged
        )
        calls.extend(merged)
        rendered.append(replace(command, words=words))
        name = plain(words[0]) if words else ""
        if name == "popd" and not is_piped and follower != "|":
            here = pushed.pop() if pushed else [*here, *(["/"] * _MOST_FOLDERS)]
        if name in ("cd", "pushd") and not is_piped and follower != "|":
            if name == "pushd":
                pushed.append(here)
            target = plain(words[-1]) if len(words) > 1 else ""
            moved = [posixpath.normpath(posixpath.join(place, target)) for place in here]
            if script.strict and command.joined_by != "||":
                left_behind = list(dict.fromkeys([*left_behind, *here]))
                here = moved
            else:
                # After `a || cd b`, and in text not understood, whether the folder changed is not known.
                here = list(dict.fromkeys([*moved, *here]))
        seen = frozenset().union(*(call.labels for call in merged)) if merged else frozenset[str]()
        passed = {"network", "decodes"} & (seen | {label.removeprefix("piped_") for label in piped})
        passes_on = "filters" in seen and not any(call.facts.reads for call in merged)
        if "lists_paths" in seen or (passes_on and "lists_paths" in piped):
            passed.add("lists_paths")
        piped = frozenset(passed | {"stdin"})
        piped_text = _printed_text(words) or (stdin_text if passes_on else "")
    if not calls and not labels:
        labels.add("nothing_found")
    return Facts(
        calls=tuple(calls),
        labels=frozenset(labels),
        strict=strict,
        rendered=render_commands(tuple(rendered)) if script.strict and strict else "",
        words=rendered[0].words if len(rendered) == 1 else (),
    )


def find_conflicts(facts: Facts) -> frozenset[str]:
    """Returns labels for commands that change what a later one was judged by: links made, scripts written."""
    labels: set[str] = set()
    calls = facts.calls
    if len(calls) > 1 and any("makes_link" in call.labels for call in calls):
        labels.add("links_then_uses")
    written = {path for call in calls for path in call.facts.writes}
    if any("runs_file" in call.labels and written & set(call.facts.reads) for call in calls):
        labels.add("writes_then_runs")
    has_code = False
    for call in calls:
        if has_code and Effect.EXECUTES in call.labels:
            # Test runners and builds take up more files than a command names.
            labels.add("writes_then_runs")
        has_code = has_code or (
            "writes_text" in call.labels and any(_RUN_LATER.search(path) for path in call.facts.writes)
        )
    return frozenset(labels)


def _expand_words(reader: Reader, command: SimpleCommand, here: list[str]) -> tuple[str, ...] | None:
    """Returns the words with file name patterns expanded; None where what they match may change by then."""
    if not any(word[:1] == GLOB for word in command.words):
        return command.words
    if reader.has_changed or len(here) != 1:
        return None
    found: list[str] = []
    for word in command.words:
        if word[:1] != GLOB:
            found.append(word)
            continue
        names = expand_glob(
            word[1:], cwd=here[0], root=reader.workspace_root, surroundings=reader.surroundings
        )
        if names is None or len(found) > _MOST_EXPANDED:
            return None
        found.extend(names)
    return tuple(found)


def _unsure(word: str) -> str:
    return DYNAMIC + word[1:] if word[:1] == GLOB else word


def _stands_in(call: Call, source: str) -> Call:
    return call if call.facts.source else replace(call, facts=replace(call.facts, source=source))


def _printed_text(words: tuple[str, ...]) -> str:
    if words and plain(words[0]) in ("echo", "printf"):
        return " ".join(plain(word) for word in words[1:] if not plain(word).startswith("-"))
    return ""


def _merge(first: list[Call], second: list[Call]) -> list[Call]:
    if not first:
        return second
    if len(first) != len(second):
        return first + second
    return [
        replace(
            one,
            labels=one.labels | other.labels,
            facts=replace(
                one.facts,
                reads=tuple(sorted({*one.facts.reads, *other.facts.reads})),
                writes=tuple(sorted({*one.facts.writes, *other.facts.writes})),
            ),
        )
        for one, other in zip(first, second, strict=True)
    ]


def _read_command(
    reader: Reader, command: SimpleCommand, cwd: str, stdin_text: str, extra: set[str], depth: int
) -> tuple[list[Call], tuple[str, ...], bool]:
    paths = _Paths(labels=set(extra))
    for name, _ in command.assignments:
        if name not in reader.catalog.environment:
            paths.labels.add("env_refused")
            if _STEERS.match(name) or DYNAMIC in name:
                paths.labels.add("env_steers")
    for redirection in command.redirections:
        if redirection.operator == "<<<":
            paths.labels.add("piped_stdin")
        elif redirection.operator != ">&":
            kind = "read" if redirection.operator in ("<", "<&") else "write"
            _use_path(reader, paths, kind, redirection.target, cwd)
            if kind == "read":
                paths.labels.add("piped_stdin")
    if paths.writes and command.words and plain(command.words[0]) in ("echo", "printf", "cat"):
        # The text of a file stands in the command itself.
        paths.labels.add("writes_text")
    return _read_words(reader, command.words, cwd, paths, stdin_text, depth)


def _read_words(
    reader: Reader, words: tuple[str, ...], cwd: str, paths: _Paths, stdin_text: str, depth: int
) -> tuple[list[Call], tuple[str, ...], bool]:
    """Returns the calls made, the words with inner scripts re-serialised, and whether all of it is strict."""
    reader.calls_left -= 1
    if reader.calls_left < 0 or depth > _DEEPEST:
        paths.labels.add("too_deep")
        return [_call("", words, cwd, paths)], words, False
    if not words:
        paths.labels.add("no_program")
        return [_call("", words, cwd, paths)], words, True
    if words[0] == "[" and words[-1] == "]":
        calls, _, _ = _read_words(reader, ("test", *words[1:-1]), cwd, paths, "", depth)
        return calls, words, True
    program, path = resolve_program(reader, words[0], cwd, paths.labels)
    name = program.name if program is not None else plain(words[0])
    args = words[1:]
    if "workspace_code" in paths.labels and path is not None:
        paths.reads.add(path)
        paths.labels.add("runs_file")
    if "workspace_script" in paths.labels and path is not None:
        inner_calls = _read_shell_file(reader, path, cwd, paths, depth)
        return [_call(path, words, cwd, paths), *inner_calls], words, True
    if program is None:
        return [_call(path or name, words, cwd, paths), *_hidden_calls(reader, args, cwd, depth)], words, True
    inner: tuple[Inner, ...] = ()
    own = args
    if program.name == "find":
        split = split_find(args)
        if split is None:
            paths.labels.add("form_unknown")
        else:
            own, inner = split
    known = program.read(own)
    if known is None and (alias := find_alias(reader, program, own, cwd)) is not None:
        paths.labels |= {"understood", "executes"}
        paths.reads |= set(alias.files)
        return (
            [_call(path or name, words, cwd, paths), *_read_named(reader, alias, depth, words[0])],
            words,
            True,
        )
    if known is None:
        _take_unknown(reader, program, own, cwd, paths)
        hidden = _hidden_calls(reader, args, cwd, depth)
        return [_call(path or name, words, cwd, paths), *hidden], words, True
    _, reading = known
    paths.labels |= {"understood"} | reading.labels
    if program.filters:
        paths.labels.add("filters")
    if "changes_lines" in paths.labels:
        # What it prints is more, or less, than the paths it found or was given.
        paths.labels -= {"lists_paths", "filters"}
    if reading.is_dynamic and not program.harmless_flags:
        paths.labels.add("dynamic_word")
    cwd_inside, shell_files = _take_values(reader, reading, cwd, paths)
    if "unpacks" in paths.labels:
        _use_path(reader, paths, "write", ".", cwd_inside)
    if "writes" in paths.labels and any(".git" in path.split("/") for path in paths.reads):
        # A copied repository brings its own configuration and hooks.
        paths.labels.add("writes_git_folder")
    if program.name in ("cd", "pushd"):
        _check_cd(reader, reading, cwd, paths, depth)
    if "stdin_code" in paths.labels and stdin_text:
        inner = (*inner, Inner(text=stdin_text, may_rewrite=False))
    calls = [_call(path or name, words, cwd, paths)]
    for file in shell_files:
        calls.extend(_read_shell_file(reader, file, cwd_inside, paths, depth))
        calls[0] = _call(path or name, words, cwd, paths)
    named = find_named(reader, program, reading, own, cwd_inside)
    if named is not None:
        paths.reads |= set(named.files)
        paths.labels |= named.labels | {"runs_file"}
        calls = [_call(path or name, words, cwd, paths), *calls[1:], *_read_named(reader, named, depth, "")]
    rewritten = list(args)
    strict = True
    wrapped = () if named is not None and named.instead else unwrap(own, reading)
    for item in (*inner, *wrapped):
        found, replacement, is_strict = _read_inner(reader, item, reading, cwd_inside, paths, depth)
        calls.extend(found)
        strict = strict and is_strict
        if item.may_rewrite and replacement and is_strict:
            rewritten[item.start : item.end] = replacement
    return calls, (words[0], *rewritten), strict


def _read_inner(
    reader: Reader, item: Inner, reading: Reading, cwd: str, outer: _Paths, depth: int
) -> tuple[list[Call], tuple[str, ...], bool]:
    carried = {label for label in outer.labels if label.startswith("piped_") or label == "env_refused"}
    if item.text is not None:
        if not reader.may_read(item.text):
            return [_call("sh", (item.text,), cwd, _Paths(labels={"too_long"}))], (), False
        script = parse_script(reader.language, item.text)
        facts = gather_facts(reader, script, cwd, depth=depth + 1)
        calls = list(facts.calls)
        labels = set(facts.labels | item.labels)
        if not item.may_rewrite:
            labels.add("wrapper_unsure")
        if not facts.strict:
            labels.add("not_strict")
        if labels:
            paths = _Paths(labels=labels)
            calls.append(_call("sh", (item.text,), cwd, paths))
        return calls, (facts.rendered,), facts.strict
    labels = set(item.labels) | carried | {"wrapped"}
    if "appends_stdin" in reading.labels and "piped_lists_paths" not in outer.labels:
        labels.add("stdin_paths")
    calls, words, strict = _read_words(reader, item.words, cwd, _Paths(labels=labels), "", depth + 1)
    if "runs_python_script" in reading.labels and calls and "program_unknown" in calls[0].labels:
        name = plain(item.words[0])
        if "/" not in name and not is_dynamic(item.words[0]) and is_entry_point(reader, name, cwd):
            own = calls[0].labels - {"program_unknown", "program_missing", Effect.UNKNOWN}
            calls[0] = replace(calls[0], labels=own | {"understood", "executes"})
    if "for_each_path" in item.labels:
        # One `cp x {}` overwrites every file below the starting point.
        calls = [replace(call, labels=call.labels | _many_changes(call)) for call in calls]
    if words != item.words and not item.may_rewrite:
        # A script further inside would run as it was written, not as it was judged.
        calls.append(_call("", item.words, cwd, _Paths(labels={"wrapper_unsure"})))
    return calls, words, strict


def _many_changes(call: Call) -> frozenset[str]:
    return frozenset({"changes_many"}) if call.facts.writes else frozenset()


def _read_shell_file(reader: Reader, path: str, cwd: str, paths: _Paths, depth: int) -> list[Call]:
    """Returns the calls of a workspace shell file; that it is not strict is no reason to ask in itself."""
    text = reader.surroundings.read_text(path)
    if text is None:
        paths.labels.add("script_unreadable")
        return []
    if not reader.may_read(text):
        paths.labels.add("too_long")
        return []
    facts = gather_facts(reader, parse_script(reader.language, text), cwd, depth=depth + 1, file=path)
    paths.labels |= {label for label in facts.labels if not label.startswith("syntax_")}
    if "syntax_too_many_commands" in facts.labels or "syntax_text_too_long" in facts.labels:
        paths.labels.add("script_unreadable")
    return [_in_script(call) for call in facts.calls if call.labels != {"no_program"}]


def _read_named(reader: Reader, named: Named, depth: int, program: str) -> list[Call]:
    """Returns the calls of scripts that a program names, each with the line it stands in."""
    if named.words:
        words = (program, *named.words) if program else named.words
        calls, _, _ = _read_words(reader, words, named.cwd, _Paths(labels={"wrapped"}), "", depth + 1)
        return [_in_project(call, named) for call in calls]
    found: list[Call] = []
    for line in named.lines:
        if not reader.may_read(line.text):
            return [*found, _call("sh", (line.text,), named.cwd, _Paths(labels={"too_long"}))]
        script = parse_script(reader.language, line.text)
        facts = gather_facts(reader, script, named.cwd, depth=depth + 1)
        calls = [
            _in_project(_in_script(call), named) for call in facts.calls if call.labels != {"no_program"}
        ]
        if odd := {label for label in facts.labels if not label.startswith("syntax_")} - {"nothing_found"}:
            calls.append(_call("sh", (line.text,), named.cwd, _Paths(labels=odd)))
        found.extend(_stands_in(call, f"{line.path}:{line.line}") for call in calls)
    return found


def _in_project(call: Call, named: Named) -> Call:
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
        labels = (labels - _UNSURE) | {"understood", "executes"}
    if (
        named.has_tools
        and "program_unknown" in labels
        and not labels & {"program_dynamic", "program_shadowed"}
    ):
        labels = labels - {"program_unknown", "program_missing", Effect.UNKNOWN} | {"understood", "executes"}
    if "executes" in labels or call.facts.argv[:1] in _SAYS:
        labels -= {"dynamic_word", "reads_unknown", Effect.UNKNOWN}
        labels |= {"understood"}
    if "privilege" in labels:
        # It gains none in the sandbox, and often stands in a branch not taken: a person may say yes.
        labels = labels - {"privilege"} | {"privileged_script"}
    if not labels & {"stdin_code", "piped_network", "piped_decodes"}:
        labels -= {"inline_code"}
    if call.facts.writes and all(_is_leaving(path) for path in call.facts.writes):
        labels -= {"deletes", "irreversible", "recursive", "writes_unknown"}
    if "env_steers" not in labels:
        labels -= {"env_refused"}
    return replace(call, labels=frozenset(labels))


def _is_leaving(path: str) -> bool:
    parts = path.split("/")
    return (
        ".git" not in parts and not path.endswith("/..") and any(_LEAVINGS.fullmatch(part) for part in parts)
    )


def _in_script(call: Call) -> Call:
    """A script's own variables and redirections are no programs; names that steer others stay refused."""
    if "no_program" not in call.labels or call.facts.argv:
        return call
    labels = call.labels - {"no_program", Effect.UNKNOWN} | {"understood"}
    return replace(call, labels=labels if "env_steers" in labels else labels - {"env_refused"})


def _hidden_calls(reader: Reader, args: tuple[str, ...], cwd: str, depth: int) -> list[Call]:
    """Looks behind a wrapper that was not understood: from each word that names a program, as a call.

    The call is asked about anyway; this is for denials, so that a strange flag cannot hide one.
    """
    for word in args[:12]:
        if re.search(r"\s", word):
            if not reader.may_read(word):
                return []
            script = parse_script(reader.language, plain(word))
            found = gather_facts(reader, script, cwd, depth=depth + 1)
            calls = [call for call in found.calls if call.labels - {"no_program"}]
            if calls:
                return [replace(call, labels=call.labels | {"hidden"}) for call in calls]
    for index, word in enumerate(args[:12]):
        last = posixpath.basename(plain(word))
        program = reader.catalog.find(last)
        if program is not None and program.otherwise is not None and index + 1 <= len(args):
            paths = _Paths(labels={"hidden"})
            calls, _, _ = _read_words(reader, (last, *args[index + 1 :]), cwd, paths, "", depth + 1)
            return calls
        if program is not None and program.otherwise_labels and "/" not in word and index == 0:
            calls, _, _ = _read_words(
                reader, (last, *args[1:]), cwd, _Paths(labels={"hidden"}), "", depth + 1
            )
            return calls
    return []


def _take_unknown(reader: Reader, program: Program, args: tuple[str, ...], cwd: str, paths: _Paths) -> None:
    """Marks a call that fits no form, and takes its words for the worst that the program does."""
    paths.labels |= {"form_unknown"} | program.otherwise_labels
    if program.otherwise is None:
        return
    for arg in args:
        text = plain(arg)
        if text.startswith("-") and "=" not in text:
            continue
        _use_path(reader, paths, program.otherwise, text.rpartition("=")[2] or text, cwd)


def _take_values(reader: Reader, reading: Reading, cwd: str, paths: _Paths) -> tuple[str, list[str]]:
    """Resolves every path among the values; returns the folder worked in, and the shell files run."""
    shell_files: list[str] = []
    started = cwd
    moves: list[int] = []
    for value in reading.values:
        if value.kind == "chdir":
            _use_path(reader, paths, "chdir", value.text, cwd)
            cwd = posixpath.join(cwd, value.text)
            moves.append(value.index)
    if len(moves) > 1 and "keeps_archive" in paths.labels:
        paths.labels.add("cwd_unknown")
    for value in reading.values:
        if value.kind == "assign" and value.text.split("=", 1)[0] not in reader.catalog.environment:
            paths.labels.add("env_refused")
        elif value.kind in ("infile", "outfile"):
            # An archive is opened before the folder is changed.
            _use_path(reader, paths, "read" if value.kind == "infile" else "write", value.text, started)
        elif value.kind == "revision":
            _take_revision(reader, paths, value.text, cwd)
        elif value.kind == "host":
            paths.labels.add("network")
        elif value.kind in _TASK_KINDS:
            paths.labels |= task_labels(value.text)
        elif value.kind in _PATH_KINDS and value.kind != "chdir":
            path = _take_path(reader, paths, value, cwd)
            if moves and value.index < moves[-1]:
                _take_path(reader, paths, value, started)
            if value.kind == "shellfile" and path is not None:
                shell_files.append(path)
    if "into_folder" in paths.labels:
        _take_copies(reader, paths, reading, cwd)
    return cwd, shell_files


def _take_revision(reader: Reader, paths: _Paths, text: str, cwd: str) -> None:
    """A revision or a path, as `git diff` takes them: outside the repository it compares any two files."""
    if text.startswith(":"):
        return
    reader.paths_left -= 1
    if reader.paths_left < 0:
        paths.labels.add("too_long")
        return
    place = locate(text or DYNAMIC, cwd=cwd, root=reader.workspace_root, surroundings=reader.surroundings)
    paths.labels |= labels_for("read", place)


def _take_copies(reader: Reader, paths: _Paths, reading: Reading, cwd: str) -> None:
    """Judges each file by the name it gets when the destination is a folder."""
    sources = [value.text for value in reading.values if value.kind in ("read", "move", "link")]
    folders = [value.text for value in reading.values if value.kind == "write"]
    if any(posixpath.basename(source.rstrip("/")) in ("", ".", "..") for source in sources) or (
        reading.given & {"-T", "--no-target-directory", "--parents"} and "makes_link" not in paths.labels
    ):
        # A whole folder's content lands beside what is there, start-up files included.
        paths.labels.add("unpacks_over")
    for folder in folders:
        for source in sources:
            reader.paths_left -= 1
            if reader.paths_left < 0:
                paths.labels.add("too_long")
                return
            place = locate(
                posixpath.join(folder, posixpath.basename(source.rstrip("/"))) or DYNAMIC,
                cwd=cwd,
                root=reader.workspace_root,
                surroundings=reader.surroundings,
            )
            paths.labels |= labels_for("write", place) - {"writes_workspace"}


def _take_path(reader: Reader, paths: _Paths, value: Value, cwd: str) -> str | None:
    text = value.text
    if text == "-" and (value.kind in ("read", "write") or value.kind in _CODE_KINDS):
        if value.kind in _CODE_KINDS:
            paths.labels.add("stdin_code")
        return None
    if value.kind in ("code", "scriptfile"):
        text = text.split("::", 1)[0] or text
    return _use_path(reader, paths, value.kind, text, cwd)


def _use_path(reader: Reader, paths: _Paths, kind: str, text: str, cwd: str) -> str:
    if kind == "read" and text == "" and "piped_lists_paths" in paths.labels:
        # xargs appends paths that a program before it found below folders judged already.
        text = "."
    reader.paths_left -= 1
    if reader.paths_left < 0:
        paths.labels.add("too_long")
        return plain(text)
    place = locate(
        DYNAMIC if text == "" else text.replace(DYNAMIC, ""),
        cwd=cwd,
        root=reader.workspace_root,
        surroundings=reader.surroundings,
    )
    paths.labels |= labels_for("code" if kind in _CODE_KINDS else kind, place)
    if kind in ("read", "move") or kind in _CODE_KINDS:
        paths.reads.add(place.path)
    if kind in _CODE_KINDS:
        paths.labels.add("runs_file")
    if kind in ("write", "delete", "move", "link") and place.zone != "sink":
        paths.writes.add(place.path)
    return place.path


def _check_cd(reader: Reader, reading: Reading, cwd: str, paths: _Paths, depth: int) -> None:
    """A `cd` is followed only to a named folder that means the same with symlinks resolved."""
    targets = [value.text for value in reading.values if value.kind == "chdir"]
    if len(targets) != 1 or targets[0].startswith("-") or not targets[0] or reading.is_dynamic:
        paths.labels.add("cwd_unknown")
        return
    joined = posixpath.join(cwd, targets[0])
    if reader.surroundings.real_path(posixpath.normpath(joined)) != reader.surroundings.real_path(joined):
        paths.labels.add("cwd_unknown")
    if paths.labels & {"hidden", "wrapped"}:
        # Behind `command` or `builtin` it would change the folder of what follows.
        paths.labels.add("cwd_unknown")


def _call(program: str, words: tuple[str, ...], cwd: str, paths: _Paths) -> Call:
    labels = set(paths.labels)
    if "writes_workspace" in labels or any(label.startswith("writes_") for label in labels):
        labels.add(Effect.WRITES)
    if paths.reads:
        labels.add(Effect.READS)
    if not labels & {"understood", "no_program"}:
        labels.add(Effect.UNKNOWN)
    if labels & {"form_unknown", "program_unknown", "dynamic_word", "program_dynamic"}:
        labels.add(Effect.UNKNOWN)
        labels.discard("understood")
    facts = CommandFacts(
        program=program,
        argv=tuple(plain(word) for word in words),
        cwd=cwd,
        reads=tuple(sorted(paths.reads)),
        writes=tuple(sorted(paths.writes)),
        network=Effect.NETWORK in labels,
        effects=tuple(effect for effect in _EFFECT_ORDER if effect in labels),
    )
    return Call(facts=facts, labels=frozenset(str(label) for label in labels))
