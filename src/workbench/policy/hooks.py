"""Finds what git runs from hooks that lie in the tree (husky, .githooks), and what lint-staged runs.

A repository brings such hooks itself; its .git/config names the folder once somebody has installed them.
Hooks in .git/hooks come from no repository and are left alone. It judges nothing.
"""

from __future__ import annotations

import json
import posixpath
import re
from hashlib import sha256
from typing import Any

from workbench.policy.gitsettings import hooks_folder
from workbench.policy.makefiles import ScriptLine
from workbench.policy.options import Reading
from workbench.policy.programs import Reader
from workbench.policy.projectfiles import Named, load
from workbench.policy.scripts import read_package
from workbench.policy.taskfiles import read_yaml
from workbench.policy.walk import plain
from workbench.policy.wrappers import is_shell_text

_COMMIT = ("pre-commit", "prepare-commit-msg", "commit-msg", "post-commit")
_CHECKED = frozenset({"pre-commit", "commit-msg"})
_ALWAYS = ("reference-transaction", "post-index-change")
_BY_COMMAND = {
    "commit": (*_COMMIT, "post-rewrite"),
    "merge": ("pre-merge-commit", *_COMMIT, "post-merge"),
    "pull": ("pre-merge-commit", *_COMMIT, "post-merge", "post-checkout", "pre-rebase", "post-rewrite"),
    "rebase": ("pre-rebase", *_COMMIT, "post-rewrite", "post-checkout"),
    "cherry-pick": _COMMIT,
    "revert": _COMMIT,
    "am": ("applypatch-msg", "pre-applypatch", "post-applypatch", "post-rewrite"),
    "checkout": ("post-checkout",),
    "switch": ("post-checkout",),
    "clone": ("post-checkout",),
    "worktree": ("post-checkout",),
    "bisect": ("post-checkout",),
    "push": ("pre-push",),
    "gc": ("pre-auto-gc",),
    **dict.fromkeys(("add", "stash", "reset", "restore", "mv", "rm", "tag", "branch", "fetch", "apply"), ()),
}
# What husky writes into `.husky/_` and above a hook of its older versions.
_STUB = re.compile(r"#!/usr/bin/env sh\n\. \"\$\(dirname (-- )?\"\$0\"\)/h(usky\.sh)?\"\s*")
_STARTER = re.compile(r"^\. \"\$\(dirname (-- )?\"\$0\"\)/_/husky\.sh\"[ \t]*$", re.MULTILINE)
# The lines of what husky 8.0.3 and 9.1.7 start each hook with, each as the first half of its SHA-256.
_KNOWN_LINES = frozenset(
    [
        "0b0386dbca1e8522fe45c00a97db23bf",
        "12c386e266a837411e20e99a6df11a11",
        "26953e234b13a2b6f89795be214f4da0",
        "27ff31d35536bf26399b0e0a536d7294",
        "29ab7200a664cc439fca21f05d56f8df",
        "35e38b135fd84d86c42b761a181f43e5",
        "383eb413cf85f5407cde30792b53b80d",
        "3d300d29f2c048bdffed4da6f62d52f7",
        "45b32816d365a7e372ad43f423f93d38",
        "47013c581b39955dd2296fae153ae943",
        "477eaf5a6f2db0e60a72f9375b4b1f93",
        "4ababbf0c6981a03e797398acb1421b7",
        "5e349f2dfdc3bc18c6cb47b34d4e4967",
        "677287266eb4fed170b2c73168317a51",
        "7cd578f15a9f19f82eea29db087b9856",
        "83a2c17488cde894c6d17f60f94de076",
        "91e052d51641f30ebf614a156911e2be",
        "921ddade0d6f497b0553bcf0b234746c",
        "9cc5602f15521bc169373affdf140ec5",
        "9d3ee397665a459dde16b296c4bde0aa",
        "9e8cad05b930720a59fa2198eb8eb1e7",
        "a140a25039a64fbbe73b9c3b33c7a103",
        "a2e0c3efb4eca385cb560423bac685a4",
        "b4bdc848109722a383d0a972c6eb859f",
        "b62c7378876d7a8ecd5c2d9f488aa70e",
        "b90c92043b488bca073f51d771332adf",
        "bbb8b4c0b8bf276956bb711de0728f4f",
        "c22995adc29757a99bc9242926a5d5b5",
        "cbc1335d1120dc985bce4a895f886e55",
        "d10b36aa74a59bcf4a88185837f658af",
        "d23203fff8e35c09bec42ae9334bbe17",
        "d859922e88d7d7e25f6221349bf68f67",
        "daee28676e752569238f77f304499b86",
        "dc048d2c01a10065290841ee5df9be07",
        "e3fff0f9b527173773253479ae249aa1",
        "ea8b5e1369579e81004d38419d8ed757",
        "efa565bc50ac7c5770beb40db2cd5656",
        "f66b6615b6475bc0c65c2d4741f752c2",
        "fcd71bc38b768a07cdcc83c7328319c4",
    ]
)
_STAGED = (
    *(
        "package.yaml",
        "package.yml",
        ".lintstagedrc",
        ".lintstagedrc.json",
        ".lintstagedrc.yaml",
        ".lintstagedrc.yml",
    ),
    *(f".lintstagedrc.{ending}" for ending in ("mjs", "mts", "js", "ts", "cjs", "cts")),
    *(f"lint-staged.config.{ending}" for ending in ("mjs", "mts", "js", "ts", "cjs", "cts")),
)
_MOST_CONFIGS = 40


