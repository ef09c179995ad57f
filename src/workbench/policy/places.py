"""Resolves the paths among a call's arguments, and says what using each of them means.

What a word is follows from the form it was read by; where it lies is paths.py's part.
"""

from __future__ import annotations

import posixpath
import re

from workbench.policy.branches import is_surely_branch
from workbench.policy.calls import Findings
from workbench.policy.catalog import Program
from workbench.policy.gitsettings import as_git_folder
from workbench.policy.leavings import loses_by_emptying, moved_labels
from workbench.policy.links import locate_itself
from workbench.policy.logins import holds_git_login
from workbench.policy.options import Reading, Value
from workbench.policy.paths import Place, is_within, labels_for, locate
from workbench.policy.programs import Reader
from workbench.policy.sensitive import is_pattern_for_secrets, is_secret, is_setting_for_secrets
from workbench.policy.values import (
    managed_labels,
    migration_labels,
    served_labels,
    setup_labels,
    target_labels,
    task_labels,
)
from workbench.policy.walk import DYNAMIC, is_dynamic, plain

_PATH_KINDS = frozenset(
    {
        "read",
        "write",
        "delete",
        "emptied",
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
_KEPT_CHART = re.compile(r"[A-Za-z0-9_][\w.-]*/[\w.-]+")
_CHANGES = frozenset({"write", "delete", "move", "link"})
_LOOKED_UP = frozenset({"TZ", "LANG", "LC_ALL", "LC_CTYPE", "TERM"})
_SECRET_RESOURCE = re.compile(r"(.*,)?(secrets?|externalsecrets?|sealedsecrets?)([/,.]|$)", re.IGNORECASE)
_TASK_KINDS = frozenset({"task", "npmscript", "binary", "target"})
_CODE_KINDS = frozenset({"code", "scriptfile", "gofile", "phpfile", "recipe", "shellfile"})


def _names_file(name: str, value: str) -> bool:
    """Whether a variable makes the C library look for a file by its path: TZ=:/x, LC_ALL=../x."""
    return name in _LOOKED_UP and (plain(value).lstrip(":")[:1] in ("/", ".") or ".." in value)


def take_variable(reader: Reader, paths: Findings, name: str, value: str, cwd: str) -> bool:
    """Returns whether a variable set for a call is harmless; folders of code that it names are taken as code.

    Those are harmless in the workspace alone, where they are the project's own.
    """
    if name in reader.catalog.environment:
        return not _names_file(name, value)
    if name not in reader.catalog.code_paths or is_dynamic(value):
        return False
    parts = [part or "." for part in plain(value).split(":")]
    root, surroundings = reader.workspace_root, reader.surroundings
    if any(locate(part, cwd=cwd, root=root, surroundings=surroundings).zone != "workspace" for part in parts):
        return False
    for part in parts:
        use_path(reader, paths, "code", part, cwd)
    paths.labels |= {"executes", "runs_code"}
    return True


def take_unknown(reader: Reader, program: Program, args: tuple[str, ...], cwd: str, paths: Findings) -> None:
    """Marks a call that fits no form, and takes its words for the worst that the program does."""
    paths.labels |= {"form_unknown"} | program.otherwise_labels
    if program.otherwise is None:
        # What it does with them is not known; that one of them is a secret's name is.
        texts = (plain(arg).rpartition("=")[2] for arg in args)
        paths.labels |= {"reads_secret"} if any(is_secret("/" + text) for text in texts if text) else set()
        return
    for arg in args:
        text = plain(arg)
        if text.startswith("-") and "=" not in text:
            continue
        use_path(reader, paths, program.otherwise, text.rpartition("=")[2] or text, cwd)


def take_values(
    reader: Reader, reading: Reading, cwd: str, paths: Findings, *, on_links: bool = False
) -> tuple[str, list[str]]:
    """Resolves every path among the values; returns the folder worked in, and the shell files run.

    `on_links`: a link that is deleted or moved is meant itself, not what it leads to.
    """
    shell_files: list[str] = []
    started = cwd
    lists_others = _lists_others(reader, paths.labels, reading)
    moves: list[int] = []
    for value in reading.values:
        if value.kind == "chdir":
            use_path(reader, paths, "chdir", value.text, cwd)
            cwd = posixpath.join(cwd, value.text)
            moves.append(value.index)
    if len(moves) > 1 and "keeps_archive" in paths.labels:
        paths.labels.add("cwd_unknown")
    for value in reading.values:
        was_secret = "reads_secret" in paths.labels
        if value.kind == "assign":
            name, _, text = value.text.partition("=")
            if not take_variable(reader, paths, name, text, cwd):
                paths.labels.add("env_refused")
        elif value.kind in ("infile", "outfile"):
            # An archive is opened before the folder is changed.
            use_path(reader, paths, "read" if value.kind == "infile" else "write", value.text, started)
        elif value.kind == "revision":
            _take_revision(reader, paths, value.text, cwd)
        elif value.kind == "pathspec":
            if _is_pathspec_for_secrets(value.text):
                paths.labels.add("reads_secret")
        elif value.kind == "branch":
            if not is_surely_branch(reader, value.text, cwd):
                paths.labels |= {"discards", "irreversible"}
        elif value.kind == "gomodule":
            # A module at a version or at what another names: it is asked for where modules are kept.
            paths.labels |= {"network"} if "@" in value.text else set()
        elif value.kind == "chart":
            _take_chart(reader, paths, value.text, cwd)
        elif value.kind == "settingname":
            paths.labels |= {"reads_secret"} if is_setting_for_secrets(value.text) else set()
        elif value.kind == "resource":
            # A cluster's secrets are shown with what they hold.
            paths.labels |= {"reads_secret"} if _SECRET_RESOURCE.match(value.text) else set()
        elif value.kind == "classpath":
            # Folders and archives of code, each of them taken up; a star stands for the archives of a folder.
            for part in value.text.split(":"):
                use_path(reader, paths, "code", part.removesuffix("/*") or ".", cwd)
        elif value.kind == "report":
            # A coverage report's form, and behind a colon where it is written: `html:out`.
            place = value.text.partition(":")[2]
            if place not in ("", "skip-covered"):
                use_path(reader, paths, "write", place, cwd)
        elif value.kind == "host":
            paths.labels.add("network")
        elif value.kind == "buildtarget":
            paths.labels |= target_labels(value.text)
        elif value.kind == "managed":
            paths.labels |= managed_labels(value.text)
        elif value.kind == "served":
            paths.labels |= served_labels(value.text)
        elif value.kind == "migration":
            paths.labels |= migration_labels(value.text)
        elif value.kind == "setupword":
            paths.labels |= setup_labels(value.text)
        elif value.kind in _TASK_KINDS:
            paths.labels |= task_labels(value.text)
        elif value.kind in _PATH_KINDS and value.kind != "chdir":
            path = _take_path(reader, paths, value, cwd, on_links)
            if moves and value.index < moves[-1]:
                _take_path(reader, paths, value, started, on_links)
            if value.kind == "shellfile" and path is not None:
                shell_files.append(path)
        if not was_secret and (lists_others or not _tells_secret(reader, paths.labels, value, cwd)):
            paths.labels.discard("reads_secret")
    if "into_folder" in paths.labels:
        _take_copies(reader, paths, reading, cwd)
    moved = {
        posixpath.normpath(posixpath.join(cwd, value.text))
        for value in reading.values
        if value.kind == "move"
    }
    if moved:
        paths.labels |= moved_labels(reader, moved, paths.writes - moved)
    return cwd, shell_files


def _tells_secret(reader: Reader, labels: set[str], value: Value, cwd: str) -> bool:
    """Whether using a secret's file by its name may tell what stands in it, or lose that.

    Not where nothing is printed, nor where a copy makes it.
    """
    if "prints_nothing" in labels:
        return False
    return not ("into_folder" in labels and value.kind == "write" and _is_new(reader, value.text, cwd))


def _lists_others(reader: Reader, labels: set[str], reading: Reading) -> bool:
    """Whether names and sizes are printed, and of more than secrets: who asks for one alone looks for it."""
    operands = [value.text for value in reading.values if value.is_operand]
    is_listing = "shows_metadata" in labels and reader.is_single
    return is_listing and not all(is_secret(posixpath.normpath("/" + text)) for text in operands)


def _is_new(reader: Reader, text: str, cwd: str) -> bool:
    path = posixpath.normpath(posixpath.join(cwd, text))
    if not is_within(path, reader.workspace_root) or any(is_within(path, each) for each in reader.written):
        return False
    parent, name = posixpath.split(path)
    entries = reader.scan(parent)
    return entries is not None and name not in {entry for entry, _ in entries}


def _take_chart(reader: Reader, paths: Findings, text: str, cwd: str) -> None:
    """A chart is a folder or an archive; where none is there, `REPOSITORY/NAME` and addresses are fetched."""
    if "://" in text:
        paths.labels.add("network")
        return
    use_path(reader, paths, "read", text, cwd)
    if _KEPT_CHART.fullmatch(text):
        parent, name = posixpath.split(posixpath.normpath(posixpath.join(cwd, text)))
        if name not in {entry for entry, _ in reader.scan(parent) or ()}:
            paths.labels.add("network")


def _take_revision(reader: Reader, paths: Findings, text: str, cwd: str) -> None:
    """A revision or a path, as `git diff` takes them: outside the repository it compares any two files."""
    if _is_pathspec_for_secrets(text):
        paths.labels.add("reads_secret")
    if text.startswith(":"):
        return
    reader.paths_left -= 1
    if reader.paths_left < 0:
        paths.labels.add("too_long")
        return
    place = locate(text or DYNAMIC, cwd=cwd, root=reader.workspace_root, surroundings=reader.surroundings)
    paths.labels |= labels_for("read", place)


def _is_pathspec_for_secrets(text: str) -> bool:
    """Returns whether git would show a secret for it: `HEAD:.env`, `:(glob)**/*.pem`, `conf/id_rsa`."""
    if re.match(r":([!^]|\([a-z,]*exclude[a-z,]*\))", text):
        return False
    path = text.rpartition(":")[2].removeprefix("/")
    path = path.rpartition(")")[2] if text.startswith(":(") else path
    return is_secret("/" + path) or is_pattern_for_secrets(path)


def _take_copies(reader: Reader, paths: Findings, reading: Reading, cwd: str) -> None:
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
            told = labels_for("write", place) - {"writes_workspace"}
            paths.labels |= told - {"reads_secret"} if _is_new(reader, folder, cwd) else told
            _note_use(reader, paths, place)


def _take_path(reader: Reader, paths: Findings, value: Value, cwd: str, on_links: bool) -> str | None:
    text = value.text
    if text == "-" and (value.kind in ("read", "write") or value.kind in _CODE_KINDS):
        if value.kind in _CODE_KINDS:
            paths.labels.add("stdin_code")
        return None
    if value.kind == "emptied":
        # A folder that the program writes into; with `empties_folder` it takes away what lies there first.
        if "empties_folder" not in paths.labels:
            return use_path(reader, paths, "write", text, cwd)
        path = use_path(reader, paths, "delete", text, cwd)
        if is_within(path, reader.workspace_root) and loses_by_emptying(reader, path):
            paths.labels |= {"deletes", "irreversible"}
        return path
    if value.kind in ("code", "scriptfile"):
        text = text.split("::", 1)[0] or text
    return use_path(
        reader, paths, value.kind, text, cwd, itself=on_links and value.kind in ("delete", "move")
    )


def use_path(reader: Reader, paths: Findings, kind: str, text: str, cwd: str, *, itself: bool = False) -> str:
    """Resolves one path, adds what using it means, and returns it; `itself` takes a link as what it is."""
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
    if itself:
        place = locate_itself(reader, plain(text), place, cwd)
    judged = as_git_folder(reader, place) if kind in _CHANGES else place
    paths.labels |= labels_for("code" if kind in _CODE_KINDS else kind, judged)
    _note_use(reader, paths, place)
    if place.path != place.spelled:
        paths.linked.add(place.path)
    if kind in ("read", "move", "link") and place.zone == "workspace" and holds_git_login(reader, place.path):
        paths.labels.add("reads_secret")
    if kind in ("read", "move") or kind in _CODE_KINDS:
        paths.reads.add(place.path)
    if kind in _CODE_KINDS:
        paths.labels.add("runs_file")
    if kind in ("write", "delete", "move", "link") and place.zone != "sink":
        paths.writes.add(place.path)
    return place.path


def _note_use(reader: Reader, paths: Findings, place: Place) -> None:
    """Keeps a path that an earlier part may have exchanged; the workspace's own folder it cannot."""
    if place.zone == "workspace" and place.path != reader.workspace_root:
        paths.uses.add(place.path)


def check_cd(reader: Reader, reading: Reading, cwd: str, paths: Findings, depth: int) -> None:
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
