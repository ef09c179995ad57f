"""Makefiles whose recipe is another than it seems: by lines, stems, variables and what they include."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from workbench.model.verdict import Decision
from workbench.policy import judge, load_policy
from workbench.sandbox.lookup import ProjectSurroundings

POLICY = load_policy(is_tried=False)
REMOVES = "rm -rf src"
SHOWN = "all:\n\t$(X) -rf src\n"


def decide(folder: Path, text: str) -> Decision:
    root = str(folder.resolve())
    surroundings = ProjectSurroundings(workspace_root=root, toolchains=())
    return judge(POLICY, text, cwd=root, workspace_root=root, surroundings=surroundings).verdict.verdict


def write(folder: Path, files: dict[str, str]) -> None:
    (folder / "src").mkdir()
    (folder / "src" / "app.py").write_text("x = 1\n")
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


HIDDEN = {
    "two backslashes end a line": ({"Makefile": f"X = a \\\\\nall:\n\t{REMOVES}\n"}, "make"),
    "two backslashes end a comment": ({"Makefile": f"# a \\\\\nall:\n\t{REMOVES}\n"}, "make"),
    "a static pattern's stem": (
        {"Makefile": f"all: a.x\na.x: %.x: %.bad\n\t@true\na.bad:\n\t{REMOVES}\n"},
        "make",
    ),
    "a static pattern's own stem": (
        {"Makefile": f"all: src.x\nsrc.x: %.x: README\n\trm -rf $*\nREADME:\n\t{REMOVES}\n"},
        "make",
    ),
    "a reference with a colon": (
        {"Makefile": f"O = a.o\nall: $(O:.o=.bad)\n\t@true\na.bad:\n\t{REMOVES}\n"},
        "make",
    ),
    "a variable before make": ({"Makefile": "FORCE ?= ls\nall:\n\t$(FORCE) -rf src\n"}, "FORCE=rm make"),
    "a variable that env sets": ({"Makefile": "V ?= ls\nall:\n\t$(V) -rf src\n"}, "env V=rm make"),
    "a variable that is in no file": ({"Makefile": "all:\n\t$(SEED) -rf src\n"}, "SEED=rm make all"),
    "a variable exported before": (
        {"Makefile": "PORT ?= ls\nall:\n\t$(PORT) -rf src\n"},
        "export PORT=rm; make",
    ),
    "a variable set before": ({"Makefile": "PORT ?= rm\nall:\n\t$(PORT) -rf src\n"}, "PORT=ls; make"),
    "an overriding variable of a target": (
        {"Makefile": "X = ls\nall: override X = rm\nall:\n\t$(X) -rf src\n"},
        "make X=ls",
    ),
    "an exported variable": (
        {"Makefile": "export X = rm\nall:\n\t$(MAKE) -f z.mk\n", "z.mk": SHOWN},
        "make",
    ),
    "each variable exported": (
        {"Makefile": "export\nX = rm\nall:\n\t$(MAKE) -f z.mk\n", "z.mk": "X ?= ls\n" + SHOWN},
        "make",
    ),
    "a variable exported for one target": (
        {"Makefile": "all: export X = rm\nall:\n\t$(MAKE) -f z.mk\n", "z.mk": "X ?= ls\n" + SHOWN},
        "make",
    ),
    "a variable before a make in a recipe": (
        {"Makefile": "all:\n\tX=rm $(MAKE) -f z.mk\n", "z.mk": "X ?= ls\n" + SHOWN},
        "make",
    ),
    "a variable given to the outer make": (
        {"Makefile": "all:\n\t$(MAKE) -f z.mk\n", "z.mk": "X = ls\n" + SHOWN},
        "make X=rm",
    ),
    "a variable taken away again": (
        {"Makefile": "all:\n\tenv -i make -f z.mk\n", "z.mk": "X ?= /bin/rm\n" + SHOWN},
        "X=ls make X=ls",
    ),
    "an included file's needs": (
        {"Makefile": f"include z.inc\nz.inc: gone\ngone:\n\t{REMOVES}\nall:\n\tls\n", "z.inc": ""},
        "make all",
    ),
    "a home in the tree": (
        {"Makefile": "HOME = .\nall:\n\tgit status\n", ".gitconfig": "[core]\nfsmonitor = touch x\n"},
        "make all",
    ),
    "a home in the tree for one target": (
        {"Makefile": "all: HOME = .\nall:\n\tgit status\n", ".gitconfig": "[core]\nfsmonitor = touch x\n"},
        "make all",
    ),
    "settings in the tree": ({"Makefile": "export XDG_CONFIG_HOME = .\nall:\n\tgit status\n"}, "make all"),
    "git's folder, exported behind": (
        {"Makefile": "export\nGIT_DIR = src\nall:\n\tgit status\n"},
        "make all",
    ),
    "git's folder for one target": (
        {"Makefile": "all: export GIT_DIR = src\nall:\n\tgit status\n"},
        "make all",
    ),
    "a home on the command line": ({"Makefile": "all:\n\tgit status\n"}, "make all HOME=."),
    "an included secret": ({"Makefile": "include .env\nall:\n\tls\n", ".env": "X=1\n"}, "make all"),
    "an included secret that is spelled": (
        {"Makefile": "F = .en\n-include $(F)v\nall:\n\tls\n", ".env": "X=1\n"},
        "make all",
    ),
    "an included pattern": ({"Makefile": "-include .en?\nall:\n\tls\n", ".env": "X=1\n"}, "make all"),
    "a mark of the byte order": ({"Makefile": f"\ufeffall:\n\t{REMOVES}\n"}, "make"),
    "what is run before a start that no script names": (
        {"package.json": '{"scripts": {"prestart": "rm -rf src"}}', "server.js": ""},
        "npm start",
    ),
    "the same start, run by its name": (
        {"package.json": '{"scripts": {"prestart": "rm -rf src"}}', "server.js": ""},
        "npm run start",
    ),
    "a folder that is not there": ({"Makefile": "all:\n\tls\n"}, "make -C gone all"),
    "a file that is not there": ({"Makefile": "all:\n\tls\n"}, "make -f gone.mk all"),
}


@pytest.mark.parametrize("name", HIDDEN)
def test_a_hidden_recipe_is_asked_about(tmp_path: Path, name: str) -> None:
    files, text = HIDDEN[name]
    write(tmp_path, files)
    assert decide(tmp_path, text) is not Decision.ALLOW


PLAIN = {
    "a line that goes on": ({"Makefile": "all:\n\tls \\\n\t  src\n"}, "make"),
    "a static pattern": ({"Makefile": "all: a.x\na.x: %.x: %.y\n\tls $*\na.y:\n\tls src\n"}, "make"),
    "a harmless variable": ({"Makefile": "V ?= 0\nall:\n\tls src\n"}, "V=1 make all"),
    "a recursive make": (
        {"Makefile": "export X = src\nall:\n\t$(MAKE) -f z.mk\n", "z.mk": "all:\n\tls $(X)\n"},
        "make",
    ),
    "a folder that is there": ({"sub/Makefile": "all:\n\tls\n"}, "make -C sub all"),
    "a mark of the byte order": ({"Makefile": "\ufeffall:\n\tls src\n"}, "make"),
}


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_recipe_is_allowed(tmp_path: Path, name: str) -> None:
    files, text = PLAIN[name]
    write(tmp_path, files)
    assert decide(tmp_path, text) is Decision.ALLOW


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in HIDDEN
        if "npm" not in HIDDEN[name][1] and (REMOVES in str(HIDDEN[name]) or "-rf src" in str(HIDDEN[name]))
    ],
)
def test_the_hidden_recipes_do_remove(tmp_path: Path, name: str) -> None:
    files, text = HIDDEN[name]
    write(tmp_path, files)
    subprocess.run(["bash", "-c", text], cwd=tmp_path, check=False, capture_output=True)
    assert not (tmp_path / "src").exists(), name
