"""Reads aliases and programs to run from git's and cargo's own configuration, and npm's.

Pure: text in, what it names out. Who may override whom is said here too: a command of git or cargo itself is
never an alias. It judges nothing.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from typing import Any

_SECTION = re.compile(r"\[\s*+([A-Za-z0-9.-]++)\s*+(\"(?:[^\"\\\n]|\\.)*+\")?\s*+\]")
_KEY = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_ESCAPES = {"n": "\n", "t": "\t", "b": "\b", '"': '"', "\\": "\\"}
_STEERS_NPM = re.compile(
    r"\s*(script-shell|shell|node-options|ignore-scripts|prefix|globalconfig|userconfig)\s*(\[\])?\s*=",
    re.IGNORECASE,
)
_GIT_NAMES = """
add am annotate apply archimport archive backfill bisect blame branch bugreport bundle cat-file check-
attr check-ignore check-mailmap check-ref-format checkout checkout-index cherry cherry-pick citool clean
clone column commit commit-graph commit-tree config count-objects credential credential-cache
credential-store cvsexportcommit cvsimport cvsserver daemon describe diagnose diff diff-files diff-index
diff-pairs diff-tree difftool fast-export fast-import fetch fetch-pack filter-branch fmt-merge-msg for-
each-ref for-each-repo format-patch fsck fsck-objects fsmonitor--daemon gc get-tar-commit-id gitk grep
gui hash-object help history hook http-backend http-fetch http-push imap-send index-pack init init-db
instaweb interpret-trailers last-modified log ls-files ls-remote ls-tree mailinfo mailsplit maintenance
merge merge-base merge-file merge-index merge-octopus merge-one-file merge-ours merge-recursive merge-
recursive-ours merge-recursive-theirs merge-resolve merge-subtree merge-tree mergetool mktag mktree
multi-pack-index mv name-rev notes p4 pack-objects pack-redundant pack-refs patch-id pickaxe prune
prune-packed pull push quiltimport range-diff read-tree rebase receive-pack reflog refs remote remote-
ext remote-fd remote-http repack replace replay repo request-pull rerere reset restore rev-list rev-
parse revert rm scalar send-email send-pack sh-i18n sh-setup shell shortlog show show-branch show-index
show-ref sparse-checkout stage stash status stripspace submodule submodule--helper svn switch symbolic-
ref tag unpack-file unpack-objects update-index update-ref update-server-info upload-archive upload-pack
var verify-commit verify-pack verify-tag version web--browse whatchanged worktree write-tree
"""
GIT_COMMANDS = frozenset(_GIT_NAMES.split())
_CARGO_NAMES = """
add bench build check clean clippy config doc fetch fix fmt generate-lockfile git-checkout help info
init install locate-project login logout metadata miri new owner package pkgid publish read-manifest
remove report run rustc rustdoc search test tree uninstall update vendor verify-project version yank
"""
CARGO_COMMANDS = frozenset(_CARGO_NAMES.split())


def read_git_alias(text: str, name: str) -> tuple[str, int] | None:
    """Returns what a git alias stands for in this configuration text, and its line; the last one counts."""
    found = None
    for section, key, value, line in _git_entries(text):
        if section == "alias" and key == name.lower():
            found = value, line
    return found


def is_whole_git(text: str) -> bool:
    """Returns whether the text is the whole of a repository's configuration: it includes no other file."""
    lowered = text.lower()
    return not re.search(r"\[\s*include|worktreeconfig", lowered) and all(
        section for section, _, _, _ in _git_entries(text)
    )


def split_alias(value: str) -> tuple[str, ...] | None:
    """Returns the words of a git alias that is no shell text, or None when its quotes do not close."""
    try:
        return tuple(shlex.split(value))
    except ValueError:
        return None


