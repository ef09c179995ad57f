"""Finds what a command needs and this repository or machine does not have, each in words.

It goes through the calls that policy found in the command, wrappers taken off. What it names is surely
missing: where a link, a variable, a pattern or an earlier part of the command leaves it open, nothing is
claimed.
It asks only through the functions it is given, starts nothing, and judges no danger: that is the gate's.
"""

from __future__ import annotations

import itertools
import posixpath
import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from workbench.features.bodies import (
    Recipe,
    gives_up_by_first_line,
    is_makefile_open,
    is_plain,
    read_recipe,
    read_script,
    runs_recipes,
)
from workbench.features.calls import Call, facts_of, read_calls, read_words
from workbench.features.course import PATTERN, Course
from workbench.features.operands import mode_of, module_of, sets_git_config
from workbench.features.programs import BUILTINS, ELSEWHERE, NEED_FILES, STARTERS
from workbench.features.targets import missing_for, read_node_scripts
from workbench.model.verdict import CommandFacts, Effect

_NAME = re.compile(r"[A-Za-z0-9_][\w.+@-]*")
_FED = re.compile(r"(?<![<&>\d])0?<[ \t]*(['\"]?)([^\s<>&|;()'\"]+)\1")
_FUNCTION = re.compile(r"(?:\bfunction[ \t]+([\w-]+))|(?:([\w-]+)[ \t]*\([ \t]*\))")
_COMPOUND = frozenset({"if", "while", "until", "case", "for", "select", "[[", "function"})
# Behind these the folder of what comes next is no longer the one that the last `cd` went to.
_APART = re.compile(r"[(`]|(?<![&<>])&(?![&>\d])|\|\|[ \t]*cd\b|&&[ \t]*cd\b[^;&|]*;")
_PATH_SET = re.compile(r"(?<![A-Za-z_])PATH=")
_PYTHON_SET = re.compile(r"PYTHON[A-Z]+")
_MAKEFILE = re.compile(r"(?:.*/)?(?:GNUmakefile|[Mm]akefile|[^/]+\.mk)")
_PYTHON = re.compile(r"python(?:\d(?:\.\d+)?)?")
_FIRST_LINE = re.compile(r"#![ \t]*(?:/usr)?/bin/(?:env[ \t]+)?([\w.+-]+)[ \t]*$")
# These go into a folder that must be there, by these options.
_ENTERS = {"git": ("-C",), "env": ("-C", "--chdir"), "cmake": ("--build",), "ninja": ("-C",)}
_MOST_LINES = 30
# Policy is asked anew for each of these.
_MOST_SCRIPTS = 10
# A package manager gives its scripts these, wherever they are.
_BROUGHT = frozenset({"node", "npm", "npx", "yarn", "pnpm", "corepack", "node-gyp"})
_RUNNERS = frozenset({"make", "gmake", "npm", "yarn", "pnpm", "bun", "just", "task", "ninja"})
_TAKES_NONE = frozenset({"-N", "--new-file", "--retry", "--ignore-missing"})
_SYSTEM_BIN = frozenset({"/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"})
_SHOWN = ("/usr/", "/etc/", "/bin/", "/sbin/", "/lib/", "/lib64/", "/dev/", "/proc/")
# Of these the sandbox has its own.
_SANDBOX_HOME = "/home/sandbox"
_PRIVATE = (_SANDBOX_HOME, "/tmp", "/var/tmp", "/run")  # noqa: S108
_GIT_WORDS = frozenset(
    {
        *("add", "am", "bisect", "blame", "branch", "checkout", "cherry-pick", "clean", "commit"),
        *("describe", "fetch", "gc", "log", "ls-files", "merge", "mv", "pull", "push", "rebase", "reset"),
        *("restore", "revert", "rm", "show", "stash", "status", "switch", "tag", "worktree"),
    }
)
# Of git's words, what changes no name; the last is put there by policy, see docs/decisions/0031.
_PASSED_OVER = frozenset({"-q", "-f", "--quiet", "--force", "--no-overwrite-ignore"})
_REVISION = re.compile(r"[A-Za-z][\w./-]*")
_MAY_BE_COMMIT = re.compile(r"[0-9a-fA-F]{4,64}|.*-g[0-9a-f]+|[A-Z_]*HEAD|.*\.\..*|.*\.lock")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What proof may ask; paths are relative to the repository, `root` is its absolute path.

    `kind_of` gives file, program (an executable file), folder, missing, or unknown (behind a link);
    `missing_module` says what is wrong with a module of an interpreter, or "" when that is not known;
    `has_revision` says whether the repository has a branch, tag or commit of that name, None when not known.
    `calls_of` gives policy's calls of a command in the repository's root. Of `toolchains` the sandbox shows
    all, and of `homes` nothing else but the repository.
    """

    root: str
    program_path: Callable[[str], str | None]
    kind_of: Callable[[str], str]
    read_file: Callable[[str], str | None]
    missing_module: Callable[[str, str, str], str]
    has_revision: Callable[[str], bool | None]
    calls_of: Callable[[str], Sequence[CommandFacts]] = lambda command: ()
    toolchains: Sequence[str] = ()
    homes: Sequence[str] = ("/root", "/home")

    def inner(self, path: str) -> str | None:
        """Returns an absolute path as one of the repository ("" is its root), or None."""
        path = posixpath.normpath(path) if path else path
        if path == self.root:
            return ""
        return path[len(self.root) + 1 :] if path.startswith(self.root.rstrip("/") + "/") else None

    def why_hidden(self, word: str, path: str) -> str:
        """Says why the sandbox surely shows nothing at an absolute path, which `word` spells; else ""."""
        shown = (self.root, *self.toolchains, *_PRIVATE)
        # The folders around what is shown are there, and empty but for it.
        if any(f"{own}/".startswith(path.rstrip("/") + "/") for own in shown) or "/.git/" in f"{path}/":
            return ""
        if any(path.startswith(own + "/") for own in (*self.toolchains, _SANDBOX_HOME)):
            return ""
        if ".." in word.split("/") and not word.startswith("/") and not f"{path}/".startswith(_SHOWN):
            return f"{word} leads out of the repository"
        if any(path.startswith(home.rstrip("/") + "/") for home in self.homes if home.strip("/")):
            return f"{word} lies outside the repository, where the sandbox shows nothing"
        return ""


@dataclass(slots=True)
class _Bounds:
    """How much may still be read for one command, and the scripts that are being read."""

    lines_left: int = _MOST_LINES
    scripts_left: int = _MOST_SCRIPTS
    open_scripts: set[tuple[str, str]] = field(default_factory=set)


def missing_parts(command: str, found: Sequence[CommandFacts], ground: Ground) -> list[str]:
    """Returns a reason for each thing that the command needs and that is surely not there.

    `found` are policy's calls of it; without any, the command is taken apart by its text. What a target of
    make or a script of a package starts is proved like the command itself, line by line.
    """
    problem = read_words(command)[1]
    return [problem] if problem else _missing_parts(command, found, ground, Course(), _Bounds())


def _missing_parts(
    command: str, found: Sequence[CommandFacts], ground: Ground, course: Course, bounds: _Bounds
) -> list[str]:
    programs = read_words(command)[0]
    calls: list[CommandFacts] = []
    below: list[list[CommandFacts]] = []
    for call in found:
        if call.argv and not call.source:
            calls.append(call)
            below.append([])
        elif call.argv and below:
            below[-1].append(call)
    if not calls:
        calls = [facts_of(call, ground.root) for call in read_calls(command)]
        below = [[] for _ in calls]
    course.names |= {name for match in _FUNCTION.finditer(command) for name in match.groups() if name}
    course.is_path_open = course.is_path_open or _PATH_SET.search(command) is not None
    course.is_python_open = course.is_python_open or _PYTHON_SET.search(command) is not None
    is_compound = any(word in _COMPOUND for word in command.replace(";", " ").split())
    is_apart = is_compound or _APART.search(command) is not None
    reasons: list[str] = []
    seen: set[tuple[str, ...]] = set()
    was_known = course.is_known
    for index, call in enumerate(calls):
        # After `cd a;` policy names a call once more for the case that there is no folder a.
        if course.has_moved and call.argv in seen:
            continue
        seen.add(call.argv)
        starter = _starter_of(call, calls[:index], programs)
        if starter and starter == posixpath.basename(calls[index - 1].argv[0]):
            # What only starts this call has done nothing before it.
            course.is_known = was_known
        was_known = course.is_known
        if starter not in ELSEWHERE:
            is_unsure = is_apart and course.has_moved
            proof = _Proof(call=call, course=course, ground=ground, command=command, is_unsure=is_unsure)
            is_started = starter in STARTERS or (not starter and _is_started(call.argv[0], command))
            if is_started:
                reasons += proof.of_program()
                reasons += proof.of_module()
                reasons += proof.of_git_config()
            if not course.is_lost:
                reasons += proof.of_folders()
                reasons += proof.of_target()
                reasons += proof.of_repository()
                reasons += proof.of_revision()
                # A word of git's own, as in `git remote rm a`, is not the program of that name.
                reasons += [] if is_compound or starter == "git" else proof.of_files()
            is_sure = not (course.is_lost or is_unsure or course.may_rewrite)
            if is_sure and proof.name in ("make", "gmake") and "MAKEFLAGS" not in command:
                reasons += _missing_in_recipes(call, below[index], ground, course, bounds)
            if is_sure and is_started and not is_compound and "ENV=" not in command:
                reasons += _missing_in_shell(call, below[index], ground, course, bounds)
            if is_sure and proof.name in ("npm", "yarn", "pnpm"):
                reasons += _missing_in_scripts(call, ground, course, bounds)
        course.go_on(call)
    return list(dict.fromkeys(reasons))


def _missing_in_recipes(
    make: CommandFacts, inner: Sequence[CommandFacts], ground: Ground, course: Course, bounds: _Bounds
) -> list[str]:
    """Proves the recipes that make runs for its targets; `inner` are policy's calls of them.

    Only a plain line counts, whose target is not there already; a file may be made by any other line.
    """
    if not runs_recipes(make.argv[1:]):
        return []
    lines: dict[str, list[CommandFacts]] = {}
    last = ""
    for call in inner:
        # What a script or a package runs belongs to the line of a makefile that starts it.
        last = call.source if not last or _MAKEFILE.fullmatch(call.source.rpartition(":")[0]) else last
        lines.setdefault(last, []).append(call)
    are_open: dict[str, bool] = {}
    read = itertools.islice(lines.items(), 2 * _MOST_LINES)
    recipes = {source: _read_recipe(source, calls[0].cwd, ground, are_open) for source, calls in read}
    reasons: list[str] = []
    is_last = False
    for source, calls in lines.items():
        recipe = recipes.get(source)
        # Whether what comes after these may fail depends on a line that may not be plain.
        has_runner = any(posixpath.basename(call.argv[0]) in _RUNNERS for call in calls)
        is_followed = recipe is not None and all(
            call.source == source and _passes_on(call, recipe.text) for call in calls
        )
        if is_last or bounds.lines_left <= 0:
            break
        is_last = has_runner and not is_followed
        if recipe is None:
            continue
        bounds.lines_left -= 1
        before = course.inside()
        number = int(source.rpartition(":")[2])
        for other, others in lines.items():
            same = recipes.get(other)
            is_later = same is not None and same.targets == recipe.targets
            if other != source and not (is_later and int(other.rpartition(":")[2]) > number):
                for call in others:
                    before.go_on(call)
        own = [replace(call, source="") for call in calls if call.source == source]
        place = f"{ground.inner(source.rpartition(':')[0])}:{number}"
        reasons += _told(_missing_in_line(recipe.text, own, ground, before, bounds), place)
    return reasons


def _passes_on(call: CommandFacts, text: str) -> bool:
    """Says whether what a call in a recipe makes runs here, and fails the recipe where it fails."""
    name = posixpath.basename(call.argv[0])
    is_heeded = name not in ("make", "gmake") or runs_recipes(call.argv[1:])
    return is_heeded and name not in ELSEWHERE and "MAKEFLAGS" not in text


def _read_recipe(source: str, cwd: str, ground: Ground, are_open: dict[str, bool]) -> Recipe | None:
    """Returns the recipe of a line, run in `cwd`, when it surely runs and make gives up where it fails.

    `are_open` holds what was found of each makefile.
    """
    place, _, number = source.rpartition(":")
    path, folder = ground.inner(place), ground.inner(cwd)
    if path is None or folder is None or not _MAKEFILE.fullmatch(path) or not number.isdecimal():
        return None
    text = ground.read_file(path)
    if text is None:
        return None
    if place not in are_open:
        are_open[place] = is_makefile_open(text, folder, ground.read_file)
    if are_open[place]:
        return None
    recipe = read_recipe(text, int(number))
    if recipe is None:
        return None
    is_made = any(ground.kind_of(posixpath.join(folder, name)) != "missing" for name in recipe.targets)
    return None if is_made and not recipe.is_phony else recipe


def _missing_in_scripts(manager: CommandFacts, ground: Ground, course: Course, bounds: _Bounds) -> list[str]:
    """Proves the script that a package manager runs, with those before and after it."""
    argv = (posixpath.basename(manager.argv[0]), *manager.argv[1:])
    asked = Call(argv=argv, folder=ground.inner(manager.cwd))
    package = read_node_scripts(asked, ground.read_file)
    if package is None:
        return []
    place = posixpath.join(package.folder, "package.json")
    inside = course.inside()
    inside.bins = tuple(
        f"{ground.root}/{folder}".rstrip("/") + "/node_modules/.bin" for folder in package.above
    )
    reasons: list[str] = []
    for name, text in package.scripts:
        key = (package.folder, name)
        if key in bounds.open_scripts or bounds.scripts_left <= 0:
            break
        if not text.strip():
            continue
        bounds.scripts_left -= 1
        # Policy answers for the root alone.
        command = f"cd {shlex.quote(package.folder)} && {text}" if package.folder else text
        found = ground.calls_of(command)
        if not found:
            break
        if is_plain(text):
            bounds.open_scripts.add(key)
            said = _missing_in_line(command, found, ground, inside.inside(), bounds)
            bounds.open_scripts.discard(key)
            reasons += _told(said, f"the script {name[:80]} of {place}")
        for call in found:
            if call.argv:
                inside.go_on(call)
    return reasons


def _missing_in_shell(
    shell: CommandFacts, inner: Sequence[CommandFacts], ground: Ground, course: Course, bounds: _Bounds
) -> list[str]:
    """Proves the script that a shell is given or that is started; `inner` are policy's calls of it."""
    name, *words = shell.argv
    gives_up: bool | None = False
    if posixpath.basename(name) in ("sh", "bash", "dash"):
        while words and re.fullmatch(r"-[eux]+", words[0]):
            gives_up = gives_up or "e" in words.pop(0)
        script = words[0] if words and words[0][:1] not in "-+" else ""
    else:
        script = name if "/" in name else ""
    path = posixpath.normpath(posixpath.join(shell.cwd, script))
    place = ground.inner(path) if script and not course.may_make(path) else None
    text = ground.read_file(place) if place else None
    if text is not None and script == name:
        gives_up = gives_up_by_first_line(text)
    if text is None or gives_up is None:
        return []
    calls: dict[str, list[CommandFacts]] = {}
    last = ""
    for call in inner:
        # What another file runs belongs to the line that starts it.
        is_own = call.source.rpartition(":")[0] == path
        last = call.source if is_own else last
        calls.setdefault(last, []).append(replace(call, source="") if is_own else call)
    reasons: list[str] = []
    before = course.inside()
    is_lost = False
    for line in read_script(text, gives_up=gives_up):
        found = calls.get(f"{path}:{line.number}", [])
        if bounds.lines_left <= 0:
            break
        bounds.lines_left -= 1
        if line.is_fatal:
            own = before.inside()
            own.is_lost = is_lost
            said = _missing_in_line(line.text, found, ground, own, bounds)
            reasons += _told(said, f"{place}:{line.number}")
        for call in found:
            before.go_on(call)
            is_lost = is_lost or bool({"cd", "pushd", "popd"} & {*call.argv})
    return reasons


