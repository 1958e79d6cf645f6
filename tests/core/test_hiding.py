"""What looks like a key is not printed, and everything else is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retinue.model import printable
from retinue.planning.redaction import mask_line


@pytest.mark.parametrize(
    ("line", "masked"),
    [
        ("account: {api_key: sk-proj-0123456789abcdef}", "account: {api_key: ************************}"),
        ("account: sk-proj-0123456789abcdef", "account: ************************"),
        ("  apiKey: 'two words'  # mine", "  apiKey: ***********  # mine"),
        ("  authorization: Bearer abc def, x", "  authorization: **************, x"),
        ('{"client_secret": "a b"}', '{"client_secret": *****}'),
        ("  access_token: eyJhbGciOiJIUzI1NiJ9.e30", "  access_token: ************************"),
        ("  env: [ghp_0123456789abcdefABCDEF]", "  env: [**************************]"),
        ("  password: x", "  password: *"),
    ],
)
def test_keys_are_masked_and_nothing_moves(line: str, masked: str) -> None:
    assert mask_line(line) == masked
    assert len(masked) == len(line)


@pytest.mark.parametrize(
    "line",
    [
        "  token: ${{ secret.CRM }}",
        "  token: 'x-${{ secret.CRM }}'",
        "  secret_name: CRM_TOKEN",
        "  api_key_env: OPENAI_API_KEY",
        "  secrets:",
        "  token: {file: token.txt}",
        "  model: gpt-5-mini-2026-01-01",
        "  skills: [sk-short, risk-assessment-of-large-projects]",
        "unknown field 'api_key'",
        "tokens are counted: 12",
    ],
)
def test_other_lines_stay_as_they_are(line: str) -> None:
    assert mask_line(line) == line


@given(st.from_regex(printable._KEYS))
def test_a_key_is_looked_for_wherever_there_may_be_one(text: str) -> None:
    assert printable.masked(text) == printable._masked(text) != text
