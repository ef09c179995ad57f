"""What is private on the machine stays so, whenever it was made; on the test's own /etc."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.namespaces import own_mounts


@pytest.fixture(scope="module", params=["by-kernel", "by-name"])
def said(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the commands of private_files.py said, and how what is private was kept from them."""
    home = tmp_path_factory.mktemp("ground")
    program, helpers = Path(__file__).with_name("private_files.py"), Path(__file__).parents[1]
    words = [*own_mounts(), sys.executable, str(program), str(helpers), str(home), request.param]
    done = subprocess.run(words, capture_output=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    said: dict[str, Any] = json.loads(done.stdout)
    # Where the kernel cannot, as for who is root in a namespace alone, both are by name.
    assert not said["is_kernels"] or request.param == "by-kernel"
    return said


def test_the_sandbox_is_found_in_order(said: dict[str, Any]) -> None:
    assert said["doctor"] == []


def test_private_files_made_exchanged_or_removed_since_the_servers_start_neither_show_nor_break(
    said: dict[str, Any],
) -> None:
    assert said["late"] == [0, "", ""]


def test_what_is_public_is_read(said: dict[str, Any]) -> None:
    assert said["public"] == [0, "", Path("/etc/hostname").read_text() + "public"]


def test_a_private_file_of_a_toolchain_is_not_read(said: dict[str, Any]) -> None:
    assert said["toolchain"] == [0, "", "mine\n"]


def test_a_toolchain_around_the_workspace_hides_its_private_files_and_the_workspace_is_written(
    said: dict[str, Any],
) -> None:
    assert said["around"] == [0, "", "mine\n"]


def test_a_private_file_made_after_the_sandbox_was_prepared_is_not_read(said: dict[str, Any]) -> None:
    assert said["prepared"] == [0, "", ""]


def test_where_the_kernel_refuses_a_private_file_made_while_the_command_runs_is_not_read(
    said: dict[str, Any],
) -> None:
    text = "" if said["is_kernels"] else said["during"][2]
    assert said["during"] == [0, "", text]
