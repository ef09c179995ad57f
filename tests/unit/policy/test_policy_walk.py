"""Commands are found wherever shell text hides them."""

from __future__ import annotations

import pytest
import tree_sitter_bash
from tree_sitter import Language

from workbench.policy.parse import parse_script
from workbench.policy.walk import plain

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
        "e\\vil x; ls *",
        "$'ev\\x69l' x",
        "'ev'il x; ls *",
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
        ("f() { ls | wc; }; f", False),
        ("ls", False),
    ],
)
def test_a_fork_bomb_is_told_from_a_function(text: str, expected: bool) -> None:
    assert ("fork_bomb" in parse_script(LANGUAGE, text).labels) is expected