def _missing_in_line(
    text: str, found: Sequence[CommandFacts], ground: Ground, course: Course, bounds: _Bounds
) -> list[str]:
    """Proves a plain line of a recipe or script; of one with variables only the programs that it spells."""
    if "$" not in text:
        return _missing_parts(text, found, ground, course, bounds) if found else []
    reasons: list[str] = []
    course.is_python_open = course.is_python_open or _PYTHON_SET.search(text) is not None
    for call in found:
        name = call.argv[0] if call.argv else ""
        if (
            name
            and not call.source
            and _is_started(name, text)
            and ("/" not in name or text.startswith(name))
        ):
            proof = _Proof(call=call, course=course, ground=ground, command=text)
            reasons += (*proof.of_program(), *proof.of_module())
    return reasons


def _told(reasons: Sequence[str], place: str) -> list[str]:
    """Adds to each reason what needs it, unless it says so already."""
    return [reason if reason.endswith(" needs it") else f"{reason}; {place} needs it" for reason in reasons]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Proof:
    """One call's needs. With `is_unsure` the folder it is made in is one of several."""

    call: CommandFacts
    course: Course
    ground: Ground
    command: str
    is_unsure: bool = False

    @property
    def name(self) -> str:
        return posixpath.basename(self.call.argv[0])

    def of_program(self) -> list[str]:
        name = self.call.argv[0]
        if "/" in name:
            return self._of_file(name)
        if name in BUILTINS or name in self.course.names or not _NAME.fullmatch(name):
            return []
        return [] if self.course.is_path_open or self._found(name) else [f"{name} is not installed here"]

    def _found(self, name: str) -> str | None:
        """Returns the path that a program's name leads to, in an environment of the project first."""
        for folder in self.course.added:
            inner = self.ground.inner(f"{folder}/{name}")
            if inner is None or self.ground.kind_of(inner) in ("program", "unknown"):
                return f"{folder}/{name}"
        if self.course.bins and name in _BROUGHT:
            return name
        for folder in self.course.bins:
            inner = self.ground.inner(f"{folder}/{name}")
            is_there = inner is None or self.ground.kind_of(inner) != "missing"
            if is_there or self.course.may_make(f"{folder}/{name}"):
                return f"{folder}/{name}"
        return self.ground.program_path(name)

    def _of_file(self, name: str) -> list[str]:
        path = self._absolute(name)
        inner = self.ground.inner(path)
        if inner is None:
            folder, _, last = path.rpartition("/")
            is_absent = folder in _SYSTEM_BIN and not self.ground.program_path(last)
            if is_absent and _NAME.fullmatch(last):
                return [f"{name} is not installed here"]
            return [] if self.course.is_lost or PATTERN.search(name) else self._hidden(name, path)
        if PATTERN.search(name) or self.course.is_lost or self.is_unsure or self._is_excused(path):
            return []
        match self.ground.kind_of(inner):
            case "missing":
                return [f"{name.removeprefix('./')} is no file of the repository"]
            case "folder":
                return [f"{name} is a folder"]
            case "file":
                return [f"{name} is not executable"]
            case "program":
                first = (self.ground.read_file(inner) or "").split("\n", 1)[0]
                match = _FIRST_LINE.fullmatch(first.rstrip("\r"))
                if match and not self.ground.program_path(match[1]):
                    return [f"{match[1]}, which {name} is written for, is not installed here"]
        return []

    def of_module(self) -> list[str]:
        if not _PYTHON.fullmatch(self.name) or self.course.is_python_open or not self.course.is_known:
            return []
        module = module_of(self.call.argv[1:])
        name = self.call.argv[0]
        interpreter = self._absolute(name) if "/" in name else self._found(name)
        if not module or not interpreter or self.course.is_lost or self.is_unsure:
            return []
        said = self.ground.missing_module(interpreter, module, self.call.cwd)
        return [said] if said else []

    def of_folders(self) -> list[str]:
        """Proves the folders that `cd`, `git -C`, `cmake --build` and their like go into."""
        words = self.call.argv[1:]
        if self.name in ("cd", "pushd"):
            self.course.has_moved = True
            if self.is_unsure:
                self.course.is_lost = True
                return []
            names = [word for word in words if word not in ("--", "-P", "-L")]
            if len(names) != 1 or names[0].startswith("-") or PATTERN.search(names[0]):
                self.course.is_lost = True
                return []
        elif (marks := _ENTERS.get(self.name)) and not self.course.may_rewrite:
            names = [after for word, after in itertools.pairwise(words) if word in marks][:1]
            names = [name for name in names if not name.startswith("-")]
        else:
            return []
        reasons = []
        for name in names:
            path = self._absolute(name)
            inner = self.ground.inner(path)
            if inner is None or PATTERN.search(name):
                self.course.is_lost = self.course.is_lost or self.name in ("cd", "pushd")
            elif not self._is_excused(path) and self.ground.kind_of(inner) in ("missing", "file", "program"):
                reasons.append(f"{name} is no folder of the repository")
                self.course.is_lost = True
        return reasons

    def of_target(self) -> list[str]:
        place, _, name = self.call.argv[0].rpartition("/")
        folder = self.ground.inner(self.call.cwd)
        if place and place not in _SYSTEM_BIN:
            return []
        if self.is_unsure:
            # The text itself tells which folder a bracket leaves again.
            same = (call.folder for call in read_calls(self.command) if call.argv == self.call.argv)
            folder = next(same, None)
        argv = (name, *self.call.argv[1:])
        reason = missing_for(Call(argv=argv, folder=folder), self.ground.read_file)
        is_open = not self.course.is_known or bool(self.course.asked)
        if self.course.may_rewrite or (is_open and reason.startswith("there is no")):
            return []
        return [reason] if reason else []

    def of_repository(self) -> list[str]:
        """Proves that git has a repository to work on; the sandbox shows none above the workspace."""
        word = next(iter(self.call.argv[1:]), "")
        is_at_root = self.ground.inner(self.call.cwd) == "" and not self.is_unsure
        if self.name != "git" or word not in _GIT_WORDS or not is_at_root or "GIT_DIR" in self.command:
            return []
        if "--no-index" in self.call.argv or self.course.may_rewrite or not self.course.is_known:
            return []
        return ["there is no git repository here"] if self.ground.kind_of(".git") == "missing" else []

    def of_git_config(self) -> list[str]:
        """Proves that git leaves the configuration of the repository alone; the sandbox keeps it."""
        folder = self.ground.inner(self.call.cwd)
        if self.name != "git" or folder is None or self.course.is_lost or self.is_unsure:
            return []
        # Another repository, here or made by an earlier part, has a configuration of its own.
        is_another = folder != "" and (self.course.may_rewrite or self._has_repository_below_root(folder))
        if is_another or "GIT_" in self.command or self.ground.kind_of(".git") != "folder":
            return []
        is_kept = sets_git_config(self.call.argv[1:])
        return ["the sandbox keeps .git/config as it is; run it yourself"] if is_kept else []

    def _has_repository_below_root(self, folder: str) -> bool:
        while folder:
            if self.ground.kind_of(f"{folder}/.git") != "missing":
                return True
            folder = posixpath.dirname(folder)
        return False

    def of_revision(self) -> list[str]:
        words = [*self.call.argv[1:]]
        if self.name != "git" or len(words) < 2 or words[0] not in ("checkout", "switch", "merge", "rebase"):
            return []
        rest = [word for word in words[1:] if word not in _PASSED_OVER]
        if len(rest) != 1 or not self.course.is_known or self.ground.inner(self.call.cwd) != "":
            return []
        name = rest[0]
        if not _REVISION.fullmatch(name) or _MAY_BE_COMMIT.fullmatch(name):
            return []
        if words[0] == "checkout" and self.ground.kind_of(name) != "missing":
            return []
        known = self.ground.has_revision(name)
        return [f"there is no branch, tag or commit {name}"] if known is False else []

    def of_files(self) -> list[str]:
        words = self.call.argv[1:]
        options = [word for word in words if word.startswith("-")]
        fed = {self._absolute(match[2]) for match in _FED.finditer(self.command)}
        needed = tuple(path for path in self.call.reads if path in fed)
        if self.name in NEED_FILES and not _TAKES_NONE & {*options} and "tail -F" not in self.command:
            needed = () if Effect.UNKNOWN in self.call.effects else self.call.reads
        is_forced = any(o == "--force" or (o[1:2] != "-" and "f" in o) for o in options)
        if (self.name == "rm" and not is_forced) or self.name in ("rmdir", "chmod", "sed"):
            needed = (*needed, *self.call.writes)
        named = self._named_paths()
        if mode := mode_of(self.name, words):
            # Of `u=rw` policy and this room also take what follows the sign for a path.
            values = {self._absolute(mode), self._absolute(mode.partition("=")[2])}
            needed = tuple(path for path in needed if path not in values)
        reasons = []
        for path in needed:
            word = named.get(path, "")
            if not word or PATTERN.search(path) or ":" in path or "=" in path:
                continue
            if self.is_unsure and self._may_be_another(path):
                continue
            inner = self.ground.inner(path)
            if inner is None:
                if self._is_link(self._absolute(word)) and not path.startswith(_SHOWN):
                    reasons.append(f"{word} leads out of the repository")
                elif path in self.call.reads and path == self._absolute(word):
                    reasons += self._hidden(word, path)
            elif not self._is_excused(path) and not self._is_there(inner):
                reasons.append(f"{word.removeprefix('./')} is no file of the repository")
        return reasons

    def _hidden(self, word: str, path: str) -> list[str]:
        is_open = self.is_unsure or self._is_excused(path)
        reason = "" if is_open else self.ground.why_hidden(word, path)
        return [reason] if reason else []

    def _is_there(self, path: str) -> bool:
        """Says whether a file may be there; node also finds one without its ending."""
        endings = ("", ".js", ".json", ".node") if self.name == "node" else ("",)
        return any(self.ground.kind_of(path + ending) != "missing" for ending in endings)

    def _may_be_another(self, path: str) -> bool:
        """Says whether what is read may be the file of that name in another folder that policy names."""
        name = posixpath.basename(path)
        others = [other for other in self.call.reads if posixpath.basename(other) == name and other != path]
        inner = [self.ground.inner(other) for other in others]
        return any(other is None or self.ground.kind_of(other) != "missing" for other in inner)

    def _named_paths(self) -> dict[str, str]:
        """Returns the absolute paths that the call's own words spell, each with its word."""
        fed = [match[2] for match in _FED.finditer(self.command)]
        words = [*self.call.argv[1:], *fed]
        joined = [
            part for word in words for part in (word.partition("=")[2], word[2:] if word[:1] == "-" else "")
        ]
        found: dict[str, str] = {}
        for word in (*words, *(part for part in joined if part)):
            name = word.split("::")[0]
            if name and name != "-":
                found.setdefault(self._absolute(name), name)
        # What is read behind a link is its target, which no word spells.
        outside = [path for path in self.call.reads if path not in found and self.ground.inner(path) is None]
        links = [own for own in found if self._is_link(own)]
        found |= {path: found[own] for path in outside for own in links[:1]}
        return found

    def _is_link(self, path: str) -> bool:
        inner = self.ground.inner(path)
        return inner is not None and self.ground.kind_of(inner) == "unknown"

    def _is_excused(self, path: str) -> bool:
        return path in self.course.asked or self.course.may_make(path)

    def _absolute(self, name: str) -> str:
        return posixpath.normpath(posixpath.join(self.call.cwd, name))


def _starter_of(call: CommandFacts, before: Sequence[CommandFacts], programs: Sequence[str]) -> str:
    """Returns the program that starts this call, or "" when the command's own shell does."""
    name = call.argv[0]
    for other in reversed(before):
        for word in other.argv[1:]:
            if name == word or (name in word and name in re.split(r"[^\w./+@-]+", word)):
                is_shells = "$(" in word or "`" in word or name in programs
                starter = posixpath.basename(other.argv[0])
                return "" if is_shells and starter not in STARTERS else starter
    return ""


def _is_started(name: str, command: str) -> bool:
    """Says whether the text has this name where a shell takes a program's, and not as another one's input."""
    before = r"(?:^|[;&|({`!]|\b(?:do|then|else|elif|if|while|until|time|coproc)[ \t])"
    assigned = r"(?:[A-Za-z_]\w*=\S*[ \t]+)*"
    return re.search(rf"{before}[ \t]*{assigned}['\"]?{re.escape(name)}(?![\w./+@-])", command) is not None
