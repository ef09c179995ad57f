"""Fills the tables of docs/reference from the code, so that no page can say what the code does not.

A page holds blocks between `<!-- table: NAME -->` and `<!-- end -->`; what stands in them is written here,
all else by people. Meanings that no code holds are in reference/words.toml; a word that is missing there, or
that nothing uses any more, stops it. Without --check it writes; with it, it says which pages are stale.
"""

from __future__ import annotations

import ast
import functools
import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, Final

from workbench.api.application import create_api
from workbench.api.permissions import PERMISSIONS
from workbench.cli import run as cli_run
from workbench.cli.commands import build
from workbench.config import Config, read_config
from workbench.gate import load_policy
from workbench.gate.names import BEYOND_PROJECT
from workbench.model.errors import InvalidInput, WorkbenchError
from workbench.model.layer import POSTURES
from workbench.model.moves import APPROVAL_MOVES, RUN_MOVES, STEP_MOVES
from workbench.model.statuses import BlockedBy, TerminalMode
from workbench.policy.evaluate import Refusal
from workbench.policy.examples import read_examples
from workbench.policy.load import EXAMPLES_FILE
from workbench.policy.rules import Rule
from workbench.sandbox import probe, seccomp
from workbench.sandbox.profile import Profile, build_argv, build_environment

