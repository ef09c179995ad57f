"""Proves by the repository's build files that what a call asks of a build tool is there: a target, a script.

Where the files leave it open (an included file, a pattern, another workspace) nothing is
claimed to be missing. It reads only through the function it is given, and starts nothing.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from workbench.features.calls import Call, inner_folder

ReadFile = Callable[[str], str | None]
_ASKS_ABOUT_ITSELF = frozenset({"--version", "--help", "-h", "-V", "version", "help"})
_MAKEFILES = ("GNUmakefile", "makefile", "Makefile")
_MAKE_OPTIONS = frozenset({"-C", "-f", "-I", "-o", "-W", "-l", "--directory", "--file", "--makefile"})
_RULE = re.compile(r"([^\s:#=][^:#=]*?)[ \t]*::?(?![=:])")
_SUFFIXES = re.compile(r"(\.[^./A-Z%$\s]+)(\.[^./%$\s]+)?")
_MOST_PATTERNS = 500
_SOURCE_ENDINGS = (
    *(".o", ".c", ".cc", ".C", ".cpp", ".p", ".f", ".F", ".m", ".r", ".s", ".S", ".mod", ".def", ".sh", ".l"),
    *(".y", ".tex", ".texinfo", ".texi", ".txinfo", ".w", ".ch", ".web", ".elc", ".el", ",v"),
)
_RECIPE = re.compile(r"@?([A-Za-z_][\w-]*)(?:[ \t].{0,200}?)?:(?!=)")
_ALIAS = re.compile(r"alias[ \t]+([A-Za-z_][\w-]*)[ \t]*:=")
_NODE_SCRIPT_WORDS = frozenset({"test", "start", "stop", "restart", "t", "tst"})
# What these have of their own; any other first word is a script of package.json or a dependency's program.
_NODE_WORDS = frozenset(
    {
        *(
            "add",
            "audit",
            "bin",
            "cache",
            "ci",
            "config",
            "create",
            "dedupe",
            "dlx",
            "exec",
            "explain",
            "fund",
        ),
        *(
            "i",
            "import",
            "info",
            "init",
            "install",
            "licenses",
            "link",
            "list",
            "login",
            "logout",
            "ls",
            "node",
        ),
        *(
            "outdated",
            "owner",
            "pack",
            "patch",
            "prune",
            "publish",
            "rebuild",
            "remove",
            "root",
            "set",
            "store",
        ),
        *("unlink", "up", "update", "upgrade", "version", "versions", "why", "workspace", "workspaces", "x"),
    }
)
_ELSEWHERE = ("-w", "--workspace", "--workspaces", "-ws", "--prefix", "-C", "--cwd", "--filter", "-F", "-r")
# With these a call names its package's folder; others of that kind leave it open.
_FOLDER_OPTIONS = {
    "npm": ("--prefix", "-C"),
    "pnpm": ("-C", "--dir"),
    "yarn": ("--cwd",),
    "bun": ("--cwd",),
}
_SCRIPT_SETTINGS = re.compile(r"script-shell|shell-emulator|workspace|prefix|ignore-scripts")
_CARGO_NEEDS_NONE = frozenset({"new", "init", "install", "uninstall", "search", "login", "logout", "owner"})
_GO_NEEDS = frozenset({"build", "test", "vet", "generate", "install", "list"})
# Programs that do nothing in a folder without one of these files.
_NEEDED: dict[str, tuple[str, ...]] = {
    "mvn": ("pom.xml",),
    "gradle": ("build.gradle", "build.gradle.kts", "settings.gradle", "settings.gradle.kts"),
    "rake": ("Rakefile", "rakefile", "Rakefile.rb", "rakefile.rb"),
    "task": ("Taskfile.yml", "Taskfile.yaml", "taskfile.yml", "taskfile.yaml"),
    "composer": ("composer.json",),
}


def missing_for(call: Call, read_file: ReadFile) -> str:
    """Returns what the call needs and the repository does not have, in words, or "".

    `read_file` gives a repository file's text, or None when there is none.
    """
    if call.folder is None or (len(call.argv) == 2 and call.argv[1] in _ASKS_ABOUT_ITSELF):
        return ""
    program, *words = call.argv
    match program:
        case "make" | "gmake":
            return _missing_make(words, call.folder, read_file)
        case "npm" | "yarn" | "pnpm" | "bun":
            return _missing_node(program, words, call.folder, read_file)
        case "just":
            return _missing_just(words, call.folder, read_file)
        case "tox":
            return _missing_tox(words, call.folder, read_file)
        case "cargo":
            return _missing_cargo(words, call.folder, read_file)
        case "go":
            is_about_packages = words[:1] == ["run"] and not any(w.endswith(".go") for w in words)
            if not words or not (words[0] in _GO_NEEDS or words[:2] == ["mod", "tidy"] or is_about_packages):
                return ""
            return "" if _above(call.folder, ("go.mod", "go.work"), read_file) else "there is no go.mod"
        case _ if names := _NEEDED.get(program):
            is_there = any(read_file(posixpath.join(call.folder, name)) is not None for name in names)
            return (
                ""
                if is_there or (program == "composer" and words[:1] != ["run"])
                else f"there is no {names[0]}"
            )
        case _:
            return ""


def _missing_make(words: list[str], start: str, read_file: ReadFile) -> str:
    folder: str | None = start
    file, goals = "", []
    if any(word.startswith(("--eval", "-E")) for word in words):
        return ""
    options = iter(words)
    for word in options:
        name, is_joined, value = word.partition("=")
        if word[:2] in ("-C", "-f") and len(word) > 2 and not word.startswith("--"):
            name, value = word[:2], word[2:]
        elif name in _MAKE_OPTIONS and not is_joined:
            value = next(options, "")
        elif not word.startswith("-"):
            # A number follows `-j`; a word with "=" sets a variable.
            if not is_joined and not word.isdigit():
                goals.append(word)
            continue
        if name in ("-C", "--directory"):
            folder = inner_folder(folder, value)
        elif name in ("-f", "--file", "--makefile"):
            if file:
                # Of several, each may have the target.
                return ""
            file = value
    if folder is None or file.startswith(("/", "-")) or any("$" in goal for goal in goals):
        return ""
    names = [file] if file else list(_MAKEFILES)
    found = next(
        (
            (n, t)
            for n in names
            if (t := read_file(posixpath.normpath(posixpath.join(folder, n)))) is not None
        ),
        None,
    )
    place = f" in {folder}" if folder else ""
    if found is None:
        if goals and all(_has_any(folder, (goal, *_sources_of(goal)), read_file) for goal in goals):
            return ""
        return f"there is no {file or 'Makefile'}{place}"
    rules = _make_rules(found[1])
    if rules.is_open:
        return ""
    missing = [goal for goal in goals if goal not in rules.targets and not rules.may_make(goal)]
    missing = [goal for goal in missing if not _has_any(folder, rules.sources_of(goal), read_file)]
    return f"{found[0]}{place} has no target {missing[0]}" if missing else ""


@dataclass(slots=True, kw_only=True)
class _Rules:
    """What a makefile has rules for. With `is_open` it may have rules for anything else.

    `patterns` are the targets with a `%`, `sources` the files with one that these are made of, `suffixes`
    those that an old rule like `.md.html:` may be written with.
    """

    targets: set[str] = field(default_factory=set)
    patterns: set[str] = field(default_factory=set)
    sources: set[str] = field(default_factory=set)
    suffixes: set[str] = field(default_factory=lambda: {*_SOURCE_ENDINGS})
    is_open: bool = False

    def may_make(self, goal: str) -> bool:
        """Says whether a pattern stands for this name; one without a slash stands for it in any folder."""
        if goal in self.suffixes:
            # Make's own rules name these.
            return True
        names = (goal, posixpath.basename(goal))
        for pattern in self.patterns:
            before, _, after = pattern.partition("%")
            least = len(before) + len(after)
            if any(n.startswith(before) and n.endswith(after) and len(n) > least for n in names):
                return True
        return False

    def sources_of(self, goal: str) -> Iterator[str]:
        """Returns the files any of which make may make the goal of, by own and given rules in a row."""
        yield goal
        yield from _sources_of(goal)
        stems = {goal, posixpath.splitext(goal)[0]}
        yield from (source.replace("%", stem, 1) for source in self.sources for stem in stems)

    def add(self, names: Iterable[str], needs: str) -> None:
        for name in names:
            pattern, made_of = name, [need for need in needs.replace("|", " ").split() if "%" in need]
            match = _SUFFIXES.fullmatch(name)
            if match and {part for part in match.groups() if part} <= self.suffixes:
                # `.md.html:` is an old way to write `%.html: %.md`; `.md:` stands for any name.
                pattern, made_of = f"%{match[2] or ''}", [f"%{match[1]}"]
            if pattern in ("%", ".DEFAULT") or "$" in name or "\\" in name:
                self.is_open = True
            elif "%" in pattern:
                self.patterns.add(pattern)
                # Each goal is held against each pattern.
                self.is_open = self.is_open or len(self.patterns) > _MOST_PATTERNS
                self.sources.update(made_of)
                # What these endings stand for make goes on from by its own rules, to any name.
                if pattern.endswith(_SOURCE_ENDINGS) and (not made_of or "$" in needs):
                    self.is_open = True
            else:
                self.targets.add(name)


def _make_rules(text: str) -> _Rules:
    rules = _Rules()
    for line in text.replace("\\\n", " ").split("\n"):
        if line.startswith("\t"):
            continue
        if re.match(r"[ ]*[-s]?include[ \t]|[ ]*\$[({]", line):
            rules.is_open = True
        elif match := _RULE.match(line.strip(" ")[:4_000]):
            names = match[1].split()
            needs = line.strip(" ")[match.end() :].split(";")[0].split("#")[0]
            rules.add(names, needs)
            if ".PHONY" in names:
                rules.targets.update(needs.split())
            if ".SUFFIXES" in names:
                rules.suffixes.update(needs.split())
    return rules


def _sources_of(goal: str) -> tuple[str, ...]:
    """Returns the files that make's own rules make a goal of."""
    stem, ending = posixpath.splitext(goal)
    bases = (goal, stem) if ending in (*_SOURCE_ENDINGS, ".a", ".dvi") else (goal,)
    return tuple(f"{base}{more}" for base in bases for more in _SOURCE_ENDINGS if base + more != goal)


