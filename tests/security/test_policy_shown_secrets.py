"""What git and other tools print of what they keep: tracked secrets, logins in settings, tokens.

A real repository tracks a file of secret name. What is allowed is run there, and must not show the word that
only such files hold.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from workbench.model.verdict import Decision
from workbench.policy import judge, load_policy
from workbench.policy.load import ExampleSurroundings
from workbench.sandbox.lookup import ProjectSurroundings

POLICY = load_policy()
MARK = "word-that-only-secrets-hold"
CLEAN = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
WHO = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")


def git(root: Path, *words: str) -> None:
    subprocess.run(["git", *WHO, *words], cwd=root, env=CLEAN, check=True, capture_output=True)


def make_repository(root: Path) -> Path:
    """Two commits, a stash and a change in the working tree, each of which touches a tracked secret."""
    (root / "src").mkdir(parents=True)
    (root / "conf").mkdir()
    git(root, "init", "-q", "-b", "main")
    for turn in ("one", "two", "three", "four"):
        (root / "conf" / ".env").write_text(f"TOKEN={MARK}-{turn}\n")
        (root / "src" / "app.py").write_text(f"turn = '{turn}'\n")
        if turn in ("one", "two"):
            git(root, "add", "--force", "--all")
            git(root, "commit", "-q", "-m", turn)
        if turn == "three":
            git(root, "stash")
    (root / ".gitignore").write_text(".env\n")
    return root.resolve()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_repository(tmp_path_factory.mktemp("tracked") / "repo")


def decide(text: str, root: Path) -> Decision:
    surroundings = ProjectSurroundings(workspace_root=str(root), toolchains=())
    return judge(
        POLICY, text, cwd=str(root), workspace_root=str(root), surroundings=surroundings
    ).verdict.verdict


def reasons(text: str, root: Path) -> tuple[str, ...]:
    surroundings = ProjectSurroundings(workspace_root=str(root), toolchains=())
    found = judge(POLICY, text, cwd=str(root), workspace_root=str(root), surroundings=surroundings)
    assert found.verdict.verdict is not Decision.ALLOW, text
    return found.verdict.reason_codes


SHOWS = (
    *(
        "git diff",
        "git diff --stat -p",
        "git diff HEAD~1",
        "git diff -- conf",
        "git diff -- '*'",
        "git diff -U5",
    ),
    *("git diff --cached", "git diff --word-diff", "git diff --stat --patch HEAD~1 HEAD", "git diff conf"),
    *(
        "git -C src diff",
        "cd src && git diff",
        "git -C conf diff -- .",
        "git diff | cat",
        "git diff -- 'co*'",
    ),
    *("git log -p", "git log -p -1", "git log -u", "git log -U3", "git log --patch --all", "git log -c -p"),
    *("git log --cc", "git log --word-diff -p", "git log -L1,1:conf/.env", "git log -p -- conf"),
    *("git show", "git show HEAD", "git show HEAD~1", "git show --oneline main", "git show --stat -p"),
    *("git show HEAD:conf/.env", "git show :conf/.env", "git show HEAD -- conf"),
    *("git stash show -p", "git stash show --patch", "git whatchanged -p", "git diff-tree -p HEAD~1 HEAD"),
    *(
        "git diff-index -p HEAD",
        "git diff-files -p",
        "git format-patch -1 --stdout",
        "git format-patch HEAD~1",
    ),
    *("git archive --format=tar HEAD", "git archive -o x.tar HEAD conf", "git cat-file -p HEAD:conf/.env"),
    *("git grep TOKEN", "git grep -h . HEAD", "git grep TOKEN -- conf", "git grep -n TOKEN HEAD -- conf"),
    *("git grep -e TOKEN", "git range-diff HEAD~1...HEAD", "git diff HEAD~1 && ls"),
    # That a text occurs there, and where, tells of it as well.
    *("git log -S TOKEN", "git log -G TOKEN --oneline", "git log --all -S TOKEN -s", "git log -G T -- conf"),
    *("git grep -l TOKEN", "git grep -c TOKEN", "git grep -q TOKEN", "git grep -L TOKEN HEAD~1"),
    *("git diff --stat -S TOKEN HEAD~1", "git diff --name-only -G TOKEN HEAD~1"),
)
KEEPS = (
    *(
        "git status",
        "git diff --stat",
        "git diff --name-only",
        "git diff --name-status HEAD~1",
        "git diff -- src",
    ),
    *("git diff src", "git diff HEAD~1 -- src/app.py", "git diff -- '*.py'", "git diff --numstat HEAD~1"),
    *("git log", "git log --oneline -5", "git log --stat", "git log -p -- src", "git log -p src/app.py"),
    *(
        "git show --stat",
        "git show HEAD --name-only",
        "git show HEAD:src/app.py",
        "git show HEAD -- src/app.py",
    ),
    *("git show -s HEAD", "git stash show", "git stash list", "git grep turn -- src"),
    *("git grep -l turn -- src", "git log -S turn -- src", "git log -G turn src/app.py"),
    *("git cat-file -t HEAD", "git blame src/app.py", "git archive -o out.tar HEAD src"),
    *(
        "git -C src diff -- app.py",
        "cd src && git diff -- .",
        "git ls-files",
        "git diff-tree --stat HEAD~1 HEAD",
    ),
)


@pytest.mark.parametrize("text", SHOWS)
def test_what_shows_a_tracked_secret_is_asked_about_as_one(root: Path, text: str) -> None:
    assert "reads_secret" in reasons(text, root)


@pytest.mark.parametrize("text", KEEPS)
def test_what_is_allowed_beside_a_tracked_secret_does_not_show_it(root: Path, text: str) -> None:
    assert decide(text, root) is Decision.ALLOW
    done = subprocess.run(["bash", "-c", text], cwd=root, env=CLEAN, capture_output=True, check=True)
    assert MARK.encode() not in done.stdout + done.stderr


@pytest.mark.parametrize("version", ["2", "3", "4"])
def test_every_version_of_the_index_is_read(tmp_path: Path, version: str) -> None:
    root = make_repository(tmp_path / "repo")
    git(root, "update-index", "--index-version", version)
    assert "reads_secret" in reasons("git diff", root)
    git(root, "rm", "-q", "--cached", "conf/.env")
    assert decide("git diff", root) is Decision.ALLOW


def test_a_tracked_secret_that_is_gone_from_the_folder_still_counts(tmp_path: Path) -> None:
    root = make_repository(tmp_path / "repo")
    (root / "conf" / ".env").unlink()
    assert "reads_secret" in reasons("git diff", root)


@pytest.mark.parametrize("spoil", ["split", "damaged", "worktree"])
def test_without_a_readable_index_every_file_may_be_tracked(tmp_path: Path, spoil: str) -> None:
    root = make_repository(tmp_path / "repo")
    index = root / ".git" / "index"
    if spoil == "split":
        git(root, "update-index", "--split-index")
    elif spoil == "damaged":
        index.write_bytes(index.read_bytes()[:-30])
    else:
        git(root, "worktree", "add", "-q", "tree")
        root = (root / "tree").resolve()
    assert "reads_secret" in reasons("git diff", root)
    assert decide("git diff -- src", root) is Decision.ALLOW


GONE = ("git log -p", "git log -S TOKEN --oneline", "git log -G TOKEN", "git whatchanged -p")
GREPPED = ("git grep TOKEN main~1", "git grep -l TOKEN once", "git grep TOKEN main~1 -- conf")


@pytest.fixture(scope="module")
def cleaned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository that tracked a secret once, and whose branches and folder have none."""
    root = tmp_path_factory.mktemp("cleaned") / "repo"
    (root / "conf").mkdir(parents=True)
    git(root, "init", "-q", "-b", "main")
    (root / "conf" / ".env").write_text(f"TOKEN={MARK}\n")
    (root / "app.py").write_text("a = 1\n")
    git(root, "add", "--force", "--all")
    git(root, "commit", "-q", "-m", "first")
    git(root, "tag", "-m", "then", "once")
    git(root, "rm", "-q", "conf/.env")
    git(root, "commit", "-q", "-m", "without")
    git(root, "gc", "-q")
    return root.resolve()


