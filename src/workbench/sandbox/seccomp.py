"""Assembles the seccomp filter that every sandboxed command runs under, as classic BPF bytes.

Only the table below decides which system calls are refused; what is not named is allowed. It loads
nothing itself: bubblewrap installs the bytes last, right before the command.
"""

from __future__ import annotations

import platform
import struct
from collections.abc import Mapping
from dataclasses import dataclass

# linux/seccomp.h, linux/audit.h, asm/unistd.h, linux/bpf_common.h
_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_KILL_PROCESS = 0x80000000
_EPERM = 1
_ENOSYS = 38
_CLONE_NEWUSER = 0x10000000
_CLONE_UNTRACED = 0x00800000
"""Whoever is made with it is not traced with its maker; only the kernel itself has a use for it."""
_TIOCSTI = 0x5412
_TIOCLINUX = 0x541C
_AF_INET = 2
_AF_INET6 = 10
_X32_BIT = 0x40000000
_NUMBER, _ARCH, _ARG0_LOW, _ARG1_LOW, _ARG2_LOW, _ARG3_LOW = 0, 4, 16, 24, 32, 40
_BORROWED_RIGHTS = 0o6000
"""S_ISUID and S_ISGID: whoever executes such a file gets its owner's rights."""
_CREATES = 0o100 | 0o20000000
"""O_CREAT and the bit of O_TMPFILE; without either the mode of an open means nothing."""
_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_SET, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06

