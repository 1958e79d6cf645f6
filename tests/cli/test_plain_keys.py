"""What looks like a key, or is called one, is masked wherever something is printed; another key is another plan."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from retinue.cli import main
from retinue.model.printable import masked, masked_data, starred
from tests.cli.conftest import Result, Shell

KEYS = {
    "openai": "sk-proj-Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MA",
    "anthropic": "sk-ant-api03-AbCdEf0123456789-_xyz",
    "stripe": "sk_live_51AbCdEfGhIjKlMnOp",
    "github": "ghp_0123456789abcdefABCDEF0123456789abcd",
    "github-fine": "github_pat_11ABCDEFG0123456789_abcdefghijkl",
    "gitlab": "glpat-0123456789AbCdEfGhIj",
    "slack": "xoxb-123456789012-AbCdEfGhIjKl",
    "aws": "AKIAIOSFODNN7EXAMPLE",
    "google": "AIzaSyA0123456789abcdefghijklmnopqrstu",
    "hugging-face": "hf_AbCdEfGhIjKlMnOpQrStUvWxYz012345",
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    "private-key": "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA0123456789\n-----END RSA PRIVATE KEY-----",
}
WORDS = (
    "asst_dde799f0b0046e2a1764bd0d",
    "file-pkR4cV1w2Zb8Lm3Qx9Tn5K",
    "file-skA1b2C3d4E5f6G7h8I9j0",
    "vs_e2e9d416608c3428fb7c358217a9147e",
    "gpt-5-mini-2026-01-01",
    "sk-short",
    "risk-assessment-of-large-projects-2026",
    "sk-learn-and-other-libraries",
    "https://example.org/path:with@sign",
    "pd1:7c41-d2f0-93be-aa18",
    "skip-the-Queue-0123456789",
)


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_a_key_is_masked_and_told_from_another_one(key: str) -> None:
    for text in (key, f"Use {key}.", f'"{key}"', f"key={key}", f"https://example.org/?k={key}"):
        assert key not in masked(text)
        assert "***" in masked(text)
        assert masked(masked(text)) == masked(text)
    other = key.replace("0123456789", "9876543210") if "0123456789" in key else f"{key[:-4]}Zz9y"
    assert masked(other) != masked(key)


@pytest.mark.parametrize("word", WORDS)
def test_ids_and_words_are_no_keys(word: str) -> None:
    assert masked(word) == word


@pytest.mark.parametrize(
    "name", ["token", "api_key", "apiKey", "client_secret", "Authorization", "PASSWORD", "x-api-key"]
)
def test_what_is_called_a_key_is_masked_whatever_it_looks_like(name: str) -> None:
    assert masked_data({name: "hunter2"})[name].startswith("***")
    assert masked_data({name: "${{ secret.CRM }}"}) == {name: "${{ secret.CRM }}"}
    assert masked_data({name: {"type": "string"}, "max_tokens": 3}) == {name: {"type": "string"}, "max_tokens": 3}
    assert masked_data(masked_data({name: "hunter2"})) == masked_data({name: "hunter2"})


def test_the_password_of_an_address_is_masked() -> None:
    assert masked("postgres://app:hunter2@db.example.org/x").startswith("postgres://app:***")
    assert "hunter2" not in masked("https://u:hunter2@example.org")


PARAMETERS: tuple[str, ...] = (
    "token",
    "key",
    "api_key",
    "apikey",
    "secret",
    "password",
    "signature",
    "sig",
    "access_token",
)
PARAMETERS += ("X-Amz-Signature", "x-api-key", "client_secret", "pwd", "subscription-key", "ACCESS_TOKEN", "auth_token")


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_parameter_of_an_address_that_is_called_a_key_is_masked(name: str) -> None:
    for text in (
        f"https://mcp.example.com/?{name}=hunter2&x=1",
        f"Ask https://mcp.example.com/v1?x=1&{name}=hunter2, then stop.",
        f'"https://mcp.example.com/sse?a=b&{name}=hunter2#top"',
        f"[it](https://mcp.example.com/#{name}=hunter2)",
    ):
        assert masked(text).startswith(text.partition("hunter2")[0] + "***")
        assert masked(masked(text)) == masked(text)
        assert masked(text) != masked(text.replace("hunter2", "hunter3"))
        assert len(starred(text)) == len(text)
        assert "hunter2" not in starred(text)
    for placeholder in ("{token}", "<token>", "$TOKEN", "${{ secret.X }}", "%s"):
        assert masked(f"https://example.com/?{name}={placeholder}") == f"https://example.com/?{name}={placeholder}"


@pytest.mark.parametrize(
    "line",
    [
        "password=hunter2hunter2",
        "password: hunter2hunter2",
        "Password = 'hunter2hunter2'",
        "The token: hunter2hunter2, as always.",
        'export API_KEY="hunter2hunter2"',
        '{"token": "hunter2hunter2"}',
        "Authorization: Bearer hunter2hunter2",
        "- client_secret: hunter2hunter2",
    ],
)
def test_a_word_after_the_name_of_a_key_is_masked_in_a_text(line: str) -> None:
    text = f"First.\n{line}\nLast.\n"
    assert "hunter2" not in masked(text) + starred(text)
    assert masked(text).startswith(text.partition("hunter2")[0] + "***")
    assert masked(masked(text)) == masked(text)
    assert len(starred(text)) == len(text)


@pytest.mark.parametrize(
    "line",
    [
        "password: must have 8 characters",
        "password: at least 12 characters, one of them a digit",
        "Password: 8-64 characters",
        "token: string",
        "token: required",
        "api_key=optional",
        "Ask for the token: it has six digits.",
        "secret: base64-encoded",
        "signature: sha256-hash",
        "token: {access_token_2}",
        "password: <password1>",
        "password=$PASSWORD_12",
        "token: ${{ secret.TOKEN_1 }}",
        "token: https://auth.example.com/oauth2/token",
        "max_tokens: 4096000a",
        "authorization: OAuth2.0",
        "https://example.com/?page=12345678&sort_keys=a1b2c3d4&key=1",
    ],
)
def test_what_a_prompt_says_of_keys_stays_readable(line: str) -> None:
    assert masked(line) == line


OLD, NEW, NAMED, HIDDEN = (
    KEYS["openai"],
    KEYS["openai"].replace("Zm9v", "YmFy"),
    "plain-old-hunter2",
    "plain-hidden-1234",
)
SECRETS = (OLD, NEW, NAMED, HIDDEN)


def declare(shell: Shell, key: str, *, more: str = "") -> None:
    shell.write("prompt.md", f"Be kind.\nCall it with {key}, twice.\nBe brief.\n")
    shell.write(
        "team.yaml",
        f"""\
