"""What was judged is what runs: the argv of a judgement does exactly what bash would do with the text.

Real bash runs both in the same folder, with programs that only say how they were called; the calls that the
judgement names are compared with what they say: program, words, folder and order. Texts are drawn from what
developers write and from pieces that attackers put together. Tests with judges that are wrong show that the
comparison notices.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from workbench.model.verdict import Decision, Judgement
from workbench.policy import judge, load_policy
from workbench.sandbox.lookup import ProjectSurroundings

POLICY = load_policy(is_tried=False)
SAYS = r"""#!/bin/bash
IFS= read -r -d '' fed
printf -v words '%s\x1f' "${0##*/}" "$@"
printf -v line '%s\x1d%s\x1d%s\x1d%s\x1e' "$words" "$PWD" "${CI-}" "$fed"
printf '%s' "${line//$'\n'/$'\x1c'}" >> "$LOG"
"""
"""Waits for its input, says how it was called, and only then ends: so a pipeline's parts speak in order.

What it says is one line, as bash writes line by line and two that run at once would mix theirs.
"""
PRINTS = "echo a; echo b\n"
GOES_ON = """printf '%s' "$fed" | "/usr/bin/${0##*/}" "$@"\n"""
PASSES = """set -f; "$@" $fed\n"""
PROGRAMS = dict.fromkeys(
    ("ls", "cat", "grep", "sort", "head", "wc", "git", "make", "find", "sed", "tee"), PRINTS
)
PROGRAMS |= {"env": GOES_ON, "timeout": GOES_ON, "xargs": PASSES}
PIECES = (
    *(
        "ls",
        "cat",
        "grep x",
        "sort",
        "head -1",
        "wc -l",
        "git status",
        "make",
        "find .",
        "sed -n 1p",
        "tee t1",
    ),
    *(
        "xargs wc -l",
        "env CI=1 ls",
        "timeout 5 ls",
        "bash -c 'ls *.py | cat'",
        "bash -c",
        "'ls -a'",
        "cd sub",
    ),
    *(
        " a.py",
        " *.py",
        " b*",
        " [ab].py",
        " ?.py",
        " sub/*",
        " 'a b'",
        ' "c d"',
        " -n",
        " --x=*",
        " none*",
    ),
    *(
        " > o1",
        " 2>&1",
        " < a.py",
        " >> o2",
        " &> o3",
        " <<< 'x y'",
        " <<E\nhere doc\nE\n",
        " << 'E'\n$x\nE\n",
    ),
    *(
        " && ",
        " || ",
        " | ",
        "; ",
        "\n",
        " ",
        "  ",
        "time ",
        "CI=1 ",
        "export CI=2",
        "[ -f a.py ]",
        "[ -d x ]",
    ),
    *(
        "echo *",
        "echo hi",
        "pwd",
        "true",
        "false",
        "cd ..",
        "pushd sub",
        "popd",
        "$x",
        "~",
        "\\",
        "'",
        "&",
        "#",
    ),
)
CALLS = (
    *("ls", "ls -a", "cat a.py", "cat -n 'c d.py'", "grep x a.py", "grep -n 'x y' b.py", "sort", "sort -r"),
    *("head -1", "wc -l a.py", "git status", "git log --oneline", "find . -name 'b.py'", "sed -n 1p a.py"),
    *("tee t1", "make", "env CI=1 ls -a", "env CI=1 sort", "timeout 5 ls sub", "bash -c 'ls -a | cat'"),
    *("bash -c 'cd sub && ls'", "xargs wc -l", "echo hi", "echo 'a  b' c", "pwd", "true", "CI=1 ls -a"),
)
WORDS = (" *.py", " b*", " [ab].py", " ?.py", " sub/*", " 'a.py'", ' "c d.py"', " a.py", " none.*", " .h*")
SENT = (" > o1", " >> o2", " 2>&1", " &> o3", " > 'o 4' 2>&1", " 2> o5")
FED = (" < a.py", " <<< 'x y'", " < 'c d.py'")
FIRST = ("cd sub && ", "pushd sub && ls && popd && ", "[ -f a.py ] && ", "[ -d x ] || ", "export CI=2 && ")
NO_ORDER = re.compile(
    r"(?:[<>]|\]|\b(?:echo|pwd|true|false|cd|export|pushd|popd)\b)[^;\n|]*\|(?!\|)|(?<!\|)\|(?!\|)[^;\n]*<"
)
"""In such a pipeline a part need not wait for the one before it, so that either may speak first."""
MAY_LEAVE_OUT = ("||", "false", "[", "cd", "pushd", "popd")
"""With one of these in a text bash may pass over calls that were judged; without, each of them runs."""

Judge = Callable[[str, str], Judgement]


def judge_it(text: str, root: str) -> Judgement:
    return judge(
        POLICY,
        text,
        cwd=root,
        workspace_root=root,
        surroundings=ProjectSurroundings(workspace_root=root, toolchains=()),
    )


def draw(chance: random.Random) -> str:
    """Returns a text: four in five of what developers write, the others any pieces in any order."""
    if chance.random() < 0.2:
        return "".join(chance.choice(PIECES) for _ in range(chance.randint(1, 8)))
    text = chance.choice(FIRST) if chance.random() < 0.2 else ""
    for number in range(chance.choice((1, 1, 2, 2, 3, 4))):
        if number:
            text += chance.choice((" && ", "; ", "\n", " || ", " && "))
        text += "time " if chance.random() < 0.05 else ""
        for part in range(chance.choice((1, 1, 1, 2, 2, 3))):
            text += " | " if part else ""
            text += chance.choice(CALLS)
            text += chance.choice(WORDS) if chance.random() < 0.25 else ""
            text += chance.choice(FED) if not part and chance.random() < 0.15 else ""
        text += chance.choice(SENT) if chance.random() < 0.2 else ""
    return text + (" << 'E'\n$x *\nE\n" if chance.random() < 0.05 else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One program as it was called: its name and words, the folder, and what it was given besides."""

    words: tuple[str, ...]
    cwd: str
    rest: tuple[str, ...]


