"""Finds the commands that CMake files name: execute_process, custom commands and targets, file(REMOVE).

Files that are included are followed, variables only where they have one plain value. What cannot be told
makes the reading not whole; CMake's own modules are CMake's. It judges nothing.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from workbench.policy.cmaketext import CMakeCommand, Quoted, split_cmake
from workbench.policy.makefiles import ScriptLine
from workbench.policy.options import Reading
from workbench.policy.parse import quote
from workbench.policy.paths import is_within
from workbench.policy.programs import Reader
from workbench.policy.projectfiles import Named, load, nearest
from workbench.policy.tracked import may_hold_tracked
from workbench.policy.walk import plain

_LISTS = "CMakeLists.txt"
_CACHE = "CMakeCache.txt"
_HOME = re.compile(r"^CMAKE_HOME_DIRECTORY:INTERNAL=(.+)$", re.MULTILINE)
_STARTS = re.compile(
    r"^(CMAKE_MAKE_PROGRAM|CMAKE_[A-Z]+_COMPILER(?:_LAUNCHER)?|CMAKE_LINKER):\w+=(.*)$", re.MULTILINE
)
_SYSTEM = re.compile(r"/usr/[\w./+-]*|/opt/[\w./+-]*|[\w.+-]*")
_PRESET_RUNS = re.compile(
    r"cmakeExecutable|toolchainFile|COMPILER|LAUNCHER|PROGRAM|\"(environment|include)\""
)
# Commands that run or bring what stands in no file here.
_UNFOLLOWED = frozenset(
    [
        *("cmake_language", "load_command", "externalproject_add", "externalproject_add_step"),
        *("exec_program", "fetchcontent_makeavailable", "fetchcontent_populate", "cpmaddpackage"),
        *("cpmfindpackage", "ctest_run_script"),
    ]
)
_NAMES_A_PROGRAM = re.compile(
    r"COMPILER(_LAUNCHER)?$|_(COMPILE_OBJECT|LINK_EXECUTABLE|CREATE_\w+|ARCHIVE_\w+|OVERRIDE\w*)$"
    r"|^CMAKE_(AR|RANLIB|STRIP|NM|OBJCOPY|OBJDUMP|READELF|MT|RC|ADDR2LINE|DLLTOOL)$|LINKER|TOOLCHAIN_FILE|MAKE_PROGRAM|EMULATOR|RULE_LAUNCH|CLANG_TIDY|CPPCHECK|CPPLINT"
    r"|INCLUDE_WHAT_YOU_USE|^CMAKE_(PREFIX_PATH|PROGRAM_PATH|PROJECT_.*INCLUDE.*|COMMAND)$|^ENV\{"
)
_KNOWN_PROGRAM = re.compile(
    r"(/usr/bin/)?(sccache|ccache|mold|lld|clang-tidy|cppcheck"
    r"|([a-z0-9_]+-)*(g?cc|[cg]\+\+|clang(\+\+)?)(-\d+)?)?"
)
_LOADS_CODE = re.compile(r"-fplugin|-wrapper\b|-specs=|-Xclang|-fpass-plugin|-B[./]")
_PROGRAMS = {
    "CMAKE_COMMAND": "cmake",
    "CMAKE_CTEST_COMMAND": "ctest",
    "CMAKE_CPACK_COMMAND": "cpack",
    "CMAKE_C_COMPILER": "cc",
    "CMAKE_CXX_COMPILER": "c++",
    **dict.fromkeys(("Python_EXECUTABLE", "Python3_EXECUTABLE", "PYTHON_EXECUTABLE"), "python3"),
    **dict.fromkeys(("GIT_EXECUTABLE", "Git_EXECUTABLE"), "git"),
    "PERL_EXECUTABLE": "perl",
    "DOXYGEN_EXECUTABLE": "doxygen",
}
_PLATFORM = {"CMAKE_CFG_INTDIR": ".", "CMAKE_EXECUTABLE_SUFFIX": "", "CMAKE_SYSTEM_NAME": "Linux"}
_VARIABLE = re.compile(r"\$\{([A-Za-z0-9_./+-]{1,100})\}")
_TARGET = re.compile(r"\$<TARGET_[A-Z_]+:([A-Za-z0-9_.:+-]{1,100})>")
_PLAIN_EXPRESSION = re.compile(r"\$<(CONFIG|PLATFORM_ID|CXX_COMPILER_ID|C_COMPILER_ID)>")
_ODD = re.compile(r"[`;&|<>$\0]")
_OPERATORS = frozenset({"||", "&&", "|", ">", ">>", "<", "2>&1", ";"})
_CUSTOM_KEYS = frozenset(
    [
        *("COMMAND", "ARGS", "DEPENDS", "BYPRODUCTS", "WORKING_DIRECTORY", "COMMENT", "VERBATIM"),
        *("COMMAND_EXPAND_LISTS", "SOURCES", "OUTPUT", "MAIN_DEPENDENCY", "IMPLICIT_DEPENDS", "DEPFILE"),
        *("USES_TERMINAL", "APPEND", "PRE_BUILD", "PRE_LINK", "POST_BUILD", "TARGET", "JOB_POOL"),
        *("DEPENDS_EXPLICIT_ONLY", "CODEGEN"),
    ]
)
_PROCESS_KEYS = frozenset(
    [
        *("COMMAND", "WORKING_DIRECTORY", "TIMEOUT", "RESULT_VARIABLE", "RESULTS_VARIABLE"),
        *("OUTPUT_VARIABLE", "ERROR_VARIABLE", "INPUT_FILE", "OUTPUT_FILE", "ERROR_FILE"),
        *("OUTPUT_QUIET", "ERROR_QUIET", "COMMAND_ECHO", "OUTPUT_STRIP_TRAILING_WHITESPACE", "ENCODING"),
        *("ERROR_STRIP_TRAILING_WHITESPACE", "ECHO_OUTPUT_VARIABLE", "ECHO_ERROR_VARIABLE"),
        "COMMAND_ERROR_IS_FATAL",
    ]
)
_TOOLS = {
    **dict.fromkeys(("copy", "copy_if_different", "copy_if_newer"), ("cp",)),
    **dict.fromkeys(("copy_directory", "copy_directory_if_different"), ("cp", "-r")),
    "make_directory": ("mkdir", "-p"),
    **dict.fromkeys(("touch", "touch_nocreate"), ("touch",)),
    **dict.fromkeys(("remove", "rm", "remove_directory"), ("rm", "-rf")),
    "rename": ("mv",),
    "create_symlink": ("ln", "-s"),
    "create_hardlink": ("ln",),
    **dict.fromkeys(("echo", "echo_append"), ("echo",)),
    "compare_files": ("cmp",),
    **{name: (name,) for name in ("env", "cat", "md5sum", "sha1sum", "sha256sum", "sha512sum", "sleep")},
    **{name: (name,) for name in ("true", "false")},
}
# What they put together may be a keyword.
_ASSEMBLES = frozenset(
    {"string", "execute_process", "cmake_parse_arguments", "get_property", "get_target_property"}
)
_HAVE_COMMANDS = frozenset(
    {"execute_process", "add_custom_command", "add_custom_target", "add_test", "if", "elseif"}
)
_MOST_FILES = 300
_MOST_LINES = 200
_LONGEST_WORD = 2_000


def find_cmake(reader: Reader, reading: Reading, words: tuple[str, ...], cwd: str) -> Named | None:
    """Returns what configuring or building runs by the project's CMake files; None where there are none."""
    sources = [value.text for value in reading.values if value.kind == "code"] or ["."]
    builds = [value.text for value in reading.values if value.kind == "write"] or ["."]
    labels: set[str] = set()
    files: list[str] = []
    binary = posixpath.normpath(posixpath.join(cwd, builds[-1]))
    source = posixpath.normpath(posixpath.join(cwd, sources[-1]))
    if "--build" in map(plain, words):
        source = ""
    for folder in dict.fromkeys((binary, source)):
        text, exists = load(reader, posixpath.join(folder, _CACHE)) if folder else ("", False)
        if not exists:
            continue
        files.append(posixpath.join(folder, _CACHE))
        binary = folder
        source = _read_cache(reader, text, folder, labels) or source
    if not source:
        # Not configured yet: an earlier part will do it.
        source = posixpath.dirname(nearest(reader, binary, _LISTS)[0])
    if "--preset" in reading.given:
        for name in ("CMakePresets.json", "CMakeUserPresets.json"):
            text, exists = load(reader, posixpath.join(source, name))
            if exists and (not text or _PRESET_RUNS.search(text)):
                labels.add("script_unsure")
    if not source or not load(reader, posixpath.join(source, _LISTS))[1]:
        return Named(files=tuple(files), labels=frozenset(labels), cwd=cwd) if labels else None
    project = _Project(reader=reader, source=source, binary=binary)
    project.read_folder(source, source)
    lines = project.lines(is_build="--build" in map(plain, words))
    if not project.is_whole or len(lines) > _MOST_LINES:
        labels.add("script_unsure")
    files += project.files
    return Named(lines=tuple(lines[:_MOST_LINES]), files=tuple(files), labels=frozenset(labels), cwd=source)


