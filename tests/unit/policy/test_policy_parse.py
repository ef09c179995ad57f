"""The strict gate: strict text says exactly what bash would run; nothing else is strict, nothing crashes."""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

import pytest
import tree_sitter_bash
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tree_sitter import Language

from workbench.policy.parse import MOST_COMMANDS, parse_script, render_commands

LANGUAGE = Language(tree_sitter_bash.language())

STRICT = [
    ("ls -la", "'ls' '-la'"),
    ("a; b", "'a' ; 'b'"),
    ("a\nb\n", "'a' ; 'b'"),
    ("a &&\n b || c | d", "'a' && 'b' || 'c' | 'd'"),
    ("a > b 2>&1", "'a' >'b' 2>&1"),
    ("a && b >out c", "'a' && 'b' 'c' >'out'"),
    ("ls 2>x y", "'ls' 'y' 2>'x'"),
    (">x ls", "'ls' >'x'"),
    ("echo 2 >x", "'echo' '2' >'x'"),
    ("echo a2>x", "'echo' 'a2' >'x'"),
    ("&>x ls", "'ls' &>'x'"),
    ("cat <in >>out", "'cat' <'in' >>'out'"),
    ("echo 'it'\"s\"x", "'echo' 'itsx'"),
    ('echo "it\'s"', "'echo' 'it'\\''s'"),
    ("CI=1 B='x y' ls", "CI='1' B='x y' 'ls'"),
    ("git show HEAD~1 HEAD^", "'git' 'show' 'HEAD~1' 'HEAD^'"),
    ("# note\nls # more\n", "'ls'"),
    ("find . -exec ls {} \\;", "'find' '.' '-exec' 'ls' '{}' ';'"),
    ("'if' x", "'if' 'x'"),
    ('echo "é\n  "', "'echo' 'é\n  '"),
    ("ls;", "'ls'"),
]

NOT_STRICT = [
    "",
    " \n",
    "ls $x",
    "ls ${x}",
    'ls "$x"',
    "ls `id`",
    'ls "`id`"',
    "ls $(id)",
    "cat <(id)",
    "ls {a,b}",
    "ls ~",
    "ls ~/x",
    "ls a=~",
    "ls a:~x",
    "ls a='b'~x=~y",
    "ls \\x",
    "ls\\\n x",
    'ls "a\\b"',
    'ls "a!b"',
    "ls $'a'",
    'ls $"a"',
    "ls &",
    "(ls)",
    "{ ls; }",
    "! ls",
    "coproc ls",
    "if true; then ls; fi",
    "for i in a; do ls; done",
    "while true; do ls; done",
    "f() { ls; }",
    "function f { ls; }",
    "[[ -f x ]]",
    "((1))",
    "X=1",
    "X+=1 ls",
    "X[0]=1 ls",
    "X=(1 2) ls",
    "> x",
    "ls |& cat",
    "ls 3>x",
    "ls >&x",
    "ls <&3",
    "ls >&-",
    "a && && b",
    "a ;; b",
    "| a",
    "a |",
    "ls 'x",
    'ls "x',
    "ls é",
    "ls\u00a0x",
    "ls\rx",
    "ls\x0bx",
    "ls \x1b[31m",
    "ls '\x00'",
    "ls \ud800",
    "a=b=c",
    "'a=b' c",
    "''",
    "ls x#y z#",
    "ls " + "x" * 17000,
    "ls;&>x pwd",
    "ls 2> 2>x",
    "; ".join(["ls"] * (MOST_COMMANDS + 1)),
    "unset x",
    "*ls",
    "ls > *",
    "X=* ls",
    "ls a'b'*",
    "ls {a,b}*",
    "ls [a-z]",
    "ls | time cat",
    "time -p ls",
    "time time ls",
    "time",
    "export X",
    "export X=$Y",
    "declare X=1",
    "cat <<EOF\n$x\nEOF",
    "cat <<EOF\n\\x\nEOF",
    "cat <<-EOF\nx\nEOF",
    "cat <<EOF\nEOF",
    "cat <<EOF\nx",
    "12>f x <<A\nx\nA",
    "echo 'a\nb <<A\nx\nA\n",
    "# it's\ncat <<A\nx\nA",
    "echo 'a <<EOF\nx\nEOF",
    "cat <<A <<B\nx\nA\ny\nB",
    "cat <<< $x",
    "cat 3<<< x",
    "ls\u2028id",
]


