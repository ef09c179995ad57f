"""Reads Cedar text into rules, each with its words, its risk and the line where it stands.

Only rules of four shapes are taken: a permit on both actions allows, a forbid on `run` alone asks, a forbid
on both denies, a permit on `run_with_approval` alone asks where nothing else speaks; and those about
`approve` and `recall`. A rule speaks about facts of the schema: its scope names no principal and no resource,
and its condition has no arithmetic, no text patterns and no attribute of anything but the context. It
decides nothing, and does not look for conditions that can never hold: prove.py does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import cedarpy
from cedarpy import pst

from workbench.model.actor import Role
from workbench.model.verdict import Decision, RiskLevel
from workbench.policy.broken import broken_at

RUN, ASK, APPROVE, RECALL = "run", "run_with_approval", "approve", "recall"
WORDS: Mapping[str, tuple[str, ...]] = {
    "role": tuple(role.value for role in Role),
    "risk": tuple(level.value for level in RiskLevel),
}
"""The texts of a request, each with all that it can be; a rule compares them with nothing else."""
_SHAPES = {
    ("permit", frozenset({RUN, ASK})): Decision.ALLOW,
    ("permit", frozenset({ASK})): Decision.REQUIRES_APPROVAL,
    ("forbid", frozenset({RUN})): Decision.REQUIRES_APPROVAL,
    ("forbid", frozenset({RUN, ASK})): Decision.DENY,
    ("permit", frozenset({APPROVE})): None,
    ("forbid", frozenset({APPROVE})): None,
    ("permit", frozenset({RECALL})): None,
}
_ANNOTATIONS = frozenset({"id", "risk", "reason", "text"})
_OPERATORS = frozenset({"not", "and", "or", "eq", "not_eq", "contains"})
# A form's flags and facts are sets; no other request has any.
_SET_OPERATORS = frozenset({"contains_all", "is_empty"})
_LONGEST_RULE, _DEEPEST_RULE, _MOST_OPERATORS = 20_000, 64, 300
_RULE_ID = re.compile(r"[a-z][a-z0-9-]{1,63}")
_SPELLING = "2 to 64 lower-case letters, digits"
_REASON = re.compile(r"[a-z][a-z0-9_]{1,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule. `verdict` is None for a rule about approving or recalling; `source` is FILE:LINE."""

    rule_id: str
    text: str
    source: str
    effect: pst.Effect
    actions: frozenset[str]
    verdict: Decision | None
    risk: RiskLevel
    reason: str
    clauses: tuple[pst.Clause, ...]
    cedar: str

    @property
    def is_fallback(self) -> bool:
        """True for a rule that only opens the way to a question, where nothing else speaks."""
        return self.effect == "permit" and self.actions == {ASK}


def read_rules(file: str, text: str) -> tuple[Rule, ...]:
    """Returns the rules of one Cedar file, in order; raises PolicyBroken with FILE:LINE and the problem."""
    found: dict[str, Rule] = {}
    for line, statement in _split(file, text):
        place = f"{file}:{line}"
        _refuse_huge(place, statement)
        try:
            parsed = cedarpy.policies_to_pst(statement)
        except ValueError as problem:
            raise broken_at(place, f"is not Cedar: {problem}") from problem
        if parsed.templates or len(parsed.static_policies) != 1:
            raise broken_at(place, "is not one rule; templates with slots are not used here")
        rule = _read_rule(file, line, statement, next(iter(parsed.static_policies.values())))
        if rule.rule_id in found:
            raise broken_at(rule.source, f"{rule.rule_id} is listed twice")
        found[rule.rule_id] = rule
    return tuple(found.values())