DOCS: Final = Path(__file__).resolve().parent
SOURCE: Final = DOCS.parent / "src" / "workbench"
PAGES: Final = DOCS / "reference"
_BLOCK: Final = re.compile(r"(<!-- table: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_TAG: Final = re.compile(r"[a-z]+:[a-z_]+")


def main() -> int:
    """Writes every page, or with --check returns 1 when one is stale."""
    blocks = render_blocks(tomllib.loads((PAGES / "words.toml").read_text()))
    used: set[str] = set()
    stale = []
    for page in sorted(PAGES.glob("*.md")):
        before = page.read_text()
        names = [found.group(2) for found in _BLOCK.finditer(before)]
        used.update(names)
        if unknown := set(names) - set(blocks):
            raise SystemExit(f"{page.name} asks for {sorted(unknown)}; there are {sorted(blocks)}")
        after = _BLOCK.sub(lambda found: found.group(1) + blocks[found.group(2)] + found.group(3), before)
        if after != before:
            stale.append(page.name)
            if "--check" not in sys.argv:
                page.write_text(after)
    if missing := set(blocks) - used:
        raise SystemExit(f"no page in docs/reference shows {sorted(missing)}")
    if stale:
        print(f"{'stale' if '--check' in sys.argv else 'written'}: {', '.join(stale)}")
    return 1 if stale and "--check" in sys.argv else 0


def render_blocks(words: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Returns every block by name; raises SystemExit where words.toml and the code differ."""
    makers: dict[str, Callable[[Mapping[str, Mapping[str, str]]], str]] = {
        "commands": _commands,
        "exit-statuses": _exit_statuses,
        "settings": _settings,
        "events": _events,
        "reason-codes": _reason_codes,
        "parse-reasons": _parse_reasons,
        "blocked-by": _blocked_by,
        "error-classes": _error_classes,
        "error-codes": _error_codes,
        "run-moves": lambda _: _moves(RUN_MOVES),
        "step-moves": lambda _: _moves(STEP_MOVES),
        "approval-moves": lambda _: _moves(APPROVAL_MOVES),
        "routes": _routes,
        "rules": _rules,
        "programs": _programs,
        "bubblewrap": _bubblewrap,
        "environment": _environment,
        "system-calls": _system_calls,
        "trials": _trials,
    }
    return {name: make(words).rstrip("\n") + "\n" for name, make in makers.items()}


def _table(headings: list[str], rows: list[list[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    shown = "".join(c if c == "\n" or c.isprintable() else f"\\x{ord(c):02x}" for c in text)
    return shown.replace("|", "\\|").replace("\n", " ")


def _code(text: str) -> str:
    return f"`{text}`"


def _meanings(words: Mapping[str, Mapping[str, str]], section: str, names: set[str]) -> Mapping[str, str]:
    known = words[section]
    if undescribed := names - set(known):
        raise SystemExit(f"reference/words.toml [{section}] says nothing of {sorted(undescribed)}")
    if unused := set(known) - names:
        raise SystemExit(f"reference/words.toml [{section}] describes what is gone: {sorted(unused)}")
    return known


# -- the command line -----------------------------------------------------------------------------------


def _commands(_: object) -> str:
    root = build()
    return "\n\n".join(_one_command(path, command) for path, command in _walk("workbench", root))


def _walk(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    children = getattr(command, "commands", {})
    if not children or getattr(command, "invoke_without_command", False):
        yield path, command
    for name in sorted(children):
        yield from _walk(f"{path} {name}", children[name])


def _one_command(path: str, command: Any) -> str:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option"]
    shown = [_argument(argument) for argument in arguments]
    line = " ".join([path, *(["[OPTIONS]"] if options else []), *shown])
    help_text = re.sub(r"\s+", " ", command.help or "").strip()
    if command.hidden:
        help_text += " Not listed by `--help`."
    parts = [f"### {path}", f"`{line}`", help_text]
    rows = [[_code(_argument(a)), getattr(a, "help", "") or "", ""] for a in arguments]
    rows += [[_option(option), option.help or "", _default(option)] for option in options]
    if rows:
        parts.append(_table(["word", "meaning", "default"], rows))
    return "\n\n".join(parts)


def _argument(argument: Any) -> str:
    name = argument.name.upper() + ("..." if argument.nargs == -1 else "")
    return name if argument.required else f"[{name}]"


def _option(option: Any) -> str:
    names = "`, `".join([*option.opts, *option.secondary_opts])
    is_number = option.type.name.startswith("int")
    value = "" if option.is_flag else " NUMBER" if is_number else " TEXT"
    notes = [*(["needed"] if option.required else []), *(["may come again"] if option.multiple else [])]
    return f"`{names}{value}`" + (f" ({', '.join(notes)})" if notes else "")


def _default(option: Any) -> str:
    default = option.default
    is_plain = isinstance(default, str | int) and not isinstance(default, bool) and default != ""
    return _code(str(default)) if is_plain else ""


def _exit_statuses(words: Mapping[str, Mapping[str, str]]) -> str:
    names = (
        "HELD",
        "DENIED",
        "SWITCHED_OFF",
        "UNAVAILABLE",
        "SERVER_LOST",
        "CANCELED",
        "TIMED_OUT",
        "READER_GONE",
    )
    known = _meanings(words, "exit_statuses", set(names))
    found = sorted((int(getattr(cli_run, name)), known[name]) for name in names)
    return _table(["status", "meaning"], [[str(number), meaning] for number, meaning in found])


# -- settings, events, reasons, errors ------------------------------------------------------------------


def _settings(words: Mapping[str, Mapping[str, str]]) -> str:
    known = _meanings(words, "settings", {field.name for field in fields(Config)})
    rows = []
    for field in fields(Config):
        default = "the platform's data folder" if field.default is MISSING else _code(repr(field.default))
        variable = f"WORKBENCH_{field.name.upper()}"
        rows.append([_code(variable), known[field.name], default, _limits(variable)])
    return _table(["setting", "meaning", "default", "takes"], rows)


def _limits(variable: str) -> str:
    try:
        read_config({variable: "?", "WORKBENCH_HOME": "/nowhere"}, default_home=Path("/nowhere"))
    except InvalidInput as error:
        return error.remedy.removeprefix("use ")
    return "text"


@functools.cache
def _trees() -> tuple[tuple[ast.Module, tuple[ast.AST, ...]], ...]:
    """Returns every module's tree and its nodes, read and walked once."""
    trees = [ast.parse(path.read_text()) for path in sorted(SOURCE.rglob("*.py"))]
    return tuple((tree, tuple(ast.walk(tree))) for tree in trees)


def find_event_tags() -> set[str]:
    """Returns every text in the code that has the shape of a tag; only events are named so."""
    return {
        node.value
        for _, nodes in _trees()
        for node in nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _TAG.fullmatch(node.value)
    } - {"about:blank"}


def _events(words: Mapping[str, Mapping[str, str]]) -> str:
    tags = find_event_tags()
    known = _meanings(words, "events", tags)
    return _table(["tag", "what has happened"], [[_code(tag), known[tag]] for tag in sorted(tags)])


def _reason_codes(words: Mapping[str, Mapping[str, str]]) -> str:
    found: dict[str, dict[str, str]] = {}
    for rule in _shipped_rules():
        if rule.verdict is not None:
            said = f"{rule.verdict.value}, {rule.risk.value} (`{rule.rule_id}`): {rule.text}"
            found.setdefault(rule.reason, {})[rule.rule_id] = said
    extra = _meanings(words, "reason_codes", {refusal.value for refusal in Refusal} | {BEYOND_PROJECT})
    rows = [[_code(code), " ".join(texts.values())] for code, texts in found.items()]
    rows += [[_code(code), extra[code]] for code in extra]
    return _table(["reason code", "verdict, risk (rule) and the rule's words"], sorted(rows))


def _shipped_rules() -> dict[Rule, list[str]]:
    """Returns every shipped rule once, with the postures that have it."""
    found: dict[str, tuple[Rule, list[str]]] = {}
    for posture in POSTURES:
        for rule in load_policy(posture, is_tried=False).ruleset.rules:
            found.setdefault(rule.rule_id, (rule, []))[1].append(posture)
    return {rule: postures for rule, postures in found.values()}


def find_parse_reasons() -> set[str]:
    """Returns the words with which parse.py says why a text is not strict."""
    tree = ast.parse((SOURCE / "policy" / "parse.py").read_text())
    nodes: list[ast.AST] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("_NotStrict", "reasons.add"):
            nodes += [child for argument in node.args for child in _outcomes(argument)]
        elif isinstance(node, ast.Set):
            nodes += node.elts
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_REASONS":
            assert isinstance(node.value, ast.Dict)
            nodes += node.value.values
    texts = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return {text for text in texts if re.fullmatch(r"[a-z]{3,}(_[a-z]+)*", text)} - _NOT_REASONS


_NOT_REASONS: Final = frozenset(
    {"program", "list", "pipeline", "command", "redirected_statement", "command_name", "file_redirect"}
    | {"fork_bomb"}
)


def _outcomes(argument: ast.expr) -> list[ast.AST]:
    match argument:
        case ast.IfExp(body=body, orelse=other):
            return [body, other]
        case ast.Call(args=args):
            return list(args)
        case _:
            return [argument]


def _parse_reasons(words: Mapping[str, Mapping[str, str]]) -> str:
    names = find_parse_reasons()
    known = _meanings(words, "parse_reasons", names)
    return _table(["why", "what the text holds"], [[_code(name), known[name]] for name in sorted(names)])


def _blocked_by(words: Mapping[str, Mapping[str, str]]) -> str:
    known = _meanings(words, "blocked_by", {word.value for word in BlockedBy})
    return _table(["blocked_by", "meaning"], [[_code(word.value), known[word.value]] for word in BlockedBy])


def find_error_classes() -> dict[str, tuple[str, int, str]]:
    """Returns code -> (class, HTTP status, meaning) for every class of the tree of errors."""
    found: dict[str, tuple[str, int, str]] = {}
    known = {"WorkbenchError": (WorkbenchError.code, WorkbenchError.http_status)}
    # Twice, so that a class is known before those that are made from it, wherever it stands.
    for _, nodes in _trees() * 2:
        for node in nodes:
            if not isinstance(node, ast.ClassDef):
                continue
            parents = [ast.unparse(parent) for parent in node.bases]
            if node.name != "WorkbenchError" and not any(parent in known for parent in parents):
                continue
            values = {
                ast.unparse(line.targets[0]): ast.literal_eval(line.value)
                for line in node.body
                if isinstance(line, ast.Assign) and isinstance(line.value, ast.Constant)
            }
            code, status = known.get(parents[0], known["WorkbenchError"])
            known[node.name] = values.get("code", code), values.get("http_status", status)
            if "code" in values:
                meaning = (ast.get_docstring(node) or "").split("\n\n")[0]
                found[known[node.name][0]] = (node.name, known[node.name][1], meaning)
    return found


def _error_classes(_: object) -> str:
    found = find_error_classes()
    rows = [[_code(code), _code(name), str(status), text] for code, (name, status, text) in found.items()]
    return _table(["code", "class", "HTTP", "meaning"], sorted(rows))


def find_error_codes() -> set[tuple[str, str, str]]:
    """Returns (code, message, remedy) of every error that is raised under a code of its own."""
    found: set[tuple[str, str, str]] = set()
    for tree, nodes in _trees():
        constants = {
            ast.unparse(node.targets[0] if isinstance(node, ast.Assign) else node.target): node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Constant)
        }
        for node in nodes:
            if not isinstance(node, ast.Call):
                continue
            given = {word.arg: word.value for word in node.keywords}
            if not {"remedy", "code"} <= set(given):
                continue
            value = given["code"]
            code = value.value if isinstance(value, ast.Constant) else constants.get(ast.unparse(value))
            if isinstance(code, str) and node.args:
                found.add((code, _spell(node.args[0]), _spell(given["remedy"])))
    return found


def _spell(node: ast.expr) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=values):
            return "".join(_spell(value) for value in values)
        case ast.BinOp(left=left, right=right):
            return _spell(left) + _spell(right)
        case _:
            return "…"


