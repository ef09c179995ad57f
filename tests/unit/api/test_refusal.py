"""What a request that does not have its shape is told."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from workbench.api.refusal import explain_refusal
from workbench.api.wire import RunIn
from workbench.api.wire_house import SecretIn, SwitchIn
from workbench.model.errors import InvalidInput

RUN = {"project_id": "prj_1", "command": "ls"}
SWITCH = {"name": "execution.local", "state": "on", "reason": "why"}


def refusal(shape: type[Any], **fields: Any) -> InvalidInput:
    with pytest.raises(ValidationError) as caught:
        shape.model_validate(fields)
    first = caught.value.errors()[0]
    return explain_refusal({**first, "loc": ("body", *first["loc"])})


def test_a_word_that_is_not_among_the_values_gets_the_values() -> None:
    found = refusal(RunIn, **RUN, mode="tty")
    assert found.message == "mode: 'tty' is not among its values"
    assert found.remedy == "use one of: pty, pipe"


def test_a_missing_field_and_one_too_many_are_named() -> None:
    assert refusal(RunIn, command="ls").message == "project_id is missing"
    found = refusal(RunIn, **RUN, shell=True)
    assert (found.message, found.remedy[:12]) == ("shell: there is no such field", "leave it out")


def test_an_empty_reason_and_a_name_of_another_form_say_what_is_wanted() -> None:
    assert refusal(SwitchIn, **{**SWITCH, "reason": ""}).message == "reason is empty"
    wrong = refusal(SecretIn, project_id="prj_1", name="1 BAD", value="12345678")
    assert wrong.message == "name: '1 BAD' does not have the right form"
    assert "A-Za-z" in wrong.remedy


def test_a_number_out_of_range_keeps_its_limit_and_no_message_shows_the_frameworks_places() -> None:
    found = refusal(RunIn, **RUN, rows=0)
    assert found.message == "rows: input should be greater than or equal to 1"
    assert "body" not in found.message + found.remedy


def test_a_body_that_is_no_json_is_said_so() -> None:
    error = {"type": "json_invalid", "loc": ("body", 1), "msg": "JSON decode error", "input": {}}
    assert explain_refusal(error).message == "the body is not valid JSON"


def test_a_secret_that_is_refused_is_not_repeated() -> None:
    found = refusal(SecretIn, project_id="prj_1", name="TOKEN", value="hunter2")
    assert "hunter2" not in found.message + found.remedy