def _refuse_huge(place: str, statement: str) -> None:
    """Refuses what would exhaust the engine's stack, which ends the whole process: it parses recursively."""
    deepest = depth = 0
    for character in statement:
        depth += (character in "([{") - (character in ")]}")
        deepest = max(deepest, depth)
    operators = len(re.findall(r"&&|\|\||[!.<>=]|\b(?:if|has|in|like)\b", statement))
    if len(statement) > _LONGEST_RULE or deepest > _DEEPEST_RULE or operators > _MOST_OPERATORS:
        raise broken_at(
            place,
            f"is larger than a rule may be: {len(statement)} of {_LONGEST_RULE} characters, {deepest} of "
            f"{_DEEPEST_RULE} brackets deep, {operators} of {_MOST_OPERATORS} operators",
        )


def read_facts(schema_text: str) -> tuple[str, ...]:
    """Returns the names of the facts that the schema declares, in its order.

    The schema is ours and simple: the facts are the lines `NAME: Bool,` of its type Facts.
    """
    found = re.search(r"^type Facts = \{(.*?)^\};", schema_text, re.DOTALL | re.MULTILINE)
    return tuple(re.findall(r"^\s*(\w+): Bool,", found[1], re.MULTILINE)) if found else ()


def check_types(rules: tuple[Rule, ...], schema: cedarpy.Schema) -> None:
    """Raises PolicyBroken when a rule names what the schema does not have, or compares unlike things."""
    result = cedarpy.validate_policies("\n".join(rule.cedar for rule in rules), schema)
    problems = sorted(
        (int(error.policy_id.removeprefix("policy") or 0), error.error) for error in result.errors
    )
    if problems or not result.validation_passed:
        index, problem = problems[0] if problems else (0, "does not fit the schema")
        rule = rules[index]
        words = problem.removeprefix(f"for policy `policy{index}`, ")
        raise broken_at(rule.source, f"{rule.rule_id}: {words}")


def _read_rule(file: str, line: int, statement: str, node: pst.Template) -> Rule:
    found = re.search(r'^\s*@id\s*\(\s*"', statement, re.MULTILINE)
    lines_before = statement.count("\n", 0, found.end()) if found else 0
    place = f"{file}:{line + lines_before}"
    given = node.annotations
    if missing := sorted({"id", "risk", "reason"} - set(given)):
        raise broken_at(place, f"has no @{missing[0]}; every rule carries @id, @risk and @reason")
    if unknown := sorted(set(given) - _ANNOTATIONS):
        raise broken_at(place, f"has an annotation @{unknown[0]} that nobody reads")
    rule_id, reason, risk = str(given["id"]), str(given["reason"]), str(given["risk"])
    if not _RULE_ID.fullmatch(rule_id):
        raise broken_at(place, f"@id {rule_id!r} is not {_SPELLING} and hyphens, from a letter on")
    if not _REASON.fullmatch(reason):
        raise broken_at(
            place, f"{rule_id}: @reason {reason!r} is not {_SPELLING} and underscores, from a letter on"
        )
    if risk not in WORDS["risk"]:
        raise broken_at(place, f"{rule_id}: @risk {risk!r} is not low, medium or high")
    actions = _read_actions(place, rule_id, node)
    shape = (node.effect, actions)
    if shape not in _SHAPES:
        listed = " and ".join(sorted(actions))
        raise broken_at(place, f"{rule_id}: a {node.effect} on {listed} has no meaning here")
    if not isinstance(node.principal, pst.ScopeAny) or not isinstance(node.resource, pst.ScopeAny):
        raise broken_at(place, f"{rule_id}: names a principal or resource; rules speak about facts alone")
    for clause in node.clauses:
        _check_expression(
            place, rule_id, clause.expr, _OPERATORS | _SET_OPERATORS if actions == {RECALL} else _OPERATORS
        )
        if problem := _find_unknown_word(clause.expr):
            raise broken_at(place, f"{rule_id}: {problem}")
    return Rule(
        rule_id=rule_id,
        text=str(given.get("text") or reason.replace("_", " ")),
        source=place,
        effect=node.effect,
        actions=actions,
        verdict=_SHAPES[shape],
        risk=RiskLevel(risk),
        reason=reason,
        clauses=node.clauses,
        cedar=statement,
    )


