"""The catalogue's data: an option whose name says that it takes a file or a folder is read as one."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib import resources

from workbench.policy.options import Option, parse_options

FILE_KINDS = frozenset(
    {
        "read",
        "write",
        "delete",
        "emptied",
        "move",
        "code",
        "scriptfile",
        "recipe",
        "chdir",
        "infile",
        "outfile",
    }
    | {"classpath", "plaincode", "plainwrite", "report", "link"}
)
# A value of one of these can hold no path; a `script` is unwrapped, a `query` looked through.
PATHLESS = frozenset(
    {"bare", "module", "number", "digits", "variable", "literal", "script", "query", "none", "unfolder"}
)
NAMES_A_FILE = re.compile(
    r"(^-+|[-_.])(file|filename|dir|directory|path|folder|config|cfg|rcfile|out|output|outfile|outdir|location"
    r"|logfile|exec|command|plugin|preload|workdir)$|(File|Dir|Directory|Path|Location|Config)$"
)
# Each is a file's or folder's name in other words: of an address, inside a container or a template, a pattern
# of find, columns, and what is asked about whatever it holds.
OTHERWISE = frozenset(
    {"--root-path", "--public-path", "--workdir", "--exclude-dir", "-exclude-dir", "--exclude-path"}
    | {
        "-path",
        "--git-dir",
        "--exec-path",
        "--stdin-filename",
        "-stdin-filename",
        "--match-dir",
        "--match-path",
    }
)
OF_ONE = frozenset(
    {
        ("df", "--output"),
        ("kubectl", "--output"),
        ("cookiecutter", "--directory"),
        ("semgrep", "--config"),
        ("git", "--file"),
    }
)


def options_by_program() -> Iterator[tuple[str, Option]]:
    for entry in sorted(
        resources.files("workbench.policy").joinpath("catalog").iterdir(), key=lambda e: e.name
    ):
        if not entry.name.endswith(".toml"):
            continue
        for name, program in tomllib.loads(entry.read_text(encoding="utf-8")).items():
            for form in program.get("form", ()):
                for specs in (program.get("globals", ""), form.get("options", "")):
                    for option in parse_options(specs).values():
                        yield name, option


def test_an_option_named_after_a_file_is_read_as_one() -> None:
    unsaid = {
        f"{program} {option.name}={option.kind}"
        for program, option in options_by_program()
        if option.kind is not None
        and option.kind not in FILE_KINDS | PATHLESS
        and NAMES_A_FILE.search(option.name)
        and option.name not in OTHERWISE
        and (program, option.name) not in OF_ONE
    }
    assert unsaid == set()


def test_the_names_are_recognised() -> None:
    seen = {option.name for _, option in options_by_program() if NAMES_A_FILE.search(option.name)}
    assert seen >= {"--rcfile", "--log-file", "--outDir", "--cache-location", "--config", "--output"}
    assert len(seen) > 100