@dataclass(frozen=True, slots=True, kw_only=True)
class _NodeCall:
    """Which script is asked of which package: `folder` is where the search for its package.json starts.

    `is_fixed` says that it must lie right there, `is_asked` that the script may be missing, `first` is the
    word that asks.
    """

    folder: str
    script: str
    first: str
    is_fixed: bool = False
    is_asked: bool = False


def _read_node_call(program: str, words: list[str], start: str) -> _NodeCall | None:
    """Returns which script a call of a package manager runs, or None where it runs none or leaves it open."""
    folder: str | None = start
    plain: list[str] = []
    is_fixed = is_asked = False
    options = iter(words)
    for word in options:
        name, is_joined, value = word.partition("=")
        if word == "--":
            # What comes now is the script's own.
            break
        if plain and program != "npm" and plain not in (["run"], ["run-script"]):
            # What comes now is the script's own in new versions of these, and theirs in old ones.
            if {rest.partition("=")[0] for rest in (word, *options)} & {*_ELSEWHERE, "--if-present"}:
                return None
            break
        if name in _FOLDER_OPTIONS[program]:
            folder, is_fixed = inner_folder(folder, value if is_joined else next(options, "$")), True
        elif name in _ELSEWHERE:
            return None
        elif word.startswith("-"):
            is_asked = is_asked or (word == "--if-present" and program in ("npm", "pnpm"))
        else:
            plain.append(word)
    if not plain or folder is None:
        return None
    first, script = plain[0], ""
    if first in ("run", "run-script"):
        script = plain[1] if len(plain) > 1 else ""
    elif first in _NODE_SCRIPT_WORDS and program != "bun":
        script = "test" if first in ("t", "tst") else first
    elif program in ("yarn", "pnpm") and first not in _NODE_WORDS:
        script = first
    if not script or (program == "bun" and "." in script):
        return None
    return _NodeCall(folder=folder, script=script, first=first, is_fixed=is_fixed, is_asked=is_asked)