def find_hooks(reader: Reader, reading: Reading, words: tuple[str, ...], cwd: str) -> Named | None:
    """Returns what a git command runs of the hooks in the tree; None where the repository has none there."""
    asked = next((word for word in map(plain, words) if word in _BY_COMMAND), "")
    folder, top = hooks_folder(reader, cwd) if asked else ("", "")
    package, has_package = load(reader, posixpath.join(top, "package.json")) if top else ("", False)
    old = _husky_of(package) if has_package else {}
    if not folder and not old:
        # It reads no file of the tree then, and none that is changed first matters.
        reader.looked.clear()
        return None
    is_skipped = bool(reading.given & {"--no-verify"}) and asked == "commit"
    names = [name for name in (*_BY_COMMAND[asked], *_ALWAYS) if not (is_skipped and name in _CHECKED)]
    lines: list[ScriptLine] = []
    files: list[str] = []
    labels: set[str] = set()
    for name in names:
        if folder:
            _take_hook(reader, folder, name, lines, files, labels)
        if isinstance(old.get(name), str):
            files.append(posixpath.join(top, "package.json"))
            lines.append(ScriptLine(text=old[name], path=files[-1], line=1))
    if not files and not labels:
        return None
    return Named(lines=tuple(lines), files=tuple(files), labels=frozenset(labels), cwd=top, has_tools=True)


def _husky_of(text: str) -> dict[str, Any]:
    husky = (read_package(text) or {}).get("husky")
    hooks = husky.get("hooks") if isinstance(husky, dict) else None
    return hooks if isinstance(hooks, dict) else {}


def _take_hook(
    reader: Reader, folder: str, name: str, lines: list[ScriptLine], files: list[str], labels: set[str]
) -> None:
    path = posixpath.join(folder, name)
    if posixpath.basename(folder) == "_":
        # Husky's own folder: each file in it starts the one of this name above it.
        stub, exists = load(reader, path)
        starter, is_there = load(reader, posixpath.join(folder, "h"))
        if (exists and not _STUB.fullmatch(stub)) or (is_there and not starter):
            labels.add("script_unsure")
        if exists and is_there:
            _take_starter(posixpath.join(folder, "h"), starter, lines, files, labels)
        path = posixpath.join(posixpath.dirname(folder), name)
    text, exists = load(reader, path)
    if not exists:
        return
    files.append(path)
    if not text:
        labels.add("script_unreadable")
    elif is_shell_text(text):
        if _STARTER.search(text):
            starter, is_there = load(reader, posixpath.join(folder, "_/husky.sh"))
            if is_there and not starter:
                labels.add("script_unreadable")
            _take_starter(posixpath.join(folder, "_/husky.sh"), starter, lines, files, labels)
        # Line by line the text stays what it is; only what starts husky is known, and taken away.
        lines.append(ScriptLine(text=_STARTER.sub("", text), path=path, line=1))
    else:
        labels |= {"executes", "runs_code"}