@pytest.mark.parametrize("text", [*GONE, *GREPPED])
def test_a_secret_that_is_gone_counts_where_history_is_shown_or_searched(cleaned: Path, text: str) -> None:
    assert "reads_secret" in reasons(text, cleaned)


@pytest.mark.parametrize(
    "text",
    [
        "git log -p app.py",
        "git log -S TOKEN -- app.py",
        "git log --stat",
        "git grep TOKEN",
        "git grep a main",
    ],
)
def test_what_leaves_the_secret_that_is_gone_out_runs_unasked(cleaned: Path, text: str) -> None:
    assert decide(text, cleaned) is Decision.ALLOW
    done = subprocess.run(["bash", "-c", text], cwd=cleaned, env=CLEAN, capture_output=True)
    assert MARK.encode() not in done.stdout + done.stderr


def test_an_ordinary_repository_is_not_asked_about(tmp_path: Path) -> None:
    root = tmp_path / "repo"
    root.mkdir()
    git(root, "init", "-q")
    for name in ("a.py", ".env.example", ".npmrc"):
        (root / name).write_text("x=1\n")
    (root / ".env").write_text(MARK)
    (root / ".gitignore").write_text(".env\n")
    git(root, "add", "--all")
    git(root, "commit", "-q", "-m", "one")
    more = ("git log -S x", "git log -G x --all", "git grep -l x", "git grep x HEAD", "git grep x main")
    plain = ("git diff", "git show", "git log -p", "git stash show -p", "git grep x", "git remote -v")
    for text in (*plain, *more):
        assert decide(text, root.resolve()) is Decision.ALLOW, text


