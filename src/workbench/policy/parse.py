"""Reads shell text into commands, and says whether it was understood strictly.

Strict means: every byte belongs to a plain word, a quoted word, an operator or a simple redirection, so
that the re-serialised form, every word quoted, is exactly what the text says. Only that form may ever be
executed on an `allow`. What is not strict is still walked whole, for denials and labels.
This module judges nothing and knows no program.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from tree_sitter import Language, Node, Parser

from workbench.policy.globs import GLOB
from workbench.policy.walk import Redirection, SimpleCommand, is_fork_bomb, walk_commands

LARGEST_TEXT_BYTES = 16 * 1024
LARGEST_READ_CHARACTERS = 128 * 1024
MOST_COMMANDS = 50
MOST_WORDS = 2_000
MOST_PIPES = 200
MOST_HEREDOCS = 40
_MOST_PLAIN_HEREDOCS = 8

RESERVED_WORDS = frozenset(
    [
        "!",
        "case",
        "coproc",
        "do",
        "done",
        "elif",
        "else",
        "esac",
        "fi",
        "for",
        "function",
        "if",
        "in",
        "select",
        "then",
        "time",
        "until",
        "while",
        "{",
        "}",
        "[[",
        "]]",
    ]
)

# `~` and `^` stand inside a word for git's HEAD~1 and HEAD^; a tilde that bash could expand is refused.
_BARE_WORD = re.compile(r"[A-Za-z0-9_@%+=:,./^-](?:[A-Za-z0-9_@%+=:,./^-]|(?<![=:])~)*")
# A word that bash expands over file names; a class holds letters and digits alone.
_GLOB_WORD = re.compile(r"(?:[A-Za-z0-9_@%+=:,./^*?-]|\[[A-Za-z0-9]+\])+")
# A line without quotes that ends in a here-document, whose text holds nothing that bash would expand.
_HEREDOC = re.compile(
    r"(?:^|\n)(?P<before>[A-Za-z0-9_@%+=:,./ \t>&|;-]*)<<[ \t]*"
    r"(?P<quote>['\"]?)(?P<end>[A-Za-z_][A-Za-z0-9_]*)(?P=quote)(?P<after>[A-Za-z0-9_@%+=:,./ \t>&|;-]*)\n"
)
_DESCRIPTOR = re.compile(r"(?:^|[\s;&|<>])[0-9]+$")
_MAY_QUOTE = re.compile(r"['\"\\`$#]|<<")
_FIRST_OUTPUT = re.compile(r"((?<![^\s;&|])[0-9]+|&)?>")
# The two odd words of `find -exec … {} \\;`, which bash takes as they stand.
_SPELLED = {b"{}": "{}", b"\\;": ";", b"\\'": "'"}
# The grammar's scanner reads beyond a table for characters above ASCII and can crash the process
# (tree-sitter-bash issue 337). It sees a letter for each such byte, which is what they are to bash; the
# words are taken from the real bytes.
_ASCII = bytes(byte if byte < 0x80 else ord("x") for byte in range(256))
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_IN_DOUBLE_QUOTES = re.compile(r'[^"\\$`!]*')
_GAP = re.compile(r"[ \t\n]*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPERATORS = frozenset({"&&", "||", ";", "|", "\n"})
_REDIRECTIONS = frozenset({">", ">>", "<", ">|", "&>", "&>>", "<<<"})
# Tokens of `[ … ]` and `export`, which are words like any other to bash.
_WORDS = frozenset(["[", "]", "test_operator", "=", "!=", "==", "!", "export"])
_INTERIOR = frozenset(
    [
        "program",
        "list",
        "pipeline",
        "command",
        "redirected_statement",
        "command_name",
        "file_redirect",
        "herestring_redirect",
        "declaration_command",
        "test_command",
        "unary_expression",
        "binary_expression",
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """Shell text as it was understood.

    `rendered` is the re-serialised form when `strict`, else empty. `reasons` names why it is not strict,
    sorted. `labels` are facts about the whole text, such as "fork_bomb". `commands` are in text order; when
    the text is not strict they are all that could be found, and their words may be marked as dynamic.
    """

    text: str
    strict: bool
    reasons: tuple[str, ...]
    labels: frozenset[str]
    commands: tuple[SimpleCommand, ...]
    rendered: str


class _NotStrict(Exception):
    """Leaves the strict reading; its text is the reason code."""


def parse_script(language: Language, text: str) -> Script:
    """Returns what the text says. Never raises: text that cannot be read is simply not strict."""
    reasons = set()
    labels = set()
    if len(text) > LARGEST_READ_CHARACTERS:
        reasons = {"text_too_long", "unreadable_text"}
        return _loose(text, reasons, frozenset({"too_long", "unreadable_text"}), ())
    if _CONTROL.search(text):
        reasons.add("control_bytes")
    if "\x00" in text or _SURROGATE.search(text):
        return _loose(text, reasons | {"unreadable_text"}, frozenset({"unreadable_text"}), ())
    data = text.encode()
    if len(data) > LARGEST_TEXT_BYTES:
        # The beginning alone is looked at, for denials.
        reasons.add("text_too_long")
        labels.add("too_long")
        data = data[:LARGEST_TEXT_BYTES]
    if data.count(b"|") > MOST_PIPES:
        # The grammar takes time that grows with the square of a pipeline's length.
        reasons.add("too_many_commands")
        labels.add("too_long")
        data = b"|".join(data.split(b"|", MOST_PIPES)[:MOST_PIPES])
    if data.count(b"<<") > MOST_HEREDOCS:
        reasons.add("too_many_commands")
        labels.add("too_long")
        data = b"<<".join(data.split(b"<<", MOST_HEREDOCS)[:MOST_HEREDOCS])
    root = Parser(language).parse(data.translate(_ASCII)).root_node
    if not reasons and b"<<" in data and b"<<<" not in data:
        plainer = _plain_heredocs(text)
        if plainer != text:
            script = parse_script(language, plainer)
            if script.strict:
                return replace(script, text=text)
    if not reasons:
        try:
            commands = _read_strict(root, data)
            return Script(
                text=text,
                strict=True,
                reasons=(),
                labels=frozenset(),
                commands=commands,
                rendered=render_commands(commands),
            )
        except _NotStrict as problem:
            reasons.add(str(problem))
    if is_fork_bomb(root, data):
        labels.add("fork_bomb")
    walk = walk_commands(root, data)
    if not walk.is_whole:
        labels.add("too_long")
    return _loose(text, reasons, frozenset(labels), walk.commands)


def _plain_heredocs(text: str) -> str:
    """Returns the text with here-documents that hold nothing to expand as the here-strings they equal.

    Only where no quote, comment or escape stands on their line; anything else stays, and is not strict.
    """
    done = ""
    for _ in range(_MOST_PLAIN_HEREDOCS):
        match = _HEREDOC.search(text)
        if match is None or _MAY_QUOTE.search(text, 0, match.start("before")):
            # What stands before could be an open quote, a comment or another document.
            break
        if _DESCRIPTOR.search(match["before"]):
            # It is not standard input that gets the text.
            break
        stop = f"\n{match['end']}\n"
        length = (text[match.end() - 1 :] + "\n").find(stop)
        body = text[match.end() : match.end() - 1 + length]
        if length <= 0 or (not match["quote"] and re.search(r"[$`\\]", body)):
            break
        before = match["before"]
        # The grammar wants a here-string before a command's other redirections; to bash their order is one.
        start = max(before.rfind(sign) for sign in ("&&", "|", ";")) + 1
        place = _FIRST_OUTPUT.search(before, start)
        cut = place.start() if place else len(before)
        head = text[: match.start("before")] + before[:cut]
        done += f"{head} <<< {quote(body)} {before[cut:]}{match['after']}"
        text = text[match.end() + length + len(stop) - 2 :]
    return done + text


def render_commands(commands: tuple[SimpleCommand, ...]) -> str:
    """Returns shell text that says exactly these commands, every word quoted."""
    pieces: list[str] = []
    for command in commands:
        if command.joined_by:
            pieces.append(";" if command.joined_by == "\n" else command.joined_by)
        if command.is_timed:
            pieces.append("time")
        pieces.extend(f"{name}={quote(value)}" for name, value in command.assignments)
        pieces.extend(word[1:] if word[:1] == GLOB else quote(word) for word in command.words)
        for redirection in sorted(command.redirections, key=lambda item: item.operator != "<<<"):
            target = redirection.target if redirection.operator == ">&" else quote(redirection.target)
            pieces.append(f"{redirection.descriptor}{redirection.operator}{target}")
    return " ".join(pieces)


def quote(word: str) -> str:
    """Returns the word in single quotes, which is safe in every shell and place."""
    return "'" + word.replace("'", "'\\''") + "'"


def _loose(
    text: str, reasons: set[str], labels: frozenset[str], commands: tuple[SimpleCommand, ...]
) -> Script:
    return Script(
        text=text,
        strict=False,
        reasons=tuple(sorted(reasons)),
        labels=labels,
        commands=commands,
        rendered="",
    )


@dataclass(slots=True)
class _Token:
    """A word, operator or redirection in text order. `bare` is False when any part was quoted."""

    kind: str
    text: str
    start: int
    end: int
    bare: bool = False
    name: str = ""


def _read_strict(root: Node, data: bytes) -> tuple[SimpleCommand, ...]:
    """Flattens the tree to tokens and builds commands from them as bash's own flat grammar does.

    The tree is trusted for where tokens begin and end, never for what belongs together: it hangs the
    redirections of a list's last command on the whole list, and later arguments on a redirection.
    """
    if root.has_error:
        raise _NotStrict("syntax_error")
    tokens: list[_Token] = []
    stack: list[Node] = [root]
    while stack:
        node = stack.pop()
        kind = node.type
        if kind in _INTERIOR:
            stack.extend(reversed(node.children))
        elif kind in ("word", "number", "string", "raw_string", "concatenation"):
            text, bare = _read_word(node, data)
            tokens.append(_Token("word", text, node.start_byte, node.end_byte, bare))
        elif kind == "variable_assignment":
            tokens.append(_read_assignment(node, data))
        elif kind in _WORDS:
            text = _decode(data[node.start_byte : node.end_byte])
            if kind == "test_operator" and not _BARE_WORD.fullmatch(text):
                raise _NotStrict("shell_syntax")
            tokens.append(_Token("word", text, node.start_byte, node.end_byte, kind == "!"))
        elif kind in _OPERATORS:
            tokens.append(_Token("operator", kind, node.start_byte, node.end_byte))
        elif kind in _REDIRECTIONS or kind == ">&":
            tokens.append(_Token("redirection", kind, node.start_byte, node.end_byte))
        elif kind == "file_descriptor":
            text = _decode(data[node.start_byte : node.end_byte])
            if text not in ("0", "1", "2"):
                raise _NotStrict("file_descriptor")
            tokens.append(_Token("descriptor", text, node.start_byte, node.end_byte))
        elif kind == "comment":
            tokens.append(_Token("comment", "", node.start_byte, node.end_byte))
        else:
            raise _NotStrict(_REASONS.get(kind, "shell_syntax"))
        if len(tokens) > MOST_WORDS:
            raise _NotStrict("too_many_words")
    return _build(tokens, data)


_REASONS = {
    "simple_expansion": "expansion",
    "expansion": "expansion",
    "arithmetic_expansion": "expansion",
    "brace_expression": "expansion",
    "command_substitution": "command_substitution",
    "process_substitution": "process_substitution",
    "function_definition": "function",
    "heredoc_redirect": "heredoc",
    "herestring_redirect": "heredoc",
    "ansi_c_string": "expansion",
    "translated_string": "expansion",
    "subshell": "grouping",
    "compound_statement": "grouping",
    "&": "background",
    "negated_command": "negation",
    "declaration_command": "declaration",
    "[[": "test_brackets",
    "]]": "test_brackets",
}


def _read_word(node: Node, data: bytes) -> tuple[str, bool]:
    special = _SPELLED.get(data[node.start_byte : node.end_byte])
    if special is not None:
        return special, False
    if node.type in ("word", "concatenation") and (pattern := _read_glob(node, data)) is not None:
        return pattern, False
    if node.type == "concatenation":
        if any(child.type == "concatenation" for child in node.children):
            raise _NotStrict("shell_syntax")
        parts = [_read_word(child, data) for child in node.children]
        if any(GLOB in part for part, _ in parts):
            raise _NotStrict("expansion")
        position = node.start_byte
        for child in node.children:
            if child.start_byte != position:
                raise _NotStrict("shell_syntax")
            position = child.end_byte
        if position != node.end_byte:
            raise _NotStrict("shell_syntax")
        text = "".join(part for part, _ in parts)
        # A tilde inside a piece is harmless only where bash would not look for one in the whole word.
        if "=~" in text or ":~" in text:
            raise _NotStrict("expansion")
        return text, False
    raw = _decode(data[node.start_byte : node.end_byte])
    match node.type:
        case "word" | "number":
            if not _BARE_WORD.fullmatch(raw):
                raise _NotStrict("expansion" if _looks_expanded(raw) else "shell_syntax")
            return raw, True
        case "raw_string":
            if len(raw) < 2 or raw[0] != "'" or raw[-1] != "'" or "'" in raw[1:-1]:
                raise _NotStrict("shell_syntax")
            return raw[1:-1], False
        case "string":
            if len(raw) < 2 or raw[0] != '"' or raw[-1] != '"' or not _IN_DOUBLE_QUOTES.fullmatch(raw[1:-1]):
                raise _NotStrict("expansion")
            return raw[1:-1], False
        case _:
            raise _NotStrict(_REASONS.get(node.type, "shell_syntax"))


def _read_glob(node: Node, data: bytes) -> str | None:
    raw = data[node.start_byte : node.end_byte]
    if not any(character in raw for character in b"*?[") or not raw.isascii():
        return None
    text = raw.decode()
    return GLOB + text if _GLOB_WORD.fullmatch(text) else None


def _decode(piece: bytes) -> str:
    try:
        return piece.decode()
    except UnicodeDecodeError:
        raise _NotStrict("shell_syntax") from None


def _looks_expanded(raw: str) -> bool:
    return raw.startswith("~") or any(character in raw for character in "*?[]{}")


def _read_assignment(node: Node, data: bytes) -> _Token:
    children = node.children
    if not 2 <= len(children) <= 3 or children[0].type != "variable_name" or children[1].type != "=":
        raise _NotStrict("declaration")
    name = _decode(data[children[0].start_byte : children[0].end_byte])
    if not _VARIABLE.fullmatch(name) or children[0].end_byte != children[1].start_byte:
        raise _NotStrict("declaration")
    value = ""
    if len(children) == 3:
        if children[1].end_byte != children[2].start_byte:
            raise _NotStrict("declaration")
        value, _ = _read_word(children[2], data)
        if GLOB in value:
            raise _NotStrict("expansion")
    end = children[-1].end_byte
    if end != node.end_byte:
        raise _NotStrict("declaration")
    return _Token("assignment", value, node.start_byte, node.end_byte, name=name)


@dataclass(slots=True)
class _Draft:
    joined_by: str
    words: list[str]
    assignments: list[tuple[str, str]]
    redirections: list[Redirection]
    line: int = 1
    is_timed: bool = False

    def is_empty(self) -> bool:
        return not (self.words or self.assignments or self.redirections)


def _build(tokens: list[_Token], data: bytes) -> tuple[SimpleCommand, ...]:
    commands: list[SimpleCommand] = []
    draft = _Draft("", [], [], [])
    descriptor: _Token | None = None
    redirection: _Token | None = None
    previous: _Token | None = None
    position = 0

    def separate(operator: str) -> None:
        nonlocal draft
        if draft.is_empty():
            if operator == "\n":
                return
            raise _NotStrict("syntax_error")
        commands.append(_finish(draft))
        if len(commands) > MOST_COMMANDS:
            raise _NotStrict("too_many_commands")
        draft = _Draft(operator, [], [], [])

    for token in tokens:
        if token.start < position:
            raise _NotStrict("shell_syntax")
        gap = data[position : token.start].decode("utf-8", "replace")
        if not _GAP.fullmatch(gap):
            raise _NotStrict("line_continuation" if "\\" in gap else "shell_syntax")
        if token.kind in ("word", "assignment", "comment", "descriptor") and not gap and position:
            after = data[position - 1 : position]
            if after not in (b"\n", b";", b"&", b"|", b">", b"<") or (
                token.kind == "comment" and after != b"\n"
            ):
                raise _NotStrict("shell_syntax")
        if "\n" in gap:
            if descriptor or redirection:
                raise _NotStrict("syntax_error")
            separate("\n")
        touches = token.kind == "redirection" and not gap and previous is not None
        if touches and previous is not None and previous.kind == "word" and previous.text.isdigit():
            # Bash takes digits that touch a redirection for a descriptor, wherever they stand.
            raise _NotStrict("file_descriptor")
        if touches and previous is not None and previous.kind == "operator" and token.text.startswith("&"):
            # ";&>" is ";&" and ">" to bash.
            raise _NotStrict("shell_syntax")
        previous = token
        if descriptor and not redirection and (token.kind != "redirection" or gap):
            raise _NotStrict("shell_syntax")
        position = token.end
        if draft.is_empty() and token.kind != "operator":
            draft.line = data.count(b"\n", 0, token.start) + 1
        match token.kind:
            case "comment":
                if redirection:
                    raise _NotStrict("syntax_error")
            case "operator":
                if redirection:
                    raise _NotStrict("syntax_error")
                separate(token.text)
            case "descriptor":
                if redirection:
                    raise _NotStrict("syntax_error")
                descriptor = token
            case "redirection":
                if redirection:
                    raise _NotStrict("syntax_error")
                if descriptor and token.text.startswith("&"):
                    raise _NotStrict("shell_syntax")
                redirection = token
            case "assignment" if draft.words[:1] == ["export"] and not redirection:
                if draft.assignments:
                    raise _NotStrict("declaration")
                draft.words.append(f"{token.name}={token.text}")
            case "assignment":
                if draft.words or redirection:
                    raise _NotStrict("shell_syntax")
                draft.assignments.append((token.name, token.text))
            case _:
                if redirection:
                    draft.redirections.append(_redirect(redirection, descriptor, token))
                    descriptor = redirection = None
                    continue
                if token.bare and token.text == "time" and draft.is_empty() and not draft.is_timed:
                    if draft.joined_by == "|":
                        raise _NotStrict("reserved_word")
                    draft.is_timed = True
                    continue
                if not draft.words and (draft.is_timed and token.text[:1] == "-"):
                    raise _NotStrict("reserved_word")
                if not draft.words and (
                    GLOB in token.text or "=" in token.text or (token.bare and token.text in RESERVED_WORDS)
                ):
                    raise _NotStrict("reserved_word")
                if not draft.words and not token.text:
                    raise _NotStrict("empty_program")
                draft.words.append(token.text)
    if descriptor or redirection or not _GAP.fullmatch(data[position:].decode("utf-8", "replace")):
        raise _NotStrict("syntax_error")
    if not draft.is_empty():
        commands.append(_finish(draft))
    elif draft.joined_by not in ("", ";", "\n"):
        raise _NotStrict("syntax_error")
    if not commands:
        raise _NotStrict("empty_text")
    if len(commands) > MOST_COMMANDS:
        raise _NotStrict("too_many_commands")
    return tuple(commands)


def _redirect(operator: _Token, descriptor: _Token | None, target: _Token) -> Redirection:
    if operator.text == ">&" and not (target.bare and target.text in ("1", "2")):
        raise _NotStrict("file_descriptor")
    if operator.text == "<<<" and descriptor:
        raise _NotStrict("file_descriptor")
    if GLOB in target.text:
        raise _NotStrict("expansion")
    if not target.text:
        raise _NotStrict("syntax_error")
    return Redirection(
        operator=operator.text, descriptor=descriptor.text if descriptor else "", target=target.text
    )


def _finish(draft: _Draft) -> SimpleCommand:
    if not draft.words:
        raise _NotStrict("declaration" if draft.assignments else "bare_redirection")
    return SimpleCommand(
        words=tuple(draft.words),
        assignments=tuple(draft.assignments),
        redirections=tuple(draft.redirections),
        joined_by=draft.joined_by,
        stdin_text="\n".join(item.target for item in draft.redirections if item.operator == "<<<"),
        is_timed=draft.is_timed,
        line=draft.line,
    )
