"""A preview is tried on a copy: whatever the command does, the workspace itself stays as it was."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from local_steps import Ground, make_request, open_ground, processes_with, terms_of
from workbench.connectors import preview
from workbench.model.command import Surroundings
from workbench.model.errors import BoundaryViolation, Conflict, NotAllowed, NotFound
from workbench.sandbox import assignment, replica


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    async with open_ground(tmp_path) as opened:
        (opened.workspace / "src").mkdir()
        (opened.workspace / "src" / "a.txt").write_text("one\ntwo\n")
        (opened.workspace / "old.txt").write_text("old\n")
        os.link(opened.workspace / "old.txt", opened.workspace / "hard.txt")
        subprocess.run(["git", "init", "-q", str(opened.workspace)], check=True)
        try:
            yield opened
        finally:
            # What these tests nest would be too deep for whoever removes their folders.
            subprocess.run(["rm", "-rf", str(opened.home / "previews")], check=True)


def digest_of(root: Path) -> str:
    """One digest over every path, kind, mode, time and byte below a folder."""
    whole = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        found = path.lstat()
        whole.update(f"{path}\0{found.st_mode}\0{found.st_mtime_ns}\0{found.st_ino}\0".encode())
        whole.update(os.readlink(path).encode() if path.is_symlink() else b"")
        whole.update(path.read_bytes() if path.is_file() and not path.is_symlink() else b"")
    return whole.hexdigest()


async def try_out(ground: Ground, script: str, **options: Any) -> dict[str, Any]:
    terms = terms_of(**{name: options.pop(name) for name in ("stop", "hides", "check") if name in options})
    request = make_request(ground.workspace, script, is_preview=True, **options)
    found = await ground.connector.preview(request, name="pre_1", terms=terms)
    assert [path.name for path in (ground.home / "previews" / "pre_1").iterdir()] == ["report.json"]
    return dict(found.report)


async def test_it_says_what_the_command_would_do_and_nothing_has_happened(ground: Ground) -> None:
    before = digest_of(ground.workspace)
    report = await try_out(
        ground,
        "echo 2 > src/a.txt; rm old.txt; mkdir new; echo hi > new/b; printf '\\0' > bin; echo said; exit 3",
    )
    assert digest_of(ground.workspace) == before
    assert (report["end_reason"], report["exit_code"], report["output_tail"]) == ("exited", 3, "said")
    assert (report["created"], report["changed"], report["deleted"], report["binary"]) == (
        ["bin", "new/", "new/b"],
        ["src/a.txt"],
        ["old.txt"],
        ["bin"],
    )
    assert report["counts"] == {"created": 3, "changed": 1, "deleted": 1}
    assert "--- a/src/a.txt\n+++ b/src/a.txt\n@@ -1,2 +1 @@\n-one\n-two\n+2\n" in report["diff"]


async def test_a_hostile_command_cannot_touch_the_workspace_from_its_copy(ground: Ground) -> None:
    before = digest_of(ground.workspace)
    outside = ground.home.parent / "outside"
    outside.write_text("outside\n")
    root = ground.workspace
    script = f"""
        echo evil > {root}/src/a.txt; rm -rf {root}/src; echo evil > {root}/hard.txt
        ln {root}/old.txt {root}/again 2>/dev/null; echo evil >> {root}/again
        ln -s {root} {root}/link; echo evil > {root}/link/old.txt; ln -s / up; echo evil > up{root}/old.txt
        echo evil > {outside}; echo evil > ../outside; echo evil > up{outside}
        echo evil > .git/HEAD; echo evil > .git/config; mkdir -p .git/hooks
        echo evil > .git/hooks/post-checkout
        mv .git .gone; rm -rf .git; git init -q . ; git config core.fsmonitor evil
        find / -xdev -name 'old.txt' -exec sh -c 'echo evil > "$1"' sh {{}} \\; 2>/dev/null
        ls {ground.home} && echo worked; grep outside {outside} && echo worked
        mount --bind / {root} 2>/dev/null && echo worked; touch /usr/x 2>/dev/null && echo worked; true
    """
    report = await try_out(ground, script)
    assert digest_of(ground.workspace) == before
    assert outside.read_text() == "outside\n"
    assert "worked" not in report["output_tail"]


async def test_it_has_no_network_no_secrets_and_no_way_to_stay(ground: Ground) -> None:
    script = """
        env | grep -i proxy; (exec 3<>/dev/tcp/127.0.0.1/3128) 2>/dev/null && echo worked
        setsid bash -c 'exec -a stays-7731 sleep 1000' & env | grep -c SECRET
    """
    report = await try_out(ground, script, network=("example.org",))
    assert report["output_tail"] == "0"
    assert processes_with("stays-7731") == []


@pytest.fixture
def untraced(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the kernel lets nobody trace."""
    made = assignment.Supervision
    monkeypatch.setattr(assignment, "Supervision", lambda **given: made(**{**given, "is_traced": False}))


