"""Commands that walk over folders, in a workspace with secrets, links that lead away, and ignored files.

What such a command may show depends on what lies there, so it is judged there; what is allowed is also run,
and must not show a word that only secrets and places outside hold.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from workbench.model.verdict import Decision
from workbench.policy import judge, load_policy
from workbench.sandbox.lookup import ProjectSurroundings

POLICY = load_policy(is_tried=False)
MARK = "word-that-only-secrets-hold"
PLAIN = (
    *("README.md", "src/app.py", "src/secrets.py", "tests/test_app.py", "docs/guide.md", "docs/env.md"),
    *(".env.example", "conf/app.yml", "web/index.ts", "node_modules/x/index.js", ".hidden/notes.txt"),
)
SECRET = (
    ".env",
    "conf/.env",
    "keys/server.pem",
    "deploy/prod.env",
    "node_modules/x/.env",
    ".ssh/id_rsa",
    "keys/.npmrc",
)


def load_families() -> tuple[tuple[str, ...], tuple[str, ...]]:
    place = Path(__file__).parent / "corpus" / "families.py"
    found = importlib.util.spec_from_file_location("families", place)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module.walks(), module.quiet_walks()


WALKS, QUIET = load_families()


def make_ground(folder: Path) -> str:
    outside = folder / "outside"
    outside.mkdir()
    (outside / "notes.txt").write_text(MARK + "\n")
    root = folder / "repo"
    for name in (*PLAIN, *SECRET):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text((MARK if name in SECRET else "foo") + "\n")
    (root / "keys" / ".npmrc").write_text(f"//registry.example/:_authToken={MARK}\n")
    (root / "web" / ".npmrc").write_text("engine-strict=true\n")
    (root / ".git").mkdir()
    (root / ".gitignore").write_text("node_modules/\n/keys/\n*.log\n/.env\ndeploy/*.env\n")
    (root / "folders").mkdir()
    for name, target in (("away", "/etc"), ("names", "/etc/passwd"), ("out", str(outside))):
        (root / "folders" / name).symlink_to(target)
    (root / "folders" / "notes.md").symlink_to(outside / "notes.txt")
    return str(root.resolve())


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> str:
    return make_ground(tmp_path_factory.mktemp("ground"))


def decide(text: str, root: str) -> Decision:
    surroundings = ProjectSurroundings(workspace_root=root, toolchains=())
    return judge(POLICY, text, cwd=root, workspace_root=root, surroundings=surroundings).verdict.verdict


def test_no_walk_that_meets_a_secret_or_leads_away_is_allowed(ground: str) -> None:
    assert len(WALKS) >= 150
    assert [text for text in WALKS if decide(text, ground) is Decision.ALLOW] == []


def test_everyday_walks_beside_secrets_are_allowed(ground: str) -> None:
    assert len(QUIET) >= 70
    assert [text for text in QUIET if decide(text, ground) is not Decision.ALLOW] == []


def test_copies_of_forbidden_folders_are_denied(ground: str) -> None:
    for text in (
        "cp -r /etc e",
        "tar czf x.tgz /etc",
        "zip -r x.zip /etc/ssl",
        "find /etc -name shadow -exec cat '{}' +",
    ):
        assert decide(text, ground) is Decision.DENY, text


@pytest.mark.parametrize(
    ("ignored", "is_sent"),
    [
        ("", True),
        (".env\nconf\n", False),
        ("**/.env\n", False),
        (".env\n", True),
        ("conf/.env\n.env\n", False),
        ("*\n!conf\n", True),
        ("# .env\n# conf\n", True),
    ],
)
def test_a_builds_context_is_what_its_ignore_file_leaves(tmp_path: Path, ignored: str, is_sent: bool) -> None:
    (tmp_path / "conf").mkdir()
    for name in (".env", "conf/.env", "Dockerfile", "main.py"):
        (tmp_path / name).write_text("x\n")
    (tmp_path / ".dockerignore").write_text(ignored)
    root = str(tmp_path.resolve())
    surroundings = ProjectSurroundings(workspace_root=root, toolchains=())
    for name in ("", "Dockerfile.dockerignore"):
        if name:
            (tmp_path / name).write_text("")
        found = judge(POLICY, "docker build .", cwd=root, workspace_root=root, surroundings=surroundings)
        assert found.verdict.verdict is Decision.REQUIRES_APPROVAL
        assert ("reads_secret" in found.verdict.reason_codes) == (is_sent or bool(name))


SELECTIONS = (
    *(
        "",
        "-type f",
        "-name '*.py'",
        "-name '*.md'",
        "-name '.*'",
        "-name '*'",
        "-iname '*.PY'",
        "-name '*e*'",
    ),
    *("-not -name '.*'", "! -name '*.env' -type f", "-name '*.ts' -o -name '*.py'", "-type l", "-type f,l"),
    *("'(' -name '*.md' -o -name '*v' ')' -type f", "-path './src/*'", "-path './c*'", "-path '*/x/*'"),
    *(
        "-maxdepth 1 -type f",
        "-maxdepth 2 -name 'a*'",
        "-mindepth 2 -type f",
        "-name '[cd]*' -prune -o -type f -print",
    ),
    *("-path ./conf -prune -o -name '*.yml' -print", "-name node_modules -prune -o -name '*.js' -print"),
    *(
        "-depth -name conf -prune -o -name '.e*' -print",
        "-type d -prune -o -type f -print",
        "-newer README.md",
    ),
    *(
        "-not '(' -name '*.env' -o -name '.env' -o -name '*.pem' -o -name 'id_*' ')' -type f",
        "-false",
        "-true",
    ),
    *(
        "-name '*.py' -print -o -name '*.pem' -print",
        "! ! -name '.env'",
        "-not -path './.*' -type f",
        "-empty",
    ),
    *(
        "-name '\\.env'",
        "-name '.[e]nv'",
        "-name '?env'",
        "-regex '.*md'",
        "-size -2k -name '*.md'",
        "-name s*",
    ),
)
HANDED_TO = (
    *(
        "-exec cat '{}' +",
        "-exec grep -h '' '{}' ';'",
        "| xargs cat",
        "| xargs -n 1 head -n 2",
        "| sort | xargs cat",
    ),
    *("| grep '\\.py$' | xargs cat", "| grep -v node_modules | xargs cat", "| xargs -I '{}' cat '{}'"),
    *("| grep -E '\\.(md|py)$' | xargs cat", "| head -n 40 | xargs cat"),
    *(
        "| xargs grep -rh ''",
        "-exec grep -rh '' '{}' +",
        "| xargs tar -cf made.tar",
        "| xargs -n 2 diff -r tests",
    ),
)
STARTS = (".", "src", "conf folders", "-L folders", "folders/")
GREPS = tuple(
    f"grep {flags} '' {options} {place}".strip()
    for flags, options, place in itertools.product(
        ("-r", "-rh", "-R", "-rn", "--recursive"),
        (
            "",
            "--include='*.py'",
            "--include='*.md'",
            "--include='*v'",
            "--exclude='*.env'",
            "--exclude-dir=conf",
        ),
        ("", ".", "src", "conf", "folders", "docs tests", ".hidden"),
    )
)
COPY_WAYS = (
    *(
        "tar -cf made.tar {place}",
        "tar cf made.tar --exclude=.env {place}",
        "cp -r {place} made",
        "cat {place}/*",
    ),
    *(
        "cp -rL {place} made",
        "diff -r {place} tests",
        "ls {place} | xargs cat",
        "grep -rl '' {place} | xargs cat",
    ),
    *("ls -a {place} | xargs -I '{{}}' cat {place}/'{{}}'", "head {place}/*.md", "zip -q -r - {place}"),
    *(
        "zip -q -r - {place} -x .env",
        "tar -cf made.tar --exclude=*.env --exclude=keys --exclude=.ssh {place}",
    ),
)
COPIES = tuple(
    way.format(place=place)
    for place in (".", "src", "conf", "docs", "folders", "keys", "deploy", ".hidden", "node_modules", ".ssh")
    for way in COPY_WAYS
)


def searches() -> tuple[str, ...]:
    # A fifth of them: each start, selection and end still meets every other.
    return tuple(
        f"find {start} {selection} {handed}".replace("  ", " ")
        for start, selection, handed in itertools.product(STARTS, SELECTIONS, HANDED_TO)
    )[::5]


def shows_the_mark(text: str, root: str, made: Path) -> bool:
    """Runs the command as it stands, and looks for the word in what it prints and in what it made."""
    done = subprocess.run(
        ["bash", "--norc", "--noprofile", "-c", text],
        cwd=root,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
        check=False,
    )
    found = MARK.encode() in done.stdout
    if made.is_dir():
        names = (path for path in made.rglob("*") if path.is_file() and not path.is_symlink())
        found = found or any(MARK in path.read_text(errors="replace") for path in names)
        shutil.rmtree(made)
    for name in ("made.tar", "made"):
        path = Path(root) / name
        if path.is_file():
            found = found or MARK.encode() in path.read_bytes()
            path.unlink()
    return found


@pytest.mark.parametrize("part", range(4))
def test_what_is_allowed_to_walk_shows_no_secret(part: int, tmp_path: Path) -> None:
    root = make_ground(tmp_path)
    commands = (*searches(), *GREPS, *COPIES)[part::4]
    allowed = [text for text in commands if decide(text, root) is Decision.ALLOW]
    shown = [text for text in allowed if shows_the_mark(text, root, Path(root) / "made")]
    assert len(allowed) >= 40
    assert shown == []


@pytest.mark.parametrize("of", [4, pytest.param(1, marks=pytest.mark.long)])
def test_what_is_asked_about_would_mostly_have_shown_one(tmp_path: Path, of: int) -> None:
    # Otherwise the words above would prove nothing, and too much would be asked about.
    root = make_ground(tmp_path)
    asked = [
        text
        for text in (*searches()[:: 5 * of], *GREPS[:: 8 * of], *COPIES[:: 5 * of])
        if decide(text, root) is not Decision.ALLOW
    ]
    shown = [text for text in asked if shows_the_mark(text, root, Path(root) / "made")]
    assert len(asked) >= 40 // of
    assert len(shown) >= len(asked) // 2


def test_a_workspace_too_large_to_look_through_is_asked_about(tmp_path: Path) -> None:
    root = tmp_path / "repo"
    for number in range(21):
        (root / str(number)).mkdir(parents=True)
        for name in range(1_000):
            (root / str(number) / str(name)).touch()
    (root / "src").mkdir()
    assert decide("grep -r foo .", str(root)) is Decision.REQUIRES_APPROVAL
    assert decide("grep -r foo src", str(root)) is Decision.ALLOW
    assert decide("grep -r foo 1", str(root)) is Decision.ALLOW
