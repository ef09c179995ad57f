"""Values are harmless only in forms that are known to be."""

from __future__ import annotations

import pytest

from workbench.policy.snippets import fits

HARMLESS = {
    "number": ["1", "-5", "+3", "1.5", "10M", "50%", "30s"],
    "mode": ["644", "755", "0755", "+x", "u+rw", "a-w,u+x"],
    "sed": [
        *("1,20p", "$d", "s/a/b/g", "s|a|b|;5d", "/a/,/b/p", "/x/!d", "y/ab/cd/", "s/a\\/b/c/2", "10q"),
    ],
    "awk": [
        *("{print $1}", "NR==5", "$3 > 100", '/re/ {print $1 ":" $2}', "{s += $1} END {print s}", "NR>1"),
        *('{printf "%s\\n", $1}', "a || b"),
    ],
    "assign": ["A=1", "a_b="],
    "module": ["pytest", "json.tool"],
}
REFUSED = {
    "number": ["", "x", "1;2", "--5", "$1"],
    "mode": ["4755", "777", "u+s", "o+t", "666", "2755"],
    "sed": [
        *(
            "",
            "w x",
            "s/a/b/w x",
            "s/a/b/e",
            "e",
            "1e id",
            "r x",
            "R x",
            "W x",
            "p;w x",
            "s/a/b/gw x",
            "a text",
        ),
        *(
            "i text",
            "c x",
            "{p}",
            "s/a/b/\nw x",
            "1,2w x",
            "\\ca cw x",
            "s/a/b/;e id",
            "F",
            "v",
            "b x",
            "dw x",
        ),
        *("y/a/b/w x", "s/[/]w x/b/", "l", "Q1", "s/a/b/m", "0~4p"),
    ],
    "awk": [
        *(
            '{print > "x"}',
            '{print | "x"}',
            "{system(x)}",
            "{getline}",
            '{print >> "x"}',
            "@include x",
            "{close(x)}",
        ),
        *("{f(x)}", '"unclosed', "{a=1; {print > x}}", "{ENVIRON}", "`x`", "{x|&y}", "{ARGV[1]=2}"),
        *("function f() {}", "{print $1 > $2}", '{ if (1) {a} print > "x" }'),
    ],
    "assign": ["A", "=1", "1=2", "a-b=1"],
    "module": ["a/b", "-x", "a;b", ""],
    "none": ["x"],
    "infile": ["host:x"],
    "host": ["-oProxyCommand=x"],
}


@pytest.mark.parametrize(
    ("kind", "text"), [(kind, text) for kind, texts in HARMLESS.items() for text in texts]
)
def test_harmless_values_fit(kind: str, text: str) -> None:
    assert fits(kind, text)


@pytest.mark.parametrize(
    ("kind", "text"), [(kind, text) for kind, texts in REFUSED.items() for text in texts]
)
def test_anything_else_does_not_fit(kind: str, text: str) -> None:
    assert not fits(kind, text)