def _error_codes(_: object) -> str:
    rows = [[_code(code), text, remedy] for code, text, remedy in sorted(find_error_codes())]
    return _table(["code", "what it says", "what to do"], rows)


# -- states, routes --------------------------------------------------------------------------------------


def _moves(table: Mapping[tuple[str, Any], Any]) -> str:
    edges = [(str(state), str(move), str(after)) for (state, move), after in table.items()]
    ends = sorted({after for _, _, after in edges} - {state for state, _, _ in edges})
    diagram = ["```mermaid", "stateDiagram-v2"]
    for state, move, after in edges:
        diagram.append(f"    {'[*]' if state == 'new' else state} --> {after}: {move}")
    diagram += [*(f"    {end} --> [*]" for end in ends), "```"]
    rows = [[_code(state), _code(move), _code(after)] for state, move, after in edges]
    return _table(["from", "move", "to"], rows) + "\n\n" + "\n".join(diagram)


def _routes(_: object) -> str:
    paths = create_api().openapi()["paths"]
    rows = []
    for (method, path), role in PERMISSIONS.items():
        operation = paths.get(path, {}).get(method.lower(), {})
        query = [p["name"] for p in operation.get("parameters", ()) if p["in"] == "query"]
        body = _schema(operation.get("requestBody", {}))
        answers = [
            _schema(answer) for status, answer in operation.get("responses", {}).items() if status < "3"
        ]
        takes = ", ".join([*([_code(body)] if body else []), *(f"?{name}" for name in query)])
        rows.append([method, _code(path), role.value, takes, ", ".join(_code(a) for a in answers if a)])
    return _table(["method", "path", "role", "takes", "gives"], rows)


