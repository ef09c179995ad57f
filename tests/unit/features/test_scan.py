"""Looking at whole repositories: real git, hostile trees, and a cache that is never believed blindly."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from workbench.features import discover, read_document
from workbench.model.errors import InvalidInput, NotFound
from workbench.model.feature import Discovery

MakeRepo = Callable[..., Path]
RunGit = Callable[..., str]

SPEC = "# Feature Specification: A\n\n**Status**: Draft\n"
TASKS = "# Tasks\n\n- [x] T001 Do a\n- [ ] T002 Do b\n"


def look(repo: Path) -> Discovery:
    return discover(repo, cache_dir=None)


def problems(found: Discovery) -> list[tuple[str, str]]:
    return [(diagnostic.path, diagnostic.problem) for diagnostic in found.diagnostics]


def test_a_repository_with_none_of_the_layouts_says_what_was_looked_for(make_repo: MakeRepo) -> None:
    found = look(make_repo({"README.md": "# hi", "src/a.py": "", "docs/guide.md": "# guide"}))
    assert found.features == ()
    assert "specs/NNN-name/" in found.reason
    assert "doc_type" in found.reason


@pytest.mark.parametrize("name", ["missing", "file", "with\0nul"])
def test_a_path_that_is_no_folder_is_refused_with_a_remedy(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(InvalidInput, match="cannot be read") as refused:
        look(tmp_path / name)
    assert "name the folder of a repository" in refused.value.remedy


def test_two_layouts_in_one_repository_are_both_read_and_a_shared_id_stays_unique(
    make_repo: MakeRepo,
) -> None:
    found = look(
        make_repo(
            {
                "specs/001-a/spec.md": SPEC,
                "docs/a.md": "---\ndoc_type: prd\nfeature_slug: 001-a\n---\n",
                "docs/b.md": "---\ndoc_type: prd\nfeature_slug: b\ndepends_on: [docs/a.md, nowhere]\n---\n",
            }
        )
    )
    assert [(f.feature_id, f.format) for f in found.features] == [
        ("001-a", "spec-kit"),
        ("b", "ccdash"),
        ("ccdash:001-a", "ccdash"),
    ]
    assert found.features[1].depends_on == ("ccdash:001-a",)
    assert problems(found) == [("docs/b.md", "the feature depends on “nowhere”, which no document describes")]


def test_one_broken_file_of_many_leaves_the_others_readable(make_repo: MakeRepo) -> None:
    files = {f"docs/f{n}.md": f"---\ndoc_type: prd\nfeature_slug: f{n}\n---\n" for n in range(50)}
    files["docs/f7.md"] = "---\ndoc_type: prd\nfeature_slug: f7\n\ttitle: [\n---\n"
    found = look(make_repo(files))
    assert len(found.features) == 50
    assert [diagnostic.path for diagnostic in found.diagnostics] == ["docs/f7.md"]


def test_names_with_spaces_other_scripts_and_emoji_are_read(make_repo: MakeRepo) -> None:
    found = look(make_repo({"specs/001-my feature 写真 🎉/spec.md": SPEC}))
    assert [f.feature_id for f in found.features] == ["001-my feature 写真 🎉"]


def test_dependency_and_build_folders_are_not_looked_into(make_repo: MakeRepo) -> None:
    files = {
        f"docs/{folder}/docs/a.md": "---\ndoc_type: prd\nfeature_slug: a\n---\n"
        for folder in ("node_modules", ".git", ".venv", "build")
    }
    assert look(make_repo(files)).features == ()


def test_links_lead_nowhere_and_are_reported(make_repo: MakeRepo, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "spec.md").write_text("**Status**: Secret\n")
    repo = make_repo({"specs/001-a/tasks.md": TASKS, "docs/x.md": "x"})
    (repo / "specs/001-a/spec.md").symlink_to(outside / "spec.md")
    (repo / "specs/002-b").symlink_to(outside)
    (repo / "specs/loop").symlink_to(repo / "specs")
    (repo / "docs/self.md").symlink_to(repo / "docs/self.md")
    found = look(repo)
    assert [f.feature_id for f in found.features] == ["001-a"]
    assert found.features[0].declared_status == ""
    reason = "it is a symbolic link; links are not followed"
    assert problems(found) == [
        ("docs/self.md", reason),
        ("specs/001-a/spec.md", reason),
        ("specs/002-b", reason),
    ]


def test_a_link_among_the_agents_commands_is_no_problem_of_the_plans(
    make_repo: MakeRepo, tmp_path: Path
) -> None:
    repo = make_repo({"specs/001-a/spec.md": SPEC, ".claude/a.txt": ""})
    (repo / ".claude/commands").symlink_to(tmp_path)
    assert problems(look(repo)) == []


def test_documents_in_a_folder_whose_name_is_not_utf8_are_reported(
    make_repo: MakeRepo, tmp_path: Path
) -> None:
    repo = make_repo({"specs/001-a/spec.md": SPEC})
    for name in (b"specs/002-\xffbad", b"specs/003-\xfeempty"):
        os.mkdir(os.fsencode(repo) + b"/" + name)
    with open(os.fsencode(repo) + b"/specs/002-\xffbad/spec.md", "wb"):
        pass
    found = discover(repo, cache_dir=tmp_path / "cache")
    assert [f.feature_id for f in found.features] == ["001-a"]
    assert problems(found) == [("specs/002-\\xffbad/spec.md", "the name is not UTF-8")]
    assert discover(repo, cache_dir=tmp_path / "cache") == found


def test_a_folder_where_a_document_belongs_is_reported(make_repo: MakeRepo) -> None:
    repo = make_repo({"specs/001-a/spec.md": SPEC, "specs/005-b/spec.md/notes.txt": "x"})
    found = look(repo)
    assert [f.feature_id for f in found.features] == ["001-a"]
    assert problems(found) == [("specs/005-b/spec.md", "it is a folder, not a file")]


def test_a_root_folder_that_is_a_link_is_reported(make_repo: MakeRepo, tmp_path: Path) -> None:
    repo = make_repo({"a.txt": ""})
    (tmp_path / "elsewhere").mkdir()
    (repo / "docs").symlink_to(tmp_path / "elsewhere")
    found = look(repo)
    assert problems(found) == [("docs", "it is a symbolic link; links are not followed")]


def test_a_named_pipe_an_unreadable_name_and_a_huge_file_are_reported_and_not_waited_for(
    make_repo: MakeRepo,
) -> None:
    repo = make_repo({"specs/001-a/spec.md": SPEC})
    os.mkfifo(repo / "specs/001-a/plan.md")
    with open(repo / "specs/001-a/huge.md", "wb") as file:
        file.truncate(17 << 20)
    with open(os.fsencode(repo) + b"/specs/001-a/\xff.md", "wb"):
        pass
    found = look(repo)
    assert [f.feature_id for f in found.features] == ["001-a"]
    assert [text for _, text in problems(found)] == [
        "the name is not UTF-8",
        "it has 17825792 bytes, above the limit of 16777216",
        "it is no regular file",
    ]


def test_a_document_that_is_not_utf8_is_read_as_far_as_it_goes(make_repo: MakeRepo) -> None:
    repo = make_repo({"specs/001-a/spec.md": SPEC.encode() + b"\n\xff\xfe\n"})
    found = look(repo)
    assert found.features[0].declared_status == "Draft"
    assert [(d.path, d.line) for d in found.diagnostics] == [("specs/001-a/spec.md", 5)]


def test_a_five_megabyte_document_is_read(make_repo: MakeRepo) -> None:
    repo = make_repo({"specs/001-a/spec.md": SPEC + "words and words\n" * 350_000})
    assert look(repo).features[0].declared_status == "Draft"


def test_a_repository_thousands_of_folders_deep_is_left_at_the_limit(make_repo: MakeRepo) -> None:
    repo = make_repo({"specs/001-a/spec.md": SPEC})
    folder = os.open(repo, os.O_RDONLY)
    for name in ["docs"] + ["d"] * 300:
        os.mkdir(name, dir_fd=folder)
        below = os.open(name, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = below
    os.close(folder)
    assert len(look(repo).features) == 1


def test_the_commit_is_named_only_where_the_file_equals_it(make_repo: MakeRepo, run_git: RunGit) -> None:
    repo = make_repo(
        {"specs/001-a/spec.md": SPEC, "specs/001-a/tasks.md": TASKS, "Makefile": "test:\n\ttrue\n"},
        commit=True,
    )
    head = run_git(repo, "rev-parse", "HEAD").strip()
    (repo / "specs/001-a/tasks.md").write_text(TASKS + "- [ ] T003 new\n")
    (repo / "specs/001-a/plan.md").write_text("# never added\n")
    (found,) = look(repo).features
    assert {d.path.rsplit("/", 1)[1]: d.commit for d in found.documents} == {
        "spec.md": head,
        "plan.md": None,
        "tasks.md": None,
    }
    assert {e.path.rsplit("/", 1)[1]: e.commit for e in found.evidence} == {"spec.md": head, "tasks.md": head}
    (repo / "specs/001-a/tasks.md").write_text("- [x] T000 before all others\n" + TASKS)
    (found,) = look(repo).features
    assert {e.path.rsplit("/", 1)[1]: e.commit for e in found.evidence} == {"spec.md": head, "tasks.md": None}
    assert look(repo).commands[0].commit == head


def test_changed_line_ends_are_a_change(make_repo: MakeRepo) -> None:
    repo = make_repo({"specs/001-a/spec.md": SPEC}, commit=True)
    (repo / "specs/001-a/spec.md").write_bytes(SPEC.replace("\n", "\r\n").encode())
    (found,) = look(repo).features
    assert (found.declared_status, found.documents[0].commit) == ("Draft", None)


def test_every_way_of_keeping_refs_and_objects_gives_the_same_commit(
    make_repo: MakeRepo, run_git: RunGit, tmp_path: Path
) -> None:
    repo = make_repo({"specs/001-a/spec.md": SPEC}, commit=True)
    head = run_git(repo, "rev-parse", "HEAD").strip()

    def commits(folder: Path) -> tuple[str | None, str | None]:
        found = look(folder)
        return found.commit, found.features[0].documents[0].commit

    assert commits(repo) == (head, head)
    run_git(repo, "pack-refs", "--all")
    run_git(repo, "gc", "-q", "--prune=now")
    assert commits(repo) == (head, head)
    run_git(repo, "worktree", "add", "-q", str(tmp_path / "tree"), "-b", "other")
    assert commits(tmp_path / "tree") == (head, head)
    run_git(repo, "checkout", "-q", "--detach")
    assert commits(repo) == (head, head)
    run_git(tmp_path, "clone", "-q", "--shared", str(repo), str(tmp_path / "shared"))
    assert commits(tmp_path / "shared") == (head, head)


def test_a_submodule_is_read_with_its_own_commit_and_not_with_the_outer_one(
    make_repo: MakeRepo, run_git: RunGit
) -> None:
    inner = make_repo({"specs/001-a/spec.md": SPEC}, commit=True, name="inner")
    outer = make_repo({"README.md": "x"}, commit=True, name="outer")
    run_git(outer, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner), "docs")
    run_git(outer, "commit", "-q", "-m", "sub")
    head = run_git(inner, "rev-parse", "HEAD").strip()
    assert look(outer / "docs").features[0].documents[0].commit == head
    (outer / "docs" / "x.md").write_text("---\ndoc_type: prd\nfeature_slug: x\n---\n")
    assert [(f.feature_id, f.documents[0].commit) for f in look(outer).features] == []


def test_no_repository_and_one_without_commits_have_no_commit(make_repo: MakeRepo, run_git: RunGit) -> None:
    repo = make_repo({"specs/001-a/spec.md": SPEC})
    assert look(repo).commit is None
    run_git(repo, "init", "-q")
    found = look(repo)
    assert (found.commit, found.features[0].documents[0].commit) == (None, None)


def test_a_hostile_git_folder_starts_nothing_and_hangs_nothing(
    make_repo: MakeRepo, run_git: RunGit, tmp_path: Path
) -> None:
    repo = make_repo(
        {"specs/001-a/spec.md": SPEC, ".gitattributes": "* filter=evil diff=evil\n"}, commit=True
    )
    marker = tmp_path / "ran"
    (repo / ".git/config").write_text(
        f"[core]\n\tfsmonitor = touch {marker}\n\tsshCommand = touch {marker}\n\tpager = touch {marker}\n"
        f'\thooksPath = {tmp_path}\n[filter "evil"]\n\tclean = touch {marker}\n\tsmudge = touch {marker}\n'
        "[extensions]\n\tpartialClone = origin\n[include]\n\tpath = /dev/zero\n"
    )
    found = look(repo)
    assert found.features[0].documents[0].commit == found.commit != None  # noqa: E711
    assert not marker.exists()
    pack = repo / ".git/objects/pack"
    os.mkfifo(pack / "pack-0.idx")
    assert look(repo).features[0].documents[0].commit is None
    (pack / "pack-0.idx").unlink()
    (repo / ".git/HEAD").unlink()
    os.mkfifo(repo / ".git/HEAD")
    assert look(repo).commit is None


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "ref: refs/heads/../../../etc/passwd",
            "ref: /etc/passwd",
            "ref: refs/heads/nowhere",
            "nonsense",
        ),
        *("\0", "ref: HEAD", "0" * 40, "ref: refs/heads/" + "x" * 5000),
    ],
)
def test_a_damaged_head_gives_no_commit_for_a_document(make_repo: MakeRepo, text: str) -> None:
    repo = make_repo({"specs/001-a/spec.md": SPEC}, commit=True)
    (repo / ".git/HEAD").write_text(text)
    assert look(repo).features[0].documents[0].commit is None


def test_damaged_objects_give_no_commit_for_a_document(make_repo: MakeRepo) -> None:
    repo = make_repo({"specs/001-a/spec.md": SPEC}, commit=True)
    for file in (repo / ".git/objects").rglob("*"):
        if file.is_file():
            file.chmod(0o600)
            file.write_bytes(b"\x78\x9cgarbage")
    assert look(repo).features[0].documents[0].commit is None


def test_the_cache_gives_the_same_answer_and_notices_each_change(
    make_repo: MakeRepo, run_git: RunGit, tmp_path: Path
) -> None:
    repo = make_repo({"specs/001-a/spec.md": SPEC, "specs/001-a/tasks.md": TASKS}, commit=True)
    cache = tmp_path / "cache"

    def agrees() -> Discovery:
        cached = discover(repo, cache_dir=cache)
        assert cached == look(repo)
        assert discover(repo, cache_dir=cache) == cached
        return cached

    first = agrees()
    (repo / "specs/001-a/tasks.md").write_text(TASKS.replace("- [ ] T002", "- [x] T002"))
    second = agrees()
    assert (first.features[0].inferred_status.value, second.features[0].inferred_status.value) == (
        "in_progress",
        "done",
    )
    run_git(repo, "commit", "-q", "-a", "-m", "second")
    third = agrees()
    assert third.commit != second.commit
    assert third.features[0].evidence[-1].commit == third.commit
    (repo / "specs/002-b").mkdir()
    (repo / "specs/002-b/spec.md").write_text(SPEC)
    assert len(agrees().features) == 2
    shutil.rmtree(repo / "specs/001-a")
    assert [f.feature_id for f in agrees().features] == ["002-b"]
    (repo / ".claude/commands").mkdir(parents=True)
    (repo / ".claude/commands/plan.md").write_text("plan")
    assert agrees().agent_files[0].slash_command == "plan"
    (repo / "Makefile").write_text("test:\n\ttrue\n")
    assert agrees().commands[0].command == "make test"


def test_a_change_that_keeps_size_and_time_is_noticed(make_repo: MakeRepo, tmp_path: Path) -> None:
    repo = make_repo({"specs/001-a/tasks.md": TASKS})
    file = repo / "specs/001-a/tasks.md"
    before = file.stat()
    assert discover(repo, cache_dir=tmp_path / "cache").features[0].tasks[1].status.value == "open"
    file.write_text(TASKS.replace("- [ ] T002", "- [x] T002"))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert discover(repo, cache_dir=tmp_path / "cache").features[0].tasks[1].status.value == "done"


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x81\xa4code\xa1x", b"\xc1" * 100, b"\x91" * 10_000])
def test_a_damaged_cache_is_ignored_and_written_anew(
    make_repo: MakeRepo, tmp_path: Path, content: bytes
) -> None:
    repo = make_repo({"specs/001-a/spec.md": SPEC})
    cache = tmp_path / "cache"
    expected = discover(repo, cache_dir=cache)
    for file in cache.iterdir():
        file.write_bytes(content)
    assert discover(repo, cache_dir=cache) == expected
    assert all(file.read_bytes() != content for file in cache.iterdir())


def test_a_cache_that_is_a_link_a_pipe_or_a_file_only_costs_time(make_repo: MakeRepo, tmp_path: Path) -> None:
    repo = make_repo({"specs/001-a/spec.md": SPEC})
    expected = look(repo)
    cache = tmp_path / "cache"
    discover(repo, cache_dir=cache)
    for file in list(cache.iterdir()):
        file.unlink()
        os.mkfifo(file)
    assert discover(repo, cache_dir=cache) == expected
    blocked = tmp_path / "blocked"
    blocked.write_text("a file")
    assert discover(repo, cache_dir=blocked) == expected


def test_the_cache_is_for_the_owner_alone(make_repo: MakeRepo, tmp_path: Path) -> None:
    discover(make_repo({"specs/001-a/spec.md": SPEC}), cache_dir=tmp_path / "a/cache")
    assert (tmp_path / "a/cache").stat().st_mode & 0o077 == 0
    assert all(file.stat().st_mode & 0o077 == 0 for file in (tmp_path / "a/cache").iterdir())


def test_a_document_is_shown_and_nothing_else_is(make_repo: MakeRepo, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    repo = make_repo(
        {
            "docs/a b/写.md": "\ufefftext\r\n",
            "big.md": "one line\n" * (300 << 10),
            "Makefile": "test:\n",
            ".env": "KEY=secret",
            ".git/config": "token = secret",
            ".git/notes.md": "secret",
            "src/a.py": "secret",
        }
    )
    (repo / "link.md").symlink_to(tmp_path / "secret")
    (repo / "folder").symlink_to(tmp_path)
    os.mkfifo(repo / "pipe.md")
    assert read_document(repo, "docs/a b/写.md") == "text\r\n"
    assert read_document(repo, "Makefile") == "test:\n"
    big = read_document(repo, "big.md")
    assert big.endswith("one line\n\n[cut here: 2097144 of 2764800 bytes are shown]\n")
    for path in (
        *(
            "link.md",
            "folder/secret",
            "../secret",
            "docs/../../secret",
            str(tmp_path / "secret"),
            "/etc/passwd",
        ),
        *("", ".", "docs", "pipe.md", "a\0b", "none.md", "docs//../../secret"),
        *(".env", ".git/config", ".git/notes.md", "src/a.py", "docs/../.env", "docs/../src/a.py"),
    ):
        with pytest.raises(NotFound):
            read_document(repo, path)