@pytest.mark.usefixtures("untraced")
async def test_where_nobody_may_trace_the_processes_that_were_seen_are_named(ground: Ground) -> None:
    report = await try_out(ground, "bash -c 'exec -a seen-5510 sleep 0.5' & sleep 0.5; wait")
    assert any("seen-5510" in line for line in report["process_names"])
    assert not any("bwrap" in line or "ulimit" in line for line in report["process_names"])
    assert (report["is_every_process_named"], report["is_count_exact"]) == (False, True)


COUNTED = [
    (":", 1),
    ("/bin/true; :", 2),
    ("for n in 1 2 3 4 5 6 7; do /bin/true; done; exit 3", 8),
    ("for n in $(seq 200); do (:); done", 202),
]


@pytest.mark.parametrize(("script", "count"), COUNTED)
async def test_every_process_is_counted_and_named_however_short_they_lived(
    ground: Ground, script: str, count: int
) -> None:
    report = await try_out(ground, script)
    told = ("processes_started", "is_count_exact", "is_every_process_named")
    assert [report[name] for name in told] == [count, True, True]


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize(
    ("script", "count"),
    [
        *COUNTED,
        ("(setsid bash -c 'sleep 1000 & sleep 1000' & ) ; sleep 0.3", None),
        ("kill -9 $PPID; sleep 1000", None),
    ],
)
async def test_untraced_their_number_is_exact_however_short_they_lived(
    ground: Ground, script: str, count: int | None
) -> None:
    report = await try_out(ground, script)
    if count is None:
        # At least the ones that were named; whether that is all is said.
        assert report["processes_started"] >= len(report["process_names"])
    else:
        assert (report["processes_started"], report["is_count_exact"]) == (count, True)
    if "$PPID" in script:
        assert (report["is_count_exact"], report["exit_code"]) == (False, 137)


@pytest.mark.usefixtures("untraced")
async def test_a_command_that_passes_itself_off_as_the_counted_process_hides_nothing(ground: Ground) -> None:
    script = """
        mark=$(tr '\\0' '\\n' < /proc/$PPID/cmdline | grep -x 'workbench-count-.*')
        (:); (:)
        exec -a "$mark" sleep 1000
    """
    report = await try_out(ground, script)
    # The shell, its substitution and the pipe's two halves, the two that did nothing, and the one that was
    # started to be counted while the command passed itself off as it: 4 + 2 in any case.
    assert report["is_count_exact"]
    assert report["processes_started"] >= 6
    assert report["exit_code"] == 137


async def test_the_end_of_a_command_is_told_as_it_was(ground: Ground) -> None:
    report = await try_out(ground, "echo out; echo err >&2; kill -SEGV $$")
    assert (report["exit_code"], sorted(report["output_tail"].split())) == (139, ["err", "out"])


@pytest.mark.parametrize("most", [2_000, pytest.param(preview.MOST_MADE_FILES, marks=pytest.mark.long)])
async def test_a_command_that_makes_files_without_end_is_stopped(
    ground: Ground, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview, "MOST_MADE_FILES", most)
    program = "import os\nfor n in range(1 << 22): os.close(os.open(f'f{n}', os.O_CREAT))"
    report = await try_out(ground, "", argv=("/usr/bin/python3", "-c", program))
    assert report["end_reason"] == "canceled"
    assert report["detail"].startswith(f"it made more than {most} files")
    assert report["counts"]["created"] > most / 2
    assert report["is_cut"]


MEBIBYTE = 1 << 20
WRITE_DELETED = """
import os, signal
descriptor = os.open("f", os.O_CREAT | os.O_WRONLY)
os.unlink("f")
os.write(descriptor, bytes(9 << 20))
signal.pause()
"""


