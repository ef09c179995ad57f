"""Tests the sandbox by its effects, in one start of bubblewrap, and says how to mend what is missing.

The test command runs in the same profile as every step and tries what must not work. It believes only what
it sees happen. It changes nothing on the machine.
"""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from workbench.model.errors import SandboxUnavailable
from workbench.model.statuses import TerminalMode
from workbench.sandbox import assignment, profile
from workbench.sandbox.host import Host
from workbench.sandbox.ownerless import show_ownerless
from workbench.sandbox.placeholders import FOLDER
from workbench.sandbox.workspace import WorkspaceFacts

_SECONDS = 20
_BROKEN = "this must not work on any machine; do not run commands here, and report it with `workbench doctor`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check: what was tried, how it went, and what to do if it went wrong."""

    name: str
    is_ok: bool
    detail: str
    remedy: str


_TRIALS: tuple[tuple[str, str, str], ...] = (
    ("workspace", "the workspace can be written", "echo ok > file && test -s file"),
    (
        "protected",
        "the workbench's folder in a workspace cannot be written",
        "! touch .workbench/x 2>/dev/null",
    ),
    ("outside", "nothing outside the workspace can be written", "! touch /usr/x /etc/x /x 2>/dev/null"),
    ("secrets", "files outside the workspace cannot be seen", "! test -e {secret}"),
    (
        "private",
        "what is private in the system's folders cannot be read",
        "! head -c 1 /etc/shadow 2>/dev/null | grep -q .",
    ),
    ("network", "there is no network", "! (exec 3<>/dev/tcp/127.0.0.1/{port}) 2>/dev/null"),
    ("user_namespace", "no further user namespace can be made", "! unshare --user true 2>/dev/null"),
    ("mount", "nothing can be mounted", "! mount -t tmpfs none /tmp 2>/dev/null"),
    (
        "kernel_settings",
        "kernel settings cannot be written",
        "! (echo x > /proc/sys/kernel/hostname) 2>/dev/null",
    ),
    ("filter", "system calls are filtered", "grep -q '^Seccomp:.2' /proc/self/status"),
    ("privileges", "no privileges can be gained", "grep -q '^NoNewPrivs:.1' /proc/self/status"),
    ("setuid", "no file can lend its owner's rights", "! chmod 6755 file 2>/dev/null && ! test -u file"),
    ("capabilities", "there are no capabilities", "grep -q '^CapEff:.0*$' /proc/self/status"),
    ("processes", "no process outside can be seen", "test $(ls -d /proc/[0-9]* | wc -l) -lt 12"),
)


def run_probe(machine: Host, seccomp_filter: bytes, empty_file: str) -> tuple[Finding, ...]:
    """Returns a finding for each trial; raises SandboxUnavailable when the sandbox cannot be built at all."""
    if not os.access(profile.BWRAP, os.X_OK):
        raise SandboxUnavailable(
            f"bubblewrap is missing: there is no {profile.BWRAP}",
            remedy="install it: `apt install bubblewrap`, `dnf install bubblewrap` or `pacman -S bubblewrap`",
        )
    ground = Path(tempfile.mkdtemp(prefix="workbench-probe-"))
    try:
        (ground / "secret").write_text("secret")
        workspace = ground / "workspace"
        (workspace / ".workbench").mkdir(parents=True)
        return _try_all(machine, seccomp_filter, empty_file, ground, workspace)
    finally:
        shutil.rmtree(ground, ignore_errors=True)


