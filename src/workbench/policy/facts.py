"""Turns a script into facts: for each program call its paths, effects and labels, wrappers unwrapped.

Everything policy may speak about is a label computed here; rules never see text. It decides nothing.
What cannot be known surely becomes a label of its own, never a guess.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace

from workbench.model.verdict import Effect
from workbench.policy.appended import with_file
from workbench.policy.branches import KEEPS, keep_ignored
from workbench.policy.calls import (
    Call,
    Facts,
    Findings,
    at_once,
    call_of,
    many_changes,
    merge_calls,
    stands_in,
    with_labels,
)
from workbench.policy.catalog import Program
from workbench.policy.environment import enter_environment, read_environment
from workbench.policy.feeds import files_in_text, follow, is_lost, speaks_to_database
from workbench.policy.folders import fill_folders, find_drift, is_lost_by, lost_labels, own_folder
from workbench.policy.gitsettings import may_start_programs
from workbench.policy.globs import GLOB, expand_glob
from workbench.policy.leniency import functions_of, in_project, in_shell_text
from workbench.policy.links import acts_on_links, brought_links
from workbench.policy.named import Named, find_alias, find_named, is_entry_point, is_installed, may_be_alias
from workbench.policy.options import Reading
from workbench.policy.overwritten import may_come_round, may_overwrite_ignored, note_moves
from workbench.policy.parse import Script, parse_script, render_commands
from workbench.policy.places import check_cd, take_unknown, take_values, take_variable, use_path
from workbench.policy.programs import Reader, find_tool, resolve_program, tool_labels
from workbench.policy.reach import narrow, reach, read_trail
from workbench.policy.search import read_search
from workbench.policy.settled import take_settled
from workbench.policy.tracked import shows_secret
from workbench.policy.trail import Trail
from workbench.policy.unruled import note_unruled
from workbench.policy.unwrap import Inner, only_prints, own_tool, split_find, unwrap, without_dashes
from workbench.policy.walk import DYNAMIC, SimpleCommand, is_dynamic, plain
from workbench.policy.wrappers import in_generated, is_generated, is_shell_text

_DEEPEST = 8
_MOST_FOLDERS = 4
_MOST_EXPANDED = 500
# After one of these, files may be others than the ones that were there when the command was judged.
_CHANGES = frozenset({"writes", "deletes", "executes", "unknown", "irreversible", "network", "changes_shell"})
# Variables that name programs, libraries, start-up files or where they are looked for.
_STEERS = re.compile(
    r"(PATH|IFS|ENV|BASH_ENV|SHELL|HOME|CDPATH|PS\d|PROMPT_COMMAND|SHELLOPTS|BASHOPTS|GLOBIGNORE|MAKEFLAGS|CC|CXX"
    r"|LD_.*|DYLD_.*|GIT_.*|PYTHON.*|NODE_.*|PERL.*|RUBY.*|RUSTC.*|CARGO.*|GO.*|JAVA.*|XDG_.*|SSH_.*|LESS.*"
    r"|npm_.*|NPM_.*|PIP_.*|.*PAGER|.*EDITOR|VISUAL|BROWSER|RIPGREP_.*|.*_proxy|.*_PROXY)$"
)


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
    first_piped = 0
    previous: list[str] = []
    piped: frozenset[str] = frozenset()
    piped_text = ""
    handed_on: tuple[Trail, ...] = ()
    outer = (reader.is_piped, reader.listed, reader.handed_on)
    # What comes in from outside is there for each command that nothing is piped into.
    outer_fed = reader.fed
    inherited = fed = reader.fed
    if not script.strict:
        inherited = fed = fed.plus(files_in_text(reader, script.text, cwd), script.text)
    listed: list[Trail] = []
    is_adrift = False
    functions = functions_of(script.text) if file else frozenset[str]()
    drift = find_drift(script.commands, outside=reader.is_lost, functions=functions)
    reader.is_single = reader.is_single and depth == 0 and len(script.commands) == 1
    reader.has_moved_refs = reader.has_moved_refs or may_come_round(script.commands)
    if depth > _DEEPEST:
        return Facts(calls=(), labels=frozenset({"too_deep"}), strict=False, rendered="")
    followers = (*(command.joined_by for command in script.commands[1:]), "")
    for command, follower in zip(script.commands, followers, strict=False):
        is_piped = command.joined_by == "|"
        if not is_piped:
            piped, piped_text, handed_on, fed = frozenset(), "", (), inherited
        reader.is_piped, reader.listed, reader.handed_on = is_piped, [], handed_on
        if command.joined_by not in ("&&", "|"):
            # An earlier `cd` may have failed by now, so both folders are possible.
            here = list(dict.fromkeys([*here, *left_behind]))
            left_behind = []
        extra = {"piped_" + label for label in piped}
        if len(here) > _MOST_FOLDERS:
            # Followed no further: each `cd` that may or may not happen would double them.
            is_adrift = True
            here, left_behind = here[:_MOST_FOLDERS], []
        if is_adrift:
            extra.add("cwd_unknown")
        stdin_text = command.stdin_text or piped_text
        merged: list[Call] = []
        reader.is_lost = drift.holds(command)
        expanded = _expand_words(reader, command, here)
        if expanded is None:
            strict = False
            expanded = tuple(_unsure(word) for word in command.words)
        if file:
            expanded = fill_folders(reader, command, expanded, script, file, here[0])
        if expanded is not command.words:
            command = replace(command, words=expanded)
        words = command.words
        for place in here:
            reader.fed = fed
            found, words, inner_strict = _read_command(reader, command, place, stdin_text, extra, depth)
            strict = strict and inner_strict
            merged = merge_calls(merged, found)
        merged = drift.mark(command, merged)
        if command.is_loose:
            merged = [replace(call, is_loose=True) for call in merged]
        if file:
            merged = [stands_in(call, f"{file}:{first_line + command.line - 1}") for call in merged]
        reader.has_changed = reader.has_changed or any(
            not _CHANGES.isdisjoint(call.labels) for call in merged
        )
        _note_staged(reader, merged)
        reader.written |= {path for call in merged for path in call.facts.writes}
        fed = follow(fed, words, merged)
        if not script.strict:
            # Which command feeds which is not known.
            inherited = inherited.plus({path for call in merged for path in call.facts.reads}, "")
        first_piped = first_piped if is_piped else len(calls)
        calls.extend(merged)
        if is_piped:
            calls[first_piped:] = at_once(calls[first_piped:])
        rendered.append(command if words is command.words else replace(command, words=words))
        name = plain(words[0]) if words else ""
        if name == "popd" and not is_piped and follower != "|":
            here = pushed.pop() if pushed else [*here, *(["/"] * _MOST_FOLDERS)]
        if name not in ("cd", "pushd"):
            drift.take(command, merged, is_known=False)
        if name in ("cd", "pushd") and not is_piped and follower != "|":
            if name == "pushd":
                pushed.append(here)
            target = plain(words[-1]) if len(words) > 1 else ""
            is_back = target == "-" and bool(previous)
            known = (
                own_folder(reader, command, target, script, file, here[0])
                if words and is_dynamic(words[-1])
                else None
            )
            drift.take(command, merged, is_known=known is not None or is_back)
            moved = (
                previous
                if is_back
                else [posixpath.normpath(posixpath.join(place, known or target)) for place in here]
            )
            previous = here
            if script.strict and command.joined_by != "||":
                left_behind = list(dict.fromkeys([*left_behind, *here]))
                here = moved
            else:
                # After `a || cd b`, and in text not understood, whether the folder changed is not known.
                here = list(dict.fromkeys([*moved, *here]))
        seen = frozenset().union(*(call.labels for call in merged)) if merged else frozenset[str]()
        passed = {"network", "decodes"} & (seen | {label.removeprefix("piped_") for label in piped})
        listed.extend(reader.listed)
        passes_on = "filters" in seen and not any(call.facts.reads for call in merged)
        if "lists_paths" in seen or (passes_on and "lists_paths" in piped):
            passed.add("lists_paths")
        handed_on = (*reader.listed, *(narrow(handed_on, words) if passes_on else ()))
        piped = frozenset(passed | {"stdin"})
        piped_text = _printed_text(words) or (stdin_text if passes_on else "")
    # Whoever runs this script inside hands on what it lists.
    reader.is_piped, reader.listed, reader.handed_on = outer[0], [*outer[1], *listed], outer[2]
    reader.fed = outer_fed
    reader.is_lost = drift.outside
    if not calls and not labels:
        labels.add("nothing_found")
    return Facts(
        calls=tuple(calls),
        labels=frozenset(labels),
        strict=strict,
        rendered=render_commands(tuple(rendered)) if script.strict and strict else "",
        words=rendered[0].words if len(rendered) == 1 else (),
    )


def _note_staged(reader: Reader, calls: list[Call]) -> None:
    """Keeps that files were staged, and whether something else had changed files before: ignore files too."""
    for call in calls:
        note_unruled(reader, call)
        if "stages" in call.labels:
            reader.has_staged = True
            reader.is_unruled = reader.is_unruled or reader.changed_otherwise
        elif not _CHANGES.isdisjoint(call.labels):
            reader.changed_otherwise = True


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


def _printed_text(words: tuple[str, ...]) -> str:
    if words and plain(words[0]) in ("echo", "printf"):
        return " ".join(plain(word) for word in words[1:] if not plain(word).startswith("-"))
    return ""


def _read_command(
    reader: Reader, command: SimpleCommand, cwd: str, stdin_text: str, extra: set[str], depth: int
) -> tuple[list[Call], tuple[str, ...], bool]:
    paths = Findings(labels=set(extra))
    for name, value in command.assignments:
        if take_variable(reader, paths, name, value, cwd) and (
            command.words or name in reader.catalog.environment
        ):
            continue
        steers = _STEERS.match(name) is not None or DYNAMIC in name
        if command.words or steers:
            paths.labels.add("env_refused")
        if steers:
            paths.labels.add("env_steers")
    for redirection in command.redirections:
        if redirection.operator == "<<<":
            paths.labels.add("piped_stdin")
        elif redirection.operator != ">&":
            kind = "read" if redirection.operator in ("<", "<&") else "write"
            use_path(reader, paths, kind, redirection.target, cwd)
            if kind == "read":
                paths.labels.add("piped_stdin")
    reader.fed = reader.fed.plus(paths.reads, command.stdin_text)
    if paths.writes and command.words and plain(command.words[0]) in ("echo", "printf", "cat"):
        # The text of a file stands in the command itself.
        paths.labels.add("writes_text")
    only_sets = bool(command.assignments) and not command.redirections
    if not command.words:
        reader.loose |= {name for name, _ in command.assignments}
    outer = reader.environment
    reader.environment = {**outer, **read_environment(command.assignments)}
    found = _read_words(reader, command.words, cwd, paths, stdin_text, depth, only_sets=only_sets)
    reader.environment = outer
    return found


def _read_words(
    reader: Reader,
    words: tuple[str, ...],
    cwd: str,
    paths: Findings,
    stdin_text: str,
    depth: int,
    *,
    only_sets: bool = False,
) -> tuple[list[Call], tuple[str, ...], bool]:
    """Returns the calls made, the words with inner scripts re-serialised, and whether all of it is strict."""
    reader.calls_left -= 1
    if reader.calls_left < 0 or depth > _DEEPEST:
        paths.labels.add("too_deep")
        return [call_of("", words, cwd, paths)], words, False
    if not words:
        # Variables set without a program are the shell's own; the shell text as a whole is not strict then.
        paths.labels |= {"understood", "sets_variables"} if only_sets else {"no_program"}
        return [call_of("", words, cwd, paths)], words, True
    if words[0] == "[" and words[-1] == "]":
        calls, _, _ = _read_words(reader, ("test", *words[1:-1]), cwd, paths, "", depth)
        return calls, words, True
    program, path = resolve_program(reader, words[0], cwd, paths.labels)
    if speaks_to_database(reader, program, words) and is_lost(reader, words[1:], cwd):
        paths.labels |= {"deletes", "irreversible"}
    name = program.name if program is not None else plain(words[0])
    args = words[1:]
    if "workspace_code" in paths.labels and path is not None:
        paths.reads.add(path)
        paths.uses.add(path)
        paths.labels.add("runs_file")
    if "workspace_script" in paths.labels and path is not None:
        inner_calls = _read_shell_file(reader, path, cwd, paths, depth)
        return [call_of(path, words, cwd, paths), *inner_calls], words, True
    script: list[Call] = []
    if (tool := find_tool(reader, words[0], program)) is not None:
        paths.reads.add(tool)
        paths.labels |= tool_labels(reader, tool)
        script = _read_wrapper(reader, tool, cwd, paths, depth)
    if program is None:
        if "workspace_code" in paths.labels:
            paths.labels.add("runs_code")
        hidden = _hidden_calls(reader, args, cwd, depth)
        return [call_of(path or name, words, cwd, paths), *script, *hidden], words, True
    if "workspace_code" in paths.labels and path is not None:
        # The arguments count as the tool's as well, whatever the file does with them.
        script = _read_wrapper(reader, path, cwd, paths, depth)
    inner: tuple[Inner, ...] = ()
    own = args
    if program.name == "find":
        split = split_find(args)
        if split is None:
            paths.labels.add("form_unknown")
        else:
            own, inner = split
    known = program.read(own)
    reader.looked.clear()
    reader.first_word = posixpath.basename(plain(words[0]))
    is_open = known is None or may_be_alias(program, own)
    if is_open and (alias := find_alias(reader, program, own, cwd)) is not None:
        paths.labels |= alias.labels
        paths.rests_on |= _looked_at(reader)
        paths.labels |= {"understood", "executes"}
        paths.reads |= set(alias.files)
        return (
            [call_of(path or name, words, cwd, paths), *script, *_read_named(reader, alias, depth, words[0])],
            words,
            True,
        )
    if known is None:
        take_unknown(reader, program, own, cwd, paths)
        if program.name == "git":
            note_moves(reader, None, ())
        hidden = _hidden_calls(reader, args, cwd, depth)
        return [call_of(path or name, words, cwd, paths), *script, *hidden], words, True
    form, reading = known
    is_git = program.name == "git"
    if is_git and depth <= reader.rewrites_to and (kept := keep_ignored(form, reading, args)) is not None:
        args = own = kept
        words = (words[0], *args)
        form, reading = program.read(own) or known
    paths.labels |= {"understood"} | reading.labels
    if form.takes_code:
        paths.labels.add("runs_code")
    if program.filters:
        paths.labels.add("filters")
    if "changes_lines" in paths.labels:
        # What it prints is more, or less, than the paths it found or was given.
        paths.labels -= {"lists_paths", "filters"}
    if reading.is_dynamic and not program.harmless_flags:
        paths.labels.add("dynamic_word")
    on_links = acts_on_links(program.name, form)
    cwd_inside, shell_files = take_values(reader, reading, cwd, paths, on_links=on_links)
    take_settled(reader, program.name, form, reading, cwd_inside, paths)
    outer_lost = reader.is_lost
    if program.name not in ("cd", "pushd") and is_lost_by(reading, paths.labels):
        reader.is_lost = True
        paths.labels |= lost_labels(paths.labels)
    if not reader.is_single:
        paths.brings |= brought_links(reader, program.name, form, reading, cwd_inside)
    trail = _follow_walk(reader, program, reading, args, paths, tuple(dict.fromkeys((cwd_inside, cwd))))
    paths.labels |= shows_secret(reader, form, reading, paths.labels, own, cwd_inside)
    if is_git and may_start_programs(reader, cwd_inside):
        paths.labels.add("script_unsure")
    if is_git and may_overwrite_ignored(reader, form, reading, cwd_inside, is_kept=KEEPS in reading.given):
        paths.labels.add("overwrites_ignored")
    if is_git:
        note_moves(reader, reading, paths.labels)
    if "unpacks" in paths.labels:
        use_path(reader, paths, "write", ".", cwd_inside)
    if "writes" in paths.labels and any(".git" in path.split("/") for path in paths.reads):
        # A copied repository brings its own configuration and hooks.
        paths.labels.add("writes_git_folder")
    if program.name in ("cd", "pushd"):
        check_cd(reader, reading, cwd, paths, depth)
    if paths.labels & {"stdin_code", "inline_code"}:
        paths.labels.add("runs_code")
    if "stdin_code" in paths.labels and program.name == "bash":
        # What it is fed is a script, as if its name were given.
        shell_files = [*shell_files, *reader.fed.files]
        paths.labels |= {"script_unsure"} if reader.fed.is_unseen or reader.fed.is_altered else set()
    if "stdin_code" in paths.labels and stdin_text:
        inner = (*inner, Inner(text=stdin_text, may_rewrite=False))
    if "fetches" in paths.labels:
        if is_installed(reader, program, own, reading, cwd_inside):
            paths.labels.discard("fetches")
        else:
            paths.labels.add("network")
    calls = [call_of(path or name, words, cwd, paths), *script]
    for file in shell_files:
        is_sourced = program.name == "source"
        calls.extend(_read_shell_file(reader, file, cwd_inside, paths, depth, is_sourced=is_sourced))
        calls[0] = call_of(path or name, words, cwd, paths)
    reader.looked.clear()
    named = find_named(reader, program, reading, own, cwd_inside)
    if reader.looked:
        paths.rests_on |= _looked_at(reader)
        calls[0] = call_of(path or name, words, cwd, paths)
    if named is not None:
        paths.reads |= set(named.files)
        paths.labels |= named.labels | {"runs_file"}
        lines = _read_named(reader, named, depth, "")
        if named.generates and lines:
            # A generator has run once its lines have, not before.
            paths.labels.discard("runs_code")
            lines[-1] = replace(lines[-1], labels=lines[-1].labels | {"runs_code"})
        calls = [call_of(path or name, words, cwd, paths), *calls[1:], *lines]
    if form.takes_code and (tool_call := own_tool(reader.catalog, reading, own)):
        inner = (*inner, tool_call)
    rewritten = list(args)
    strict = True
    outer = enter_environment(reader, program.name, reading)
    wrapped = () if named is not None and named.instead else unwrap(own, reading)
    if program.family == "javascript":
        wrapped = (*wrapped, *without_dashes(wrapped))
    outer_tools = reader.tools_from
    reader.is_single = reader.is_single and not (inner or wrapped)
    if program.family == "javascript" and "wrapper" in paths.labels:
        reader.tools_from = cwd_inside
    for item in (*inner, *wrapped):
        reader.rewrites_to += item.may_rewrite and depth == reader.rewrites_to
        found, replacement, is_strict = _read_inner(reader, item, reading, cwd_inside, paths, trail, depth)
        reader.rewrites_to = min(depth, reader.rewrites_to)
        calls.extend(found)
        strict = strict and is_strict
        if item.may_rewrite and replacement and is_strict:
            rewritten[item.start : item.end] = replacement
    if reader.is_lost and not outer_lost:
        calls = [replace(call, labels=call.labels | lost_labels(call.labels)) for call in calls]
    reader.is_lost = outer_lost
    reader.tools_from = outer_tools
    reader.environment, reader.given = outer
    return calls, (words[0], *rewritten), strict


def _follow_walk(
    reader: Reader,
    program: Program,
    reading: Reading,
    args: tuple[str, ...],
    paths: Findings,
    folders: tuple[str, ...],
) -> Trail | None:
    """Adds what a walk over folders meets, and returns it where the paths that it finds are handed on."""
    search = read_search(args, program.forms[0].options) if program.name == "find" else None
    if search is None and not paths.labels & {"walks", "lists_paths", "follows_links"}:
        return None
    trail = read_trail(reader, reading, paths.labels, folders, search)
    paths.labels |= reach(reader, trail, opens="walks" in paths.labels and not trail.is_listed)
    if paths.labels & {"walks", "follows_links"}:
        paths.uses |= {place.path for place, _ in trail.roots if place.zone == "workspace"}
    if trail.is_listed:
        reader.listed.append(trail)
    return trail


def _read_inner(
    reader: Reader,
    item: Inner,
    reading: Reading,
    cwd: str,
    outer: Findings,
    trail: Trail | None,
    depth: int,
) -> tuple[list[Call], tuple[str, ...], bool]:
    carried = {label for label in outer.labels if label.startswith("piped_") or label == "env_refused"}
    if item.text is not None:
        if not reader.may_read(item.text):
            return [call_of("sh", (item.text,), cwd, Findings(labels={"too_long"}))], (), False
        script = parse_script(reader.language, item.text)
        facts = gather_facts(reader, script, cwd, depth=depth + 1)
        calls = list(facts.calls)
        labels = set(facts.labels | item.labels)
        if not item.may_rewrite:
            labels.add("wrapper_unsure")
        if not facts.strict:
            labels.add("not_strict")
        if labels:
            paths = Findings(labels=labels)
            calls.append(call_of("sh", (item.text,), cwd, paths))
        return calls, (facts.rendered,), facts.strict
    labels = set(item.labels) | carried | {"wrapped"}
    met: set[str] = set()
    is_printer = False
    if "appends_stdin" in reading.labels:
        is_printer = only_prints(reader.catalog, item.words)
        if not is_printer and ("piped_lists_paths" not in outer.labels or not reader.handed_on):
            labels.add("stdin_paths")
        for found in reader.handed_on:
            met |= reach(reader, found, opens=True)
    if trail is not None and "for_each_path" in item.labels:
        met |= reach(reader, trail, opens=True)
    known = with_file(reader, item.words) if "appends_stdin" in reading.labels else item.words
    calls, words, strict = _read_words(reader, known, cwd, Findings(labels=labels), "", depth + 1)
    calls = [replace(call, labels=call.labels | met) for call in calls] if met else calls
    if is_printer:
        # What is appended are texts that it prints.
        calls = [
            with_labels(call, call.labels - {"dynamic_word", Effect.UNKNOWN} | {"understood"})
            for call in calls
        ]
    if "appends_stdin" in reading.labels and speaks_to_database(
        reader, reader.catalog.find(posixpath.basename(plain(item.words[0]))), item.words
    ):
        # The statements are words that nobody has seen.
        calls = [replace(call, labels=call.labels | {"deletes", "irreversible"}) for call in calls]
    if "runs_python_script" in reading.labels and calls and "program_unknown" in calls[0].labels:
        name = plain(item.words[0])
        if "/" not in name and not is_dynamic(item.words[0]) and is_entry_point(reader, name, cwd):
            own = calls[0].labels - {"program_unknown", "program_missing", Effect.UNKNOWN}
            calls[0] = replace(calls[0], labels=own | {"understood", "executes", "runs_code"})
    if "for_each_path" in item.labels:
        # One `cp x {}` overwrites every file below the start, and runs again after what stands behind it.
        calls = [replace(call, labels=call.labels | many_changes(call), is_loose=True) for call in calls]
    if words != known and not item.may_rewrite:
        # A script further inside would run as it was written, not as it was judged.
        calls.append(call_of("", item.words, cwd, Findings(labels={"wrapper_unsure"})))
    return calls, words, strict


def _read_shell_file(
    reader: Reader, path: str, cwd: str, paths: Findings, depth: int, *, is_sourced: bool = False
) -> list[Call]:
    """Returns the calls of a workspace shell file; that it is not strict is no reason to ask in itself."""
    paths.rests_on.add(path)
    text = reader.surroundings.read_text(path)
    if text is None:
        paths.labels.add("script_unreadable")
        return []
    if not reader.may_read(text):
        paths.labels.add("too_long")
        return []
    # By the way of a link it lies elsewhere than it says of itself.
    outer = reader.is_sourced, reader.is_link
    reader.is_sourced, reader.is_link = is_sourced, path in paths.linked
    facts = gather_facts(reader, parse_script(reader.language, text), cwd, depth=depth + 1, file=path)
    reader.is_sourced, reader.is_link = outer
    paths.labels |= {label for label in facts.labels if not label.startswith("syntax_")}
    if "syntax_too_many_commands" in facts.labels or "syntax_text_too_long" in facts.labels:
        paths.labels.add("script_unreadable")
    return [in_shell_text(call, text) for call in facts.calls if call.labels != {"no_program"}]


def _read_wrapper(reader: Reader, path: str, cwd: str, paths: Findings, depth: int) -> list[Call]:
    """Returns the calls of a shell file that has the name of the project's own tool; none for other files."""
    text = reader.read_tool(path)
    is_run = "wrapped" not in paths.labels or not path.endswith((".py", ".rb", ".php", ".js"))
    if text is None or not is_shell_text(text, is_run=is_run):
        return []
    is_known = is_generated(posixpath.basename(path), text)
    if is_known and len(text) > reader.text_left:
        return []
    calls = _read_shell_file(reader, path, cwd, paths, depth)
    return [in_generated(call) for call in calls] if is_known else calls


