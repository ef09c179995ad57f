"""Copies that sed keeps, and words that xargs hands to programs which only print them, are everyday work."""

from __future__ import annotations

import pytest

from workbench.model.verdict import Decision
from workbench.policy import judge, load_policy
from workbench.policy.load import ExampleSurroundings

POLICY = load_policy(is_tried=False)


def decide(text: str) -> Decision:
    return judge(
        POLICY, text, cwd="/ws", workspace_root="/ws", surroundings=ExampleSurroundings()
    ).verdict.verdict


@pytest.mark.parametrize(
    "text",
    [
        *("sed -i.bak 's/a/b/' x", "sed -i.orig s/a/b/ x", "sed --in-place=.old -e 5d x", "sed -i~ 5d x"),
        *("echo a b | xargs -n1 echo", "echo a b | xargs -n1 basename", "echo a b | xargs dirname"),
        *(
            "echo a b | xargs printf '%s\\n'",
            "cat x | xargs -I % echo %",
            "cat x | xargs -I % echo 'a % b'",
        ),
        "cat x | xargs -n1 printf '%s, '",
    ],
)
def test_it_asks_for_nothing(text: str) -> None:
    assert decide(text) is Decision.ALLOW


@pytest.mark.parametrize(
    "text",
    [
        *("sed -i.sh s/a/b/ x", "sed -i.yml s/a/b/ .github/workflows/x", "sed -iep '1e id' x"),
        *("sed -i.bak 's/a/b/e' x", "sed -i.bak s/a/b/ ../x", "sed -i.bak s/a/b/ .git/config"),
        *("sed -i'.git/*' s/a/b/ x", "echo x | xargs rm", "echo x | xargs -n1 sh", "xargs echo < .env"),
        *("cat x | xargs printf", "cat x | xargs -I % printf % a", "cat x | xargs printf -v a"),
        *(
            "cat x | xargs -I % % a",
            "cat x | xargs ./echo",
            "cat x | xargs env echo",
            "cat .env | xargs echo",
        ),
        *(
            "cat x | xargs echo > ../y",
            "cat x | xargs basename | sh",
            "cat x | xargs cat",
            "cat x | xargs touch",
        ),
    ],
)
def test_what_may_do_more_is_asked_about(text: str) -> None:
    assert decide(text) is not Decision.ALLOW
