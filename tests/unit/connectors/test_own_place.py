"""What is this machine is refused where somebody lists it, and nothing else is."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from workbench.connectors.own_place import check_names, own_names
from workbench.model.errors import InvalidInput

HOSTS = """# a comment
127.0.0.1\tlocalhost MyBox mybox.example.org. # more
::1 six.example.org
192.0.2.200 elsewhere.example.org
not-an-address odd.example.org
10.0.0.1
\xff
"""


@pytest.fixture
def place(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "server.json").write_text(json.dumps({"port": 4711}))
    (tmp_path / "hosts").write_text(HOSTS, "latin-1")
    return {"server_file": str(tmp_path / "server.json"), "hosts_file": str(tmp_path / "hosts")}


@pytest.mark.parametrize(
    "entry",
    [
        "127.0.0.1:4711",
        "mybox:8080",
        "MYBOX",
        "mybox.example.org.",
        "six.example.org:443",
        os.uname().nodename,
    ],
)
def test_the_workbench_and_names_of_this_machine_are_refused(entry: str, place: dict[str, str]) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_names(["example.org", entry], **place)
    assert entry.lower().removesuffix(".") in refused.value.message
    assert refused.value.remedy


@pytest.mark.parametrize(
    "entry",
    [
        "127.0.0.1:4712",
        "192.0.2.200:4711",
        "elsewhere.example.org",
        "odd.example.org",
        "notmybox:4711",
        "*.example.org",
        "[2001:db8::5]:4711",
    ],
)
def test_other_places_are_not(entry: str, place: dict[str, str]) -> None:
    check_names([entry], **place)


def test_without_a_server_no_port_is_its_own_and_a_file_that_says_nothing_names_any(
    place: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "server.json").unlink()
    check_names(["127.0.0.1:4711"], **place)
    (tmp_path / "server.json").write_text("{")
    with pytest.raises(InvalidInput):
        check_names(["127.0.0.1:4712"], **place)


def test_hosts_that_cannot_be_read_name_nothing_more_than_what_the_machine_is_called(tmp_path: Path) -> None:
    called = os.uname().nodename.lower()
    assert own_names(str(tmp_path / "none")) == {
        called,
        called.split(".")[0],
        called.split(".")[0] + ".local",
    }
