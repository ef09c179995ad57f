"""What cannot run here is not recommended as if it could, however it is wrapped; what may run is not refused.

Each command stands in a task of the example, and the real command line is asked about it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from support.ground import commit_all
from workbench.app.offline import advise_offline
from workbench.features import discover
from workbench.model.recommendation import Runnable

EXAMPLE = Path(__file__).parents[2] / "examples" / "todo-cli"


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))
    made = tmp_path / "repo"
    shutil.copytree(EXAMPLE, made)
    script = made / "written.sh"
    script.write_text("#!/usr/bin/env bash\necho hi\n")
    script.chmod(0o755)
    foreign = made / "foreign.sh"
    foreign.write_text("#!/usr/bin/env nosuchprog\n")
    foreign.chmod(0o755)
    (made / "tests" / "run.sh").chmod(0o644)
    (made / "own_module.py").write_text("print(1)\n")
    (made / "link.md").symlink_to("README.md")
    (made / "out.md").symlink_to(tmp_path / "elsewhere.md")
    (tmp_path / "elsewhere.md").write_text("x\n")
    commit_all(made)
    subprocess.run(["git", "branch", "side/branch"], cwd=made, check=True)
    subprocess.run(["git", "tag", "v1"], cwd=made, check=True)
    return made.resolve()


def proof(repo: Path, command: str) -> Runnable:
    tasks = repo / "specs/002-mark-done/tasks.md"
    lines = tasks.read_text().split("\n")
    lines = [f"- [ ] T004 Run `{command}`" if line.startswith("- [ ] T004") else line for line in lines]
    tasks.write_text("\n".join(lines))
    (advice,) = advise_offline(repo, discover(repo, cache_dir=None), "002-mark-done")
    found = advice.recommendation
    assert found is not None
    offered = {found.command: found.runnable, **{o.command: o.runnable for o in found.alternatives}}
    return offered[command]


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("timeout 5 nosuchprog", "nosuchprog is not installed here"),
        ("nice nosuchprog", "nosuchprog is not installed here"),
        ("env nosuchprog", "nosuchprog is not installed here"),
        ("env A=1 nice -n 5 timeout 5 nosuchprog x", "nosuchprog is not installed here"),
        ("sh -c 'nosuchprog'", "nosuchprog is not installed here"),
        ('bash -c "nosuchprog x"', "nosuchprog is not installed here"),
        ("xargs nosuchprog", "nosuchprog is not installed here"),
        ("find . -exec nosuchprog {} +", "nosuchprog is not installed here"),
        ("for f in a b; do nosuchprog $f; done", "nosuchprog is not installed here"),
        ('echo "$(nosuchprog)"', "nosuchprog is not installed here"),
        ("echo nosuchprog; nosuchprog", "nosuchprog is not installed here"),
        ("/usr/bin/nosuchprog x", "/usr/bin/nosuchprog is not installed here"),
        ("timeout 5 make deploy", "Makefile has no target deploy"),
        ("sh -c 'make deploy'", "Makefile has no target deploy"),
        ("/usr/bin/python3 -m nosuchmod", "python3 has no module nosuchmod"),
        ("timeout 5 python3 -m nosuchmod", "python3 has no module nosuchmod"),
        ("cd nosuch", "nosuch is no folder of the repository"),
        ("cd nosuch && ls", "nosuch is no folder of the repository"),
        ("(cd nosuch && ls)", "nosuch is no folder of the repository"),
        ("cd README.md; ls", "README.md is no folder of the repository"),
        ("git -C nosuch status", "nosuch is no folder of the repository"),
        ("cat nosuch.txt", "nosuch.txt is no file of the repository"),
        ("cat < nosuch.txt", "nosuch.txt is no file of the repository"),
        ("timeout 5 cat nosuch.txt", "nosuch.txt is no file of the repository"),
        ("sh -c 'cat nosuch.txt'", "nosuch.txt is no file of the repository"),
        ("cat README.md nosuch.txt", "nosuch.txt is no file of the repository"),
        ("cd tests && cat nosuch.txt", "nosuch.txt is no file of the repository"),
        ("cd tests; cat README.md", "README.md is no file of the repository"),
        ("cp nosuch.txt b", "nosuch.txt is no file of the repository"),
        ("rm nosuch.txt", "nosuch.txt is no file of the repository"),
        ("sed -i s/a/b/ nosuch.txt", "nosuch.txt is no file of the repository"),
        ("bash nosuch.sh", "nosuch.sh is no file of the repository"),
        ("cat out.md", "out.md leads out of the repository"),
        ("git checkout nosuchbranch", "there is no branch, tag or commit nosuchbranch"),
        ("git switch -q nosuchbranch", "there is no branch, tag or commit nosuchbranch"),
        ("./README.md", "./README.md is not executable"),
        ("./tests", "./tests is a folder"),
        ("./nosuch.sh", "nosuch.sh is no file of the repository"),
        ("./foreign.sh", "nosuchprog, which ./foreign.sh is written for, is not installed here"),
        ("cd tests; ./run.sh", "./run.sh is not executable"),
        ("(cd tests && cat nosuch.txt)", "nosuch.txt is no file of the repository"),
        ("(cd tests && make test)", "there is no Makefile in tests"),
        ("builtin cd nosuch", "nosuch is no folder of the repository"),
        ("wc -l README.md nosuch.txt | sort", "nosuch.txt is no file of the repository"),
        ("source nosuch.sh", "nosuch.sh is no file of the repository"),
        (". ./x.sh", "x.sh is no file of the repository"),
        ("chmod 4755 nosuch.sh", "nosuch.sh is no file of the repository"),
        ("cat ../../secret", "../../secret leads out of the repository"),
        ("cat < ../secret", "../secret leads out of the repository"),
        ("cp ../secret own.txt", "../secret leads out of the repository"),
        ("timeout 5 bash ../run.sh", "../run.sh leads out of the repository"),
        ("timeout 5 ../run.sh", "../run.sh leads out of the repository"),
        ("cd tests && cat ../../secret", "../../secret leads out of the repository"),
        ("cat /root/a", "/root/a lies outside the repository, where the sandbox shows nothing"),
        ("cat /home/ann/a", "/home/ann/a lies outside the repository, where the sandbox shows nothing"),
        ("chmod 755 755", "755 is no file of the repository"),
    ],
)
def test_what_is_surely_missing_is_told_with_its_reason(repo: Path, command: str, reason: str) -> None:
    assert proof(repo, command) == Runnable(ok=False, reasons=(reason,))


@pytest.mark.parametrize(
    "command",
    [
        "source written.sh",
        ". ./written.sh",
        "./written.sh",
        "cd tests && ../written.sh",
        "cd tests; ../written.sh",
        "/usr/bin/env bash written.sh",
        "cat link.md",
        "cat specs/*/spec.md",
        "cat /etc/hostname",
        "echo a > made.txt && cat made.txt",
        "cp README.md made.txt && cat made.txt",
        "tee made.txt < README.md && cat made.txt",
        "mkdir -p made && cd made && ls",
        "make test && cat build/report.txt",
        "chmod +x tests/run.sh && ./tests/run.sh",
        "test -f nosuch.txt || echo none",
        "[ -f nosuch.txt ] && cat nosuch.txt",
        "if [ -f nosuch.txt ]; then cat nosuch.txt; fi",
        "command -v nosuchprog && nosuchprog",
        "say() { echo hi; }; say",
        "for f in README.md; do cat $f; done",
        "rm -f nosuch.txt",
        "touch nosuch.txt",
        "cat tests/../README.md",
        "cd tests && cat ../README.md",
        "ls ..",
        "ls ../..",
        "cat ../../../../../../../../../../etc/hostname",
        "cat /opt/a",
        "cat /home/sandbox/a",
        "test -f ../secret && cat ../secret",
        "echo ../secret",
        "echo a > ../made.txt; cat ../made.txt",
        "chmod 4755 todo.sh",
        "chmod -R 2775 tests",
        "chmod a+xs todo.sh",
        "chmod u=rwxs,g+s todo.sh",
        "git checkout side/branch",
        "git checkout v1",
        "git checkout README.md",
        "git checkout tests",
        "git checkout -b nosuchbranch",
        "python3 -m own_module",
        "python3 -m json.tool README.md",
        "python3 -m unittest",
        "set -e; ls",
        "diff README.md link.md",
        "python3 - <<< 'print(1)'",
        "A=1 ./written.sh",
        "test -x nosuch.sh && ./nosuch.sh",
        "(cd tests; ls); cat README.md",
        "{ cd tests; ls; }; cat run.sh",
        "cd tests && cd .. && cat README.md",
        "(cd tests && ls) && make test",
        "[ -d tests ] && cd tests; cat README.md",
        "PATH=bin:$PATH nosuchprog",
        "export PATH=$PWD/bin:$PATH; nosuchprog",
        ". ./written.sh && nosuchprog",
        "python3 -m unittest discover -s tests",
        "awk '{print}' x=1 README.md",
        "bash -c 'cd tests && ls' && cat README.md",
    ],
)
def test_what_may_run_is_not_called_missing(repo: Path, command: str) -> None:
    assert proof(repo, command) == Runnable(ok=True)


@pytest.mark.parametrize(
    "command",
    [
        "git config user.name Ann",
        "git config --local --bool core.bare false",
        "git config --unset user.name",
        "git config set user.name Ann",
        "git remote add other ../other.git",
        "git remote set-url --push origin x",
        "git remote rename a b",
        "timeout 5 git remote rm a",
        "git add README.md && git config user.name Ann",
        "cd tests && git config user.name Ann",
    ],
)
def test_what_writes_the_configuration_of_the_repository_is_left_to_the_user(
    repo: Path, command: str
) -> None:
    reasons = ("the sandbox keeps .git/config as it is; run it yourself",)
    assert proof(repo, command) == Runnable(ok=False, reasons=reasons)


@pytest.mark.parametrize(
    "command",
    [
        "git config --get user.name",
        "git config user.name",
        "git config get user.name",
        "git config --list",
        "git config --global user.name Ann",
        "git config -f own.conf user.name Ann",
        "git config --file=own.conf user.name Ann",
        "git remote",
        "git remote -v",
        "git remote show",
        "git -c user.name=Ann status",
        "echo git config user.name Ann",
        "git init -q made && cd made && git config user.name Ann",
    ],
)
def test_what_leaves_the_configuration_of_the_repository_alone_may_run(repo: Path, command: str) -> None:
    assert proof(repo, command).reasons == ()


def test_the_users_home_is_hidden_wherever_it_is_but_for_the_repository(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    reason = f"{tmp_path}/secret lies outside the repository, where the sandbox shows nothing"
    assert proof(repo, f"cat {tmp_path}/secret") == Runnable(ok=False, reasons=(reason,))
    assert proof(repo, f"cat {repo}/README.md") == Runnable(ok=True)


def test_git_is_not_recommended_where_there_is_no_repository(repo: Path) -> None:
    shutil.rmtree(repo / ".git")
    reasons = ("there is no git repository here",)
    for command in ("git status", "git checkout main", "timeout 5 git add -A"):
        assert proof(repo, command) == Runnable(ok=False, reasons=reasons)
    for command in ("git init && git status", "git --version", "git diff --no-index README.md todo.sh"):
        assert proof(repo, command) == Runnable(ok=True)


def test_a_tracked_file_that_was_deleted_can_be_checked_out_by_its_name(repo: Path) -> None:
    (repo / "written.sh").unlink()
    assert proof(repo, "git checkout written.sh") == Runnable(ok=True)


def test_a_module_is_looked_for_in_the_projects_own_environment_and_none_of_its_code_runs(repo: Path) -> None:
    subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", ".venv"], cwd=repo, check=True)
    (site,) = (repo / ".venv/lib").glob("python3*/site-packages")
    (site / "there.py").write_text("open('ran', 'w')\n")
    (site / "bare").mkdir()
    (site / "bare" / "__init__.py").write_text("open('ran', 'w')\n")
    assert proof(repo, ".venv/bin/python -m there") == Runnable(ok=True)
    said = proof(repo, ".venv/bin/python -m nosuchmod")
    assert said == Runnable(ok=False, reasons=("python has no module nosuchmod",))
    said = proof(repo, ".venv/bin/python -m bare")
    assert said == Runnable(ok=False, reasons=("the module bare of python cannot be run",))
    (repo / ".venv/bin/tool").write_text("#!/bin/sh\n")
    (repo / ".venv/bin/tool").chmod(0o755)
    assert proof(repo, ". .venv/bin/activate && tool") == Runnable(ok=True)
    said = proof(repo, ". .venv/bin/activate && nosuchprog")
    assert said == Runnable(ok=False, reasons=("nosuchprog is not installed here",))
    # An import hook may bring any module: then nothing is claimed.
    (site / "hook.pth").write_text("import there\n")
    assert proof(repo, ".venv/bin/python -m nosuchmod") == Runnable(ok=True)
    assert not (repo / "ran").exists()


@pytest.mark.parametrize(
    ("recipe", "reasons"),
    [
        ("nosuchprog -q", ("nosuchprog is not installed here; Makefile:4 needs it",)),
        ("@A=1 nosuchprog", ("nosuchprog is not installed here; Makefile:4 needs it",)),
        ("@echo hi && timeout 5 nosuchprog", ("nosuchprog is not installed here; Makefile:4 needs it",)),
        ("@./gone.sh", ("gone.sh is no file of the repository; Makefile:4 needs it",)),
        ("cd tests && ./gone.sh", ("gone.sh is no file of the repository; Makefile:4 needs it",)),
        ("python3 gone.py", ("gone.py is no file of the repository; Makefile:4 needs it",)),
        ("cp README.md gone.sh && ./gone.sh", ()),
        ("./gone.sh; true", ()),
        ("python3 -m nosuchmod", ("python3 has no module nosuchmod; Makefile:4 needs it",)),
        ("PYTHONPATH=src python3 -m nosuchmod", ()),
        ("-nosuchprog", ()),
        ("nosuchprog || true", ()),
        ("if command -v nosuchprog; then nosuchprog; fi", ()),
        ("bash tests/run.sh", ()),
        ("cat nosuch.txt", ("nosuch.txt is no file of the repository; Makefile:4 needs it",)),
    ],
)
def test_what_the_recipe_of_a_target_starts_is_proved_where_its_line_is_plain(
    repo: Path, recipe: str, reasons: tuple[str, ...]
) -> None:
    makefile = repo / "Makefile"
    lines = makefile.read_text().split("\n")
    assert lines[3].startswith("\t")
    lines[3] = "\t" + recipe
    makefile.write_text("\n".join(lines))
    assert proof(repo, "make test") == Runnable(ok=not reasons, reasons=reasons)


@pytest.mark.parametrize(
    ("command", "script", "place"),
    [
        ("bash x.sh", "nosuchprog", "x.sh:1"),
        ("sh ./x.sh", "#!/bin/sh\n\n# as planned\nnosuchprog -q\n", "x.sh:4"),
        ("timeout 5 bash -eu x.sh a", "nosuchprog\necho done\n", "x.sh:1"),
        ("bash x.sh", "set -euo pipefail\nnosuchprog $1\necho done\n", "x.sh:2"),
        ("bash x.sh", 'cd "$(dirname "$0")"\nnosuchprog\n', "x.sh:2"),
        ("./x.sh", "#!/usr/bin/env bash\nnosuchprog\n", "x.sh:2"),
        ("./x.sh", "#!/bin/sh -e\nnosuchprog\necho done\n", "x.sh:2"),
        ("cd tests && bash ../x.sh", "nosuchprog\n", "x.sh:1"),
        ("bash x.sh", "bash y.sh\n", "y.sh:1"),
    ],
)
def test_what_a_script_starts_is_proved_where_the_script_surely_fails_without_it(
    repo: Path, command: str, script: str, place: str
) -> None:
    (repo / "y.sh").write_text("nosuchprog\n")
    (repo / "x.sh").write_text(script)
    (repo / "x.sh").chmod(0o755)
    reasons = (f"nosuchprog is not installed here; {place} needs it",)
    assert proof(repo, command) == Runnable(ok=False, reasons=reasons)


@pytest.mark.parametrize(
    ("command", "script"),
    [
        ("bash x.sh", "nosuchprog\necho done\n"),
        ("bash x.sh", "nosuchprog || true\n"),
        ("bash x.sh", "set -e\nnosuchprog && echo yes\necho done\n"),
        ("bash x.sh", "if true; then\n  exit 0\nfi\nnosuchprog\n"),
        ("bash x.sh", "exit 0\nnosuchprog\n"),
        ("bash x.sh", "true && exit 0\nnosuchprog\n"),
        ("bash x.sh", "trap 'exit 0' EXIT\nnosuchprog\n"),
        ("bash x.sh", "nosuchprog() {\n  echo hi\n}\nnosuchprog\n"),
        ("bash x.sh", "set -e\ncat <<END\nnosuchprog\nEND\n"),
        ("bash x.sh", ". ./written.sh\nnosuchprog\n"),
        ("bash x.sh", "export PATH=bin:$PATH\nnosuchprog\n"),
        ("bash x.sh", "set -e\nset +e\nnosuchprog\necho done\n"),
        ("bash x.sh", "cp y.sh z.sh\nbash z.sh\n"),
        ("bash x.sh", 'cd "$1"\nbash gone.sh\n'),
        ("bash x.sh", "cd tests\nbash run.sh\n"),
        ("bash -n x.sh", "nosuchprog\n"),
        ("cat x.sh", "nosuchprog\n"),
        ("echo bash x.sh", "nosuchprog\n"),
        ("cp written.sh x.sh && bash x.sh", "nosuchprog\n"),
        ("bash x.sh", "echo nosuchprog\n"),
    ],
)
def test_a_script_that_may_go_well_is_not_called_impossible(repo: Path, command: str, script: str) -> None:
    (repo / "y.sh").write_text("echo hi\n")
    (repo / "x.sh").write_text(script)
    assert proof(repo, command).reasons == ()


def test_pytest_is_missing_exactly_where_the_interpreter_of_the_sandbox_has_none(repo: Path) -> None:
    asked = subprocess.run(
        ["/usr/bin/python3", "-c", "import importlib.util as u; print(u.find_spec('pytest') is None)"],
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
        env={"PATH": os.environ["PATH"]},
    )
    reasons = ("python3 has no module pytest",) if asked.stdout.strip() == "True" else ()
    assert proof(repo, "python3 -m pytest") == Runnable(ok=not reasons, reasons=reasons)