PRINTS_SETTINGS = (
    *(
        "git config -l",
        "git config --list --show-origin",
        "git config --get remote.origin.url",
        "git remote -v",
    ),
    *("git config remote.origin.url", "git remote get-url origin", "git var -l", "cat .git/config"),
    *(
        "grep url .git/config",
        "grep -r url .git",
        "cp .git/config x",
        "tar cf x.tar .git",
        "git lfs env",
        "cp -r . x",
    ),
    *(
        "git -C src remote -v",
        "head -3 src/../.git/config",
        "find .git -name config -exec cat {} +",
        "ln .git/config x",
    ),
)
LOGINS = (
    '[remote "origin"]\n\turl = https://ada:{}@example.org/x\n',
    '[remote "origin"]\n\turl = https://{}@example.org/x\n',
    '[http "https://example.org/"]\n\textraheader = AUTHORIZATION: basic {}\n',
    "[include]\n\tpath = ../elsewhere\n",
)


@pytest.mark.parametrize("login", LOGINS)
def test_a_login_in_gits_configuration_is_a_secret(tmp_path: Path, login: str) -> None:
    root = tmp_path / "repo"
    (root / "src").mkdir(parents=True)
    git(root, "init", "-q")
    harmless = '[remote "up"]\n\turl = https://example.org:8443/x\n\turl = git@example.org:x\n\turl = ssh://git@example.org/x\n'
    config = root / ".git" / "config"
    config.write_text(config.read_text() + harmless)
    assert [text for text in PRINTS_SETTINGS[:10] if decide(text, root.resolve()) is not Decision.ALLOW] == []
    config.write_text(config.read_text() + login.format(MARK))
    for text in PRINTS_SETTINGS:
        assert "reads_secret" in reasons(text, root.resolve()), text
    # What is included may name programs as well.
    expected = Decision.REQUIRES_APPROVAL if "include" in login else Decision.ALLOW
    for text in ("git config user.name", "git config --get core.bare", "git remote", "git status"):
        assert decide(text, root.resolve()) is expected, text


PRINTS_CREDENTIALS = (
    *(
        "npm config get _authToken",
        "npm config get //registry.example/:_authToken",
        "npm config list",
        "npm get",
    ),
    *("npm config ls -l", "npm token list", "pnpm config list", "pnpm config get _auth", "yarn config"),
    *(
        "yarn config list",
        "yarn config get npmAuthToken",
        "pip config list",
        "pip config debug",
        "bundle config",
    ),
    *(
        "pip config get global.index-url",
        "python -m pip config list",
        "poetry config --list",
        "conda config --show",
    ),
    *("gh auth token", "gh auth status --show-token", "gh auth status -t", "glab auth status -t"),
    *(
        "aws configure get aws_secret_access_key",
        "aws configure export-credentials",
        "aws ecr get-login-password",
    ),
    *("aws secretsmanager get-secret-value --secret-id x", "gcloud auth print-access-token"),
    *("gcloud secrets versions access latest --secret=x", "az account get-access-token", "heroku config"),
    *(
        "docker config inspect x",
        "podman config inspect x",
        "docker compose config",
        "kubectl config view --raw",
    ),
    *("kubectl get secret x -o yaml", "kubectl get -n a secrets/x", "kubectl describe pods,secrets"),
    *(
        "kubectl create token x",
        "oc whoami -t",
        "git credential fill",
        "git credential-store get",
        "vault kv get x",
    ),
    *(
        "op read op://x/y",
        "op item get x",
        "pass show x",
        "pass x",
        "gopass x",
        "bw get password x",
        "lpass show x",
    ),
    *(
        "security find-generic-password -w -s x",
        "secret-tool lookup a b",
        "sops -d x",
        "doppler secrets",
        "rbw get x",
    ),
    *(
        "rails credentials:show",
        "bin/rails credentials:show",
        "php artisan config:show app",
        "rclone config dump",
    ),
    *(
        "printenv AWS_SECRET_ACCESS_KEY",
        "printenv DATABASE_URL",
        "pulumi config --show-secrets",
        "fly auth token",
    ),
    *("vercel env pull", "openssl rsa -in tls.key", "docker-credential-desktop get", "keyring get a b"),
)
PRINTS_NONE = (
    *(
        "npm config get registry",
        "pnpm config get registry",
        "yarn config get nodeLinker",
        "npm ls",
        "pip list",
    ),
    *("printenv HOME PATH", "pip config get global.timeout", "poetry show", "bundle list", "conda list"),
)


def test_what_prints_credentials_is_asked_about_as_a_secret_file_is() -> None:
    for text in PRINTS_CREDENTIALS:
        for form in (text, f"{text} | head -1", f"env CI=1 {text}", f"ls && {text}"):
            found = judge(POLICY, form, cwd="/ws", workspace_root="/ws", surroundings=ExampleSurroundings())
            assert found.verdict.verdict is not Decision.ALLOW, form
            assert "reads_secret" in found.verdict.reason_codes, form


def test_settings_that_hold_no_credential_are_still_printed() -> None:
    for text in PRINTS_NONE:
        found = judge(POLICY, text, cwd="/ws", workspace_root="/ws", surroundings=ExampleSurroundings())
        assert found.verdict.verdict is Decision.ALLOW, text
