"""Settings: variables over the file over defaults; a wrong one is named with what it takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.config import Config, read_config
from workbench.model.errors import InvalidInput


def test_without_settings_the_defaults_hold(tmp_path: Path) -> None:
    assert read_config({}, default_home=tmp_path) == Config(home=tmp_path)
    assert read_config({}, default_home=tmp_path).ledger_url == f"sqlite:///{tmp_path}/ledger.db"


def test_a_variable_goes_over_the_file_and_the_file_over_the_default(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('port = 1000\nlog_level = "debug"\n')
    found = read_config({"WORKBENCH_HOME": str(tmp_path), "WORKBENCH_PORT": "2000"}, default_home=Path("/x"))
    assert (found.home, found.port, found.log_level) == (tmp_path, 2000, "debug")


WRONG = {
    "WORKBENCH_PORT": ["many", "-1", "65536", "1.5"],
    "WORKBENCH_LOG_LEVEL": ["loud"],
    "WORKBENCH_APPROVAL_QUORUM": ["0", "101"],
    "WORKBENCH_MAX_OUTPUT_BYTES": ["1"],
    "WORKBENCH_DEFAULT_TIMEOUT_SECONDS": ["0", "soon"],
}


@pytest.mark.parametrize(("variable", "value"), [(name, value) for name in WRONG for value in WRONG[name]])
def test_a_wrong_value_is_named_with_what_the_setting_takes(
    tmp_path: Path, variable: str, value: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_config({variable: value}, default_home=tmp_path)
    assert value in caught.value.message
    assert variable.removeprefix("WORKBENCH_").lower() in caught.value.message
    assert caught.value.remedy.startswith("use ")


@pytest.mark.parametrize("text", ["port = ", "\0", "prot = 7717", "port = true", "[a]\nb = 1"])
def test_a_file_that_cannot_be_meant_is_refused_not_ignored(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.toml").write_text(text)
    with pytest.raises(InvalidInput) as caught:
        read_config({}, default_home=tmp_path)
    assert caught.value.remedy
