"""Environment templates, Agents API v1."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest
from openai.types import FileObject, Skill
from openai.types.beta.agents.environments import EnvironmentTemplate

from tests.contract.conftest import Backend

Refuse = Callable[..., openai.APIStatusError]
MakeTemplate = Callable[..., EnvironmentTemplate]

BETA = {"OpenAI-Beta": "agents=v1"}
PATH = "/agents/environments/templates"


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def archive() -> dict[str, str]:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as made:
        made.writestr("x/SKILL.md", "---\nname: x\n---\n")
    return {"type": "base64", "media_type": "application/zip", "data": encoded(written.getvalue())}


@pytest.fixture
def make_template(client: openai.OpenAI, has_agents: None) -> Iterator[MakeTemplate]:
    made: list[EnvironmentTemplate] = []

    def make(**sent: Any) -> EnvironmentTemplate:
        made.append(client.beta.agents.environments.templates.create(**sent))
        return made[-1]

    yield make
    for template in made:
        client.beta.agents.environments.templates.delete(template.id)


def test_what_is_not_sent_is_empty(make_template: MakeTemplate) -> None:
    template = make_template().to_dict()
    assert str(template.pop("id")).startswith("envtmpl_")
    assert template.pop("created_at") == template.pop("updated_at")
    assert template == {
        "object": "agent.environment.template",
        "name": None,
        "capability_directories": [],
        "desktop": {"enabled": False},
        "files": [],
        "network": {"access": "enabled", "allowed_domains": []},
        "packages": {"npm": [], "python": [], "system": []},
        "plugins": [],
        "skills": [],
    }


def test_what_is_confidential_never_comes_back(
    client: openai.OpenAI,
    make_template: MakeTemplate,
    make_file: Callable[..., FileObject],
    make_skill: Callable[..., Skill],
) -> None:
    file, skill = make_file(), make_skill()
    template = make_template(
        name="Data science",
        env={"TOKEN": "secret-1"},
        setup_commands=[{"command": "echo secret-2", "cwd": "/workspace"}],
        packages={"python": ["pandas"]},
        files=[
            {"type": "file_id", "file_id": file.id, "path": "/workspace/data/notes.txt"},
            {"type": "inline", "data": encoded(b"secret-3"), "path": "/workspace/inline.txt"},
        ],
        skills=[
            {"type": "skill_reference", "skill_id": skill.id},
            {"type": "skill_reference", "skill_id": skill.id, "version": "latest"},
            {"type": "inline", "name": "x", "description": "X.", "source": archive()},
        ],
        plugins=[{"type": "inline", "name": "p", "description": "P.", "source": archive()}],
        network={"access": "restricted", "allowed_domains": ["API.example.com"]},
        capability_directories=["/workspace/tools"],
    )
    shown = client.beta.agents.environments.templates.retrieve(template.id)
    assert shown == template
    assert "secret" not in shown.to_json()
    body = shown.to_dict()
    assert body["files"] == [
        {"type": "file_id", "file_id": file.id, "path": "/workspace/data/notes.txt"},
        {"type": "inline", "path": "/workspace/inline.txt", "size_bytes": 8},
    ]
    assert body["skills"] == [
        {"type": "skill_reference", "skill_id": skill.id, "version": None},
        {"type": "skill_reference", "skill_id": skill.id, "version": "latest"},
        {"type": "inline", "name": "x", "description": "X."},
    ]
    assert body["plugins"] == [{"type": "inline", "name": "p", "description": "P."}]
    assert body["packages"] == {"npm": [], "python": ["pandas"], "system": []}
    assert body["network"] == {"access": "restricted", "allowed_domains": ["api.example.com"]}


def test_each_member_that_is_sent_replaces_the_old_one(client: openai.OpenAI, make_template: MakeTemplate) -> None:
    templates = client.beta.agents.environments.templates
    before = make_template(
        name="a", packages={"npm": ["x"], "python": ["y"]}, network={"access": "disabled"}, desktop={"enabled": True}
    )
    after = templates.update(before.id, packages={"python": ["z"]})
    assert after.packages.to_dict() == {"npm": [], "python": ["z"], "system": []}
    assert (after.name, after.network.access) == ("a", "disabled")
    reset = templates.update(before.id, name=None, network=None, desktop=None)
    assert reset.name is None
    assert reset.network.access == "enabled"
    assert reset.desktop is not None
    assert reset.desktop.enabled is False


def test_lists_have_pages(client: openai.OpenAI, make_template: MakeTemplate, lists_at_once: None) -> None:
    ids = [make_template(name="same").id for _ in range(3)]
    assert [each.id for each in client.beta.agents.environments.templates.list(limit=2, order="asc")] == ids


def test_a_deleted_template_is_gone(client: openai.OpenAI, has_agents: None, refusal: Refuse) -> None:
    templates = client.beta.agents.environments.templates
    template = templates.create()
    assert templates.delete(template.id).object == "agent.environment.template.deleted"
    assert refusal(404, templates.retrieve, template.id).code == "not_found_error"


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"metadata": {}}, 400, "metadata"),
        ({"container_size": "small"}, 400, "container_size"),
        ({"name": ""}, 400, "name"),
        ({"env": {"CODEX_HOME": "x"}}, 400, "env.CODEX_HOME"),
        ({"env": {"PATH": "x"}}, 400, "env.PATH"),
        ({"files": [{"type": "file_id", "file_id": "file-none", "path": "/workspace/a"}]}, 404, "files[0].file_id"),
        ({"files": [{"type": "inline", "data": "%", "path": "/workspace/a"}]}, 400, "files[0].data"),
        ({"files": [{"type": "inline", "data": "", "path": "/etc/passwd"}]}, 400, "files[0].path"),
        ({"files": [{"type": "inline", "data": "", "path": "/workspace/../a"}]}, 400, "files[0].path"),
        ({"files": [{"type": "inline", "data": "", "path": f"/workspace/{n}"} for n in range(51)]}, 400, "files"),
        ({"skills": [{"type": "skill_reference", "skill_id": "skill_none"}]}, 404, None),
        ({"skills": [{"type": "skill_reference", "skill_id": "s", "version": "0"}]}, 400, "skills[0].version"),
        ({"network": {"access": "restricted"}}, 400, "network.allowed_domains"),
        ({"network": {"access": "restricted", "allowed_domains": ["*.a.com"]}}, 400, "network.allowed_domains[0]"),
        ({"network": {"access": "enabled", "blocked_domains": ["a.com"]}}, 400, "network.blocked_domains"),
        ({"capability_directories": ["/workspace"] * 33}, 400, "capability_directories"),
        ({"setup_commands": [{"command": "x"}] * 17}, 400, "setup_commands"),
    ],
)
def test_what_a_template_cannot_be(
    backend: Backend, has_agents: None, body: dict[str, Any], status: int, param: str | None
) -> None:
    refused = backend.http.post(PATH, json=body, headers=BETA)
    assert (refused.status_code, refused.json()["error"]["param"]) == (status, param)
