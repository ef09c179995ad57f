"""Says whether a word is a harmless value of its kind: a task's name, a build variable, a query, an address.

Each check is an allow-list, like those of snippets.py, which asks here for the kinds that hold no program.
What cannot be told for sure is refused, and the command is asked about.
"""

from __future__ import annotations

import re

# A warning's name; a comma would hand words to the linker, assembler or preprocessor.
_WARNING = re.compile(r"[a-z0-9+][a-z0-9+=-]*")
# A build variable with a harmless value: never a path or a command, nor a name under which one is looked up.
_DEFINE = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*(:[A-Z]+)?(=[A-Za-z0-9_+-]*)?")
_SETTING = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=[A-Za-z0-9_+.,:-]*")
_NAMES_A_PROGRAM = re.compile(
    r"COMPILER|LAUNCHER|TOOLCHAIN|PROGRAM|COMMAND|LINKER|RULE|MODULE|INCLUDE|PREFIX|PATH|DIR|FLAGS|EXEC|SHELL"
    r"|^(LD_|GIT_|NODE_|PYTHON|XDG_|HOME$)|^(CC|CXX|LD|AR|AS|CPP|MAKE|MAKEFILES|MAKEOVERRIDES|RM|INSTALL|PYTHON|NODE|[A-Z_]*(BIN|CMD|TOOL))$",
    re.IGNORECASE,
)
_TASK = re.compile(r"[A-Za-z0-9_:][A-Za-z0-9_:.@/-]*")
# What a task of that name usually does cannot be taken back, whatever its script is found to hold.
_MARKUP = re.compile(r"[A-Za-z0-9_]+([+-][a-z_]+)*")
_BUILD_LABEL = re.compile(r"-?(//|:|[A-Za-z0-9_])[A-Za-z0-9_/.:+=,~*-]*")
# Targets that copy what was built to where the system keeps programs.
_INSTALLS = re.compile(r"(.*[/_:-])?(un)?install([/_:-].*)?", re.IGNORECASE)
# A place that a command of the project's own may write to: `-o ../x`, `startapp x .git/hooks`.
_MANAGED_AWAY = re.compile(r"(^|=|^-o)(/|~)|(^|[=/]|^-o)\.\.(/|$)|(^|[=/]|^-o)\.git(/|$)")
_MANAGED_LOSES = re.compile(r"zero|--clear")
# Commands of setuptools and distutils, and the words that say where they write.
_SETUP_PUBLISHES = frozenset({"upload", "register", "upload_docs"})
_SETUP_INSTALLS = frozenset(
    {"install", "easy_install", "install_lib", "install_scripts", "install_data", "install_headers"}
)
# Where a server listens: a host, a port or both, and no socket file. Without a host it is every one.
_SERVED = re.compile(r"(?!unix:|fd:)[A-Za-z0-9_.:\[\]*%][A-Za-z0-9_.:\[\]*%-]*", re.IGNORECASE)
_SERVED_HERE = re.compile(r"(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?|::1", re.IGNORECASE)
# The words of runserver that name more than a port.
_RUN_SERVER = re.compile(r"(\*|0|\d+\.\d+\.\d+\.\d+|\[[0-9A-Fa-f:.]+\])(:\d+)")
# What a copy kept beside a changed file is called; no program takes such a file up by itself.
_SUFFIX = re.compile(r"\.(bak|backup|orig|old|save)|~")
_TO_NOTHING = re.compile(r"VERSION=0+")
_SETUP_AWAY = re.compile(r"^-[a-zA-Z](/|~|\.\.(/|$)|\.git(/|$))")
# What clean --all empties.
_SETUP_EMPTIES = re.compile(r"--?(build-(lib|base|temp|scripts|platlib|purelib)|bdist-base)\b")
_PUBLISHES = re.compile(r"publish|deploy|release|upload|push", re.IGNORECASE)
_DESTROYS = re.compile(
    r"destroy|teardown|drop|purge|wipe|nuke|rollback|tinker|reset|migrate:(fresh|refresh)|console\b|db:shell"
    r"|db:(schema|structure):load|queue:(flush|clear)|key:generate",
    re.IGNORECASE,
)
# Names that only contain such a word: building for release is no release.
_ONLY_SOUNDS_SO = re.compile(
    r"assembleRelease|bundleRelease|testRelease\w*|compileRelease\w*|lintRelease|pushdown|reset\.css"
)
_PACKAGE_COMMANDS = frozenset(
    [
        "access",
        "add",
        "adduser",
        "approve-builds",
        "audit",
        "autoclean",
        "bin",
        "bugs",
        "cache",
        "cat-file",
        "cat-index",
        "cc",
        "check",
        "ci",
        "clean-install",
        "completion",
        "config",
        "constraints",
        "create",
        "dedupe",
        "dedup",
        "deploy",
        "deprecate",
        "diff",
        "dist-tag",
        "dlx",
        "docs",
        "doctor",
        "edit",
        "env",
        "exec",
        "explain",
        "explore",
        "export",
        "fetch",
        "find-dupes",
        "fund",
        "generate-lock-entry",
        "get",
        "global",
        "help",
        "help-search",
        "hook",
        "i",
        "ignored-builds",
        "import",
        "info",
        "init",
        "install",
        "install-ci-test",
        "install-clean",
        "install-completion",
        "install-test",
        "isntall",
        "it",
        "licenses",
        "link",
        "list",
        "ll",
        "ln",
        "login",
        "logout",
        "ls",
        "multi",
        "node",
        "npm",
        "org",
        "outdated",
        "owner",
        "pack",
        "patch",
        "patch-commit",
        "patch-remove",
        "ping",
        "pkg",
        "plugin",
        "policies",
        "prefix",
        "profile",
        "prune",
        "publish",
        "query",
        "rb",
        "rebuild",
        "recursive",
        "remove",
        "repo",
        "restart",
        "rm",
        "root",
        "run",
        "run-script",
        "sbom",
        "search",
        "self-update",
        "server",
        "set",
        "set-script",
        "setup",
        "shell",
        "shrinkwrap",
        "star",
        "stars",
        "stop",
        "store",
        "team",
        "token",
        "un",
        "unlink",
        "uninstall",
        "unpublish",
        "unplug",
        "unstar",
        "up",
        "update",
        "upgrade",
        "upgrade-interactive",
        "v",
        "version",
        "versions",
        "view",
        "whoami",
        "why",
        "workspace",
        "workspaces",
        "x",
    ]
)
_GOAL = re.compile(
    r"clean|validate|initialize|compile|test-compile|test|package|verify|install|integration-test|site"
    r"|generate-sources|process-resources|process-classes|prepare-package"
    r"|dependency:(tree|analyze|resolve|list|go-offline)|spotless:(check|apply)|checkstyle:check"
    r"|surefire:test|failsafe:integration-test|spring-boot:run|quarkus:dev|jacoco:report|pmd:check|spotbugs:check"
    r"|versions:display-(dependency|plugin)-updates|help:effective-pom|enforcer:enforce|compiler:compile"
)
_YQ_REFUSED = re.compile(
    # yq's lexer takes its operators with and without the underscore.
    r"\b(load|load_[a-z0-9]+|load(str|string|xml|props?|properties|base64|yaml|json|csv|tsv|toml|ini|lua)"
    r"|str_?load|env|str_?env|env_?subst|eval|system|filename|input|input_filename|import|include"
    r"|modulemeta|get_search_list)\b|\$ENV",
    re.IGNORECASE,
)
# Behind one of these, the next word is the expression.
_YQ_COMMANDS = frozenset({"e", "ea", "eval", "eval-all"})
_CONFIG_KEY = re.compile(r"[A-Za-z0-9-]+\.([A-Za-z0-9_/.-]+\.)?[A-Za-z0-9-]+")
_SHELL_OPTIONS = frozenset(
    {"pipefail", "errexit", "nounset", "xtrace", "noclobber", "errtrace", "verbose", "noglob"}
)
_STEERS = re.compile(r"PATH|^IFS$|^HIST|^LD_|^PS\d|PROMPT")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SCRIPT_FILE = re.compile(r"(?!/)[A-Za-z0-9_@./-]+\.[cm]?[jt]sx?")
_URL = re.compile(r"https?://[^\s]+|[A-Za-z0-9][A-Za-z0-9_.-]*(:\d+)?(/[^\s]*)?", re.IGNORECASE)
_APPLICATION = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_.()]*")
_INI = re.compile(
    r"(log_cli|log_cli_level|log_level|asyncio_mode|xfail_strict|console_output_style)=[A-Za-z0-9_]+"
)
# ls(1), 3 printf and the like; never an option or a path.
_PAGES = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
# SQL that only reads, without functions that load code or reach files, and no command of the client.
_QUERY = re.compile(
    r"\s*(select\b|explain\s+(query\s+plan\s+)?select\b|show\b|describe\b|desc\b|pragma\s+"
    r"((table_x?info|index_x?info|index_list|foreign_key_list)\([a-z_]+\)|table_list|database_list|compile_options"
    r"|user_version|schema_version|page_count|page_size|encoding|integrity_check|quick_check)\s*;?\s*$"
    r"|\.(tables|schema|indexes|databases)\b|\\(dt|d|l|dn|du|di|df)\b)[^\\|\n]*",
    re.IGNORECASE,
)
_QUERY_REFUSED = re.compile(
    r"\b(insert|update|delete|drop|alter|create|attach|copy|into|call|do|grant|revoke|truncate|replace|vacuum|set"
    r"|lock|program|shell|system|edit|outfile|dumpfile|load_extension|load_file|writefile|readfile|fts3_tokenizer"
    r"|read_[a-z]+|glob|pg_[a-z_]+|lo_[a-z_]+|dblink[a-z_]*|sleep|benchmark|getenv)\b|;\s*\S|'[^']*[/~][^']*'",
    re.IGNORECASE,
)
# Names of files, and functions, where a table is expected: some clients read what they name.
_FROM_FILE = re.compile(
    r"\b(?:from|join)\b(?:(?!\b(?:where|group|order|limit|having|union)\b)"
    r"(?:\"[A-Za-z_][A-Za-z0-9_]*\"|[^'\"]))*+['\"]"
    r"|\b(?:from|join)\s+(?!(?:json_each|json_tree|generate_series|pragma_[a-z_]+|unnest|lateral)\b)"
    r"[a-z_][a-z0-9_.]*\s*\("
    r"|\b(?:fsdir|lsdir|zipfile|sniff_csv|[a-z_]+_scan|parquet_[a-z_]+|duckdb_[a-z_]+|which_secret|query(?:_table)?)\s*\(",
    re.IGNORECASE | re.DOTALL,
)
# ps's letters without a dash, but for the one that shows the environments of processes; or a process.
_LISTING = re.compile(r"[acfhjlmrsuvwxTLNSX]+|\d+")
_COLUMNS = re.compile(r"[A-Za-z%_,:= +-]+")
# A name that is neither a path nor a format with one: `json`, `3.12`, `uvicorn.workers.UvicornWorker`.
_BARE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+@-]*")
# One path and nothing else, where the program would take other texts for a setting, for code or for a list.
_PLAIN_PATH = re.compile(r"[A-Za-z0-9_./~][A-Za-z0-9_@%+./~-]*|-")
# Go's linker: no symbols, and texts for variables; what names a program or a file is not among them.
_LINKER_FLAGS = re.compile(
    r"(?:\s*(?:-s|-w|-X[ =]'?[A-Za-z0-9_./-]+=[^\s'\"]*'?|-buildid=[A-Za-z0-9_-]*))+\s*"
)
_QUICK_FORM = re.compile(r"(png|svg|pdf|jpg|dot|json|plain|ps)")


