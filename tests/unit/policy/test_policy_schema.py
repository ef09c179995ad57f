"""The schema knows every fact that the code or the catalogue can produce, and no rule speaks of another."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest
from cedarpy import pst

from workbench.model.layer import POSTURES
from workbench.policy import load_policy
from workbench.policy.examples import ExampleSurroundings, read_examples
from workbench.policy.judge import understand

ROOM = Path(str(resources.files("workbench.policy")))
# Files in which texts are about rules, options or people, never labels of a call.
NOT_UNDERSTANDING = frozenset(
    {"approve.py", "broken.py", "evaluate.py", "examples.py", "explain.py", "layers.py", "load.py"}
    | {"options.py", "prove.py", "recall.py", "remember.py", "replay.py", "rules.py", "visible.py"}
)
EVERYDAY = (Path(__file__).parents[2] / "security" / "everyday_commands.txt").read_text().splitlines()


def labels_in_code() -> Iterator[tuple[str, str]]:
    """Every word that is added to something named labels, or passed or compared as such a set."""
    for path in sorted(ROOM.glob("*.py")):
        if path.name in NOT_UNDERSTANDING:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            for word in words_of(node):
                if re.fullmatch(r"[a-z]+(_[a-z]+)*", word):
                    yield path.name, word


def words_of(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Call(func=ast.Attribute(attr="add", value=owner), args=args) if is_labels(owner):
            sources: list[ast.AST] = [*args]
        case ast.AugAssign(target=target, op=ast.BitOr(), value=value) if is_labels(target):
            sources = [value]
        case ast.Assign(targets=[target], value=value) if is_labels(target):
            sources = [value]
        case ast.keyword(arg=str(name), value=value) if name.endswith("labels"):
            sources = [value]
        case ast.BinOp(left=left, op=ast.BitOr(), right=right) if is_labels(left):
            sources = [right]
        case ast.Call(func=ast.Name(id=name), args=args) if name != "frozenset":
            # A set that is handed on as an argument, as by a function that gives up early.
            sources = [arg for arg in args if ast.unparse(arg).startswith("frozenset({")]
        case ast.FunctionDef(name=name) if "labels" in name:
            sources = [inner for inner in ast.walk(node) if isinstance(inner, ast.Set)]
        case _:
            return
    for source in sources:
        yield from texts_in(source)


def texts_in(node: ast.AST) -> Iterator[str]:
    """The texts of an expression that makes a set of labels; a function's arguments are no labels."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.Call(func=ast.Name(id="frozenset" | "set"), args=args):
            for argument in args:
                yield from texts_in(argument)
        case ast.Call():
            return
        case _:
            for inner in ast.iter_child_nodes(node):
                yield from texts_in(inner)


def is_labels(node: ast.AST) -> bool:
    return ast.unparse(node).split(".")[-1] in ("labels", "outer_labels")


def labels_in_catalogue() -> Iterator[tuple[str, str]]:
    for path in sorted((ROOM / "catalog").glob("*.toml")):
        for name, entry in tomllib.loads(path.read_text()).items():
            if name == "environment":
                continue
            options = entry.get("globals", "")
            words = [*entry.get("otherwise_labels", ())]
            for form in entry["form"]:
                words += [*form.get("effects", ()), *form.get("labels", ())]
                options += " " + form.get("options", "")
            words += [label for option in options.split() for label in option.split("!")[1:] if label]
            yield from ((f"{path.name}: {name}", word) for word in words)


@pytest.mark.parametrize("source", [labels_in_code, labels_in_catalogue], ids=["code", "catalogue"])
def test_every_label_that_can_be_produced_is_a_fact_of_the_schema(source: type) -> None:
    facts = set(load_policy().ruleset.facts)
    found = list(source())
    assert len({word for _, word in found}) > 25
    assert [(place, word) for place, word in found if word not in facts] == []


def test_every_label_of_real_commands_is_a_fact_of_the_schema() -> None:
    policy = load_policy()
    facts = set(policy.ruleset.facts)
    examples = read_examples("examples.toml", policy.shipped["examples.toml"])
    for text in [*EVERYDAY, *(example.command for example in examples)]:
        found = understand(policy, text, cwd="/ws", workspace_root="/ws", surroundings=ExampleSurroundings())
        seen = found.script.union(*(call.labels for call in found.calls))
        assert {label for label in seen if not label.startswith("syntax_")} <= facts, text


def test_the_schema_declares_each_fact_once_and_each_in_a_line_of_its_own() -> None:
    text = load_policy().shipped["facts.cedarschema"]
    facts = load_policy().ruleset.facts
    assert len(set(facts)) == len(facts) == text.partition("type Request")[0].count(": Bool,")


def test_every_fact_that_a_shipped_rule_speaks_of_is_one_that_something_gives() -> None:
    given = {word for _, word in [*labels_in_code(), *labels_in_catalogue()]}
    given |= {"unknown", "piped_network", "piped_decodes", "remembered"}
    for posture in POSTURES:
        for rule in load_policy(posture).rules:
            for clause in rule.clauses:
                assert set(attributes(clause.expr)) <= given, rule.rule_id


def attributes(expression: pst.Expr) -> Iterator[str]:
    match expression:
        case pst.GetAttr(attr=name):
            yield name
        case pst.UnaryOp(arg=inside):
            yield from attributes(inside)
        case pst.BinaryOp(left=left, right=right):
            yield from attributes(left)
            yield from attributes(right)
