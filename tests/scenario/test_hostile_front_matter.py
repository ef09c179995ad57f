"""Front matter that would end or fill the process that reads it: a told problem, and nothing else is lost.

Each is read by a process of its own with little stack and memory, so that a crash is seen as one.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from support.ground import make_repository
from support.server import Workbench

MANY = 100_000
LIMITS = ("prlimit", "--stack=1048576", "--as=1500000000", "--cpu=20")
BOMB = "".join(f"b{i}: &b{i} [{', '.join([f'*b{i - 1}'] * 10)}]\n" for i in range(1, 30))
HOSTILE = {
    "flow lists": "a: " + "[" * MANY,
    "flow maps": "a: " + "{a: " * MANY,
    "flow keys": "a: " + "[? " * MANY,
    "flow of both": "a: " + "[{a: " * MANY,
    "closed flow lists": "a: " + "[" * MANY + "]" * MANY,
    "lists on one line": "a:\n  " + "- " * MANY,
    "keys on one line": "? " * MANY,
    "keys and lists": "? - " * MANY,
    "block maps": "\n".join(" " * depth + "a:" for depth in range(1400)),
    "block lists": "\n".join(" " * depth + "-" for depth in range(1400)),
    "an alias bomb": f"b0: &b0 [x]\n{BOMB}",
    "a bomb of maps": "b0: &b0 {x: y}\n" + BOMB.replace("[", "{k: [").replace("]", "]}"),
    "a chain of aliases": "c0: &c0 [x]\n" + "\n".join(f"c{i}: &c{i} [*c{i - 1}]" for i in range(1, 190)),
    "an alias in itself": "a: &a [*a, *a]",
    "an endless key": "a" * 5 * MANY,
    "an endless directive": "a: %" + "A" * MANY,
    "more than is read": "a: " + "x" * (2 << 20),
}


EACH = [pytest.param((name,), id=name, marks=pytest.mark.long) for name in HOSTILE]


@pytest.mark.parametrize("names", [pytest.param(tuple(HOSTILE), id="all"), *EACH])
def test_hostile_documents_are_told_of_and_the_others_are_read(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    repo = make_repository(tmp_path / "repo")
    slugs = {f"{number:03d}-evil": HOSTILE[name] for number, name in enumerate(names, 2)}
    for slug, text in slugs.items():
        evil = repo / "specs" / slug
        evil.mkdir()
        (evil / "spec.md").write_text(f"---\ntitle: Evil\n{text}\n---\n# Evil\n")
        (evil / "tasks.md").write_text("# Tasks\n\n- [ ] T001 do it\n")
    bench = Workbench(home=tmp_path / "home")
    # The second time from what is remembered.
    for _ in range(2):
        said = bench.cli("features", "--json", "--repo", str(repo), prefix=LIMITS)
        assert said.status == 0, said.err[-500:]
        by_id = {feature["feature_id"]: feature for feature in said.json}
        assert by_id["001-small-thing"]["tasks"]["total"] > 0
        for slug in slugs:
            assert by_id[slug]["tasks"]["open"] == 1
            told = [line for line in said.err.splitlines() if line.startswith(f"specs/{slug}/spec.md:")]
            assert len(told) == 1, (slug, said.err[-500:])
        assert "Traceback" not in said.err
    said = bench.cli("next", "--json", "--repo", str(repo), prefix=LIMITS)
    assert said.status == 0


def test_they_are_told_of_where_the_reader_in_c_is_missing_too() -> None:
    program = (
        "import sys, json, yaml; del yaml.CSafeLoader\n"
        "from workbench.features.frontmatter import parse_front_matter\n"
        "for text in json.load(sys.stdin):\n"
        "    found = parse_front_matter('a.md', text.split('\\n'))\n"
        "    print(len(found[2]), found[0]['title'].text, flush=True)\n"
    )
    texts = json.dumps([f"---\ntitle: Evil\n{text}\n---\n" for text in HOSTILE.values()])
    done = subprocess.run(
        [*LIMITS, sys.executable, "-c", program], input=texts.encode(), capture_output=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, b"1 Evil\n" * len(HOSTILE)), done.stderr[-500:]
