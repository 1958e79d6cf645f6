"""Secrets with values that are easy to find again: whatever is run, none of them turns up anywhere."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import logging
import subprocess
from collections.abc import Iterator

import httpx2
import openai
import pytest

from retinue.cli import main
from retinue.emulator.server.transport import LocalTransport
from retinue.kinds import all_kinds
from retinue.model.tag import read_tag
from retinue.planning.redaction import MASK
from tests.cli.conftest import Result, Shell
from tests.support.faults import Quoting
from tests.support.forms import form
from tests.support.serving import serving

NAMES = (
    "BEARER",
    "ACCESS",
    "REFRESH",
    "CLIENT",
    "VARIABLE",
    "PLAIN_ENV",
    "LONG_TEXT",
    "COMMAND",
    "RENDERED",
    "DEFAULT",
    "LINES",
    "KEY",
)
"""The environment variables, each with a canary of its own; KEY is the key of the account."""
PROJECT = """\
stack: canary
include: [team.yaml]
account: ${{ var.where }}
variables:
  where: local
  default: {default: '${{ secret.DEFAULT }}'}
  nested: {default: 'Basic ${{ var.default }}'}
environments:
  other: {}
"""
TEAM = """\
vaults:
  keys: {name: Keys}
credentials:
  bearer:
    vault: keys
    name: Bearer
    auth: {type: static_bearer, mcp_server_url: https://mcp.example.com/a, token: '${{ secret.BEARER }}'}
  oauth:
    vault: keys
    name: OAuth
    auth:
      type: mcp_oauth
      mcp_server_url: https://mcp.example.com/b
      access_token: ${{ secret.ACCESS }}
      refresh:
        client_id: client
        refresh_token: ${{ secret.REFRESH }}
        token_endpoint: https://login.example.com/token
        token_endpoint_auth: {type: client_secret_post, client_secret: '${{ secret.CLIENT }}'}
  variable:
    vault: keys
    name: Variable
    auth:
      type: environment_variable
      secret_name: CRM_TOKEN
      secret_value: ${{ secret.VARIABLE }}
      networking: {type: unrestricted}
  indirect:
    vault: keys
    name: Indirect
    auth: {type: static_bearer, mcp_server_url: https://mcp.example.com/c, token: '${{ var.nested }}'}
environment_templates:
  bench:
    name: Bench
    env:
      PLAIN: ${{ secret.PLAIN_ENV }}
      URL: postgres://user:${{ secret.LONG_TEXT }}@db.example.com/shop?x=1
      INDIRECT: ${{ var.default }}
    setup_commands:
      - echo ${{ secret.COMMAND }} | docker login --password-stdin
      - {command: {file: setup.sh, render: true}, cwd: /workspace}
      - {file: setup.sh, render: true}
      - |
        cat <<'KEY'
        ${{ secret.LINES }}
        KEY
skills:
  charting: {folder: charting}
agents:
  clerk: {model: gpt-6-astra, instructions: Be kind.}
assistants:
  tutor: {model: gpt-4o, instructions: Be kind.}
"""


def canary(name: str, generation: int = 1) -> str:
    """A value whose core is plain in most encodings, between what is not."""
    value = f"é\"\\{name}/{core(name, generation)}?&+ '<{name}>"
    # A secret of a header or a proxy is one line of ASCII; those of scripts need not be.
    if name == "LINES":
        return f"-----BEGIN {name}-----\n{core(name, generation)}\n{core(name, generation)[::-1]}\n-----END-----"
    return core(name, generation) if name == "KEY" else value


def core(name: str, generation: int) -> str:
    return f"Canary{hashlib.sha256(f'{name}{generation}'.encode()).hexdigest()}Canary"


def needles(generations: int = 2) -> list[bytes]:
    """What no output may hold: every canary as it is, backwards no less, encoded, and as a digest without salt."""
    found: list[bytes] = []
    for name in NAMES:
        for generation in range(1, generations + 1):
            value = canary(name, generation).encode()
            for each in {core(name, generation).encode(), core(name, generation)[:24].encode()}:
                found += [each, each[::-1], each.hex().encode()]
                for before in range(3):
                    encoded = base64.b64encode(bytes(before) + each)[(0, 2, 3)[before] : -4]
                    found += [encoded, encoded.replace(b"+", b"-").replace(b"/", b"_")]
            for algorithm in (hashlib.md5, hashlib.sha1, hashlib.sha256):
                hashed = algorithm(value).digest()
                found += [hashed.hex()[:16].encode(), base64.b64encode(hashed)[:16]]
    return found


NEEDLES = sorted({each.lower() for each in needles()})


class Watch:
    """Runs commands and looks through all that they leave behind."""

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        self.root = shell.team.root

    def __call__(self, *args: str, code: int | None = 0) -> Result:
        command = args[:2] if args[0] == "stack" else args[:1]
        self.shell.capture.readouterr()
        ended = main([*command, "-C", str(self.root), *args[len(command) :]])
        printed = self.shell.capture.readouterr()
        result = Result(ended, printed.out, printed.err)
        assert_clean(f"{result.out}\n{result.err}".encode(), f"retinue {' '.join(args)}")
        self.look()
        assert code is None or result.code == code, (args, result)
        return result

    def look(self) -> None:
        """Through every file of the project; the local account's own ones are the account, which has to know."""
        for path in self.root.rglob("*"):
            own = path.is_relative_to(self.shell.team.account_directory)
            if path.is_file() and not own and ".git" not in path.parts:
                assert_clean(path.read_bytes(), str(path))

    def look_into_the_account(self) -> None:
        """Through everything that others can read in the account."""
        assert_clean(json.dumps(self.shell.team.state(), ensure_ascii=False).encode(), "the account")


def assert_clean(content: bytes, where: str) -> None:
    lowered = content.lower()
    for needle in NEEDLES:
        at = lowered.find(needle)
        assert at < 0, f"{where}: …{content[max(0, at - 200) : at + 100]!r}…"


@pytest.fixture
def watch(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Watch:
    sow(monkeypatch)
    shell.write("retinue.yaml", PROJECT.replace("${{ var.where }}", "local"))
    shell.write("team.yaml", TEAM)
    shell.write("setup.sh", "#!/bin/sh\nexport TOKEN='${{ secret.RENDERED }}'\nmake\n")
    shell.write("charting/SKILL.md", "---\nname: charting\ndescription: Draws charts.\n---\n")
    return Watch(shell)


def sow(monkeypatch: pytest.MonkeyPatch, generation: int = 1) -> None:
    for name in NAMES:
        monkeypatch.setenv(name, canary(name, generation))


def saved(shell: Shell, name: str) -> str:
    return str(shell.team.root / name)


# ── every command, every view ─────────────────────────────────────────────────────────────────────────────────────────


def offline(watch: Watch) -> None:
    for view in ("text", "json", "sarif", "github", "junit"):
        watch("validate", "--format", view)
    for options in ([], ["--explain"], ["--json"], ["--explain", "--json"], ["credential.bearer"]):
        watch("render", *options)
    for view in ("text", "json", "markdown"):
        watch("diff", "-e", "other", "-e", "other", "--format", view, "--detail", "full")
        watch("diff", "--base", "HEAD", "--format", view, "--detail", "full")


def planned(watch: Watch, *options: str) -> None:
    for view in ("text", "json", "markdown", "github"):
        watch("plan", "--format", view, "--detail", "full", *options)
    watch("plan", "--out", saved(watch.shell, "plan.json"), "--html", saved(watch.shell, "plan.html"), *options)
    for view in ("text", "json", "markdown", "github"):
        result = watch.shell("show-plan", saved(watch.shell, "plan.json"), "--format", view, "--detail", "full")
        assert_clean((result.out + result.err).encode(), "show-plan")


def addresses(watch: Watch) -> list[str]:
    return [each for each in json.loads(watch("output", "--json").out) if each != "format_version"]


def looked_at(watch: Watch) -> None:
    watch("show")
    watch("show", "--json")
    for address in addresses(watch):
        watch("show", address)
        watch("show", address, "--json")
        watch("output", address)
    for view in ("table", "json", "env"):
        watch("output", "--format", view)
    for view in ("text", "json", "markdown", "github", "junit"):
        watch("drift", "--format", view, "--detail", "full", "--unowned")
    for command in ("doctor", "models"):
        watch(command, code=None)
        watch(command, "--json", code=None)
    watch("import", "--scan")
    watch("import", "--scan", "--json")
    watch("migrate", "--to", "agents", "--dry-run", code=None)
    watch("migrate", "--to", "responses", "--dry-run", "--json", code=None)


def test_no_command_shows_or_keeps_a_secret(
    watch: Watch, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    root = watch.root
    run = ["git", "-C", str(root), "-c", "user.name=a", "-c", "user.email=a@example.com"]
    subprocess.run([*run, "init", "-q"], check=True)
    subprocess.run([*run, "add", "retinue.yaml", "team.yaml", "setup.sh", "charting"], check=True)
    subprocess.run([*run, "commit", "-qm", "x"], check=True)
    offline(watch)
    planned(watch)
    watch("apply", saved(watch.shell, "plan.json"))
    watch.look_into_the_account()
    looked_at(watch)
    assert "No changes" in watch("plan").out

    sow(monkeypatch, generation=2)
    rotated = watch("plan").out
    assert rotated.count("(not shown)") >= 5
    offline(watch)
    planned(watch)
    watch("apply", "--yes", "--json")
    watch.look_into_the_account()
    assert "No changes" in watch("plan").out
    looked_at(watch)

    agent = next(each for each in watch.shell.team.objects(all_kinds()["agent"]))
    watch.shell.team.send("post", f"/agents/{agent['id']}", {"instructions": "Be brief."})
    template = next(each for each in watch.shell.team.objects(all_kinds()["environment_template"]))
    watch.shell.team.send("post", f"/agents/environments/templates/{template['id']}", {"name": "Renamed"})
    watch("drift", "--format", "json", "--detail", "full")
    watch("drift", "--accept", "agent.clerk", "--accept", "environment_template.bench.name")

    watch("plan", "--destroy", "--format", "json", "--detail", "full")
    watch("destroy", "--yes")
    watch.look_into_the_account()
    assert_clean(caplog.text.encode(), "the log")


def test_render_prints_what_the_author_wrote(watch: Watch) -> None:
    shown = watch("render").out
    for written in ("${{ secret.BEARER }}", "${{ var.nested }}", "user:${{ secret.LONG_TEXT }}@db", "render: true"):
        assert written in shown
    explained = watch("render", "--explain").out
    assert "secret.BEARER from the environment" in explained


def test_render_hides_secrets_in_a_list_of_texts(watch: Watch) -> None:
    """A list without a mapping in it is printed as one value."""
    booth = "  booth: {name: Booth, setup_commands: ['login ${{ secret.COMMAND }}', make]}\n"
    watch.shell.write("team.yaml", TEAM.replace("  bench:\n", f"{booth}  bench:\n"))
    for options in ((), ("--explain",), ("--json",)):
        shown = watch("render", "environment_template.booth", *options).out
        assert "login ${{ secret.COMMAND }}" in shown
        assert "make" in shown


def test_a_secret_of_a_wrong_type_is_a_mistake_like_any_other(watch: Watch) -> None:
    watch.shell.write("more.yaml", "environment_templates:\n  booth: {setup_commands: '${{ secret.COMMAND }}'}\n")
    watch.shell.write("retinue.yaml", "stack: canary\ninclude: [more.yaml]\n")
    found = watch("validate", code=1).err
    assert "more.yaml:2:27: error[secret-in-the-open]: a secret may not stand in 'setup_commands'" in found
    assert found.endswith("\n1 error\n")


@pytest.mark.parametrize(
    "declared",
    [
        "vector_stores: {v: {files: [{path: a.md, entry: '${{ secret.COMMAND }}'}]}}",
        "vector_stores: {v: {files: [{path: '${{ secret.COMMAND }}'}]}}",
        "vector_stores: {v: {files: ['${{ secret.COMMAND }}']}}",
        "assistants: {a: '${{ secret.COMMAND }}'}",
        "assistants: {a: {model: m, metadata: {k: '${{ secret.COMMAND }}'}}}",
        "assistants: {a: {model: m, extra: {k: ['${{ secret.COMMAND }}']}}}",
        "assistants: {a: {model: m, instructions: {file: t.md, render: true}}}",
        "assistants: {a: {model: m, instructions: [x, {file: t.md, render: true}]}}",
        "functions: {f: {parameters: {file: '${{ secret.COMMAND }}'}}}",
    ],
)
def test_a_secret_in_a_wrong_place_is_told_and_not_shown(watch: Watch, declared: str) -> None:
    watch.shell.write("t.md", "Say ${{ secret.COMMAND }}.")
    watch.shell.write("a.md", "text")
    watch.shell.write("more.yaml", declared + "\n")
    watch.shell.write("retinue.yaml", "stack: canary\ninclude: [more.yaml]\n")
    for args in (("validate",), ("validate", "--format", "json"), ("plan",), ("render",), ("apply", "--yes")):
        found = watch(*args, code=1)
        assert "secret-in-the-open" in found.err + found.out


def test_what_is_released_and_imported_again_holds_no_secret(watch: Watch) -> None:
    watch("apply", "--yes")
    watch.shell.write("team.yaml", f"release: [{', '.join(addresses(watch))}]\n")
    watch("apply", "--yes")
    watch.shell.write("team.yaml", "x-nothing: true\n")
    watch("import", "--scan", "--json")
    watch("import", "--all", "--json")
    watch("validate", code=None)


# ── accounts that tell on us ──────────────────────────────────────────────────────────────────────────────────────────


@contextlib.contextmanager
def quoting(watch: Watch, pattern: str, status: int) -> Iterator[Quoting]:
    """The project's account, over HTTP, with answers that quote what was asked."""
    account = Quoting(LocalTransport(watch.shell.team.account_directory), pattern, status)
    with serving(account) as base_url:
        setting = f"{{base_url: '{base_url}', api_key_env: KEY}}"
        watch.shell.write("retinue.yaml", PROJECT.replace("${{ var.where }}", setting))
        yield account


@pytest.mark.parametrize("status", [400, 401, 403, 404, 307, 422])
def test_an_account_that_quotes_what_it_was_sent_is_not_quoted(watch: Watch, status: int) -> None:
    with quoting(watch, r"POST /(vaults/.*/credentials|agents/environments/templates)", status) as account:
        done = watch("apply", "--yes", code=5)
        # Where the key is refused, nothing is begun with it any more; several requests may be under way by then.
        assert account.refused in (range(1, 6) if status in (401, 403) else [5])
        assert (status == 307 and "sends us on" in done.err + done.out) or MASK in done.err + done.out
        watch("apply", "--yes", "--json", code=5)
    with quoting(watch, r"(GET|POST) .*", status):
        for command in (["plan"], ["apply", "--yes", "--json"], ["drift"], ["show"], ["output"], ["import", "--scan"]):
            watch(*command, code=1)
        for command in (["doctor"], ["models"], ["destroy", "--yes"]):
            watch(*command, code=None)
    watch.look_into_the_account()


def test_a_rotation_that_is_refused_tells_neither_secret(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    with quoting(watch, "nothing", 400):
        watch("apply", "--yes")
        sow(monkeypatch, generation=2)
    with quoting(watch, r"POST /(vaults/.*/credentials|agents/environments/templates)/.*", 400) as account:
        watch("apply", "--yes", code=5)
        watch("apply", "--yes", "--json", code=5)
        assert account.refused == 10


class Indiscreet(Quoting):
    """Shows in every object what the API never shows, and more."""

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        answer = self.inner.handle_request(request)
        body = answer.read()
        if answer.status_code >= 400 or not answer.headers.get("content-type", "").startswith("application/json"):
            return httpx2.Response(answer.status_code, headers=answer.headers, content=body, request=request)
        found = json.loads(body)
        for each in found.get("data", [found]):
            object_ = each.get("object")
            if object_ == "agent.environment.template":
                each |= {"env": {"PLAIN": canary("PLAIN_ENV")}, "setup_commands": [{"command": canary("LINES")}]}
            if object_ == "credential":
                each["auth"] |= {"token": canary("BEARER"), "access_token": canary("ACCESS")}
                each["debug"] = base64.b64encode(canary("VARIABLE").encode()).decode()
        return httpx2.Response(answer.status_code, json=found, request=request)


def test_an_account_that_shows_secrets_is_not_believed_nor_quoted(watch: Watch) -> None:
    account = Indiscreet(LocalTransport(watch.shell.team.account_directory), "", 0)
    with serving(account) as base_url:
        setting = f"{{base_url: '{base_url}', api_key_env: KEY}}"
        watch.shell.write("retinue.yaml", PROJECT.replace("${{ var.where }}", setting))
        watch("apply", "--yes")
        assert "No changes" in watch("plan", "--format", "text").out
        planned(watch)
        looked_at(watch)
        planned(watch, "--destroy")
        watch("destroy", "--yes")


def test_a_bug_does_not_print_what_came_from_the_environment(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise TypeError(f"'{canary('BEARER')}' is no number")

    monkeypatch.setattr(openai.OpenAI, "get", broken)
    done = watch("plan", code=70)
    assert "this is a bug in retinue" in done.err
    assert MASK in done.err


# ── digests ───────────────────────────────────────────────────────────────────────────────────────────────────────────

SAME = """\
vaults:
  keys: {name: Keys}
credentials:
  one: &one
    vault: keys
    name: One
    auth: {type: static_bearer, mcp_server_url: https://mcp.example.com/a, token: '${{ secret.BEARER }}'}
  two: *one
environment_templates:
  three: {env: {token: '${{ secret.BEARER }}'}}
  four: {setup_commands: ['${{ secret.BEARER }}']}
  five: {env: {token: '${{ secret.BEARER }}'}}
"""


def digests(watch: Watch) -> list[str]:
    """What the tags in the account say of hidden fields."""
    found = []
    for kind in all_kinds().values():
        hidden = {each.name for each in kind.fields if not each.shown}
        for raw in watch.shell.team.objects(kind) if hidden and kind.stored else ():
            tag = read_tag(form(kind).marks_of(raw)["retinue"])
            found += [digest for name, digest in tag.fields.items() if name in hidden]
    return sorted(found)


def test_one_secret_has_another_digest_in_every_place(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    watch.shell.write("team.yaml", SAME)
    watch("apply", "--yes")
    assert len(first := set(digests(watch))) == 5
    monkeypatch.setenv("RETINUE_DIGEST_KEY", "a long random text")
    rotated = watch("plan")
    assert "Plan: 0 to add, 5 to change, 0 to destroy." in rotated.out
    assert rotated.out.count("(not shown) -> (not shown)") == 5
    watch("apply", "--yes")
    assert not set(digests(watch)) & first
    assert "No changes" in watch("plan").out


@pytest.mark.parametrize("wrong", ["another key", "", "é\udcff", "x" * 10_000])
def test_another_key_rotates_and_does_not_break(watch: Watch, monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    watch.shell.write("team.yaml", SAME)
    monkeypatch.setenv("RETINUE_DIGEST_KEY", "the right key")
    watch("apply", "--yes")
    monkeypatch.setenv("RETINUE_DIGEST_KEY", wrong)
    assert "Plan: 0 to add, 5 to change, 0 to destroy." in watch("plan").out
    watch("drift")
    monkeypatch.setenv("RETINUE_DIGEST_KEY", "the right key")
    assert "No changes" in watch("plan").out


def test_a_secret_that_is_no_text_is_a_mistake(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEARER", f"{canary('BEARER')}\udcff")
    refused = watch("plan", code=1)
    assert "error[not-utf8]: the environment variable 'BEARER' does not hold text" in refused.err
