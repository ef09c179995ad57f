"""Machines with something missing, made of namespaces: this machine itself is never changed.

Each function returns words to put before a command. The mounts and limits live in namespaces that end with
that command and what it started.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_EMPTY = "/dev/null"


def _in_mount_namespace(script: str, argument: str) -> tuple[str, ...]:
    # Who is not root becomes so in a user namespace of their own, where mounting is theirs to do.
    as_root = () if os.geteuid() == 0 else ("--map-root-user",)
    words = ("unshare", "--mount", "--propagation", "private", *as_root)
    return (*words, "sh", "-ec", f'{script}; exec "$@"', argument)


def own_mounts() -> tuple[str, ...]:
    """This machine, on which the command may mount for itself alone."""
    return _in_mount_namespace(":", "sh")


def with_small_disk(folder: Path, *, size_bytes: int) -> tuple[str, ...]:
    """A file system of this size on the folder, seen by the command alone."""
    folder.mkdir(parents=True, exist_ok=True)
    return _in_mount_namespace(f'mount -t tmpfs -o size={size_bytes},mode=700 none "$0"', str(folder))


def with_read_only(folder: Path) -> tuple[str, ...]:
    """An empty disk on the folder that nobody may write, root neither, seen by the command alone."""
    folder.mkdir(parents=True, exist_ok=True)
    return _in_mount_namespace('mount -t tmpfs -o ro,mode=700 none "$0"', str(folder))


def with_disk_of_its_own(folder: Path, image: Path) -> tuple[str, ...]:
    """A disk that lies in the image file, on the folder, seen by the command alone.

    It turns read-only when it finds a fault in itself. Needs root, and a loop device.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not image.exists():
        with open(image, "wb") as file:
            file.truncate(64 << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True)
    return _in_mount_namespace(f'mount -o loop,errors=remount-ro {image} "$0"; chmod 700 "$0"', str(folder))


def make_faulty(image: Path) -> None:
    """Has the kernel find a fault on the disk in this image: from now on it takes nothing."""
    found = subprocess.run(["losetup", "-nO", "NAME", "-j", str(image)], check=True, capture_output=True)
    device = Path(found.stdout.decode().strip()).name
    Path(f"/sys/fs/ext4/{device}/trigger_fs_error").write_text("tried by a test")


def without_bubblewrap() -> tuple[str, ...]:
    """A machine on which /usr/bin/bwrap is no program."""
    return _in_mount_namespace(f'mount --bind {_EMPTY} "$0"', "/usr/bin/bwrap")


def mend_bubblewrap(pid: int) -> None:
    """Takes away what without_bubblewrap put there, in the namespace of a process that runs in it."""
    subprocess.run([*beside(pid), "umount", "/usr/bin/bwrap"], check=True)


def beside(pid: int) -> tuple[str, ...]:
    """The machine that a process of ours sees, with the disks it was given."""
    as_root = () if os.geteuid() == 0 else ("--user", "--preserve-credentials")
    return ("nsenter", "--target", str(pid), "--mount", *as_root)


def without_user_namespaces() -> tuple[str, ...]:
    """A machine on which nobody may make a user namespace; the limit holds inside one namespace only."""
    script = 'echo 0 > /proc/sys/user/max_user_namespaces; exec "$@"'
    return ("unshare", "--user", "--map-root-user", "sh", "-ec", script, "sh")
