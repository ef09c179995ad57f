"""Finds the program that a first word names: on the sandbox's PATH, in the system, in the workspace.

A file in the workspace never passes for a known program, but for the project's own tools that run its code
anyway. It reads no arguments and decides nothing.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field, replace

from tree_sitter import Language

from workbench.model.command import Surroundings
from workbench.policy.catalog import Catalog, Program
from workbench.policy.paths import is_within, locate
from workbench.policy.statements import LONGEST
from workbench.policy.trail import Trail
from workbench.policy.walk import is_dynamic, plain
from workbench.policy.work import Texts, Work

_MOST_CALLS = 300
_MOST_PATHS = 600
_MOST_INNER_TEXT = 32 * 1024
_MOST_FILES = 60
_MOST_ENTRIES = 20_000
_SYSTEM_FOLDERS = frozenset({"/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/local/sbin"})
_LOCAL_TOOL_FOLDERS = (
    ("node_modules", ".bin"),
    (".venv", "bin"),
    ("venv", "bin"),
    ("env", "bin"),
    ("vendor", "bin"),
)
_SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ksh"})
_INTERPRETERS = frozenset({"python", "python3", "node", "ruby", "perl"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fed:
    """What a command finds on its standard input. `is_unseen` tells that there is more than these, and
    `is_altered` that a program on the way may have left something out or changed it."""

    files: tuple[str, ...] = ()
    text: str = ""
    is_unseen: bool = False
    is_altered: bool = False

    def plus(self, files: set[str], text: str) -> Fed:
        """Returns the same with what a redirect or a here-document adds."""
        return replace(
            self,
            files=(*self.files, *sorted(files)),
            text=f"{self.text}\n{text}"[: 2 * LONGEST],
            is_unseen=self.is_unseen or self.is_long(text),
        )

    def is_long(self, text: str) -> bool:
        """Returns whether the text is too much to be looked through whole."""
        return len(self.text) + len(text) > LONGEST


@dataclass(slots=True, kw_only=True)
class Reader:
    """What stays the same while one command is read, and what has been used up or found of it so far.

    `listed` are the searches of the simple command at hand, `handed_on` those whose paths are piped into it,
    `fed` is what it finds on its standard input. `written` are the files that the command has written so far.
    `environment` are the variables set for the call at hand, with their readings, `loose` the names that an
    earlier part may have set, `given` what a make around it was given. `has_staged` tells that files were put
    under git's care, `is_unruled` that ignore files may be others by then, `has_moved_refs` that git's refs
    and index may be, and `moved_to` the words that those parts were given. `is_single` tells that there is
    one command and nothing behind it, `is_lost` that the folder worked in is not known, `is_sourced` that
    the shell file at hand was started by another, `is_link` by the way of a link. `tools_from` is the
    folder of which node_modules/.bin stands first on the PATH, with those above it. `rewrites_to` is the
    depth of wrappers down to which the words that are judged are those that run, so that an option can be
    put in.

    `unruled` are the folders for which ignore files may say something else by now.
    """

    catalog: Catalog
    language: Language
    surroundings: Surroundings
    workspace_root: str
    calls_left: int = _MOST_CALLS
    paths_left: int = _MOST_PATHS
    text_left: int = _MOST_INNER_TEXT
    work: Work = field(default_factory=Work)
    files: Texts = field(init=False)
    looked: set[str] = field(default_factory=set)
    first_word: str = ""
    most_files: int = _MOST_FILES
    has_changed: bool = False
    folders: dict[str, tuple[tuple[str, str], ...] | None] = field(default_factory=dict)
    entries_left: int = _MOST_ENTRIES
    is_piped: bool = False
    listed: list[Trail] = field(default_factory=list)
    handed_on: tuple[Trail, ...] = ()
    fed: Fed = field(default_factory=Fed)
    written: set[str] = field(default_factory=set)
    environment: dict[str, list[str]] = field(default_factory=dict)
    loose: set[str] = field(default_factory=set)
    given: dict[str, str] = field(default_factory=dict)
    has_staged: bool = False
    is_unruled: bool = False
    changed_otherwise: bool = False
    has_moved_refs: bool = False
    moved_to: list[str] = field(default_factory=list)
    unruled: set[str] = field(default_factory=set)
    is_single: bool = True
    is_lost: bool = False
    is_sourced: bool = False
    is_link: bool = False
    tools_from: str = ""
    rewrites_to: int = 0
    tool_texts: dict[str, str | None] = field(default_factory=dict)

    def scan(self, path: str) -> tuple[tuple[str, str], ...] | None:
        """Returns what lies in a workspace folder, looked at once a command; None beyond what may be."""
        if path not in self.folders:
            found = self.surroundings.scan_folder(path) if self.entries_left > 0 else None
            self.entries_left -= 1 + len(found or ())
            self.folders[path] = found if self.entries_left >= 0 else None
        return self.folders[path]

    def read_tool(self, path: str) -> str | None:
        """Returns the text of a tool of the project, read once a command; None when it cannot be read."""
        if path not in self.tool_texts:
            self.tool_texts[path] = self.surroundings.read_text(path)
        return self.tool_texts[path]

    def __post_init__(self) -> None:
        self.files = Texts(self.work)

    def may_read(self, text: str) -> bool:
        """Takes the text from what may still be parsed for this command; False when it is used up."""
        self.text_left -= (
            len(text.encode("utf-8", "surrogatepass")) if len(text) <= self.text_left else self.text_left + 1
        )
        return self.text_left >= 0


def resolve_program(
    reader: Reader, word: str, cwd: str, labels: set[str]
) -> tuple[Program | None, str | None]:
    """Returns the program that word 0 names and its path; adds to `labels` where it lies and what is odd."""
    name = plain(word)
    if is_dynamic(word):
        labels.add("program_dynamic")
    catalog, surroundings, root = reader.catalog, reader.surroundings, reader.workspace_root
    if "/" not in name:
        program = catalog.find(name)
        if "python_module" in labels:
            if program is None or "executes" not in program.forms[0].labels:
                labels.add("program_unknown")
                return None, None
            return program, None
        if program is not None and program.is_builtin:
            return program, None
        path = surroundings.program_path(name)
        if path is None and program is None:
            # A program that is known but not there ends as "command not found": no folder on PATH can be
            # written by a run, so it cannot appear in between.
            labels.add("program_missing")
        elif path is not None and is_within(surroundings.real_path(path), root):
            labels.add("program_shadowed")
        if program is None:
            labels.add("program_unknown")
        return program, path
    place = locate(name, cwd=cwd, root=root, surroundings=surroundings)
    last = posixpath.basename(name)
    program = catalog.find(last)
    if place.zone == "workspace":
        return _resolve_in_workspace(reader, program, place.path, place.spelled, labels)
    folder = tuple(posixpath.dirname(place.spelled).split("/")[-2:])
    if (
        posixpath.dirname(place.path) in _SYSTEM_FOLDERS
        and is_within(place.spelled, root)
        and folder in _LOCAL_TOOL_FOLDERS
        and program is not None
        and "executes" in program.forms[0].labels
    ):
        # A virtual environment's python is a link to the system's.
        labels.add("workspace_code")
        return program, place.spelled
    if posixpath.dirname(posixpath.normpath(name)) in _SYSTEM_FOLDERS and program is not None:
        known = surroundings.program_path(last)
        if known is not None and surroundings.real_path(known) == surroundings.real_path(name):
            return program, name
    labels |= {"program_unknown", "executes_outside"}
    return program if program is not None and place.zone == "system" else None, place.path


def find_tool(reader: Reader, word: str, program: Program | None) -> str | None:
    """Returns the path of the project's own tool that runs under this bare name in an npm script, or None."""
    name = plain(word)
    if not reader.tools_from or "/" in name or not name or (program is not None and program.is_builtin):
        return None
    folder = posixpath.normpath(reader.tools_from)
    while is_within(folder, reader.workspace_root):
        tools = posixpath.join(folder, "node_modules/.bin")
        if name in {entry for entry, _ in reader.scan(tools) or ()}:
            return f"{tools}/{name}"
        if folder == reader.workspace_root:
            break
        folder = posixpath.dirname(folder)
    return None


