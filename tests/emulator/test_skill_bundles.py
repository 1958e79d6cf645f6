"""What a skill may consist of: limits, zips, and the head of a SKILL.md."""

from __future__ import annotations

import io
import zipfile

import pytest

from retinue.emulator.server.api_errors import ApiError
from retinue.emulator.skills.skill_bundles import MAX_FILE, MAX_FILES, read_front_matter, read_zip
from tests.emulator.conftest import Account

MANIFEST = "---\nname: basic-math\ndescription: Numbers.\n---\n"


def test_front_matter_is_read_as_people_write_it() -> None:
    text = """---
name: basic-math   # the name
description: >-
  Add or multiply
  numbers.
license: 'MIT, isn''t it'
title: "Say \\"sums\\""
notes: over
  two lines
metadata:
  author: me
---
name: not-this
"""
    assert read_front_matter(text) == {
        "name": "basic-math",
        "description": "Add or multiply numbers.",
        "license": "MIT, isn't it",
        "title": 'Say "sums"',
        "notes": "over two lines",
        "metadata": "author: me",
    }


@pytest.mark.parametrize("text", ["", "name: x", "---\nname: x\n", "text\n---\nname: x\n---\n"])
def test_front_matter_is_between_two_lines_at_the_head(text: str) -> None:
    with pytest.raises(ApiError):
        read_front_matter(text)


def zipped(files: dict[str, bytes]) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return written.getvalue()


def test_a_zip_is_not_unpacked_when_a_file_in_it_is_too_large() -> None:
    with pytest.raises(ApiError) as caught:
        read_zip(zipped({"a/SKILL.md": b"", "a/zeros": bytes(MAX_FILE + 1)}))
    assert caught.value.status == 413


def test_a_zip_has_so_many_files() -> None:
    with pytest.raises(ApiError) as caught:
        read_zip(zipped({f"a/{number}": b"" for number in range(MAX_FILES + 1)}))
    assert caught.value.code == "array_above_max_length"


def test_a_damaged_zip_is_refused() -> None:
    content = zipped({"a/SKILL.md": MANIFEST.encode() * 100})
    for damaged in (content[:-4], content[:40] + b"\xff" * 20 + content[60:], b"PK\x05\x06" + bytes(18)[:-1]):
        with pytest.raises(ApiError):
            read_zip(damaged)


def test_a_directory_has_so_many_files(account: Account) -> None:
    files = [("files[]", (f"a/{number}.txt", b"")) for number in range(MAX_FILES)]
    refused = account.http.post("/skills", files=[("files[]", ("a/SKILL.md", MANIFEST.encode())), *files])
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "array_above_max_length")


def test_the_same_files_make_the_same_bytes(account: Account) -> None:
    one, two = account.add_skill(), account.add_skill()
    contents = [account.http.get(f"/skills/{skill}/content") for skill in (one, two)]
    assert contents[0].content == contents[1].content
    assert contents[0].headers["content-type"] == "application/zip"


def test_a_refused_skill_leaves_nothing_behind(account: Account) -> None:
    kept = account.add_skill()
    for files in ({"files[]": ("a/README.md", b"x")}, {"other": ("a/SKILL.md", MANIFEST.encode())}):
        assert account.http.post("/skills", files=files).status_code == 400
        assert account.http.post(f"/skills/{kept}/versions", files=files).status_code == 400
    assert account.ids("/skills") == [kept]
    assert len(account.ids(f"/skills/{kept}/versions")) == 1


def test_a_form_says_default_in_a_word(account: Account) -> None:
    kept = account.add_skill()
    files = {"files[]": ("a/SKILL.md", MANIFEST.encode())}
    refused = account.http.post(f"/skills/{kept}/versions", files=files, data={"default": "yes"})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "default")
