"""Measures (f): one judgement of a command by the policy in force, with this machine's own surroundings."""

from __future__ import annotations

import time
from pathlib import Path

from bench.figure import Figure, median, percentile
from workbench.connectors.local import surroundings_of
from workbench.gate import judge, load_policy

_COMMANDS = (
    *("ls -la", "git status", "git diff HEAD~1 -- src", "git log --oneline -20", "cat README.md"),
    *(
        "grep -rn TODO src",
        "rg -n 'def main' src",
        "find . -name '*.py' -type f",
        "wc -l README.md",
        "make test",
    ),
    *("npm test", "npm run build", "pytest -q tests/unit", "python -m pytest", "cargo test", "go test ./..."),
    *("git add -A && git commit -m 'a change'", "head -n 5 README.md | sort | uniq -c", "mkdir -p build/out"),
    *("rm -rf build", "sed -n 1,20p README.md", "echo done > out.txt", "curl https://example.org", "sudo ls"),
    *("for f in *.md; do wc -l $f; done", "bash -c 'ls && git status'", "env A=1 make", "xargs rm < list"),
    *("git push origin main", "docker run --rm x", "tar xzf a.tgz", "diff -u a b", "cd src && ls", "true"),
)


def measure_policy(repo: Path, rounds: int) -> list[Figure]:
    """Returns median and 95th percentile over a mix of everyday commands, in milliseconds."""
    policy, surroundings = load_policy(), surroundings_of(str(repo))
    taken: list[float] = []
    for number in range(rounds + 1):
        for command in _COMMANDS:
            began = time.perf_counter()
            judge(
                policy,
                command,
                cwd=str(repo),
                workspace_root=str(repo),
                surroundings=surroundings,
                env_profile="default",
                connector="local",
            )
            if number:
                taken.append(time.perf_counter() - began)
    count = len(taken)
    return [
        Figure(name="policy check, median", value=median(taken) * 1000, unit="ms", count=count, limit=1),
        Figure(
            name="policy check, 95th percentile", value=percentile(taken, 0.95) * 1000, unit="ms", count=count
        ),
    ]