def _read_actions(place: str, rule_id: str, node: pst.Template) -> frozenset[str]:
    match node.action:
        case pst.ActionEq(entity=entity):
            return frozenset({entity.id})
        case pst.ActionIn(entities=entities):
            return frozenset(entity.id for entity in entities)
        case _:
            raise broken_at(place, f"{rule_id}: names no action; say which with ==, or with in [...]")


def _check_expression(place: str, rule_id: str, expression: pst.Expr, operators: frozenset[str]) -> None:
    """Lets through what can neither fail at run time nor speak of text: everything else is refused."""
    match expression:
        case pst.BoolLit() | pst.StringLit():
            return
        case pst.GetAttr(base=pst.Var(name="context")):
            return
        case pst.UnaryOp(op=op, arg=inside) if op in operators:
            _check_expression(place, rule_id, inside, operators)
        case pst.BinaryOp(op=op, left=left, right=right) if op in operators:
            # A list stands only where it is asked what it contains: nothing else is proved of one.
            is_list = isinstance(left, pst.Set) and op in ("contains", "contains_all")
            for part in left.elements if is_list and isinstance(left, pst.Set) else (left,):
                _check_expression(place, rule_id, part, operators)
            _check_expression(place, rule_id, right, operators)
        case _:
            raise broken_at(place, f"{rule_id}: uses {_describe(expression)}; {_WHY}")


def describe_unknown_word(name: str, value: str) -> str | None:
    """Returns what is wrong with a text in the place of a role or a risk; None for one that there is."""
    if value in WORDS[name]:
        return None
    *most, last = WORDS[name]
    return f"there is no {name} {value!r}; use {', '.join(most)} or {last}"


def _find_unknown_word(expression: pst.Expr) -> str | None:
    """Returns what is wrong with the first text that role or risk is compared with and never is."""
    match expression:
        case pst.UnaryOp(arg=inside):
            return _find_unknown_word(inside)
        case pst.BinaryOp(op=op, left=left, right=right):
            parts = left.elements if isinstance(left, pst.Set) else (left,)
            if op in ("eq", "not_eq", "contains"):
                for part in parts:
                    if problem := _compare_words(part, right) or _compare_words(right, part):
                        return problem
            return next(filter(None, map(_find_unknown_word, (*parts, right))), None)
        case _:
            return None


def _compare_words(one: pst.Expr, other: pst.Expr) -> str | None:
    match one, other:
        case pst.GetAttr(attr=name), pst.StringLit(value=value) if name in WORDS:
            return describe_unknown_word(name, value)
        case _:
            return None


_WHY = "a rule may join facts of the context by &&, ||, !, == and contains"


def _describe(expression: pst.Expr) -> str:
    match expression:
        case pst.Like():
            return "like, which speaks of text"
        case pst.BinaryOp(op=op) | pst.UnaryOp(op=op):
            return f"the operator {op}, which can fail when it is asked"
        case pst.Var(name=name):
            return f"{name} as a whole"
        case pst.HasAttr():
            return "has; every fact is always there"
        case pst.Set():
            return "a list that nothing is looked for in"
        case _:
            return type(expression).__name__


def _split(file: str, text: str) -> Iterator[tuple[int, str]]:
    """Yields each statement with the line it begins on, so that every problem has a line of its own."""
    start, line, begun, index = 0, 1, 0, 0
    while index < len(text):
        letter = text[index]
        if text.startswith("//", index):
            end = text.find("\n", index)
            index = len(text) if end < 0 else end
            continue
        if letter == "\n":
            line += 1
        elif not letter.isspace() and not begun:
            start, begun = index, line
        if letter == '"':
            closing = re.compile(r'"(?:\\.|[^"\\])*"', re.DOTALL).match(text, index)
            if closing is None:
                raise broken_at(f"{file}:{line}", "has a text that is never closed")
            line += closing.group().count("\n")
            index = closing.end()
            continue
        if letter == ";":
            yield begun or line, text[start : index + 1]
            begun = 0
        index += 1
    if begun:
        raise broken_at(f"{file}:{begun}", "has a rule that does not end with ;")
