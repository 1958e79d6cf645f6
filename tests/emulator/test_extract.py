"""The text of each kind of file."""

from __future__ import annotations

import io
import zipfile
import zlib

import pytest

from retinue.emulator.vector_stores.store_index import cut
from retinue.emulator.vector_stores.text_extraction import UnsearchableError, extract_text

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
DRAWING = "http://schemas.openxmlformats.org/drawingml/2006/main"


def archive(**parts: str) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as made:
        for name, text in parts.items():
            made.writestr(name, text)
    return target.getvalue()


def pdf(*, compressed: bool) -> bytes:
    page = b"BT /F1 12 Tf (Prices \\(in euro\\)) Tj [(Ap) -20 (ple)] TJ ET"
    stream = zlib.compress(page) if compressed else page
    return b"%PDF-1.4\n1 0 obj\n<< /Length 1 >>\nstream\n" + stream + b"\nendstream\nendobj\n"


def test_text_in_the_encodings_the_api_takes() -> None:
    assert extract_text("a.md", "é".encode()) == "é"
    assert extract_text("a.txt", b"\xef\xbb\xbfmarked") == "marked"
    assert extract_text("A.TXT", "é".encode("utf-16")) == "é"


def test_office_documents() -> None:
    paragraphs = "".join(f"<w:p><w:r><w:t>{a}</w:t></w:r><w:r><w:t>{b}</w:t></w:r></w:p>" for a, b in ("ab", "cd"))
    document = f'<w:document xmlns:w="{WORD}"><w:body>{paragraphs}</w:body></w:document>'
    assert extract_text("a.docx", archive(**{"word/document.xml": document})) == "ab\ncd"
    slides = {
        f"ppt/slides/slide{number}.xml": f'<s xmlns:a="{DRAWING}"><a:p><a:r><a:t>{number}</a:t></a:r></a:p></s>'
        for number in (10, 2, 1)
    }
    assert extract_text("a.pptx", archive(**slides)) == "1\n2\n10"


@pytest.mark.parametrize("compressed", [True, False])
def test_the_text_operators_of_a_pdf(compressed: bool) -> None:
    assert extract_text("a.pdf", pdf(compressed=compressed)) == "Prices (in euro) Apple"


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.csv", b"x", "unsupported_file"),
        ("a.yaml", b"x", "unsupported_file"),
        ("README", b"x", "unsupported_file"),
        ("a.txt", b"\xff\x00\x80", "invalid_file"),
        ("a.txt", b"", "invalid_file"),
        ("a.docx", b"not a zip", "invalid_file"),
        ("a.docx", archive(**{"word/document.xml": "<broken"}), "invalid_file"),
        ("a.pdf", b"not a pdf", "invalid_file"),
    ],
)
def test_what_cannot_be_searched(name: str, content: bytes, code: str) -> None:
    with pytest.raises(UnsearchableError) as caught:
        extract_text(name, content)
    assert caught.value.code == code


@pytest.mark.parametrize("text", ["", "x", "x" * 5000, "word " * 2000, "\n" * 1000])
def test_chunks_hold_the_whole_text(text: str) -> None:
    sizes = {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 0}
    chunks = list(cut(text, sizes))
    assert "".join(chunks) == text
    assert all(0 < len(chunk) <= 400 for chunk in chunks)
