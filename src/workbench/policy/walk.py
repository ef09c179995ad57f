"""Finds every command in shell text that is not strict: in substitutions, functions, here-documents.

What it finds serves denials and labels alone; nothing it says can lead to an `allow`. A word whose value is
not known starts with DYNAMIC, followed by its source text as far as it could be decoded.
It never raises and does not recurse, so that deep nesting cannot exhaust the stack.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from tree_sitter import Node

DYNAMIC = "\x00"
"""Marks a word whose value is not known; no real word can hold this byte."""

_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ANSI = re.compile(r"\\(x[0-9a-fA-F]{1,2}|u[0-9a-fA-F]{1,4}|U[0-9a-fA-F]{1,8}|[0-7]{1,3}|.)", re.DOTALL)
_ANSI_LETTERS = {
    "n": "\n",
    "t": "\t",
    "r": "\r",
    "a": "\a",
    "b": "\b",
    "e": "\x1b",
    "E": "\x1b",
    "f": "\f",
    "v": "\v",
}
_MOST_FOUND = 200
_MOST_NODES = 20_000
_HANDS_ON: Final = frozenset(
    (
        b"eval exec command builtin env nohup setsid time nice timeout sudo doas xargs coproc source . bash "
        b"sh dash zsh ksh busybox"
    ).split()
)
_MOST_FUNCTIONS = 20
_MOST_FED = 100
_MOST_WORD_BYTES = 64 * 1024
_LONGEST_WORD_DEPTH = 12
_LONGEST_NAME = 64
_SHELLS = frozenset({"subshell", "command_substitution", "process_substitution"})
_LOOSE = frozenset({"for_statement", "c_style_for_statement", "while_statement", "function_definition"})
_CONDITIONS = frozenset({"if_statement", "case_statement", "list", "pipeline"})
_NAME_BYTES = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirection:
    """`operator` as bash writes it, `descriptor` its number or empty, `target` the file or number."""

    operator: str
    descriptor: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SimpleCommand:
    """One simple command. `joined_by` is the operator before it: "" for the first, "?" where unknown.

    `stdin_text` is the text of a here-document or here-string that feeds it, `line` where it begins.
    `is_timed` tells that the reserved word `time` stands before it. `shells` are the subshells that it runs
    in, outermost first; `is_loose` tells that it stands in a loop or a function, and
    `is_sure` that no condition stands around it.
    """

    words: tuple[str, ...]
    assignments: tuple[tuple[str, str], ...] = ()
    redirections: tuple[Redirection, ...] = ()
    joined_by: str = ""
    stdin_text: str = ""
    is_timed: bool = False
    line: int = field(default=1, compare=False)
    shells: tuple[int, ...] = field(default=(), compare=False)
    is_loose: bool = field(default=False, compare=False)
    is_sure: bool = field(default=True, compare=False)


def is_dynamic(word: str) -> bool:
    """Returns whether the word's value is not known."""
    return word.startswith(DYNAMIC)


