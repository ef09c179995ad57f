"""Makes the two sets of commands that policy is measured by: what attackers try, and a developer's week.

Both are written from principles, as readable lines beside this file; slots, carriers and compounds are filled
here, the same way every time. It judges nothing.
"""

from __future__ import annotations

import base64
import random
from pathlib import Path

_SEED = 20_240_229
_SLOTS: dict[str, tuple[str, ...]] = {
    "file": ("README.md", "src/app.py", "src/index.ts", "docs/guide.md", "package.json", "config/app.yml"),
    "py": ("scripts/run.py", "main.py", "src/app.py", "tools/seed.py"),
    "js": ("scripts/build.js", "index.js", "server.mjs"),
    "ts": ("src/index.ts", "src/lib/parse.ts", "src/App.tsx"),
    "sh": ("scripts/build.sh", "scripts/deploy.sh", "run.sh"),
    "test": ("tests/test_app.py", "tests/unit", "tests/test_parse.py"),
    "tstest": ("src/parse.test.ts", "tests/app.spec.ts"),
    "dir": ("src", "app", "lib", "packages/web", "docs", "server"),
    "ext": ("py", "ts", "tsx", "go", "rs", "md", "json"),
    "word": ("parse", "login", "config", "TODO", "user", "export"),
    "name": ("User", "Ada", "Parser", "octo"),
    "branch": ("feature/login", "fix-parse", "main", "develop"),
    "sha": ("abc1234", "HEAD~2", "9f8e7d6"),
    "msg": ("fix: handle empty input", "feat(api): add export", "wip", "docs: say why"),
    "pkg": ("requests", "numpy", "fastapi"),
    "npmpkg": ("lodash", "vitest", "@types/node"),
    "crate": ("serde", "tokio", "core"),
    "n": ("5", "10", "20", "50", "100"),
}
_OFTEN = frozenset({"git", "looking around", "searching", "text", "files", "python", "javascript"})
# Where a file that an option names may not lie without a question.
_AWAY: dict[str, tuple[str, ...]] = {
    "written": ("/etc/x", "../x", "~/x", ".git/hooks/x"),
    "read": (".env", "/home/me/x"),
    "loaded": ("/tmp/evil.js", "../evil.js"),
}
_ENDINGS = (" | head -{n}", " 2>&1 | tail -{n}", " 2>/dev/null", " 2>&1", " | wc -l", " | grep {word}")
_FOLLOWERS = ("ls -la", "git status --short", "git diff --stat", 'echo "done"', "echo '---'", "pwd")


def everyday() -> tuple[str, ...]:
    """Returns some thousand commands of developers' and agents' real work, without repeats."""
    chance = random.Random(_SEED)
    found: dict[str, None] = {}
    simple: list[str] = []
    for section, lines in _sections("everyday.txt").items():
        for line in lines:
            for _ in range((3 if section in _OFTEN else 1) if "{" in line else 1):
                text = _fill(line, chance)
                found[text] = None
                if "\n" not in text and section in _OFTEN:
                    simple.append(text)
    for text in chance.sample(simple, 420):
        if not set(text) & set("|>;&$"):
            found[_fill(text + chance.choice(_ENDINGS), chance)] = None
    for text in chance.sample(simple, 300):
        match chance.randrange(4):
            case 0:
                found[_fill("cd {dir} && ", chance) + text] = None
            case 1:
                found[text + " && " + chance.choice(simple)] = None
            case 2:
                found[text + "; " + chance.choice(_FOLLOWERS)] = None
            case _:
                found[chance.choice(_FOLLOWERS) + " && " + text] = None
    return tuple(found)


def adversarial() -> tuple[str, ...]:
    """Returns every carrier with every payload, every way to every secret and start-up file, commands with an
    option that is not theirs, options that name a file, the single ones, what moves the ground, each once."""
    sections = _sections("adversarial.txt")
    found: dict[str, None] = {}
    for carrier in sections["carrier"]:
        for payload in sections["payload"]:
            data = payload.encode()
            quoted = "'" + payload.replace("'", "'\\''") + "'"
            found[
                carrier.replace("{payload}", payload)
                .replace("{quoted}", quoted)
                .replace("{hex}", "".join(f"\\x{byte:02x}" for byte in data))
                .replace("{b64}", base64.b64encode(data).decode())
            ] = None
    for way in sections["reach"]:
        for secret in sections["secret"]:
            base = secret.rpartition("/")[2]
            # A pattern for the ordinary name of a file in a secret folder is one for an ordinary name.
            if "{base}" not in way or base not in ("config", "config.json", "trustdb.gpg"):
                found[way.replace("{secret}", secret).replace("{base}", base)] = None
    for way in sections["write"]:
        for file in sections["startup file"]:
            found[way.replace("{startup}", file)] = None
    for command in sections["optioned"]:
        found.update((f"{command} {option}", None) for option in sections["option"])
    found.update(dict.fromkeys(sections["single"]))
    ground = _sections("moving_ground.txt")
    for writer in ground["writer"]:
        for reader in ground["reader"]:
            found[f"{writer} && {reader}"] = None
            found[f"{writer}; {reader}"] = None
    options = _sections("option_files.txt")
    for use, places in _AWAY.items():
        found.update((line.replace("{}", place), None) for line in options[use] for place in places)
    found.update(dict.fromkeys(options["run"]))
    for fetcher in ground["fetcher"]:
        found.update((fetcher.replace("{}", name), None) for name in ground["fetched"])
    return tuple(found)


def options_at(use: str, file: str) -> tuple[str, ...]:
    """Returns commands with an option that names this file, by what they do with it: "written", "read" or
    "loaded" as code."""
    return tuple(line.replace("{}", file) for line in _sections("option_files.txt")[use])


def walks() -> tuple[str, ...]:
    """Returns attacks that only reach something where secrets lie below, or links lead away."""
    return tuple(dict.fromkeys(_sections("adversarial.txt")["walk"]))


def quiet_walks() -> tuple[str, ...]:
    """Returns everyday commands that reach nothing in that same place, so that nobody need be asked."""
    return tuple(dict.fromkeys(_sections("adversarial.txt")["quiet walk"]))


def _sections(name: str) -> dict[str, list[str]]:
    sections: dict[str, list[str]] = {}
    for line in (Path(__file__).parent / name).read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            lines = sections.setdefault(line[3:], [])
        elif line and not line.startswith("# "):
            lines.append(line.replace("\\u00a0", "\u00a0").replace("\\u202e", "\u202e").replace("\\n", "\n"))
    return sections


def _fill(line: str, chance: random.Random) -> str:
    text = line
    for slot, values in _SLOTS.items():
        while "{" + slot + "}" in text:
            text = text.replace("{" + slot + "}", chance.choice(values), 1)
    return text
