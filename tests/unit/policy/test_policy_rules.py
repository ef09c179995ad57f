"""Only rules that speak about facts, in a shape that means something, are taken; a problem has its line."""

from __future__ import annotations

import re

import cedarpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.model.actor import Role
from workbench.model.errors import WorkbenchError
from workbench.model.verdict import Decision, RiskLevel
from workbench.policy.broken import PolicyBroken
from workbench.policy.load import load_policy
from workbench.policy.rules import check_types, read_rules

HEAD = '@id("a-rule") @risk("low") @reason("a_reason")\n'
BOTH = '(principal, action in [Action::"run", Action::"run_with_approval"], resource)'
RUN = '(principal, action == Action::"run", resource)'


@pytest.mark.parametrize(
    ("rule", "verdict"),
    [
        (f"permit {BOTH};", Decision.ALLOW),
        (f"forbid {RUN};", Decision.REQUIRES_APPROVAL),
        (f"forbid {BOTH};", Decision.DENY),
        ('permit (principal, action == Action::"run_with_approval", resource);', Decision.REQUIRES_APPROVAL),
        ('forbid (principal, action == Action::"approve", resource);', None),
    ],
)
def test_what_a_rule_means_follows_from_its_effect_and_its_actions(
    rule: str, verdict: Decision | None
) -> None:
    (read,) = read_rules("p.cedar", HEAD + rule)
    assert (read.verdict, read.risk, read.reason, read.text) == (
        verdict,
        RiskLevel.LOW,
        "a_reason",
        "a reason",
    )


REFUSED = [
    (f"permit {RUN};", "p.cedar:1: a-rule: a permit on run has no meaning here"),
    ("forbid (principal, action, resource);", "names no action"),
    (f'forbid {RUN} when {{ context.role like "git push*" }};', "uses like, which speaks of text"),
    (f"forbid {RUN} when {{ context.count + 1 == 2 }};", "uses the operator add, which can fail"),
    (f"forbid {RUN} when {{ -1 == 2 }};", "uses LongLit"),
    (f"forbid {RUN} when {{ context.count < 1 }};", "uses the operator less"),
    (f"forbid {RUN} when {{ resource.open }};", "uses GetAttr"),
    (f'forbid {RUN} when {{ principal == Requester::"x" }};', "uses principal as a whole"),
    (f"forbid {RUN} when {{ context has network }};", "uses has; every fact is always there"),
    (f"forbid {RUN} when {{ if true then true else false }};", "uses IfThenElse"),
    ('forbid (principal in Group::"x", action == Action::"run", resource);', "names a principal"),
    ('forbid (principal, action == Action::"run", resource == Workspace::"x");', "names a principal or"),
    ('forbid (principal == ?principal, action == Action::"run", resource);', "templates with slots"),
    (f"forbid {RUN} when {{ context.network }}", "does not end with ;"),
    (f'forbid {RUN} when {{ context.role == "x }};', "a text that is never closed"),
    ("forbid (principal;", "p.cedar:1: is not Cedar"),
    (f'forbid {RUN} when {{ ["a"] == ["b"] }};', "uses a list that nothing is looked for in"),
    (f'forbid {RUN} when {{ ["a"].contains(["b"]) }};', "uses a list that nothing is looked for in"),
]
APPROVE = '(principal, action == Action::"approve", resource)'
ROLES, RISKS = "viewer, operator, approver or admin", "low, medium or high"
NO_WORD = [
    ('context.risk == "High"', f"a-rule: there is no risk 'High'; use {RISKS}"),
    ('"owner" == context.role', f"a-rule: there is no role 'owner'; use {ROLES}"),
    ('context.own_request && !(context.role != "Approver")', f"there is no role 'Approver'; use {ROLES}"),
    ('["high", "severe"].contains(context.risk)', f"there is no risk 'severe'; use {RISKS}"),
    ('[context.role].contains("nobody")', f"there is no role 'nobody'; use {ROLES}"),
    ('(context.role == "high") == true', f"there is no role 'high'; use {ROLES}"),
    ('true || (context.risk == "") == false', f"there is no risk ''; use {RISKS}"),
]


@pytest.mark.parametrize(("rule", "problem"), REFUSED)
def test_a_rule_that_could_err_or_speaks_of_text_is_refused(rule: str, problem: str) -> None:
    with pytest.raises(PolicyBroken) as caught:
        read_rules("p.cedar", HEAD + rule)
    assert problem in caught.value.message
    assert "p.cedar:" in caught.value.message


@pytest.mark.parametrize(("condition", "problem"), NO_WORD)
def test_a_role_or_a_risk_that_there_is_not_is_refused_with_those_there_are(
    condition: str, problem: str
) -> None:
    with pytest.raises(PolicyBroken) as caught:
        read_rules("p.cedar", HEAD + f"forbid {APPROVE} when {{ {condition} }};")
    assert caught.value.message.startswith("p.cedar:1: ")
    assert problem in caught.value.message