def _schema(holder: Mapping[str, Any]) -> str:
    schema = holder.get("content", {}).get("application/json", {}).get("schema", {})
    if schema.get("type") == "array":
        return _reference(schema["items"]) + "[]"
    return _reference(schema)


def _reference(schema: Mapping[str, Any]) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]


# -- policy and sandbox ----------------------------------------------------------------------------------


def _rules(_: object) -> str:
    policy = load_policy()
    tried = read_examples(EXAMPLES_FILE, policy.shipped[EXAMPLES_FILE])
    caught = {example.rule_id: example.command for example in reversed(tried) if example.is_match}
    rows = []
    for rule, postures in _shipped_rules().items():
        example = caught.get(rule.rule_id, "")
        shown = example if len(example) < 60 else example[:40] + "…"
        does = rule.verdict.value if rule.verdict else f"{rule.effect} {'/'.join(rule.actions)}"
        where = "every" if len(postures) == len(POSTURES) else ", ".join(postures)
        rows.append(
            [_code(rule.rule_id), where, does, rule.risk.value, rule.text, _code(shown) if shown else ""]
        )
    return _table(["rule", "posture", "verdict", "risk", "words", "for example"], rows)


def _programs(_: object) -> str:
    rows = []
    for path in sorted((SOURCE / "policy" / "catalog").glob("*.toml")):
        entries = tomllib.loads(path.read_text())
        names = sorted(
            name
            for program, entry in entries.items()
            if program != "environment"
            for name in (program, *entry.get("aliases", ()))
        )
        if names:
            rows.append([_code(path.name), str(len(names)), " ".join(_code(name) for name in names)])
    return _table(["file", "names", "programs"], rows)


def _example() -> Profile:
    return Profile(
        workspace_root="/home/ann/shop",
        cwd="/home/ann/shop",
        environment={},
        mode=TerminalMode.PTY,
        git_folder="/home/ann/shop/.git",
        read_only=(
            "/home/ann/shop/.workbench",
            "/home/ann/shop/.git/hooks",
            "/home/ann/shop/.git/config",
        ),
        toolchains=("/opt/node-20",),
        links=(("usr/bin", "/bin"), ("usr/lib", "/lib")),
    )


def _bubblewrap(_: object) -> str:
    lines: list[str] = []
    for word in build_argv(_example(), ("make", "test")):
        if word.startswith("--") or not lines:
            lines.append(word)
        else:
            lines[-1] += f" {word}"
    shown = [line for line in lines if not line.startswith("--setenv")]
    return "```text\n" + "\n".join(shown) + "\n```"


def _environment(_: object) -> str:
    rows = [[_code(name), _code(value)] for name, value in sorted(build_environment(_example()).items())]
    return _table(["variable", "in the example"], rows)


def _system_calls(_: object) -> str:
    names = sorted({*seccomp.X86_64.denied, *seccomp.AARCH64.denied})
    return " ".join(_code(name) for name in names)


def _trials(_: object) -> str:
    return _table(["check", "what must hold"], [[_code(name), text] for name, text, _ in probe._TRIALS])


if __name__ == "__main__":
    raise SystemExit(main())
