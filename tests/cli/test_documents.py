"""Documents in a vector store of the local account: what can be read is found, and what cannot is told by name."""

from __future__ import annotations

import httpx2

from retinue.emulator.server.transport import LocalTransport
from tests.cli.conftest import Shell
from tests.emulator.documents import docx, encrypted, pdf

KERNED = b"BT /F 12 Tf 72 720 Td [(The)-333(front)-333(desk)-333(opens)-333(at)-333(ei)20(gh)-20(t.)]TJ ET"
COSTS = b"BT /F 12 Tf 72 720 Td (Parking costs six florins.) Tj ET"
READABLE = {
    "kerned.pdf": pdf(KERNED, "FlateDecode"),
    "ascii85.pdf": pdf(COSTS, "ASCII85Decode", "FlateDecode"),
    "open.pdf": encrypted(pdf(b"BT /F 12 Tf 72 720 Td (Umbrellas are in the hall.) Tj ET"), "AES-256", ""),
    "menu.docx": docx("<w:p><w:r><w:t>Opening</w:t><w:tab/><w:t>hours</w:t></w:r></w:p>"),
}
UNREADABLE = {
    "scanned.pdf": (pdf(b"q Q"), "no text can be read from it"),
    "closed.pdf": (encrypted(pdf(COSTS), "AES-256", "secret"), "protected by a password"),
    "nested.docx": (docx("<w:p>" * 200_000 + "</w:p>" * 200_000), "nested too deeply"),
    "streams.pdf": (b"%PDF-1.4\n" + b"stream\n" * 100_000, "damaged"),
}


def declare(shell: Shell, **files: bytes) -> None:
    shell.write("team.yaml", "vector_stores:\n  handbook: {name: Handbook, files: [handbook/*]}\n")
    (shell.team.root / "handbook").mkdir()
    for name, content in files.items():
        (shell.team.root / "handbook" / name).write_bytes(content)


def search(shell: Shell, query: str) -> list[str]:
    transport = LocalTransport(shell.team.account_directory)
    with httpx2.Client(transport=transport, base_url="http://local.invalid/v1") as http:
        [store] = [each for each in http.get("/vector_stores").json()["data"] if each["name"] == "Handbook"]
        results = http.post(f"/vector_stores/{store['id']}/search", json={"query": query}).json()["data"]
    return [each["filename"].rpartition("/")[2] for each in results]


def test_what_can_be_read_is_found(shell: Shell) -> None:
    declare(shell, **READABLE)
    assert shell("apply", "--yes").code == 0
    asked = {"front desk": "kerned.pdf", "florin": "ascii85.pdf", "umbrella": "open.pdf", "hour": "menu.docx"}
    assert {query: search(shell, query) for query in asked} == {query: [name] for query, name in asked.items()}
    assert shell("plan", "--detailed-exitcode").code == 0


def test_what_cannot_be_read_is_told_by_name(shell: Shell) -> None:
    """The rest is there, and the apply is not complete."""
    declare(shell, **READABLE, **{name: content for name, (content, _) in UNREADABLE.items()})
    applied = shell("apply", "--yes")
    assert applied.code == 5
    said = " ".join((applied.out + applied.err).split())
    for name, (_, reason) in UNREADABLE.items():
        assert f"handbook/{name}: invalid_file: The file could not be parsed because " in said
        assert reason in said
    assert "4 files could not be brought in" in said
    assert search(shell, "front desk") == ["kerned.pdf"]
