"""Commands are found wherever shell text hides them."""

from __future__ import annotations

import pytest
import tree_sitter_bash
from tree_sitter import Language, Parser

from workbench.policy.parse import parse_script
from workbench.policy.walk import plain, walk_commands

LANGUAGE = Language(tree_sitter_bash.language())


@pytest.mark.parametrize(
    "text",
    [
        "echo $(evil x)",
        "echo `evil x`",
        'echo "a $(evil x) b"',
        "cat <(evil x)",
        "cat > >(evil x)",
        "f() { evil x; }",
        "(evil x)",
        "{ evil x; }",
        "if evil x; then ls; fi",
        "while evil x; do ls; done",
        "for i in a; do evil x; done",
        "case x in a) evil x;; esac",
        "! evil x",
        "evil x &",
        "ls && $(ls; evil x)",
        "echo ${a:-$(evil x)}",
        "echo $((1 + $(evil x)))",
        "[[ -n $(evil x) ]]",
        "X=$(evil x)",
        "export X=$(evil x)",
        "cat <<EOF\n$(evil x)\nEOF",
        "cat <<< $(evil x)",
        "ls > $(evil x)",
        "e\\vil x; ls $y",
        "$'ev\\x69l' x",
        "'ev'il x; ls $y",
    ],
)
def test_a_hidden_command_is_found(text: str) -> None:
    script = parse_script(LANGUAGE, text)
    assert not script.strict
    assert ["evil", "x"] in [[plain(word) for word in command.words] for command in script.commands]


@pytest.mark.parametrize(
    "text", ["bash <<EOF\nevil\nEOF", "bash <<< evil", "bash <<'EOF'\nevil\nEOF", "cat <<EOF | sh\nevil\nEOF"]
)
def test_what_feeds_a_shell_is_kept_as_its_text(text: str) -> None:
    script = parse_script(LANGUAGE, text)
    assert any("evil" in command.stdin_text for command in script.commands)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (":(){ :|:& };:", True),
        ("f() { f | f & }; f", True),
        ("f(){ f& f; }; f", True),
        ("f() { f & }; f", True),
        ("f() { (f &); f; }; f", True),
        ("f() { if true; then f & fi; f; }; f", True),
        ("f() { true && f & }; f", True),
        ("f() { f | cat | f; }; f", True),
        ("f() { f |& f; }; f", True),
        ("f() { { f; } | { f; }; }; f", True),
        ("f() { $(f) | f; }; f", True),
        ("f() { \\f & }; f", True),
        ("f() { command f & }; f", True),
        ("f() { eval 'f|f&'; }; f", True),
        ("function f { f | f & }; f", True),
        ("f() { ls | wc; }; f", False),
        ('usage() { echo "usage: x" >&2; }; usage', False),
        ('list() { echo "usage: x | list | done" >&2; }; list', False),
        ('clean() {\n echo "clean: removing build" >&2\n ls\n}\nclean', False),
        ("build() { make build > log 2>&1; }; build", False),
        ('walk() { for d in "$1"/*; do walk "$d"; done | sort; }; walk .', False),
        ("ls", False),
    ],
)
def test_a_fork_bomb_is_told_from_a_function(text: str, expected: bool) -> None:
    assert ("fork_bomb" in parse_script(LANGUAGE, text).labels) is expected


@pytest.mark.parametrize("text", ["a;" * 32_000, "if " * 20_000, "a=b;" * 20_000, "$(" * 30_000, "ls|" * 150])
def test_a_walk_looks_at_a_bounded_number_of_nodes_and_commands(text: str) -> None:
    data = text[: 16 * 1024].encode()
    walk = walk_commands(Parser(LANGUAGE).parse(data).root_node, data)
    assert walk.nodes <= 20_000
    assert len(walk.commands) <= 200


@pytest.mark.parametrize("text", ["cat " + "x" * 65_000, "a;" * 32_000, "if " * 20_000, "ls|" * 5_000])
def test_text_beyond_the_bounds_is_cut_and_says_so(text: str) -> None:
    script = parse_script(LANGUAGE, text)
    assert not script.strict
    assert "too_long" in script.labels
    assert len(script.commands) <= 200


def test_a_long_name_without_a_function_is_no_fork_bomb() -> None:
    assert "fork_bomb" not in parse_script(LANGUAGE, "cat " + "x" * 16_000).labels
