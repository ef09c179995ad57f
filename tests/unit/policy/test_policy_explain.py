"""What explain says would have to change does change the verdict, and could be true of that program."""

from __future__ import annotations

import pytest

from workbench.model.layer import POSTURES
from workbench.model.verdict import Decision, Effect
from workbench.policy.calls import NOT_UNDERSTOOD
from workbench.policy.evaluate import decide_each
from workbench.policy.examples import EXAMPLE_ROOT, ExampleSurroundings, read_examples
from workbench.policy.explain import Part, explain
from workbench.policy.judge import Policy
from workbench.policy.load import load_policy

ORDER = tuple(Decision)
STANDARD = load_policy(is_tried=False)


def parts_of(policy: Policy, text: str) -> tuple[Part, ...]:
    return explain(
        policy, text, cwd=EXAMPLE_ROOT, workspace_root=EXAMPLE_ROOT, surroundings=ExampleSurroundings()
    ).parts


@pytest.mark.parametrize(
    ("text", "without", "having"),
    [
        ("ls --frob", ("form_unknown", "unknown"), ("understood",)),
        ("cat --frob x", ("form_unknown", "unknown"), ("understood",)),
        ("frobnicate x", ("program_unknown", "unknown"), ("understood",)),
        ("curl https://example.org", ("network",), ()),
        ("cat .env", ("reads_secret",), ()),
    ],
)
def test_what_would_have_to_change_could_be_true_of_the_program(
    text: str, without: tuple[str, ...], having: tuple[str, ...]
) -> None:
    (part,) = parts_of(STANDARD, text)
    (change,) = part.changes
    assert (change.verdict, change.without, change.having) == (Decision.ALLOW, without, having)


@pytest.mark.parametrize("posture", POSTURES)
def test_each_change_leads_to_its_verdict_and_adds_no_effect(posture: str) -> None:
    policy = load_policy(posture, is_tried=False)
    effects = {effect.value for effect in Effect}
    texts = [example.command for example in read_examples("e", policy.shipped["examples.toml"])]
    seen = 0
    for text in texts[:: 1 if posture == "standard" else 5]:
        for part in parts_of(policy, text):
            for change in part.changes:
                facts = (frozenset(part.facts) - set(change.without)) | set(change.having)
                assert not effects & set(change.having), text
                if "understood" in change.having:
                    assert not facts & set(NOT_UNDERSTOOD), text
                if part.command is not None or change.verdict is not Decision.ALLOW:
                    then = decide_each(policy.ruleset, [facts])[0].decision
                    assert ORDER.index(then) <= ORDER.index(change.verdict), text
                seen += 1
    assert seen > 20
