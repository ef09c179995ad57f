"""Reads the files of task runners: Taskfile.yml, composer.json, deno.json, mise.toml, hooks of commits.

Pure: text in, pieces of shell text with their line out, and whether that is all the runner would run; None
when it has no task of that name. What a reader does not know makes its reading not whole. It judges nothing.
"""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

from workbench.policy.makefiles import ScriptLine
from workbench.policy.parse import quote

Found = tuple[tuple[ScriptLine, ...], bool]
_MOST_TASKS = 100
_MOST_LINES = 400
_MOST_YAML = 24 * 1024
_MOST_ANCHORS = 40
_TEMPLATE = re.compile(r"\{\{\s*\.?([A-Za-z_][A-Za-z0-9_]{0,60})\s*\}\}")
_PHP_CALLBACK = re.compile(r"[A-Za-z_\\][A-Za-z0-9_\\]*::[A-Za-z_][A-Za-z0-9_]*")
_TASK_KEYS = frozenset(
    [
        *(
            "desc",
            "summary",
            "cmds",
            "cmd",
            "deps",
            "silent",
            "sources",
            "generates",
            "status",
            "preconditions",
        ),
        *(
            "method",
            "run",
            "aliases",
            "internal",
            "platforms",
            "requires",
            "ignore_error",
            "label",
            "vars",
            "env",
        ),
        *("interactive", "prompt", "watch", "dir", "set"),
    ]
)
_TASKFILE_KEYS = frozenset(
    {"version", "tasks", "vars", "env", "silent", "output", "run", "interval", "method", "set"}
)
_COMMAND_KEYS = frozenset({"cmd", "task", "defer", "silent", "ignore_error", "platforms", "vars"})
_HOOK_KEYS = frozenset(
    [
        *(
            "id",
            "name",
            "entry",
            "language",
            "files",
            "exclude",
            "types",
            "types_or",
            "exclude_types",
            "args",
        ),
        *("pass_filenames", "always_run", "verbose", "stages", "description", "require_serial", "fail_fast"),
        *("additional_dependencies", "language_version", "minimum_pre_commit_version", "alias"),
    ]
)


class _Lines:
    """Lines in the making; each is looked for in the text, to name where it stands."""

    def __init__(self, text: str, path: str) -> None:
        self.text, self.path = text, path
        self.found: list[ScriptLine] = []
        self.is_whole = True
        self.seen: set[str] = set()

    def add(self, text: str, piece: str = "") -> None:
        if len(self.found) >= _MOST_LINES:
            self.is_whole = False
            return
        place = self.text.find((piece or text).split("\n")[0][:60])
        number = self.text.count("\n", 0, place) + 1 if place >= 0 else 1
        self.found.append(ScriptLine(text=text, path=self.path, line=number))

    def is_new(self, name: str) -> bool:
        if name in self.seen or len(self.seen) > _MOST_TASKS:
            self.is_whole = self.is_whole and name in self.seen
            return False
        self.seen.add(name)
        return True

    def result(self) -> Found:
        return tuple(self.found), self.is_whole


def read_taskfile(text: str, path: str, names: tuple[str, ...]) -> Found | None:
    """Returns the lines of a Taskfile's tasks (`default` without names), with what they depend on."""
    data = read_yaml(text)
    tasks = data.get("tasks") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(tasks, dict):
        return (), False
    lines = _Lines(text, path)
    lines.is_whole = not set(data) - _TASKFILE_KEYS
    values: dict[str, str] = {"CLI_ARGS": ""}
    _take_variables(lines, data.get("vars"), values)
    _take_environment(lines, data.get("env"))
    by_alias = {
        str(alias): str(name)
        for name, task in tasks.items()
        if isinstance(task, dict) and isinstance(task.get("aliases"), list)
        for alias in task["aliases"]
    }
    for name in names or ("default",):
        _take_task(lines, tasks, by_alias.get(name, name), values, 0)
    return lines.result()


def _take_task(lines: _Lines, tasks: dict[Any, Any], name: str, values: dict[str, str], depth: int) -> None:
    if not lines.is_new(name):
        return
    task = tasks.get(name)
    if depth > 20 or name not in tasks:
        lines.is_whole = False
        return
    if isinstance(task, str):
        task = {"cmd": task}
    elif isinstance(task, list):
        task = {"cmds": task}
    if not isinstance(task, dict) or set(task) - _TASK_KEYS:
        lines.is_whole = False
        return
    values = dict(values)
    _take_variables(lines, task.get("vars"), values)
    _take_environment(lines, task.get("env"))
    folder = task.get("dir")
    before = ""
    if folder is not None:
        expanded, sure = _expand(str(folder), values)
        lines.is_whole = lines.is_whole and sure
        before = f"cd {quote(expanded)} && "
    for item in [*_listed(task.get("status")), *_listed(task.get("preconditions"))]:
        _take_line(lines, item.get("sh") if isinstance(item, dict) else item, values, before)
    for item in _listed(task.get("deps")):
        need = item.get("task") if isinstance(item, dict) else item
        if isinstance(item, dict) and set(item) - {"task", "silent"}:
            lines.is_whole = False
        _take_task(lines, tasks, str(need), values, depth + 1)
    for item in [*_listed(task.get("cmd")), *_listed(task.get("cmds"))]:
        if isinstance(item, dict) and isinstance(item.get("defer"), dict):
            item = item["defer"]
        if not isinstance(item, dict):
            _take_line(lines, item, values, before)
            continue
        if set(item) - _COMMAND_KEYS or item.get("vars"):
            lines.is_whole = False
        if "task" in item:
            _take_task(lines, tasks, str(item["task"]).removeprefix(":"), values, depth + 1)
        else:
            _take_line(lines, item.get("cmd", item.get("defer")), values, before)