assistants:
  bot:
    model: gpt-4o
    description: Uses {key}
    instructions: {{file: prompt.md}}
    metadata: {{token: {NAMED}, note: {key}}}
    {more}
vaults:
  keys: {{name: Keys}}
credentials:
  crm:
    vault: keys
    name: CRM
    auth: {{type: static_bearer, mcp_server_url: "https://crm.example.com/mcp", token: {HIDDEN}}}
environment_templates:
  box: {{name: Box, env: {{PASSPHRASE: {HIDDEN}, LEVEL: info}}, setup_commands: [echo {HIDDEN}]}}
""",
    )


def check(result: Result) -> Result:
    for secret in SECRETS:
        for part in (secret, secret[8:24]):
            assert part not in result.out + result.err
    return result


@pytest.fixture
def keys(shell: Shell) -> Shell:
    """A stack with plain keys in it, applied, then with another key."""
    declare(shell, OLD)
    assert check(shell("apply", "--yes")).code == 0
    declare(shell, NEW)
    return shell


@pytest.mark.parametrize("form", ["text", "json", "markdown", "github"])
@pytest.mark.parametrize("detail", ["summary", "hunks", "full"])
def test_plans_mask_keys(keys: Shell, form: str, detail: str) -> None:
    page = keys.team.root / "plan.html"
    shown = check(keys("plan", "--format", form, "--detail", detail, "--html", str(page)))
    check(Result(0, page.read_text(encoding="utf-8"), ""))
    assert "***" in shown.out or detail == "summary"


def test_a_change_of_a_key_is_seen_and_is_another_plan(keys: Shell) -> None:
    """The two sides differ, though neither is shown."""
    assert '~ description: "Uses ***' in keys("plan").out
    digest = json.loads(keys("plan", "--json").out)["digest"]
    declare(keys, f"{NEW}x")
    assert json.loads(keys("plan", "--json").out)["digest"] != digest


def test_a_saved_plan_holds_no_key_and_is_applied(keys: Shell) -> None:
    path = keys.team.root / "plan.json"
    check(keys("plan", "--out", str(path)))
    check(Result(0, path.read_text(encoding="utf-8"), ""))
    assert main(["show-plan", str(path)]) == 0
    assert check(keys("apply", str(path))).code == 0
    assert keys.team.listed("/assistants")[0]["description"] == f"Uses {NEW}"


def test_a_saved_plan_is_held_against_another_key(keys: Shell) -> None:
    path = keys.team.root / "plan.json"
    keys("plan", "--out", str(path))
    declare(keys, f"{NEW}x")
    stopped = check(keys("apply", str(path)))
    assert stopped.code == 3
    assert "***" in stopped.out


@pytest.mark.parametrize(
    "command",
    [
        ("render",),
        ("render", "--explain"),
        ("render", "--json"),
        ("render", "--explain", "--json"),
        ("drift",),
        ("show", "assistant.bot"),
        ("show", "assistant.bot", "--json"),
        ("doctor",),
        ("validate",),
        ("diff", "-e", "one", "-e", "two"),
        ("diff", "-e", "one", "-e", "two", "--json"),
        ("diff", "-e", "one", "-e", "two", "--format", "markdown"),
        ("apply", "--yes", "--json"),
        ("destroy", "--yes"),
    ],
    ids=" ".join,
)
def test_commands_mask_keys(keys: Shell, command: tuple[str, ...]) -> None:
    keys.write(
        "retinue.yaml",
        "stack: test\ninclude: ['*.yaml']\nenvironments:\n  one: {}\n"
        f"  two: {{assistants: {{bot: {{description: 'Now {OLD}', metadata: {{token: {NAMED}}}}}}}}}\n",
    )
    more = ("-e", "one") if command[0] not in ("diff", "doctor") else ()
    check(keys(*command, *more))


def test_render_says_that_something_is_hidden(keys: Shell) -> None:
    rendered = yaml.safe_load(keys("render").out)
    assert rendered["credentials"]["crm"]["auth"]["token"] == "***"
    assert rendered["environment_templates"]["box"]["env"] == {"PASSPHRASE": "***", "LEVEL": "info"}
    assert rendered["assistants"]["bot"]["metadata"]["token"].startswith("***")


@pytest.mark.parametrize(
    "text",
    [
        f"    unknown: {{note: {OLD}}}\n",
        f"    temperature: {OLD}\n",
        f"    metadata: {{{OLD}: [1]}}\n",
        f"    tools: [{{{OLD}: x}}]\n",
        f"    name: {OLD}${{{{ var.missing }}}}\n",
        f"    response_format: {OLD}\n",
    ],
)
@pytest.mark.parametrize("form", ["text", "json", "sarif", "github", "junit"])
def test_mistakes_mask_keys(shell: Shell, text: str, form: str) -> None:
    shell.write("team.yaml", f"assistants:\n  bot:\n    model: gpt-4o\n{text}")
    assert check(shell("validate", "--format", form)).code == 1


def test_a_mistake_beside_hidden_text_does_not_show_it(shell: Shell) -> None:
    """The line of a mistake is quoted with what stands beside it."""
    shell.write(
        "box.yaml",
        f"environment_templates:\n  box: {{env: {{PASSPHRASE: {HIDDEN}}}, unknown: 1, setup_commands: [{HIDDEN}]}}\n",
    )
    found = check(shell("validate"))
    assert "unknown field 'unknown'" in found.err
    assert "PASSPHRASE: ****" in found.err


@pytest.mark.parametrize(
    "auth",
    [
        "{type: static_bearer, mcp_server_url: https://crm.example.com/mcp, tokken: SECRET}",
        "{type: static_bearer, mcp_server_url: https://crm.example.com/mcp, tocken: SECRET}",
        "{type: oauth, acces_tokn: SECRET}",
        "{type: oauth, refresh: {refresh_tokn: SECRET}}",
        "{type: oauth, refresh: {token_endpoint_auth: {client_secrt: SECRET}}}",
        "{type: oauth, refresh: SECRET}",
        "{type: environment_variable, secret_valu: SECRET}",
        "SECRET",
        "[SECRET]",
    ],
)
def test_a_slip_in_the_key_of_a_secret_does_not_show_it(shell: Shell, auth: str) -> None:
    shell.write(
        "team.yaml",
        "vaults: {v: {name: V}}\ncredentials:\n"
        f"  c: {{vault: v, name: C, auth: {auth.replace('SECRET', 'plaincredential')}}}\n",
    )
    for form in ("text", "json", "sarif", "github", "junit"):
        found = shell("validate", "--format", form)
        assert found.code == 1
        assert "plaincredential" not in found.out + found.err


def test_parameters_and_lines_in_prompts_are_masked_by_commands(shell: Shell) -> None:
    shell.write(
        "team.yaml",
        """\
