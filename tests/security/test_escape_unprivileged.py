"""The sandbox holds for a service that is not root as well; a root test run becomes another user for it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import workbench
from local_steps import processes_with

NOBODY = 65534


def open_to_others(path: str) -> bool:
    """Whether any user can execute this file: every folder above lets them through."""
    real = Path(os.path.realpath(path))
    return all(part.stat().st_mode & 0o001 for part in (real, *real.parents))


def find_python() -> str:
    """A Python that the other user may execute; a root test run has one from the system's packages."""
    candidates = [sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"]
    return next(path for path in candidates if os.path.exists(path) and open_to_others(path))


@pytest.fixture
def ground() -> Iterator[Path]:
    """A folder that belongs to the other user, with a copy of the sources that it may read."""
    # pytest's own folders are closed to others.
    folder = Path(tempfile.mkdtemp(prefix="unprivileged-")).resolve()
    source = Path(workbench.__file__).parent
    for name in ("__init__.py", "model", "sandbox"):
        target = folder / "src" / "workbench" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (source / name).is_dir():
            shutil.copytree(source / name, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source / name, target)
    shutil.copy(Path(__file__).with_name("unprivileged_step.py"), folder / "step.py")
    (folder / "ground").mkdir()
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def run_step(
    ground: Path,
    script: str,
    mode: str = "run",
    places: Sequence[tuple[str, int]] = (),
    prefix: Sequence[str] = (),
) -> dict[str, Any]:
    python, identity = sys.executable, {}
    if os.geteuid() == 0:
        python, identity = find_python(), {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    done = subprocess.run(
        [
            *prefix,
            python,
            "-I",
            "-S",
            str(ground / "step.py"),
            str(ground / "src"),
            str(ground / "ground"),
            script,
            mode,
            json.dumps(places),
        ],
        capture_output=True,
        cwd="/",
        env={"PATH": "/usr/bin:/bin", "HOME": str(ground)},
        check=False,
        **identity,  # type: ignore[call-overload]
    )
    assert done.returncode == 0, done.stderr.decode()
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_the_probe_and_the_attacks_come_out_the_same(ground: Path) -> None:
    (ground / "secret").write_text("secret-4411")
    script = f"""
        cat {ground}/secret; ls {ground}/ground/home; touch {ground}/x /usr/x; unshare -U true && echo worked
        mkdir .workbench/x; echo x > .workbench/x; (exec 3<>/dev/tcp/127.0.0.1/80) && echo worked
        echo done > made
    """
    answer = run_step(ground, script)
    assert answer["failed"] == []
    assert "secret-4411" not in answer["output"]
    assert "worked" not in answer["output"]
    assert (answer["ended"]["end_reason"], answer["ended"]["processes_left"]) == ("exited", 0)
    assert [path.name for path in (ground / "ground" / "workspace").iterdir()] == ["made"]


def test_a_service_that_was_started_nicely_starts_commands_that_are_as_nice(ground: Path) -> None:
    before = os.getpriority(os.PRIO_PROCESS, 0)
    answer = run_step(ground, "nice", prefix=("nice", "-n", "3"))
    assert answer["ended"]["end_reason"] == "exited", answer
    assert answer["output"].split() == [str(before + 3)]


def test_cancel_proves_the_end_of_daemons(ground: Path) -> None:
    daemon = "setsid bash -c \"trap '' TERM; exec -a nobodys-77aa sleep 1000\" &"
    script = f"trap '' TERM; {daemon} echo x; sleep 1000; wait"
    answer = run_step(ground, script, "cancel")
    assert (answer["ended"]["end_reason"], answer["ended"]["processes_left"]) == ("canceled", 0)
    assert processes_with("nobodys-77aa") == []


def test_a_list_of_names_opens_them_and_nothing_else(ground: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listed, socket.create_server(("127.0.0.1", 0)) as other:
        ports = listed.getsockname()[1], other.getsockname()[1]
        script = f"""
            for url in http://127.0.0.1:{ports[1]}/ http://evil.example/ http://169.254.169.254/
            do curl -s -m 5 -o /dev/null -w '%{{http_code}} ' --noproxy '' $url; done
            (exec 3<>/dev/tcp/127.0.0.1/{ports[0]}) && echo reached
            (exec 3<>/dev/tcp/127.0.0.1/{ports[1]}) 2>/dev/null && echo worked
            unshare -n true 2>/dev/null && echo worked; grep CapEff /proc/self/status
        """
        answer = run_step(ground, script, places=[("127.0.0.1", ports[0])])
        listed.settimeout(5)
        listed.accept()[0].close()
        other.setblocking(False)
        with pytest.raises(BlockingIOError):
            other.accept()
    assert answer["output"].replace("\r", "") == "403 403 403 reached\nCapEff:\t0000000000000000\n"
    assert answer["ended"]["processes_left"] == 0
    assert [line["decision"] for line in answer["network"]] == ["refused"] * 3 + ["allowed", "ended"]


SYSCALL = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *words):
    if libc.syscall(ctypes.c_long(number), *[ctypes.c_long(word) for word in words]) >= 0:
        print("worked", number)
"""

ATTACKS = {
    "remount": "mount -o remount,rw /; mount -o remount,rw,bind /usr; umount .workbench; touch /usr/x /etc/x",
    "kernel settings": """
        for f in $(find /proc/[a-z]* -type f 2>/dev/null | grep -v -e self)
        do (exec 3<> "$f") && echo "worked $f"; done; echo '|/tmp/evil' > /proc/sys/kernel/core_pattern""",
    "secrets": "cat {outside}/secret; cat {outside}/ground/home/secret; cat /proc/*/environ | tr '\\0' '\\n'",
    "writing outside": """
        ln -s {outside} out; echo evil > out/secret; echo evil > {outside}/secret; chmod 777 {outside}/secret
        touch -d 2001-01-01 {outside}/secret; ln {outside}/secret hard && echo worked""",
    "unix sockets": """
        python3 -c "import socket; socket.socket(socket.AF_UNIX).connect('{outside}/socket')" && echo worked
        ls {outside}/socket && echo worked""",
    "planting git configuration": """
        mv .git .gone && echo worked; echo evil > .git/config; git config core.fsmonitor evil
        rm -rf .git/hooks
        echo evil > .git/hooks/pre-commit; echo evil > .git/commondir; echo evil > .git/info/attributes""",
    "planting start-up files": """
        for f in .bashrc .vscode/tasks.json .husky/pre-commit .envrc .workbench/policy.cedar
        do echo evil > $f; mv ${{f%%/*}} gone-$RANDOM && echo "worked $f"; rm -rf ${{f%%/*}}; done""",
    "namespaces": """
        unshare -U true && echo worked; unshare -n true && echo worked
        nsenter -t 1 -n true && echo worked""",
    # The numbers are those of x86-64; test_escape_kernel tries each by its machine's own.
    "system calls": "/usr/bin/python3 -c '"
    + SYSCALL
    + """
call(272, 0x10000000); call(56, 0x10000011, 0, 0, 0, 0); call(435, 0, 0); call(308, 0, 0)
call(101, 0, 0, 0, 0); call(425, 1, 0); call(250, 0, 0, 0, 0, 0); call(321, 0, 0, 0)
call(298, 0, 0, 0, 0, 0); call(323, 0)
call(165, 0, 0, 0, 0, 0); call(304, 0, 0, 0); call(0x40000000 + 101, 0, 0, 0, 0)
'""",
    "sockets": """
        for f in AF_UNIX AF_NETLINK AF_PACKET AF_ALG AF_VSOCK
        do python3 -c "import socket; socket.socket(socket.$f)" && echo "worked $f"; done""",
    "pushing characters": """
        python3 -c "import fcntl; fcntl.ioctl(0, 0x5412, b'x')" && echo worked
        python3 -c "import fcntl; fcntl.ioctl(0, 0x541C, b'x')" && echo worked""",
    "other processes": "ls /proc/{pid} && echo worked; kill -0 {pid} && echo worked; kill -9 -1",
    "borrowed rights": "cp /bin/true t; chmod 4755 t && echo worked; test -u t && echo worked",
    "network": """
        for a in 169.254.169.254/80 10.0.0.1/80 8.8.8.8/53 127.0.0.1/{port} localhost/{port}
        do (exec 3<>/dev/tcp/$a) && echo "worked $a"; (exec 3<>/dev/udp/$a; echo x >&3); done
        getent hosts example.org && echo worked""",
    "PATH": """
        mkdir -p /usr/local/bin/x && echo worked; test -w /usr/bin && echo worked
        cp /bin/true /usr/local/bin/ls && echo worked""",
}


def shape_of(root: Path) -> dict[str, tuple[int, bytes]]:
    """Every path below a folder with its mode and bytes."""
    return {
        str(path.relative_to(root)): (path.lstat().st_mode, path.read_bytes() if path.is_file() else b"")
        for path in sorted(root.rglob("*"))
        if not path.is_socket()
    }


@pytest.mark.parametrize(
    ("name", "places"),
    [
        # With a list of names only sockets are another matter; the long suite tries each attack both ways.
        pytest.param(
            name, places, id=f"{name}-{way}", marks=[pytest.mark.long] if places and name != "sockets" else []
        )
        for name in ATTACKS
        for way, places in (("no-network", ()), ("list-of-names", (("listed.example", 443),)))
    ],
)
def test_no_escape_works_for_an_ordinary_user_either(ground: Path, name: str, places: Any) -> None:
    workspace = ground / "ground" / "workspace"
    subprocess.run(["git", "init", "-q", str(workspace)], check=True)
    for file in (".bashrc", ".vscode/tasks.json", ".husky/pre-commit", ".workbench/policy.cedar"):
        (workspace / file).parent.mkdir(exist_ok=True)
        (workspace / file).write_text("mine\n")
    (ground / "secret").write_text("secret-4411\n")
    if os.geteuid() == 0:
        for path in (ground, *ground.rglob("*")):
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    kept = (".git/config", ".git/hooks", ".bashrc", ".vscode", ".husky", ".workbench", ".git/commondir")
    before = {file: shape_of(workspace / file) for file in kept}
    core_pattern = Path("/proc/sys/kernel/core_pattern").read_text()
    with socket.socket(socket.AF_UNIX) as waiting, socket.create_server(("127.0.0.1", 0)) as own:
        waiting.bind(str(ground / "socket"))
        waiting.listen()
        os.chmod(ground / "socket", 0o777)
        values = {"outside": ground, "pid": os.getpid(), "port": own.getsockname()[1]}
        script = ATTACKS[name]
        for word, value in values.items():
            script = script.replace("{" + word + "}", str(value))
        answer = run_step(ground, script.replace("{{", "{").replace("}}", "}"), places=places)
        for server in (waiting, own):
            server.setblocking(False)
            with pytest.raises(BlockingIOError):
                server.accept()
    assert "worked" not in answer["output"]
    assert "secret-4411" not in answer["output"]
    assert answer["ended"]["processes_left"] == 0
    assert {file: shape_of(workspace / file) for file in kept} == before
    assert (workspace / ".git" / "HEAD").is_file()
    assert (ground / "secret").read_text() == "secret-4411\n"
    assert Path("/proc/sys/kernel/core_pattern").read_text() == core_pattern
    assert not [line for line in answer["network"] if line["decision"] == "allowed"]


def test_a_preview_leaves_the_workspace_alone_for_an_ordinary_user_too(ground: Path) -> None:
    workspace = ground / "ground" / "workspace"
    subprocess.run(["git", "init", "-q", str(workspace)], check=True)
    (workspace / "old").write_text("old\n")
    if os.geteuid() == 0:
        for path in (workspace.parent, *workspace.parent.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
    before = shape_of(workspace)
    script = f"""
        echo evil > {workspace}/old; echo new > {workspace}/new; ln -s / up; echo evil > up{workspace}/old
        echo evil > .git/HEAD; echo evil > .git/config; mv .git gone; rm -rf {workspace}/*
        echo left > old; touch {ground}/x
    """
    answer = run_step(ground, script, "preview")
    assert answer["changed"] == {"created": [], "changed": ["old"], "deleted": []}
    assert (answer["ended"]["end_reason"], answer["ended"]["processes_left"]) == ("exited", 0)
    assert shape_of(workspace) == before
    assert not (ground / "x").exists()


def test_every_program_of_a_preview_is_named_and_counted(ground: Path) -> None:
    answer = run_step(
        ground, "for n in 1 2 3; do /bin/true $n; done; (setsid sleep 1000 &) ; exit 4", "preview"
    )
    assert (answer["ended"]["exit_code"], answer["ended"]["processes_left"]) == (4, 0)
    names = answer["processes"]["names"]
    assert names[1:4] == ["/bin/true 1", "/bin/true 2", "/bin/true 3"]
    assert set(names[4:]) == {"setsid sleep 1000", "sleep 1000"} or names[4:] == ["setsid sleep 1000"]
    # The shell, the three, the brackets and what ran in them.
    assert answer["processes"]["count"] in (5, 6)
