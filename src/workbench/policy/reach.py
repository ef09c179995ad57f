"""Says what a walk over folders meets: secrets by name, links out of the workspace, folders of the system.

It looks through the surroundings, at a bounded number of names; what it cannot tell is a read of an unknown
place, which is asked about. Outside the workspace it knows the places where secrets lie, and looks at none.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace

from workbench.policy.ignored import FILES, Line, is_ignored, read_lines
from workbench.policy.logins import holds_git_login, holds_only_settings, is_git_config
from workbench.policy.options import Reading
from workbench.policy.paths import Place, is_within, labels_for, locate
from workbench.policy.programs import Reader
from workbench.policy.search import Entry, Search
from workbench.policy.sensitive import (
    PLACES,
    is_expression_for_secrets,
    is_pattern_for_secrets,
    is_secret,
    is_secret_name,
    may_hold_secrets,
)
from workbench.policy.trail import Trail
from workbench.policy.walk import plain

_ROOT_KINDS = frozenset({"read", "infile", "move", "link"})
# Kinds of files that hold source text only, by the names that rg and ag give them.
_CODE = frozenset(
    [
        *(
            "py",
            "python",
            "js",
            "ts",
            "typescript",
            "tsx",
            "jsx",
            "go",
            "rust",
            "rs",
            "java",
            "kotlin",
            "c",
            "cpp",
        ),
        *(
            "h",
            "ruby",
            "php",
            "swift",
            "html",
            "css",
            "scss",
            "sass",
            "less",
            "md",
            "markdown",
            "sql",
            "lua",
            "cs",
        ),
        *(
            "csharp",
            "scala",
            "haskell",
            "elixir",
            "erlang",
            "dart",
            "vue",
            "svelte",
            "make",
            "cmake",
            "proto",
        ),
    ]
)
_ENDING = re.compile(r"(?:\^?\.\*)?\\\.(?:([A-Za-z0-9]+)|\\?\(([A-Za-z0-9]+(?:\\?\|[A-Za-z0-9]+)*)\\?\))\$")
_MOST_DEPTH = 64
_FILTERS = frozenset({"grep", "egrep", "rg"})


def read_trail(
    reader: Reader, reading: Reading, labels: set[str], folders: tuple[str, ...], search: Search | None
) -> Trail:
    """Returns the walk that a call's arguments describe, as the catalogue read them.

    `folders` are those in which its relative paths may lie; `search` is find's expression.
    """
    texts = [value.text for value in reading.values if value.is_operand and value.kind in _ROOT_KINDS]
    patterns = [value.text for value in reading.values if value.kind == "pattern"]
    for value in reading.values:
        if value.kind == "pathspec" and value.is_operand:
            _take_pathspec(reader, value.text, folders[0], texts, patterns)
    if "" in texts and "wrapped" in labels:
        # The paths that xargs appends: folders that others found are gone over from their start.
        texts += [text for trail in reader.handed_on for _, text in trail.roots]
        if "writes" not in labels or any(trail.depth == 1 for trail in reader.handed_on):
            # With nothing to append it starts where it stands; and ls prints names without their folder.
            texts.append(".")
    is_fed = reader.is_piped and "wrapped" not in labels and "reads_pipe" in labels
    is_fed = is_fed and not reading.given & {"--files", "-f", "--file", "--type-list"}
    has_roots = bool(texts)
    if not texts and not is_fed:
        texts = ["."]
    moved = max((value.index for value in reading.values if value.kind == "chdir"), default=None)
    early = {value.text for value in reading.values if moved is None or value.index < moved}
    roots = tuple(
        (locate(text, cwd=folder, root=reader.workspace_root, surroundings=reader.surroundings), text)
        for folder in folders
        for text in texts
        # What is named behind the change of folder lies in that one.
        if text and text != "-" and (folder == folders[0] or text in early or not has_roots)
    )
    expressions = [value.text for value in reading.values if value.kind == "nameregex"]
    endings = tuple("." + value.text.lstrip(".") for value in reading.values if value.kind == "extension")
    excluded = [value for value in reading.values if value.kind in ("unpattern", "unfile", "unfolder")]
    if "excludes_in_order" in labels:
        # GNU tar leaves out only of what is named behind it, and nothing for a pattern that ends in a slash.
        operands = [value.index for value in reading.values if value.is_operand and value.kind == "read"]
        first = min(operands, default=0)
        excluded = [value for value in excluded if value.index < first and not value.text.endswith("/")]
    excluded_files = [value.text for value in excluded if value.kind != "unfolder"]
    excluded_folders = [value.text for value in excluded if value.kind != "unfile"]
    excluded_files += [text[1:] for text in patterns if text.startswith("!")]
    excluded_folders += [text[1:] for text in patterns if text.startswith("!")]
    patterns = [text for text in patterns if not text.startswith("!")]
    asked = [
        *patterns,
        *expressions,
        *("a" + ending for ending in endings),
        *(search.names if search else ()),
    ]
    kinds = [value.text for value in reading.values if value.kind == "filetype"]
    return Trail(
        roots=roots,
        patterns=tuple(patterns),
        # Which of a taking and a leaving pattern wins is the program's own affair.
        excluded_files=() if patterns else tuple(excluded_files),
        excluded_folders=() if patterns and excluded_files else tuple(excluded_folders),
        endings=(endings,) if endings else (),
        search=search,
        depth=1
        if "lists_one_folder" in labels and "goes_deep" not in labels
        else search.depth
        if search is not None
        else None,
        is_listed="lists_paths" in labels or search is not None,
        hands_links_on="skips_links" not in labels,
        follows_links="follows_links" in labels,
        skips_hidden="skips_hidden" in labels and "meets_hidden" not in labels,
        skips_ignored="skips_ignored" in labels and "meets_ignored" not in labels,
        ignore_file=".dockerignore" if "sends_context" in labels else "",
        is_code=bool(kinds) and not patterns and set(kinds) <= _CODE,
        asks_for_secrets=any(is_pattern_for_secrets(text) for text in asked)
        or any(
            is_expression_for_secrets(text)
            for text in (*expressions, *(search.expressions if search else ()))
        ),
        is_tracked="lists_tracked" in labels and "meets_ignored" not in labels,
        goes_by_index="shows_tracked" in labels and "--untracked" not in reading.given,
    )


def _take_pathspec(reader: Reader, text: str, folder: str, texts: list[str], patterns: list[str]) -> None:
    """A pathspec is a pattern or a path; what may be a revision instead stands for the whole tree."""
    place = locate(text, cwd=folder, root=reader.workspace_root, surroundings=reader.surroundings)
    parent, name = posixpath.split(place.path)
    if re.search(r"[*?\[]", text) and not text.startswith(":"):
        patterns.append(text)
    elif place.zone == "workspace" and name in {entry for entry, _ in reader.scan(parent) or ()}:
        texts.append(text)
    else:
        texts.append(".")


def narrow(trails: tuple[Trail, ...], words: tuple[str, ...]) -> tuple[Trail, ...]:
    """Returns what is left of listed paths behind a filter with these words, such as `grep '\\.py$'`."""
    options = [word for word in words[1:] if word.startswith("-")]
    texts = [plain(word) for word in words[1:] if not word.startswith("-")]
    if (
        not words
        or plain(words[0]) not in _FILTERS
        or any(option not in ("-E", "-i", "-F") for option in options)
    ):
        return trails
    if any(is_expression_for_secrets(text) for text in texts):
        return tuple(replace(trail, asks_for_secrets=True) for trail in trails)
    if len(texts) != 1 or "-F" in options or (match := _ENDING.fullmatch(texts[0])) is None:
        return trails
    endings = tuple("." + ending for ending in re.split(r"\\?\|", match[1] or match[2]))
    return tuple(trail.only(endings) for trail in trails)


def reach(reader: Reader, trail: Trail, *, opens: bool) -> set[str]:
    """Returns what follows from a walk: with `opens`, what it meets is opened, and links with it.

    Without, only names are shown, and what counts is where its links lead.
    """
    labels: set[str] = set()
    if trail.asks_for_secrets:
        labels.add("reads_secret")
    if opens and trail.search is not None and trail.search.wants_links:
        # Whoever looks for links and opens them is after where they lead.
        labels.add("reads_unknown")
    for place, text in trail.roots:
        if place.zone == "workspace" and (opens or trail.follows_links):
            labels |= _look(reader, trail, place, text, opens)
        elif opens:
            labels |= _elsewhere(trail, place)
    return labels


def _elsewhere(trail: Trail, place: Place) -> set[str]:
    """Judges a walk outside the workspace by the known places of secrets below its root."""
    labels: set[str] = set()
    for path in PLACES:
        folder = posixpath.dirname(path)
        if (
            is_within(path, place.path)
            and not trail.is_code
            and trail.takes(Entry(shown=path, kind="file"))[0]
        ):
            found = Place(path=path, zone=place.zone, spelled=path)
            labels |= labels_for("read", found) & {"reads_forbidden", "reads_secret"}
        elif is_within(place.path, folder) and is_secret(place.path):
            labels.add("reads_secret")
    if is_within(place.path, "/etc") and not labels:
        labels.add("reads_unknown")
    return labels


def _look(reader: Reader, trail: Trail, root: Place, text: str, opens: bool) -> set[str]:
    labels: set[str] = set()
    follows = trail.follows_links
    if trail.is_code and not follows:
        return labels
    lines, may_hide = _ignore_lines_above(reader, trail, root.path)
    lines = (*lines, *_lines_of_context(reader, trail, root.path))
    todo = [(root.path, text.rstrip("/"), 0, lines)]
    seen = {root.path}
    while todo:
        folder, shown, depth, lines = todo.pop()
        if trail.depth is not None and depth >= trail.depth:
            continue
        entries = reader.scan(folder)
        if entries is None or depth > _MOST_DEPTH:
            return labels | {"reads_unknown"}
        if trail.skips_hidden or trail.skips_ignored:
            lines = (*lines, *_ignore_lines(reader, folder, entries, may_hide))
        is_near = opens and may_hold_secrets(folder)
        for name, kind in entries:
            # Most names are neither: a large workspace is looked through in a fraction of a second.
            path = f"{folder}/{name}"
            is_config = opens and kind == "file" and is_git_config(path)
            if kind == "file" and not is_near and not is_config and not (opens and is_secret_name(name)):
                continue
            entry = Entry(shown=f"{shown}/{name}", kind=kind)
            if _is_passed_over(reader, trail, lines, path, entry):
                continue
            taken, stops = trail.takes(entry)
            if kind == "folder":
                if not stops and path not in seen:
                    seen.add(path)
                    todo.append((path, entry.shown, depth + 1, lines))
            elif kind == "file":
                if opens and taken and _holds_secret(reader, path):
                    labels.add("reads_secret")
            elif follows or (opens and taken and trail.is_listed and trail.hands_links_on):
                place = locate(path, cwd="/", root=reader.workspace_root, surroundings=reader.surroundings)
                leads_away = labels_for("read", place)
                if opens and taken:
                    labels |= leads_away
                if follows and not stops:
                    labels |= leads_away & {"reads_outside", "reads_unknown", "reads_forbidden"}
                    if place.zone != "workspace":
                        labels |= _elsewhere(trail, place) if opens else set()
                    elif place.path not in seen:
                        seen.add(place.path)
                        todo.append((place.path, entry.shown, depth + 1, lines))
        if {"reads_secret", "reads_outside"} <= labels:
            break
    return labels


def _holds_secret(reader: Reader, path: str) -> bool:
    return holds_git_login(reader, path) or (is_secret(path) and not holds_only_settings(reader, path))


def _is_passed_over(reader: Reader, trail: Trail, lines: tuple[Line, ...], path: str, entry: Entry) -> bool:
    if not trail.goes_by_index and any(is_within(path, folder) for folder in reader.unruled):
        # What ignore files say by then, an earlier part may have written.
        return False
    is_named = trail.skips_ignored or bool(trail.ignore_file)
    if not (trail.skips_hidden or is_named) or (trail.patterns and trail.fits(entry)):
        return False
    said = is_ignored(lines, path, is_folder=entry.kind != "file")
    if is_named and said is True:
        return True
    return trail.skips_hidden and posixpath.basename(path).startswith(".") and said is not False


def _ignore_lines_above(reader: Reader, trail: Trail, folder: str) -> tuple[tuple[Line, ...], bool]:
    """Returns the lines of the ignore files above a folder, and whether they hide: only in a repository."""
    root = reader.workspace_root
    if not (trail.skips_hidden or trail.skips_ignored):
        return (), False
    entries = reader.scan(root)
    may_hide = entries is not None and any(name == ".git" for name, _ in entries)
    above = []
    while folder != root and is_within(folder, root):
        folder = posixpath.dirname(folder)
        above.append(folder)
    lines: tuple[Line, ...] = ()
    for folder in reversed(above):
        lines = (*lines, *_ignore_lines(reader, folder, reader.scan(folder) or (), may_hide))
    return lines, may_hide


def _lines_of_context(reader: Reader, trail: Trail, root: str) -> tuple[Line, ...]:
    """Returns the lines of a build's own ignore file, which start at its folder: `.env` is not `a/.env`.

    A file of this kind for one Dockerfile alone takes its place, so with such a file nothing is left out.
    """
    names = {name for name, _ in reader.scan(root) or ()} if trail.ignore_file else set()
    if trail.ignore_file not in names or any(
        name.endswith(trail.ignore_file) and name != trail.ignore_file for name in names
    ):
        return ()
    text = reader.surroundings.read_text(posixpath.join(root, trail.ignore_file)) or ""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if any(line.startswith("!") for line in lines):
        # Other than git's, such a line takes a file in again out of a folder that is left out.
        return ()
    spelled = []
    for line in lines:
        anywhere = line.removeprefix("**/")
        is_anywhere = line != anywhere and "/" not in anywhere
        spelled.append(anywhere if is_anywhere else "/" + line.removeprefix("./").lstrip("/"))
    return read_lines(root, "\n".join(spelled), may_hide=True)


def _ignore_lines(
    reader: Reader, folder: str, entries: tuple[tuple[str, str], ...], may_hide: bool
) -> tuple[Line, ...]:
    names = {name for name, _ in entries}
    found: list[Line] = []
    for name in FILES:
        if name in names:
            text = reader.surroundings.read_text(posixpath.join(folder, name))
            # What cannot be read might take anything in again.
            found.extend(
                read_lines(folder, "!*" if text is None else text, may_hide=may_hide and name == FILES[0])
            )
    return tuple(found)