agents:
  bot:
    model: gpt-5
    instructions: |
      Log in at once.
      password=hunter2hunter2
      A new password: must have 8 characters.
    tools: [{mcp: {server_label: a, transport: {type: http, server_url: "https://m.example.com/?token=abcdef1234567890"}}}]
""",
    )
    for command in (("render",), ("plan", "--detail", "full"), ("plan",)):
        for more in ((), ("--json",)):
            found = shell(*command, *more)
            assert found.code == 0, found.err
            assert "hunter2" not in found.out
            assert "abcdef1234" not in found.out
            assert "must have 8 characters" in found.out or command + more == ("plan",)  # which shows how it begins


def test_drift_masks_keys(keys: Shell) -> None:
    (bot,) = keys.team.listed("/assistants")
    keys.team.send(
        "post", f"/assistants/{bot['id']}", {"description": f"Uses {NEW}, too", "instructions": f"Say {NEW}"}
    )
    for form in ("text", "json", "markdown", "github", "junit"):
        assert "***" in check(keys("drift", "--format", form)).out


def test_files_that_are_written_keep_what_they_hold(keys: Shell, tmp_path: Path) -> None:
    """What is printed is masked; what an author has in files is theirs."""
    (bot,) = keys.team.listed("/assistants")
    keys.team.send("post", f"/assistants/{bot['id']}", {"description": f"Theirs {NEW}"})
    declare(keys, OLD)
    check(keys("drift", "--accept", "assistant.bot.description"))
    assert f"Theirs {NEW}" in (tmp_path / "team.yaml").read_text(encoding="utf-8")
