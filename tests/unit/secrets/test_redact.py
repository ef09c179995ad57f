"""A secret is masked in the forms in which programs print it by accident."""

from __future__ import annotations

import base64
import json
import shlex
import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.secrets.redact import MASK, forms_of, redact_text

SECRETS = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x24F, exclude_categories=["Cs", "Cc"]),
    min_size=9,
    max_size=40,
)


@given(SECRETS, st.text(max_size=5), st.text(max_size=5))
def test_no_form_of_a_secret_survives(secret: str, before: str, after: str) -> None:
    forms = sorted(forms_of(secret), key=lambda form: (-len(form), form))
    for text in (
        secret,
        urllib.parse.quote(secret, safe=""),
        json.dumps(secret),
        shlex.quote(secret),
        secret.encode().hex(),
    ):
        masked = redact_text(f"{before}\n{text}\n{after}", forms)
        assert MASK in masked
        if secret not in before + after:
            assert text not in masked


@pytest.mark.parametrize("offset", [0, 1, 2])
@given(secret=SECRETS)
def test_base64_is_masked_at_each_of_the_three_offsets(offset: int, secret: str) -> None:
    encoded = base64.b64encode(b"x" * offset + secret.encode() + b"yy").decode()
    forms = sorted(forms_of(secret), key=lambda form: (-len(form), form))
    assert MASK in redact_text(encoded, forms)


def test_each_line_of_a_key_is_masked_by_itself() -> None:
    key = "-----BEGIN KEY-----\nabcdefghijkl\nmnopqrstuvwx\n-----END KEY-----"
    assert redact_text("log: abcdefghijkl", forms_of(key)) == f"log: {MASK}"


def test_ordinary_text_stays() -> None:
    assert redact_text("nothing to hide", forms_of("correct horse")) == "nothing to hide"
