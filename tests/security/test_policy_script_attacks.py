"""Files of a project that hide a harmful line, one trick each: none of these commands is ever allowed."""

# ruff: noqa: E501 -- a trick and its file stand on one line each.

from __future__ import annotations

import json
from pathlib import Path

import pytest

from workbench.model.verdict import Decision
from workbench.policy import judge, load_policy
from workbench.sandbox.lookup import ProjectSurroundings

POLICY = load_policy(is_tried=False)
HARM = "git push --force"
CASES: list[tuple[dict[str, str], str]] = [
    ({"Makefile": "include x/*.mk\ngo:\n\tls\n"}, "make go"),
    (
        {"Makefile": "go:\n\tls\n-include .env.mk\n", ".env.mk": "go: evil\nevil:\n\t" + HARM + "\n"},
        "make go",
    ),
    ({"Makefile": "go:\n\tls\nexport GIT_DIR=x\n"}, "make go"),
    ({"Makefile": "go:\n\t${MAKE} -f evil.mk\n", "evil.mk": "all:\n\t" + HARM + "\n"}, "make go"),
    ({"Makefile": "go:\n\t$(MAKE) -C sub\n", "sub/Makefile": "all:\n\t" + HARM + "\n"}, "make go"),
    ({"Makefile": "go:\n\tcd sub && $(MAKE)\n", "sub/Makefile": "all:\n\t" + HARM + "\n"}, "make go"),
    ({"Makefile": "A=git\nB=push --force\ngo:\n\t$A $B\n"}, "make go"),
    ({"Makefile": "A=g\nB=it push --force\ngo:\n\t$(A)$(B)\n"}, "make go"),
    ({"Makefile": "go: $(addprefix x,y)\n\tls\nxy:\n\t" + HARM + "\n"}, "make go"),
    ({"Makefile": "go:\n\t$(firstword git) push --force\n"}, "make go"),
    ({"Makefile": "X=$(if 1," + HARM + ")\ngo:\n\t$X\n"}, "make go"),
    ({"Makefile": "go:; " + HARM + "\n"}, "make go"),
    ({"Makefile": "go:\\\n; " + HARM + "\n"}, "make go"),
    ({"Makefile": "all go:\n\t" + HARM + "\n"}, "make"),
    ({"Makefile": ".DEFAULT_GOAL=evil\ngo:\n\tls\nevil:\n\t" + HARM + "\n"}, "make"),
    ({"Makefile": "go: ; ls\n.DEFAULT_GOAL:=$(shell echo evil)\nevil:\n\t" + HARM + "\n"}, "make"),
    ({"Makefile": "T=evil\ngo: $(T)\nevil:\n\t" + HARM + "\n"}, "make go"),
    ({"Makefile": ".SECONDEXPANSION:\ngo: $$(T)\nT=evil\nevil:\n\t" + HARM + "\n"}, "make go"),
    ({"Makefile": "go: *.x\n*.x:\n\tls\n"}, "make go"),
    ({"Makefile": "go: evil*\nevil1:\n\t" + HARM + "\n"}, "make go"),
    ({"Makefile": "go: evil\nevi%:\n\t" + HARM + "\n"}, "make go"),
    ({"Makefile": "go: | evil\nevil:\n\t" + HARM + "\n"}, "make go"),
    ({"Makefile": "go: ./evil\nevil:\n\t" + HARM + "\n"}, "make go"),
    ({"Makefile": "$(T): evil\nT=go\nevil:\n\t" + HARM + "\n"}, "make go"),
    ({"Makefile": "go &: evil\nevil:\n\t" + HARM + "\n"}, "make go"),
    ({"Makefile": "go x&: evil\nevil:\n\t" + HARM + "\n"}, "make x"),
    ({"Makefile": "go: evil.o\n%.o: %.evil\n\t" + HARM + "\n"}, "make go"),
    ({"Makefile": "(%): %\n\tls\ngo: lib(x)\nlib(x):\n\t" + HARM + "\n"}, "make go"),
    ({"Makefile": "ifneq (,)\nelse\ngo: evil\nendif\ngo:\n\tls\nevil:\n\t" + HARM + "\n"}, "make go"),
    ({"Makefile": "go:\n\tls\n\\\n\t" + HARM + "\n"}, "make go"),
    ({"Makefile": "go:\n\tls\n#x\n\t" + HARM + "\n"}, "make go"),
    ({"Makefile": "go:\n\tls\n\n\n\t" + HARM + "\n"}, "make go"),
    ({"Makefile": "go:\n\tls\nifdef X\n\t" + HARM + "\nendif\n"}, "make go"),
    ({"Makefile": "go:\n\tls\n ifdef X\n\t" + HARM + "\n endif\n"}, "make go"),
    (
        {
            "Makefile": "V=1\nifdef X\nV=2\nendif\nifdef Y\nV=3\nendif\nifdef Z\nV=4\nendif\nifdef Q\nV=;"
            + HARM
            + "\nendif\ngo:\n\tls $V\n"
        },
        "make go",
    ),
    ({"Makefile": "A=ls\nA:=" + HARM + "\ngo:\n\t$A\n"}, "make go"),
    ({"Makefile": "A:=ls\nB:=$A\nA:=" + HARM + "\ngo:\n\t$B; $A\n"}, "make go"),
    ({"Makefile": "A?=ls\nA=" + HARM + "\ngo:\n\t$A\n"}, "make go"),
    ({"Makefile": "A =\nA +=git\nA += push --force\ngo:\n\t$A\n"}, "make go"),
    ({"Makefile": "A ::= git push --force\ngo:\n\t$A\n"}, "make go"),
    ({"Makefile": "A :::= git push --force\ngo:\n\t$A\n"}, "make go"),
    ({"Makefile": "go: A+=;git push --force\nA=ls\ngo:\n\t$A\n"}, "make go"),
    ({"Makefile": "go: private A=git push --force\nA=ls\ngo:\n\t$A\n"}, "make go"),
    ({"Makefile": "go: export A=git push --force\nA=ls\ngo:\n\t$A\n"}, "make go"),
    ({"Makefile": "go: override A=git push --force\nA=ls\ngo:\n\t$A\n"}, "make go"),
    ({"Makefile": "%: A=git push --force\nA=ls\ngo:\n\t$A\n"}, "make go"),
    ({"Makefile": "g%: A=git push --force\nA=ls\ngo:\n\t$A\n"}, "make go"),
    ({"Makefile": "export A=git push --force\ngo:\n\t$A\n"}, "make go"),
    ({"Makefile": "export A=git push --force\ngo:\n\t$$A\n"}, "make go"),
    ({"Makefile": 'export\nA=git push --force\ngo:\n\tsh -c "$$A"\n'}, "make go"),
    ({"Makefile": "define A\n$(info x)\n" + HARM + "\nendef\ngo:\n\t$(A)\n"}, "make go"),
    ({"Makefile": "go:\n\t$(call f,push)\nf=git $1 --force\n"}, "make go"),
    ({"Makefile": "f=git $1 --force\ngo:\n\t$(foreach x,push,git $x)\n"}, "make go"),
    ({"Makefile": "go:\n\t$(or ," + HARM + ")\n"}, "make go"),
    ({"Makefile": "go:\n\t@$(file >x,y)ls\n"}, "make go"),
    ({"Makefile": "go:\n\t$(value A)\nA=" + HARM + "\n"}, "make go"),
    ({"Makefile": "go:\n\t$(A:x=y)\nA=" + HARM + "\n"}, "make go"),
    ({"Makefile": "go:\n\tgit $(subst x,,pxush) --force\n"}, "make go"),
    ({"justfile": 'go:\n  {{if "a" == "a" { "git push" } else { "ls" } }}\n'}, "just go"),
    ({"justfile": 'x := "git"\ny := "push --force"\ngo:\n  {{x}} {{y}}\n'}, "just go"),
    ({"justfile": "go +a:\n  git {{a}}\n"}, "just go push"),
    ({"justfile": "go:\n  just evil\nevil:\n  " + HARM + "\n"}, "just go"),
    ({"justfile": "go: evil\nevil:\n  " + HARM + "\n"}, "just go"),
    ({"justfile": "@go: # c\n  " + HARM + "\n"}, "just go"),
    ({"justfile": "_x:\n  " + HARM + "\ngo: _x\n"}, "just go"),
    ({"justfile": "go:\n\t" + HARM + "\n"}, "just go"),
    ({"justfile": 'set windows-shell := ["x"]\ngo:\n\t' + HARM + "\n"}, "just go"),
    ({"justfile": 'go $A="x":\n  ' + HARM + "\n"}, "just go"),
    ({"justfile": 'go A="a:b":\n  ' + HARM + "\n"}, "just go"),
    ({"justfile": "x:='''\ngo:\n  ls\n'''\ngo:\n  " + HARM + "\n"}, "just go"),
    ({"package.json": json.dumps({"scripts": {"go": "FOO=1 npm run x", "x": HARM}})}, "npm run go"),
    ({"package.json": json.dumps({"scripts": {"go": "npm --silent run x", "x": HARM}})}, "npm run go"),
    ({"package.json": json.dumps({"scripts": {"go": "node --run x", "x": HARM}})}, "npm run go"),
    ({"package.json": json.dumps({"scripts": {"go": "npm-run-all --parallel x", "x": HARM}})}, "npm run go"),
    ({"package.json": json.dumps({"scripts": {"go": "run-p x", "x": HARM}})}, "npm run go"),
    ({"package.json": json.dumps({"scripts": {"go": "wait-on x && git push --force"}})}, "npm run go"),
    ({"package.json": json.dumps({"scripts": {"go": "dotenv -- git push --force"}})}, "npm run go"),
    ({"package.json": json.dumps({"scripts": {"go": "dotenv -e x -- npm publish"}})}, "npm run go"),
    ({"package.json": json.dumps({"scripts": {"go": "cross-env A=1 git push --force"}})}, "npm run go"),
    ({"package.json": json.dumps({"scripts": {"go": 'cross-env-shell "git push --force"'}})}, "npm run go"),
    ({"package.json": json.dumps({"scripts": {"go": "env-cmd git push --force"}})}, "npm run go"),
    ({"package.json": json.dumps({"scripts": {"go": "np"}})}, "npm run go"),
    ({"package.json": json.dumps({"scripts": {"go": "semantic-release"}})}, "npm run go"),
    ({"package.json": json.dumps({"scripts": {"go": "release-it patch"}})}, "npm run go"),
    ({"package.json": json.dumps({"scripts": {"go": "lerna publish"}})}, "npm run go"),
    ({"package.json": json.dumps({"scripts": {"go": "changeset publish"}})}, "npm run go"),
    ({"package.json": json.dumps({"scripts": {"go": "turbo run x", "x": HARM}})}, "npm run go"),
    ({"package.json": json.dumps({"scripts": {"go": "nx run a:b"}})}, "npm run go"),
    ({"package.json": json.dumps({"scripts": {"go": "lerna run x"}})}, "npm run go"),
    ({"package.json": json.dumps({"scripts": {"go": "wireit"}})}, "npm run go"),
    ({"package.json": json.dumps({"scripts": {"go": 'nodemon --exec "git push --force"'}})}, "npm run go"),
    (
        {"package.json": json.dumps({"scripts": {"go": 'tsc-watch --onSuccess "git push --force"'}})},
        "npm run go",
    ),
    ({"package.json": json.dumps({"scripts": {"go": "husky && git push --force"}})}, "npm run go"),
    ({"package.json": json.dumps({"scripts": {"go": "$npm_execpath run x", "x": HARM}})}, "npm run go"),
    (
        {"package.json": json.dumps({"scripts": {"go": "npm_config_script_shell=x npm run x", "x": "ls"}})},
        "npm run go",
    ),
    (
        {
            "package.json": json.dumps(
                {"scripts": {"go": 'start-server-and-test x http://y "git push --force"'}}
            )
        },
        "npm run go",
    ),
    (
        {"package.json": json.dumps({"scripts": {"go": "ls", "scripts": 1}}), ".npmrc": "script-shell = x"},
        "npm run go",
    ),
    (
        {"web/package.json": json.dumps({"scripts": {"go": "ls"}}), "web/.npmrc": "shell=x"},
        "cd web && npm run go",
    ),
    ({".git/config": '[alias]\n\tgo = "!f() { git push --force; }; f"\n'}, "git go"),
    ({".git/config": "[alias]\n\tgo = -c core.sshCommand=x push\n"}, "git go"),
    ({".git/config": "[alias]\n\tgo = go2\n\tgo2 = push --force\n"}, "git go"),
    ({".git/config": '[alias]\n\tgo = "push" "--force"\n'}, "git go"),
    ({".git/config": "[alias]\n\tgo = push\\t--force\n"}, "git go"),
    ({".git/config": "[alias]\n\tgo = status # x\n\tGO = push --force\n"}, "git go"),
    ({".git/config": '[alias "go"]\n\tcommand = push --force\n'}, "git go"),
    ({".git/config": "[alias]\n\tgo = status\n", "sub/.git": "gitdir: ../x"}, "cd sub && git go"),
    ({".git/config": "[alias]\n\tgo = status\n"}, "git -C sub go"),
    ({".git/config": "[alias]\n\tgo = status\n"}, "git --git-dir=x go"),
    ({".cargo/config": '[alias]\ngo="publish"\n', ".cargo/config.toml": '[alias]\ngo="check"\n'}, "cargo go"),
    ({".cargo/config.toml": '[alias]\nr="publish"\n'}, "cargo r"),
    ({".cargo/config.toml": '[alias]\nb=["publish"]\n'}, "cargo -q b"),
    ({".cargo/config.toml": '[build]\nrustc="./evil"\n'}, "cargo build"),
    ({".cargo/config.toml": '[target."cfg(all())"]\nrunner="./evil"\n'}, "cargo run"),
    ({".cargo/config.toml": 'build.rustc-wrapper="./evil"\n'}, "cargo check"),
    ({".cargo/config.toml": '[env]\nPATH={value="x",force=true}\n'}, "cargo test"),
    ({".cargo/config.toml": '[build]\nrustflags=["-C","linker=./evil"]\n'}, "cargo test"),
    ({".cargo/config.toml": '[target.x]\nrustflags="-Clinker=./evil"\n'}, "cargo test"),
    ({".cargo/config.toml": '[profile.dev]\nrustflags=["-Clinker=./evil"]\n'}, "cargo test"),
    ({"rust-toolchain.toml": '[toolchain]\npath="./evil"\n'}, "cargo test"),
    ({"Taskfile.yml": "tasks:\n  go:\n    cmds:\n      - for: [a]\n        cmd: " + HARM + "\n"}, "task go"),
    ({"Taskfile.yml": "tasks:\n  go:\n    cmds:\n      - task: :x\n  x: " + HARM + "\n"}, "task go"),
    ({"Taskfile.yml": 'tasks:\n  "go*": ' + HARM + "\n"}, "task gox"),
    ({"Taskfile.yml": "x: &a\n  cmds: [" + HARM + "]\ntasks:\n  go: *a\n"}, "task go"),
    ({"Taskfile.yml": "tasks:\n  go:\n    <<: {cmds: [" + HARM + "]}\n"}, "task go"),
    ({"Taskfile.yml": "tasks:\n  go: ls\n  go: " + HARM + "\n"}, "task go"),
    ({"taskfile.yml": "tasks:\n  go: " + HARM + "\n"}, "task go"),
    ({"Taskfile.yml": "tasks:\n  go: ls {{.CLI_ARGS}}\n"}, "task go -- -la"),
    ({"composer.json": '{"scripts":{"test":"git push --force"}}'}, "composer --no-ansi test"),
    ({"composer.json": '{"scripts":{"lint":"@composer test","test":"git push --force"}}'}, "composer lint"),
    ({"deno.json": '{"tasks":{"go":"deno task x","x":"git push --force"}}'}, "deno task go"),
    ({"package.json": json.dumps({"scripts": {"go": HARM}})}, "deno task go"),
    ({"tox.ini": "[testenv]\ncommands = {[x]c}\n[x]\nc=" + HARM + "\n"}, "tox"),
    ({"tox.ini": "[testenv:{a,b}]\ncommands = " + HARM + "\n"}, "tox -e a"),
    (
        {"tox.ini": "[testenv]\nallowlist_externals=git\ncommands =\n    pytest\n    " + HARM + "\n"},
        "tox run -e x",
    ),
    (
        {"tox.ini": "[testenv]\ncommands = ls\n[testenv:x]\nbase=y\n[testenv:y]\ncommands=" + HARM + "\n"},
        "tox -e x",
    ),
    ({"tox.ini": "[base]\ncommands=" + HARM + "\n[testenv]\ncommands = {[base]commands}\n"}, "tox"),
    ({"pyproject.toml": '[tool.tox]\nlegacy_tox_ini="""\n[testenv]\ncommands = ' + HARM + '\n"""\n'}, "tox"),
    ({"tox.toml": '[env_run_base]\ncommands=[["git","push","--force"]]\n'}, "tox"),
    ({"noxfile.py": 'import nox\n@nox.session\ndef t(s):\n    s.run("git","push","--force")\n'}, "nox"),
    (
        {
            "noxfile.py": 'import nox\n@nox.session(name="u")\ndef t(session):\n    session.run("git","push","--force")\n'
        },
        "nox -s u",
    ),
    (
        {
            "noxfile.py": 'import nox\nfrom os import system as str\n@nox.session\ndef t(session):\n    str("git push")\n'
        },
        "nox",
    ),
    ({"Rakefile": 'task :go => [:x]\ntask :x do\n  sh "' + HARM + '"\nend\n'}, "rake go"),
    ({"Rakefile": 'task(:go) { sh "' + HARM + '" }\n'}, "rake go"),
    ({"Rakefile": 'file "go" do\n  sh "' + HARM + '"\nend\n'}, "rake go"),
    ({"Rakefile": 'namespace :a do\n  task :go do\n    sh "' + HARM + '"\n  end\nend\n'}, "rake a:go"),
    ({"Rakefile": 'desc "x"\ntask :go, [:a] do |t, a|\n  sh "' + HARM + '"\nend\n'}, "rake go"),
    ({"Rakefile": 'task :go do sh "' + HARM + '" end\n'}, "rake go"),
    ({"Rakefile": "def x\n  `git push`\nend\ntask :go do\n  x\nend\n"}, "rake go"),
    ({"Rakefile": 'require "./evil"\ntask :go\n'}, "rake go"),
    ({"mise.toml": '[tasks."go"]\nrun=["ls","' + HARM + '"]\n'}, "mise run go"),
    ({"mise.toml": '[tasks.go]\ndepends=["x"]\nrun="ls"\n[tasks.x]\nrun="' + HARM + '"\n'}, "mise r go"),
    ({".mise.toml": '[tasks.go]\nrun="' + HARM + '"\n'}, "mise run go"),
    ({"mise.toml": '[tasks.go]\nrun="ls"\n[env]\n_.source="x"\n'}, "mise run go"),
    (
        {
            ".pre-commit-config.yaml": 'repos:\n- repo: local\n  hooks:\n  - id: a\n    entry: bash -c "git push --force"\n    language: system\n'
        },
        "pre-commit run a",
    ),
    ({"Pipfile": '[scripts]\ngo="git push --force"\n'}, "pipenv run go"),
    ({"pyproject.toml": '[tool.pdm.scripts]\ngo={shell="git push --force"}\n'}, "pdm run go"),
    ({"pyproject.toml": '[tool.pdm.scripts]\ng="git"\n'}, "pdm run g push --force"),
    ({"pyproject.toml": '[tool.pdm.scripts]\npost_go="git push --force"\ngo="ls"\n'}, "pdm run go"),
    ({"pyproject.toml": '[tool.hatch.envs.default.scripts]\ngo="x"\nx="git push --force"\n'}, "hatch run go"),
    (
        {
            "pyproject.toml": '[tool.hatch.envs.a.scripts]\ngo="ls"\n[tool.hatch.envs.b.scripts]\ngo="git push --force"\n'
        },
        "hatch run b:go",
    ),
    (
        {
            "pyproject.toml": '[tool.hatch.envs.b.scripts]\ngo="git push --force"\n[tool.hatch.envs.z.scripts]\ngo="ls"\n'
        },
        "hatch run go",
    ),
    ({"hatch.toml": '[envs.default.scripts]\ngo="git push --force"\n'}, "hatch run go"),
    ({"pyproject.toml": '[tool.poe.tasks.go]\nsequence=[{cmd="ls"},{shell="git push --force"}]\n'}, "poe go"),
    ({"pyproject.toml": '[tool.poe.tasks]\ngo.ref="x"\nx="git push --force"\n'}, "poe go"),
    ({"pyproject.toml": '[tool.poe.tasks]\ngo.switch=[{cmd="ls"}]\ngo.control="git push"\n'}, "poe go"),
    ({"poe_tasks.toml": '[tool.poe.tasks]\ngo="git push --force"\n'}, "poe go"),
    ({"pyproject.toml": '[tool.poe.tasks]\ngo="git push --force"\n'}, "poetry run poe go"),
    ({"pyproject.toml": '[tool.poe.tasks]\ngo="git push --force"\n'}, "uv run poe go"),
    ({"pyproject.toml": '[tool.taskipy.tasks]\ngo="git push --force"\n'}, "uv run task go"),
    ({"build/build.ninja": "rule a\n command = " + HARM + "\nbuild x: a\n"}, "ninja -C build"),
    ({"build/build.ninja": "rule a\n command = $c\nbuild x: a\n c = " + HARM + "\n"}, "ninja -C build"),
    ({"build/build.ninja": "c = git push\nrule a\n command = $c --force\nbuild x: a\n"}, "ninja -C build"),
    ({"build/CTestTestfile.cmake": 'subdirs("x")\n'}, "ctest --test-dir build"),
]


@pytest.mark.parametrize(("files", "command"), CASES)
def test_a_hidden_line_is_never_allowed(tmp_path: Path, files: dict[str, str], command: str) -> None:
    root = tmp_path / "repo"
    (root / "src").mkdir(parents=True)
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    verdict = judge(
        POLICY,
        command,
        cwd=str(root),
        workspace_root=str(root),
        surroundings=ProjectSurroundings(workspace_root=str(root), toolchains=()),
    ).verdict
    assert verdict.verdict is not Decision.ALLOW
