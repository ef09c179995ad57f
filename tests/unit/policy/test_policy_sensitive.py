"""Which names are those of secrets, and which patterns are made for them."""

from __future__ import annotations

import pytest

from workbench.policy.load import ExampleSurroundings
from workbench.policy.paths import labels_for, locate
from workbench.policy.sensitive import (
    NAMES,
    PLACES,
    expand_braces,
    is_expression_for_secrets,
    is_pattern_for_secrets,
    is_secret,
)

IN_FOLDERS = (
    *(
        "/home/me/.ssh/config",
        "/home/me/.aws/config",
        "/home/me/.config/gh/hosts.yml",
        "/home/me/.kube/config",
    ),
    *(
        "/home/me/.config/rclone/rclone.conf",
        "/home/me/.docker/config.json",
        "/home/me/.terraform.d/credentials.tfrc.json",
    ),
    *(
        "/home/me/.config/google-chrome/Default/Login Data",
        "/home/me/.mozilla/firefox/x/prefs.js",
        "/etc/wireguard/wg0.conf",
    ),
    *("/etc/NetworkManager/system-connections/home", "/etc/kubernetes/admin.conf", "/etc/mysql/debian.cnf"),
    *(
        "/etc/docker/key.json",
        "/etc/krb5.keytab",
        "/home/me/.cargo/credentials.toml",
        "/home/me/.m2/settings.xml",
    ),
)
ORDINARY = (
    *(
        "src/secrets.py",
        "docs/env.md",
        ".env.example",
        ".env.sample",
        "example.env",
        "src/credentials/index.ts",
    ),
    *(
        "package.json",
        "config.json",
        "settings.py",
        "token.py",
        "src/tokens.ts",
        "keys.py",
        "public.pem",
        "cacert.pem",
    ),
    *(
        "release.asc",
        "docs/secrets.md",
        "tests/test_secrets.py",
        "secrets",
        "password.py",
        "history.md",
        "main.tf",
    ),
    *(
        "api/token",
        "lib/wallet.py",
        "src/cookies.js",
        "cookies",
        "environment.yml",
        "id.txt",
        "conf/app.conf",
    ),
)


@pytest.mark.parametrize("name", NAMES)
def test_each_name_on_the_list_is_a_secret_and_a_pattern_of_it_is_for_secrets(name: str) -> None:
    assert is_secret("/ws/" + name)
    assert is_secret("/ws/deep/down/" + name.upper())
    assert is_pattern_for_secrets(name)
    assert is_pattern_for_secrets("**/" + name)
    assert is_pattern_for_secrets("{README.md," + name + "}")
    assert is_pattern_for_secrets("\\" + name)
    assert is_pattern_for_secrets("[" + name[0] + "]" + name[1:])


@pytest.mark.parametrize("path", IN_FOLDERS)
def test_what_lies_in_a_folder_of_secrets_is_one(path: str) -> None:
    assert is_secret(path)


@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_files_are_none(name: str) -> None:
    assert not is_secret("/ws/" + name)


@pytest.mark.parametrize(
    "pattern", [".env*", "*.pem", "*.key", "id_*", "*secret*", "*.{py,pem}", "*cred*", ".ssh/*", "*.tfvars"]
)
def test_a_pattern_that_takes_only_secrets_is_for_them(pattern: str) -> None:
    assert is_pattern_for_secrets(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        "*",
        "*.py",
        "*.json",
        "*.yml",
        "*.{ts,tsx}",
        "*.md",
        "*config*",
        "*test*",
        "*.toml",
        "*.conf",
        "*.txt",
        "*.log",
        ".git*",
    ],
)
def test_a_pattern_that_takes_ordinary_files_is_not(pattern: str) -> None:
    assert not is_pattern_for_secrets(pattern)


@pytest.mark.parametrize(
    "expression", [r"\.env$", r".*/\.env", "id_rsa", r"\.pem$", "secret", "^.env", r"\.(pem|key)$", "[.]env"]
)
def test_an_expression_that_names_a_secret_is_for_them(expression: str) -> None:
    assert is_expression_for_secrets(expression)


@pytest.mark.parametrize(
    "expression", [r"\.py$", "environment", "keyboard", "test_.*", "monkey", "openmp", "src/.*"]
)
def test_an_ordinary_expression_is_not(expression: str) -> None:
    assert not is_expression_for_secrets(expression)


@pytest.mark.parametrize("path", PLACES)
def test_each_known_place_outside_is_asked_about_or_denied(path: str) -> None:
    place = locate(path, cwd="/ws", root="/ws", surroundings=ExampleSurroundings())
    assert labels_for("read", place) & {"reads_secret", "reads_forbidden"}


def test_braces_stand_for_each_of_their_choices() -> None:
    assert expand_braces("*.{ts,tsx}") == ("*.ts", "*.tsx")
    assert expand_braces("a") == ("a",)
    assert expand_braces("{a,b}{c,d}") == ("ac", "ad", "bc", "bd")
    assert set(expand_braces("{a,b}" * 9)) == {"*"}