def _take_variables(lines: _Lines, table: Any, values: dict[str, str]) -> None:
    if table is None:
        return
    if not isinstance(table, dict):
        lines.is_whole = False
        return
    for name, value in table.items():
        values.pop(str(name), None)
        if isinstance(value, dict) and isinstance(value.get("sh"), str):
            _take_line(lines, value["sh"], values, "")
        elif isinstance(value, str | int | float | bool):
            expanded, sure = _expand(str(value), values)
            if sure:
                values[str(name)] = expanded


def _take_environment(lines: _Lines, table: Any) -> None:
    if table is None:
        return
    if not isinstance(table, dict):
        lines.is_whole = False
        return
    for name, value in table.items():
        if isinstance(value, dict):
            _take_line(lines, value.get("sh"), {}, "")
        # A name that steers which programs run is asked about, whatever it is set to.
        lines.add(f"{re.sub(r'[^A-Za-z0-9_]', '_', str(name))}=x", str(name))


def _take_line(lines: _Lines, text: Any, values: dict[str, str], before: str) -> None:
    if not isinstance(text, str):
        lines.is_whole = False
        return
    expanded, sure = _expand(text, values)
    lines.is_whole = lines.is_whole and sure
    lines.add(before + expanded, text)


def _expand(text: str, values: dict[str, str]) -> tuple[str, bool]:
    found = _TEMPLATE.sub(lambda match: values.get(match[1], match[0]), text)
    if len(found) > 8_000 or "{{" in found:
        return _TEMPLATE.sub("${MADE_BY_TASK}", text)[:8_000], False
    return found, True


def read_composer(text: str, path: str, name: str, arguments: tuple[str, ...]) -> Found | None:
    """Returns the lines of a composer.json script, with the ones that it refers to."""
    data = _json(text)
    if not isinstance(data, dict):
        return (), False
    scripts = data.get("scripts", {})
    if not isinstance(scripts, dict) or name not in scripts:
        return None
    lines = _Lines(text, path)
    _take_composer(lines, scripts, name, arguments, 0)
    return lines.result()


def _take_composer(
    lines: _Lines, scripts: dict[str, Any], name: str, arguments: tuple[str, ...], depth: int
) -> None:
    if not lines.is_new(name):
        return
    if depth > 20 or name not in scripts:
        lines.is_whole = False
        return
    extra = "".join(" " + quote(item) for item in arguments)
    for item in _listed(scripts[name]):
        if not isinstance(item, str):
            lines.is_whole = False
        elif item.startswith("@putenv "):
            lines.add(item.removeprefix("@putenv ").partition("=")[0] + "=x", item)
        elif item.startswith(("@php ", "@composer ")):
            lines.add(item[1:] + extra, item)
        elif item.startswith("@"):
            _take_composer(lines, scripts, item[1:].split()[0] if item[1:] else "", arguments, depth + 1)
        elif not _PHP_CALLBACK.fullmatch(item):
            lines.add(item + extra, item)


def read_deno(text: str, path: str, name: str, arguments: tuple[str, ...]) -> Found | None:
    """Returns the lines of a deno.json task, with what it depends on."""
    data = _json(text if path.endswith(".json") else _without_comments(text))
    if data is None:
        data = _json(_without_comments(text))
    if not isinstance(data, dict):
        return (), False
    tasks = data.get("tasks", {})
    if not isinstance(tasks, dict) or name not in tasks:
        return None
    lines = _Lines(text, path)
    lines.is_whole = "workspace" not in data
    _take_deno(lines, tasks, name, arguments, 0)
    return lines.result()


def _take_deno(
    lines: _Lines, tasks: dict[str, Any], name: str, arguments: tuple[str, ...], depth: int
) -> None:
    if not lines.is_new(name):
        return
    task = tasks.get(name)
    if isinstance(task, dict):
        lines.is_whole = lines.is_whole and not set(task) - {"command", "dependencies", "description"}
        for need in _listed(task.get("dependencies")):
            _take_deno(lines, tasks, str(need), (), depth + 1)
        task = task.get("command", "")
    if depth > 20 or not isinstance(task, str):
        lines.is_whole = False
        return
    lines.add(task + "".join(" " + quote(item) for item in arguments), task)