def _take_starter(path: str, text: str, lines: list[ScriptLine], files: list[str], labels: set[str]) -> None:
    """Takes what husky runs before each hook; a starter with other lines than husky's is unsure."""
    if not text or path in files:
        return
    files.append(path)
    kept = ["" if _digest(line.strip()) in _KNOWN_LINES else line for line in text.split("\n")]
    if any(kept):
        labels.add("script_unsure")
        lines.append(ScriptLine(text="\n".join(kept), path=path, line=1))


def _digest(line: str) -> str:
    return sha256(line.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def find_staged(reader: Reader, cwd: str) -> Named | None:
    """Returns what lint-staged runs on staged files, by each of its settings files; None without one."""
    lines: list[ScriptLine] = []
    files: list[str] = []
    is_whole = True
    for path in _staged_files(reader, cwd):
        text, exists = load(reader, path)
        if not exists:
            continue
        is_package = posixpath.basename(path) == "package.json"
        if is_package and text and not isinstance(_told(text), dict):
            continue
        if posixpath.basename(path).startswith("package.y"):
            if not text or "lint-staged" in text:
                files.append(path)
                is_whole = False
            continue
        files.append(path)
        found = _read_staged(text, path)
        is_whole = is_whole and found is not None
        lines.extend(found or ())
    if not files:
        return None
    labels = frozenset() if is_whole else frozenset({"script_unsure"})
    return Named(lines=tuple(lines), files=tuple(files), labels=labels, cwd=cwd, has_tools=True)


def _told(text: str) -> Any:
    return (read_package(text) or {}).get("lint-staged")


def _staged_files(reader: Reader, cwd: str) -> list[str]:
    """Returns the paths of settings files: in this folder and above, and those that git tracks below."""
    found: list[str] = []
    folder = posixpath.normpath(cwd)
    names = ("package.json", *_STAGED)
    while folder == reader.workspace_root or folder.startswith(reader.workspace_root + "/"):
        listed = reader.surroundings.list_folder(folder)
        found.extend(posixpath.join(folder, name) for name in names if listed is None or name in listed)
        tracked = reader.surroundings.tracked_files(folder) or ()
        if reader.work.take(len(tracked)):
            found.extend(
                posixpath.join(folder, path) for path in tracked if posixpath.basename(path) in names
            )
        if folder == reader.workspace_root:
            break
        folder = posixpath.dirname(folder)
    return list(dict.fromkeys(found))[:_MOST_CONFIGS]


def _read_staged(text: str, path: str) -> list[ScriptLine] | None:
    """Returns the commands of one settings file; None when it is code, or no table of commands."""
    name = posixpath.basename(path)
    if name == "package.json":
        table = _told(text)
    elif name == ".lintstagedrc" or name.endswith((".json", ".yaml", ".yml")):
        table = read_yaml(text) if not name.endswith(".json") else _read_json(text)
    else:
        return None
    if not isinstance(table, dict):
        return None
    lines: list[ScriptLine] = []
    for value in table.values():
        for command in value if isinstance(value, list) else [value]:
            if not isinstance(command, str):
                return None
            place = text.find(json.dumps(command)[1:-1])
            number = text.count("\n", 0, place) + 1 if place >= 0 else 1
            # The staged files are named behind it.
            lines.append(
                ScriptLine(text=f"{command} src/x", path=path, line=number, cwd=posixpath.dirname(path))
            )
    return lines


def _read_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
