"""Finds the commands that a command runs: behind env, timeout, xargs, find -exec, sh -c, python -m and more.

Which words are the inner command follows from the wrapper's own form in the catalogue (kinds `command`,
`script`, `words`, `module`), read by allow-listed flags like any other program. What cannot be unwrapped
surely carries a label that is asked about. It judges nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from workbench.policy.catalog import Catalog
from workbench.policy.options import Reading
from workbench.policy.walk import DYNAMIC, is_dynamic, plain

_PRINTERS = frozenset({"echo", "printf", "basename", "dirname"})
_RUNNERS = {
    "npm": "npm run",
    "yarn": "yarn run",
    "pnpm": "pnpm run",
    "bun": "bun run",
    "node": "npm run",
    "deno": "deno task",
}
_FIND_RUNS = frozenset({"-exec", "-execdir", "-ok", "-okdir"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    """A command or shell text inside another. `start` and `end` are its words' places among the arguments;
    `text` is shell text in one word at `start`; `replaces` tells that inner words are not what will run."""

    words: tuple[str, ...] = ()
    text: str | None = None
    start: int = 0
    end: int = 0
    labels: frozenset[str] = frozenset()
    may_rewrite: bool = True


def unwrap(words: tuple[str, ...], reading: Reading) -> tuple[Inner, ...]:
    """Returns what these argument words run, under the reading they were given."""
    found: list[Inner] = []
    for value in reading.values:
        match value.kind:
            case "command":
                found.append(_command(words, value.index, reading))
            case "script":
                found.append(
                    Inner(
                        text=_spell_out(value.text) if "runs_npm_script" in reading.labels else value.text,
                        start=value.index,
                        end=value.index + 1,
                        may_rewrite=not value.is_attached,
                        labels=frozenset({"dynamic_word"} if is_dynamic(words[value.index]) else ()),
                    )
                )
            case "words":
                text = " ".join(plain(word) for word in words[value.index :])
                found.append(Inner(text=text, may_rewrite=False))
            case "module" if value.is_operand:
                # As an option's value it is the bare name of a reporter or a style.
                inner = (value.text, *words[value.index + 1 :])
                found.append(Inner(words=inner, may_rewrite=False, labels=frozenset({"python_module"})))
            case _:
                pass
    return tuple(found)


def without_dashes(found: tuple[Inner, ...]) -> tuple[Inner, ...]:
    """Returns the same calls as they are when their runner takes a `--` away: `npm exec tsc -- -p x`.

    Some package managers do and some do not, and it changes which words are options.
    """
    return tuple(
        replace(item, words=tuple(word for word in item.words if word != "--"), may_rewrite=False)
        for item in found
        if "--" in item.words
    )


def own_tool(catalog: Catalog, reading: Reading, words: tuple[str, ...]) -> Inner | None:
    """Returns the call of the project's own tool that an interpreter is given: `python manage.py flush`."""
    code = next((value for value in reading.values if value.is_operand), None)
    if code is None or catalog.find_local(code.text) is None:
        return None
    name = code.text if "/" in code.text else f"./{code.text}"
    return Inner(words=(name, *words[code.index + 1 :]), may_rewrite=False)


def _spell_out(text: str) -> str:
    """Returns what concurrently's short form `npm:build` stands for."""
    runner, sign, rest = text.partition(":")
    if not sign or runner not in _RUNNERS or rest[:1] in ("", " "):
        return text
    return f"{_RUNNERS[runner]} {rest}"


def _command(words: tuple[str, ...], start: int, reading: Reading) -> Inner:
    inner = words[start:]
    may_rewrite = True
    if "appends_stdin" in reading.labels:
        may_rewrite = False
        if reading.given & {"-I", "-i", "--replace"}:
            marks = {value.text for value in reading.values if value.kind == "text"} | {"{}"}
            inner = tuple(
                DYNAMIC + "$" if _is_part(word, marks) else word if is_dynamic(word) else DYNAMIC + word
                for word in inner[:1] + inner[1:]
            )
            # The program's own name is fixed unless the replacement stands in it.
            name = plain(inner[0])
            replaced = {value.text for value in reading.values if value.kind == "text"} | {"{}"}
            if not any(text and text in name for text in replaced):
                inner = (name, *inner[1:])
        else:
            inner = (*inner, DYNAMIC)
    return Inner(words=inner, start=start, end=len(words), may_rewrite=may_rewrite)


def only_prints(catalog: Catalog, words: tuple[str, ...]) -> bool:
    """Returns whether a call that xargs starts prints the words that it appends, whatever they are."""
    name = plain(words[0]) if words else ""
    if name not in _PRINTERS or is_dynamic(words[0]):
        return False
    # With its format given first, what is appended to printf cannot be an option.
    if name == "printf" and (len(words) < 3 or is_dynamic(words[1]) or plain(words[1])[:1] in ("-", "")):
        return False
    program = catalog.find(name)
    return program is not None and program.read(words[1:]) is not None


def _is_part(word: str, marks: set[str]) -> bool:
    """Returns whether what is read from standard input becomes a part of this word."""
    return any(mark and mark in plain(word) and mark != plain(word) for mark in marks)


def split_find(words: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[Inner, ...]] | None:
    """Splits find's arguments into its own words and what it runs; None when an -exec has no end.

    `{}` stands for each path found, which lies below find's first starting point, so that is what it is
    read as; with several starting points, or inside a longer word, its value is not known.
    """
    own: list[str] = []
    inner: list[Inner] = []
    index = 0
    roots: list[str] = []
    for word in words:
        if plain(word)[:1] in ("-", "(", "!"):
            break
        roots.append(word)
    if len(roots) == 1 and "/" not in roots[0]:
        # Never the bare name of a program, an option or a variable.
        roots = [DYNAMIC + plain(roots[0]) if is_dynamic(roots[0]) else "./" + roots[0]]
    stands_for = roots[0] if len(roots) == 1 else "./." if not roots else DYNAMIC
    while index < len(words):
        if words[index] not in _FIND_RUNS:
            own.append(words[index])
            index += 1
            continue
        end = index + 1
        while end < len(words) and words[end] != ";" and not (words[end] == "+" and words[end - 1] == "{}"):
            end += 1
        if end >= len(words) or end == index + 1:
            return None
        command = tuple(
            stands_for
            if word == "{}" and place > index + 1
            else DYNAMIC + plain(word)
            if "{}" in word
            else word
            for place, word in enumerate(words[index + 1 : end], start=index + 1)
        )
        labels = frozenset({"for_each_path"})
        if words[index].startswith("-ok"):
            labels |= {"asks_on_terminal"}
        if words[index].endswith("dir"):
            labels |= {"cwd_unknown"}
        inner.append(Inner(words=command, start=index + 1, end=end, labels=labels, may_rewrite=False))
        index = end + 1
    return tuple(own), tuple(inner)
