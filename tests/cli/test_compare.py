"""Declarations without an account: what they come to, and how environments and revisions differ."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Shell
from tests.report.test_document_schema import mistakes

PROJECT = """\
stack: test
include: team.yaml
variables: {model: {default: gpt-4o}}
environments:
  staging: {}
  production: {variables: {model: gpt-6-luna}}
"""
TEAM = """\
assistants:
  tutor:
    name: Tutor
    model: ${{ var.model }}
    instructions: {file: tutor.md}
    temperature: 0.5
    tools: [code_interpreter]
  helper:
    model: gpt-4o
vector_stores:
  handbook:
    files: [handbook/*.md]
"""
PRODUCTION = """\
assistants:
  tutor:
    temperature: null
    metadata: {stage: production}
    tools:
      file_search: {vector_store: handbook}
  helper: null
  canary: {model: gpt-6-luna}
vector_stores:
  handbook:
    files:
      handbook/*.md: {attributes: {year: 2026}}
      own.md: {}
"""


@pytest.fixture
def team(shell: Shell) -> Shell:
    shell.write("retinue.yaml", PROJECT)
    shell.write("team.yaml", TEAM)
    shell.write("tutor.md", "Help.\nBe kind.\n")
    shell.write("handbook/refunds.md", "# Refunds\n")
    shell.write("environments/production.yaml", PRODUCTION)
    shell.write("environments/own.md", "# Own\n")
    return shell


# ── render ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_render_prints_what_the_declarations_come_to(team: Shell) -> None:
    assert team("render", "assistant.tutor", "-e", "production").out == (
        "# Stack test-production, environment production. Paths are relative to the project.\n"
        "assistants:\n"
        "  tutor:\n"
        "    name: Tutor\n"
        "    model: gpt-6-luna\n"
        "    instructions: |-\n"
        "      Help.\n"
        "      Be kind.\n"
        "    tools:\n"
        "      - code_interpreter\n"
        "      - file_search: {vector_store: handbook}\n"
        "    metadata: {stage: production}\n"
    )


def test_render_explains_where_each_value_was_written(team: Shell) -> None:
    assert team("render", "-e", "production", "--explain").out == (
        "# Stack test-production, environment production. Paths are relative to the project.\n"
        "assistants:\n"
        "  canary:  # environments/production.yaml:8\n"
        "    model: gpt-6-luna  # environments/production.yaml:8\n"
        "  tutor:  # team.yaml:2\n"
        "    name: Tutor  # team.yaml:3\n"
        "    model: gpt-6-luna  # team.yaml:4, var.model from retinue.yaml:6\n"
        "    instructions: |-  # team.yaml:5, from tutor.md\n"
        "      Help.\n"
        "      Be kind.\n"
        "    tools:\n"
        "      - code_interpreter  # team.yaml:7\n"
        "      - file_search:\n"
        "          vector_store: handbook  # environments/production.yaml:6\n"
        "    metadata:\n"
        "      stage: production  # environments/production.yaml:4\n"
        "vector_stores:\n"
        "  handbook:  # team.yaml:11\n"
        "    files:\n"
        "      - environments/own.md  # environments/production.yaml:13\n"
        "      - path: handbook/refunds.md  # team.yaml:12\n"
        "        attributes:\n"
        "          year: 2026  # environments/production.yaml:12\n"
    )


def test_render_names_every_file_and_variable_of_a_joined_text(team: Shell) -> None:
    joined = "assistants:\n  tutor:\n    model: gpt-4o\n    instructions: [{file: tutor.md}, 'On ${{ var.model }}.']\n"
    team.write("team.yaml", joined)
    assert "|-  # team.yaml:4, from tutor.md, var.model from retinue.yaml:" in team("render", "--explain").out


def test_render_says_which_variables_came_from_the_command_line_or_a_file(team: Shell, tmp_path: Path) -> None:
    team.write("values.yaml", "model: from-file\n")
    file = str(tmp_path / "values.yaml")
    assert f"from-file  # team.yaml:4, var.model from {file}:1" in team("render", "--var-file", file, "--explain").out
    assert "given  # team.yaml:4, var.model from --var" in team("render", "--var", "model=given", "--explain").out


def test_render_as_json_is_the_same_data(team: Shell) -> None:
    plain = json.loads(team("render", "-e", "production", "--json").out)
    assert plain["assistants"]["tutor"]["metadata"] == {"stage": "production"}
    explained = json.loads(team("render", "assistant.tutor", "-e", "production", "--json", "--explain").out)
    [declaration] = explained["declarations"]
    assert declaration["spec"] == plain["assistants"]["tutor"]
    places = {tuple(each["path"]): (each["file"], each["line"]) for each in declaration["sources"]}
    assert places["metadata", "stage"] == ("environments/production.yaml", 4)


def test_render_names_what_was_probably_meant(team: Shell) -> None:
    result = team("render", "assistant.tuter")
    assert (result.code, result.out) == (64, "")
    assert "did you mean assistant.tutor?" in result.err


# ── two environments ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_diff_shows_how_two_environments_differ(team: Shell) -> None:
    result = team("diff", "-e", "staging", "-e", "production")
    assert result.code == 0
    assert result.out == (
        "From staging  stack test-staging, environment staging\n"
        "To   production  stack test-production, environment production\n"
        "\n"
        "  + assistant.canary  only in production  environments/production.yaml:8\n"
        '      + model: "gpt-6-luna"\n'
        "\n"
        "  - assistant.helper  only in staging  team.yaml:8\n"
        "\n"
        "  ~ assistant.tutor                      team.yaml:2\n"
        '      ~ model: "gpt-4o" -> "gpt-6-luna"  team.yaml:4\n'
        "      + metadata:                        environments/production.yaml:4\n"
        '          stage: "production"\n'
        "      + vector_store_ids: [vector_store.handbook]  environments/production.yaml:6\n"
        "      + tools.file_search: {}            environments/production.yaml:6\n"
        "      - temperature: 0.5                 team.yaml:6\n"
        "\n"
        "  ~ vector_store.handbook             team.yaml:11\n"
        "      ~ files: 1 added (6 B), 1 with new attributes\n"
        "          + environments/own.md  6 B  environments/production.yaml:13\n"
        "          ~ handbook/refunds.md  attributes {} -> {year: 2026}  team.yaml:12\n"
        "\n"
        "Differences: 2 changed, 1 only in production, 1 only in staging, 0 the same.\n"
    )


def test_diff_of_an_environment_with_itself_is_empty_and_the_exit_code_tells(team: Shell) -> None:
    same = team("diff", "-e", "staging", "-e", "staging", "--detailed-exitcode")
    assert same.code == 0
    assert same.out.endswith("No differences: 3 objects are the same.\n")
    assert team("diff", "-e", "staging", "-e", "production", "--detailed-exitcode").code == 2


def test_diff_turned_around_says_the_opposite(team: Shell) -> None:
    there = json.loads(team("diff", "-e", "staging", "-e", "production", "--json").out)
    back = json.loads(team("diff", "-e", "production", "-e", "staging", "--json").out)
    assert there["summary"] == {"create": 1, "update": 2, "delete": 1, "same": 0} == back["summary"]

    def changes(document: dict[str, Any], first: str, second: str) -> list[Any]:
        return sorted(
            ([*change["path"]], change.get(first, "-"), change.get(second, "-"))
            for step in document["steps"]
            for change in step["changes"]
        )

    assert changes(there, "before", "after") == changes(back, "after", "before")


def test_diff_as_json_fits_its_schema_and_markdown_cannot_be_broken_out_of(team: Shell) -> None:
    team.write("tutor.md", "```\n# not a heading <script>\n")
    team.write("environments/production.yaml", PRODUCTION + '  "x": {name: "a` b"}\n')
    document = json.loads(team("diff", "-e", "staging", "-e", "production", "--json").out)
    assert mistakes("diff", document) == []
    page = team("diff", "-e", "staging", "-e", "production", "--format", "markdown").out
    assert page.startswith("# From `staging` to `production`\n")
    assert "### `- assistant.helper  only in staging` · `team.yaml:8`" in page


@pytest.mark.parametrize("options", [[], ["-e", "staging"], ["-e", "a", "-e", "b", "-e", "c"]])
def test_diff_asks_what_to_compare(team: Shell, options: list[str]) -> None:
    result = team("diff", *options)
    assert (result.code, result.out) == (64, "")
    assert "say -e A -e B, or --base REV" in result.err


# ── a revision ────────────────────────────────────────────────────────────────────────────────────────────────────────


def git(root: Path, *words: str) -> None:
    identity = ("-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", str(root), *identity, *words], check=True, capture_output=True)


def commit(root: Path, message: str = "Change") -> None:
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--allow-empty", "--message", message)


@pytest.fixture
def repository(team: Shell) -> Shell:
    """The team's project in a directory of a repository, committed."""
    git(team.team.root, "init", "--quiet", "--initial-branch", "main")
    team.write(".gitignore", ".retinue/\n")
    commit(team.team.root)
    return team


def test_diff_compares_with_a_revision_and_touches_nothing(repository: Shell) -> None:
    repository.write("team.yaml", TEAM.replace("temperature: 0.5", "temperature: 0.7"))
    repository.write("handbook/refunds.md", "# Refunds\n\nThirty days.\n")
    repository.write("handbook/more.md", "# More\n")
    repository.write("retinue.yaml", PROJECT.replace("stack: test", "stack: exam"))
    before = status(repository.team.root)
    result = repository("diff", "--base", "main", "--detailed-exitcode")
    assert result.code == 2
    assert '~ stack: "test" -> "exam"' in result.out
    assert "~ temperature: 0.5 -> 0.7  team.yaml:6" in result.out
    assert "+ handbook/more.md" in result.out
    assert "~ handbook/refunds.md  content changed" in result.out
    assert result.out.endswith("Differences: 2 changed, 0 only in the working tree, 0 only in main, 1 the same.\n")
    assert status(repository.team.root) == before
    assert not (repository.team.root / ".retinue").exists()


def status(root: Path) -> str:
    done = subprocess.run(["git", "-C", str(root), "status", "--short"], check=True, capture_output=True, text=True)
    return done.stdout


def test_diff_knows_the_environments_of_a_revision(repository: Shell) -> None:
    overlay = PRODUCTION.replace("  helper: null\n", "")
    repository.write("environments/production.yaml", overlay)
    assert "No differences" in repository("diff", "--base", "HEAD", "-e", "staging").out
    assert (
        "+ assistant.helper  only in the working tree" in repository("diff", "--base", "HEAD", "-e", "production").out
    )
    repository.write("environments/fresh.yaml", "assistants: {helper: null}\n")
    fresh = repository("diff", "--base", "HEAD", "-e", "fresh")
    assert fresh.code == 0
    assert "note: HEAD has no environment 'fresh', so that everything is new" in fresh.out


def test_diff_works_below_the_top_of_a_repository_and_before_the_project_was_there(team: Shell, tmp_path: Path) -> None:
    top = tmp_path / "repository"
    top.mkdir()
    git(top, "init", "--quiet", "--initial-branch", "main")
    commit(top, "Begin")
    project = top / "teams" / "sub project"
    project.mkdir(parents=True)
    for name in ("retinue.yaml", "team.yaml", "tutor.md", "handbook", "environments"):
        (tmp_path / name).rename(project / name)
    team.team.root = project
    first = team("diff", "--base", "HEAD")
    assert "note: HEAD has no project here, so that everything is new" in first.out
    assert "3 only in the working tree, 0 only in HEAD" in first.out
    commit(top)
    assert "No differences: 3 objects are the same." in team("diff", "--base", "HEAD").out


def test_diff_takes_variables_that_the_revision_did_not_have(repository: Shell) -> None:
    repository.write("retinue.yaml", PROJECT.replace("variables: {", "variables: {style: x, "))
    repository.write("team.yaml", TEAM.replace("name: Tutor", "name: ${{ var.style }}"))
    result = repository("diff", "--base", "HEAD", "--var", "style=Strict")
    assert '~ name: "Tutor" -> "Strict"' in result.out


def test_diff_ignores_submodules_export_rules_and_hooks(repository: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    root = repository.team.root
    repository.write(".gitattributes", "handbook/* export-ignore\n")
    other = root.parent / "other"
    other.mkdir()
    git(other, "init", "--quiet")
    commit(other)
    git(root, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other), "module")
    commit(root)
    monkeypatch.setenv("GIT_DIR", ".git")
    monkeypatch.setenv("GIT_INDEX_FILE", ".git/index")
    assert "No differences: 3 objects are the same." in repository("diff", "--base", "HEAD").out


def test_a_revision_with_mistakes_is_said_to_have_them(repository: Shell) -> None:
    repository.write("team.yaml", TEAM.replace("temperature: 0.5", "temprature: 0.5"))
    commit(repository.team.root)
    repository.write("team.yaml", TEAM)
    result = repository("diff", "--base", "HEAD")
    assert (result.code, result.out) == (1, "")
    assert "HEAD:team.yaml:6:5: error[unknown-field]: unknown field 'temprature'" in result.err
    assert "the declarations of HEAD hold mistakes" in result.err


@pytest.mark.parametrize("revision", ["origin/main", "--help", "HEAD~9"])
def test_an_unknown_revision_is_said_to_be_one(repository: Shell, revision: str) -> None:
    result = repository("diff", f"--base={revision}")
    assert (result.code, result.out) == (1, "")
    assert f"error: there is no revision '{revision}' here" in result.err


def test_without_a_repository_there_is_nothing_to_compare_with(
    team: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    result = team("diff", "--base", "HEAD")
    assert (result.code, result.out) == (1, "")
    assert "is in no git repository" in result.err
    assert "-e A -e B" in result.err


TEMPLATE = """\
environment_templates:
  build:
    name: Build
    setup_commands: ["{command}"]
vaults:
  keys: {{name: Keys}}
credentials:
  crm:
    vault: keys
    name: CRM
    auth: {{type: static_bearer, mcp_server_url: "https://crm.example.com/mcp", token: "${{{{ secret.{token} }}}}"}}
"""


def test_what_is_never_shown_is_compared(shell: Shell) -> None:
    """And needs no secret: whoever proposes other commands or another secret must not be told that nothing changes."""
    shell.write("retinue.yaml", "stack: test\ninclude: team.yaml\n")
    shell.write("team.yaml", TEMPLATE.format(command="echo fine", token="CRM_TOKEN"))
    assert shell("validate").out == "Valid: 3 objects declared.\n"
    git(shell.team.root, "init", "--quiet")
    commit(shell.team.root)
    assert "No differences" in shell("diff", "--base", "HEAD").out
    shell.write("team.yaml", TEMPLATE.format(command="echo evil", token="OTHER_TOKEN"))
    done = shell("diff", "--base", "HEAD")
    assert "~ environment_template.build" in done.out
    assert "~ credential.crm" in done.out
    assert "Differences: 2 changed" in done.out
    assert "evil" not in done.out
    assert "${{ secret.OTHER_TOKEN }}" in shell("render", "credential.crm").out


def test_environments_with_secrets_are_compared_without_them(shell: Shell) -> None:
    shell.write("retinue.yaml", "stack: test\ninclude: team.yaml\nenvironments: {staging: {}, production: {}}\n")
    shell.write("team.yaml", TEMPLATE.format(command="echo fine", token="CRM_TOKEN"))
    overlay = "vaults: {keys: {lifecycle: {protect: true, on_delete: keep}}}\n"
    shell.write("environments/production.yaml", overlay)
    done = shell("diff", "-e", "staging", "-e", "production")
    assert done.code == 0
    assert "lifecycle.protect: false -> true" in done.out
    assert 'lifecycle.on_delete: "delete" -> "keep"' in done.out


def test_an_address_is_compared_without_what_may_be_a_secret_in_it(shell: Shell) -> None:
    project = "stack: test\ninclude: team.yaml\naccount: {{base_url: 'https://ann:{0}@{1}.example.com/v1?key={0}'}}\n"
    shell.write("retinue.yaml", project.format("canary-old", "here"))
    shell.write("team.yaml", "assistants: {bot: {model: gpt-4o}}\n")
    git(shell.team.root, "init", "--quiet")
    commit(shell.team.root)
    shell.write("retinue.yaml", project.format("canary-new", "there"))
    for form in ("text", "json", "markdown"):
        done = shell("diff", "--base", "HEAD", "--format", form)
        assert ".example.com/v1" in done.out
        assert "canary" not in done.out + done.err
