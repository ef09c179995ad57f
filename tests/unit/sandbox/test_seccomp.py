"""The filter, run by a small machine that knows the five instructions it uses."""

from __future__ import annotations

import struct

import pytest

from workbench.sandbox.seccomp import AARCH64, X86_64, Machine, build_filter

ALLOW, EPERM, ENOSYS, KILL = 0x7FFF0000, 0x00050001, 0x00050026, 0x80000000
MACHINES = {"x86_64": X86_64, "aarch64": AARCH64}


def judge(program: bytes, *, arch: int, number: int, arguments: tuple[int, ...] = ()) -> int:
    """Runs the filter on a system call as the kernel would (linux/filter.h)."""
    data = struct.pack("<IIQ6Q", number, arch, 0, *(*arguments, 0, 0, 0, 0, 0, 0)[:6])
    lines = list(struct.iter_unpack("<HBBI", program))
    at, held = 0, 0
    while True:
        code, then, otherwise, value = lines[at]
        at += 1
        match code:
            case 0x20:
                (held,) = struct.unpack_from("<I", data, value)
            case 0x06:
                return int(value)
            case 0x15:
                at += then if held == value else otherwise
            case 0x35:
                at += then if held >= value else otherwise
            case 0x45:
                at += then if held & value else otherwise
            case _:
                raise AssertionError(f"unknown instruction {code:#x}")


@pytest.fixture(params=MACHINES)
def machine(request: pytest.FixtureRequest) -> Machine:
    return MACHINES[request.param]


def test_every_listed_call_is_refused(machine: Machine) -> None:
    program = build_filter(machine)
    for number in machine.denied.values():
        assert judge(program, arch=machine.audit_arch, number=number) == EPERM


def test_another_processors_numbering_ends_the_process(machine: Machine) -> None:
    assert judge(build_filter(machine), arch=0x40000003, number=1) == KILL


def test_x32_numbers_are_missing_calls() -> None:
    assert judge(build_filter(X86_64), arch=X86_64.audit_arch, number=0x40000000 + 101) == ENOSYS


def test_clone_may_not_make_a_user_namespace_or_leave_a_tracer_and_clone3_is_missing(
    machine: Machine,
) -> None:
    program = build_filter(machine)

    def clone(flags: int) -> int:
        return judge(program, arch=machine.audit_arch, number=machine.clone, arguments=(flags,))

    assert (clone(0x11), clone(0x10000011), clone(0x00800011)) == (ALLOW, EPERM, EPERM)
    assert judge(program, arch=machine.audit_arch, number=machine.clone3) == ENOSYS


@pytest.mark.parametrize("high", [0, 1 << 32, 0xFFFFFFFF << 32])
def test_terminal_injection_is_compared_on_the_low_bits(machine: Machine, high: int) -> None:
    program = build_filter(machine)

    def ioctl(request: int) -> int:
        return judge(program, arch=machine.audit_arch, number=machine.ioctl, arguments=(0, request | high))

    assert (ioctl(0x5412), ioctl(0x541C), ioctl(0x5413)) == (EPERM, EPERM, ALLOW)


def test_only_internet_sockets_may_be_opened(machine: Machine) -> None:
    program = build_filter(machine)
    allowed = {
        family
        for family in range(64)
        if judge(program, arch=machine.audit_arch, number=machine.socket, arguments=(family,)) == ALLOW
    }
    assert allowed == {2, 10}


def test_ordinary_calls_are_allowed(machine: Machine) -> None:
    refused = {*machine.denied.values(), machine.clone3, machine.openat2}
    program = build_filter(machine)
    for number in set(range(500)) - refused - {machine.socket}:
        assert judge(program, arch=machine.audit_arch, number=number) == ALLOW


SET_USER_ID, SET_GROUP_ID, STICKY = 0o4000, 0o2000, 0o1000
READS, CREATES, NAMELESS = 0, 0o101, 0o20200002


def mode_calls(machine: Machine, mode: int) -> list[tuple[int, tuple[int, ...]]]:
    """Every way to give a file this mode, with something else in the other arguments."""
    other = 0o6777
    calls: list[tuple[int, tuple[int, ...]]] = [
        *((number, (other, mode)) for number in machine.mode_second.values()),
        *((number, (other, other, mode)) for number in machine.mode_third.values()),
        (machine.openat, (other, other, CREATES, mode)),
        (machine.openat, (other, other, NAMELESS, mode)),
    ]
    if machine.open is not None:
        calls += [(machine.open, (other, CREATES, mode)), (machine.open, (other, NAMELESS, mode))]
    return calls


@pytest.mark.parametrize("bits", [SET_USER_ID, SET_GROUP_ID, SET_USER_ID | SET_GROUP_ID])
@pytest.mark.parametrize("high", [0, 1 << 32, 0o100000])
def test_no_call_gives_a_file_the_rights_of_its_owner(machine: Machine, bits: int, high: int) -> None:
    program = build_filter(machine)
    for number, arguments in mode_calls(machine, bits | 0o755 | high):
        assert judge(program, arch=machine.audit_arch, number=number, arguments=arguments) == EPERM
    for number, arguments in mode_calls(machine, STICKY | 0o777 | high):
        assert judge(program, arch=machine.audit_arch, number=number, arguments=arguments) == ALLOW


def test_a_mode_means_nothing_where_no_file_is_made(machine: Machine) -> None:
    program = build_filter(machine)
    assert (
        judge(program, arch=machine.audit_arch, number=machine.openat, arguments=(0, 0, 0, 0o6777)) == ALLOW
    )
    if machine.open is not None:
        assert judge(program, arch=machine.audit_arch, number=machine.open, arguments=(0, 0, 0o6777)) == ALLOW


def test_openat2_whose_mode_no_filter_can_read_is_a_missing_call(machine: Machine) -> None:
    assert judge(build_filter(machine), arch=machine.audit_arch, number=machine.openat2) == ENOSYS