_SAME_EVERYWHERE = {
    "io_uring_setup": 425,
    "io_uring_enter": 426,
    "io_uring_register": 427,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "fspick": 433,
    "pidfd_getfd": 438,
    "mount_setattr": 442,
    "open_tree_attr": 467,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The numbers that differ by processor: the audit arch and the system calls.

    `mode_second` and `mode_third` take the mode of a file as their second or third argument.
    """

    audit_arch: int
    denied: Mapping[str, int]
    mode_second: Mapping[str, int]
    mode_third: Mapping[str, int]
    openat: int
    open: int | None
    clone: int
    clone3: int
    openat2: int
    ioctl: int
    socket: int
    has_x32: bool


X86_64 = Machine(
    audit_arch=0xC000003E,
    denied={
        "ptrace": 101,
        "pivot_root": 155,
        "mount": 165,
        "umount2": 166,
        "iopl": 172,
        "ioperm": 173,
        "init_module": 175,
        "delete_module": 176,
        "kexec_load": 246,
        "add_key": 248,
        "request_key": 249,
        "keyctl": 250,
        "unshare": 272,
        "perf_event_open": 298,
        "open_by_handle_at": 304,
        "setns": 308,
        "process_vm_readv": 310,
        "process_vm_writev": 311,
        "finit_module": 313,
        "kexec_file_load": 320,
        "bpf": 321,
        "userfaultfd": 323,
        **_SAME_EVERYWHERE,
    },
    mode_second={"mkdir": 83, "creat": 85, "chmod": 90, "fchmod": 91, "mknod": 133},
    mode_third={"mkdirat": 258, "mknodat": 259, "fchmodat": 268, "fchmodat2": 452},
    openat=257,
    open=2,
    clone=56,
    clone3=435,
    openat2=437,
    ioctl=16,
    socket=41,
    has_x32=True,
)

AARCH64 = Machine(
    audit_arch=0xC00000B7,
    denied={
        "umount2": 39,
        "mount": 40,
        "pivot_root": 41,
        "unshare": 97,
        "kexec_load": 104,
        "init_module": 105,
        "delete_module": 106,
        "ptrace": 117,
        "add_key": 217,
        "request_key": 218,
        "keyctl": 219,
        "perf_event_open": 241,
        "open_by_handle_at": 265,
        "setns": 268,
        "process_vm_readv": 270,
        "process_vm_writev": 271,
        "finit_module": 273,
        "bpf": 280,
        "userfaultfd": 282,
        "kexec_file_load": 294,
        **_SAME_EVERYWHERE,
    },
    mode_second={"fchmod": 52},
    mode_third={"mknodat": 33, "mkdirat": 34, "fchmodat": 53, "fchmodat2": 452},
    openat=56,
    open=None,
    clone=220,
    clone3=435,
    openat2=437,
    ioctl=29,
    socket=198,
    has_x32=False,
)

_MACHINES = {"x86_64": X86_64, "amd64": X86_64, "aarch64": AARCH64, "arm64": AARCH64}


def machine_of_host() -> Machine | None:
    """Returns this processor's table, or None where no filter is known."""
    return _MACHINES.get(platform.machine().lower())


def build_filter(machine: Machine) -> bytes:
    """Returns the filter program, 8 bytes an instruction, in the byte order of both processors.

    A call under another processor's numbering ends the process; x32 numbers, clone3 and openat2 answer
    ENOSYS, so that programs fall back to clone and openat, whose flags a filter can read; all else refused
    answers EPERM, a clone among them that nobody who traces its maker would see. No file gets its set-user-id
    or set-group-id bit: in the workspace it would stay, owned by the service's user, for everybody outside to
    execute.
    """
    program = _Program()
    program.load(_ARCH)
    program.jump(_JUMP_EQUAL, machine.audit_arch, otherwise="kill")
    program.load(_NUMBER)
    if machine.has_x32:
        program.jump(_JUMP_AT_LEAST, _X32_BIT, then="missing")
    program.jump(_JUMP_EQUAL, machine.openat, then="openat")
    if machine.open is not None:
        program.jump(_JUMP_EQUAL, machine.open, then="open")
    program.jump(_JUMP_EQUAL, machine.clone, then="clone")
    program.jump(_JUMP_EQUAL, machine.ioctl, then="ioctl")
    program.jump(_JUMP_EQUAL, machine.socket, then="socket")
    program.jump(_JUMP_EQUAL, machine.clone3, then="missing")
    program.jump(_JUMP_EQUAL, machine.openat2, then="missing")
    for number in sorted(machine.mode_second.values()):
        program.jump(_JUMP_EQUAL, number, then="mode_second")
    for number in sorted(machine.mode_third.values()):
        program.jump(_JUMP_EQUAL, number, then="mode_third")
    for number in sorted(machine.denied.values()):
        program.jump(_JUMP_EQUAL, number, then="deny")
    program.answer(_ALLOW)
    program.label("openat")
    program.load(_ARG2_LOW)
    program.jump(_JUMP_SET, _CREATES, then="mode_fourth", otherwise="allow")
    program.label("mode_fourth")
    program.load(_ARG3_LOW)
    program.jump(_JUMP_SET, _BORROWED_RIGHTS, then="deny", otherwise="allow")
    program.label("open")
    program.load(_ARG1_LOW)
    program.jump(_JUMP_SET, _CREATES, then="mode_third", otherwise="allow")
    program.label("mode_third")
    program.load(_ARG2_LOW)
    program.jump(_JUMP_SET, _BORROWED_RIGHTS, then="deny", otherwise="allow")
    program.label("mode_second")
    program.load(_ARG1_LOW)
    program.jump(_JUMP_SET, _BORROWED_RIGHTS, then="deny", otherwise="allow")
    program.label("clone")
    program.load(_ARG0_LOW)
    program.jump(_JUMP_SET, _CLONE_NEWUSER | _CLONE_UNTRACED, then="deny", otherwise="allow")
    program.label("ioctl")
    # The kernel reads only the low 32 bits of the request, so only they are compared.
    program.load(_ARG1_LOW)
    program.jump(_JUMP_EQUAL, _TIOCSTI, then="deny")
    program.jump(_JUMP_EQUAL, _TIOCLINUX, then="deny", otherwise="allow")
    program.label("socket")
    program.load(_ARG0_LOW)
    program.jump(_JUMP_EQUAL, _AF_INET, then="allow")
    program.jump(_JUMP_EQUAL, _AF_INET6, then="allow", otherwise="deny")
    program.label("allow")
    program.answer(_ALLOW)
    program.label("deny")
    program.answer(_ERRNO | _EPERM)
    program.label("missing")
    program.answer(_ERRNO | _ENOSYS)
    program.label("kill")
    program.answer(_KILL_PROCESS)
    return program.render()


class _Program:
    """Instructions with forward labels; offsets are filled in when it is rendered."""

    def __init__(self) -> None:
        self._lines: list[tuple[int, str | None, str | None, int]] = []
        self._labels: dict[str, int] = {}

    def load(self, offset: int) -> None:
        self._lines.append((_LOAD, None, None, offset))

    def jump(self, code: int, value: int, *, then: str | None = None, otherwise: str | None = None) -> None:
        self._lines.append((code, then, otherwise, value))

    def answer(self, value: int) -> None:
        self._lines.append((_RETURN, None, None, value))

    def label(self, name: str) -> None:
        self._labels[name] = len(self._lines)

    def render(self) -> bytes:
        return b"".join(
            struct.pack("<HBBI", code, self._distance(at, then), self._distance(at, otherwise), value)
            for at, (code, then, otherwise, value) in enumerate(self._lines)
        )

    def _distance(self, at: int, label: str | None) -> int:
        return 0 if label is None else self._labels[label] - at - 1