@pytest.mark.parametrize(
    ("program", "detail"),
    [
        (
            f"open('f', 'wb').write(bytes({2 * MEBIBYTE})); import signal; signal.pause()",
            "it wrote more than",
        ),
        (WRITE_DELETED, "the disk lost too much room"),
    ],
)
async def test_a_command_that_writes_without_end_is_stopped(
    ground: Ground, program: str, detail: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview, "MOST_WRITTEN_BYTES", MEBIBYTE)
    report = await try_out(ground, "", argv=("/usr/bin/python3", "-c", program))
    assert report["end_reason"] == "canceled"
    assert report["detail"].startswith(detail)


async def test_what_another_process_writes_on_the_disk_ends_no_preview(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview, "MOST_WRITTEN_BYTES", 20 * MEBIBYTE)
    looks = 0

    async def stop() -> str | None:
        nonlocal looks
        looks += 1
        if looks == 2:
            (ground.home / "others").write_bytes(os.urandom(40 * MEBIBYTE))
        return None if looks < 5 else "seen often enough"

    report = await try_out(ground, "sleep 1000", stop=stop)
    assert (report["end_reason"], report["detail"].split(";")[0]) == ("canceled", "seen often enough")


async def test_it_is_ended_when_starts_are_stopped_meanwhile(ground: Ground) -> None:
    asked: list[None] = []

    async def stopped() -> str | None:
        asked.append(None)
        return "the kill switch is on" if len(asked) > 1 else None

    report = await try_out(ground, "sleep 1000", stop=stopped)
    assert (report["end_reason"], report["detail"].split(";")[0]) == ("canceled", "the kill switch is on")


async def test_it_is_not_begun_when_starts_were_stopped_while_the_copy_was_made(ground: Ground) -> None:
    async def stopped() -> str | None:
        return "the kill switch is on"

    with pytest.raises(NotAllowed, match="not tried: the kill switch is on"):
        await try_out(ground, "sleep 1000", stop=stopped)
    assert list((ground.home / "previews").iterdir()) == []


async def test_it_is_ended_when_its_time_is_over(ground: Ground) -> None:
    request = make_request(ground.workspace, "sleep 1000", is_preview=True, timeout_seconds=1)
    found = await ground.connector.preview(request, name="pre_2", terms=terms_of())
    assert found.report["end_reason"] == "timed_out"


async def test_one_file_cannot_fill_the_disk_and_output_is_cut(ground: Ground) -> None:
    report = await try_out(ground, "head -c 300M /dev/zero > big; ls -s big | wc -l; yes | head -c 3M")
    assert report["output_bytes"] >= 3_000_000
    assert len(report["output_tail"]) <= 4096
    assert report["unshown"] == ["big"]
    assert len(list((ground.home / "previews").iterdir())) == 1


async def test_an_admission_to_try_is_none_to_run_and_the_other_way_round(ground: Ground) -> None:
    with pytest.raises(NotAllowed):
        await ground.connector.dispatch(make_request(ground.workspace, "touch ran", is_preview=True))
    with pytest.raises(NotAllowed):
        await ground.connector.preview(
            make_request(ground.workspace, "touch ran"), name="pre_3", terms=terms_of()
        )
    assert not (ground.workspace / "ran").exists()


async def test_what_the_copy_holds_is_judged_before_anything_runs_there(ground: Ground) -> None:
    script = ground.workspace / "src" / "a.txt"
    told: list[str | None] = []

    async def refuse(copied: Surroundings) -> None:
        told.append(copied.read_text(str(script)))
        raise Conflict("it is something else", remedy="ask again")

    with pytest.raises(Conflict):
        await try_out(ground, "sleep 1000", check=refuse)
    assert told == ["one\ntwo\n"]
    assert list((ground.home / "previews").iterdir()) == []


async def test_a_long_command_line_shows_no_half_of_a_secret(ground: Ground) -> None:
    secret = "hunter2-hunter2"
    words = " ".join([secret] * 400)
    report = await try_out(ground, "", argv=("/bin/echo", words), masks=(secret.encode(),))
    (name,) = report["process_names"]
    assert name.startswith("/bin/echo *** ***")
    assert name.endswith(" …")
    assert "hunt" not in name