def _looked_at(reader: Reader) -> set[str]:
    return {reader.surroundings.real_path(path) for path in reader.looked}


def _read_named(reader: Reader, named: Named, depth: int, program: str) -> list[Call]:
    """Returns the calls of scripts that a program names, each with the line it stands in."""
    outer_tools = reader.tools_from
    if named.has_tools:
        reader.tools_from = named.cwd
    found = _read_lines(reader, named, depth, program)
    reader.tools_from = outer_tools
    return found


def _read_lines(reader: Reader, named: Named, depth: int, program: str) -> list[Call]:
    if named.words:
        words = (program, *named.words) if program else named.words
        calls, _, _ = _read_words(reader, words, named.cwd, Findings(labels={"wrapped"}), "", depth + 1)
        calls = [in_project(reader, call, named) for call in calls]
        return [stands_in(call, f"{named.files[0]}:{named.line}") for call in calls] if named.line else calls
    found: list[Call] = []
    outer = (reader.environment, reader.given, reader.loose)
    reader.environment = {**reader.environment, **named.environment}
    reader.given = dict(named.given) or reader.given
    reader.loose = reader.loose | named.loose
    for line in named.lines:
        cwd = line.cwd or named.cwd
        if reader.calls_left < 0 or not reader.may_read(line.text):
            found.append(call_of("sh", (line.text,), cwd, Findings(labels={"too_long"})))
            break
        script = parse_script(reader.language, line.text)
        facts = gather_facts(reader, script, cwd, depth=depth + 1)
        calls = [
            in_project(reader, in_shell_text(call), named)
            for call in facts.calls
            if call.labels != {"no_program"}
        ]
        if odd := {label for label in facts.labels if not label.startswith("syntax_")} - {"nothing_found"}:
            calls.append(call_of("sh", (line.text,), cwd, Findings(labels=odd)))
        found.extend(stands_in(call, f"{line.path}:{line.line}") for call in calls)
    reader.environment, reader.given, reader.loose = outer
    return found


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
            paths = Findings(labels={"hidden"})
            calls, _, _ = _read_words(reader, (last, *args[index + 1 :]), cwd, paths, "", depth + 1)
            return calls
        is_first = index == 0 or args[index - 1] == "--"
        if program is not None and ((is_first and index) or (program.otherwise_labels and index == 0)):
            if "/" in word:
                continue
            calls, _, _ = _read_words(
                reader, (last, *args[index + 1 :]), cwd, Findings(labels={"hidden"}), "", depth + 1
            )
            return calls
    return []