STRICT += [
    ("ls *.py a?b [ab].c", "'ls' *.py a?b [ab].c"),
    ("time make -j4 | cat", "time 'make' '-j4' | 'cat'"),
    ("[ -f x ] && ls", "'[' '-f' 'x' ']' && 'ls'"),
    ("[ ! -d x ] || [ a = b ]", "'[' '!' '-d' 'x' ']' || '[' 'a' '=' 'b' ']'"),
    ("export CI=1 A='b c' && ls", "'export' 'CI=1' 'A=b c' && 'ls'"),
    ("cat <<< 'a b' > f", "'cat' <<<'a b' >'f'"),
    ("ls && cat >> f 2>g <<A | sort\nx\nA", "'ls' && 'cat' <<<'x' >>'f' 2>'g' | 'sort'"),
    ("cat > f <<'EOF'\na $b\nEOF", "'cat' <<<'a $b' >'f'"),
    ("echo 'a\nb <<A\nx\nA\n'", "'echo' 'a\nb <<A\nx\nA\n'"),
    ("cat <<EOF | sort\nb\na\nEOF\nls", "'cat' <<<'b\na' | 'sort' ; 'ls'"),
]


@pytest.mark.parametrize(("text", "rendered"), STRICT)
def test_plain_text_is_strict_and_rendered_with_every_word_quoted(text: str, rendered: str) -> None:
    script = parse_script(LANGUAGE, text)
    assert (script.strict, script.reasons, script.rendered) == (True, (), rendered)


@pytest.mark.parametrize("text", NOT_STRICT)
def test_text_that_bash_would_expand_or_group_is_not_strict(text: str) -> None:
    script = parse_script(LANGUAGE, text)
    assert not script.strict
    assert script.rendered == ""
    assert script.reasons


@pytest.mark.parametrize(("text", "rendered"), STRICT)
def test_rendering_again_changes_nothing(text: str, rendered: str) -> None:
    again = parse_script(LANGUAGE, rendered)
    assert again.strict
    assert render_commands(again.commands) == rendered


@given(st.text(max_size=200))
@settings(deadline=None, max_examples=300, derandomize=True)
def test_no_text_crashes_the_parser(text: str) -> None:
    script = parse_script(LANGUAGE, text)
    assert script.strict == bool(script.rendered)


@pytest.mark.parametrize(
    "opening", ["(", "{ ", "$(", "`", '"$(', "[[ ", "a |", "f() {", "<(", "${a:-", "if "]
)
def test_deep_nesting_does_not_crash_the_parser(opening: str) -> None:
    script = parse_script(LANGUAGE, opening * 3000)
    assert not script.strict


CRASHERS = [
    "{\U00031860",
    "$\U00039003",
    "\U0010ffff{",
    "{ \u4f7d",
    "${\U000c8b2d",
    "[[ \U00031860 =~ \U00031860",
]


@pytest.mark.parametrize("text", CRASHERS)
def test_characters_that_crash_the_grammar_never_reach_it(text: str) -> None:
    for repeats in range(1, 200):
        assert not parse_script(LANGUAGE, text * repeats).strict


@given(
    st.lists(
        st.characters(min_codepoint=0x80, exclude_categories=["Cs"])
        | st.sampled_from("{}$`'\"()<>|&;\n \\a"),
        max_size=80,
    ).map("".join)
)
@settings(deadline=None, max_examples=500, derandomize=True)
def test_text_of_any_language_does_not_crash_the_parser(text: str) -> None:
    parse_script(LANGUAGE, text)