async def test_a_workspace_too_large_to_copy_is_refused_and_leaves_nothing(ground: Ground) -> None:
    with open(ground.workspace / "sparse", "wb") as file:
        file.truncate(replica.MOST_BYTES + 1)
    with pytest.raises(BoundaryViolation):
        await try_out(ground, "true")
    assert list((ground.home / "previews").iterdir()) == []


async def test_what_a_killed_server_left_of_a_preview_is_removed_at_the_next_start(ground: Ground) -> None:
    left = ground.home / "previews" / "pre_9" / "tree"
    left.mkdir(parents=True)
    (left / "file").write_text("x")
    await preview.sweep(ground.home / "previews")
    assert not left.exists()


def test_a_report_is_found_by_its_name_alone(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("{}")
    for name in ("..", ".", "", "a/../..", "/etc"):
        with pytest.raises(NotFound):
            preview.read_report(tmp_path / "previews", name)


DEEP = """
import os
for _ in range(1500):
    os.mkdir("d"); os.chdir("d")
open("bottom", "w").close()
os.chmod(".", 0)
"""


async def test_folders_nested_thousands_deep_are_seen_through_and_removed(ground: Ground) -> None:
    report = await try_out(ground, "", argv=("/usr/bin/python3", "-c", DEEP))
    assert (report["exit_code"], report["is_cut"]) == (0, True)
    assert 100 < report["counts"]["created"] < 1000


async def test_a_workspace_nested_too_deep_is_refused_with_a_reason_and_leaves_nothing(
    ground: Ground,
) -> None:
    deep = ground.workspace / "/".join(["d"] * 300)
    deep.mkdir(parents=True)
    with pytest.raises(BoundaryViolation) as refused:
        await try_out(ground, "true")
    assert refused.value.code == "preview_too_large"
    assert list((ground.home / "previews").iterdir()) == []


async def test_what_a_killed_preview_left_is_removed_whatever_its_shape(ground: Ground) -> None:
    left = ground.home / "previews" / "pre_8" / "tree"
    left.mkdir(parents=True)
    subprocess.run(["/usr/bin/python3", "-c", DEEP], cwd=left, check=True)
    outside = ground.home.parent / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    (left / "link").symlink_to(outside)
    os.mkfifo(left / "pipe")
    (left / os.fsdecode(b"\xff\n\x1b[2J")).mkdir()
    await preview.sweep(ground.home / "previews")
    assert not left.exists()
    assert (outside / "kept").read_text() == "kept"


async def test_hostile_kinds_and_names_of_files_are_told_without_steering_a_terminal(ground: Ground) -> None:
    os.mkfifo(ground.workspace / "there-before")
    script = r"""
        mkfifo pipe; ln -s /etc/passwd link; ln -s . loop; chmod 4755 hard.txt; chmod 751 old.txt; chmod 0 src
        truncate -s 200M sparse; printf 'x\033]0;owned\007\n' > shown.txt
        touch $'\033]0;owned\007' $'\xff\xfe' $'a\nb' $'\u202egnp.exe' -- -rf
    """
    report = await try_out(ground, script)
    text = str(report["created"]) + report["diff"]
    assert not any(letter in text for letter in ("\x1b", "\x07", "\u202e", "\udcff"))
    assert {"link", "loop", "pipe", "-rf", "sparse"} <= set(report["created"])
    assert {"old.txt", "src/"} <= set(report["changed"])
    assert "root:" not in report["diff"]
    assert "sparse" in report["unshown"]


@pytest.mark.parametrize(
    "script",
    [
        "git restore --source=feat .env",
        "git checkout feat -- .env",
        "git checkout -q -f feat",
        "git reset -q --hard feat",
        "git show feat:.env > .env",
    ],
)
async def test_what_history_held_of_a_secret_is_in_no_difference(ground: Ground, script: str) -> None:
    clean = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    for text in (
        *("init -q -b main", "add .", "commit -qm one", "checkout -qb feat", "add -f .env", "commit -qm two"),
        "checkout -q -",
    ):
        if text.startswith("add -f"):
            (ground.workspace / ".env").write_text("TOKEN=once-in-history\n")
        who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        subprocess.run(["git", *who, *text.split()], cwd=ground.workspace, env=clean, check=True)
    report = await try_out(ground, script, hides=lambda path: path.endswith("/.env"))
    assert report["exit_code"] == 0, report
    assert ".env" in report["created"]
    assert ".env" in report["unshown"]
    assert report["brings_secrets"]
    assert "once-in-history" not in str(report)