def _try_all(
    machine: Host, seccomp_filter: bytes, empty_file: str, ground: Path, workspace: Path
) -> tuple[Finding, ...]:
    host = machine.survey()
    root = os.path.realpath(workspace)
    facts = WorkspaceFacts(root=root, git_folder=None, protected=((".workbench", FOLDER),), startup=())
    made = assignment.build_profile(
        host=host,
        workspace=facts,
        cwd=root,
        environment={},
        mode=TerminalMode.PIPE,
        toolchains=(),
        empty_file=empty_file,
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        values = {"secret": shlex.quote(str(ground / "secret")), "port": port}
        script = "\n".join(
            f"if {trial.format(**values)}; then echo {name} ok; else echo {name} failed; fi"
            for name, _, trial in _TRIALS
        )
        # A thread of its own: what it mounts, it and its child alone see.
        with ThreadPoolExecutor(max_workers=1) as apart:
            output, errors = apart.submit(_run, made, script, seccomp_filter, machine.nobody).result()
    if not output:
        raise explain_failure(errors, apparmor=read_apparmor())
    answers = dict(line.split(" ", 1) for line in output.splitlines() if " " in line)
    return tuple(
        Finding(
            name=name,
            is_ok=answers.get(name) == "ok",
            detail=words if answers.get(name) == "ok" else f"not so: {words}",
            remedy="" if answers.get(name) == "ok" else _BROKEN,
        )
        for name, words, _ in _TRIALS
    )


def _run(made: profile.Profile, script: str, seccomp_filter: bytes, nobody: int | None) -> tuple[str, str]:
    filter_fd = os.memfd_create("seccomp")
    os.write(filter_fd, seccomp_filter)
    os.lseek(filter_fd, 0, os.SEEK_SET)
    status_fd = os.open("/dev/null", os.O_WRONLY)
    barrier_fd = os.open("/dev/null", os.O_RDONLY)
    line = profile.build_argv(
        made,
        ("/bin/bash", "--norc", "--noprofile", "-p", "-c", script),
        seccomp_fd=filter_fd,
        status_fd=status_fd,
        barrier_fd=barrier_fd,
    )
    try:
        if made.ownerless and nobody is not None:
            show_ownerless(made.ownerless, nobody)
        done = subprocess.run(
            line,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            pass_fds=(filter_fd, status_fd, barrier_fd),
            env={},
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return "", str(error)
    finally:
        for descriptor in (filter_fd, status_fd, barrier_fd):
            os.close(descriptor)
    return done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")


def read_apparmor(proc: str = "/proc") -> str:
    """Returns the remedy where AppArmor itself says that it restricts user namespaces, and else ""."""
    # https://gitlab.com/apparmor/apparmor/-/wikis/unprivileged_userns_restriction
    if _read_word(f"{proc}/sys/kernel/apparmor_restrict_unprivileged_userns") not in ("", "0"):
        return _APPARMOR
    name, _, mode = _read_word(f"{proc}/self/attr/apparmor/current").rpartition(" ")
    if mode == "(enforce)":
        return (
            f"the AppArmor profile {name} holds this program: let it allow `userns,`, "
            "or start the workbench outside of it"
        )
    return ""


def _read_word(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace").strip("\0\n ")
    except OSError:
        return ""


def explain_failure(complaint: str, *, apparmor: str) -> SandboxUnavailable:
    """Returns the error that says why bubblewrap failed, and what to do, from its own words.

    `apparmor` is the remedy where AppArmor restricts it here; where that is empty, AppArmor is not blamed.
    """
    words = complaint.strip() or "bubblewrap ended without a word"
    first = words.splitlines()[0]
    remedies = tuple((sign, apparmor) for sign in _DENIED) + _REMEDIES if apparmor else _REMEDIES
    for sign, remedy in remedies:
        if sign in words:
            return SandboxUnavailable(f"the sandbox cannot be built: {first}", remedy=remedy)
    return SandboxUnavailable(
        f"the sandbox cannot be built: {first}",
        remedy="run `bwrap --unshare-all --ro-bind / / true` by hand and mend what it says; "
        f"{_HOW_TO} lists what forbids it where",
    )


_APPARMOR = (
    "AppArmor forbids user namespaces to bubblewrap. Put a profile in /etc/apparmor.d/bwrap: "
    "`abi <abi/4.0>, include <tunables/global> profile bwrap /usr/bin/bwrap flags=(unconfined) { userns, }`, "
    "then `sudo systemctl reload apparmor`"
)
_USERNS = (
    "allow user namespaces: "
    "`sudo sysctl -w kernel.unprivileged_userns_clone=1 user.max_user_namespaces=15000`"
)
_CONTAINER = (
    "allow user namespaces; in a container by a seccomp profile that permits them, "
    "for example `--security-opt seccomp=unconfined`"
)
_PROC = "let the container mount /proc: `--security-opt systempaths=unconfined`, or leave the container"
# What bubblewrap says when its new namespace has no rights: AppArmor takes them, and so do others.
_DENIED = ("RTM_NEWADDR", "setting up uid map")
_HOW_TO = "docs/how-to/bubblewrap.md"
_REMEDIES: tuple[tuple[str, str], ...] = (
    (
        "No permissions to creating new namespace",
        _USERNS,
    ),
    (
        "No permissions to create new namespace",
        _USERNS,
    ),
    (
        "No space left on device",
        "raise the number of user namespaces: `sudo sysctl -w user.max_user_namespaces=15000`",
    ),
    (
        "Creating new namespace failed",
        _CONTAINER,
    ),
    (
        "Can't mount proc",
        _PROC,
    ),
    ("Unknown option", "install bubblewrap 0.8 or newer"),
    (
        "setuid",
        "use a bubblewrap that is not setuid: `sudo chmod u-s /usr/bin/bwrap`, with user namespaces allowed",
    ),
)