def _read_cache(reader: Reader, text: str, folder: str, labels: set[str]) -> str:
    """Returns the source folder that a build folder is of; a build folder that others made is unsure."""
    home = _HOME.search(text)
    made = (_CACHE, "Makefile", "build.ninja")
    is_own = not any(may_hold_tracked(reader, f"{folder}/{name}") for name in made)
    is_plain = all(_SYSTEM.fullmatch(match[2].strip()) for match in _STARTS.finditer(text))
    if home is None or not is_own or not is_plain or not is_within(home[1], reader.workspace_root):
        labels.add("script_unsure")
        return ""
    return posixpath.normpath(home[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where a command stands: its file, the folder being configured and the one of the nearest project()."""

    path: str
    folder: str
    project: str


@dataclass(slots=True, kw_only=True)
class _Project:
    reader: Reader
    source: str
    binary: str
    files: list[str] = field(default_factory=list)
    commands: list[tuple[CMakeCommand, _Place]] = field(default_factory=list)
    values: dict[str, str | None] = field(default_factory=dict)
    modules: list[str] = field(default_factory=list)
    targets: set[str] = field(default_factory=set)
    imported: set[str] = field(default_factory=set)
    assembled: set[str] = field(default_factory=set)
    has_open_names: bool = False
    followed: list[tuple[str, _Place, str]] = field(default_factory=list)
    is_whole: bool = True

    def read_folder(self, folder: str, project: str) -> None:
        """Reads a folder's CMakeLists.txt and all that it takes in."""
        path = posixpath.join(folder, _LISTS)
        if path not in self.files:
            self._read(path, folder, project)

    def _read(self, path: str, folder: str, project: str) -> None:
        if path in self.files:
            return
        self.reader.looked.add(path)
        text = self.reader.surroundings.read_text(path)
        if text is None or len(self.files) >= _MOST_FILES or not self.reader.work.take(len(text)):
            self.is_whole = False
            return
        self.files.append(path)
        commands, is_whole = split_cmake(text)
        self.is_whole = self.is_whole and is_whole and not _LOADS_CODE.search(text)
        if any(command.name == "project" for command in commands) and path.endswith(_LISTS):
            project = folder
        place = _Place(path=path, folder=folder, project=project)
        for command in commands:
            self.commands.append((command, place))
            self._take(command, place)

    def _take(self, command: CMakeCommand, place: _Place) -> None:
        words = command.words
        first = words[0] if words else ""
        is_passed_on = "COMMAND" in words and command.name not in _HAVE_COMMANDS
        self.is_whole = self.is_whole and command.name not in _UNFOLLOWED and not is_passed_on
        match command.name:
            case "project":
                self.values[f"{first}_SOURCE_DIR"] = place.folder
                self.values[f"{first}_BINARY_DIR"] = self._binary_of(place.folder)
            case "set":
                self._set(first, words[1:], place)
            case "list" if len(words) > 2 and words[1] == "CMAKE_MODULE_PATH":
                self._add_modules(words[2:], place)
            case "add_executable":
                is_other = bool({"IMPORTED", "ALIAS"} & set(words))
                (self.imported if is_other else self.targets).add(first)
            case "add_subdirectory" | "subdirs":
                for word in words if command.name == "subdirs" else words[:1]:
                    self._follow(word, place, is_folder=True)
            case "include" if first:
                self._follow(first, place, is_folder=False, may_lack="OPTIONAL" in words)
            case "find_package" if first:
                for folder in self.modules:
                    if self._lies_there(f"{folder}/Find{first}.cmake"):
                        self._read(f"{folder}/Find{first}.cmake", place.folder, place.project)
                if any(f"{first}_{end}" in self.values for end in ("DIR", "ROOT")):
                    self.is_whole = False
            case "find_program" if len(words) > 1 and len(words[1:]) == 1:
                self._set(first, words[1:], place)
            case "set_property" | "set_target_properties" | "set_directory_properties":
                self.is_whole = self.is_whole and not any(_NAMES_A_PROGRAM.search(word) for word in words)
            case _:
                self._forget(command)

    def _set(self, given: str, words: tuple[str, ...], place: _Place) -> None:
        name, is_named = self._expand(given, place)
        self.has_open_names = self.has_open_names or not is_named
        # Of an unknown name, with a path as its value: it may be a compiler's.
        self.is_whole = self.is_whole and (is_named or not any("/" in word for word in words))
        if name == "CMAKE_MODULE_PATH":
            self._add_modules(words, place)
            return
        if _NAMES_A_PROGRAM.search(name) and not all(_KNOWN_PROGRAM.fullmatch(word) for word in words):
            self.is_whole = False
        kept = words[: words.index("PARENT_SCOPE")] if "PARENT_SCOPE" in words else words
        value, is_known = self._expand(";".join(kept), place)
        is_known = is_known and "CACHE" not in words
        if name in self.values and self.values[name] != value:
            is_known = False
        if any(used in self.assembled for used in _VARIABLE.findall(" ".join(words))):
            self.assembled.add(name)
        self.values[name] = value if is_known else None

    def _forget(self, command: CMakeCommand) -> None:
        """What another command may set has a value that nobody here knows."""
        if command.name in ("message", "if", "elseif", "else", "endif", "target_link_libraries", "project"):
            return
        names_program = any(_NAMES_A_PROGRAM.search(word) for word in command.words)
        if command.name in ("list", "string") and names_program:
            self.is_whole = False
        if command.name == "list" and "${" in "".join(command.words[1:2]):
            self.has_open_names = True
        for word in command.words:
            if re.fullmatch(r"[A-Za-z_]\w*", word):
                self.values[word] = None
                if command.name in _ASSEMBLES:
                    self.assembled.add(word)

    def _add_modules(self, words: tuple[str, ...], place: _Place) -> None:
        for word in words:
            folder, is_known = self._expand(word, place)
            if word == "${CMAKE_MODULE_PATH}":
                continue
            if is_known and is_within(posixpath.normpath(folder), self.reader.workspace_root):
                self.modules.append(posixpath.normpath(folder))
            else:
                self.is_whole = False

    def _follow(self, word: str, place: _Place, *, is_folder: bool, may_lack: bool = False) -> None:
        text, is_known = self._expand(word, place)
        self.followed.append((word, place, text))
        path = posixpath.normpath(posixpath.join(place.folder, text))
        if is_known and not is_folder and not text.endswith(".cmake"):
            # A module: one of the project's, or else one of CMake's own.
            found = [f"{folder}/{text}.cmake" for folder in self.modules]
            for path in (item for item in found if self._lies_there(item)):
                self._read(path, place.folder, place.project)
            return
        if not is_known or not is_within(path, self.reader.workspace_root):
            self.is_whole = False
        elif is_folder:
            self.read_folder(path, place.project)
        elif self._lies_there(path):
            self._read(path, place.folder, place.project)
        elif not may_lack or is_within(path, self.binary):
            # It may be made while configuring.
            self.is_whole = False

    def _lies_there(self, path: str) -> bool:
        self.reader.looked.add(path)
        parent, name = posixpath.split(path)
        return name in {entry for entry, _ in self.reader.scan(parent) or ()}

    def _binary_of(self, folder: str) -> str:
        return posixpath.normpath(posixpath.join(self.binary, posixpath.relpath(folder, self.source)))

    def _expand(self, word: str, place: _Place) -> tuple[str, bool]:
        """Returns the word with its variables' values, and whether each was known."""
        own = {
            **_PROGRAMS,
            **_PLATFORM,
            "CMAKE_SOURCE_DIR": self.source,
            "CMAKE_BINARY_DIR": self.binary,
            "PROJECT_SOURCE_DIR": place.project,
            "PROJECT_BINARY_DIR": self._binary_of(place.project),
            "CMAKE_CURRENT_SOURCE_DIR": place.folder,
            "CMAKE_CURRENT_BINARY_DIR": self._binary_of(place.folder),
            "CMAKE_CURRENT_LIST_DIR": posixpath.dirname(place.path),
            "CMAKE_CURRENT_LIST_FILE": place.path,
        }

        def value(match: re.Match[str]) -> str:
            found = self.values.get(match[1], own.get(match[1]))
            return match[0] if found is None else found

        if len(word) > _LONGEST_WORD:
            return word, False
        filled = _VARIABLE.sub(value, word)
        # Values made of values may grow with each line.
        if not self.reader.work.take(len(filled) // 10 + 1):
            self.is_whole = False
            return word, False
        filled = _TARGET.sub(lambda match: f"{self.binary}/{match[1]}", filled)
        filled = _PLAIN_EXPRESSION.sub("Release", filled)
        return filled.replace("\0", "$"), "$" not in filled and len(filled) <= 8_000

    def lines(self, *, is_build: bool) -> list[ScriptLine]:
        """Returns what configuring runs as shell text, and what building does with `is_build`."""
        found: list[ScriptLine] = []
        # Following a script may add commands at the end.
        index = 0
        while index < len(self.commands) and len(found) <= _MOST_LINES:
            command, place = self.commands[index]
            index += 1
            match command.name:
                case "execute_process":
                    found.extend(self._process(command, place))
                case "add_custom_command" | "add_custom_target" if is_build:
                    found.extend(self._custom(command, place))
                case "file" | "configure_file":
                    found.extend(self._file(command, place))
                case _:
                    pass
        # What a variable named when it was followed may be something else by another line.
        if any(self._expand(word, place) != (text, True) for word, place, text in self.followed):
            self.is_whole = False
        # A variable that is named by another may be any of those that were used.
        self.is_whole = self.is_whole and not (found and self.has_open_names)
        return found

    def _words(self, words: tuple[str, ...], place: _Place) -> tuple[str, ...]:
        """Returns the words with lists that are known spelled out: there may be keywords in them."""
        found: list[str] = []
        for index, word in enumerate(words):
            if isinstance(word, Quoted) or "${" not in word:
                found.append(word)
                continue
            filled, is_known = self._expand(word, place)
            if is_known:
                found.extend(Quoted(item.replace("$", "\0")) for item in filled.split(";"))
                continue
            used = set(_VARIABLE.findall(word))
            if index == 0 or used & self.assembled or used & {"ARGN", "ARGV"}:
                self.is_whole = False
            found.append(word)
        return tuple(found)

    def _process(self, command: CMakeCommand, place: _Place) -> Iterator[ScriptLine]:
        parts = _by_key(self._words(command.words, place), _PROCESS_KEYS)
        texts = [self._spell(words, place, is_custom=False) for key, words in parts if key == "COMMAND"]
        text = " | ".join(item for item in texts if item)
        for key, sign in (("INPUT_FILE", "<"), ("OUTPUT_FILE", ">"), ("ERROR_FILE", "2>")):
            for words in (words for name, words in parts if name == key and words):
                text += f" {sign} {self._quote(words[0], place)}"
        if text:
            yield self._line(text, command, place, parts, place.folder)

    def _custom(self, command: CMakeCommand, place: _Place) -> Iterator[ScriptLine]:
        words = self._words(command.words, place)
        words = words[1:] if command.name == "add_custom_target" else words
        if command.name == "add_custom_target":
            words = words[1:] if words[:1] == ("ALL",) else words
            words = ("COMMAND", *words) if words and words[0] not in _CUSTOM_KEYS else words
        parts = _by_key(words, _CUSTOM_KEYS)
        is_verbatim = "VERBATIM" in words
        # ARGS goes on with the words of the command before it.
        joined: list[tuple[str, list[str]]] = []
        for key, rest in parts:
            if key == "ARGS" and joined and joined[-1][0] == "COMMAND":
                joined[-1][1].extend(rest)
            else:
                joined.append((key, list(rest)))
        for key, rest in joined:
            if key != "COMMAND":
                continue
            text = self._spell(rest, place, is_custom=True, is_shell=not is_verbatim)
            if text:
                yield self._line(text, command, place, parts, self._binary_of(place.folder))

    def _file(self, command: CMakeCommand, place: _Place) -> Iterator[ScriptLine]:
        operation = command.words[0] if command.words else ""
        words = [*command.words[1:]]
        start: tuple[str, ...] = ()
        if command.name == "configure_file":
            start, words = ("cp",), [*command.words[:1], self._in_binary(command.words[1:2], place)]
        elif operation in ("REMOVE", "REMOVE_RECURSE"):
            start = ("rm", "-rf")
        elif operation == "RENAME":
            start, words = ("mv",), words[:2]
        elif operation in ("COPY", "INSTALL") and "DESTINATION" in words:
            place_of = words.index("DESTINATION")
            start, words = ("cp", "-r"), [*words[:place_of], *words[place_of + 1 : place_of + 2]]
        elif operation == "MAKE_DIRECTORY":
            start = ("mkdir", "-p")
        elif operation in ("WRITE", "APPEND", "TOUCH", "TOUCH_NOCREATE", "CONFIGURE"):
            start, words = ("touch",), words[:1] if operation in ("WRITE", "APPEND") else words
        elif operation in ("READ", "STRINGS"):
            start, words = ("cat",), words[:1]
        elif operation in ("DOWNLOAD", "UPLOAD"):
            start, words = ("curl",), words[:1]
        elif operation in ("CREATE_LINK",):
            start, words = ("ln", "-s"), words[:2]
        elif operation in ("ARCHIVE_EXTRACT", "CHMOD", "CHMOD_RECURSE", "COPY_FILE"):
            self.is_whole = False
        if start and words:
            text = " ".join((*start, *(self._quote(word, place) for word in words)))
            yield self._line(text, command, place, [], place.folder)

    def _in_binary(self, words: tuple[str, ...], place: _Place) -> str:
        """Where configure_file writes: what is relative lies in the build folder."""
        name = words[0] if words else ""
        return name if name[:1] in ("/", "$") else posixpath.join(self._binary_of(place.folder), name)

    def _line(
        self, text: str, command: CMakeCommand, place: _Place, parts: list[tuple[str, list[str]]], folder: str
    ) -> ScriptLine:
        for words in (words for key, words in parts if key == "WORKING_DIRECTORY" and words):
            named, is_known = self._expand(words[0], place)
            folder = posixpath.normpath(posixpath.join(folder, named))
            # Elsewhere, or nowhere that is known, a relative path is anything.
            if not is_known or not is_within(folder, self.reader.workspace_root):
                self.is_whole = False
        if not is_within(folder, self.reader.workspace_root):
            self.is_whole = False
        return ScriptLine(text=text, path=place.path, line=command.line, cwd=folder)

    def _spell(self, given: list[str], place: _Place, *, is_custom: bool, is_shell: bool = False) -> str:
        """Returns one command as shell text, "" for a program that the project builds itself.

        `is_custom`: the build tool runs it, by a shell; `is_shell`: its words are not quoted for that.
        """
        words = [item for word in given for item in self._split(word, place)]
        if not words or self._is_built(given[0], words[0][0]):
            return ""
        if words[0][0] == "cmake" and any(word == "-P" for word, _ in words[:-1]):
            self._follow_script(words[[word for word, _ in words].index("-P") + 1], place)
            return ""
        words = _as_tool(words)
        if is_shell and any(_ODD.search(word) for word, _ in words if word not in _OPERATORS):
            self.is_whole = False
        return " ".join(
            word if is_custom and word in _OPERATORS else _show(word, sure) for word, sure in words
        )

    def _is_built(self, given: str, name: str) -> bool:
        """Returns whether the program is one that the project builds, and surely no other of that name."""
        found = _TARGET.fullmatch(given)
        if found is not None:
            return found[1] in self.targets - self.imported
        is_other = self.reader.catalog.find(name) or self.reader.surroundings.program_path(name)
        return name in self.targets - self.imported and "/" not in name and is_other is None

    def _follow_script(self, given: tuple[str, bool], place: _Place) -> None:
        path = posixpath.normpath(posixpath.join(place.folder, given[0]))
        if given[1] and is_within(path, self.reader.workspace_root) and self._lies_there(path):
            self._read(path, place.folder, place.project)
        else:
            self.is_whole = False

    def _split(self, word: str, place: _Place) -> list[tuple[str, bool]]:
        """Returns the words that one word becomes; a list is several, but not in quotes."""
        filled, is_known = self._expand(word, place)
        if isinstance(word, Quoted) or "${" not in word or not is_known:
            return [(filled, is_known)]
        return [(item, True) for item in filled.split(";")]

    def _quote(self, word: str, place: _Place) -> str:
        return " ".join(_show(item, sure) for item, sure in self._split(word, place))


def _show(word: str, is_known: bool) -> str:
    """Returns the word for a shell; with something unknown in it, as a word whose value is not known."""
    if is_known:
        return quote(word)
    return '"' + re.sub(r"[\"`\\]", "_", word).replace("$<", "$X<").replace("$E", "$X") + '"'


def _by_key(words: tuple[str, ...], keys: frozenset[str]) -> list[tuple[str, list[str]]]:
    """Returns the words in parts, each with the keyword that it stands behind."""
    parts: list[tuple[str, list[str]]] = [("", [])]
    for word in words:
        if word in keys:
            parts.append((word, []))
        else:
            parts[-1][1].append(word)
    return parts


def _as_tool(words: list[tuple[str, bool]]) -> list[tuple[str, bool]]:
    """Returns what `cmake -E NAME …` does as a call of the program that does the same."""
    names = [word for word, _ in words]
    if names[:2] != ["cmake", "-E"] or len(words) < 3:
        return words
    if names[2] == "chdir" and len(words) > 4:
        return [("env", True), ("-C", True), words[3], *_as_tool(words[4:])]
    if names[2] == "time":
        return _as_tool(words[3:]) or [("true", True)]
    if names[2] not in _TOOLS:
        return words
    rest = words[3:]
    if names[2] == "env" and "cmake" in names[3:]:
        place = names[3:].index("cmake")
        rest = [*rest[:place], *_as_tool(rest[place:])]
    return [*((name, True) for name in _TOOLS[names[2]]), *rest]