def _read_package(call: _NodeCall, read_file: ReadFile) -> tuple[str, str] | None:
    """Returns the folder and text of the package.json that is nearest, in this folder or one above."""
    for folder in [call.folder] if call.is_fixed else _folders_above(call.folder):
        text = read_file(posixpath.join(folder, "package.json"))
        if text is not None:
            return folder, text
    return None


def _missing_node(program: str, words: list[str], start: str, read_file: ReadFile) -> str:
    call = _read_node_call(program, words, start)
    if call is None:
        return ""
    first, script = call.first, call.script
    found = _read_package(call, read_file)
    if found is None:
        return f"there is no package.json{f' in {call.folder}' if call.folder else ''}"
    folder, text = found
    is_run = first in ("run", "run-script")
    try:
        package = json.loads(text)
    except (ValueError, RecursionError):
        return "package.json is no valid JSON"
    scripts = package.get("scripts") if isinstance(package, dict) else None
    if call.is_asked or (isinstance(scripts, dict) and isinstance(scripts.get(script), str)):
        return ""
    if first == "restart" or (
        first == "start" and read_file(posixpath.join(folder, "server.js")) is not None
    ):
        return ""
    # A dependency may bring a program of that name, which these two start as well (`yarn tsc`).
    has_others = isinstance(package, dict) and (package.get("dependencies") or package.get("devDependencies"))
    if program != "npm" and has_others and not is_run and first not in _NODE_SCRIPT_WORDS:
        return ""
    return f"package.json has no script {script[:80]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeScripts:
    """The scripts that a package manager runs one after the other, each as (name, shell text).

    `folder` is the package's own, `above` that and those above, nearest first.
    """

    folder: str
    above: tuple[str, ...]
    scripts: tuple[tuple[str, str], ...]


