"""Where a path lies, by component and with links resolved."""

from __future__ import annotations

import posixpath

import pytest

from workbench.policy.load import ExampleSurroundings
from workbench.policy.paths import is_within, labels_for, locate


class Linked(ExampleSurroundings):
    def real_path(self, path: str) -> str:
        normal = posixpath.normpath(path)
        return normal.replace("/ws/out", "/srv/data", 1) if is_within(normal, "/ws/out") else normal


def labels(kind: str, text: str, cwd: str = "/ws") -> set[str]:
    return labels_for(kind, locate(text, cwd=cwd, root="/ws", surroundings=Linked()))


@pytest.mark.parametrize(
    ("path", "root", "expected"),
    [
        ("/ws", "/ws", True),
        ("/ws/a", "/ws", True),
        ("/ws-evil", "/ws", False),
        ("/w", "/ws", False),
        ("/a", "/", True),
    ],
)
def test_a_path_is_within_by_component(path: str, root: str, expected: bool) -> None:
    assert is_within(path, root) is expected


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("read", "src/a", set()),
        ("read", "/etc/os-release", set()),
        ("read", "/usr/lib/x", set()),
        ("read", "../ws-evil/a", {"reads_outside"}),
        ("read", "/ws-evil/a", {"reads_outside"}),
        ("read", "out/a", {"reads_outside"}),
        ("read", "~/x", {"reads_outside"}),
        ("read", "$X/y", {"reads_unknown"}),
        ("read", "", {"reads_unknown"}),
        ("read", ".env", {"reads_secret"}),
        ("read", ".env.example", set()),
        ("read", "deploy/prod.tfvars", {"reads_secret"}),
        ("read", "terraform.tfstate", {"reads_secret"}),
        ("read", "secrets.yml", {"reads_secret"}),
        ("read", "prod.env", {"reads_secret"}),
        ("read", "src/secrets.py", set()),
        ("read", "/etc/shadow", {"reads_forbidden"}),
        ("read", "/proc/42/environ", {"reads_forbidden", "reads_outside"}),
        ("write", "a", {"writes_workspace"}),
        ("write", "/dev/null", set()),
        ("write", "/tmp/x", {"writes_temporary"}),
        ("write", "/etc/x", {"writes_outside"}),
        ("write", "out/x", {"writes_outside"}),
        ("write", ".git/hooks/x", {"writes_workspace", "writes_protected"}),
        ("write", "a/.GIT/hooks/x", {"writes_workspace", "writes_protected"}),
        ("write", ".workbench/x", {"writes_workspace", "writes_protected"}),
        ("write", ".git/description", {"writes_workspace", "writes_git_folder"}),
        ("write", ".envrc", {"writes_workspace", "writes_startup"}),
        ("write", "/dev/sda", {"writes_outside", "writes_device"}),
        ("write", "/dev/tcp/1.2.3.4/80", {"network", "shell_network"}),
        ("delete", "*.o", {"writes_workspace"}),
        ("delete", "sub/*.egg-info", {"writes_workspace"}),
        ("delete", "out/*.o", {"writes_outside"}),
        ("delete", "/*.o", {"writes_outside", "deletes_root"}),
        ("delete", "*", {"writes_workspace", "deletes_workspace"}),
        ("delete", "*o", {"writes_workspace", "deletes_workspace"}),
        ("delete", ".git/*.pack", {"writes_workspace", "writes_protected"}),
        ("read", "*.pem", {"reads_secret"}),
        ("read", ".envrc", {"reads_secret"}),
        ("read", "/etc/wireguard/wg0.conf", {"reads_secret"}),
        ("read", "/home/me/.config/gh/hosts.yml", {"reads_outside", "reads_secret"}),
        ("write", "ci/Jenkinsfile", {"writes_workspace", "writes_startup"}),
        ("write", "app.code-workspace", {"writes_workspace", "writes_startup"}),
        ("delete", ".git", {"writes_workspace", "writes_protected"}),
        ("delete", ".", {"writes_workspace", "deletes_workspace"}),
        ("delete", "/", {"writes_outside", "deletes_root"}),
        ("delete", "/*", {"writes_outside", "deletes_root"}),
        ("delete", "~", {"writes_outside", "deletes_root"}),
        ("delete", "~/*", {"writes_outside", "deletes_root"}),
        ("delete", "~/x", {"writes_outside"}),
        ("delete", "/home/me", {"writes_outside", "deletes_root"}),
        ("code", "x.py", set()),
        ("code", "/opt/x.py", {"executes_outside"}),
        ("chdir", "sub", set()),
        ("chdir", "..", {"cwd_outside"}),
        ("link", ".git/hooks", {"writes_git_folder"}),
    ],
)
def test_a_path_and_a_use_give_labels(kind: str, text: str, expected: set[str]) -> None:
    assert labels(kind, text) == expected


def test_a_relative_path_is_taken_from_the_folder_of_the_command() -> None:
    assert labels("read", "../a", cwd="/ws/sub") == set()
    assert labels("read", "../../a", cwd="/ws/sub") == {"reads_outside"}
    assert labels("delete", ".", cwd="/") == {"writes_outside", "deletes_root"}