def fits_value(kind: str, text: str) -> bool:
    """Returns whether `text` is a harmless value of `kind`; kinds without a check take anything."""
    match kind:
        case "task" | "npmscript":
            return _TASK.fullmatch(text) is not None
        case "served":
            return _SERVED.fullmatch(text) is not None
        case "suffix":
            return _SUFFIX.fullmatch(text) is not None
        case "target" | "migration":
            # A make target, or a variable with a harmless value set for it.
            return fits_value("setting" if "=" in text else "task", text)
        case "binary":
            # What yarn and pnpm take for a script or a tool of the project, unless it is their own command.
            is_bare = "/" not in text and "@" not in text
            return is_bare and text not in _PACKAGE_COMMANDS and fits_value("task", text)
        case "goal":
            return _GOAL.fullmatch(text) is not None
        case "setting":
            return _SETTING.fullmatch(text) is not None and _is_harmless_name(text)
        case "define":
            return _DEFINE.fullmatch(text) is not None and _is_harmless_name(text)
        case "warning":
            return _WARNING.fullmatch(text) is not None
        case "variable":
            return _IDENTIFIER.fullmatch(text) is not None and not _STEERS.search(text)
        case "local":
            # A package beside the project, not one that is fetched.
            return text == "." or (text.startswith("./") and ".." not in text.split("/"))
        case "scriptfile":
            return _SCRIPT_FILE.fullmatch(text) is not None
        case "configkey":
            return _CONFIG_KEY.fullmatch(text) is not None
        case "gofile":
            return text.endswith(".go")
        case "phpfile":
            return text.endswith(".php")
        case "package":
            # A package of this module: what lies elsewhere on the disk would be built and run too.
            return not text.startswith("/") and ".." not in text.split("/") and "@" not in text
        case "shelloption":
            return text in _SHELL_OPTIONS
        case "literal":
            # curl reads "@file", a form's "name=@file" and "name=<file"; httpie "name@file", "name:=@file".
            # What curl prints last it writes to the file of "%output{file}".
            return "@" not in text and "=<" not in text and "%output{" not in text
        case "url":
            return _URL.fullmatch(text) is not None
        case "bare":
            return _BARE.fullmatch(text) is not None
        case "plaincode" | "plainwrite":
            return _PLAIN_PATH.fullmatch(text) is not None
        case "application":
            return _APPLICATION.fullmatch(text) is not None
        case "ini":
            return _INI.fullmatch(text) is not None
        case "yq":
            return text not in _YQ_COMMANDS and not _YQ_REFUSED.search(text)
        case "query":
            return _QUERY.fullmatch(text) is not None and not (
                _QUERY_REFUSED.search(text) or _FROM_FILE.search(text)
            )
        case "pages":
            return _PAGES.fullmatch(text) is not None
        case "listing":
            return _LISTING.fullmatch(text) is not None
        case "columns":
            return _COLUMNS.fullmatch(text) is not None and "env" not in text.lower()
        case "builder":
            # Sphinx's own "clean" builds nothing: it deletes the folder that it is given.
            return _IDENTIFIER.fullmatch(text) is not None and text != "clean"
        case "buildtarget":
            return fits_value("task", text)
        case "markup":
            # A name that ends in ".lua" is a program that reads or writes the format.
            return _MARKUP.fullmatch(text) is not None
        case "buildlabel":
            # Of this workspace; what begins with "@" is fetched from elsewhere.
            return _BUILD_LABEL.fullmatch(text) is not None
        case "rustfmt":
            return text in ("--check", "-l", "--verbose", "-v")
        case "ldflags":
            return _LINKER_FLAGS.fullmatch(text) is not None
        case "image":
            return _QUICK_FORM.fullmatch(text) is not None
        case _:
            return True


