"""What `retinue init --ci` writes: complete, checked by the linters of others, and never over what is there."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from retinue.cli import main

PROGRAMS = Path(sys.executable).parent
ROOT = Path(__file__).parents[2]
PROJECTS = {
    "no-environments": "stack: shop\naccount: openai\n",
    "one-key": "stack: shop\nenvironments: {staging: {account: openai}, production: {account: openai}}\n",
    "keys-of-their-own": """\
stack: shop
environments:
  dev: {account: local}
  staging: {account: openai}
  production: {account: {api_key_env: PRODUCTION_KEY}}
""",
    "workload-identity": """\
stack: shop
account:
  workload_identity: {identity_provider_id: idp_1, service_account_id: sa_1, provider: github_actions_id_token}
environments: {production: {}}
""",
    "local-only": "stack: shop\n",
    "secrets-and-settings": """\
stack: shop
variables: {tone: {}, token: {default: ""}}
environments:
  staging: {account: openai, variables: {tone: "${{ env.TONE }}"}}
  production: {account: openai, variables: {tone: Formal., token: "${{ secret.CRM_TOKEN }}"}}
""",
}
FILES = {
    "github": [f".github/workflows/retinue-{name}.yml" for name in ("plan", "apply", "drift")],
    "gitlab": [".gitlab/retinue.yml", ".gitlab-ci.yml"],
}


def initialised(root: Path, project: str, host: str, *options: str, inside: str = "") -> Path:
    """A git repository with a project, and what `init --ci` made of it."""
    (root / ".git").mkdir(parents=True)
    (root / inside).mkdir(exist_ok=True)
    (root / inside / "retinue.yaml").write_text(PROJECTS[project])
    assert main(["init", str(root / inside), "--ci", host, *options]) == 0
    return root


def program(name: str) -> str:
    found = PROGRAMS / name
    if not found.exists():
        pytest.skip(f"{name} is not installed")
    return str(found)


def checked(*command: str, cwd: Path) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, env=_offline())
    assert done.returncode == 0, done.stdout + done.stderr


def _offline() -> dict[str, str]:
    return {**os.environ, "ZIZMOR_OFFLINE": "true", "NO_COLOR": "1"}


@pytest.mark.parametrize("project", PROJECTS)
@pytest.mark.parametrize("host", FILES)
def test_the_files_fit_the_schemas_of_their_hosts(tmp_path: Path, project: str, host: str) -> None:
    root = initialised(tmp_path, project, host)
    names = {"github": "vendor.github-workflows", "gitlab": "vendor.gitlab-ci"}
    transform = ["--data-transform", "gitlab-ci"] if host == "gitlab" else []
    checked(program("check-jsonschema"), "--builtin-schema", names[host], *transform, *FILES[host], cwd=root)


@pytest.mark.parametrize("project", PROJECTS)
def test_no_workflow_is_less_safe_than_need_be(tmp_path: Path, project: str) -> None:
    """Permissions, injections, credentials that persist, concurrency: everything that zizmor knows of."""
    root = initialised(tmp_path, project, "github")
    policies = {"*": "hash-pin"}
    (root / "zizmor.yml").write_text(yaml.safe_dump({"rules": {"unpinned-uses": {"config": {"policies": policies}}}}))
    command = (program("zizmor"), "--persona", "pedantic", "--no-progress", "--config", "zizmor.yml", ".github")
    checked(*command, cwd=root)


def scripts(root: Path, host: str) -> list[str]:
    found: list[str] = []
    for name in FILES[host]:
        data = yaml.safe_load((root / name).read_text())
        for job in data.get("jobs", data).values():
            if isinstance(job, dict):
                found += [step["run"] for step in job.get("steps", ()) if "run" in step]
                found += [line for part in ("before_script", "script") for line in job.get(part, ())]
    return found


@pytest.mark.parametrize("host", FILES)
def test_the_scripts_are_clean(tmp_path: Path, host: str) -> None:
    root = initialised(tmp_path, "keys-of-their-own", host)
    found = scripts(root, host)
    assert len(found) > 5
    for number, script in enumerate(found):
        path = tmp_path / f"{number}.sh"
        path.write_text(f"#!/usr/bin/env bash\nset -eo pipefail\n{script}\n")
        checked(program("shellcheck"), str(path), cwd=tmp_path)


def test_nothing_asks_for_more_than_it_may(tmp_path: Path) -> None:
    root = initialised(tmp_path, "keys-of-their-own", "github")
    for name in FILES["github"]:
        text = (root / name).read_text()
        data: dict[Any, Any] = yaml.safe_load(text)
        assert data["permissions"] == {}
        assert "pull_request_target" not in text.split("permissions:")[0]
        assert "pull_request_target" not in data[True]  # YAML 1.1 takes `on` for a boolean
        for job in data["jobs"].values():
            assert job["permissions"]["contents"] == "read"
            assert job["concurrency"]["group"].endswith("${{ matrix.environment }}")
            # A secret is given to the one step that needs it.
            assert "secrets." not in str({**job, "steps": None})
    plan = yaml.safe_load((root / FILES["github"][0]).read_text())["jobs"]
    assert "secrets." not in str(plan["validate"])
    # An apply that is under way is never cut off by the next one.
    apply = yaml.safe_load((root / FILES["github"][1]).read_text())["jobs"]["apply"]
    assert apply["concurrency"] == {
        "group": "retinue-apply-${{ matrix.environment }}",
        "cancel-in-progress": False,
    }
    assert apply["strategy"]["max-parallel"] == 1


def test_one_apply_at_a_time_on_gitlab(tmp_path: Path) -> None:
    root = initialised(tmp_path, "keys-of-their-own", "gitlab")
    apply = yaml.safe_load((root / ".gitlab" / "retinue.yml").read_text())["retinue apply"]
    assert apply["resource_group"] == "retinue/$ENVIRONMENT"
    assert "interruptible" not in apply


def test_every_action_is_pinned_to_a_commit(tmp_path: Path) -> None:
    """Nobody can move one; the release behind it stands beside it, for people and for Dependabot."""
    root = initialised(tmp_path, "one-key", "github")
    lines = [
        line.strip().removeprefix("- ")
        for path in (*(root / name for name in FILES["github"]), ROOT / "action.yml")
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.strip().removeprefix("- ").startswith("uses:")
    ]
    assert len(lines) >= 10
    for line in lines:
        assert re.fullmatch(r"uses: actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line
    named = {line.partition("@")[0]: line for line in lines}
    assert all(line == named[line.partition("@")[0]] for line in lines)


@pytest.mark.parametrize("project", ["one-key", "no-environments", "secrets-and-settings"])
def test_no_job_has_a_secret_outside_of_an_environment(tmp_path: Path, project: str) -> None:
    root = initialised(tmp_path, project, "github")
    for name in FILES["github"]:
        for job in yaml.safe_load((root / name).read_text())["jobs"].values():
            assert ("secrets." in str(job)) == ("environment" in job)
            if "environment" in job and "apply" not in name:
                assert job["environment"] == "${{ matrix.environment }}-plan"


def test_each_environment_gets_its_own_key_only(tmp_path: Path) -> None:
    root = initialised(tmp_path, "keys-of-their-own", "github")
    text = (root / FILES["github"][1]).read_text()
    assert "OPENAI_API_KEY: ${{ (matrix.environment == 'staging') && secrets.OPENAI_API_KEY || '' }}" in text
    assert "PRODUCTION_KEY: ${{ (matrix.environment == 'production') && secrets.PRODUCTION_KEY || '' }}" in text
    # The local account of `dev` cannot be reached from elsewhere.
    assert "dev" not in text


def test_each_environment_gets_what_its_declarations_ask_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """None of it has to be there when the files are written, nor a variable that only environments give a value."""
    root = initialised(tmp_path, "secrets-and-settings", "github")
    for name in FILES["github"]:
        text = (root / name).read_text()
        assert "      TONE: ${{ (matrix.environment == 'staging') && vars.TONE || '' }}\n" in text
        for secret in ("CRM_TOKEN", "RETINUE_DIGEST_KEY"):
            assert (
                f"          {secret}: ${{{{ (matrix.environment == 'production') && secrets.{secret} || '' }}}}\n"
                in text
            )
    told = capsys.readouterr().err
    assert "add the secrets CRM_TOKEN, OPENAI_API_KEY\n" in told
    assert "add the variable TONE\n" in told
    assert main(["init", str(root), "--ci", "gitlab"]) == 0
    text = (root / ".gitlab" / "retinue.yml").read_text()
    assert "# CRM_TOKEN   a secret of the declarations\n" in text
    assert "# TONE   a value of the declarations, which need not be hidden\n" in text


def test_workload_identity_needs_no_secret(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = initialised(tmp_path, "workload-identity", "github", "--install-from", "./retinue")
    for name in FILES["github"]:
        text = (root / name).read_text()
        assert "secrets." not in text
        assert "id-token: write" in text
    assert "secret" not in capsys.readouterr().err
    assert main(["init", str(root), "--ci", "gitlab"]) == 0
    assert "# (no key, since the account is reached by workload identity)\n" in (root / FILES["gitlab"][0]).read_text()
    assert "there is no github_actions_id_token here, but gitlab_id_token\n" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("provider", "variable"),
    [
        ("gitlab_id_token", "OPENAI_ID_TOKEN"),
        ("{gitlab_id_token: {variable: SHOP_TOKEN}}", "SHOP_TOKEN"),
        ("azure_managed_identity_token", None),
    ],
)
def test_a_job_asks_for_the_token_that_the_account_is_reached_by_and_no_other(
    tmp_path: Path, provider: str, variable: str | None
) -> None:
    written = PROJECTS["workload-identity"].replace("github_actions_id_token", provider)
    (tmp_path / "retinue.yaml").write_text(written)
    for host in FILES:
        assert main(["init", str(tmp_path), "--ci", host]) == 0
    job = yaml.safe_load((tmp_path / FILES["gitlab"][0]).read_text())[".retinue"]
    assert list(job.get("id_tokens", {})) == ([variable] if variable else [])
    assert "id-token" not in (tmp_path / FILES["github"][0]).read_text()


@pytest.mark.parametrize("host", FILES)
def test_what_exists_is_kept(tmp_path: Path, host: str, capsys: pytest.CaptureFixture[str]) -> None:
    root = initialised(tmp_path, "one-key", host)
    for name in FILES[host]:
        (root / name).write_text("mine: true\n")
    assert main(["init", str(root), "--ci", host]) == 0
    assert [(root / name).read_text() for name in FILES[host]] == ["mine: true\n"] * len(FILES[host])
    assert f"kept     {FILES[host][0]}" in capsys.readouterr().err
    assert main(["init", str(root), "--ci", host, "--force"]) == 0
    assert "retinue plan" in (root / FILES[host][0]).read_text()
    # That of GitLab is for everything in the repository.
    if host == "gitlab":
        assert (root / ".gitlab-ci.yml").read_text() == "mine: true\n"
        assert "add to .gitlab-ci.yml: include: [{local: .gitlab/retinue.yml}]" in capsys.readouterr().err


def test_a_project_that_exists_gets_pipelines_and_nothing_else(tmp_path: Path) -> None:
    root = initialised(tmp_path, "one-key", "github")
    found = {str(each.relative_to(root)) for each in root.rglob("*") if each.is_file()}
    assert found == {"retinue.yaml", *FILES["github"]}


def test_a_new_project_gets_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(tmp_path), "--ci", "github"]) == 0
    assert (tmp_path / "assistants" / "concierge.yaml").exists()
    assert (tmp_path / FILES["github"][0]).exists()
    assert "workload identity" not in (tmp_path / FILES["github"][0]).read_text()
    err = capsys.readouterr().err
    assert "the account is the local one, which no pipeline can reach" in err


@pytest.mark.parametrize("host", FILES)
def test_a_project_inside_of_a_repository(tmp_path: Path, host: str) -> None:
    """Pipelines stand at the root of the repository, and are named after the stack: there may be several."""
    root = initialised(tmp_path, "one-key", host, inside="desk")
    if host == "gitlab":
        text = (root / ".gitlab" / "retinue-shop.yml").read_text()
        assert '- "cd desk"' in text
        for name in ("validate", "diff", "plan", "apply"):
            [first, *others] = yaml.safe_load(text)[f"retinue-shop {name}"]["rules"]
            assert first["changes"] == ["desk/**/*", ".gitlab/retinue-shop.yml"]
            assert all("changes" not in each for each in others)  # by hand, it is wanted whatever changed
        assert yaml.safe_load((root / ".gitlab-ci.yml").read_text()) == {
            "include": [{"local": ".gitlab/retinue-shop.yml"}]
        }
        return
    workflows = root / ".github" / "workflows"
    apply = yaml.safe_load((workflows / "retinue-shop-apply.yml").read_text())
    data = yaml.safe_load((workflows / "retinue-shop-plan.yml").read_text())
    watched = ["desk/**", ".github/workflows/retinue-shop-*.yml"]
    assert (data[True]["pull_request"], apply[True]["push"]["paths"]) == ({"paths": watched}, watched)
    assert data["defaults"]["run"]["working-directory"] == "desk"
    assert data["name"] == "retinue-shop plan"


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_the_default_branch_is_the_one_of_the_origin(tmp_path: Path) -> None:
    def git(*args: str, cwd: Path) -> None:
        subprocess.run(["git", *args], cwd=cwd, check=True, capture_output=True)

    git("init", "--quiet", "--initial-branch=trunk", "origin", cwd=tmp_path)
    identity = ("-c", "user.name=Ann", "-c", "user.email=ann@example.com")
    git(*identity, "commit", "--quiet", "--allow-empty", "--message=first", cwd=tmp_path / "origin")
    git("clone", "--quiet", "origin", "clone", cwd=tmp_path)
    (tmp_path / "clone" / "retinue.yaml").write_text(PROJECTS["one-key"])
    assert main(["init", str(tmp_path / "clone"), "--ci", "github"]) == 0
    data = yaml.safe_load((tmp_path / "clone" / FILES["github"][1]).read_text())
    assert data[True]["push"]["branches"] == ["trunk"]


@pytest.mark.parametrize("host", FILES)
def test_names_are_texts_whatever_they_look_like(tmp_path: Path, host: str) -> None:
    """To YAML some names are numbers, booleans or nothing, to a shell some directories are commands."""
    names = ["on", "007", "null", "1e3", "y", "staging"]
    directory, source = "my $(id) \"'desk", 'a" && b: "c\\d'
    PROJECTS["odd"] = (
        f"stack: '42'\nenvironments: {{{', '.join(f'{each!r}: {{account: openai}}' for each in names)}}}\n"
    )
    try:
        initialised(tmp_path, "odd", host, "--install-from", source, inside=directory)
    finally:
        del PROJECTS["odd"]
    if host == "github":
        for path in (tmp_path / ".github" / "workflows").iterdir():
            data = yaml.safe_load(path.read_text())
            assert data["env"]["RETINUE_FROM"] == source
            assert data["defaults"]["run"]["working-directory"] == directory
            if "apply" in path.name:
                assert data[True]["workflow_dispatch"]["inputs"]["environment"]["options"] == names
                continue
            for job in data["jobs"].values():
                assert job["strategy"]["matrix"]["environment"] == names
        return
    job = yaml.safe_load((tmp_path / ".gitlab" / "retinue-42.yml").read_text())[".retinue-42"]
    assert job["variables"]["RETINUE_FROM"] == source
    assert [each["ENVIRONMENT"] for each in job["parallel"]["matrix"]] == names
    [change] = [each for each in job["before_script"] if each.startswith("cd ")]
    assert shlex.split(change) == ["cd", directory]


def test_a_broken_project_gets_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "retinue.yaml").write_text("stack: [\n")
    assert main(["init", str(tmp_path), "--ci", "github"]) == 1
    assert "error[yaml-" in capsys.readouterr().err
    assert not (tmp_path / ".github").exists()


@pytest.mark.parametrize("option", [["--force"], ["--from", "x"]])
def test_options_of_pipelines_need_a_pipeline(
    tmp_path: Path, option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", str(tmp_path), *option]) == 64
    assert "add --ci github or --ci gitlab" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