PIECES = st.sampled_from(
    [
        *(
            "aa",
            "bb",
            "-x",
            "--y=z",
            "a=b",
            "1",
            "22",
            "HEAD~1",
            "x^",
            "%1",
            "@",
            "a:b",
            ".",
            "a,b",
            "+x",
            "{}",
            "\\;",
            "f*",
            "?0",
            "[f]0",
            "*",
        ),
        *(
            "'a b'",
            '"c  d"',
            "''",
            '""',
            "'it\"s'",
            '"it\'s"',
            "'\n'",
            "'é'",
            "x'y'",
            "'y'\"z\"w",
            '"a#b"',
            "'$x'",
        ),
        *(
            " ",
            "  ",
            "\t",
            "\n",
            " ",
            " ",
            ";",
            "&&",
            "||",
            "|",
            " && ",
            " | ",
            ">f1",
            "> f2",
            ">>f1",
            "2>f3",
            "2>&1",
        ),
        *(
            "<f0",
            "&>f4",
            ">|f5",
            "1>f6",
            "#",
            " # c\n",
            "~",
            "=",
            "\\",
            "$",
            "*",
            "!",
            "&",
            "(",
            ")",
            "{",
            "}",
            "A=1 ",
        ),
        *(
            "time ",
            "[ ",
            " ]",
            "export A=1",
            " <<< 'i n' ",
            "aa <<E\nin put\nE\n",
            "bb <<'E' > f8\n$in *\nE\n",
            "if ",
            "\r",
            "\u00a0",
            "\\\n",
            "$'a'",
            "[",
            "]",
            "^",
            "~+",
            "=~",
            "2",
            "12>f7",
            "<",
            ">",
            "-",
        ),
    ]
)
TEXTS = st.lists(PIECES, min_size=1, max_size=14).map("".join)
TELL = (
    "command_not_found_handle() {\n"
    "local line input; IFS= read -r -d '' input; printf -v line '<%q>' \"$@\" \"$input\"\n"
    "printf '%s\\001' \"$line\" >&9; }\n"
    "exec 9>&1\n"
)
BUILTINS = frozenset(
    subprocess.run(
        ["bash", "-c", "compgen -b; compgen -k"], capture_output=True, text=True, check=True
    ).stdout.split()
)


def run_in_bash(text: str) -> tuple[list[str], dict[str, bytes]]:
    """Returns the argument lists of all commands that bash runs for the text, and the files it leaves."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "f0").write_text("")
        done = subprocess.run(
            ["/usr/bin/bash", "--norc", "--noprofile", "-p", "-c", TELL + text],
            cwd=folder,
            env={"PATH": "/nonexistent"},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=30,
        )
        # The rendered form is one line, so bash's own messages count lines differently.
        files = {
            item.name: re.sub(rb"line \d+", b"line", item.read_bytes())
            for item in sorted(Path(folder).iterdir())
        }
        return sorted(done.stdout.split("\x01")), files


def check_that_bash_agrees(text: str) -> None:
    script = parse_script(LANGUAGE, text)
    if not script.strict:
        return
    first_words = {command.words[0] for command in script.commands}
    if any("/" in word or word in BUILTINS - {"[", "export"} or word.startswith("%") for word in first_words):
        return
    assert run_in_bash(text) == run_in_bash(script.rendered), text


@given(TEXTS)
@settings(
    deadline=None,
    max_examples=600,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
def test_the_rendered_form_is_what_bash_would_have_run(text: str) -> None:
    check_that_bash_agrees(text)


@pytest.mark.long
@given(TEXTS)
@settings(deadline=None, max_examples=20_000, suppress_health_check=[HealthCheck.too_slow])
def test_the_rendered_form_is_what_bash_would_have_run_for_thousands(text: str) -> None:
    check_that_bash_agrees(text)