def _git_entries(text: str) -> Iterator[tuple[str, str, str, int]]:
    """Yields section, key, value and line of each entry; without a section it is one that cannot be read."""
    section = ""
    lines = text.removeprefix("\ufeff").split("\n")
    index = 0
    while index < len(lines):
        number, rest = index + 1, lines[index].strip(" \t\r")
        index += 1
        while match := _SECTION.match(rest):
            # Entries may stand on the section's own line.
            section = match[1].lower() if match[2] is None else f"{match[1].lower()} {match[2]}"
            rest = rest[match.end() :].strip(" \t\r")
        if not rest or rest[0] in "#;":
            continue
        key = _KEY.match(rest)
        if key is None:
            yield "", "", "", number
            continue
        after = rest[key.end() :].lstrip(" \t")
        if not after.startswith("="):
            yield section, key[0].lower(), "true" if not after or after[0] in "#;" else "", number
            continue
        value, index = _git_value(after[1:].lstrip(" \t"), lines, index)
        yield section, key[0].lower(), value, number


def _git_value(text: str, lines: list[str], index: int) -> tuple[str, int]:
    """Returns a value without its quotes, escapes and comment, and the place after its last line."""
    kept: list[str] = []
    trimmed = 0
    is_quoted = False
    place = 0
    while True:
        if place >= len(text):
            break
        character = text[place]
        place += 1
        if character == "\\":
            if place >= len(text):
                if index >= len(lines):
                    break
                text, place = lines[index].rstrip("\r"), 0
                index += 1
                continue
            kept.append(_ESCAPES.get(text[place], text[place]))
            place += 1
            trimmed = len(kept)
        elif character == '"':
            is_quoted = not is_quoted
        elif character in "#;" and not is_quoted:
            break
        else:
            kept.append(character)
            if is_quoted or character not in " \t":
                trimmed = len(kept)
    return "".join(kept[:trimmed]), index


def read_cargo_alias(text: str, name: str) -> tuple[str, ...] | None:
    """Returns the words that a cargo alias stands for, or None when there is no such alias."""
    aliases = _toml(text).get("alias")
    value = aliases.get(name) if isinstance(aliases, dict) else None
    if isinstance(value, str):
        return tuple(value.split())
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    return None


def read_cargo_programs(text: str) -> tuple[str, ...] | None:
    """Returns the programs that a cargo configuration puts before or in place of its own; None if unread."""
    data = _toml(text)
    if not data and text.strip():
        return None if not _is_toml(text) else ()
    found: list[str] = []
    build = data.get("build")
    tables = [build if isinstance(build, dict) else {}]
    targets = data.get("target")
    if isinstance(targets, dict):
        tables += [table for table in targets.values() if isinstance(table, dict)]
    for table in tables:
        for key in ("rustc", "rustc-wrapper", "rustc-workspace-wrapper", "rustdoc", "runner", "linker"):
            value = table.get(key)
            if isinstance(value, list):
                found.append(" ".join(str(item) for item in value))
            elif value:
                found.append(str(value))
    profiles = data.get("profile")
    if isinstance(profiles, dict):
        tables += [table for table in profiles.values() if isinstance(table, dict)]
    for table in tables:
        for key in ("rustflags", "rustdocflags"):
            found.extend(_linkers(table.get(key)))
    if data.get("env") or data.get("include") or data.get("credential-alias"):
        found.append("env")
    return tuple(found)


def _linkers(flags: Any) -> Iterator[str]:
    """Yields the linkers that compiler flags name, and what they hand to a linker by a path."""
    text = " ".join(str(item) for item in flags) if isinstance(flags, list) else str(flags or "")
    for word in text.replace("-C ", "-C").split():
        if "linker=" in word or ("link-arg" in word and "/" in word):
            yield word.rpartition("=")[2]


def steers_npm(text: str) -> bool:
    """Returns whether an .npmrc names the shell that runs scripts, or what node loads before them."""
    return any(_STEERS_NPM.match(line[:200]) for line in text.split("\n"))


def _is_toml(text: str) -> bool:
    try:
        tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return False
    return True


def _toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}