def read_node_scripts(call: Call, read_file: ReadFile) -> NodeScripts | None:
    """Returns the scripts that a call of npm, yarn or pnpm runs, or None where the files leave that open."""
    program, *words = call.argv
    if call.folder is None or program not in ("npm", "yarn", "pnpm"):
        return None
    if any(word.startswith(("--script-shell", "--shell-emulator")) for word in words):
        return None
    asked = _read_node_call(program, words, call.folder)
    found = _read_package(asked, read_file) if asked else None
    if asked is None or found is None:
        return None
    folder, text = found
    above = tuple(_folders_above(folder))
    if any(_SCRIPT_SETTINGS.search(read_file(posixpath.join(place, ".npmrc")) or "") for place in above):
        return None
    # Newer versions of yarn find programs without node_modules.
    if program == "yarn" and any(
        _has_any(p, (".yarnrc.yml", ".pnp.cjs", ".pnp.js"), read_file) for p in above
    ):
        return None
    try:
        scripts = json.loads(text)["scripts"]
        names = (f"pre{asked.script}", asked.script, f"post{asked.script}")
        run = tuple((name, scripts[name]) for name in names if name in scripts)
    except (ValueError, RecursionError, KeyError, TypeError):
        return None
    is_plain = all(isinstance(body, str) and body.strip() != "wireit" for _, body in run)
    if not is_plain or asked.script not in dict(run) or (len(run) > 1 and program == "pnpm"):
        # Whether pnpm runs those around a script depends on its version.
        return None
    return NodeScripts(folder=folder, above=above, scripts=run)


def _missing_just(words: list[str], start: str, read_file: ReadFile) -> str:
    if any(word.split("=")[0] in ("-f", "--justfile", "-d", "--working-directory") for word in words):
        return ""
    text = next(
        (
            found
            for folder in _folders_above(start)
            for name in ("justfile", "Justfile", ".justfile")
            if (found := read_file(posixpath.join(folder, name))) is not None
        ),
        None,
    )
    if text is None:
        return "there is no justfile"
    goal = next((w for w in words if "=" not in w), "")
    if not goal or goal.startswith("-") or "::" in goal:
        return ""
    recipes: set[str] = set()
    for line in text.split("\n"):
        if re.match(r"(?:import|mod)\??[ \t]", line):
            return ""
        if match := _ALIAS.match(line) or _RECIPE.match(line[:1_000]):
            recipes.add(match[1])
    return "" if goal in recipes else f"the justfile has no recipe {goal[:80]}"


def _missing_tox(words: list[str], folder: str, read_file: ReadFile) -> str:
    if any(word.split("=")[0] in ("-c", "--conf", "--root", "--workdir") for word in words):
        return ""
    if _has_any(folder, ("tox.ini", "tox.toml"), read_file):
        return ""
    for name, mark in (("setup.cfg", "[tox:tox]"), ("pyproject.toml", "[tool.tox")):
        if mark in (read_file(posixpath.join(folder, name)) or ""):
            return ""
    return "there is no tox.ini"


def _missing_cargo(words: list[str], folder: str, read_file: ReadFile) -> str:
    words = [word for word in words if not word.startswith("+")]
    if any(word.split("=")[0] in ("--manifest-path", "-C") for word in words):
        return ""
    if not words or words[0].startswith("-") or words[0] in _CARGO_NEEDS_NONE:
        return ""
    return "" if _above(folder, ("Cargo.toml",), read_file) else "there is no Cargo.toml"


def _has_any(folder: str, names: Iterable[str], read_file: ReadFile) -> bool:
    return any(read_file(posixpath.join(folder, name)) is not None for name in names)


def _above(folder: str, names: tuple[str, ...], read_file: ReadFile) -> bool:
    return any(_has_any(place, names, read_file) for place in _folders_above(folder))


def _folders_above(folder: str) -> Iterator[str]:
    while folder:
        yield folder
        folder = posixpath.dirname(folder)
    yield ""