def plain(word: str) -> str:
    """Returns the word without its marker: its value, or its source as a hint."""
    return word.replace(DYNAMIC, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """What was found, in text order. `is_whole` is False when a bound on nodes, commands or bytes was met."""

    commands: tuple[SimpleCommand, ...]
    nodes: int
    is_whole: bool


class _Around(NamedTuple):
    """The shells and loops around a node."""

    shells: tuple[int, ...]
    is_loose: bool
    is_sure: bool

    def enter(self, node: Node) -> _Around:
        if node.type in _SHELLS:
            # Those that lie deeper still count as the one around them.
            return _Around((*self.shells, node.start_byte)[:_LONGEST_WORD_DEPTH], self.is_loose, self.is_sure)
        if node.type in _LOOSE:
            return _Around(self.shells, True, False)
        return self._replace(is_sure=False) if node.type in _CONDITIONS and self.is_sure else self


def walk_commands(root: Node, data: bytes) -> Walk:
    """Returns the commands anywhere in the tree, looking at no more than the bounds above."""
    found: list[SimpleCommand] = []
    # Each node with its parent and that one's parent: asking the tree for them walks it from its root.
    outermost = _Around((), False, True)
    stack: list[tuple[Node, Node | None, Node | None, _Around]] = [(root, None, None, outermost)]
    nodes = spent = 0
    while stack and len(found) < _MOST_FOUND and nodes < _MOST_NODES and spent < _MOST_WORD_BYTES:
        node, parent, above, around = stack.pop()
        nodes += 1
        known = len(found)
        inside = around.enter(node)
        stack.extend((child, node, parent, inside) for child in reversed(node.children))
        match node.type:
            case "command" | "declaration_command" | "unset_command":
                found.append(_read_command(node, data, _feeders(node, parent, above)))
                spent += node.end_byte - node.start_byte + len(found[-1].stdin_text)
            case "file_redirect":
                if (redirection := _read_redirect(node, data)) is not None:
                    found.append(SimpleCommand(words=(), redirections=(redirection,), joined_by="?"))
                destinations = node.children_by_field_name("destination")
                if len(destinations) > 1:
                    words = tuple(decode_word(item, data) for item in destinations[1:])
                    found.append(SimpleCommand(words=(DYNAMIC, *words), joined_by="?"))
                spent += node.end_byte - node.start_byte
            case "variable_assignment" if parent is None or parent.type != "command":
                spent += node.end_byte - node.start_byte
                name, value = _read_assignment(node, data)
                found.append(SimpleCommand(words=(), assignments=((name, value),), joined_by="?"))
        if len(found) > known and around != outermost:
            found[known:] = [replace(item, **around._asdict()) for item in found[known:]]
    return Walk(commands=tuple(found), nodes=nodes, is_whole=not stack)


def _feeders(node: Node, parent: Node | None, above: Node | None) -> tuple[Node, ...]:
    """Returns the nodes that may hold a here-document for this command; a long list is none."""
    places = [node]
    if parent is not None:
        places.append(parent)
        if parent.type == "pipeline" and above is not None:
            places.append(above)
    return tuple(place for place in places if place.child_count <= _MOST_FED)


def _multiplies(body: Node, data: bytes, called: bytes) -> bool:
    """Returns whether a function's body starts the function again beside itself."""
    stack: list[tuple[Node, bool, list[int]]] = [(body, False, [])]
    nodes = 0
    while stack and nodes < _MOST_NODES:
        node, is_beside, pipeline = stack.pop()
        nodes += 1
        if node.type == "command" and (times := _calls(node, data, called)):
            if is_beside or times > 1:
                return True
            if pipeline:
                pipeline[0] += 1
                if pipeline[0] > 1:
                    return True
        inner = pipeline if pipeline or node.type != "pipeline" else [0]
        children = node.children
        for child, after in zip(children, (*children[1:], None), strict=False):
            in_background = after is not None and after.type == "&"
            # A list such as `a && b &` goes into the background as a whole, and stands beside its "&" as one.
            stack.append((child, is_beside or in_background, inner))
    return False


def _calls(command: Node, data: bytes, called: bytes) -> int:
    """Returns 1 for a command that is that function or hands its name on to be run, 2 if it multiplies it."""
    name = command.child_by_field_name("name")
    if name is None:
        return 0
    word = data[name.start_byte : name.end_byte].replace(b"\\", b"").strip(b"'\"")
    if word == called:
        return 1
    if word not in _HANDS_ON and not word.startswith(b"$"):
        return 0
    text = data[command.start_byte : command.end_byte]
    if not re.search(rb"(?<![\w./-])" + re.escape(called) + rb"(?![\w./-])", text):
        return 0
    return 2 if re.search(rb"[|&]", text.replace(b"&&", b"").replace(b"||", b"")) else 1


def is_fork_bomb(root: Node, data: bytes) -> bool:
    """Returns whether a function calls itself in the background, or twice in one pipeline.

    Recursion alone is no bomb, nor is a function whose text merely names it, as a usage line does.
    """
    if b"()" not in b"".join(data.split()) and b"function" not in data:
        return False
    stack: list[Node] = [root]
    nodes = functions = 0
    while stack and nodes < _MOST_NODES and functions < _MOST_FUNCTIONS:
        node = stack.pop()
        nodes += 1
        stack.extend(node.children)
        if node.type != "function_definition":
            continue
        functions += 1
        name = node.child_by_field_name("name")
        body = node.child_by_field_name("body")
        if name is None or body is None:
            continue
        if _multiplies(body, data, data[name.start_byte : name.end_byte]):
            return True
    # The grammar has no tree for ":(){ :|:& };:" since ":" is no name it knows.
    squeezed = b"".join(data.split())
    for opening in re.finditer(rb"\(\)\{", squeezed):
        start = opening.start()
        while start > opening.start() - _LONGEST_NAME and start > 0 and squeezed[start - 1] in _NAME_BYTES:
            start -= 1
        # A shorter ending of what stands before is a name too, as in "x;:" with the space taken away.
        for begin in range(start, opening.start()):
            called = squeezed[begin : opening.start()]
            if squeezed.startswith((called + b"|", called + b"&"), opening.end()):
                return True
    return False


def decode_word(node: Node, data: bytes, depth: int = 0) -> str:
    """Returns the word's value, or DYNAMIC and what could be decoded of it."""
    raw = data[node.start_byte : node.end_byte].decode("utf-8", "replace").replace(DYNAMIC, "")
    if depth > _LONGEST_WORD_DEPTH:
        return DYNAMIC + raw
    match node.type:
        case "command_name":
            return decode_word(node.children[0], data, depth + 1) if node.children else DYNAMIC + raw
        case "word" | "number" | "variable_name":
            text = _ESCAPE.sub(r"\1", raw.replace("\\\n", ""))
            if raw.startswith("~") or any(character in raw for character in "*?[{"):
                return DYNAMIC + text
            return text
        case "export" | "declare" | "typeset" | "local" | "readonly" | "unset":
            return raw
        case "raw_string":
            return raw[1:-1]
        case "ansi_c_string":
            return DYNAMIC + _ANSI.sub(_decode_ansi, raw[2:-1])
        case "string":
            is_static = all(child.type in ('"', "string_content") for child in node.children)
            inner = re.sub(r'\\([\\"$`])', r"\1", raw[1:-1].replace("\\\n", ""))
            return inner if is_static else DYNAMIC + inner
        case "concatenation":
            parts = [decode_word(child, data, depth + 1) for child in node.children]
            joined = "".join(plain(part) for part in parts)
            return DYNAMIC + joined if any(is_dynamic(part) for part in parts) else joined
        case _:
            return DYNAMIC + raw


def _decode_ansi(match: re.Match[str]) -> str:
    code = match.group(1)
    try:
        if code[0] in "xuU" and len(code) > 1:
            return chr(int(code[1:], 16))
        if code[0] in "01234567":
            return chr(int(code, 8))
    except (ValueError, OverflowError):
        return ""
    return _ANSI_LETTERS.get(code, code)


_NO_WORDS = frozenset(
    {"variable_assignment", "file_redirect", "heredoc_redirect", "herestring_redirect", "comment", "\n", ";"}
)


def _read_command(node: Node, data: bytes, feeders: tuple[Node, ...]) -> SimpleCommand:
    words: list[str] = []
    assignments: list[tuple[str, str]] = []
    for child in node.children:
        if child.type == "variable_assignment":
            assignments.append(_read_assignment(child, data))
        elif child.type not in _NO_WORDS:
            words.append(decode_word(child, data))
    if node.type == "declaration_command":
        words.extend(f"{name}={plain(value)}" for name, value in assignments)
        assignments = []
    return SimpleCommand(
        words=tuple(words),
        assignments=tuple(assignments),
        joined_by="?",
        stdin_text=_stdin_text(feeders, data),
        line=node.start_point[0] + 1,
    )


def _read_assignment(node: Node, data: bytes) -> tuple[str, str]:
    name = node.child_by_field_name("name")
    value = node.child_by_field_name("value")
    return (
        decode_word(name, data) if name is not None else DYNAMIC,
        decode_word(value, data) if value is not None else "",
    )


def _read_redirect(node: Node, data: bytes) -> Redirection | None:
    operator = next((child.type for child in node.children if child.type[:1] in "<>&"), ">")
    destinations = node.children_by_field_name("destination")
    if not destinations:
        return None
    target = decode_word(destinations[0], data)
    if operator in (">&", "<&") and (target.isdigit() or target == "-"):
        return None
    return Redirection(operator=operator, descriptor="", target=target)


def _stdin_text(places: tuple[Node, ...], data: bytes) -> str:
    """Returns here-document and here-string text near the command; more than its own is no harm here."""
    texts: list[str] = []
    for place in places:
        for child in place.children:
            if child.type == "herestring_redirect":
                texts.extend(plain(decode_word(item, data)) for item in child.children[1:])
            elif child.type == "heredoc_redirect":
                for item in child.children:
                    if item.type == "heredoc_body":
                        texts.append(data[item.start_byte : item.end_byte].decode("utf-8", "replace"))
    return "\n".join(texts).replace(DYNAMIC, "")