def read_mise(text: str, path: str, name: str, arguments: tuple[str, ...]) -> Found | None:
    """Returns the lines of a task in mise.toml, with what it depends on."""
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return (), False
    tasks = data.get("tasks", {})
    if not isinstance(tasks, dict) or name not in tasks:
        return None
    lines = _Lines(text, path)
    _take_environment(lines, data.get("env"))
    lines.is_whole = not {"hooks", "vars", "task_config", "plugins"} & set(data)
    _take_mise(lines, tasks, name, arguments, 0)
    return lines.result()


def _take_mise(
    lines: _Lines, tasks: dict[str, Any], name: str, arguments: tuple[str, ...], depth: int
) -> None:
    if not lines.is_new(name):
        return
    task = tasks.get(name)
    if isinstance(task, str | list):
        task = {"run": task}
    known = {
        "run",
        "depends",
        "depends_post",
        "description",
        "alias",
        "sources",
        "outputs",
        "quiet",
        "silent",
        "raw",
    }
    if depth > 20 or not isinstance(task, dict) or set(task) - known:
        lines.is_whole = False
        return
    for need in [*_listed(task.get("depends")), *_listed(task.get("depends_post"))]:
        _take_mise(lines, tasks, str(need), (), depth + 1)
    for item in _listed(task.get("run")):
        if not isinstance(item, str) or "{{" in item or item.startswith("#!"):
            lines.is_whole = False
            continue
        lines.add(item + "".join(" " + quote(word) for word in arguments), item)


def read_hooks(text: str, path: str, names: tuple[str, ...]) -> Found | None:
    """Returns what the repository's own hooks in a .pre-commit-config.yaml run; those of others are tools."""
    data = read_yaml(text)
    if not isinstance(data, dict) or not isinstance(data.get("repos"), list):
        return (), False
    lines = _Lines(text, path)
    for repository in data["repos"]:
        if not isinstance(repository, dict) or not isinstance(repository.get("hooks"), list):
            lines.is_whole = False
            continue
        for hook in repository["hooks"]:
            if not isinstance(hook, dict) or (
                names and hook.get("id") not in names and hook.get("alias") not in names
            ):
                continue
            if set(hook) - _HOOK_KEYS:
                lines.is_whole = False
            if repository.get("repo") not in ("local", "meta") and "entry" not in hook:
                continue
            if repository.get("repo") == "meta" or hook.get("language") in ("fail", "pygrep"):
                continue
            entry, args = hook.get("entry"), hook.get("args", [])
            if not isinstance(entry, str) or not isinstance(args, list):
                lines.is_whole = False
                continue
            lines.add(entry + "".join(" " + quote(str(item)) for item in args), entry)
    return lines.result()


def read_lefthook(text: str, path: str, name: str) -> Found | None:
    """Returns what the commands of one hook in a lefthook.yml run."""
    data = read_yaml(text)
    if not isinstance(data, dict):
        return (), False
    if name not in data:
        return None
    lines = _Lines(text, path)
    hook = data[name]
    lines.is_whole = not {"extends", "remotes", "remote", "source_dir", "rc", "templates"} & set(data)
    if not isinstance(hook, dict) or set(hook) - {"commands", "parallel", "piped", "jobs", "follow"}:
        return (), False
    commands = hook.get("commands") or {}
    items = list(commands.values()) if isinstance(commands, dict) else [None]
    for item in [*items, *_listed(hook.get("jobs"))]:
        run = item.get("run") if isinstance(item, dict) else None
        if (
            not isinstance(item, dict)
            or not isinstance(run, str)
            or {"env", "root", "group", "script"} & set(item)
        ):
            lines.is_whole = False
            continue
        lines.add(re.sub(r"\{[a-z_0-9*]{1,30}\}", "src/x", run), run)
    return lines.result()


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _without_comments(text: str) -> str:
    """Returns JSON with comments as plain JSON, commas before a bracket taken away too."""
    kept: list[str] = []
    for match in re.finditer(r'"(?:[^"\\\n]|\\.)*"|//[^\n]*|/\*|.|\n', text):
        piece = match[0]
        if piece == "/*":
            return ""
        if not piece.startswith("//"):
            kept.append(piece)
    return re.sub(r",(?=[ \t\r\n]{0,200}[}\]])", "", "".join(kept))


def read_yaml(text: str) -> Any:
    """Returns what a YAML text says, or None where it is too long, odd, or grows by its own references."""
    if (
        len(text) > _MOST_YAML
        or text.count("&") + text.count("*") > _MOST_ANCHORS * 10
        or text.count("<<:") > 20
    ):
        return None
    import yaml  # The import costs 10 ms, and few projects have such a file.

    try:
        # The loader in C is faster, and deep nesting ends its process.
        return yaml.load(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError, TypeError):
        return None