def task_labels(text: str) -> set[str]:
    """Returns what a task's name alone promises: `deploy` publishes, `db:drop` is irreversible."""
    name = _ONLY_SOUNDS_SO.sub("", text)
    labels = {"publishes"} if _PUBLISHES.search(name) else set()
    return labels | ({"irreversible"} if _DESTROYS.search(name) else set())


def target_labels(text: str) -> set[str]:
    """Returns what the name of a build's target promises where its recipe is not read."""
    return task_labels(text) | ({"writes_outside"} if _INSTALLS.fullmatch(text) else set())


def managed_labels(text: str) -> set[str]:
    """Returns what a word of Django's manage.py means: migrations undone, a folder emptied, other code."""
    if text.startswith("--pythonpath"):
        return {"executes_outside"}
    if _MANAGED_AWAY.search(text):
        return {"writes_outside"}
    if _RUN_SERVER.fullmatch(text):
        return served_labels(text)
    return {"deletes", "irreversible"} if _MANAGED_LOSES.fullmatch(text) else set()


def served_labels(text: str) -> set[str]:
    """Returns `network` where a server listens for others than this machine, else nothing."""
    return set() if _SERVED_HERE.fullmatch(text) else {"network"}


def migration_labels(text: str) -> set[str]:
    """Returns what a word behind db:migrate means: to version 0 every migration is undone."""
    return {"deletes", "irreversible"} if _TO_NOTHING.fullmatch(text) else task_labels(text)


def setup_labels(text: str) -> set[str]:
    """Returns what a word of setup.py means: a release uploaded, packages installed, old ones deleted."""
    if text in _SETUP_PUBLISHES:
        return {"publishes", "irreversible", "network"}
    if text in _SETUP_INSTALLS:
        return {"network", "writes_outside"}
    if text == "rotate" or _SETUP_EMPTIES.match(text):
        return {"deletes", "irreversible"}
    return {"writes_outside"} if _MANAGED_AWAY.search(text) or _SETUP_AWAY.search(text) else set()


def _is_harmless_name(text: str) -> bool:
    return not _NAMES_A_PROGRAM.search(text.split("=", 1)[0].split(":", 1)[0])