class Ground:
    """Two folders with the same files, in which bash runs the text and what it was judged to be."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.tools = base / "tools"
        self.tools.mkdir()
        for name, ends in PROGRAMS.items():
            (self.tools / name).write_text(SAYS + ends)
            (self.tools / name).chmod(0o755)
        (self.tools / "bash").symlink_to("/bin/bash")
        self.is_clean = False

    def fill(self) -> None:
        """Makes both folders as they are to be, unless nothing has run in them since."""
        if self.is_clean:
            return
        self.is_clean = True
        for side in ("one", "two"):
            folder = self.base / side
            shutil.rmtree(folder, ignore_errors=True)
            (folder / "ws" / "sub").mkdir(parents=True)
            for name in ("a.py", "b.py", "c d.py", ".hidden.py", "z-n.py", "sub/x.py"):
                (folder / "ws" / name).write_text(name)

    def run(self, argv: list[str], folder: Path) -> tuple[list[Ran], dict[str, bytes], bytes]:
        """Returns how each program was called, in order, the files that are left, and bash's complaints."""
        log = folder.parent / "log"
        self.is_clean = False
        said_by_bash = subprocess.run(
            argv,
            cwd=folder,
            env={"PATH": f"{self.tools}:/nowhere", "LOG": str(log), "LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=30,
            check=False,
        ).stderr
        lines = log.read_text().replace("\x1c", "\n").split("\x1e")[:-1] if log.exists() else []
        calls = []
        for line in lines:
            # Which of the two folders it is in is no difference.
            words, cwd, *rest = line.replace("/two/", "/one/").split("\x1d")
            calls.append(Ran(words=tuple(words.split("\x1f")[:-1]), cwd=cwd, rest=tuple(rest)))
        written = {
            str(item.relative_to(folder)): item.read_bytes()
            for item in sorted(folder.rglob("*"))
            if item.is_file()
        }
        files = {
            name: re.sub(rb"(?m)^.*line \d+: |^bash: |^real.*|^user.*|^sys.*", b"", data).replace(
                b"/two/", b"/one/"
            )
            for name, data in written.items()
        }
        said = b"\n".join((said_by_bash, *written.values()))
        return calls, files, b"\n".join(re.findall(rb"line \d+: .*", said))


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    return Ground(tmp_path_factory.mktemp("judged").resolve())


def compare(ground: Ground, text: str, decide: Judge = judge_it) -> int | None:
    """Returns how many programs ran, all as they were judged; None for a text that is not allowed."""
    ground.fill()
    one, two = ground.base / "one" / "ws", ground.base / "two" / "ws"
    judgement = decide(text, str(one))
    if judgement.verdict.verdict is not Decision.ALLOW:
        return None
    argv = list(judgement.argv)
    if argv[0] not in ("/usr/bin/bash", "/bin/bash"):
        argv[0] = str(ground.tools / os.path.basename(argv[0]))
    ran, left, complained = ground.run(["/usr/bin/bash", "--norc", "--noprofile", "-p", "-c", text], one)
    again, also_left, _ = ground.run([word.replace("/one/", "/two/") for word in argv], two)
    if is_ordered := not NO_ORDER.search(text):
        assert again == ran, (text, argv)
    else:
        assert sorted(again, key=repr) == sorted(ran, key=repr), (text, argv)
    assert also_left == left, (text, argv)
    judged = [call for call in judgement.commands if os.path.basename(call.program) in PROGRAMS]
    listed = [(os.path.basename(call.program), call.argv[1:], call.cwd) for call in judged]
    if re.search(rb"line \d+: (?:cd|pushd|popd): ", complained):
        # Where such a step failed the calls after it are judged by both folders, and name one of them.
        listed = [(program, words, "") for program, words, _ in listed]
        ran = [replace(call, cwd="") for call in ran]
    missing = find_unjudged(listed, ran, is_ordered=is_ordered)
    assert missing is None, f"{text!r} ran {missing}, judged was {listed}"
    # A redirection from a file that is not there keeps its program from being started.
    if not complained and not any(word in text for word in MAY_LEAVE_OUT):
        assert len(ran) == len(listed), f"{text!r} ran {ran}, judged was {listed}"
    return len(ran)


def find_unjudged(
    judged: list[tuple[str, tuple[str, ...], str]], ran: list[Ran], *, is_ordered: bool
) -> Ran | None:
    """Returns the first program that ran and that no call judged, of those after the last one, names."""
    left = list(judged)
    for call in ran:
        found = next((index for index, one in enumerate(left) if is_same(one, call)), None)
        if found is None:
            return call
        del left[(0 if is_ordered else found) : found + 1]
    return None


def is_same(judged: tuple[str, tuple[str, ...], str], ran: Ran) -> bool:
    program, words, cwd = judged
    if (program, cwd) != (ran.words[0], ran.cwd):
        return False
    if words and words[-1] == "":
        # What xargs adds is not known before; an empty word stands for all of it.
        return ran.words[1 : len(words)] == words[:-1]
    return ran.words[1:] == words


def compare_many(ground: Ground, wanted: int, seed: int, decide: Judge = judge_it) -> None:
    """Compares texts until `wanted` of them were, most of those drawn, nearly all with a program that ran."""
    chance = random.Random(seed)
    compared = with_program = 0
    for _ in range(2 * wanted):
        text = draw(chance)
        try:
            ran = compare(ground, text, decide)
        except AssertionError as problem:
            raise AssertionError(f"seed {seed}: {problem}") from problem
        if ran is not None:
            compared += 1
            with_program += ran > 0
        if compared == wanted:
            break
    assert compared == wanted, f"seed {seed}: only {compared} of {2 * wanted} texts were allowed"
    assert with_program >= 0.8 * wanted, f"seed {seed}: only {with_program} of {wanted} ran a program"


@pytest.mark.parametrize(
    ("text", "programs"),
    [
        ("ls *.py", 1),
        ("cd sub && ls *.py", 1),
        ("grep x [ab].py | sort > o1", 2),
        ("cat <<'E' | sort\n$x *\nE", 2),
        ("bash -c 'ls *.py | cat'", 2),
        ("time ls | sort", 2),
        ("export CI=2 && ls", 1),
        ("[ -f a.py ] && ls none*", 1),
        ("pushd sub && ls && popd && ls", 2),
        ("env CI=1 ls ?.py", 2),
        ("ls | env CI=1 sort | xargs wc -l", 5),
        ("false || ls; true || cat", 1),
        ("cd nosuch || cat", 1),
        ("pwd > o1", 0),
    ],
)
def test_a_plain_command_is_allowed_and_does_what_bash_does(ground: Ground, text: str, programs: int) -> None:
    assert compare(ground, text) == programs


def test_what_is_allowed_does_what_bash_does(ground: Ground) -> None:
    compare_many(ground, wanted=100, seed=1)


@pytest.mark.long
def test_ten_thousand_texts_do_what_bash_does(ground: Ground) -> None:
    compare_many(ground, wanted=10_000, seed=random.SystemRandom().getrandbits(32))


def changed(change: Callable[[Judgement], Judgement]) -> Judge:
    return lambda text, root: change(judge_it(text, root))


def first_changed(judgement: Judgement, **fields: Any) -> Judgement:
    commands = judgement.commands
    return replace(judgement, commands=(*(replace(one, **fields) for one in commands[:1]), *commands[1:]))


def with_verdict(judgement: Judgement, decision: Decision) -> Judgement:
    return replace(judgement, verdict=replace(judgement.verdict, verdict=decision))


WRONG: dict[str, Judge] = {
    "no call is named": changed(lambda found: replace(found, commands=())),
    "the first call is left out": changed(lambda found: replace(found, commands=found.commands[1:])),
    "the last call is left out": changed(lambda found: replace(found, commands=found.commands[:-1])),
    "a call is named that is none": changed(
        lambda found: replace(found, commands=(*found.commands, *found.commands[:1]))
    ),
    "the order is another": changed(lambda found: replace(found, commands=found.commands[::-1])),
    "another program": changed(lambda found: first_changed(found, program="/usr/bin/git")),
    "other words": changed(lambda found: first_changed(found, argv=("ls", "-x"))),
    "another folder": changed(lambda found: first_changed(found, cwd="/elsewhere")),
    "other words are executed": changed(lambda found: replace(found, argv=("/usr/bin/ls", "-x"))),
    "nothing is allowed": changed(lambda found: with_verdict(found, Decision.REQUIRES_APPROVAL)),
    "everything is allowed": changed(lambda found: with_verdict(found, Decision.ALLOW)),
    "only what runs no program is allowed": lambda text, root: with_verdict(
        judge_it("pwd", root), Decision.ALLOW if text.startswith(("pwd", "echo")) else Decision.DENY
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_judge_that_is_wrong_is_noticed(ground: Ground, wrong: str) -> None:
    with pytest.raises(AssertionError):
        compare_many(ground, wanted=50, seed=2, decide=WRONG[wrong])