def tool_labels(reader: Reader, path: str) -> set[str]:
    """Returns what is true of a tool at this path: the project's code, or maybe another program."""
    if not is_within(reader.surroundings.real_path(path), reader.workspace_root):
        return {"executes_outside", "program_shadowed"}
    return {"executes"} if reader.read_tool(path) is not None else {"executes", "script_unreadable"}


def _resolve_in_workspace(
    reader: Reader, program: Program | None, path: str, spelled: str, labels: set[str]
) -> tuple[Program | None, str | None]:
    last = posixpath.basename(spelled)
    folder = tuple(posixpath.dirname(spelled).split("/")[-2:])
    if (local := reader.catalog.find_local(spelled[len(reader.workspace_root) :].strip("/"))) is not None:
        labels.add("workspace_code")
        return local, spelled
    if program is not None and folder in _LOCAL_TOOL_FOLDERS and "executes" in program.forms[0].labels:
        labels.add("workspace_code")
        return program, spelled
    if program is not None or reader.surroundings.program_path(last) is not None:
        labels |= {"program_shadowed", "program_unknown"}
        return None, spelled
    text = reader.surroundings.read_text(path)
    first_line = text.split("\n", 1)[0] if text else ""
    if not first_line.startswith("#!"):
        labels |= {"program_unknown", "workspace_code", "executes"}
        return None, spelled
    words = first_line[2:].split()
    interpreter = posixpath.basename(words[0]) if words else ""
    if interpreter == "env" and len(words) > 1:
        interpreter = words[1]
    if interpreter in _SHELLS:
        labels |= {"understood", "executes", "workspace_code", "workspace_script"}
    elif interpreter in _INTERPRETERS:
        labels |= {"understood", "executes", "workspace_code"}
        return None, spelled
    else:
        labels |= {"program_unknown", "workspace_code", "executes"}
        return None, spelled
    return None, spelled
