"""Commands that do not want to end. Each says "ready" once what it starts is there, and carries MARK."""

from __future__ import annotations

from typing import Final

_SLEEP: Final = 'exec -a "$MARK" sleep 1000'


def _python(*lines: str) -> str:
    return "exec python3 -c '" + "\n".join(lines) + "'"


HOSTILE: Final = {
    "a daemon in a session of its own": f"setsid bash -c '{_SLEEP}' & echo ready; wait",
    "a double fork": f"(setsid bash -c '({_SLEEP}) & ({_SLEEP}) & :' &); echo ready; {_SLEEP}",
    "deaf to every signal that can be ignored": (
        f"trap '' TERM HUP INT QUIT USR1 USR2 PIPE; ({_SLEEP}) & echo ready; while :; do sleep 1000; done"
    ),
    "a stopped tree": (
        f"for n in 1 2 3; do bash -c 'bash -c \"kill -STOP \\$\\$; :\" & kill -STOP $$; {_SLEEP}' & done; "
        "echo ready; kill -STOP $$; sleep 1000"
    ),
    "another name": "(exec -a '[kworker/0:1]' sleep 1000) & echo ready; exec -a init sleep 1000",
    "an empty environment": 'env -i sh -c "sleep 1000; : $MARK" & echo ready; wait',
    "vfork and a session of its own": _python(
        "import os, signal",
        "for _ in range(20):",
        '    os.posix_spawn("/bin/sleep", ["sleep", "1000"], os.environ, setsid=True)',
        'print("ready", flush=True)',
        "signal.pause()",
    ),
    "clone with the parent's parent": _python(
        "import ctypes, os, signal",
        "libc = ctypes.CDLL(None)",
        "CLONE_PARENT = 0x8000",
        "for _ in range(10):",
        "    if libc.syscall(56, CLONE_PARENT | 17, 0, 0, 0, 0) == 0:",
        "        signal.pause()",
        'print("ready", flush=True)',
        "signal.pause()",
    ),
    "a parent that takes no child back": _python(
        "import os, signal",
        "for _ in range(200):",
        "    if os.fork() == 0:",
        "        os._exit(0)",
        'print("ready", flush=True)',
        "signal.pause()",
    ),
    "a deep tree": _python(
        "import os, signal",
        "for _ in range(150):",
        "    if os.fork():",
        "        signal.pause()",
        'print("ready", flush=True)',
        "signal.pause()",
    ),
    "a thousand processes": _python(
        "import os, signal",
        "for _ in range(1000):",
        "    if os.fork() == 0:",
        "        signal.pause()",
        'print("ready", flush=True)',
        "signal.pause()",
    ),
    "one that comes back as often as it is asked to end": _python(
        "import os, signal",
        "def again(*_):",
        "    if os.fork() == 0:",
        "        os.setsid()",
        "signal.signal(signal.SIGTERM, again)",
        'print("ready", flush=True)',
        "while True:",
        "    signal.sigtimedwait([], 0.01)",
    ),
    "a fork bomb": _python(
        "import os",
        'print("ready", flush=True)',
        "while True:",
        "    try:",
        "        os.fork()",
        "    except OSError:",
        "        pass",
    ),
}

AT_A_TERMINAL: Final = {
    "a reader of the terminal": "echo ready; cat /dev/tty",
    "one stopped for reading the terminal": f"set -m; cat /dev/tty & ({_SLEEP}) & echo ready; wait; {_SLEEP}",
    "one stopped for writing to the terminal": (
        f"stty tostop; set -m; (while :; do echo x > /dev/tty; done) & echo ready; {_SLEEP}"
    ),
}
