"""Skills and their versions."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable

import openai
import pytest
from openai.types import Skill

from tests.contract.conftest import MANIFEST, skill_files

Refuse = Callable[..., openai.APIStatusError]
MakeSkill = Callable[..., Skill]

OTHER = "---\nname: more-math\ndescription: 'It''s more.'\n---\n"


def unzipped(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(files: dict[str, bytes]) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return written.getvalue()


def test_a_skill_is_what_its_front_matter_says(client: openai.OpenAI, make_skill: MakeSkill) -> None:
    skill = make_skill()
    shown = skill.to_dict()
    assert str(shown.pop("id")).startswith("skill_")
    assert isinstance(shown.pop("created_at"), int)
    assert shown == {
        "object": "skill",
        "name": "basic-math",
        "description": "Add or multiply numbers.",
        "default_version": "1",
        "latest_version": "1",
    }
    assert client.skills.retrieve(skill.id) == skill


def test_content_comes_back_as_a_zip(client: openai.OpenAI, make_skill: MakeSkill) -> None:
    skill = make_skill(run_py=b"print(1)")
    files = {"basic_math/SKILL.md": MANIFEST.encode(), "basic_math/run.py": b"print(1)"}
    assert unzipped(client.skills.content.retrieve(skill.id).content) == files
    assert unzipped(client.skills.versions.content.retrieve("1", skill_id=skill.id).content) == files


def test_a_zip_is_as_good_as_a_directory(client: openai.OpenAI) -> None:
    content = zipped({"basic_math/skill.MD": MANIFEST.encode()})
    skill = client.skills.create(files=("basic_math.zip", content, "application/zip"))
    assert skill.name == "basic-math"
    assert list(unzipped(client.skills.content.retrieve(skill.id).content)) == ["basic_math/skill.MD"]
    client.skills.delete(skill.id)


def test_a_new_version_is_not_the_default_unless_asked(client: openai.OpenAI, make_skill: MakeSkill) -> None:
    skill = make_skill()
    second = client.skills.versions.create(skill.id, files=skill_files(OTHER))
    assert (second.version, second.skill_id, second.name) == ("2", skill.id, "more-math")
    assert second.id.startswith("skillver_")
    assert second.description == "It's more."
    shown = client.skills.retrieve(skill.id)
    assert (shown.default_version, shown.latest_version, shown.name) == ("1", "2", "basic-math")
    client.skills.versions.create(skill.id, files=skill_files(), default=True)
    assert client.skills.retrieve(skill.id).default_version == "3"
    assert client.skills.update(skill.id, default_version="2").name == "more-math"
    assert client.skills.versions.retrieve("2", skill_id=skill.id) == second


def test_versions_have_pages(client: openai.OpenAI, make_skill: MakeSkill, lists_at_once: None) -> None:
    skill = make_skill()
    for _ in range(2):
        client.skills.versions.create(skill.id, files=skill_files())
    assert [each.version for each in client.skills.versions.list(skill.id, limit=2)] == ["3", "2", "1"]
    assert [each.version for each in client.skills.versions.list(skill.id, order="asc")] == ["1", "2", "3"]


def test_names_are_not_unique_and_lists_have_pages(
    client: openai.OpenAI, make_skill: MakeSkill, lists_at_once: None
) -> None:
    ids = [make_skill().id for _ in range(3)]
    assert [skill.id for skill in client.skills.list(limit=2, order="asc")] == ids
    assert client.skills.list(limit=0).data == []


def test_the_default_version_stays(client: openai.OpenAI, make_skill: MakeSkill, refusal: Refuse) -> None:
    skill = make_skill()
    client.skills.versions.create(skill.id, files=skill_files())
    assert refusal(400, client.skills.versions.delete, "1", skill_id=skill.id).param == "version"
    deleted = client.skills.versions.delete("2", skill_id=skill.id)
    assert (deleted.object, deleted.version, deleted.deleted) == ("skill.version.deleted", "2", True)
    assert client.skills.retrieve(skill.id).latest_version == "1"
    assert client.skills.versions.create(skill.id, files=skill_files()).version == "3"


def test_with_its_last_version_a_skill_is_gone(client: openai.OpenAI, make_skill: MakeSkill, refusal: Refuse) -> None:
    skill = make_skill()
    client.skills.versions.delete("1", skill_id=skill.id)
    refusal(404, client.skills.retrieve, skill.id)


def test_a_deleted_skill_is_gone_with_its_versions(
    client: openai.OpenAI, make_skill: MakeSkill, refusal: Refuse
) -> None:
    skill = make_skill()
    deleted = client.skills.delete(skill.id)
    assert (deleted.id, deleted.object, deleted.deleted) == (skill.id, "skill.deleted", True)
    refusal(404, client.skills.versions.retrieve, "1", skill_id=skill.id)
    refusal(404, client.skills.content.retrieve, skill.id)
    refusal(404, client.skills.update, skill.id, default_version="1")


def test_a_version_that_is_none(client: openai.OpenAI, make_skill: MakeSkill, refusal: Refuse) -> None:
    skill = make_skill()
    refusal(404, client.skills.update, skill.id, default_version="2")
    refusal(404, client.skills.versions.retrieve, "2", skill_id=skill.id)


@pytest.mark.parametrize(
    "files",
    [
        [("basic_math/README.md", MANIFEST.encode())],
        [("basic_math/SKILL.md", MANIFEST.encode()), ("basic_math/sub/skill.md", MANIFEST.encode())],
        [("SKILL.md", MANIFEST.encode())],
        [("a/SKILL.md", MANIFEST.encode()), ("b/run.py", b"")],
        [("a/SKILL.md", MANIFEST.encode()), ("a/../run.py", b"")],
        [("a/SKILL.md", b"no front matter")],
        [("a/SKILL.md", b"---\nname: a\n---\n")],
        [("a/SKILL.md", b"---\nname: Not A Name\ndescription: x\n---\n")],
        [("a/SKILL.md", b"---\nname: \xff\ndescription: x\n---\n")],
        [("a.zip", zipped({"a/run.py": b""}))],
    ],
)
def test_what_a_skill_cannot_be(
    client: openai.OpenAI, refusal: Refuse, files: list[tuple[str, bytes]], lists_at_once: None
) -> None:
    assert refusal(400, client.skills.create, files=files).param == "files"
    assert client.skills.list().data == []