def test_every_role_and_every_risk_is_taken() -> None:
    for name, words in (("role", Role), ("risk", RiskLevel)):
        listed = ", ".join(f'"{word.value}"' for word in words)
        text = f"forbid {APPROVE} when {{ [{listed}].contains(context.{name}) }};"
        assert len(read_rules("p.cedar", HEAD + text)) == 1


@pytest.mark.parametrize(
    ("head", "problem"),
    [
        ("", "p.cedar:1: has no @id"),
        ('@id("a-rule") @risk("low")', "has no @reason"),
        ('@id("a-rule") @reason("x_y")', "has no @risk"),
        ('@id("a rule") @risk("low") @reason("x_y")', "@id 'a rule' is not"),
        ('@id("a-rule") @risk("huge") @reason("x_y")', "@risk 'huge' is not"),
        ('@id("a-rule") @risk("low") @reason("X y")', "@reason 'X y' is not"),
        ('@id("a-rule") @risk("low") @reason("x_y") @why("z")', "@why that nobody reads"),
    ],
)
def test_every_rule_carries_an_id_a_risk_and_a_reason(head: str, problem: str) -> None:
    with pytest.raises(PolicyBroken, match=r"p\.cedar:1") as caught:
        read_rules("p.cedar", f"{head} forbid {RUN};")
    assert problem in caught.value.message


def test_a_problem_is_named_with_its_line_after_comments_and_texts_over_lines() -> None:
    text = f'// a ; comment "\n{HEAD}@text("two\nlines; and \\"more\\"")\nforbid {RUN};\n\n\nforbid {RUN}'
    with pytest.raises(PolicyBroken, match=r"p\.cedar:8: has a rule that does not end"):
        read_rules("p.cedar", text)
    with pytest.raises(PolicyBroken, match=r"p\.cedar:8: has no @id"):
        read_rules("p.cedar", text + ";")


def test_an_id_is_given_once() -> None:
    with pytest.raises(PolicyBroken, match=r"p\.cedar:3: a-rule is listed twice"):
        read_rules("p.cedar", f"{HEAD}forbid {RUN};\n{HEAD}forbid {BOTH};")


def test_a_fact_that_the_schema_does_not_have_is_found_with_its_rule_and_line() -> None:
    schema = cedarpy.Schema.from_str(load_policy().shipped["facts.cedarschema"])
    good = HEAD.replace("a-rule", "good") + f"forbid {RUN} when {{ context.network }};\n"
    check_types(read_rules("p.cedar", good), schema)
    bad = good + HEAD + f"forbid {RUN} when {{ context.network || context.netwrok }};"
    with pytest.raises(PolicyBroken, match=r"p\.cedar:3: a-rule: attribute `netwrok`"):
        check_types(read_rules("p.cedar", bad), schema)


@given(st.text(max_size=200) | st.text(alphabet='@id("a")risk;forbid permit{}context. \n/', max_size=80))
def test_any_text_is_rules_or_one_clear_error(text: str) -> None:
    try:
        found = read_rules("p.cedar", text)
    except WorkbenchError as error:
        problem: WorkbenchError | None = error
    else:
        problem = None
        assert all(rule.source.startswith("p.cedar:") for rule in found)
    assert problem is None or problem.message.startswith("p.cedar:")


@pytest.mark.parametrize(
    "condition",
    [
        "(" * 1000 + "context.writes" + ")" * 1000,
        " || ".join(["context.writes"] * 3000),
        "!" * 2000 + "context.writes",
        "if context.writes then " * 1000 + "true" + " else false" * 1000,
        "-" * 15_000 + "1 == 1",
    ],
)
def test_a_rule_that_would_exhaust_the_engine_is_refused_before_it_is_parsed(condition: str) -> None:
    """The engine parses recursively: such a rule ends the process that reads it."""
    text = (
        f'@id("x")\n@risk("low")\n@reason("x")\nforbid (principal, action, resource) when {{ {condition} }};'
    )
    with pytest.raises(PolicyBroken, match=r"policy\.cedar:1"):
        read_rules("policy.cedar", text)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (
            '@id("a") @risk("low") @reason("x_y")',
            "@id 'a' is not 2 to 64 lower-case letters, digits and hyphens",
        ),
        (
            '@id("Ab") @risk("low") @reason("x_y")',
            "@id 'Ab' is not 2 to 64 lower-case letters, digits and hyphens",
        ),
        (
            '@id("a-b") @risk("low") @reason("x")',
            "@reason 'x' is not 2 to 64 lower-case letters, digits and undersc",
        ),
    ],
)
def test_a_name_that_is_refused_is_told_what_names_are(words: str, problem: str) -> None:
    with pytest.raises(PolicyBroken, match=re.escape(problem)):
        read_rules("policy.cedar", f'{words} forbid (principal, action == Action::"run", resource);')
