"""Names programs by what they do with what they are given: start it, start it elsewhere, read it as files."""

from __future__ import annotations

SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ksh", "ash"})
BUILTINS = frozenset(
    {
        *(".", ":", "[", "alias", "bg", "bind", "break", "builtin", "caller", "cd", "command", "compgen"),
        *("complete", "continue", "coproc", "declare", "dirs", "disown", "echo", "enable", "eval", "exec"),
        *("exit", "export", "false", "fc", "fg", "getopts", "hash", "help", "history", "jobs", "kill", "let"),
        *("local", "logout", "mapfile", "popd", "printf", "pushd", "pwd", "read", "readarray", "readonly"),
        *("return", "set", "shift", "shopt", "source", "suspend", "test", "times", "time", "trap", "true"),
        *("type", "typeset", "ulimit", "umask", "unalias", "unset", "wait", "[[", "!", "{", "}"),
    }
)
# These start what they are given by its name on the PATH.
STARTERS = SHELLS | {
    *("env", "nice", "nohup", "ionice", "timeout", "stdbuf", "setsid", "time", "command", "builtin", "exec"),
    *("xargs", "find", "eval", "trap", "watch", "script", "flock", "chrt", "taskset", "parallel", "unbuffer"),
    *("strace", "ltrace", "valgrind", "hyperfine", "cross-env", "sudo", "doas", "coproc"),
}
# What these start is started somewhere else, where other files and programs are.
ELSEWHERE = frozenset(
    {
        *("docker", "podman", "nerdctl", "kubectl", "oc", "ssh", "mosh", "chroot", "unshare", "nsenter"),
        *(
            "nix",
            "nix-shell",
            "vagrant",
            "lxc",
            "systemd-run",
            "flatpak",
            "wsl",
            "bwrap",
            "toolbox",
            "distrobox",
        ),
    }
)
# These fail where a file that they are given by name is not there; other programs take other words for files.
NEED_FILES = SHELLS | {
    *("cat", "tac", "head", "tail", "wc", "nl", "od", "xxd", "hexdump", "base64", "md5sum", "sha1sum"),
    *(
        "sha256sum",
        "sha512sum",
        "cksum",
        "sort",
        "uniq",
        "cut",
        "paste",
        "comm",
        "join",
        "diff",
        "cmp",
        "grep",
    ),
    *("egrep", "fgrep", "rg", "sed", "awk", "gawk", "mawk", "fold", "fmt", "expand", "column", "rev", "less"),
    *("more", "strings", "stat", "du", "ls", "find", "cp", "mv", "tar", "gzip", "gunzip", "zcat", "bzip2"),
    *(
        "xz",
        "unzip",
        "jq",
        "yq",
        "source",
        ".",
        "python",
        "python2",
        "python3",
        "node",
        "ruby",
        "perl",
        "php",
    ),
    *("lua", "pytest", "mypy", "ruff", "black", "flake8", "pylint", "shellcheck", "bats", "xmllint", "gcc"),
    *(
        "cc",
        "g++",
        "clang",
        "javac",
        "rustc",
        "tsc",
        "pip",
        "pip3",
        "bc",
        "diffstat",
        "py_compile",
        "json.tool",
    ),
}
